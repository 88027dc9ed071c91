"""Days as people say them, Spanish and English: "el viernes", "pasado mañana", "el 3 de diciembre", "fin de mes".

Enters the `Words` of a text and the local day on which they were said; takes from them the day that they name. A date
without a year and a weekday lie in the future: the next one, a weekday never being today. Called by `moments`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from speechai.core.days import DayFault, day_of, full_year, month_of, weekday_of
from speechai.core.said_hours import Part
from speechai.core.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidDay:
    """A day; `is_range`: the first of several that were meant. `part` is said with it in "esta tarde"."""

    day: date
    is_range: bool = False
    part: Part | None = None


_NEXT_MONTH = r"(?:del? |of )?(?:(?:el )?(?:proximo mes|mes (?:que viene|entrante|siguiente|proximo))|next month)"
_THIS_MONTH = r"(?:de |of )?(?:este mes|mes en curso|(?:el )?presente mes|this month)"
_NEXT_WEEK = (
    r"(?:(?:de|en) )?(?:la )?"
    r"(?:proxima semana|otra semana|semana (?:que viene|siguiente|entrante|proxima)|next week)"
)
_MONTH = (
    r"(?P<month>ene(?:ro)?|feb(?:rero)?|mar(?:zo)?|abr(?:il)?|mayo?|jun(?:io)?|jul(?:io)?|ago(?:sto)?"
    r"|sep(?:t|tiembre)?|set(?:iembre)?|oct(?:ubre)?|nov(?:iembre)?|dic(?:iembre)?"
    r"|jan(?:uary)?|february|march|apr(?:il)?|june|july|aug(?:ust)?|september|october|november|dec(?:ember)?)"
)
_YEAR = r"(?: (?:del? (?:ano )?)?(?P<year>20\d{2}))?"
_DOM = r"(?P<dom>\d{1,2})"
_NOT_A_TIME = r"\b(?![:.]\d)"
_NAME = (
    r"(?:lunes|martes|miercoles|jueves|viernes|sabado|domingo"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)"
)
_ISO = re.compile(r"(?<![\w/-])(?P<year>20\d{2})[-/](?P<month>\d{1,2})[-/](?P<dom>\d{1,2})(?![\w/-])")
_FIGURES = re.compile(rf"(?<![\w:/.-]){_DOM}([-/.])(?P<month>\d{{1,2}})(?:\2(?P<year>20\d{{2}}|\d{{2}}))?(?![\w:/-])")
_DAY_AND_MONTH = re.compile(
    rf"\b(?:(?:el|dia|the|on) )*{_DOM}[ -](?:(?:de|of) )?{_MONTH}\b(?:-(?P<dashed>20\d{{2}}|\d{{2}})\b)?{_YEAR}"
)
_MONTH_AND_DAY = re.compile(rf"\b(?:on )?{_MONTH} (?:the )?{_DOM}{_NOT_A_TIME}{_YEAR}")
_LAST = re.compile(
    r"\b(?:(?:a|al|el|para|hasta|by|at|on|the) )*(?:fin(?:al)?|end|ultimo dia|last day) (?:del? |of )(?:(?:el|the) )?"
    rf"(?:(?P<next>{_NEXT_MONTH})|(?P<this>{_THIS_MONTH})|(?P<whole>mes|month|ano|year)|{_MONTH}{_YEAR})\b"
)
_WEEKDAY_AND_DAY = re.compile(rf"\b(?P<name>{_NAME}) (?:(?:el|the) )?{_DOM}{_NOT_A_TIME}")
_DAY_OF_MONTH = re.compile(
    rf"\b(?:el dia|el|dia|(?:on )?the) {_DOM}{_NOT_A_TIME}(?: (?:(?P<next>{_NEXT_MONTH})|(?P<this>{_THIS_MONTH})))?"
)
_WEEKDAY = re.compile(
    rf"\b(?:(?:el|proximo|dia|on|next|coming|(?P<this>este|this)) )*(?P<name>{_NAME})\b"
    rf"(?: (?:que viene|proximo|siguiente|(?P<week>{_NEXT_WEEK})))?"
)
_WEEK = re.compile(rf"\b{_NEXT_WEEK}\b")
_WEEKEND = re.compile(r"\b(?:(?:el|este|en el|proximo|on|this|the|next) )*(?:fin de semana|weekend)\b")
_IN_DAYS = tuple(
    re.compile(rf"\b{pattern}\b")
    for pattern in (
        r"(?:en|dentro de|de aqui a|in|within) (?P<count>\d{1,3}|an?) "
        r"(?P<unit>dias?|days?|semanas?|weeks?|mes|meses|months?)(?: mas)?",
        r"(?P<count>\d{1,3}) (?P<unit>dias?|semanas?|mes|meses) mas",
        r"(?P<count>\d{1,3}|an?) (?P<unit>days?|weeks?|months?) from (?:now|today)",
    )
)
_OFFSETS = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), days, part)
    for pattern, days, part in (
        (r"(?:the )?day after tomorrow|pasado manana", 2, None),
        (r"esta (?:misma )?manana|this morning", 0, Part.MORNING),
        (r"esta (?:misma )?tarde|this afternoon", 0, Part.AFTERNOON),
        (r"esta (?:misma )?noche|this evening|tonight", 0, Part.EVENING),
        (r"manana|tomorrow", 1, None),
        (r"hoy(?: (?:mismo|dia))?|today", 0, None),
    )
)


def take_day(words: Words, *, today: date) -> SaidDay | DayFault | None:
    """The day that is named; None where none is, a fault where there is no such day or a weekday contradicts it."""
    dated = _dated(words, today)
    if isinstance(dated, DayFault):
        return dated
    if dated is None and words.take(_WEEKEND):
        return SaidDay(day=_after(today, 5), is_range=True)
    found = words.take(_WEEKDAY)
    if found is not None:
        return _weekday(found, dated, words, today)
    if dated is not None:
        return SaidDay(day=dated)
    if words.take(_WEEK):
        return SaidDay(day=_after(today, 0), is_range=True)
    return _offset(words, today)


def _weekday(found: re.Match[str], dated: date | None, words: Words, today: date) -> SaidDay | DayFault:
    weekday = weekday_of(found["name"])
    if dated is not None:
        return SaidDay(day=dated) if dated.weekday() == weekday else DayFault.IMPOSSIBLE
    if found["week"] or words.take(_WEEK):
        return SaidDay(day=_after(today, 0) + timedelta(days=weekday))
    if found["this"] and weekday == today.weekday():
        return DayFault.UNREADABLE  # today, or in a week?
    return SaidDay(day=_after(today, weekday))


def _dated(words: Words, today: date) -> date | DayFault | None:
    """A day that is named by its number."""
    if found := words.take(_ISO):
        return day_of(found["year"], found["month"], found["dom"])
    if found := words.take(_FIGURES):
        return _in_year(found["year"], int(found["month"]), int(found["dom"]), today)
    if found := words.take(_DAY_AND_MONTH):
        return _in_year(found["year"] or found["dashed"], month_of(found["month"]) or 0, int(found["dom"]), today)
    if found := words.take(_MONTH_AND_DAY):
        return _in_year(found["year"], month_of(found["month"]) or 0, int(found["dom"]), today)
    if found := words.take(_LAST):
        return _last_day(found, today)
    if found := words.find(_WEEKDAY_AND_DAY):
        words.cut(found.end("name"), found.end())
        return _day_of_month(int(found["dom"]), today, next_=False, this=False)
    if found := words.take(_DAY_OF_MONTH):
        return _day_of_month(int(found["dom"]), today, next_=bool(found["next"]), this=bool(found["this"]))
    return None


def _in_year(year: str | None, month: int, dom: int, today: date) -> date | DayFault:
    """Without a year: the next such day, today included; the 29th of February comes at the latest in eight years."""
    if year is not None:
        return day_of(full_year(year, today), str(month), str(dom))
    candidates = (day_of(str(today.year + years), str(month), str(dom)) for years in range(9))
    return next((day for day in candidates if isinstance(day, date) and day >= today), DayFault.IMPOSSIBLE)


def _day_of_month(dom: int, today: date, *, next_: bool, this: bool) -> date | DayFault:
    first = today.replace(day=1)
    if next_ or (not this and dom < today.day):
        first = _months_on(first, 1)
    return day_of(str(first.year), str(first.month), str(dom))


def _last_day(found: re.Match[str], today: date) -> date:
    if found["whole"] in ("ano", "year"):
        return date(today.year, 12, 31)
    if found["month"]:
        month = month_of(found["month"]) or 0
        first = date(int(found["year"] or today.year + (month < today.month)), month, 1)
    else:
        first = _months_on(today.replace(day=1), 1 if found["next"] else 0)
    return first.replace(day=monthrange(first.year, first.month)[1])


def _offset(words: Words, today: date) -> SaidDay | DayFault | None:
    for pattern in _IN_DAYS:
        if found := words.take(pattern):
            count, unit = int(found["count"]) if found["count"].isdigit() else 1, found["unit"][:3]
            if unit in ("dia", "day"):
                return SaidDay(day=today + timedelta(days=count))
            if unit in ("sem", "wee"):
                return SaidDay(day=today + timedelta(weeks=count))
            return SaidDay(day=_months_on(today, count))
    for offset, days, part in _OFFSETS:
        if words.take(offset):
            return SaidDay(day=today + timedelta(days=days), part=part)
    return None


def _after(today: date, weekday: int) -> date:
    """The first such weekday after today."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _months_on(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
