"""Values for the tests of the store, and races: many callers that start at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pymongo
import pymongo.monitoring

from config.settings import Settings
from speechai.core.model import Attempt, AttemptState, BatchStatus, Job, JobStatus, Pacing, Person
from speechai.operation.context import Context
from speechai.retell.client import RetellClient
from speechai.store import batches, jobs, people
from speechai.store.connection import Document, Store, open_store
from speechai.store.people import Turn

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)
THREADS = 12

DAY = date(2026, 11, 25)
TOMORROW = DAY + timedelta(days=1)
CAP = 3
"""Calls a person and day."""

SEEN = [
    Person(id="p"),
    Person(id="p", day_on=DAY - timedelta(days=2), attempts_today=1),
    Person(id="p", day_on=DAY),
    Person(id="p", day_on=DAY, attempts_today=CAP),
    Person(id="p", day_on=TOMORROW, attempts_today=1),
    Person(id="p", day_on=DAY, attempts_today=1, live_attempt_id="of another batch"),
]
"""What a caller may have seen of the person `p` some time ago."""

T = TypeVar("T")


def race(callers: Sequence[Callable[[], T]]) -> list[T]:
    """What each caller returned; all of them wait for the last to be ready. A fault in one is raised."""
    gate = threading.Barrier(len(callers), timeout=30)

    def run(caller: Callable[[], T]) -> T:
        gate.wait()
        return caller()

    with ThreadPoolExecutor(len(callers)) as pool:
        return list(pool.map(run, callers))


def make_job(**changes: Any) -> Job:
    """A job that waits since NOW in batch `b`."""
    job = Job(
        id="j",
        batch_id="b",
        account_id="main",
        person_id="p",
        use_case="debt_collection",
        status=JobStatus.PENDING,
        nombre="Ana",
        to_number="+56911111111",
        try_phones=("+56922222222",),
        next_attempt_at=NOW,
    )
    return replace(job, **changes)


def add_jobs(store: Store, count: int, **changes: Any) -> list[str]:
    """Stores `count` jobs of as many people; returns their ids."""
    new = [make_job(**{"id": f"j{n:05}", "person_id": f"p{n:05}", "position": n, **changes}) for n in range(count)]
    jobs.insert_jobs(store, new)
    return [job.id for job in new]


def claim(store: Store, job_id: str = "j", *, ticket: int = 0, attempt_id: str = "a", worker: str = "w") -> bool:
    """A claim until LATER."""
    return jobs.claim(store, job_id, ticket=ticket, attempt_id=attempt_id, worker_id=worker, until=LATER)


def make_attempt(**changes: Any) -> Attempt:
    """The first attempt of job `j`, about to be sent."""
    attempt = Attempt(
        id="a",
        job_id="j",
        batch_id="b",
        account_id="main",
        person_id="p",
        use_case="debt_collection",
        number=1,
        to_number="+56911111111",
        from_number="+56222222222",
        agent_id="agent_1",
        state=AttemptState.PLACING,
        placing_at=NOW,
        time_zone="America/Santiago",
        next_poll_at=LATER,
    )
    return replace(attempt, **changes)


def batch_document(batch_id: str = "b", **changes: Any) -> Document:
    """A batch as the operator's side makes it."""
    document: Document = {
        "_id": batch_id,
        "file_key": "main|abc",
        "account_id": "main",
        "name": "list",
        "use_case": "debt_collection",
        "pacing": Pacing.WAVES,
        "policy": "default",
        "country": "CL",
        "time_zone": "America/Santiago",
        "file": {"name": "list.csv", "bytes": 3, "sha256": "abc"},
        "created_at": NOW,
    }
    return {**document, **changes}


def set_status(store: Store, batch_id: str, status: BatchStatus) -> None:
    """Puts a batch into a state, whatever it was."""
    assert batches.move_batch(store, batch_id, expected=list(BatchStatus), to=status, reason=None, now=NOW)


def take(
    store: Store, attempt_id: str, *, day: date = DAY, cap: int = CAP, person_id: str = "p", seen: Person | None = None
) -> Turn:
    """Asks for the turn with the person as read now, or as `seen` before."""
    return people.take_turn(store, seen or person_of(store, person_id), attempt_id, today=day, cap=cap, now=NOW)


def settle(
    store: Store,
    attempt_id: str,
    *,
    day: date = DAY,
    contact: bool = False,
    silent: bool = False,
    do_not_call: bool = False,
    person_id: str = "p",
) -> None:
    """Ends a call to the person with what it says about silence."""
    people.settle_turn(store, person_id, attempt_id, day=day, contact=contact, silent=silent, do_not_call=do_not_call)


def person_of(store: Store, person_id: str = "p") -> Person:
    """The person's counters as they are now."""
    return people.get_person(store, person_id)


def make_context(store: Store, clock: Callable[[], datetime] = lambda: NOW) -> Context:
    """For operations that call nobody: its Retell does not answer."""
    nowhere = RetellClient(
        base_url="http://127.0.0.1:9", api_key="none", connect_timeout_seconds=1, read_timeout_seconds=1
    )
    return Context(settings=Settings(), store=store, retell=nowhere, clock=clock)


class Meanwhile(pymongo.monitoring.CommandListener):
    """Does something once, in front of the n-th command of a kind that the client sends."""

    def __init__(self, command: str, action: Callable[[], object], *, nth: int = 1) -> None:
        self._command, self._action, self._left = command, action, nth

    @property
    def is_done(self) -> bool:
        return self._left <= 0

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if event.command_name != self._command:
            return
        self._left -= 1
        if self._left == 0:
            self._action()

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Not of interest."""

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Not of interest."""


@contextmanager
def meanwhile(
    mongo_uri: str, store: Store, command: str, action: Callable[[], object], *, nth: int = 1
) -> Iterator[Store]:
    """The same database for one caller, in front of whose n-th `command` something happens, and it must happen."""
    listener = Meanwhile(command, action, nth=nth)
    client: pymongo.MongoClient[Document]
    with pymongo.MongoClient(mongo_uri, tz_aware=True, event_listeners=[listener]) as client:
        yield open_store(client, Settings(mongo_uri=mongo_uri, mongo_db=store.database.name))
    assert listener.is_done
