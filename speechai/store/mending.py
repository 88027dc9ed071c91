"""Writes that make what follows from a call whole again, in a database that was restored while nothing runs.

Each gives a call what taking it would have given (turn, money, line, place in the wave, hold of its job), whatever the
rules say: the call has happened. What is there already is left alone, so all of it may be done again. Called by
`speechai.operation.mending`; nobody else may write so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time

from speechai.core.accounts import Account
from speechai.core.model import Attempt, AttemptState, BatchStatus, JobStatus, Phase, Try
from speechai.store import ledger
from speechai.store.account_documents import account_from, room
from speechai.store.connection import Document, Documents, Store
from speechai.store.documents import attempt_from, try_document
from speechai.store.waves import wave_key

_OPEN = [state.value for state in AttemptState if state.is_open]
_CLOSED = [state.value for state in AttemptState if not state.is_open]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """An attempt, and when it was closed; None while it is open."""

    attempt: Attempt
    closed_at: datetime | None


def attempts_open_or_closed_since(store: Store, instant: datetime) -> list[Closed]:
    """The attempts whose effects may be missing elsewhere, in the order of placing. Reads every closed attempt."""
    found = list(store.attempts.find({"state": {"$in": _OPEN}}))
    for name in ("finished_at", "ended_at"):
        found += store.attempts.find({"state": {"$in": _CLOSED}, name: {"$gte": instant}})
    unique = {document["_id"]: document for document in found}
    closed = [
        Closed(
            attempt=attempt_from(document),
            closed_at=None if document["state"] in _OPEN else document.get("finished_at") or document.get("ended_at"),
        )
        for document in unique.values()
    ]
    return sorted(closed, key=lambda one: (one.attempt.placing_at, one.attempt.id))


def turns(documents: Documents) -> list[tuple[str, str]]:
    """(person or telephone, attempt) of every turn that is held in `people` or `phones`. Reads every document."""
    held = documents.find({"live_attempt_id": {"$gt": ""}}, {"live_attempt_id": 1})
    return [(document["_id"], document["live_attempt_id"]) for document in held]


def reopen(store: Store, attempt_id: str, *, now: datetime) -> bool:
    """A finished attempt is `ended` again, so that it is finished again: each of those writes is made once."""
    expected = {"_id": attempt_id, "state": AttemptState.FINISHED}
    changes = {"state": AttemptState.ENDED, "next_poll_at": now}
    return store.attempts.update_one(expected, {"$set": changes}).modified_count == 1


def note_adopted(store: Store, attempt_id: str, *, at: datetime) -> None:
    """Remembers that the record was made from Retell's list, at `at`."""
    store.attempts.update_one({"_id": attempt_id}, {"$set": {"adopted_at": at}})


def hold_person(store: Store, person_id: str, made: Try) -> None:
    """The person's counters hold the attempt, and its turn unless that was settled."""
    _hold(store.people, person_id, made)


def hold_phone(store: Store, number: str, made: Try) -> None:
    """As `hold_person`, for the telephone."""
    _hold(store.phones, number, made)


def _hold(documents: Documents, key: str, made: Try) -> None:
    document = documents.find_one({"_id": key}) or {}
    if any(one["attempt_id"] == made.attempt_id for one in document.get("tries", ())):
        return
    tries = sorted([*document.get("tries", ()), try_document(made)], key=lambda one: (one["at"], one["attempt_id"]))
    changes = {"tries": tries, "live_attempt_id": made.attempt_id}
    documents.update_one({"_id": key}, {"$set": changes, "$inc": {"revision": 1}}, upsert=True)


def hold_money(
    store: Store, account_id: str, attempt_id: str, *, amount: int, batch_id: str, on: date, now: datetime
) -> None:
    """The account has reserved `amount` for the call on the day `on`, unless it was charged or has it reserved.

    Counters may fall below zero by it, as by any call that cost more than was thought.
    """
    document = store.accounts.find_one({"_id": account_id})
    charged = ledger.get_entry(store, account_id, ledger.settle_key(attempt_id))
    if document is None or charged is not None or attempt_id in document["reservations"]:
        return
    account = account_from(document)
    budgeted = batch_id in account.budgets
    reservation: Document = {
        "amount": amount, "at": now, "on": on.isoformat(), "batch_id": batch_id, "holds_line": True,
        "in_batch_budget": budgeted,
    }  # fmt: skip
    moved = {"reserved": amount, "free": -amount, "lines_free": -1, "revision": 1}
    day: Document = {}
    if account.day_on is None or account.day_on < on:
        day = _fresh_day(account, on, amount)
    elif account.day_on == on:
        moved |= {"day_free": -amount, "calls_free": -1}
    if budgeted:
        moved[f"budgets.{batch_id}.free"] = -amount
    changes = {"$inc": moved, "$set": {f"reservations.{attempt_id}": reservation, **day}}
    store.accounts.update_one({"_id": account_id}, changes)


def _fresh_day(account: Account, on: date, amount: int) -> Document:
    return {
        "day_on": on.isoformat(),
        "day_free": room(account.day_budget) - amount,
        "calls_free": room(account.calls_a_day) - 1,
    }


def hold_job(store: Store, job_id: str, attempt_id: str, *, phone: str) -> bool:
    """The job is in progress with this attempt, past the point of no return. False for one that is final."""
    waits = [JobStatus.PENDING, JobStatus.SUSPENDED, JobStatus.IN_PROGRESS]
    changes: Document = {
        "status": JobStatus.IN_PROGRESS,
        "phase": Phase.PLACING,
        "attempt_id": attempt_id,
        "worker_id": None,
        "reserved_until": None,
        "next_attempt_at": None,
        "last_phone_tried": phone,
        "is_calling": True,
    }
    # The ticket is spent, as by a claim: a message from before must not end the rest that follows.
    expected = {"_id": job_id, "status": {"$in": waits}}
    return store.jobs.update_one(expected, {"$set": changes, "$inc": {"ticket": 1}}).matched_count == 1


def let_go(store: Store, job_id: str, attempt_id: str, *, now: datetime) -> None:
    """A job held by an attempt that became no call is as a dead worker's claim: the sweep takes it back at once."""
    changes = {"phase": Phase.CLAIMED, "reserved_until": now, "next_attempt_at": now, "is_calling": False}
    expected = {"_id": job_id, "status": JobStatus.IN_PROGRESS, "attempt_id": attempt_id}
    store.jobs.update_one(expected, {"$set": changes})


def hold_slot(store: Store, attempt_id: str, job_id: str, *, phone: str) -> None:
    """A live call has a slot, above the limit where all below are taken."""
    if store.slots.find_one({"attempt_id": attempt_id}) is not None:
        return
    held: Document = {"attempt_id": attempt_id, "job_id": job_id, "phone": phone}
    if store.slots.update_one({"attempt_id": None}, {"$set": held}).modified_count == 0:
        number = 1 + max((slot["_id"] for slot in store.slots.find({}, {"_id": 1})), default=-1)
        store.slots.insert_one({"_id": number, "number": number, **held})


def join_wave(store: Store, batch_id: str, day: date, wave: time, job_id: str, *, now: datetime) -> None:
    """The job is one of those that the day's waves chose; an opening that is not known is taken to be complete."""
    fresh: Document = {
        "batch_id": batch_id, "day": day.isoformat(), "wave": f"{wave:%H:%M}", "state": "open", "opened_at": now,
        "admitted": 0,
    }  # fmt: skip
    store.waves.update_one(
        {"_id": wave_key(batch_id, day, wave)},
        {"$setOnInsert": fresh, "$addToSet": {"chosen": job_id}},
        upsert=True,
    )


def person_ids(store: Store) -> set[str]:
    """Everybody who has counters or is on a list."""
    jobs = store.jobs.find({}, {"person_id": 1})
    return {job["person_id"] for job in jobs} | {one["_id"] for one in store.people.find({}, {"_id": 1})}


def paused_by_restore(store: Store) -> Sequence[str]:
    """Batches that ran when the backup was taken and are paused since it was restored."""
    wanted = {"status": BatchStatus.PAUSED, "paused_by_restore": True}
    return [batch["_id"] for batch in store.batches.find(wanted, {"_id": 1})]
