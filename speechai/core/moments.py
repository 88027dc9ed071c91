"""A day and a time of day in somebody's own words, Spanish or English, become figures: "mañana a las 5".

Enters a text and the local day on which it was said; leaves a `Moment`. Every word has to be understood: a rest makes
it no moment at all, since "no el lunes" must not be read as Monday. Called by `callbacks` and `captured`.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from speechai.core.days import DayFault, day_of, full_year, month_of
from speechai.core.numerals import fold, in_figures

_LONGEST = 160

MORNING, NOON, AFTERNOON, EVENING = 10 * 60, 12 * 60, 15 * 60, 19 * 60
"""Ours: the minute of the day that a part of it stands for where no hour was said."""
EARLY = 9 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was said of a day and a time. None: nothing was said of it."""

    day: date | None = None
    is_range: bool = False
    """The day is the first of several that were meant ("next week")."""
    minute: int | None = None
    """Minutes after local midnight by the wall clock."""
    is_hour: bool = False
    """An hour was said, and not only a part of the day."""
    twice: bool = False
    """The hour may be meant twelve hours later as well (8 to 11 without "in the morning")."""
    after: timedelta | None = None
    """A wait from the moment of speaking on ("in two hours")."""


def read_moment(text: str, *, today: date) -> Moment | None:
    """What a text says of a day and a time; None where any word of it is not understood, or nothing is said."""
    if len(text) > _LONGEST:
        return None
    return _Reader(_normal(text), today).read()


def read_hour(text: str) -> int | None:
    """The minute of the day of a text that stands where only a time is asked for: '17', '17:30', '1730', '5 pm'."""
    figures = text.strip()
    if match := re.fullmatch(r"([0-9]{1,2})(?:[.,]0+)?\s*(?:h|hr|hrs|hs|horas?)?\.?", figures.lower()):
        return _said_hour(int(match[1]), 0, None)
    if match := re.fullmatch(r"([0-9]{2})([0-9]{2})", figures):
        return _clock(int(match[1]), int(match[2]))
    if match := re.fullmatch(r"([0-9]{1,2})[.:h]([0-9]{2})", figures):
        return _said_hour(int(match[1]), int(match[2]), None)
    return None


_WEEKDAYS = {
    name: number
    for number, names in enumerate(
        (
            "lunes monday mon",
            "martes tuesday tue tues",
            "miercoles wednesday wed",
            "jueves thursday thu thurs",
            "viernes friday fri",
            "sabado sabados saturday sat",
            "domingo sunday sun",
        )
    )
    for name in names.split()
}
_PARTS = {
    "madrugada": "am",
    "manana": "morning",
    "morning": "morning",
    "tarde": "afternoon",
    "afternoon": "afternoon",
    "noche": "evening",
    "evening": "evening",
    "night": "evening",
    "am": "am",
    "pm": "pm",
}
_MINUTE_OF = {"morning": MORNING, "afternoon": AFTERNOON, "evening": EVENING}

_PART_WORDS = "madrugada|manana|tarde|noche|morning|afternoon|evening|night"
_OF_PART = rf"(?:\s*(?P<half>am|pm)|\s+(?:(?:de|en|por|a)\s+la|in\s+the|at)\s+(?P<part>{_PART_WORDS}))?"
_MINUTES = r"(?:(?:[:.h]|\s)(?P<minute>[0-5][0-9])(?::[0-5][0-9](?:\.\d+)?)?|\s+y\s+(?P<past>media|cuarto|\d{1,2})|\s+menos\s+(?P<to>cuarto|\d{1,2})|\s+en\s+punto)?"
_HRS = r"(?:\s*(?:horas|hora|hrs|hr|hs|h|o clock|oclock))?"
_AT = r"(?:a|para|desde|despues de|pasadas|tipo|sobre|hacia|alrededor de|como a|como|de|around|about|by|at|after|from)"
_TIMES = tuple(
    re.compile(rf"\b{pattern}(?![\w:/-])")
    for pattern in (
        rf"entre(?:\s+las?)?\s+(?P<hour>\d{{1,2}})(?:[:.](?P<minute>[0-5][0-9]))?{_HRS}\s+y(?:\s+las?)?\s+(?P<until>\d{{1,2}})(?:[:.][0-5][0-9])?{_HRS}{_OF_PART}",
        rf"between\s+(?P<hour>\d{{1,2}})(?::(?P<minute>[0-5][0-9]))?\s+and\s+(?P<until>\d{{1,2}})(?::[0-5][0-9])?{_OF_PART}",
        rf"(?:un\s+|1\s+|a\s+)?(?P<to>cuarto|\d{{1,2}})\s+para\s+las?\s+(?P<hour>\d{{1,2}}){_OF_PART}",
        rf"(?P<to>quarter|\d{{1,2}})\s+to\s+(?P<hour>\d{{1,2}}){_OF_PART}",
        rf"(?P<past>half|quarter|\d{{1,2}})\s+past\s+(?P<hour>\d{{1,2}}){_OF_PART}",
        rf"(?:{_AT}\s+)?las?\s+(?P<hour>\d{{1,2}}){_MINUTES}{_HRS}{_OF_PART}",
        rf"(?:{_AT}\s+)?(?P<hour>\d{{1,2}}):(?P<minute>[0-5][0-9])(?::[0-5][0-9](?:\.\d+)?)?{_HRS}{_OF_PART}",
        rf"(?:{_AT}\s+)?(?P<hour>\d{{1,2}})\s*(?P<half>am|pm)",
        rf"(?:{_AT}\s+)?(?P<hour>\d{{1,2}})\s*(?:o clock|oclock){_OF_PART}",
        rf"(?P<hour>\d{{1,2}})\s*(?P<loose>h|hrs|hs|horas){_OF_PART}",
        rf"(?P<hour>\d{{1,2}})(?:\s+y\s+(?P<past>media|cuarto))?\s+de\s+la\s+(?P<part>{_PART_WORDS})",
        r"(?:at|around|after)\s+(?P<hour>\d{1,2})" + _OF_PART,
    )
)
_NAMED_TIMES = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), minute)
    for pattern, minute in (
        (r"(?:(?:al|a|del|de)\s+)?medio\s*dia|(?:at\s+)?(?:noon|midday)", NOON),
        (r"a\s+media\s+tarde|media\s+tarde", 16 * 60 + 30),
        (r"(?:a|en)\s+(?:la\s+)?(?:primera|1ra|1a)\s+hora|temprano|first\s+thing|early", EARLY),
    )
)
_OF_DAY = re.compile(rf"\b(?:en|por|de|a|in|during)\s+(?:la|the)\s+(?P<part>{_PART_WORDS})\b")
_ENGLISH_PART = re.compile(r"\b(?P<part>morning|afternoon|evening)\b")

_UNITS = r"(?P<unit>minutos?|mins?|minutes?|horas?|hrs?|hours?|dias?|days?|semanas?|weeks?|mes|meses|months?)"
_HALF_HOURS = (
    (re.compile(r"\b(?:(?:en|dentro de|in|within)\s+)?(?:media\s+hora|half\s+(?:an?\s+|1\s+)?hour)(?:\s+mas)?\b"), 30),
    (re.compile(r"\b(?:en|dentro de)\s+(?:1\s+)?hora\s+y\s+media(?:\s+mas)?\b"), 90),
    (re.compile(r"\bin\s+(?:an?|1)\s+hour\s+and\s+(?:an?\s+|1\s+)?half\b"), 90),
    (re.compile(r"\b(?:en|dentro de)\s+(?:un\s+|1\s+)?cuarto\s+de\s+hora(?:\s+mas)?\b"), 15),
    (re.compile(r"\b(?:en|dentro de)\s+3\s+cuartos\s+de\s+hora(?:\s+mas)?\b"), 45),
)
_AFTER = tuple(
    re.compile(rf"\b{pattern}\b")
    for pattern in (
        rf"(?:en|dentro de|de aqui a|in|within)\s+(?:los\s+|las\s+|the\s+)?(?:proxim[oa]s\s+|next\s+)?(?P<count>\d{{1,3}}|an?)\s+{_UNITS}(?:\s+y\s+(?P<half>media))?(?:\s+mas)?",
        rf"(?P<count>\d{{1,3}})\s+{_UNITS}\s+mas",
        rf"(?P<count>\d{{1,3}}|an?)\s+{_UNITS}\s+from\s+(?:now|today)",
        r"(?:(?:en|dentro de)\s+)?(?P<count>\d{1,3})\s+(?P<unit>minutos|mins|minutes)",
    )
)
_MINUTES_OF = {"min": 1, "hor": 60, "hou": 60, "hr": 60, "hrs": 60}
_DAYS_OF = {"dia": 1, "day": 1, "sem": 7, "wee": 7}

_NEXT_MONTH = (
    r"(?:del?\s+)?(?:(?:el\s+)?(?:proximo\s+mes|mes\s+(?:que\s+viene|entrante|siguiente|proximo))|next\s+month)"
)
_THIS_MONTH = r"(?:de\s+)?(?:este\s+mes|mes\s+en\s+curso|(?:el\s+)?presente\s+mes|this\s+month)"
_NEXT_WEEK = r"(?:(?:de|en)\s+)?(?:la\s+)?(?:proxima\s+semana|otra\s+semana|semana\s+(?:que\s+viene|siguiente|entrante|proxima)|next\s+week)"
_MONTH_NAME = r"(?P<month>ene(?:ro)?|feb(?:rero)?|mar(?:zo)?|abr(?:il)?|mayo?|jun(?:io)?|jul(?:io)?|ago(?:sto)?|set(?:iembre)?|sept?(?:iembre)?|oct(?:ubre)?|nov(?:iembre)?|dic(?:iembre)?|january|jan|february|march|april|apr|june|july|august|aug|september|october|november|december|dec)"
_YEAR = r"(?:\s+(?:del?\s+)?(?P<year>20\d{2}))?"

_ISO_DAY = re.compile(r"(?<![\w/-])(?P<year>20\d{2})[-/](?P<month>\d{1,2})[-/](?P<dom>\d{1,2})(?:t(?=\d)|(?![\w/-]))")
_FIGURES_DAY = re.compile(
    r"(?<![\w:/.-])(?P<dom>\d{1,2})([-/.])(?P<month>\d{1,2})(?:\2(?P<year>20\d{2}|\d{2}))?(?![\w:/-])"
)
_NAMED_DAY = re.compile(
    rf"\b(?:el\s+|dia\s+|the\s+|on\s+)*(?P<dom>\d{{1,2}})[\s-]+(?:de\s+|of\s+)?{_MONTH_NAME}\b(?:-(?P<dashed>20\d{{2}}|\d{{2}})\b)?{_YEAR}"
)
_MONTH_FIRST = re.compile(rf"\b(?:on\s+)?{_MONTH_NAME}\s+(?:the\s+)?(?P<dom>\d{{1,2}})\b(?!:){_YEAR}")
_DAY_OF_MONTH = re.compile(
    rf"\b(?:el\s+dia|el|dia|the|on\s+the)\s+(?P<dom>\d{{1,2}})\b(?![:.]\d)(?:\s+(?:(?P<next>{_NEXT_MONTH})|(?P<this>{_THIS_MONTH})))?"
)
_END = re.compile(
    rf"\b(?:(?:a|al|el|para|hasta|by|at|on)\s+)*(?:the\s+)?(?:fin(?:al)?|end|ultimo\s+dia|last\s+day)\s+(?:del?|of)\s+(?:(?:the|el)\s+)?"
    rf"(?:(?P<next>{_NEXT_MONTH})|(?P<this>{_THIS_MONTH})|(?P<whole>mes|month|ano|year)|{_MONTH_NAME}{_YEAR})\b"
)
_WEEKDAY_NAME = r"(?P<weekday>lunes|martes|miercoles|jueves|viernes|sabado|domingo|monday|mon|tuesday|tues?|wednesday|wed|thursday|thurs?|friday|fri|saturday|sat|sunday|sun)"
_WEEKDAY = re.compile(
    rf"\b(?:(?:el|este|proximo|dia|on|this|next|coming)\s+)*{_WEEKDAY_NAME}\b(?:\s+(?:que\s+viene|proximo|siguiente|(?P<week>{_NEXT_WEEK})))?"
)
_WEEKDAY_AND_DAY = re.compile(rf"\b(?P<name>{_WEEKDAY_NAME})\s+(?:el\s+|the\s+)?(?P<dom>\d{{1,2}})\b(?![:.]\d)")
_WEEK = re.compile(rf"\b{_NEXT_WEEK}\b")
_WEEKEND = re.compile(r"\b(?:(?:el|este|en\s+el|proximo|on|this|the|next)\s+)*(?:fin\s+de\s+semana|weekend)\b")
_OFFSETS = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), days, part)
    for pattern, days, part in (
        (r"(?:the\s+)?day\s+after\s+tomorrow|pasado\s+manana", 2, None),
        (r"esta\s+(?:misma\s+)?manana|this\s+morning", 0, "morning"),
        (r"esta\s+(?:misma\s+)?tarde|this\s+afternoon", 0, "afternoon"),
        (r"esta\s+(?:misma\s+)?noche|this\s+evening|tonight", 0, "evening"),
        (r"manana|tomorrow", 1, None),
        (r"hoy(?:\s+(?:mismo|dia))?|today", 0, None),
    )
)
_FILLERS = frozenset(
    [
        "a",
        "al",
        "el",
        "la",
        "los",
        "las",
        "lo",
        "un",
        "de",
        "del",
        "en",
        "por",
        "para",
        "que",
        "favor",
        "porfavor",
        "please",
        "llamar",
        "llamarlo",
        "llamarla",
        "llamarle",
        "llamarme",
        "llamame",
        "llameme",
        "llamenme",
        "llamen",
        "llame",
        "llamada",
        "llamado",
        "rellamar",
        "volver",
        "vuelva",
        "vuelvan",
        "vuelve",
        "se",
        "me",
        "le",
        "y",
        "cliente",
        "pide",
        "pidio",
        "solicita",
        "solicito",
        "prefiere",
        "dia",
        "fecha",
        "hora",
        "horario",
        "horas",
        "at",
        "on",
        "the",
        "call",
        "back",
        "again",
        "me",
        "to",
        "and",
        "of",
        "in",
        "for",
        "devolver",
        "contactar",
        "contactarlo",
        "contactarla",
        "contactarme",
    ]
)


class _Reader:
    """Takes what it understands out of the text, the longest forms first, until only fillers may remain."""

    def __init__(self, text: str, today: date) -> None:
        self._text = f" {text} "
        self._today = today
        self._part: str | None = None

    def read(self) -> Moment | None:
        """The moment, or None where a word is left over or two statements contradict each other."""
        after = self._wait()
        hour = None if isinstance(after, timedelta) else self._hour()
        named_minute = None if hour else self._named_time()
        day, is_range = self._day()
        for pattern in (_OF_DAY, _ENGLISH_PART):
            if self._part is None and (found := self._take(pattern)):
                self._part = _PARTS[found["part"]]
        if set(self._text.split()) - _FILLERS or isinstance(day, DayFault):
            return None
        if isinstance(after, date):
            if day is not None:
                return None
            day, after = after, None
        if after is not None:
            alone = day is None and named_minute is None and self._part is None
            return Moment(after=after) if alone else None
        if hour is not None:
            return self._with_hour(hour, day, is_range)
        minute = named_minute if named_minute is not None else _MINUTE_OF.get(self._part or "")
        if day is None and minute is None:
            return None
        return Moment(day=day, is_range=is_range, minute=minute, is_hour=named_minute == NOON)

    def _with_hour(self, said: re.Match[str], day: date | None, is_range: bool) -> Moment | None:
        groups = said.groupdict()
        named, hour = groups.get("half") or groups.get("part"), int(groups["hour"])
        part = _PARTS[named] if named else self._part
        minute = _said_hour(hour, int(groups.get("minute") or 0), part)
        if minute is None or (groups.get("loose") and day is None and hour <= 12):
            return None  # "2 horas" alone may be a time or a wait
        minute += _past(groups.get("past")) - _past(groups.get("to"))
        if groups.get("until") and part is not None:
            # "entre las 11 y las 3 de la tarde": the part of the day is said of the end.
            end = _said_hour(int(groups["until"]), 0, part)
            minute -= 12 * 60 if end is not None and minute >= end else 0
        if not 0 <= minute < 24 * 60:
            return None
        twice = part is None and 8 <= hour <= 11
        return Moment(day=day, is_range=is_range, minute=minute, is_hour=True, twice=twice)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.search(self._text)
        if match:
            self._text = f"{self._text[: match.start()]} {self._text[match.end() :]}"
        return match

    def _wait(self) -> timedelta | date | None:
        """ "in two hours" as a span, "in two weeks" as a day."""
        for pattern, minutes in _HALF_HOURS:
            if self._take(pattern):
                return timedelta(minutes=minutes)
        for pattern in _AFTER:
            if found := self._take(pattern):
                count = int(found["count"]) if found["count"].isdigit() else 1
                half = found.groupdict().get("half") is not None
                unit = found["unit"][:3]
                if each := _MINUTES_OF.get(unit):
                    return timedelta(minutes=count * each + (each // 2 if half else 0))
                if half or count == 0:
                    self._text += " ?"
                    return None
                days = _DAYS_OF.get(unit)
                return self._today + timedelta(days=count * days) if days else _months_on(self._today, count)
        return None

    def _hour(self) -> re.Match[str] | None:
        return next((found for pattern in _TIMES if (found := self._take(pattern))), None)

    def _named_time(self) -> int | None:
        return next((minute for pattern, minute in _NAMED_TIMES if self._take(pattern)), None)

    def _day(self) -> tuple[date | DayFault | None, bool]:
        """The day that was said, and whether it is the first of several; a weekday beside a date has to agree."""
        explicit = self._explicit_day()
        if explicit is None and self._take(_WEEKEND):
            return _next_weekday(self._today, 5), True
        found = self._take(_WEEKDAY)
        if found is None:
            if explicit is None and self._take(_WEEK):
                return _next_weekday(self._today, 0), True
            return explicit or self._offset_day(), False
        weekday = _WEEKDAYS[found["weekday"]]
        if isinstance(explicit, date):
            return (explicit if explicit.weekday() == weekday else DayFault.IMPOSSIBLE), False
        if explicit is not None:
            return explicit, False
        if found["week"] or self._take(_WEEK):
            return _next_weekday(self._today, 0) + timedelta(days=weekday), False
        return _next_weekday(self._today, weekday), False

    def _explicit_day(self) -> date | DayFault | None:
        if found := self._take(_ISO_DAY):
            return day_of(found["year"], found["month"], found["dom"])
        if found := self._take(_FIGURES_DAY):
            return self._in_year(found["year"], int(found["month"]), int(found["dom"]))
        if found := self._take(_NAMED_DAY):
            return self._in_year(found["year"] or found["dashed"], month_of(found["month"]) or 0, int(found["dom"]))
        if found := self._take(_MONTH_FIRST):
            return self._in_year(found["year"], month_of(found["month"]) or 0, int(found["dom"]))
        if found := self._take(_END):
            return self._end_of(found)
        if found := _WEEKDAY_AND_DAY.search(self._text):
            self._text = self._text[: found.end("name")] + self._text[found.end() :]
            return self._day_of_month(int(found["dom"]))
        if found := self._take(_DAY_OF_MONTH):
            return self._day_of_month(int(found["dom"]), next_=bool(found["next"]), this=bool(found["this"]))
        return None

    def _in_year(self, year: str | None, month: int, dom: int) -> date | DayFault:
        """Without a year: the next such day, today included."""
        if year is not None:
            return day_of(full_year(year, self._today), str(month), str(dom))
        for candidate in range(self._today.year, self._today.year + 5):  # the 29th of February comes every four
            day = day_of(str(candidate), str(month), str(dom))
            if isinstance(day, date) and day >= self._today:
                return day
        return DayFault.IMPOSSIBLE

    def _day_of_month(self, dom: int, *, next_: bool = False, this: bool = False) -> date | DayFault:
        first = self._today.replace(day=1)
        if next_ or (not this and dom < self._today.day):
            first = _months_on(first, 1)
        return day_of(str(first.year), str(first.month), str(dom))

    def _end_of(self, found: re.Match[str]) -> date | DayFault:
        if found["whole"] in ("ano", "year"):
            return date(self._today.year, 12, 31)
        if found["month"]:
            month = month_of(found["month"]) or 0
            year = int(found["year"] or self._today.year + (month < self._today.month))
            return date(year, month, monthrange(year, month)[1])
        first = _months_on(self._today.replace(day=1), 1 if found["next"] else 0)
        return date(first.year, first.month, monthrange(first.year, first.month)[1])

    def _offset_day(self) -> date | None:
        # "en la mañana" is a part of the day, "mañana" is tomorrow.
        if self._part is None and (found := self._take(_OF_DAY)):
            self._part = _PARTS[found["part"]]
        for pattern, days, part in _OFFSETS:
            if self._take(pattern):
                self._part = self._part or part
                return self._today + timedelta(days=days)
        return None


def _normal(text: str) -> str:
    """Folded, numbers in figures, ordinals without their endings, signs that mean nothing here as spaces."""
    folded = fold(text)
    folded = re.sub(r"\b([ap])\.?\s?m\b\.?", r"\1m", folded)
    folded = re.sub(r"(?<=\d)(?:st|nd|rd|th|ro|er|do|°|º)\b", "", folded)
    folded = re.sub(r"\bprimero\b", "1", folded)
    folded = re.sub(r"o'\s?clock", "oclock", folded)
    folded = re.sub(r"[^a-z0-9:/.\-\s]|\.(?!\d)|(?<!\d)\.|(?<![a-z0-9])-|-(?![a-z0-9])", " ", folded)
    return " ".join(in_figures(folded).split())


def _past(word: str | None) -> int:
    if word is None:
        return 0
    return {"media": 30, "half": 30, "cuarto": 15, "quarter": 15}.get(word) or int(word)


def _said_hour(hour: int, minute: int, part: str | None) -> int | None:
    """The minute of the day; without a part of the day a bare 1 to 7 is meant in the afternoon."""
    if part is None:
        return _clock(hour + 12 if 1 <= hour <= 7 else hour, minute)
    if hour > 12 or hour == 0:
        return _clock(hour, minute)
    if part in ("am", "morning"):
        return _clock(0 if hour == 12 and part == "am" else hour, minute)
    if hour == 12:
        return None if part == "evening" else _clock(12, minute)  # which midnight is not said
    return _clock(hour + 12, minute)


def _clock(hour: int, minute: int) -> int | None:
    return hour * 60 + minute if 0 <= hour <= 23 and 0 <= minute <= 59 else None


def _next_weekday(today: date, weekday: int) -> date:
    """The first such day after today."""
    return today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)


def _months_on(day: date, months: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
