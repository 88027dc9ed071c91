"""The simulator's own webhooks with every fault of a delivery: which polls come forward, what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from speechai.core.model import AttemptState
from speechai.retell.simulator import Limits, OutcomeScript, Simulator, SimulatorConfig, running_simulator
from speechai.retell.simulator.faults import fault_from
from tests.simulator.asking import NUMBER, create
from tests.web.serving import KEY, Service

TALK = {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 20_000}
FIVE_MINUTES_MS = 300_000

Start = Callable[..., Simulator]


@pytest.fixture
def start(service: Service) -> Iterator[Start]:
    """A simulator whose account sends all its webhooks to the service."""
    with ExitStack() as running:

        def start_one(outcome: Any = TALK, **fields: Any) -> Simulator:
            config = SimulatorConfig(
                clock_manual=True,
                clock_start_at=datetime(2026, 11, 23, 13, 0, tzinfo=UTC),
                limits=Limits(base_concurrency=100, calls_per_second=None),
                webhook_url=f"{service.url}/webhooks/retell",
                webhook_key=KEY,
                webhook_shortest_timeout_seconds=10,
                script=OutcomeScript(numbers={NUMBER: outcome}),
                **fields,
            )
            return running.enter_context(running_simulator(config))

        yield start_one


def placed(service: Service, simulator: Simulator, state: AttemptState = AttemptState.LIVE) -> str:
    """The attempt of a call that the simulator has accepted, in whatever state we know it."""
    attempt_id = service.attempt(AttemptState.PLACING)
    call_id = create(simulator, metadata={"attempt_id": attempt_id}).json()["call_id"]
    known = {"call_id": call_id} if state is AttemptState.LIVE else {}
    service.store.attempts.update_one({"_id": attempt_id}, {"$set": {"state": state.value, **known}})
    return attempt_id


def delivered(simulator: Simulator, expected: dict[str, int]) -> None:
    """Waits until the journal counts just these deliveries."""
    deadline = time.monotonic() + 20
    while (counted := simulator.journal()["webhooks"]) != expected:
        assert time.monotonic() < deadline, counted
        time.sleep(0.01)


def step_by_step(simulator: Simulator, *counts: dict[str, int]) -> None:
    """Pick-up, end, analysis, and the rest of the day, with so many deliveries after each."""
    for milliseconds, expected in zip((4_000, 20_000, 5_000, 24 * 3_600_000), counts, strict=False):
        simulator.advance(milliseconds)
        delivered(simulator, expected)


STARTED, ENDED, ANALYZED = "call_started delivered", "call_ended delivered", "call_analyzed delivered"


def test_the_end_and_the_analysis_of_a_call_bring_its_poll_forward(service: Service, start: Start) -> None:
    simulator = start()
    attempt_id = placed(service, simulator)
    seen = []
    for milliseconds, name in ((4_000, STARTED), (20_000, ENDED), (5_000, ANALYZED)):
        simulator.advance(milliseconds)
        deadline = time.monotonic() + 20
        while name not in simulator.journal()["webhooks"]:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        seen.append(len(service.polls(attempt_id)))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("state", [AttemptState.PLACING, AttemptState.UNKNOWN])
def test_a_call_whose_acceptance_was_never_heard_of_is_looked_up_at_its_first_event(
    service: Service, start: Start, state: AttemptState
) -> None:
    simulator = start()
    attempt_id = placed(service, simulator, state)
    step_by_step(simulator, {STARTED: 1})
    assert len(service.polls(attempt_id)) == 1


FAULTS: list[tuple[str, dict[str, Any], dict[str, int], int]] = [
    ("webhook_drop", {}, {STARTED: 1, "call_ended dropped": 1, ANALYZED: 1}, 1),
    ("webhook_duplicate", {}, {STARTED: 1, ENDED: 2, ANALYZED: 1}, 3),
    ("webhook_reorder", {}, {STARTED: 1, ENDED: 1, ANALYZED: 1}, 2),
    ("webhook_delay", {"delay_ms": FIVE_MINUTES_MS + 5_000}, {STARTED: 1, "call_ended failed": 4, ANALYZED: 1}, 1),
    ("webhook_delay", {"delay_ms": FIVE_MINUTES_MS - 60_000}, {STARTED: 1, ENDED: 1, ANALYZED: 1}, 2),
    ("webhook_wrong_key", {}, {STARTED: 1, "call_ended failed": 4, ANALYZED: 1}, 1),
    ("webhook_altered_body", {}, {STARTED: 1, "call_ended failed": 4, ANALYZED: 1}, 1),
    ("webhook_missing_header", {}, {STARTED: 1, "call_ended failed": 4, ANALYZED: 1}, 1),
    ("webhook_not_json", {}, {STARTED: 1, "call_ended failed": 4, ANALYZED: 1}, 1),
]


@pytest.mark.parametrize(("kind", "fields", "counts", "polls"), FAULTS, ids=[f"{f[0]} {f[1] or ''}" for f in FAULTS])
def test_a_delivery_that_is_spoilt(
    service: Service, start: Start, kind: str, fields: dict[str, Any], counts: dict[str, int], polls: int
) -> None:
    """Polls that come forward under one number are one poll: the workers' tests show it."""
    fault = fault_from({"kind": kind, "endpoint": "call_ended", **fields})
    simulator = start(faults=(fault,))
    attempt_id = placed(service, simulator)
    deadline = time.monotonic() + 30
    while simulator.journal()["webhooks"] != counts:
        assert time.monotonic() < deadline, simulator.journal()["webhooks"]
        simulator.advance(4_000)
        time.sleep(0.02)
    simulator.advance(24 * 3_600_000)
    assert simulator.journal()["webhooks"] == counts
    assert len(service.polls(attempt_id)) == polls
    assert "Traceback" not in service.said()


def test_a_call_that_never_connected_is_looked_at_at_once(service: Service, start: Start) -> None:
    simulator = start("dial_busy")
    attempt_id = placed(service, simulator)
    simulator.advance(24 * 3_600_000)
    delivered(simulator, {ENDED: 1, ANALYZED: 1})
    assert len(service.polls(attempt_id)) == 2
