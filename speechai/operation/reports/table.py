"""What a table of a report is: columns with two names and a kind, rows of raw values.

Made by `tables` and `calls_tables`, shown by every renderer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from speechai.operation.reports.figures import Kind
from speechai.operation.reports.labels import Label

WIDE = 110
"""Characters of a terminal that has room for more than the first columns."""
VERY_WIDE = 150

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column. In a terminal it is shown from `from_width` characters on; `bar`: drawn beside its figures."""

    label: Label
    kind: Kind
    from_width: int = 0
    bar: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of raw values under columns; `total` is a row of the same shape."""

    key: str
    label: Label
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row | None = None
    note: str = ""
    latest_last: bool = False
    """Where there is no room for every row, the last ones are the ones to show."""

    @property
    def has_figures(self) -> bool:
        """Whether any row holds more than its name and zeros."""
        return any(value not in (None, 0, "") for row in self.rows for value in row[1:])


def column(en: str, es: str, kind: Kind = Kind.COUNT, *, from_width: int = 0, bar: bool = False) -> Column:
    """A column by its two names."""
    return Column(label=Label(en, es), kind=kind, from_width=from_width, bar=bar)
