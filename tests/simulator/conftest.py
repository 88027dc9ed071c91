"""Simulators with a clock that stands still, and the official SDK as their client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest
from retell import Retell

from speechai.retell.simulator import DEFAULT_API_KEY, Limits, Simulator, SimulatorConfig, running_simulator

WITHOUT_LIMITS = Limits(base_concurrency=10_000, calls_per_second=None)
START_AT = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)


@pytest.fixture
def start() -> Iterator[Callable[..., Simulator]]:
    """Starts simulators with a manual clock, no limits and the given fields; they stop with the test."""
    with ExitStack() as running:

        def start_one(**fields: Any) -> Simulator:
            given = {"clock_manual": True, "clock_start_at": START_AT, "limits": WITHOUT_LIMITS, **fields}
            return running.enter_context(running_simulator(SimulatorConfig(**given)))

        yield start_one


@pytest.fixture
def sdk() -> Iterator[Callable[..., Retell]]:
    """Official clients; strict, so that a field of the wrong type or an unknown word raises."""
    clients: list[Retell] = []

    def connect(simulator: Simulator, *, strict: bool = True, key: str = DEFAULT_API_KEY, **options: Any) -> Retell:
        client = Retell(
            api_key=key,
            base_url=simulator.base_url,
            _strict_response_validation=strict,
            **{"max_retries": 0, "timeout": 10.0, **options},
        )
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.close()
