"""Contact policies: hours, days, waves and caps, from `config/catalogue/policies.toml`.

A policy is data; the decisions that read it stand in `speechai.core`. Called by whoever decides about a contact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError, UsageError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """One day's opening in minutes after local midnight, start included, end excluded."""

    start_minute: int
    end_minute: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one policy. `hours` is by weekday, 0 = Monday; a weekday that is missing is closed."""

    name: str
    title: str
    source: str
    hours: dict[int, Hours]
    closed_on_holidays: bool
    waves: tuple[time, ...]
    people_a_day: int
    attempts_a_day: int
    silent_days: int
    simulator_only: bool = False


def get_policy(name: str) -> Policy:
    """The policy called `name`. Raises UsageError naming the ones that exist."""
    policies = load_policies()
    if name not in policies:
        raise UsageError(f"there is no policy {name!r}; known are: {', '.join(sorted(policies))}")
    return policies[name]


@lru_cache(maxsize=1)
def load_policies() -> dict[str, Policy]:
    """Every policy of the catalogue by name. Raises ConfigurationError."""
    return {name: _policy(name, table) for name, table in read_catalogue("policies.toml").items()}


def _policy(name: str, table: dict[str, Any]) -> Policy:
    where = f"policy {name!r} in config/catalogue/policies.toml"
    try:
        # A misspelt `simulator_only` must not open every hour of every day to real phones.
        if unknown := set(table) - _FIELDS:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        policy = Policy(
            name=name,
            title=table["title"],
            source=table["source"],
            hours={_weekday(day): _hours(text) for day, text in table["hours"].items()},
            closed_on_holidays=_flag(table["closed_on_holidays"]),
            waves=tuple(sorted({_wave(text) for text in table["waves"]})),
            people_a_day=_count(table["people_a_day"]),
            attempts_a_day=_count(table["attempts_a_day"]),
            silent_days=_count(table["silent_days"]),
            simulator_only=_flag(table.get("simulator_only", False)),
        )
    except KeyError as missing:
        raise ConfigurationError(f"{where}: {missing} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None
    minutes = [wave.hour * 60 + wave.minute for wave in policy.waves]
    if not any(hours.start_minute <= m < hours.end_minute for hours in policy.hours.values() for m in minutes):
        raise ConfigurationError(f"{where}: needs hours and at least one wave within them")
    return policy


_FIELDS = {
    "title",
    "source",
    "hours",
    "closed_on_holidays",
    "waves",
    "people_a_day",
    "attempts_a_day",
    "silent_days",
    "simulator_only",
}


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"{value!r} is not a whole number of 1 or more")
    return value


def _flag(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{value!r} is not true or false")
    return value


def _weekday(name: str) -> int:
    if name not in WEEKDAYS:
        raise ValueError(f"weekday {name!r}: one of {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(name)


def _wave(text: str) -> time:
    wave = time.fromisoformat(text)
    if wave != time(wave.hour, wave.minute):
        raise ValueError(f"wave {text!r}: hours and minutes only")
    return wave


def _hours(text: str) -> Hours:
    start, _, end = text.partition("-")
    hours = Hours(start_minute=_minute(start), end_minute=_minute(end))
    if not 0 <= hours.start_minute < hours.end_minute <= 24 * 60:
        raise ValueError(f"hours {text!r}: the start must be before the end, within one day")
    return hours


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    if not 0 <= int(minute) < 60:
        raise ValueError(f"{text!r} is not a time of day")
    return int(hour) * 60 + int(minute)
