"""The rules of a contact policy one by one: how each is read from a file or an override, and which value is stricter.

Enter values as TOML gives them; leave checked ones. Called by `speechai.catalogue.policies` alone. `stricter` does not
depend on the order of its two values, and "looser" follows from it: a value is looser than another where the stricter
of the two is not itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from typing import Any

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED = "closed"
NO_LIMIT = "none"
"""How an override takes a limit away; TOML has no null."""
MOST_QUIET_DAYS = 30
"""What a person's record remembers is 31 local days; a longer quiet time could not be held."""
DELAY_CLASSES = ("no_answer", "other")
_DAY = 24 * 60


class PhoneOrder(StrEnum):
    """Which of a contact's numbers is dialled next."""

    IN_TURN = "in_turn"
    """Each attempt goes to the number after the last one tried."""
    FIRST_UNTIL_BAD = "first_until_bad"
    """The first number that is still callable, until it is declared bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One day's opening in minutes after local midnight, start included, end excluded."""

    start_minute: int
    end_minute: int

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.start_minute, self.end_minute))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One field of a policy. `read` raises ValueError or TypeError in words for the operator."""

    read: Callable[[Any], Any]
    stricter: Callable[[Any, Any], Any]
    protects: bool = True
    """False where the field only paces the work: no value of it is looser than another."""
    merge: Callable[[Any, Any], Any] | None = None
    """How an override enters a table of which it names a part; None: it replaces the value."""

    def replaced(self, before: Any, given: Any) -> Any:
        """The value after an override, as TOML writes it. Raises ValueError or TypeError."""
        value = self.read(given)
        return value if self.merge is None else self.merge(before, value)

    def loosens(self, before: Any, after: Any) -> bool:
        """True where `after` allows something that `before` does not."""
        return self.protects and bool(self.stricter(before, after) != after)


def read_hours(table: Mapping[str, Any]) -> dict[int, Hours | None]:
    """The days that the table names, None for a closed one."""
    return {_weekday(day): None if text == CLOSED else _hours(text) for day, text in table.items()}


def _merged_hours(kept: dict[int, Hours], given: dict[int, Hours | None]) -> dict[int, Hours]:
    both = {**kept, **given}
    return {day: hours for day in sorted(both) if (hours := both[day]) is not None}


def _common_hours(a: dict[int, Hours], b: dict[int, Hours]) -> dict[int, Hours]:
    common = {}
    for day in sorted(a.keys() & b.keys()):
        start, end = max(a[day].start_minute, b[day].start_minute), min(a[day].end_minute, b[day].end_minute)
        if start < end:
            common[day] = Hours(start_minute=start, end_minute=end)
    return common


def _common_waves(a: tuple[time, ...], b: tuple[time, ...]) -> tuple[time, ...]:
    """The waves of both; where no wave is common, those of one: a campaign needs some, and neither protects anybody."""
    return tuple(sorted(set(a) & set(b))) or min(a, b, key=lambda waves: (len(waves), waves))


def _longer_delays(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    return {name: max(a.get(name, 0), b.get(name, 0)) for name in DELAY_CLASSES if name in a or name in b}


def _merged_delays(kept: Mapping[str, int], given: Mapping[str, int | None]) -> dict[str, int]:
    return {name: minutes for name, minutes in {**kept, **given}.items() if minutes is not None}


def _less_of(a: int | None, b: int | None) -> int | None:
    """None is no limit."""
    return min((limit for limit in (a, b) if limit is not None), default=None)


def read_count(value: Any) -> int:
    """A whole number of 1 or more."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not a whole number of 1 or more")
    return value


def read_flag(value: Any) -> bool:
    """True or false, and no word for it."""
    if type(value) is not bool:
        raise ValueError(f"{value!r} is not true or false")
    return value


def _limit(value: Any) -> int | None:
    return None if value is None or value == NO_LIMIT else read_count(value)


def _from_zero(most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"{value!r} is not a whole number from 0 to {most}")
        return value

    return read


def _order(value: Any) -> PhoneOrder:
    if value not in list(PhoneOrder):
        raise ValueError(f"{value!r} is none of {', '.join(PhoneOrder)}")
    return PhoneOrder(value)


def _delays(value: Mapping[str, Any]) -> dict[str, int | None]:
    if unknown := set(value) - set(DELAY_CLASSES):
        raise ValueError(f"unknown delays {sorted(unknown)}; known are: {', '.join(DELAY_CLASSES)}")
    return {name: _limit(minutes) for name, minutes in value.items()}


def _waves(value: Any) -> tuple[time, ...]:
    if isinstance(value, str):
        raise TypeError(f"waves {value!r}: must be a list of times")
    return tuple(sorted({_wave(text) for text in value}))


def _wave(text: str) -> time:
    wave = time.fromisoformat(text)
    if wave != time(wave.hour, wave.minute):
        raise ValueError(f"wave {text!r}: hours and minutes only")
    return wave


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        raise ValueError(f"weekday {name!r}: one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(name)


def _hours(text: str) -> Hours:
    start, _, end = text.partition("-")
    hours = Hours(start_minute=_minute(start), end_minute=_minute(end))
    if not 0 <= hours.start_minute < hours.end_minute <= _DAY:
        raise ValueError(f"hours {text!r}: the start must be before the end, within one day")
    return hours


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    if not (hour.isdecimal() and minute.isdecimal() and int(minute) < 60):
        raise ValueError(f"{text!r} is not a time of day as HH:MM")
    return int(hour) * 60 + int(minute)


_fewest = Rule(read=read_count, stricter=min)
_fewest_or_none = Rule(read=_limit, stricter=_less_of)
_either = Rule(read=read_flag, stricter=lambda a, b: a or b)

ALL_HOURS = {day: Hours(start_minute=0, end_minute=_DAY) for day in range(7)}
RULES: Mapping[str, Rule] = {
    "hours": Rule(read=read_hours, stricter=_common_hours, merge=_merged_hours),
    "closed_on_holidays": _either,
    "waves": Rule(read=_waves, stricter=_common_waves, protects=False),
    "people_a_day": _fewest,
    "attempts_a_day": _fewest,
    "attempts_a_week": _fewest_or_none,
    "phone_attempts_a_day": _fewest_or_none,
    "phone_attempts_a_week": _fewest_or_none,
    "contacts_a_week": _fewest_or_none,
    "quiet_days": Rule(read=_from_zero(MOST_QUIET_DAYS), stricter=max),
    "minutes_between_attempts": Rule(read=_from_zero(7 * _DAY), stricter=max),
    "silent_days": _fewest,
    "attempts_a_job": _fewest_or_none,
    "delays_minutes": Rule(read=_delays, stricter=_longer_delays, merge=_merged_delays),
    # In turn spreads the calls over the numbers; neither order allows a call that the other forbids.
    "phone_order": Rule(read=_order, stricter=lambda a, b: a if a == b else PhoneOrder.IN_TURN, protects=False),
    "voicemail_is_contact": _either,
    "callback_lifts": Rule(read=read_flag, stricter=lambda a, b: a and b),
}
"""Every field that a preset sets and that an account or a batch may override."""
