"""Worlds in virtual time, each with a database and a simulator of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any, Protocol

import pymongo
import pytest
from pymongo.database import Database

from config.settings import Settings
from speechai.retell.client import RetellClient
from speechai.retell.simulator import (
    DEFAULT_AGENT_ID,
    DEFAULT_API_KEY,
    DEFAULT_FROM_NUMBER,
    Limits,
    SimulatorConfig,
    running_simulator,
)
from speechai.store.connection import open_store
from speechai.store.indexes import create_indexes

from .virtual import Mischief, World


class MakeWorld(Protocol):
    """Makes a world that starts at an instant; `settings` and the rest go to Settings and SimulatorConfig."""

    def __call__(
        self,
        starts_at: datetime,
        *,
        settings: dict[str, Any] | None = ...,
        mischief: Mischief | None = ...,
        **fields: Any,
    ) -> World: ...


@pytest.fixture
def world(mongo_client: pymongo.MongoClient[dict[str, Any]], database: Database[dict[str, Any]]) -> Iterator[MakeWorld]:
    """One world a test: its database is the test's own."""
    with ExitStack() as running:

        def make(
            starts_at: datetime,
            *,
            settings: dict[str, Any] | None = None,
            mischief: Mischief | None = None,
            **fields: Any,
        ) -> World:
            config = {
                "clock_manual": True,
                "clock_start_at": starts_at,
                "limits": Limits(base_concurrency=100, calls_per_second=None),
                **fields,
            }
            simulator = running.enter_context(running_simulator(SimulatorConfig(**config)))
            chosen = Settings.model_validate(
                {
                    "mongo_db": database.name,
                    "retell_base_url": simulator.base_url,
                    "retell_api_key": DEFAULT_API_KEY,
                    "retell_agent_id": DEFAULT_AGENT_ID,
                    "retell_from_number": DEFAULT_FROM_NUMBER,
                    "retell_connect_timeout_seconds": 5,
                    "retell_read_timeout_seconds": 15,
                    "lease_seconds": 40,
                    "call_polling_interval": 30,
                    **(settings or {}),
                }
            )
            client = RetellClient(
                base_url=simulator.base_url,
                api_key=DEFAULT_API_KEY,
                connect_timeout_seconds=chosen.retell_connect_timeout_seconds,
                read_timeout_seconds=chosen.retell_read_timeout_seconds,
            )
            running.callback(client.close)
            store = open_store(mongo_client, chosen)
            create_indexes(store)
            return World(
                store=store,
                database=store.database,
                simulator=simulator,
                client=client,
                settings=chosen,
                mischief=mischief,
            )

        yield make
