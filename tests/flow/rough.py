"""A world in virtual time whose broker, workers, beat and debtors do what a test tells them to, one thing at a time.

Enters what is to happen next: to the next message, in the next call to a telephone, to beat for some minutes; leaves
the same evidence as any world. `test_life` plays it; a world by itself draws such things from a seed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pymongo import MongoClient

from config.settings import Settings
from speechai.operation.nudges import Nudge, Nudges
from speechai.retell.client import RetellClient
from speechai.retell.simulator import (
    DEFAULT_AGENT_ID,
    DEFAULT_API_KEY,
    DEFAULT_FROM_NUMBER,
    Durations,
    Outcome,
    OutcomeScript,
    SimulatorConfig,
    running_simulator,
)
from speechai.retell.simulator import Limits as RetellLimits
from speechai.retell.simulator.outcomes import outcome_from
from speechai.store.connection import open_store
from speechai.store.indexes import create_indexes

from .laws import Violation, violations
from .rules import Limits
from .virtual import World

OF_BEAT = frozenset({"dispatch_due", "sweep", "open_wave"})
CALLBACK_MINUTES = 30


class Fate(StrEnum):
    """What the broker does to one message."""

    LOST = "lost"
    DOUBLED = "doubled"
    LATE = "late"


@dataclass(frozen=True, kw_only=True)
class NextCalls(OutcomeScript):
    """A script that can be told how the next call to a number goes; all others go as the script says."""

    coming: dict[str, deque[Any]] = field(default_factory=dict)

    def decide(self, *, seed: int, to_number: str, attempt: int) -> Outcome:
        if waiting := self.coming.get(to_number):
            return outcome_from(waiting.popleft(), where=f"the next call to {to_number}")
        return super().decide(seed=seed, to_number=to_number, attempt=attempt)


class RoughWorld(World):
    """A world to which things happen on command."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.fates: deque[Fate | None] = deque()
        """Of the next messages, the first first; None is a message that arrives once and at once."""
        self.late_seconds = 100.0
        self._beat_back_at = self.now
        self._outages = timedelta(0)

    def lose_beat(self, minutes: int) -> None:
        """No scan and no wave for so long; workers go on with what lies in the broker."""
        self._beat_back_at = self.now + timedelta(minutes=minutes)
        self._outages += timedelta(minutes=minutes)

    def lose_everything_for(self, minutes: int) -> None:
        """Neither beat nor a worker runs."""
        self.down(self.now, self.now + timedelta(minutes=minutes))
        self._outages += timedelta(minutes=minutes)

    def flush(self) -> None:
        """The broker forgets every message."""
        self._messages.clear()

    @property
    def waiting_messages(self) -> int:
        return len(self._messages)

    def calm(self) -> None:
        """From here on nothing goes wrong any more; what has gone wrong stays so."""
        self.fates.clear()
        self.simulator.set_faults()
        self._doom, self._beat_back_at = None, self.now

    def violations(self, *, quiet: bool = True) -> list[Violation]:
        """As of any world; a callback may be as much later as there were outages."""
        limits = Limits(
            concurrency=self.settings.retell_concurrency,
            starts_a_second=self.settings.retell_calls_per_second,
            callback_minutes=CALLBACK_MINUTES + int(self._outages / timedelta(minutes=1)),
        )
        self.final_states.look(self._jobs())
        return [*violations(self.evidence(), limits, quiet=quiet), *self.final_states.violations]

    def _publish(self, nudge: Nudge) -> None:
        fate = self.fates.popleft() if self.fates else None
        if fate is Fate.LOST:
            self.done["dropped"] += 1
            return
        known = self._mischief
        if fate is Fate.LATE:
            self._mischief = replace(known, late=1.0, latest_seconds=self.late_seconds)
        for _ in range(2 if fate is Fate.DOUBLED else 1):
            super()._publish(nudge)
        self._mischief = known

    def _run(self, name: str, operation: Callable[[], Nudges]) -> None:
        if name not in OF_BEAT or self.now >= self._beat_back_at:
            super()._run(name, operation)


@contextmanager
def rough_world(
    mongo: MongoClient[dict[str, Any]], name: str, starts_at: datetime, script: OutcomeScript, **settings: Any
) -> Iterator[RoughWorld]:
    """A world with a simulator of its own on an empty database called `name`, which is dropped afterwards."""
    config = SimulatorConfig(
        clock_manual=True,
        clock_start_at=starts_at,
        limits=RetellLimits(base_concurrency=100, calls_per_second=None),
        durations=Durations(create_answer=(0, 0)),
        script=script,
    )
    with running_simulator(config) as simulator:
        chosen = Settings.model_validate(
            {
                "mongo_db": name,
                "retell_base_url": simulator.base_url,
                "retell_api_key": DEFAULT_API_KEY,
                "retell_agent_id": DEFAULT_AGENT_ID,
                "retell_from_number": DEFAULT_FROM_NUMBER,
                **settings,
            }
        )
        client = RetellClient(
            base_url=simulator.base_url, api_key=DEFAULT_API_KEY, connect_timeout_seconds=5, read_timeout_seconds=15
        )
        store = open_store(mongo, chosen)
        create_indexes(store)
        try:
            yield RoughWorld(store=store, database=store.database, simulator=simulator, client=client, settings=chosen)
        finally:
            client.close()
            mongo.drop_database(name)
