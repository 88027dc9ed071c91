"""A stored file becomes jobs: loaded by a worker, whole or not at all.

`load_batch` reads the file that `submit` has stored, writes jobs and rejected rows, and opens the batch with one last
write. A load that died is taken over by another worker and gives the same jobs, since their ids follow from batch and
person.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import timedelta
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from speechai.core.model import Batch
from speechai.core.waves import planned_waves
from speechai.errors import InputError, NotFound, UsageError
from speechai.operation.contact_jobs import job_of
from speechai.operation.context import Context, policy_for
from speechai.operation.ingest import Ingested, Progress, ingest_file
from speechai.operation.nudges import DispatchDue, LoadBatch, Nudges
from speechai.operation.submitting import Order, spec_of
from speechai.operation.waves import open_due_waves
from speechai.store import accounts, batches, jobs
from speechai.store.connection import Document

log = structlog.get_logger(__name__)

LOAD_LEASE = timedelta(minutes=2)
MOST_LOADS = 5
"""Loads of one file that may die: a file that kills its loader must not do so for ever."""
CHUNK = 1_000
"""Documents a bulk write."""

T = TypeVar("T")


def load_batch(context: Context, batch_id: str, *, must_end: Callable[[], bool] = lambda: False) -> Nudges:
    """Turns the stored file of a batch into jobs. A batch that is loaded, or being loaded, is left alone.

    A file that cannot be used ends the batch as `refused` with the reason; nothing of it stays. `must_end` is asked
    every second or so: as soon as it says yes, the batch is handed back for another worker. Raises NotFound.
    """
    store, owner = context.store, uuid4().hex
    document = batches.get_batch_document(store, batch_id)
    if document is None:
        raise NotFound(f"there is no batch {batch_id}")
    if not batches.claim_load(store, batch_id, owner, until=context.clock() + LOAD_LEASE, now=context.clock()):
        return []
    if document.get("load_tries", 0) >= MOST_LOADS:
        reason = f"it could not be loaded in {MOST_LOADS} tries: the log of the files worker tells why"
        batches.refuse_batch(store, batch_id, reason=reason, now=context.clock())
        log.error("a file was given up", action="load_batch", batch_id=batch_id)
        return []
    try:
        opened = _load(context, document, _Lease(context, batch_id, owner, must_end))
    except (InputError, UsageError) as error:
        batches.refuse_batch(store, batch_id, reason=str(error), now=context.clock())
        log.warning("a file was refused", action="load_batch", batch_id=batch_id)
        return []
    except LoadHandedBack:
        log.info("a load was handed back", action="load_batch", batch_id=batch_id)
        return [LoadBatch(batch_id)] if batches.hand_back_load(store, batch_id, owner) else []
    except LoadTakenOver as error:
        log.warning("a load was taken over", action="load_batch", batch_id=batch_id, why=str(error))
        batches.remove_if_refused(store, batch_id)
        return []
    return [DispatchDue(), *open_due_waves(context)] if opened else []


def _load(context: Context, document: Document, report: _Lease) -> bool:
    batch = batches.get_batch(context.store, document["_id"])
    assert batch is not None
    order = Order(
        use_case=batch.use_case,
        mapping={meaning: tuple(columns) for meaning, columns in document["mapping"].items()},
        sheet=document["sheet"],
    )
    with tempfile.TemporaryDirectory(prefix="speechai-") as folder:
        path = _download(context, batch.id, Path(folder) / Path(document["file"]["name"]).name)
        # The instant of the upload, not of the load: a load that is taken over must give the same jobs.
        now = document["created_at"]
        # The batch's country and zone, which are the sender's: the worker's own settings may be others.
        spec = spec_of(
            order,
            country=batch.country,
            time_zone=batch.time_zone,
            max_upload_mb=context.settings.max_upload_mb,
        )
        with ingest_file(path, spec=spec, now=now, progress=report) as ingested:
            _write(context, batch, ingested, report)
            layout = ingested.layout
            facts: dict[str, Any] = {
                "counts": asdict(ingested.counts),
                "header": list(ingested.header),
                "warnings": dict(ingested.warnings),
                "sheet_read": layout.sheet.name,
                "columns": {
                    str(m): [ingested.header[i] for i in places] for m, places in ingested.layout.columns.items()
                },
            }
    opened = batches.open_batch(context.store, batch.id, report.owner, facts=facts, now=context.clock())
    log.info("a batch was loaded", action="load_batch", batch_id=batch.id, opened=opened, **facts["counts"])
    if opened:
        batches.delete_file(context.store, batch.id)
    return opened


def _write(context: Context, batch: Batch, ingested: Ingested, report: _Lease) -> None:
    """Jobs and rejected rows, in chunks. Written again by a takeover, they are the same."""
    policy = policy_for(context, batch, accounts.get_account(context.store, batch.account_id))
    now, max_tries = context.clock(), context.settings.max_tries
    waves = planned_waves(policy, batch.site, now)
    contacts = enumerate(ingested.contacts())
    written = 0
    for chunk in _chunks(contacts, CHUNK):
        new = [
            job_of(batch, policy, position, contact, max_tries=max_tries, waves=waves, now=now)
            for position, contact in chunk
        ]
        jobs.insert_jobs(context.store, new)
        written += len(new)
        report(Progress(phase="writing", rows=written, total=ingested.counts.contacts))
    for rows in _chunks(ingested.rejected(), CHUNK):
        batches.keep_rejected(context.store, batch.id, [row.to_document() for row in rows])
        report(Progress(phase="writing", rows=written, total=ingested.counts.contacts))


def _download(context: Context, batch_id: str, path: Path) -> Path:
    stored = batches.open_file(context.store, batch_id)
    if stored is None:
        raise InputError("the uploaded file is not in the database any more: send it again")
    with stored, path.open("wb") as copy:
        copyfileobj(stored, copy)
    return path


class _Lease:
    """Renews the loader's lease as the load goes on, and stops a loader that has lost it, or whose worker must end."""

    def __init__(self, context: Context, batch_id: str, owner: str, must_end: Callable[[], bool]) -> None:
        self._context, self._batch_id, self.owner, self._must_end = context, batch_id, owner, must_end
        self._renewed_at = context.clock()

    def __call__(self, progress: Progress) -> None:
        now = self._context.clock()
        if now - self._renewed_at < timedelta(seconds=1):
            return
        self._renewed_at = now
        if self._must_end():
            raise LoadHandedBack
        if not batches.extend_load(
            self._context.store, self._batch_id, self.owner, until=now + LOAD_LEASE, progress=asdict(progress)
        ):
            raise LoadTakenOver(f"another worker loads batch {self._batch_id}")


class LoadHandedBack(Exception):
    """This loader's worker is being stopped, and the file is too large to be finished in time."""


class LoadTakenOver(Exception):
    """This loader was too slow: another has the batch now and writes the same jobs."""


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
