"""Times of day as people say them, Spanish and English, as minutes after midnight by the wall clock.

Enters the `Words` of a text; takes from them the hour ("a las cinco y media", "half past five"), the part of the day
("en la tarde") and the wait ("en dos horas") that they hold. Called by `moments`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from speechai.core.words import Words


class Part(StrEnum):
    """A part of the day; with an hour it says which of two is meant."""

    NIGHT = "night"
    """After midnight: "de la madrugada", "am"."""
    MORNING = "morning"
    AFTERNOON = "afternoon"
    EVENING = "evening"


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidHour:
    """An hour as it was said: the figures, and whether they alone might as well be a wait ("2 horas")."""

    hour: int
    minute: int
    part: Part | None
    until: int | None = None
    is_loose: bool = False

    def minute_of_day(self, part_of_day: Part | None) -> int | None:
        """Minutes after midnight; `part_of_day` is what was said of it elsewhere. None: there is no such time."""
        part = self.part or part_of_day
        start = clock(self.hour, 0, part)
        if start is None:
            return None
        minute = start + self.minute
        if self.until is not None and part is not None:
            # "entre las 11 y las 3 de la tarde": the part of the day is said of the end.
            end = clock(self.until, 0, part)
            minute -= 12 * 60 if end is not None and minute >= end else 0
        return minute if 0 <= minute < 24 * 60 else None


MINUTE_OF_PART = {Part.MORNING: 10 * 60, Part.AFTERNOON: 15 * 60, Part.EVENING: 19 * 60}
"""Ours: the minute that a part of the day stands for where no hour was said."""

_PARTS = {
    "madrugada": Part.NIGHT,
    "am": Part.NIGHT,
    "manana": Part.MORNING,
    "morning": Part.MORNING,
    "tarde": Part.AFTERNOON,
    "afternoon": Part.AFTERNOON,
    "pm": Part.AFTERNOON,
    "noche": Part.EVENING,
    "evening": Part.EVENING,
    "night": Part.EVENING,
}
_FRACTIONS = {"media": 30, "half": 30, "cuarto": 15, "quarter": 15}

_HOUR = r"(?P<hour>\d{1,2})"
_PART = r"(?P<part>madrugada|manana|tarde|noche|morning|afternoon|evening|night)"
_OF_PART = rf"(?: ?(?P<half>am|pm)| (?:(?:de|en|por|a) la|in the|at) {_PART})?"
_COLON = r"(?:[:.](?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?)"
_MINUTES = (
    rf"(?:{_COLON}| (?P<bare>[0-5]\d)| y (?P<past>media|cuarto|\d{{1,2}})| menos (?P<to>cuarto|\d{{1,2}})| en punto)?"
)
_HRS = r"(?: ?(?:horas|hora|hrs|hr|hs|h|o clock|oclock))?"
_AT = r"(?:(?:a|para|desde|despues de|tipo|sobre|hacia|alrededor de|como a|como|de|around|about|by|at|after|from) )?"
_HOURS = tuple(
    re.compile(rf"(?<![\w:/.-]){pattern}(?![\w:/-])")
    for pattern in (
        rf"entre (?:las? )?{_HOUR}{_COLON}?{_HRS} y (?:las? )?(?P<until>\d{{1,2}})(?::[0-5]\d)?{_HRS}{_OF_PART}",
        rf"between {_HOUR}{_COLON}? and (?P<until>\d{{1,2}})(?::[0-5]\d)?{_OF_PART}",
        rf"(?:1 )?(?P<to>cuarto|\d{{1,2}}) para las? {_HOUR}{_OF_PART}",
        rf"(?:at )?(?:a )?(?P<to>quarter|\d{{1,2}}) to {_HOUR}{_OF_PART}",
        rf"(?:at )?(?:a )?(?P<past>half|quarter|\d{{1,2}}) past {_HOUR}{_OF_PART}",
        rf"{_AT}las? {_HOUR}{_MINUTES}{_HRS}{_OF_PART}",
        rf"{_AT}{_HOUR}:(?P<minute>[0-5]\d)(?::[0-5]\d(?:\.\d+)?)?{_HRS}{_OF_PART}",
        rf"{_AT}{_HOUR} ?(?P<half>am|pm)",
        rf"{_AT}{_HOUR} ?(?:o clock|oclock){_OF_PART}",
        rf"{_HOUR} ?(?P<loose>h|hrs|hs|horas){_OF_PART}",
        rf"{_AT}{_HOUR}(?: y (?P<past>media|cuarto))? de la {_PART}",
        rf"(?:at|around|after) {_HOUR}{_OF_PART}",
    )
)
_NAMED = tuple(
    (re.compile(rf"\b(?:{pattern})\b"), minute, is_exact)
    for pattern, minute, is_exact in (
        (r"(?:(?:al|a|del|de) )?medio ?dia|(?:at )?(?:noon|midday)", 12 * 60, True),
        (r"(?:a )?media tarde", 16 * 60 + 30, False),
        (r"(?:a|en) (?:la )?(?:primera|1ra|1a) hora|temprano|first thing|early", 9 * 60, False),
    )
)
_OF_DAY = re.compile(rf"\b(?:(?:en|por|de|a) la|(?:in|during) the) {_PART}\b")
_ENGLISH_PART = re.compile(r"\b(?P<part>morning|afternoon|evening)\b")

_IN = r"(?:(?:en|dentro de|de aqui a|in|within) )"
_MORE = r"(?: mas)?"
_WAITS = tuple(
    (re.compile(rf"\b{pattern}\b"), minutes)
    for pattern, minutes in (
        (rf"{_IN}?(?:media hora|half (?:an? |1 )?hour){_MORE}", 30),
        (rf"{_IN}(?:1 )?hora y media{_MORE}", 90),
        (rf"{_IN}(?:an?|1) hour and (?:an? |1 )?half", 90),
        (rf"{_IN}(?:1 )?cuarto de hora{_MORE}", 15),
        (rf"{_IN}3 cuartos de hora{_MORE}", 45),
    )
)
_COUNTED_WAITS = tuple(
    re.compile(rf"\b{pattern}\b")
    for pattern in (
        rf"{_IN}(?:(?:los|las|the) )?(?:(?:proximos|proximas|next) )?(?P<count>\d{{1,3}}|an?) "
        rf"(?:(?P<hours>horas?|hrs?|hours?)(?: y (?P<half>media))?|(?:minutos?|mins?|minutes?)){_MORE}",
        r"(?P<count>\d{1,3}) (?:(?P<hours>horas?|hrs?|hours?)(?: y (?P<half>media))?|(?:minutos?|mins?|minutes?)) mas",
        r"(?P<count>\d{1,3}|an?) (?:(?P<hours>hours?)|minutes?) from now",
        r"(?P<count>\d{1,3}) (?:minutos|mins|minutes)",
    )
)


def take_hour(words: Words) -> SaidHour | None:
    """The first hour that is said in figures or words of numbers."""
    for pattern in _HOURS:
        if found := words.take(pattern):
            groups = found.groupdict()
            named, until = groups.get("half") or groups.get("part"), groups.get("until")
            minutes = groups.get("minute") or groups.get("bare") or groups.get("past")
            return SaidHour(
                hour=int(found["hour"]),
                minute=_minutes(minutes) - _minutes(groups.get("to")),
                part=_PARTS[named] if named else None,
                until=int(until) if until else None,
                is_loose=groups.get("loose") is not None,
            )
    return None


def take_named_hour(words: Words) -> tuple[int, bool] | None:
    """Noon, or a loose expression such as "temprano": the minute that it stands for, and whether it is exact."""
    return next(((minute, is_exact) for pattern, minute, is_exact in _NAMED if words.take(pattern)), None)


def take_part(words: Words, *, english: bool = True) -> Part | None:
    """A part of the day: "en la tarde", or "afternoon" alone; never "mañana" alone, which is a day."""
    for pattern in (_OF_DAY, _ENGLISH_PART) if english else (_OF_DAY,):
        if found := words.take(pattern):
            return _PARTS[found["part"]]
    return None


def take_wait(words: Words) -> timedelta | None:
    """Minutes and hours from the moment of speaking on."""
    for pattern, minutes in _WAITS:
        if words.take(pattern):
            return timedelta(minutes=minutes)
    for counted in _COUNTED_WAITS:
        if found := words.take(counted):
            groups = found.groupdict()
            count = int(found["count"]) if found["count"].isdigit() else 1
            if groups.get("hours"):
                return timedelta(minutes=60 * count + (30 if groups.get("half") else 0))
            return timedelta(minutes=count)
    return None


def hour_text(value: int | float | str) -> str:
    """What an agent wrote down as an hour, as a text for `read_hour`; "" for a number of more than four figures."""
    return value if isinstance(value, str) else repr(value) if abs(value) < 10_000 else ""


def read_hour(text: str) -> int | None:
    """The minute of the day of a text that stands where only a time is asked for: '17', '17.30', '1730', '10 hrs'."""
    figures = text.strip().lower()
    if match := re.fullmatch(r"([0-9]{1,2})(?:[.,]0)?\s*(h|hr|hrs|hs|horas?)?\.?", figures):
        is_wait = match[2] is not None and int(match[1]) < 8  # "2 horas" is rather how long to wait
        return None if is_wait else clock(int(match[1]), 0, None)
    if match := re.fullmatch(r"([0-9]{1,2})(?:\s?[.:h]\s?|(?<=[0-9]{2}))([0-5][0-9])(?:\s*(?:h|hrs|hs))?\.?", figures):
        return clock(int(match[1]), int(match[2]), None)
    return None


def clock(hour: int, minute: int, part: Part | None) -> int | None:
    """The minute of the day; without a part of the day a bare 1 to 7 is in the afternoon. None: no such time."""
    if part is None:
        hour += 12 if 1 <= hour <= 7 else 0
    elif hour == 12:
        if part is Part.EVENING:
            return None  # which midnight is not said
        hour = 0 if part is Part.NIGHT else 12
    elif 1 <= hour <= 11 and part in (Part.AFTERNOON, Part.EVENING):
        hour += 12
    return hour * 60 + minute if 0 <= hour <= 23 and 0 <= minute <= 59 else None


def _minutes(word: str | None) -> int:
    if word is None:
        return 0
    return _FRACTIONS[word] if word in _FRACTIONS else int(word)
