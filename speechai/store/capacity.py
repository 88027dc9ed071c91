"""What Retell takes, kept over all workers and hosts (law 6): live calls, starts a second, and whether it works.

A live call holds one of N slot documents, taken by a conditional write under the attempt's id and released by that
id; a slot that leaked is therefore seen (its attempt is closed) and mended by the sweep. One further document spaces
the starts and holds what is known of Retell (`core.provider`): each start reads and writes it anyway.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from speechai.core.provider import BreakerState, Provider, ProviderRules, Rest, may_start, next_start
from speechai.store.connection import Document, Store
from speechai.store.jobs import insert_missing

_PACE = "retell"
_PROBES = 4
"""Random slots tried before the free ones are listed: while many are free, one write does."""


def ensure_slots(store: Store, limit: int) -> None:
    """Makes slots 0 to `limit` - 1 exist. With a lower limit than before, the slots above it are used no more."""
    if store.slots.count_documents({"_id": {"$lt": limit}}) < limit:
        insert_missing(store.slots, [{"_id": n, "number": n, "attempt_id": None} for n in range(limit)])


def free_slots(store: Store, limit: int) -> int:
    """How many calls could start now."""
    return store.slots.count_documents({"attempt_id": None, "number": {"$lt": _usable(store, limit)}})


def take_slot(store: Store, attempt_id: str, job_id: str, limit: int, *, phone: str) -> bool:
    """Takes a slot for the job's attempt on `phone`; False where `limit` calls are live. Not to be called twice.

    The slot names everything that is taken after it, so that the sweep finds what a dead worker held.
    """
    held = {"attempt_id": attempt_id, "job_id": job_id, "phone": phone}
    usable = _usable(store, limit)
    for number in random.sample(range(usable), min(_PROBES, usable)):
        if _take(store, number, held):
            return True
    free = [slot["_id"] for slot in store.slots.find({"attempt_id": None, "number": {"$lt": usable}}, {"_id": 1})]
    random.shuffle(free)
    return any(_take(store, number, held) for number in free)


def _usable(store: Store, limit: int) -> int:
    """How many of the slots, from 0 on, may be taken so that with those held above them no more than `limit` are.

    It is `limit` itself, but for the calls that are still live in slots above a limit that was lowered. Nobody takes
    those, so what is read here can only become too careful.
    """
    if store.slots.find_one({"_id": {"$gte": limit}, "attempt_id": {"$gt": ""}}, {"_id": 1}) is None:
        return limit
    held = [slot["_id"] for slot in store.slots.find({"attempt_id": {"$gt": ""}}, {"_id": 1})]
    return max(n for n in range(limit + 1) if n == 0 or n + sum(number >= n for number in held) <= limit)


def _take(store: Store, number: int, held: Document) -> bool:
    return store.slots.update_one({"_id": number, "attempt_id": None}, {"$set": held}).modified_count == 1


def release_slot(store: Store, attempt_id: str) -> bool:
    """Frees the attempt's slot; False where it holds none (any more)."""
    return store.slots.update_one({"attempt_id": attempt_id}, {"$set": {"attempt_id": None}}).modified_count == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldSlot:
    """A slot that is taken, and what was taken with it."""

    attempt_id: str
    job_id: str
    phone: str


def held_slots(store: Store) -> list[HeldSlot]:
    """Every slot that is taken."""
    return [
        HeldSlot(attempt_id=slot["attempt_id"], job_id=slot["job_id"], phone=slot["phone"])
        for slot in store.slots.find({"attempt_id": {"$gt": ""}})
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A start that is given out: when, and what was known of Retell then."""

    at: datetime
    provider: Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Full:
    """Every start within the longest wait is given out; `free_at` is the first beyond it."""

    free_at: datetime


def reserve_start(
    store: Store, attempt_id: str, *, now: datetime, per_second: float, longest_wait: timedelta, rules: ProviderRules
) -> Start | Full | Rest:
    """The instant at which the attempt's call may start, `now` or up to `longest_wait` later; or why there is none.

    Instants given out are at least 1 / `per_second` apart, over all processes, and further where Retell asked for
    fewer. Where a trial of Retell is due the attempt is it, by the same write: of many who ask one gets it.
    """
    while True:
        pace = _pace_document(store)
        provider = _provider_from(pace)
        begun = may_start(provider, attempt_id, now, rules)
        if isinstance(begun, Rest):
            return begun
        start = next_start(provider, now, rules, per_second=per_second, longest_wait=longest_wait)
        if start - now > longest_wait:
            return Full(free_at=start)
        changes = {**_changes(provider, begun), "last_start_at": _whole_milliseconds(start)}
        expected = {"_id": _PACE, "last_start_at": provider.last_start_at, "revision": pace.get("revision")}
        if store.database["pace"].update_one(expected, _with_revision(changes)).modified_count == 1:
            return Start(at=start, provider=begun)


def get_provider(store: Store) -> Provider:
    """What is known of Retell."""
    document = store.database["pace"].find_one({"_id": _PACE})
    return _provider_from(document) if document is not None else Provider()


def change_provider(store: Store, decide: Callable[[Provider], Provider]) -> tuple[Provider, Provider]:
    """Writes what `decide` makes of what is known of Retell; returns both. Asked again where another was faster."""
    while True:
        pace = _pace_document(store)
        before = _provider_from(pace)
        after = decide(before)
        changes = _changes(before, after)
        if not changes:
            return before, after
        expected = {"_id": _PACE, "revision": pace.get("revision")}
        if store.database["pace"].update_one(expected, _with_revision(changes)).modified_count == 1:
            return before, after


def free_trial(store: Store, attempt_id: str) -> None:
    """Lets another call be the trial at once, where the attempt is it and was not sent."""
    changes: Document = {"state": BreakerState.OPEN, "trial_id": None, "trial_until": None}
    store.database["pace"].update_one({"_id": _PACE, "trial_id": attempt_id}, _with_revision(changes))


def _pace_document(store: Store) -> Document:
    while (document := store.database["pace"].find_one({"_id": _PACE})) is None:
        with contextlib.suppress(DuplicateKeyError):
            store.database["pace"].insert_one({"_id": _PACE})
    return document


def _provider_from(document: Document) -> Provider:
    """What is missing is as it is by default: only what has changed once is stored."""
    known = {one.name: document[one.name] for one in fields(Provider) if one.name in document}
    return Provider(**{**known, "state": BreakerState(known.get("state", BreakerState.CLOSED))})


def _changes(before: Provider, after: Provider) -> Document:
    """The fields that differ: a start that is given out meanwhile stays as it is."""
    names = [one.name for one in fields(Provider)]
    return {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}


def _with_revision(changes: Document) -> Document:
    """An update that whoever has read the document before it cannot overlook, but where it only moves the starts on."""
    only_a_start = changes.keys() <= {"last_start_at"}
    return {"$set": changes} if only_a_start else {"$set": changes, "$inc": {"revision": 1}}


def _whole_milliseconds(at: datetime) -> datetime:
    """`at` rounded up: MongoDB would cut it, and starts would come closer than they may."""
    return at + timedelta(microseconds=-at.microsecond % 1000)
