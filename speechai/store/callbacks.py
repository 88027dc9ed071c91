"""The agenda of callbacks: which contacts asked to be called, and when, so that dispatch sees them before all others.

The job keeps the callback itself (`callback_at`, with its next time); this list only says where to look first. It is
written before the job, so that a crash leaves an entry too many, never one too few. An index on jobs would say the same
and cost every load a third more. Whoever cannot be called yet is looked at again later: of those that cannot, no number
may keep the others from being seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from pymongo import ASCENDING

from speechai.core.model import JobStatus
from speechai.store.connection import Document, Store

LOOK = 500
"""Entries that one look reads; what cannot be called of them is out of the way at the next."""
AGAIN_AFTER = timedelta(minutes=1)
"""When to look again at a contact that is being called, or whose list or account may not call."""
_FINAL = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


def expect(store: Store, job_id: str, at: datetime) -> None:
    """Enters the job, or moves its entry to `at`."""
    store.callbacks.update_one({"_id": job_id}, {"$set": {"at": at}}, upsert=True)


def due(store: Store, now: datetime, *, batch_ids: AbstractSet[str]) -> list[tuple[str, str, int]]:
    """(batch, job, ticket) of callbacks of those batches whose time has come and whose job waits, the earliest first.

    Index `callbacks_by_time`. On the way the agenda is put in order: an entry of a job that asks for none any more
    goes, one of a job that cannot be called now moves to a later time.
    """
    entries = list(store.callbacks.find({"at": {"$lte": now}}, sort=[("at", ASCENDING)], limit=LOOK))
    if not entries:
        return []
    ids = [entry["_id"] for entry in entries]
    wanted = {"batch_id": 1, "ticket": 1, "status": 1, "next_attempt_at": 1, "callback_at": 1}
    jobs = {job["_id"]: job for job in store.jobs.find({"_id": {"$in": ids}}, wanted)}
    found: list[tuple[str, str, int]] = []
    stuck: list[str] = []
    for entry in entries:
        job = jobs.get(entry["_id"])
        if job is None or _asks_no_more(job):
            store.callbacks.delete_one({"_id": entry["_id"], "at": entry["at"]})
        elif job["status"] != JobStatus.PENDING or job["batch_id"] not in batch_ids:
            stuck.append(entry["_id"])
        elif job["next_attempt_at"] is not None and job["next_attempt_at"] > now:
            store.callbacks.update_one(
                {"_id": entry["_id"], "at": entry["at"]}, {"$set": {"at": job["next_attempt_at"]}}
            )
        else:
            found.append((job["batch_id"], entry["_id"], job["ticket"]))
    _put_off(store, stuck, now)
    return found


def _put_off(store: Store, ids: Sequence[str], now: datetime) -> None:
    if ids:
        expected: Document = {"_id": {"$in": list(ids)}, "at": {"$lte": now}}
        store.callbacks.update_many(expected, {"$set": {"at": now + AGAIN_AFTER}})


def _asks_no_more(job: Document) -> bool:
    """A call that is under way may bring a new wish, whose entry is written before its job."""
    return job["status"] in _FINAL or (job["status"] != JobStatus.IN_PROGRESS and job.get("callback_at") is None)
