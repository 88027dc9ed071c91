"""Jobs: the claim, the point of no return, and what each attempt leaves behind.

A job is moved by conditional writes alone. Each names the state it expects (status, ticket or attempt id), so of two
workers that hold the same message one gets True and the other does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pymongo.errors import BulkWriteError

from speechai.core.after_call import NextStep
from speechai.core.model import Job, JobStatus, Phase
from speechai.store.connection import Document, Documents, Store
from speechai.store.documents import job_document, job_from

DUPLICATE_KEY = 11000


def insert_jobs(store: Store, jobs: Sequence[Job]) -> None:
    """Adds new jobs. Jobs that are there already, from a load that was interrupted, are left as they are."""
    insert_missing(store.jobs, [job_document(job) for job in jobs])


def insert_missing(collection: Documents, documents: Sequence[Document]) -> list[str]:
    """Unordered bulk insert that leaves documents whose `_id` exists as they are, and returns those ids.

    Any other fault is raised: a job that another unique index refused would be a contact lost silently.
    """
    if not documents:
        return []
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        faults = error.details["writeErrors"]
        codes = {fault["code"] for fault in faults}
        known = [documents[fault["index"]]["_id"] for fault in faults]
        # The index named in a fault does not tell: of two that refuse a document, the servers name different ones.
        if codes != {DUPLICATE_KEY} or collection.count_documents({"_id": {"$in": known}}) < len(set(known)):
            # Its own text holds whole documents, names and phones included.
            raise WriteFault(f"MongoDB refused {len(faults)} documents of {collection.name}: codes {codes}") from None
        return known
    return []


class WriteFault(Exception):
    """Documents that MongoDB refused for another reason than being there already."""


def get_job(store: Store, job_id: str) -> Job | None:
    """The job, or None."""
    document = store.jobs.find_one({"_id": job_id})
    return job_from(document) if document else None


def due_jobs(store: Store, batch_id: str, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Up to `limit` jobs of a batch whose time has come, as (id, ticket), the longest waiting first. Index `due`."""
    cursor = store.jobs.find(
        {"batch_id": batch_id, "status": JobStatus.PENDING, "admitted": True, "next_attempt_at": {"$lte": now}},
        {"ticket": 1},
        sort=[("next_attempt_at", 1)],
        limit=limit,
    )
    return [(document["_id"], document["ticket"]) for document in cursor]


def issue_ticket(store: Store, job_id: str, ticket: int, *, until: datetime) -> bool:
    """Hands the job to one message, numbered `ticket` + 1; False where another dispatcher was first.

    The job's time moves on to `until`: a message that is lost is followed by another once that has passed.
    """
    result = store.jobs.update_one(
        {"_id": job_id, "status": JobStatus.PENDING, "ticket": ticket},
        {"$set": {"ticket": ticket + 1, "next_attempt_at": until}},
    )
    return result.modified_count == 1


def claim(store: Store, job_id: str, *, ticket: int, attempt_id: str, worker_id: str, until: datetime) -> bool:
    """Takes the job for one attempt. False: a stale or doubled message, or another worker was first.

    The ticket is spent: a message delivered again after the call, while the job rests, must not end its rest.
    """
    result = store.jobs.update_one(
        {"_id": job_id, "status": JobStatus.PENDING, "ticket": ticket},
        {
            "$set": {
                "status": JobStatus.IN_PROGRESS,
                "phase": Phase.CLAIMED,
                "attempt_id": attempt_id,
                "worker_id": worker_id,
                "reserved_until": until,
                "next_attempt_at": until,  # where the sweep looks, by index `due`
            },
            "$inc": {"ticket": 1},
        },
    )
    return result.modified_count == 1


def pass_the_point_of_no_return(store: Store, job_id: str, attempt_id: str, phone: str) -> bool:
    """From here on the request may be sent. False: the sweep took the job back, nothing must be sent."""
    result = store.jobs.update_one(
        {
            "_id": job_id,
            "status": JobStatus.IN_PROGRESS,
            "attempt_id": attempt_id,
            "phase": Phase.CLAIMED,
        },
        {
            "$set": {
                "phase": Phase.PLACING,
                "reserved_until": None,  # from here the attempt's own record is what the sweep watches
                "next_attempt_at": None,
                "last_phone_tried": phone,
                "is_calling": True,
            }
        },
    )
    return result.modified_count == 1


def note_call(store: Store, job_id: str, attempt_id: str, call_id: str, at: datetime) -> None:
    """Keeps Retell's id of the running call on the job (the seed's fields)."""
    store.jobs.update_one(
        {"_id": job_id, "attempt_id": attempt_id}, {"$set": {"call_id": call_id, "call_started_at": at}}
    )


def give_back(
    store: Store,
    job_id: str,
    attempt_id: str,
    *,
    status: JobStatus,
    next_attempt_at: datetime | None,
    admitted: bool,
    reason: str,
    now: datetime,
    denied: Mapping[str, Any] | None = None,
    suspended_by: str | None = None,
    phase: Phase = Phase.CLAIMED,
) -> bool:
    """Undoes a claim that sent nothing; the job has `status` then. False where it is not in `phase` (any more).

    `denied` is the decision behind it, kept for `speechai why`. Past the point of no return only the worker that
    passed it knows that nothing was sent, and names that phase.
    """
    result = store.jobs.update_one(
        {"_id": job_id, "status": JobStatus.IN_PROGRESS, "attempt_id": attempt_id, "phase": phase},
        {
            "$set": {
                "status": status,
                "status_at": now,
                "next_attempt_at": next_attempt_at,
                "admitted": admitted,
                "reason": reason,
                "denied": dict(denied) if denied else None,
                "suspended_by": suspended_by,
                **_LET_GO,
            }
        },
    )
    return result.modified_count == 1


def take_step(
    store: Store,
    job_id: str,
    attempt_id: str,
    step: NextStep,
    *,
    phone: str,
    admitted: bool,
    result: Mapping[str, Any],
    now: datetime,
) -> bool:
    """Writes what follows an attempt. False where it is written already (a second `finish` of the same attempt).

    `result` is merged into the document: the seed's `call_result` and captured fields.
    """
    changes: dict[str, Any] = {
        "$set": {
            "status": step.status,
            "status_at": now,
            "reason": step.reason,
            "next_attempt_at": step.next_attempt_at,
            "admitted": admitted,
            "denied": None,
            "suspended_by": "account" if step.suspend_account else None,
            **_LET_GO,
            **result,
        },
    }
    # One that no call answered yet (only a line was missing, the account is in trouble) is still asked for.
    if step.callback_at is not None:
        changes["$set"]["callback_at"] = step.callback_at
    elif not (step.keeps_its_place or step.suspend_account):
        changes["$unset"] = {"callback_at": ""}
    if step.counts_as_attempt:
        changes["$inc"] = {"attempts": 1}
    if step.retire_phone:
        changes["$addToSet"] = {"bad_phones": phone}
    found = store.jobs.update_one({"_id": job_id, "status": JobStatus.IN_PROGRESS, "attempt_id": attempt_id}, changes)
    return found.modified_count == 1


_LET_GO = {"attempt_id": None, "phase": None, "worker_id": None, "reserved_until": None, "is_calling": False}


def claims_that_ran_out(store: Store, batch_id: str, now: datetime, limit: int) -> list[Job]:
    """Claimed jobs of a batch whose lease is over: their worker died before it sent anything. Index `due`."""
    found: list[Job] = []
    for admitted in (True, False):  # False: a contact of a wave batch that was dialled by hand
        cursor = store.jobs.find(
            {
                "batch_id": batch_id,
                "status": JobStatus.IN_PROGRESS,
                "admitted": admitted,
                "next_attempt_at": {"$lte": now},
            },
            limit=limit,
        )
        found += [job_from(document) for document in cursor]
    return found[:limit]


def get_job_document(store: Store, job_id: str) -> Document | None:
    """The whole job document, as an operator reads it."""
    return store.jobs.find_one({"_id": job_id})
