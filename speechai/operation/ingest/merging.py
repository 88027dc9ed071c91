"""Staged rows become one contact a person: balances summed, titles counted, phones united.

The person is the national id, else the first phone. The same title twice is a duplicate; with another balance or due
date it is rejected, for nobody may be told a sum that is a guess. Called by `run.ingest_file` once the file is read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

from speechai.operation.ingest.contacts import ContactRow
from speechai.operation.ingest.model import Contact, Fault, RejectedRow
from speechai.operation.ingest.names import disagree
from speechai.operation.ingest.reasons import Reason
from speechai.operation.ingest.staging import Staging

_T = TypeVar("_T")
_WARNINGS_KEPT = 20
_PHONES_REMEMBERED = 50
"""Of one person, before the limit of the run cuts them: a broken list may give thousands of rows one national id."""


@dataclass(slots=True)
class Tally:
    """What merging found, as it goes; `warnings` are those that only several rows together show."""

    accepted: int = 0
    merged: int = 0
    duplicate: int = 0
    rejected: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headers:
    """The headers that the reasons of this module name."""

    title: str
    name: str
    phone: str


def merge(staging: Staging, headers: Headers, *, most_phones: int, on_progress: Callable[[int, int], None]) -> Tally:
    """Write the contacts of people with several rows into `staging`, rejecting titles that contradict themselves.

    `on_progress` is called for each such row with its place and their number. Called once a run.
    """
    people, expected = staging.gather()
    tally = Tally(accepted=people)
    done = 0
    for _, group in groupby(staging.repeated(), key=itemgetter(0)):
        merger = _Merger(staging, headers, tally)
        for _, row, digest in group:
            merger.take(row, digest)
            done += 1
            on_progress(done, expected)
        merger.settle(most_phones)
    if shared := staging.shared_phones():
        tally.warnings[Reason.SHARED_PHONE.value] = shared
    return tally


class _Merger:
    """One person's rows, taken one after another. The first always stays, so every person of the file has a contact."""

    def __init__(self, staging: Staging, headers: Headers, tally: Tally) -> None:
        self._staging = staging
        self._headers = headers
        self._tally = tally
        self._digests: set[bytes] = set()
        self._titles: dict[str, ContactRow] = {}
        self._rows: list[int] = []
        self._person: ContactRow | None = None

    def take(self, row: ContactRow, digest: bytes) -> None:
        """Join, drop as a duplicate, or reject."""
        known = self._titles.get(row.title_id) if row.title_id else None
        if digest in self._digests or (known is not None and _same_debt(known, row)):
            self._tally.duplicate += 1
            return
        if known is not None:
            self._staging.reject(_contradiction(row, known, self._headers.title, self._staging))
            self._tally.rejected += 1
            return
        self._digests.add(digest)
        self._rows.append(row.row)
        if row.title_id:
            self._titles[row.title_id] = row
        if self._person is None:
            self._person = row
        else:
            self._tally.merged += 1
            self._person = self._joined(self._person, row)

    def settle(self, most_phones: int) -> None:
        """Write the contact."""
        person = self._person
        if person is None:
            return
        extra = tuple(
            Fault(column=self._headers.phone, value=phone, reason=Reason.TOO_MANY_PHONES, row=person.row)
            for phone in person.phones[most_phones:]
        )
        if extra:
            self._tally.warnings[Reason.TOO_MANY_PHONES.value] += len(extra)
            warnings = (*person.warnings, *extra)[:_WARNINGS_KEPT]
            person = replace(person, phones=person.phones[:most_phones], warnings=warnings)
        self._staging.add_merged(person, self._rows)

    def _joined(self, person: ContactRow, row: ContactRow) -> ContactRow:
        known = {(w.column, w.value, w.reason) for w in person.warnings}
        fresh = [w for w in row.warnings if (w.column, w.value, w.reason) not in known]
        if person.name and row.name and disagree(person.name, row.name):
            fault = Fault(
                column=self._headers.name,
                value=person.name,
                reason=Reason.NAMES_DISAGREE,
                other=row.name,
                row=row.row,
            )
            self._tally.warnings[Reason.NAMES_DISAGREE.value] += 1
            fresh.append(fault)
        return replace(
            person,
            name=person.name or row.name,
            phones=(*person.phones, *(p for p in row.phones if p not in person.phones))[:_PHONES_REMEMBERED],
            amount_minor=_either(person.amount_minor, row.amount_minor, sum),
            due_on=_either(person.due_on, row.due_on, min),
            days_overdue=_either(person.days_overdue, row.days_overdue, max),
            texts=row.texts | person.texts,
            warnings=(*person.warnings, *fresh)[:_WARNINGS_KEPT],
        )


def _same_debt(one: ContactRow, other: ContactRow) -> bool:
    return (one.amount_minor, one.due_on) == (other.amount_minor, other.due_on)


def _contradiction(row: ContactRow, known: ContactRow, column: str, staging: Staging) -> RejectedRow:
    fault = Fault(column=column, value=row.title_id or "", reason=Reason.TITLE_CONFLICT, other=str(known.row))
    return RejectedRow(row=row.row, faults=(fault,), cells=staging.cells(row.row))


def _either(one: _T | None, other: _T | None, both: Callable[[Iterable[_T]], _T]) -> _T | None:
    if one is None or other is None:
        return other if one is None else one
    return both((one, other))


def contact_of(person: ContactRow, rows: tuple[int, ...], currency: str) -> Contact:
    """The contact as the caller gets it."""
    return Contact(
        national_id=person.national_id,
        name=person.name,
        phones=person.phones,
        amount_minor=person.amount_minor,
        currency=currency,
        due_on=person.due_on,
        days_overdue=person.days_overdue,
        titles=len(rows),
        email=person.texts.get("email"),
        address=person.texts.get("address"),
        city=person.texts.get("city"),
        region=person.texts.get("region"),
        variables=person.variables,
        first_row=person.row,
        rows=rows,
        warnings=person.warnings,
    )
