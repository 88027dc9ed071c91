"""When a caller number rests: the rules of `config/catalogue/callers.toml`.

Enters nothing, leaves the rules and what a call's outcome row says about the number that it came from. Read by the
decisions in `speechai.core.callers` and by whoever notes a call's end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.catalogue.outcomes import OutcomeRow, load_outcomes
from speechai.errors import ConfigurationError

LARGEST_WINDOW = 200
"""Most results that one number's document holds: about 20 KB, read and written with each call that it placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRule:
    """One rule; the fields are explained at the head of the TOML file."""

    name: str
    title: str
    reasons: frozenset[str]
    window: int
    within_hours: int
    least_calls: int
    share_percent: int
    rest_minutes: int

    @property
    def rest(self) -> timedelta:
        """How long the number rests."""
        return timedelta(minutes=self.rest_minutes)

    @property
    def memory(self) -> timedelta:
        """How old a call may be that still counts."""
        return timedelta(hours=self.within_hours)


@lru_cache(maxsize=1)
def load_rest_rules() -> tuple[RestRule, ...]:
    """Every rule of the catalogue, in the file's order. Raises ConfigurationError."""
    return read_rules(read_catalogue("callers.toml"))


def read_rules(content: Mapping[str, Any]) -> tuple[RestRule, ...]:
    """The rules in a file's `content`, in its order. Raises ConfigurationError naming the rule, field and value."""
    return tuple(_rule(name, table) for name, table in content.items())


@lru_cache(maxsize=1)
def kept_results() -> int:
    """How many results of a number the widest window asks for. Raises ConfigurationError."""
    return max((rule.window for rule in load_rest_rules()), default=1)


def says_of_the_caller(row: OutcomeRow) -> bool:
    """True where a call that ended as `row` counts for or against its caller number. Raises ConfigurationError."""
    return failure_of(row) is not None or row.contact or row.silent


def failure_of(row: OutcomeRow) -> str | None:
    """The reason under which the call counts as a failure of its caller number; None where it does not.

    Raises ConfigurationError.
    """
    return row.reason if any(row.reason in rule.reasons for rule in load_rest_rules()) else None


def _rule(name: str, table: Any) -> RestRule:
    where = f"[{name}] in config/catalogue/callers.toml"
    try:
        rule = _read(name, table)
    except KeyError as missing:
        raise ConfigurationError(f"{where}: {missing} is missing") from None
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None
    if rule.least_calls > rule.window:
        raise ConfigurationError(f"{where}: least_calls {rule.least_calls} never fit into a window of {rule.window}")
    return rule


def _read(name: str, table: Any) -> RestRule:
    if not isinstance(table, Mapping):
        raise ValueError("is not a table")
    if unknown := set(table) - {field.name for field in fields(RestRule)}:
        raise ValueError(f"unknown fields {sorted(unknown)}")
    return RestRule(
        name=name,
        title=str(table["title"]),
        reasons=_reasons(table["reasons"]),
        window=_count(table, "window", LARGEST_WINDOW),
        within_hours=_count(table, "within_hours", 24 * 31),
        least_calls=_count(table, "least_calls", LARGEST_WINDOW),
        share_percent=_count(table, "share_percent", 100),
        rest_minutes=_count(table, "rest_minutes", 60 * 24 * 365),
    )


def _reasons(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not value:
        raise ValueError("reasons must be a list of Retell's disconnection reasons")
    table = load_outcomes()
    for reason in value:
        if reason not in table:
            raise ValueError(f"reason {reason!r} is no row of config/catalogue/outcomes.toml")
        if table[reason].contact or table[reason].silent:
            raise ValueError(f"reason {reason!r} ends a call that rang: it cannot be a failure of the caller number")
    return frozenset(value)


def _count(table: Mapping[str, Any], name: str, most: int) -> int:
    value = table[name]
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} = {value!r} is not a whole number from 1 to {most}")
    return value
