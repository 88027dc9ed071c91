"""Dates written in full in an order that `moments` does not know: "Thu, 03 Dec 2026 17:30:00 GMT", "Dec 3 2026 5:30PM".

The library `dateparser` reads them, and it guesses: of "mañana a las 5" it keeps tomorrow and drops the hour, "a las 17
horas" is seventeen hours from now. So it is asked only for what holds a year and a month by name and no word that it
might drop, and its answer counts only where every figure of the text stands in it. It is imported at the first such
text: it costs 50 ms. Called by `callbacks` and `captured` after everything else.
"""

from __future__ import annotations

import re
from datetime import datetime

from speechai.core.days import month_of, weekday_of
from speechai.core.numerals import fold


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LONGEST = 60
_WORDS = re.compile(r"[a-z]+")
_YEAR = re.compile(r"(?<!\d)20\d{2}(?!\d)")
_KNOWN = _names("de del a las la el en at on the of st nd rd th am pm m p hrs hs h utc gmt z t ano")
_WEEKDAY_NAMES = _names(
    """lunes martes miercoles jueves viernes sabado domingo lun mie jue vie sab dom
    monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thurs fri sat sun"""
)
_MONTH_NAMES = _names(
    """enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre
    ene feb mar abr may jun jul ago sep sept set oct nov dic
    january february march april june july august september october november december jan apr aug dec"""
)


def read_full_date(text: str, *, local: datetime) -> datetime | None:
    """The instant (aware where the text says its offset, else naive wall time) or None; `local` is now, aware."""
    folded = fold(text)
    if len(folded) > _LONGEST or not folded.isascii() or not _YEAR.search(folded):
        return None
    words = set(_WORDS.findall(folded))
    if not words & _MONTH_NAMES or words - _KNOWN - _WEEKDAY_NAMES - _MONTH_NAMES:
        return None
    from dateparser.date import DateDataParser

    parser = DateDataParser(
        languages=["es", "en"],
        use_given_order=True,
        settings={
            "PREFER_DATES_FROM": "future",
            "RELATIVE_BASE": local.replace(tzinfo=None),
            "DATE_ORDER": "DMY",
            "TIMEZONE": "UTC",
            "STRICT_PARSING": True,
        },
    )
    try:
        found = parser.get_date_data(folded).date_obj
    except (ValueError, OverflowError, TypeError):  # what it raises for figures that are no date
        return None
    return found if found is not None and _says_all(found, folded) else None


def _says_all(found: datetime, folded: str) -> bool:
    """Whether every figure of the text is a part of the date, and each named month and the weekday are its own."""
    parts = {found.year, found.month, found.day, found.hour, found.hour % 12 or 12, found.minute, found.second, 0}
    clock = re.sub(r"[+-]\d{2}:?\d{2}$", "", folded.strip())
    if any(int(figure) not in parts for figure in re.findall(r"\d+", clock)):
        return False
    words = _WORDS.findall(folded)
    months, weekdays = [[word for word in words if word in names] for names in (_MONTH_NAMES, _WEEKDAY_NAMES)]
    if len(months) > 1 and "mar" in months:  # "mar 3 nov": martes, not marzo
        months.remove("mar")
        weekdays.append("martes")
    return {month_of(month) for month in months} == {found.month} and {weekday_of(day) for day in weekdays} <= {
        found.weekday()
    }
