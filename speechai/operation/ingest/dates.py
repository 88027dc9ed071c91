"""A cell becomes a local day, or the reason why it is none.

The forms that a text may have are those of `speechai.core.days`, day first; here stands what a cell of a sheet may hold
besides: a date of Excel, its serial number, placeholders. Called by `contacts`.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from speechai.core.days import YEARS_AHEAD, DayFault, day_of, read_written_day
from speechai.operation.ingest.model import Cell
from speechai.operation.ingest.placeholders import is_placeholder
from speechai.operation.ingest.reasons import Reason

EARLIEST_YEAR = 1980
"""No title of a portfolio fell due earlier; an 'Excel date' of 1900 is an empty cell with a date's format."""

_EXCEL_EPOCH = date(1899, 12, 30)
_SERIALS = range(25_000, 80_000)
"""Excel's day numbers from 1968 to 2119; the range of years above then decides."""
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_SERIAL = re.compile(r"(\d{5})(?:[.,]\d+)?")
_REASONS = {fault: Reason(f"date_{fault}") for fault in DayFault}


def read_date(cell: Cell, *, today: date) -> date | Reason | None:
    """The day; None for an empty cell; a Reason where it does not exist, cannot be read or is out of range."""
    if cell is None:
        return None
    if isinstance(cell, datetime):
        found: date | DayFault | None = cell.date()
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
    if isinstance(found, DayFault):
        return _REASONS[found]
    if found is not None and not EARLIEST_YEAR <= found.year <= today.year + YEARS_AHEAD:
        return Reason.DATE_OUT_OF_RANGE
    return found


def _from_number(value: int | float) -> date | DayFault:
    """Excel's serial, or the digits of a day such as 20261231."""
    if not 0 <= value < 10**8:  # also NaN
        return DayFault.UNREADABLE
    whole = int(value)
    if whole in _SERIALS:
        return _EXCEL_EPOCH + timedelta(days=whole)
    if value == whole and (match := _COMPACT.fullmatch(str(whole))):
        return day_of(match[1], match[2], match[3])
    return DayFault.OUT_OF_RANGE if whole < 10**6 else DayFault.UNREADABLE


def _from_text(text: str, today: date) -> date | DayFault | None:
    if is_placeholder(text) or not text.strip("0-/."):
        return None
    if match := _SERIAL.fullmatch(text):
        return _from_number(int(match[1]))
    return read_written_day(text, today=today)
