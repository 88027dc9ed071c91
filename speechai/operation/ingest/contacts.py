"""One row of cells becomes a row of a contact, or a rejected row with every fault it has.

A row is judged whole: all faults are listed at once, so that an operator corrects it in one go. A faulty phone is only
a warning while another one is good. Called by `run.ingest_file` for each row below the header.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeVar

from speechai.operation.ingest.amounts import read_amount
from speechai.operation.ingest.columns import Layout
from speechai.operation.ingest.dates import read_date
from speechai.operation.ingest.model import Cell, Fault, IngestSpec, Meaning, RejectedRow, cell_text
from speechai.operation.ingest.names import LONGEST, read_name, with_surname
from speechai.operation.ingest.national_ids import read_national_id
from speechai.operation.ingest.phones import read_phones
from speechai.operation.ingest.placeholders import is_excel_error, is_placeholder
from speechai.operation.ingest.reasons import Reason
from speechai.operation.ingest.text import clean

_T = TypeVar("_T")
_LONGEST_VARIABLE = 500
_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]{2,}")
_DAYS_TEXT = re.compile(r"([+-]?\d{1,5})(?:[.,]0+)?(?:\s*d[ií]as?)?")
_DAYS = range(-3_650, 20_000)
_TEXT_MEANINGS = (Meaning.TITLE_ID, Meaning.INSTALMENT, Meaning.ADDRESS, Meaning.CITY, Meaning.REGION)
_MISSING = {
    Meaning.NATIONAL_ID: Reason.NATIONAL_ID_MISSING,
    Meaning.NAME: Reason.NAME_MISSING,
    Meaning.AMOUNT: Reason.AMOUNT_MISSING,
    Meaning.DUE_ON: Reason.DATE_MISSING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRow:
    """A row that can be called, before it is merged with others of the same person."""

    row: int
    national_id: str | None
    name: str | None
    phones: tuple[str, ...]
    amount_minor: int | None
    due_on: date | None
    days_overdue: int | None
    title_id: str | None
    texts: dict[str, str]
    """email, address, city, region: those that are there."""
    variables: dict[str, str]
    warnings: tuple[Fault, ...]


@dataclass(slots=True)
class _Draft:
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)


class RowReader:
    """Reads rows by one layout. `today` is the local day of the run; it dates what has no column of days overdue."""

    def __init__(self, layout: Layout, spec: IngestSpec, today: date) -> None:
        self._layout = layout
        self._spec = spec
        self._today = today
        self._width = len(layout.header)
        self._single = {m: places[0] for m, places in layout.columns.items()}
        self._required = spec.required
        self._text_meanings = tuple(m for m in _TEXT_MEANINGS if m in self._single)

    def read(self, row: int, cells: Sequence[Cell]) -> ContactRow | RejectedRow:
        """Judge one row that is not blank. `row` is its number in the sheet."""
        padded = tuple(map(_unmarked, cells[: self._width])) + (None,) * (self._width - len(cells))
        draft = _Draft()
        spec = self._spec
        check_digit = self._cell(padded, Meaning.CHECK_DIGIT)
        national_id = self._value(
            padded,
            Meaning.NATIONAL_ID,
            draft,
            lambda c: read_national_id(c, country=spec.country, check_digit=check_digit),
        )
        name = self._name(padded, draft)
        phones = self._phones(padded, draft)
        amount = self._value(padded, Meaning.AMOUNT, draft, lambda c: read_amount(c, currency=spec.currency))
        if amount == 0 and Meaning.AMOUNT in self._required:
            self._fault(draft, padded, Meaning.AMOUNT, Reason.AMOUNT_ZERO)
        due_on = self._value(padded, Meaning.DUE_ON, draft, lambda c: read_date(c, today=self._today))
        days = self._value(padded, Meaning.DAYS_OVERDUE, draft, read_days)
        if days is None and due_on is not None:
            days = (self._today - due_on).days
        texts = self._texts(padded, draft)
        if draft.faults:
            return RejectedRow(row=row, faults=tuple(draft.faults), cells=padded)
        title = texts.pop(Meaning.TITLE_ID, None)
        instalment = texts.pop(Meaning.INSTALMENT, None)
        return ContactRow(
            row=row,
            national_id=national_id,
            name=name,
            phones=phones,
            amount_minor=amount,
            due_on=due_on,
            days_overdue=days,
            title_id=f"{title}/{instalment}" if title and instalment else title,
            texts=texts,
            variables=self._variables(padded, title, instalment),
            warnings=tuple(draft.warnings),
        )

    def _cell(self, cells: tuple[Cell, ...], meaning: Meaning) -> Cell:
        place = self._single.get(meaning)
        return None if place is None else cells[place]

    def _value(
        self, cells: tuple[Cell, ...], meaning: Meaning, draft: _Draft, read: Callable[[Cell], _T | Reason | None]
    ) -> _T | None:
        """What a reader makes of the cell; a fault is noted, also where a required value is missing."""
        place = self._single.get(meaning)
        if place is None:
            return None
        cell = cells[place]
        found = broken_cell(cell) or read(cell)
        if found is None and meaning in self._required:
            found = _MISSING.get(meaning, Reason.MISSING)
        if isinstance(found, Reason):
            self._fault(draft, cells, meaning, found, str(LONGEST) if found is Reason.NAME_TOO_LONG else "")
            return None
        return found

    def _name(self, cells: tuple[Cell, ...], draft: _Draft) -> str | None:
        name = self._value(cells, Meaning.NAME, draft, read_name)
        for place in self._layout.columns.get(Meaning.SURNAME, ()):
            surname = read_name(cells[place])
            if isinstance(surname, Reason):
                draft.faults.append(self._at(place, cells[place], surname))
            elif surname and name:
                name = with_surname(name, surname)
        return name

    def _phones(self, cells: tuple[Cell, ...], draft: _Draft) -> tuple[str, ...]:
        """All good numbers in the order of the columns. Faulty ones are warnings, or faults where no good one is
        left."""
        good: list[str] = []
        bad: list[Fault] = []
        places = self._layout.columns[Meaning.PHONE]
        for place in places:
            cell = cells[place]
            if cell is None:
                continue
            if isinstance(cell, str) and cell.startswith("="):
                bad.append(self._at(place, cell, Reason.FORMULA))
                continue
            for result in read_phones(cell, country=self._spec.country, allowed=self._spec.allowed_phone_countries):
                if result.reason is not None:
                    bad.append(self._at(place, result.text, result.reason))
                elif result.e164 is not None and result.e164 not in good:
                    good.append(result.e164)
        most = self._spec.limits.phones
        if good:
            draft.warnings.extend(bad)
            draft.warnings.extend(self._at(places[0], phone, Reason.TOO_MANY_PHONES) for phone in good[most:])
        else:
            draft.faults.extend(bad or [self._at(places[0], cells[places[0]], Reason.NO_PHONE)])
        return tuple(good[:most])

    def _texts(self, cells: tuple[Cell, ...], draft: _Draft) -> dict[str, str]:
        texts: dict[str, str] = {}
        for meaning in self._text_meanings:
            text = self._value(cells, meaning, draft, _read_text)
            if text is not None:
                texts[meaning.value] = text
        email_place = self._single.get(Meaning.EMAIL)
        if email_place is not None and (email := _read_text(cells[email_place])) is not None:
            if _EMAIL.fullmatch(email):
                texts[Meaning.EMAIL.value] = email.lower()
            else:
                draft.warnings.append(self._at(email_place, email, Reason.EMAIL_IGNORED))
        return texts

    def _variables(self, cells: tuple[Cell, ...], title: str | None, instalment: str | None) -> dict[str, str]:
        """What the agent may say beyond the known meanings; empty cells, formulas and Excel's errors are left out."""
        variables: dict[str, str] = {}
        if title is not None:
            variables[Meaning.TITLE_ID.value] = title
        if instalment is not None:
            variables[Meaning.INSTALMENT.value] = instalment
        for place, name in self._layout.variables.items():
            cell = cells[place]
            if cell is None or cell == "" or broken_cell(cell):
                continue
            text = clean(cell) if isinstance(cell, str) else cell_text(cell)
            if text:
                variables[name] = text[:_LONGEST_VARIABLE]
        return variables

    def _fault(self, draft: _Draft, cells: tuple[Cell, ...], meaning: Meaning, reason: Reason, other: str = "") -> None:
        place = self._single[meaning]
        draft.faults.append(self._at(place, cells[place], reason, other))

    def _at(self, place: int, value: Cell, reason: Reason, other: str = "") -> Fault:
        return Fault(column=self._layout.header[place], value=cell_text(value), reason=reason, other=other)


def _unmarked(cell: Cell) -> Cell:
    """Without the apostrophe in front by which Excel, and our own exports, say that a cell is text."""
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" else cell


def broken_cell(cell: Cell) -> Reason | None:
    """A formula without a result, or one of Excel's error values; None for any other cell."""
    if not isinstance(cell, str) or cell[:1] not in ("=", "#"):
        return None
    if cell[0] == "=":
        return Reason.FORMULA
    return Reason.EXCEL_ERROR if is_excel_error(cell) else None


def is_blank(cells: Sequence[Cell]) -> bool:
    """Whether nothing stands in the row."""
    return all(c is None or (isinstance(c, str) and (not c or c.isspace())) for c in cells)


def read_days(cell: Cell) -> int | Reason | None:
    """Days overdue: a whole number, also as text ('45 días'); negative while nothing is due."""
    if isinstance(cell, float):
        if not math.isfinite(cell) or not cell.is_integer():
            return Reason.DAYS_UNREADABLE
        cell = int(cell)
    if isinstance(cell, str):
        text = cell.strip().lower()
        if is_placeholder(text):
            return None
        match = _DAYS_TEXT.fullmatch(text)
        if match is None:
            return Reason.DAYS_UNREADABLE
        cell = int(match[1])
    if cell is None:
        return None
    if isinstance(cell, bool) or not isinstance(cell, int) or cell not in _DAYS:
        return Reason.DAYS_UNREADABLE
    return cell


def _read_text(cell: Cell) -> str | None:
    return clean(cell_text(cell))[:_LONGEST_VARIABLE] or None
