"""Days as people and programs write them: figures in any usual order, names of months, ISO with or without a time.

Day before month, always; a year in front (2026-12-31) is the one other order. A year of two digits is of this century
up to ten years from today, of the last one beyond. Called by the ingest for cells and by `moments` for what was said.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum

from speechai.core.numerals import fold

YEARS_AHEAD = 10
"""No title of a portfolio falls due later."""

_TIME = r"(?:[T\s]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:\s*(?:[ap]\.?\s?m\.?|z|[+-]\d{2}:?\d{2}))?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}", re.IGNORECASE)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})([-/. ])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}", re.IGNORECASE)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NAMED = re.compile(r"(?:[a-z]+,?\s+)?(\d{1,2})[\s./-]+(?:de\s+)?([a-z]{3,10})[\s./,-]+(?:del?\s+)?(\d{4}|\d{2})")
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("ene jan", "feb", "mar", "abr apr", "may", "jun", "jul", "ago aug", "sep set", "oct", "nov", "dic dec"),
        start=1,
    )
    for name in names.split()
}
_WEEKDAYS = {
    name: number
    for number, names in enumerate(("lu mo", "ma tu", "mi we", "ju th", "vi fr", "sa", "do su"))
    for name in names.split()
}


class DayFault(StrEnum):
    """Why something is no day."""

    UNREADABLE = "unreadable"
    IMPOSSIBLE = "impossible"
    """It has the form of a day, and there is no such day."""
    OUT_OF_RANGE = "out_of_range"


def read_written_day(text: str, *, today: date) -> date | DayFault:
    """The day that a text is, whole and with its year; the range of years is the caller's business."""
    if match := _YEAR_FIRST.fullmatch(text):
        return day_of(match[1], match[2], match[3])
    if match := _DAY_FIRST.fullmatch(text):
        return day_of(full_year(match[4], today), match[3], match[1])
    if match := _COMPACT.fullmatch(text):
        return day_of(match[1], match[2], match[3])
    if (match := _NAMED.fullmatch(fold(text).replace(" .", "."))) and (month := month_of(match[2])):
        return day_of(full_year(match[3], today), str(month), match[1])
    return DayFault.UNREADABLE


def month_of(name: str) -> int | None:
    """1 to 12 for the folded name of a month in Spanish or English, or its first letters."""
    return _MONTHS.get(name[:3])


def weekday_of(name: str) -> int:
    """0 (Monday) to 6 for the folded name of a weekday in Spanish or English, or its first letters."""
    return _WEEKDAYS[name[:2]]


def full_year(year: str, today: date) -> str:
    """'26' as '2026'; a year of four digits as it is."""
    if len(year) == 4:
        return year
    century = today.year - today.year % 100
    full = century + int(year)
    return str(full if full <= today.year + YEARS_AHEAD else full - 100)


def day_of(year: str, month: str, day: str) -> date | DayFault:
    """The day of three figures, or IMPOSSIBLE."""
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return DayFault.IMPOSSIBLE
