"""The two limits of the provider, kept over all workers and hosts (law 6): live calls, and starts a second.

A live call holds one of N slot documents, taken by a conditional write under the attempt's id and released by that
id; a slot that leaked is therefore seen (its attempt is closed) and mended by the sweep. Starts are spaced by one
document that holds the next free instant.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from speechai.store.connection import Document, Store
from speechai.store.jobs import insert_missing

_PACE = "retell"
_CLOCKS_APART = timedelta(minutes=1)
"""The most by which the clocks of two hosts are taken to differ."""
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


def reserve_start(store: Store, *, now: datetime, per_second: float, longest_wait: timedelta) -> datetime | None:
    """The instant at which the caller may start one call, `now` or up to `longest_wait` later; None where it is full.

    Instants given out are at least 1 / `per_second` apart, over all processes.
    """
    gap = timedelta(seconds=1 / per_second)
    farthest = longest_wait + gap + _CLOCKS_APART
    while True:
        pace = store.database["pace"].find_one({"_id": _PACE})
        if pace is None:
            with contextlib.suppress(DuplicateKeyError):
                store.database["pace"].insert_one({"_id": _PACE, "next_start_at": now})
            continue
        start: datetime = max(now, pace["next_start_at"])
        if start - now > farthest:
            start = now  # nobody reserves so far ahead: it was written by a clock that has been put right since
        if start - now > longest_wait:
            return None
        following = _whole_milliseconds(start + gap)
        moved = store.database["pace"].update_one(
            {"_id": _PACE, "next_start_at": pace["next_start_at"]}, {"$set": {"next_start_at": following}}
        )
        if moved.modified_count == 1:
            return start


def _whole_milliseconds(at: datetime) -> datetime:
    """`at` rounded up: MongoDB would cut it, and starts would come closer than they may."""
    return at + timedelta(microseconds=-at.microsecond % 1000)
