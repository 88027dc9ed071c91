"""A file of contacts becomes a batch of jobs: sent by the operator's side, loaded by a worker, whole or not at all.

`submit` stores the file and the batch that is to be; `load_batch` reads it, writes jobs and rejected rows, and
opens the batch with one last write. A load that died is taken over by another worker and gives the same jobs, since
their ids follow from the order in the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from shutil import copyfileobj
from typing import Any, TypeVar
from uuid import uuid4

import structlog

from config.settings import Settings
from speechai.catalogue.places import place_of
from speechai.catalogue.policies import Policy
from speechai.catalogue.use_cases import get_use_case
from speechai.core.model import Batch, Job, JobStatus, Pacing
from speechai.core.waves import most_attempts, planned_waves
from speechai.errors import InputError, NotFound, UsageError
from speechai.operation.context import Context, allowed_policy
from speechai.operation.ingest import Contact, Ingested, IngestSpec, Limits, Meaning, Progress, file_sha256, ingest_file
from speechai.operation.ingest.amounts import major_units
from speechai.operation.nudges import DispatchDue, LoadBatch, Nudges
from speechai.operation.waves import open_due_waves
from speechai.store import batches, jobs
from speechai.store.connection import Document

log = structlog.get_logger(__name__)

CURRENCIES = {"CL": "CLP", "AR": "ARS"}
LOAD_LEASE = timedelta(minutes=2)
MOST_LOADS = 5
"""Loads of one file that may die: a file that kills its loader must not do so for ever."""
CHUNK = 1_000
"""Documents a bulk write."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the operator asks for with a file. `mapping` goes from a meaning to column names."""

    use_case: str
    account_id: str = "main"
    name: str | None = None
    pacing: Pacing = Pacing.WAVES
    policy: str | None = None
    mapping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sheet: str | None = None
    again: bool = False
    """Load the same file once more, as a batch of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """The batch that a file became, or had become before (`is_new` False)."""

    batch_id: str
    is_new: bool
    nudges: Nudges


def submit(context: Context, path: Path, order: Order) -> Submitted:
    """Stores the file at `path` and a batch that waits for a loader.

    The same bytes for the same account are recognised: nothing is stored and the earlier batch is named. Raises
    UsageError for an unknown use case or policy, InputError for a file that cannot be read, Unavailable.
    """
    use_case = get_use_case(order.use_case)
    policy = policy_of(context.settings, order)
    size = path.stat().st_size
    now, sha256 = context.clock(), file_sha256(path)
    unique = f"{order.account_id}|{sha256}" + (f"|{uuid4().hex}" if order.again else "")
    document = {
        "_id": f"{now.astimezone(context.settings.zone):%Y%m%d}-{uuid4().hex[:6]}",
        "file_key": unique,
        "account_id": order.account_id,
        "name": order.name or path.stem,
        "use_case": use_case.name,
        "pacing": order.pacing,
        "policy": policy.name,
        "country": context.settings.country,
        "time_zone": context.settings.timezone,
        "mapping": {meaning: list(columns) for meaning, columns in order.mapping.items()},
        "sheet": order.sheet,
        "file": {"name": path.name, "bytes": size, "sha256": sha256},
        "created_at": now,
    }
    with path.open("rb") as file:
        known = batches.create_batch(context.store, document, file)
    if known is not None:
        return Submitted(batch_id=known, is_new=False, nudges=[])
    batch_id = str(document["_id"])
    log.info("a file was received", action="submit", batch_id=batch_id, bytes=size)
    return Submitted(batch_id=batch_id, is_new=True, nudges=[LoadBatch(batch_id)])


def policy_of(settings: Settings, order: Order) -> Policy:
    """The policy that the order names, else DEFAULT_POLICY. Raises UsageError for one that may not be used here."""
    return allowed_policy(settings, order.policy or settings.default_policy)


def spec_of(order: Order, *, country: str, time_zone: str, max_upload_mb: float) -> IngestSpec:
    """How a file of this order is read; the same for the operator's dry run and for the worker."""
    return IngestSpec(
        country=country,
        currency=CURRENCIES[country],
        time_zone=time_zone,
        required=frozenset(Meaning(name) for name in get_use_case(order.use_case).required),
        mapping=order.mapping,
        sheet=order.sheet,
        limits=Limits(file_bytes=int(max_upload_mb * 1024**2)),
    )


def load_batch(context: Context, batch_id: str) -> Nudges:
    """Turns the stored file of a batch into jobs. A batch that is loaded, or being loaded, is left alone.

    A file that cannot be used ends the batch as `refused` with the reason; nothing of it stays. Raises NotFound.
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
        opened = _load(context, document, owner)
    except (InputError, UsageError) as error:
        batches.refuse_batch(store, batch_id, reason=str(error), now=context.clock())
        log.warning("a file was refused", action="load_batch", batch_id=batch_id)
        return []
    except LoadTakenOver as error:
        log.warning("a load was taken over", action="load_batch", batch_id=batch_id, why=str(error))
        return []
    return [DispatchDue(), *open_due_waves(context)] if opened else []


def _load(context: Context, document: Document, owner: str) -> bool:
    batch = batches.get_batch(context.store, document["_id"])
    assert batch is not None
    order = Order(
        use_case=batch.use_case,
        mapping={meaning: tuple(columns) for meaning, columns in document["mapping"].items()},
        sheet=document["sheet"],
    )
    report = _Lease(context, batch.id, owner)
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
    opened = batches.open_batch(context.store, batch.id, owner, facts=facts, now=context.clock())
    log.info("a batch was loaded", action="load_batch", batch_id=batch.id, opened=opened, **facts["counts"])
    if opened:
        batches.delete_file(context.store, batch.id)
    return opened


def _write(context: Context, batch: Batch, ingested: Ingested, report: _Lease) -> None:
    """Jobs and rejected rows, in chunks. Written again by a takeover, they are the same."""
    policy = allowed_policy(context.settings, batch.policy)
    waves = planned_waves(policy, batch.site, context.clock())
    contacts = enumerate(ingested.contacts())
    written = 0
    for chunk in _chunks(contacts, CHUNK):
        new = [_job(context, batch, policy, position, contact, waves) for position, contact in chunk]
        jobs.insert_jobs(context.store, new)
        written += len(new)
        report(Progress(phase="writing", rows=written, total=ingested.counts.contacts))
    for rows in _chunks(ingested.rejected(), CHUNK):
        batches.keep_rejected(context.store, batch.id, [row.to_document() for row in rows])
        report(Progress(phase="writing", rows=written, total=ingested.counts.contacts))


def _job(
    context: Context, batch: Batch, policy: Policy, position: int, contact: Contact, waves: Iterator[datetime]
) -> Job:
    place = place_of(contact.phones[0], city=contact.city)
    in_waves = batch.pacing is Pacing.WAVES
    person_id = f"{batch.country}:{contact.national_id}" if contact.national_id else f"tel:{contact.phones[0]}"
    return Job(
        # Made of batch and person: one job for each of them, whoever loads the list and how often.
        id=f"{batch.id}-{blake2b(person_id.encode(), digest_size=8).hexdigest()}",
        batch_id=batch.id,
        account_id=batch.account_id,
        person_id=person_id,
        use_case=batch.use_case,
        # An unknown place is refused, with the reason kept (law 5).
        status=JobStatus.PENDING if place else JobStatus.SUSPENDED,
        reason=None if place else "the contact's country, and so its hours, are not known",
        nombre=contact.name or "",
        rut=contact.national_id,
        to_number=contact.phones[0],
        try_phones=contact.phones[1:],
        max_attempts=most_attempts(context.settings.max_tries, policy) if in_waves else context.settings.max_tries,
        position=position,
        next_attempt_at=next(waves) if in_waves else context.clock(),
        admitted=not in_waves,
        # Empty, so that nobody who resumes the job dials it by another place's hours.
        time_zone=place.zone if place else "",
        country=place.country if place else "",
        variables=_variables(contact),
    )


def _variables(contact: Contact) -> dict[str, str]:
    """What the agent is told of a contact, as text; the sheet's own columns under their own names."""
    facts: dict[str, object] = {
        "nombre": contact.name,
        "rut": contact.national_id,
        "monto": None if contact.amount_minor is None else major_units(contact.amount_minor, contact.currency),
        "moneda": contact.currency if contact.amount_minor is not None else None,
        "titulos": contact.titles,
        "fecha_vencimiento": contact.due_on,
        "dias_mora": contact.days_overdue,
    }
    return {**contact.variables, **{name: str(value) for name, value in facts.items() if value is not None}}


def _download(context: Context, batch_id: str, path: Path) -> Path:
    stored = batches.open_file(context.store, batch_id)
    if stored is None:
        raise InputError("the uploaded file is not in the database any more: send it again")
    with stored, path.open("wb") as copy:
        copyfileobj(stored, copy)
    return path


class _Lease:
    """Renews the loader's lease as the load goes on, and stops a loader that has lost it."""

    def __init__(self, context: Context, batch_id: str, owner: str) -> None:
        self._context, self._batch_id, self._owner = context, batch_id, owner
        self._renewed_at = context.clock()

    def __call__(self, progress: Progress) -> None:
        now = self._context.clock()
        if now - self._renewed_at < timedelta(seconds=1):
            return
        self._renewed_at = now
        if not batches.extend_load(
            self._context.store, self._batch_id, self._owner, until=now + LOAD_LEASE, progress=asdict(progress)
        ):
            raise LoadTakenOver(f"another worker loads batch {self._batch_id}")


class LoadTakenOver(Exception):
    """This loader was too slow: another has the batch now and writes the same jobs."""


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
