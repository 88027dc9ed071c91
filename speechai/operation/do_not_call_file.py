"""A file of people who are not to be called becomes subjects of the do-not-call list, row by row.

Enters a workbook or CSV with columns of phones, national ids or both, found by the aliases of the ingest on every
visible sheet; leaves a `Line` for each row that is not blank. Nothing is guessed: what cannot be read is a fault of its
line, and the rest of the line holds all the same. Called by `do_not_call`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from speechai.errors import InputError
from speechai.operation.ingest.aliases import Aliases, load_aliases
from speechai.operation.ingest.contacts import broken_cell, is_blank
from speechai.operation.ingest.model import Cell, Fault, Limits, Meaning, cell_text
from speechai.operation.ingest.national_ids import read_national_id
from speechai.operation.ingest.phones import read_phones
from speechai.operation.ingest.reading import Sheet, Source, open_source
from speechai.operation.ingest.reasons import Reason

_HEADER_ROWS = 30
"""A header is looked for in the first rows of a sheet, as the ingest of contacts does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is not to be called: a telephone (E.164) or a person by national id, in canonical form; one is set."""

    number: str | None = None
    country: str | None = None
    national_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row: whom it names, and what of it could not be read, each fault with its row."""

    subjects: tuple[Subject, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Where a sheet names people. Columns are positions from 0 on, `row` is the header's as Excel shows it."""

    sheet: Sheet
    row: int
    header: tuple[str, ...]
    phones: tuple[int, ...]
    national_id: int | None
    check_digit: int | None


class WishFile:
    """An open file of wishes."""

    def __init__(self, source: Source, country: str, allowed: Sequence[str]) -> None:
        self._source, self._country, self._allowed = source, country, tuple(allowed)
        aliases = load_aliases()
        sheets = (_columns(source, sheet, aliases) for sheet in source.sheets if sheet.visible)
        self._sheets = [columns for columns in sheets if columns is not None]
        if not self._sheets:
            names = ", ".join([*aliases.names(Meaning.PHONE)[:3], *aliases.names(Meaning.NATIONAL_ID)[:3]])
            raise InputError(
                f"{source.path.name} has no column of phones or national ids: give its first row a name as {names}."
            )

    def lines(self) -> Iterator[Line]:
        """Every row below the headers. Raises InputError where the file is damaged further down."""
        for columns in self._sheets:
            for number, cells in enumerate(self._source.rows(columns.sheet), start=1):
                if number > columns.row and not is_blank(cells):
                    yield self._line(columns, number, cells)

    def _line(self, columns: _Columns, row: int, cells: Sequence[Cell]) -> Line:
        padded = (*cells, *[None] * (len(columns.header) - len(cells)))
        found: list[Subject | Fault] = []
        for place in columns.phones:
            found += self._phones(columns, row, place, padded[place])
        if columns.national_id is not None:
            found += self._national_id(columns, row, columns.national_id, padded)
        if not found:
            place = columns.phones[0] if columns.phones else columns.national_id or 0
            found.append(self._fault(columns, row, place, padded[place], Reason.MISSING))
        return Line(
            subjects=tuple(one for one in found if isinstance(one, Subject)),
            faults=tuple(one for one in found if isinstance(one, Fault)),
        )

    def _phones(self, columns: _Columns, row: int, place: int, cell: Cell) -> Iterator[Subject | Fault]:
        if (broken := broken_cell(cell)) is not None:
            yield self._fault(columns, row, place, cell, broken)
            return
        for found in read_phones(cell, country=self._country, allowed=self._allowed):
            if found.e164 is not None:
                yield Subject(number=found.e164)
            elif found.reason is not None:
                yield self._fault(columns, row, place, found.text, found.reason)

    def _national_id(self, columns: _Columns, row: int, place: int, cells: Sequence[Cell]) -> Iterator[Subject | Fault]:
        digit = cells[columns.check_digit] if columns.check_digit is not None else None
        found = broken_cell(cells[place]) or read_national_id(cells[place], country=self._country, check_digit=digit)
        if isinstance(found, Reason):
            yield self._fault(columns, row, place, cells[place], found)
        elif found is not None:
            yield Subject(country=self._country, national_id=found)

    def _fault(self, columns: _Columns, row: int, place: int, cell: Cell, reason: Reason) -> Fault:
        name = columns.header[place]
        where = f"{columns.sheet.name}: {name}" if len(self._sheets) > 1 else name
        return Fault(column=where, value=cell_text(cell), reason=reason, row=row)


def read_subjects(text: str, *, country: str, allowed: Sequence[str]) -> tuple[list[Subject], list[Reason]]:
    """What one word can mean, as a phone and as a national id; where nothing, why not."""
    subjects, reasons = [], []
    for phone in read_phones(text, country=country, allowed=tuple(allowed)):
        if phone.e164 is not None:
            subjects.append(Subject(number=phone.e164))
        elif phone.reason is not None:
            reasons.append(phone.reason)
    national_id = read_national_id(text, country=country)
    if isinstance(national_id, Reason):
        reasons.append(national_id)
    elif national_id is not None:
        subjects.append(Subject(country=country, national_id=national_id))
    return subjects, reasons


@contextmanager
def open_wishes(path: Path, *, country: str, allowed: Sequence[str], limits: Limits) -> Iterator[WishFile]:
    """The file, open. Raises InputError where it cannot be used or no sheet has a column of phones or ids."""
    with open_source(path, limits) as source:
        yield WishFile(source, country, allowed)


def _columns(source: Source, sheet: Sheet, aliases: Aliases) -> _Columns | None:
    """The row among the first thirty that names the most phones and ids; None where no row names one."""
    best: _Columns | None = None
    for number, cells in enumerate(islice(source.rows(sheet), _HEADER_ROWS), start=1):
        header = tuple(" ".join(cell_text(cell).split()) for cell in cells)
        claims = {place: claim for place, name in enumerate(header) if (claim := aliases.claim(name))}
        phones = tuple(place for place, claim in claims.items() if claim.meaning is Meaning.PHONE)
        ids = sorted((claim.rank, place) for place, claim in claims.items() if claim.meaning is Meaning.NATIONAL_ID)
        digits = [place for place, claim in claims.items() if claim.meaning is Meaning.CHECK_DIGIT]
        if not phones and not ids:
            continue
        found = _Columns(
            sheet=sheet,
            row=number,
            header=header,
            phones=phones,
            national_id=ids[0][1] if ids else None,
            check_digit=digits[0] if digits else None,
        )
        if best is None or _weight(found) > _weight(best):
            best = found
    return best


def _weight(columns: _Columns) -> int:
    return len(columns.phones) + (columns.national_id is not None)
