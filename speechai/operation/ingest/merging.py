"""Staged rows become one contact a person: balances summed, titles counted, phones united.

The person is the national id, else the first phone. The same title twice is a duplicate; with another balance or due
date it is rejected, for nobody may be told a sum that is a guess. Called by `run.ingest_file` once the file is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any

from speechai.operation.ingest.contacts import ContactRow
from speechai.operation.ingest.model import Contact, Fault, RejectedRow
from speechai.operation.ingest.names import disagree
from speechai.operation.ingest.reasons import Reason
from speechai.operation.ingest.staging import Staging

_WARNINGS_KEPT = 20


@dataclass(slots=True)
class Tally:
    """What merging found, as it goes."""

    accepted: int = 0
    merged: int = 0
    duplicate: int = 0
    rejected: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Person:
    """The sum of the rows seen so far."""

    first: ContactRow
    rows: list[int]
    phones: list[str]
    amount_minor: int | None
    due_on: date | None
    days_overdue: int | None
    name: str | None
    texts: dict[str, str]
    warnings: list[Fault]


def merge(
    staging: Staging, *, title_column: str, name_column: str, most_phones: int, on_row: Callable[[], None]
) -> Tally:
    """Write every person's contact into `staging`, rejecting titles that contradict themselves.

    `title_column` and `name_column` are the headers that reasons name; `on_row` is called once a row, for progress.
    """
    tally = Tally()
    for person, group in groupby(staging.by_person(), key=itemgetter(0)):
        merged = _merge_person(staging, group, tally, title_column, name_column, most_phones, on_row)
        staging.add_merged(merged.first.row, person, merged.phones, _document(merged))
        tally.accepted += 1
        tally.merged += len(merged.rows) - 1
        tally.warnings.update(w.reason.value for w in merged.warnings)
    shared = staging.shared_phones()
    if shared:
        tally.warnings[Reason.SHARED_PHONE.value] = shared
    return tally


def _merge_person(
    staging: Staging,
    group: Iterator[tuple[str, ContactRow, bytes]],
    tally: Tally,
    title_column: str,
    name_column: str,
    most_phones: int,
    on_row: Callable[[], None],
) -> _Person:
    """The first row always stays, so every person of the file has a contact."""
    person: _Person | None = None
    digests: set[bytes] = set()
    titles: dict[str, ContactRow] = {}
    for _, row, digest in group:
        on_row()
        known = titles.get(row.title_id) if row.title_id else None
        if digest in digests or (known is not None and _same_debt(known, row)):
            tally.duplicate += 1
            continue
        if known is not None and row.title_id:
            staging.reject(_contradiction(row, known, title_column, staging))
            tally.rejected += 1
            continue
        digests.add(digest)
        if row.title_id:
            titles[row.title_id] = row
        if person is None:
            person = _first(row)
        else:
            _join(person, row, name_column)
    if person is None:
        raise AssertionError("a person without rows")  # groupby never yields an empty group
    _cut_phones(person, most_phones)
    return person


def _same_debt(one: ContactRow, other: ContactRow) -> bool:
    return (one.amount_minor, one.due_on) == (other.amount_minor, other.due_on)


def _contradiction(row: ContactRow, known: ContactRow, column: str, staging: Staging) -> RejectedRow:
    fault = Fault(column=column, value=row.title_id or "", reason=Reason.TITLE_CONFLICT, other=str(known.row))
    return RejectedRow(row=row.row, faults=(fault,), cells=staging.cells(row.row))


def _first(row: ContactRow) -> _Person:
    return _Person(
        first=row,
        rows=[row.row],
        phones=list(row.phones),
        amount_minor=row.amount_minor,
        due_on=row.due_on,
        days_overdue=row.days_overdue,
        name=row.name,
        texts=dict(row.texts),
        warnings=[replace(w, row=row.row) for w in row.warnings],
    )


def _join(person: _Person, row: ContactRow, name_column: str) -> None:
    person.rows.append(row.row)
    person.phones.extend(p for p in row.phones if p not in person.phones)
    person.amount_minor = _either(person.amount_minor, row.amount_minor, lambda a, b: a + b)
    person.due_on = _either(person.due_on, row.due_on, min)
    person.days_overdue = _either(person.days_overdue, row.days_overdue, max)
    if person.name and row.name and disagree(person.name, row.name):
        fault = Fault(column=name_column, value=person.name, reason=Reason.NAMES_DISAGREE, other=row.name, row=row.row)
        person.warnings.append(fault)
    person.name = person.name or row.name
    person.texts = row.texts | person.texts
    if len(person.warnings) < _WARNINGS_KEPT:
        known = {(w.column, w.value, w.reason) for w in person.warnings}
        person.warnings.extend(
            replace(w, row=row.row) for w in row.warnings if (w.column, w.value, w.reason) not in known
        )


def _either(one: Any, other: Any, both: Callable[[Any, Any], Any]) -> Any:
    if one is None or other is None:
        return other if one is None else one
    return both(one, other)


def _cut_phones(person: _Person, most: int) -> None:
    for phone in person.phones[most:]:
        person.warnings.append(Fault(column="", value=phone, reason=Reason.TOO_MANY_PHONES, row=person.first.row))
    del person.phones[most:]


def _document(person: _Person) -> dict[str, Any]:
    return {
        "national_id": person.first.national_id,
        "name": person.name,
        "phones": person.phones,
        "amount_minor": person.amount_minor,
        "due_on": person.due_on.isoformat() if person.due_on else None,
        "days_overdue": person.days_overdue,
        "texts": person.texts,
        "variables": person.first.variables,
        "rows": person.rows,
        "warnings": [w.to_document() for w in person.warnings[:_WARNINGS_KEPT]],
    }


def contact_of(document: dict[str, Any], currency: str) -> Contact:
    """The contact that `merge` wrote."""
    texts = document["texts"]
    return Contact(
        national_id=document["national_id"],
        name=document["name"],
        phones=tuple(document["phones"]),
        amount_minor=document["amount_minor"],
        currency=currency,
        due_on=date.fromisoformat(document["due_on"]) if document["due_on"] else None,
        days_overdue=document["days_overdue"],
        titles=len(document["rows"]),
        email=texts.get("email"),
        address=texts.get("address"),
        city=texts.get("city"),
        region=texts.get("region"),
        variables=document["variables"],
        first_row=document["rows"][0],
        rows=tuple(document["rows"]),
        warnings=tuple(Fault.from_document(w) for w in document["warnings"]),
    )
