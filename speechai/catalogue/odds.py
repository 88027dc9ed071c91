"""How calls are expected to end, how long they hold a line and what they cost: `config/catalogue/odds.toml`.

Leaves `Odds`, from which a plan draws the outcome of each simulated attempt. A batch with finished calls of its own has
odds made of those instead (`operation.planning`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.catalogue.outcomes import OutcomeRow, Retry, load_outcomes
from speechai.errors import ConfigurationError

_FILE = "config/catalogue/odds.toml"
_WHOLE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """One way in which an attempt may end. Weights are relative to those of the other ways."""

    row: OutcomeRow
    weight: int
    success_permille: int = 0
    """Of 1,000 calls that end so, how many are a success of their use case."""
    line_seconds: int
    """From the start of the call to its end: ringing and talking."""
    cost_micros: int
    """USD micros, on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """Everything that a plan assumes about calls that nobody has made yet."""

    source: str
    chances: tuple[Chance, ...]
    callback_after: timedelta
    """From a conversation that ends with that wish to the call that was asked for."""

    @property
    def weight(self) -> int:
        """The sum of all weights."""
        return sum(chance.weight for chance in self.chances)

    @property
    def contact_share(self) -> float:
        """The part of all attempts in which somebody talks, from 0 to 1."""
        return sum(chance.weight for chance in self.chances if chance.row.contact) / self.weight

    @property
    def success_share(self) -> float:
        """The part of all attempts that succeed, from 0 to 1."""
        return sum(chance.weight * chance.success_permille for chance in self.chances) / (self.weight * _WHOLE)

    def expected_cost_micros(self, attempts: int) -> int:
        """What so many attempts cost on average, in USD micros, rounded to the nearest."""
        total = attempts * sum(chance.weight * chance.cost_micros for chance in self.chances)
        return (total + self.weight // 2) // self.weight


@lru_cache(maxsize=1)
def load_odds() -> Odds:
    """The catalogue's odds. Raises ConfigurationError."""
    content = read_catalogue("odds.toml")
    try:
        price = _count(content["price_micros_per_minute"], "price_micros_per_minute")
        chances = tuple(_chance(reason, table, price) for reason, table in content["outcomes"].items())
        odds = Odds(
            source=str(content["source"]),
            chances=chances,
            callback_after=timedelta(minutes=_count(content["callback_after_minutes"], "callback_after_minutes")),
        )
    except KeyError as missing:
        raise ConfigurationError(f"{_FILE}: {missing} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{_FILE}: {error}") from None
    if odds.weight != _WHOLE:
        raise ConfigurationError(f"{_FILE}: the shares add up to {odds.weight}, not to {_WHOLE}")
    return odds


def _chance(reason: str, table: Mapping[str, Any], price_micros_per_minute: int) -> Chance:
    where = f"[outcomes.{reason}]"
    if unknown := set(table) - {"share_permille", "success_permille", "ring_seconds", "talk_seconds"}:
        raise ValueError(f"{where}: unknown fields {sorted(unknown)}")
    row = load_outcomes().get(reason)
    if row is None:
        raise ValueError(f"{where}: config/catalogue/outcomes.toml has no such reason")
    success, talk = (_count(table.get(name, 0), f"{where} {name}") for name in ("success_permille", "talk_seconds"))
    if success > _WHOLE or (success and row.retry is not Retry.SUCCESS):
        raise ValueError(f"{where} success_permille = {success}: a call that ends so is no success so often")
    return Chance(
        row=row,
        weight=_count(table["share_permille"], f"{where} share_permille"),
        success_permille=success,
        line_seconds=_count(table["ring_seconds"], f"{where} ring_seconds") + talk,
        cost_micros=(talk * price_micros_per_minute + 30) // 60,
    )


def _count(value: Any, where: str) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{where} = {value!r} is not a whole number of 0 or more")
    return value
