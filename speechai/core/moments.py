"""A day and a time of day in somebody's own words, Spanish or English: "mañana a las 5", "el lunes en la tarde".

Enters a text and the local day on which it was said; leaves a `Moment`. Every word has to be understood: a rest makes
it no moment at all, since "no el lunes" must not be read as Monday. Called by `callbacks` and `captured`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from speechai.core.days import DayFault
from speechai.core.said_days import take_day
from speechai.core.said_hours import MINUTE_OF_PART, take_hour, take_named_hour, take_part, take_wait
from speechai.core.words import Words

_LONGEST = 160
_FILLER_WORDS = """
    a al el la los las lo un de del en por para que favor porfavor please y se me le dia fecha hora horario horas
    llamar llamarlo llamarla llamarle llamarme llamame llameme llamenme llamen llame llamada llamado rellamar volver
    vuelva vuelvan vuelve cliente pide pidio solicita solicito prefiere devolver contactar contactarlo contactarla
    contactarme at on the call back again me to and of in for
"""
_FILLERS = frozenset(_FILLER_WORDS.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What was said of a day and a time. None: nothing was said of it."""

    day: date | None = None
    is_range: bool = False
    """The day is the first of several that were meant ("next week")."""
    minute: int | None = None
    """Minutes after local midnight by the wall clock."""
    is_exact: bool = False
    """An hour was said, and not only a part of the day."""
    is_twofold: bool = False
    """The hour may be meant twelve hours later as well: 8 to 11 without a part of the day."""
    after: timedelta | None = None
    """A wait from the moment of speaking on ("in two hours"); then nothing else is said."""


def read_moment(text: str, *, today: date) -> Moment | None:
    """What a text says of a day and a time; None where a word of it is not understood, or it says neither."""
    if len(text) > _LONGEST:
        return None
    words = Words(text)
    after = take_wait(words)
    hour = take_hour(words)
    named = take_named_hour(words) if hour is None else None
    part = take_part(words, english=False)  # "en la mañana" is a part of the day before "mañana" is tomorrow
    said = take_day(words, today=today)
    part = part or take_part(words)
    if isinstance(said, DayFault) or words.left - _FILLERS:
        return None
    if after is not None:
        return None if hour or named or part or said else Moment(after=after)
    day, is_range = (said.day, said.is_range) if said is not None else (None, False)
    part = part or (said.part if said is not None else None)
    if hour is not None:
        minute = hour.minute_of_day(part)
        if minute is None or (hour.is_loose and day is None and hour.hour <= 12):
            return None  # "2 horas" alone may be a time or a wait
        is_twofold = hour.part is None and part is None and 8 <= hour.hour <= 11
        return Moment(day=day, is_range=is_range, minute=minute, is_exact=True, is_twofold=is_twofold)
    if named is not None:
        return Moment(day=day, is_range=is_range, minute=named[0], is_exact=named[1])
    if day is None and part is None:
        return None
    return Moment(day=day, is_range=is_range, minute=MINUTE_OF_PART.get(part) if part else None)
