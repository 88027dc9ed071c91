"""A figure of a report as text: the same in the terminal and in Markdown.

Enters a value and its `Kind`, leaves text; "-" stands for what does not exist, such as a rate of no calls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

NOTHING = "-"
MICROS = 1_000_000


class Kind(StrEnum):
    """What a figure is, hence how it is written and on which side of its column it stands."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    """A mean, two decimals."""
    RATE = "rate"
    """Between 0 and 1, shown in percent."""
    INTERVAL = "interval"
    """Two rates, the lower and the upper end."""
    MONEY = "money"
    """USD micros."""
    SECONDS = "seconds"
    AMOUNT = "amount"
    """A `Decimal` of the debtor's currency, or the words of the agent."""
    DAY = "day"
    INSTANT = "instant"

    @property
    def is_number(self) -> bool:
        """It stands at the right of its column."""
        return self not in (Kind.TEXT, Kind.DAY, Kind.INSTANT)


def shown(kind: Kind, value: Any) -> str:
    """`value` as text, on one line, without characters that could move a terminal's cursor."""
    if value is None or value == "":
        return NOTHING
    return one_line(_WRITERS[kind](value))


def one_line(text: str) -> str:
    """`text` with every control character, line break and direction mark as a space."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()


def usd(micros: int) -> str:
    """USD micros as an exact decimal text with a point, never rounded: 1234500 -> "1.234500"."""
    return f"{Decimal(micros) / MICROS:.6f}"


def _money(micros: int) -> str:
    """Two decimals; below one dollar four, where the cost of a single call stands."""
    dollars = Decimal(micros) / MICROS
    return f"USD {dollars:,.2f}" if abs(dollars) >= 1 or not micros else f"USD {dollars:.4f}"


def _seconds(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"


def _amount(amount: Decimal | str) -> str:
    if isinstance(amount, str):
        return amount
    return f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"


def _day(day: date | str) -> str:
    return day if isinstance(day, str) else day.isoformat()


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


_WRITERS: Mapping[Kind, Callable[[Any], str]] = {
    Kind.TEXT: str,
    Kind.COUNT: lambda value: f"{value:,}",
    Kind.NUMBER: lambda value: f"{value:,.2f}",
    Kind.RATE: lambda value: f"{100 * value:.1f} %",
    Kind.INTERVAL: lambda ends: f"{100 * ends[0]:.0f} – {100 * ends[1]:.0f} %",
    Kind.MONEY: _money,
    Kind.SECONDS: _seconds,
    Kind.AMOUNT: _amount,
    Kind.DAY: _day,
    Kind.INSTANT: _instant,
}
