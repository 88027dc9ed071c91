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
        policy = Policy(
            name=name,
            title=table["title"],
            source=table["source"],
            hours={WEEKDAYS.index(day): _hours(text) for day, text in table["hours"].items()},
            closed_on_holidays=table["closed_on_holidays"],
            waves=tuple(sorted(time.fromisoformat(text) for text in table["waves"])),
            people_a_day=table["people_a_day"],
            attempts_a_day=table["attempts_a_day"],
            silent_days=table["silent_days"],
            simulator_only=table.get("simulator_only", False),
        )
    except KeyError as missing:
        raise ConfigurationError(f"{where}: {missing} is missing") from None
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if not policy.hours or not policy.waves or min(policy.people_a_day, policy.attempts_a_day, policy.silent_days) < 1:
        raise ConfigurationError(f"{where}: needs hours, waves and counts of 1 or more")
    return policy


def _hours(text: str) -> Hours:
    start, _, end = text.partition("-")
    hours = Hours(start_minute=_minute(start), end_minute=_minute(end))
    if not 0 <= hours.start_minute < hours.end_minute <= 24 * 60:
        raise ValueError(f"hours {text!r}: the start must be before the end, within one day")
    return hours


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)
