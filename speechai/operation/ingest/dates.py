"""A cell becomes a local day, or the reason why it is none.

Text is read day first, always; a year in front (2026-12-31) is the one other order. A year of two digits is of this
century up to ten years from today, of the last one beyond. Called by `contacts`.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from speechai.operation.ingest.model import Cell
from speechai.operation.ingest.placeholders import is_placeholder
from speechai.operation.ingest.reasons import Reason
from speechai.operation.ingest.text import fold

EARLIEST_YEAR = 1980
YEARS_AHEAD = 10
"""No title of a portfolio falls due outside; an 'Excel date' of 1900 is an empty cell with a date's format."""

_EXCEL_EPOCH = date(1899, 12, 30)
_SERIALS = range(25_000, 80_000)
"""Excel's day numbers from 1968 to 2119; the range of years above then decides."""

_TIME = r"(?:[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*(?:[ap]\.?\s?m\.?|z|[+-]\d{2}:?\d{2}))?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})([-/. ])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}", re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"(\d{5})(?:[.,]\d+)?")
_NAMED = re.compile(r"(?:[a-z]+,?\s+)?(\d{1,2})[\s./-]+(?:de\s+)?([a-z]{3,10})[\s./,-]+(?:del?\s+)?(\d{4}|\d{2})")
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("ene jan", "feb", "mar", "abr apr", "may", "jun", "jul", "ago aug", "sep set", "oct", "nov", "dic dec"),
        start=1,
    )
    for name in names.split()
}


def read_date(cell: Cell, *, today: date) -> date | Reason | None:
    """The day; None for an empty cell; a Reason where it does not exist, cannot be read or is out of range."""
    if cell is None:
        return None
    if isinstance(cell, datetime):
        found: date | Reason | None = cell.date()
    elif isinstance(cell, date):
        found = cell
    elif isinstance(cell, bool):
        return Reason.DATE_UNREADABLE
    elif isinstance(cell, int | float):
        found = _from_number(cell)
    elif isinstance(cell, str):
        found = _from_text(cell.strip(), today)
    else:
        return Reason.DATE_UNREADABLE
    if isinstance(found, date) and not EARLIEST_YEAR <= found.year <= today.year + YEARS_AHEAD:
        return Reason.DATE_OUT_OF_RANGE
    return found


def _from_number(value: int | float) -> date | Reason:
    """Excel's serial, or the digits of a day such as 20261231."""
    if not 0 <= value < 10**8:  # also NaN
        return Reason.DATE_UNREADABLE
    whole = int(value)
    if whole in _SERIALS:
        return _EXCEL_EPOCH + timedelta(days=whole)
    if value == whole and (match := _COMPACT.fullmatch(str(whole))):
        return _day(match[1], match[2], match[3])
    return Reason.DATE_OUT_OF_RANGE if whole < 10**6 else Reason.DATE_UNREADABLE


def _from_text(text: str, today: date) -> date | Reason | None:
    if is_placeholder(text) or not text.strip("0-/."):
        return None
    if match := _YEAR_FIRST.fullmatch(text):
        return _day(match[1], match[2], match[3])
    if match := _DAY_FIRST.fullmatch(text):
        return _day(_full_year(match[4], today), match[3], match[1])
    if match := _COMPACT.fullmatch(text):
        return _day(match[1], match[2], match[3])
    if match := _SERIAL.fullmatch(text):
        return _from_number(int(match[1]))
    if (match := _NAMED.fullmatch(fold(text).replace(" .", "."))) and (month := _MONTHS.get(match[2][:3])):
        return _day(_full_year(match[3], today), str(month), match[1])
    return Reason.DATE_UNREADABLE


def _full_year(year: str, today: date) -> str:
    if len(year) == 4:
        return year
    century = today.year - today.year % 100
    full = century + int(year)
    return str(full if full <= today.year + YEARS_AHEAD else full - 100)


def _day(year: str, month: str, day: str) -> date | Reason:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return Reason.DATE_IMPOSSIBLE
