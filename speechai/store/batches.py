"""Batches and the files they come from: a list appears whole or not at all.

The uploaded file travels through MongoDB, so that the operator's machine and the workers may be different hosts. A
batch is dialled only while it is `running`; it becomes so in one write, after all of its jobs are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import IO, Any

from gridfs.errors import NoFile
from pymongo.errors import DuplicateKeyError

from speechai.core.model import Batch, BatchStatus, JobStatus
from speechai.errors import NotAllowed
from speechai.store.connection import Document, Store
from speechai.store.documents import batch_from
from speechai.store.jobs import insert_missing

_LOADABLE = [BatchStatus.RECEIVED, BatchStatus.LOADING]


def create_batch(store: Store, document: Mapping[str, Any], file: IO[bytes]) -> str | None:
    """Stores the file and the batch that is to be made of it (`received`).

    `document` has `_id` and `file_key`, which is unique. Returns None, or the id of the batch that was made of the
    same file before; then nothing is kept.
    """
    known = batch_of_file(store, document["file_key"])
    if known is not None:
        return known
    file_id = store.files.put(file, filename=document["file"]["name"], batch_id=document["_id"])
    try:
        store.batches.insert_one({**document, "status": BatchStatus.RECEIVED, "file_id": file_id})
    except DuplicateKeyError:  # the same file was sent twice at the same time
        store.files.delete(file_id)
        known = batch_of_file(store, document["file_key"])
        if known is None:  # "nothing was there before" would lose the file silently
            raise NotAllowed("the same file was being refused in another batch just now: send it again") from None
        return known
    return None


def batch_of_file(store: Store, file_key: str) -> str | None:
    """The batch that was made of this file before, or None."""
    found = store.batches.find_one({"file_key": file_key}, {"_id": 1})
    return found["_id"] if found else None


def get_batch(store: Store, batch_id: str) -> Batch | None:
    """The batch as dialling knows it, or None."""
    document = store.batches.find_one({"_id": batch_id})
    return batch_from(document) if document else None


def get_batch_document(store: Store, batch_id: str) -> Document | None:
    """The whole batch document: file, mapping, counts, progress."""
    return store.batches.find_one({"_id": batch_id})


def list_batches(store: Store, *, statuses: Sequence[BatchStatus] | None = None) -> list[Document]:
    """Batch documents, the newest first, of these statuses or all."""
    wanted = {"status": {"$in": list(statuses)}} if statuses else {}
    return list(store.batches.find(wanted, sort=[("created_at", -1)]))


def batches_in(store: Store, *statuses: BatchStatus) -> list[Batch]:
    """Batches in one of `statuses`, the oldest first."""
    return [batch_from(d) for s in statuses for d in store.batches.find({"status": s}, sort=[("created_at", 1)])]


def claim_load(store: Store, batch_id: str, owner: str, *, until: datetime, now: datetime) -> bool:
    """Takes the batch for loading. False where another worker loads it, or it is loaded."""
    for expected in (
        {"status": BatchStatus.RECEIVED},
        {"status": BatchStatus.LOADING, "reserved_until": {"$lte": now}},
    ):
        result = store.batches.update_one(
            {"_id": batch_id, **expected},
            {
                "$set": {"status": BatchStatus.LOADING, "load_owner": owner, "reserved_until": until},
                "$inc": {"load_tries": 1},
            },
        )
        if result.modified_count == 1:
            return True
    return False


def extend_load(store: Store, batch_id: str, owner: str, *, until: datetime, progress: Mapping[str, Any]) -> bool:
    """Renews the loader's lease and notes how far it is. False where another worker took over: stop."""
    return _while_loading(store, batch_id, owner, {"reserved_until": until, "progress": dict(progress)})


def hand_back_load(store: Store, batch_id: str, owner: str) -> bool:
    """Gives the batch back to whoever loads it next, without having counted as a try. False where another has it."""
    result = store.batches.update_one(
        {"_id": batch_id, "status": BatchStatus.LOADING, "load_owner": owner},
        {
            "$set": {"status": BatchStatus.RECEIVED},
            "$unset": {"load_owner": "", "reserved_until": "", "progress": ""},
            "$inc": {"load_tries": -1},
        },
    )
    return result.modified_count == 1


def open_batch(store: Store, batch_id: str, owner: str, *, facts: Mapping[str, Any], now: datetime) -> bool:
    """The one write that makes a loaded batch appear: `running`, with its counts."""
    return _while_loading(store, batch_id, owner, {**facts, "status": BatchStatus.RUNNING, "loaded_at": now})


def refuse_batch(store: Store, batch_id: str, *, reason: str, now: datetime) -> None:
    """Closes a batch whose file cannot be used and removes the half of it that was written.

    The file's key is freed, so that the corrected file may be sent again even where its bytes are the same. Refusing
    twice removes what a refusal that was cut short has left.
    """
    store.batches.update_one(
        {"_id": batch_id, "status": {"$in": _LOADABLE}},
        {"$set": {"status": BatchStatus.REFUSED, "reason": reason, "refused_at": now}, "$unset": {"file_key": ""}},
    )
    remove_if_refused(store, batch_id)


def remove_if_refused(store: Store, batch_id: str) -> None:
    """Nothing of a refused batch stays, also what a loader wrote that was too slow to hear of it."""
    if store.batches.find_one({"_id": batch_id, "status": BatchStatus.REFUSED}) is not None:
        store.jobs.delete_many({"batch_id": batch_id})
        store.rejected.delete_many({"batch_id": batch_id})
        delete_file(store, batch_id)


def _while_loading(store: Store, batch_id: str, owner: str, changes: Mapping[str, Any]) -> bool:
    result = store.batches.update_one(
        {"_id": batch_id, "status": BatchStatus.LOADING, "load_owner": owner}, {"$set": dict(changes)}
    )
    return result.matched_count == 1


def loads_that_ran_out(store: Store, *, received_before: datetime, now: datetime) -> list[str]:
    """Batches that wait for a loader: received long ago, or whose loader's lease is over."""
    lost = store.batches.find({"status": BatchStatus.RECEIVED, "created_at": {"$lte": received_before}}, {"_id": 1})
    dead = store.batches.find({"status": BatchStatus.LOADING, "reserved_until": {"$lte": now}}, {"_id": 1})
    return [document["_id"] for documents in (lost, dead) for document in documents]


def open_file(store: Store, batch_id: str) -> IO[bytes] | None:
    """The uploaded file as a stream, None where it is gone."""
    document = get_batch_document(store, batch_id)
    try:
        return store.files.get(document["file_id"]) if document else None
    except NoFile:
        return None


def delete_file(store: Store, batch_id: str) -> None:
    """Removes the uploaded file; the batch stays."""
    document = get_batch_document(store, batch_id)
    if document and document.get("file_id"):
        store.files.delete(document["file_id"])


def keep_rejected(store: Store, batch_id: str, rows: Iterable[Document]) -> None:
    """Adds rejected rows (each with `row`, its number in the sheet); rows kept by an interrupted load stay."""
    insert_missing(
        store.rejected,
        [{**row, "_id": f"{batch_id}|{row['row']}", "batch_id": batch_id} for row in rows],
    )


def rejected_rows(store: Store, batch_id: str) -> Iterable[Document]:
    """The rejected rows of a batch in the order of the sheet."""
    return store.rejected.find({"batch_id": batch_id}, sort=[("row", 1)])


def move_batch(
    store: Store, batch_id: str, *, expected: Sequence[BatchStatus], to: BatchStatus, reason: str | None, now: datetime
) -> bool:
    """Changes the status where it is one of `expected`; the change is recorded on the batch."""
    result = store.batches.update_one(
        {"_id": batch_id, "status": {"$in": list(expected)}},
        {
            "$set": {"status": to, "reason": reason, "changed_at": now},
            "$push": {"history": {"at": now, "status": to, "reason": reason}},
        },
    )
    return result.modified_count == 1


def change_batch(store: Store, batch_id: str, changes: Mapping[str, Any], *, now: datetime) -> bool:
    """Replaces what an operator may change of a batch that goes on; recorded on it. False where there is none."""
    told = ", ".join(f"{name}={value}" for name, value in changes.items())
    result = store.batches.update_one(
        {"_id": batch_id}, {"$set": dict(changes), "$push": {"history": {"at": now, "changed": told}}}
    )
    return result.matched_count == 1


def job_counts(store: Store, batch_id: str) -> dict[JobStatus, int]:
    """How many jobs of the batch are in each state."""
    rows = store.jobs.aggregate([{"$match": {"batch_id": batch_id}}, {"$group": {"_id": "$status", "n": {"$sum": 1}}}])
    return {JobStatus(row["_id"]): row["n"] for row in rows}


def has_open_jobs(store: Store, batch_id: str) -> bool:
    """True while a job of the batch can still move: it waits, is being called, or is suspended. Index `due`.

    The few that are being called are asked for first, and again after those that wait: a job goes from there to here.
    """
    return any(
        store.jobs.find_one({"batch_id": batch_id, "status": status}, {"_id": 1}) is not None
        for status in (JobStatus.IN_PROGRESS, JobStatus.PENDING, JobStatus.IN_PROGRESS, JobStatus.SUSPENDED)
    )


def cancelled_since(store: Store, instant: datetime) -> list[str]:
    """Batches that were cancelled at or after `instant`."""
    return _changed_since(store, BatchStatus.CANCELLED, instant)


def completed_since(store: Store, instant: datetime) -> list[str]:
    """Batches that were completed at or after `instant`."""
    return _changed_since(store, BatchStatus.COMPLETED, instant)


def _changed_since(store: Store, status: BatchStatus, instant: datetime) -> list[str]:
    found = store.batches.find({"status": status, "changed_at": {"$gte": instant}}, {"_id": 1})
    return [document["_id"] for document in found]


_ENDED = [BatchStatus.COMPLETED, BatchStatus.CANCELLED, BatchStatus.REFUSED]


def closed_before(store: Store, instant: datetime) -> list[str]:
    """Batches that ended before `instant`: completed, cancelled or refused."""
    found = store.batches.find({"status": {"$in": _ENDED}, "created_at": {"$lt": instant}})
    return [d["_id"] for d in found if max(d["created_at"], d.get("changed_at", d["created_at"])) < instant]


def take_for_removal(store: Store, batch_id: str, *, now: datetime) -> bool:
    """Before the first of its documents goes: nobody opens the batch any more. False where somebody has."""
    result = store.batches.update_one(
        {"_id": batch_id, "status": {"$in": _ENDED}},
        {"$set": {"status": BatchStatus.CANCELLED, "removing_at": now}},
    )
    return result.modified_count == 1


def delete_batch(store: Store, batch_id: str, *, with_calls: bool) -> dict[str, int]:
    """Removes a batch with its jobs, rejected rows, waves and file, and its attempts where asked; counts by kind.

    The batch document goes last, so that an interrupted removal is found again.
    """
    delete_file(store, batch_id)
    counts = {
        "jobs": store.jobs.delete_many({"batch_id": batch_id}).deleted_count,
        "rejected_rows": store.rejected.delete_many({"batch_id": batch_id}).deleted_count,
        "waves": store.waves.delete_many({"batch_id": batch_id}).deleted_count,
    }
    if with_calls:
        counts["calls"] = store.attempts.delete_many({"batch_id": batch_id}).deleted_count
    counts["batches"] = store.batches.delete_one({"_id": batch_id}).deleted_count
    return counts
