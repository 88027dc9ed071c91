"""Values for the tests of the store, and races: many callers that start at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pymongo
import pymongo.monitoring

from config.settings import Settings
from speechai.catalogue.policies import get_policy
from speechai.core.caps import person_denial, phone_denial
from speechai.core.decision import Denial, Denied
from speechai.core.model import (
    Attempt,
    AttemptState,
    BatchStatus,
    Counted,
    Job,
    JobStatus,
    Pacing,
    Person,
    Phone,
    Site,
    Try,
)
from speechai.operation.context import Context
from speechai.retell.client import RetellClient
from speechai.store import batches, jobs, people
from speechai.store.connection import Document, Documents, Store, open_store
from speechai.store.people import Turn

NOW = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=2)
THREADS = 12

DAY = date(2026, 11, 25)
TOMORROW = DAY + timedelta(days=1)
CAP = 3
"""Calls a person and day, also calls a telephone and day."""
NUMBER = "+56911111111"
SITE = Site(zones=(ZoneInfo("America/Santiago"),), country="CL")
ALWAYS = get_policy("always")


def tries(*days: date) -> tuple[Try, ...]:
    """One attempt on each of the local days, at noon in Santiago."""
    return tuple(Try(attempt_id=f"seen{n}", at=noon(day), on=day) for n, day in enumerate(days))


def noon(day: date) -> datetime:
    """12:00 in Santiago, in UTC."""
    return NOW + (day - DAY)


SEEN = {
    "never called": Person(id="p"),
    "called long ago": Person(id="p", revision=1002, tries=tries(DAY - timedelta(days=2))),
    "as somebody else made it": Person(id="p", revision=1001),
    "had the day": Person(id="p", revision=1006, tries=tries(*[DAY] * CAP)),
    "called on the next day": Person(id="p", revision=1009, tries=tries(TOMORROW)),
    "on the line": Person(id="p", revision=1003, tries=tries(DAY), live_attempt_id="of another batch"),
    "not to be called": Person(id="p", revision=1004, do_not_call=True),
}
"""What a caller may have seen of the person `p` some time ago; no revision of a test goes so far."""

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


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The same questions to a person and to a telephone."""

    name: str
    key: str
    read: Callable[..., Counted]
    take: Callable[..., Turn | Denied]
    settle: Callable[..., None]
    give_back: Callable[..., None]
    holder: Callable[..., tuple[str, datetime] | None]
    documents: Callable[[Store], Documents]


def take(
    store: Store,
    attempt_id: str,
    *,
    day: date = DAY,
    cap: int = CAP,
    person_id: str = "p",
    seen: Person | None = None,
) -> Turn | Denied:
    """Asks for the person's turn at noon of `day`, by the rules at any hour; `seen`: as read some time ago."""
    policy, now = replace(ALWAYS, attempts_a_day=cap), noon(day)

    def decide(person: Person) -> Denied | None:
        return person_denial(policy, person, site=SITE, now=now, callback=False)

    return people.take_turn(store, person_id, attempt_id, on=day, now=now, decide=decide, seen=seen)


def take_phone(
    store: Store,
    attempt_id: str,
    *,
    day: date = DAY,
    cap: int = CAP,
    number: str = NUMBER,
    seen: Phone | None = None,
) -> Turn | Denied:
    """As `take`, for a telephone."""
    policy, now = replace(ALWAYS, phone_attempts_a_day=cap), noon(day)

    def decide(phone: Phone) -> Denied | None:
        return phone_denial(policy, phone, site=SITE, now=now, callback=False)

    return people.take_phone_turn(store, number, attempt_id, on=day, now=now, decide=decide, seen=seen)


def settle(
    store: Store,
    attempt_id: str,
    *,
    day: date = DAY,
    talked: bool = False,
    conversed: bool | None = None,
    silent: bool = False,
    do_not_call: bool = False,
    person_id: str = "p",
) -> None:
    """Ends a call to the person with what it says about silence; a contact is a conversation unless told otherwise."""
    people.settle_turn(
        store,
        person_id,
        attempt_id,
        on=day,
        talked=talked,
        conversed=talked if conversed is None else conversed,
        silent=silent,
        do_not_call=do_not_call,
    )


def settle_phone(
    store: Store, attempt_id: str, *, day: date = DAY, talked: bool = False, do_not_call: bool = False
) -> None:
    """Ends a call to the telephone."""
    people.settle_phone_turn(store, NUMBER, attempt_id, on=day, talked=talked, do_not_call=do_not_call)


def person_of(store: Store, person_id: str = "p") -> Person:
    """The person's counters as they are now."""
    return people.get_person(store, person_id)


def phone_of(store: Store, number: str = NUMBER) -> Phone:
    """The telephone's counters as they are now."""
    return people.get_phones(store, [number]).get(number) or Phone(id=number)


def made_on(counted: Counted, day: date = DAY) -> int:
    """How many attempts of the day are counted."""
    return sum(made.on == day for made in counted.tries)


def is_capped(turn: Turn | Denied) -> bool:
    """True for the answer that the day's attempts are used."""
    return isinstance(turn, Denied) and turn.code in (Denial.DAY_CAP, Denial.PHONE_DAY_CAP)


PERSON = Kind(
    name="person",
    key="p",
    read=person_of,
    take=take,
    settle=settle,
    give_back=people.give_turn_back,
    holder=people.turn_holder,
    documents=lambda store: store.people,
)
PHONE = Kind(
    name="phone",
    key=NUMBER,
    read=phone_of,
    take=take_phone,
    settle=settle_phone,
    give_back=people.give_phone_turn_back,
    holder=people.phone_turn_holder,
    documents=lambda store: store.phones,
)


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
