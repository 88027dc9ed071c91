"""The agenda of callbacks: which contacts asked to be called, and when, so that dispatch sees them before all others.

The job keeps the callback itself (`callback_at`, with its next time); this list only says where to look first. It is
written before the job, so that a crash leaves an entry too many, never one too few. An index on jobs would say the same
and cost every load a third more.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING

from speechai.core.model import JobStatus
from speechai.store.connection import Store


def expect(store: Store, job_id: str, at: datetime) -> None:
    """Enters the job, or moves its entry to `at`."""
    store.callbacks.update_one({"_id": job_id}, {"$set": {"at": at}}, upsert=True)


def due(store: Store, now: datetime, limit: int) -> list[tuple[str, str, int]]:
    """(batch, job, ticket) of callbacks whose time has come and whose job waits; an entry of one that asks for none
    any more is removed. Index `callbacks_by_time`."""
    entries = store.callbacks.find({"at": {"$lte": now}}, sort=[("at", ASCENDING)], limit=limit)
    ids = [entry["_id"] for entry in entries]
    if not ids:
        return []
    wanted = {"batch_id": 1, "ticket": 1, "status": 1, "next_attempt_at": 1, "callback_at": 1}
    jobs = {job["_id"]: job for job in store.jobs.find({"_id": {"$in": ids}}, wanted)}
    for job_id in ids:
        if not _asks(jobs.get(job_id)):
            store.callbacks.delete_one({"_id": job_id})
    waiting = [jobs[job_id] for job_id in ids if _asks(jobs.get(job_id)) and _waits(jobs[job_id], now)]
    return [(job["batch_id"], job["_id"], job["ticket"]) for job in waiting]


def _asks(job: dict[str, object] | None) -> bool:
    final = (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)
    return job is not None and job["status"] not in final and job.get("callback_at") is not None


def _waits(job: dict[str, object], now: datetime) -> bool:
    at = job["next_attempt_at"]
    return job["status"] == JobStatus.PENDING and isinstance(at, datetime) and at <= now
