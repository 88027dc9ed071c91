"""From the database to a `Report`: one batch, or all of them, each asked by itself.

Enters the store; leaves plain values. `assemble` is the pure half: what the questions answered becomes the report.
Called by the command, by the web and by the task that saves a report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.use_cases import load_use_cases
from speechai.core.masking import mask_national_id, mask_phone
from speechai.core.model import AttemptState, JobStatus
from speechai.errors import NotFound, UsageError
from speechai.operation.reports import dividing
from speechai.operation.reports.model import BatchLine, ContactLine, Promise, Report, RowCounts, Slice, StateLine
from speechai.operation.reports.promises import promises_of
from speechai.operation.reports.tally import Tally
from speechai.store import statistics
from speechai.store.batches import get_batch_document, list_batches
from speechai.store.connection import Store, reachable
from speechai.store.statistics import AttemptGroup, JobGroup, Reach

LONGEST_LIST = 200_000
"""Contacts of `contact_list`; a worksheet ends at 1,048,576 rows, and an operator long before."""


NOBODY = Reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchFacts:
    """What the questions answered of one batch; `document` is the batch itself."""

    document: Mapping[str, Any]
    jobs: Sequence[JobGroup] = ()
    attempts: Sequence[AttemptGroup] = ()
    reach: Reach = NOBODY
    products: Mapping[str, int] = field(default_factory=dict)
    promises: Sequence[Promise] = ()


def build_report(
    store: Store,
    *,
    batch_id: str | None,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None = None,
    until: datetime | None = None,
    contact_list: bool = False,
) -> Report:
    """The report of a batch, or with None of all batches, as things stand at `now` (aware).

    `since` (included) and `until` (not included) are aware instants that bound the calls by when they were placed; jobs
    and rows are always told as they stand now. `zone` is where the reader is: instants of the header are told in it,
    while the hours and days of calls are those of the people called. `contact_list` adds every contact, masked.

    Raises NotFound for a batch that is not there, UsageError for a period that ends before it begins, Unavailable.
    """
    if since is not None and until is not None and until <= since:
        raise UsageError(f"the period ends ({until.isoformat()}) before it begins ({since.isoformat()})")
    with reachable():
        documents = _documents(store, batch_id)
        facts = [_ask(store, document, since, until) for document in documents]
        lines = _contact_lines(store, documents, zone) if contact_list else ()
    return assemble(facts, batch_id=batch_id, now=now, zone=zone, since=since, until=until, contact_list=tuple(lines))


def assemble(
    facts: Sequence[BatchFacts],
    *,
    batch_id: str | None,
    now: datetime,
    zone: ZoneInfo,
    since: datetime | None = None,
    until: datetime | None = None,
    contact_list: tuple[ContactLine, ...] = (),
) -> Report:
    """The report of these batches; pure."""
    groups = [group for each in facts for group in each.attempts]
    jobs = [group for each in facts for group in each.jobs]
    batches = tuple(_batch_line(each, zone) for each in facts)
    promises = sorted((p for each in facts for p in each.promises), key=lambda p: p.called_at, reverse=True)
    total = Tally.of(groups)
    firsts = [group.first_at for group in groups if group.first_at is not None]
    lasts = [group.last_at for group in groups if group.last_at is not None]
    return Report(
        generated_at=now.astimezone(zone),
        zone=zone.key,
        batch_id=batch_id,
        since=since.astimezone(zone) if since else None,
        until=until.astimezone(zone) if until else None,
        first_call_at=min(firsts).astimezone(zone) if firsts else None,
        last_call_at=max(lasts).astimezone(zone) if lasts else None,
        batches=batches,
        rows=_sum_of_rows(line.rows for line in batches),
        states=tuple(
            StateLine(status=status, jobs=sum(g.jobs for g in jobs if g.status is status)) for status in JobStatus
        ),
        tried=sum(each.reach.tried for each in facts),
        reached=sum(each.reach.reached for each in facts),
        calls_open=sum(g.attempts for g in groups if g.state.is_open),
        calls_refused=sum(g.attempts for g in groups if g.state is AttemptState.REFUSED),
        calls_not_counted=sum(g.attempts for g in groups if g.state is AttemptState.FINISHED and not g.counted),
        total=total,
        outcomes=dividing.outcomes(groups),
        hours=dividing.hours(groups),
        weekdays=dividing.slices(groups, lambda g: str(g.local_on.isoweekday()) if g.local_on else None),
        days=dividing.slices(groups, lambda g: g.local_on.isoformat() if g.local_on else None),
        use_cases=dividing.slices(groups, lambda g: g.use_case),
        phones=tuple(
            Slice(key=kind, tally=Tally.of(g for g in groups if g.phone_kind == kind))
            for kind in ("main", "alternative")
        ),
        variants=dividing.slices(groups, lambda g: g.variant),
        costs=dividing.costs((each.products for each in facts), groups, total, sum(p.stands for p in promises)),
        distribution=dividing.distribution(jobs),
        promises=tuple(promises),
        promised=dividing.promised(promises),
        contact_list=contact_list,
    )


def _documents(store: Store, batch_id: str | None) -> list[dict[str, Any]]:
    if batch_id is None:
        return list_batches(store)
    document = get_batch_document(store, batch_id)
    if document is None:
        raise NotFound(f"there is no batch {batch_id!r}; `speechai batches` lists the ones that there are")
    return [document]


def _ask(store: Store, document: Mapping[str, Any], since: datetime | None, until: datetime | None) -> BatchFacts:
    batch_id = document["_id"]
    use_case = load_use_cases().get(str(document.get("use_case")))
    right_person = use_case.right_person if use_case else None
    return BatchFacts(
        document=document,
        jobs=statistics.job_groups(store, batch_id),
        attempts=statistics.attempt_groups(store, batch_id, since=since, until=until, right_person=right_person),
        reach=statistics.reach(store, batch_id, since=since, until=until),
        products=statistics.product_costs(store, batch_id, since=since, until=until),
        promises=promises_of(
            document,
            statistics.promised_calls(store, batch_id, since=since, until=until),
            names=lambda job_ids: statistics.names_of(store, job_ids),
        ),
    )


def _contact_lines(store: Store, documents: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> Iterator[ContactLine]:
    room = LONGEST_LIST
    for document in documents:
        lines = [
            ContactLine(
                batch_name=str(document.get("name") or document["_id"]),
                position=job.position,
                nombre=job.nombre,
                rut=mask_national_id(job.rut),
                phone=mask_phone(job.to_number),
                last_phone=mask_phone(job.last_phone_tried),
                status=job.status,
                attempts=job.attempts,
                reason=job.reason or "",
                next_attempt_at=job.next_attempt_at.astimezone(zone) if job.next_attempt_at else None,
            )
            for job in islice(statistics.job_lines(store, document["_id"]), room)
        ]
        room -= len(lines)
        yield from sorted(lines, key=lambda line: line.position)


def _batch_line(facts: BatchFacts, zone: ZoneInfo) -> BatchLine:
    document, counts = facts.document, facts.document.get("counts") or {}
    created_at = document.get("created_at")
    return BatchLine(
        batch_id=document["_id"],
        name=str(document.get("name") or document["_id"]),
        account_id=str(document.get("account_id") or ""),
        use_case=str(document.get("use_case") or ""),
        status=str(document.get("status") or ""),
        reason=document.get("reason"),
        created_at=created_at.astimezone(zone) if created_at else None,
        rows=RowCounts(
            **{name: int(counts.get(name) or 0) for name in ("rows", "accepted", "merged", "duplicate", "rejected")}
        ),
        contacts=sum(group.jobs for group in facts.jobs),
        done=sum(group.jobs for group in facts.jobs if group.status is JobStatus.DONE),
        tally=Tally.of(facts.attempts),
        promises=sum(promise.stands for promise in facts.promises),
        flagged=sum(not promise.stands for promise in facts.promises),
    )


def _sum_of_rows(parts: Iterable[RowCounts]) -> RowCounts:
    every = list(parts)
    return RowCounts(
        rows=sum(part.rows for part in every),
        accepted=sum(part.accepted for part in every),
        merged=sum(part.merged for part in every),
        duplicate=sum(part.duplicate for part in every),
        rejected=sum(part.rejected for part in every),
    )
