"""The jobs of a list moved together: by a wave, by an operator, by their account's suspension.

Each move names the state that it expects, so a job that is being called at that moment is left to its call. All of them
are found by the index `due`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from speechai.core.model import Job, JobStatus
from speechai.store.connection import Document, Store
from speechai.store.documents import job_from


def waiting_for_a_wave(store: Store, batch_id: str, now: datetime) -> list[Job]:
    """Jobs of a wave batch whose time has come and that no wave has admitted yet. Index `due`."""
    cursor = store.jobs.find(
        {"batch_id": batch_id, "status": JobStatus.PENDING, "admitted": False, "next_attempt_at": {"$lte": now}}
    )
    return [job_from(document) for document in cursor]


def admit(store: Store, batch_id: str, job_ids: Iterable[str], *, day: date, now: datetime) -> int:
    """Lets waiting jobs be dialled from `now` on as part of the cohort of `day`; returns how many.

    One whose time has not come is left to rest: an opening that is repeated finds people of its choice whom a call
    did not reach meanwhile.
    """
    return _move_waiting(
        store,
        batch_id,
        job_ids,
        {"admitted": True, "admitted_on": day.isoformat(), "next_attempt_at": now},
        {"next_attempt_at": {"$lte": now}},
    )


def end_earlier_waves(store: Store, batch_id: str, *, day: date, now: datetime) -> int:
    """Whom a wave before the local `day` admitted and nobody called waits for a wave again; returns how many.

    Their tickets are spent: a message under way must not dial them past the wave. Who asked for a time keeps it.
    """
    left = {
        "batch_id": batch_id,
        "status": JobStatus.PENDING,
        "admitted": True,
        "admitted_on": {"$lt": day.isoformat()},
        "callback_at": None,
    }
    changes = {"admitted": False, "next_attempt_at": now, "reason": "its wave's day went by: it waits for another"}
    return store.jobs.update_many(left, {"$set": changes, "$inc": {"ticket": 1}}).modified_count


def postpone(store: Store, batch_id: str, job_ids: Iterable[str], *, until: datetime, reason: str) -> int:
    """Makes jobs that no wave admitted wait for a later one; returns how many."""
    return _move_waiting(store, batch_id, job_ids, {"next_attempt_at": until, "reason": reason}, {})


def _move_waiting(
    store: Store, batch_id: str, job_ids: Iterable[str], changes: Document, expected: Mapping[str, Any]
) -> int:
    ids = list(job_ids)
    if not ids:
        return 0
    waiting = {"batch_id": batch_id, "status": JobStatus.PENDING, "admitted": False, "_id": {"$in": ids}}
    return store.jobs.update_many({**waiting, **expected}, {"$set": changes}).modified_count


def move_jobs(store: Store, batch_id: str, *, expected: JobStatus, to: JobStatus, reason: str, now: datetime) -> int:
    """Moves every job of a batch that is `expected` and not being called; returns how many.

    One that becomes `pending` is due at once, or at the next wave of its batch; a callback at the time that was asked
    for. Whom its account's suspension holds keeps its own time, and is `resume_for_account`'s.
    """
    moved: Document = _moved(to, reason=reason, now=now)
    chosen: Document = {"batch_id": batch_id, "status": expected}
    kept = 0
    if to is JobStatus.PENDING:
        chosen["suspended_by"] = {"$ne": "account"}
        kept = store.jobs.update_many(
            {**chosen, **_callback_ahead(now)}, {"$set": _with_its_time(moved)}
        ).modified_count
    return kept + store.jobs.update_many(chosen, {"$set": moved}).modified_count


def suspend_for_account(store: Store, batch_id: str, *, reason: str, now: datetime) -> int:
    """Suspends the waiting jobs of a batch whose account may not call; each keeps its time, wave and callback."""
    changes = {"status": JobStatus.SUSPENDED, "status_at": now, "suspended_by": "account", "reason": reason}
    return store.jobs.update_many({"batch_id": batch_id, "status": JobStatus.PENDING}, {"$set": changes}).modified_count


def resume_for_account(store: Store, batch_id: str, *, now: datetime) -> int:
    """Undoes `suspend_for_account`: what the account's suspension held waits again, by its own time or at once."""
    suspended = {"batch_id": batch_id, "status": JobStatus.SUSPENDED}
    # Index `due`. The updates name fields that it does not hold: a server may read every job for them, at every sweep.
    if store.jobs.find_one(suspended, {"_id": 1}) is None:
        return 0
    held = {**suspended, "suspended_by": "account"}
    reason = "the account is active again"
    freed = {"status": JobStatus.PENDING, "status_at": now, "suspended_by": None, "reason": reason}
    # One that was being dialled when its account stopped has no time of its own.
    timeless = store.jobs.update_many({**held, "next_attempt_at": None}, {"$set": {**freed, "next_attempt_at": now}})
    # One that came between the two updates has none either, and is the next sweep's.
    timed = store.jobs.update_many({**held, "next_attempt_at": {"$ne": None}}, {"$set": freed})
    return timeless.modified_count + timed.modified_count


def reset_jobs(
    store: Store, job_ids: Sequence[str], *, expected: JobStatus, admitted: bool, reason: str, now: datetime
) -> int:
    """An operator's reset: jobs leave a final or suspended state, with all their attempts ahead; it is recorded.

    A callback that a suspended job still has ahead is kept with its time.
    """
    chosen: Document = {"_id": {"$in": list(job_ids)}, "status": expected}
    fresh = {**_moved(JobStatus.PENDING, reason=reason, now=now), "attempts": 0, "bad_phones": []}
    record = {"$push": {"resets": {"at": now, "from": expected, "reason": reason}}}
    kept = 0
    if expected is JobStatus.SUSPENDED:
        changes = {"$set": {**_with_its_time(fresh), "admitted": True}, **record}
        kept = store.jobs.update_many({**chosen, **_callback_ahead(now)}, changes).modified_count
    changes = {"$set": {**fresh, "admitted": admitted}, "$unset": {"callback_at": ""}, **record}
    return kept + store.jobs.update_many(chosen, changes).modified_count


def _callback_ahead(now: datetime) -> Document:
    """Jobs whose people asked for a call at a time that has not come."""
    return {"callback_at": {"$gt": now}, "next_attempt_at": {"$gt": now}}


def _with_its_time(changes: Document) -> Document:
    return {name: value for name, value in changes.items() if name != "next_attempt_at"}


def _moved(to: JobStatus, *, reason: str, now: datetime) -> dict[str, Any]:
    return {
        "status": to,
        "status_at": now,
        "reason": reason,
        "denied": None,
        "suspended_by": None,
        "next_attempt_at": now if to is JobStatus.PENDING else None,
    }


def jobs_in(store: Store, batch_id: str, status: JobStatus, *, since: datetime | None = None) -> list[str]:
    """Ids of a batch's jobs in `status`, of those that came into it at or after `since` where given."""
    wanted: Document = {"batch_id": batch_id, "status": status}
    if since is not None:
        wanted["status_at"] = {"$gte": since}
    return [document["_id"] for document in store.jobs.find(wanted, {"_id": 1})]
