"""What a table of a report is: columns with two names and a kind, rows of raw values, a total.

`table_of` makes one from lines and, for each column, what it shows of a line: what stands in a column, over it and
under it is said once. Called by `tables` and `calls_tables`, shown by every renderer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from speechai.operation.reports.figures import Kind
from speechai.operation.reports.labels import Label
from speechai.operation.reports.tally import Share

WIDE = 110
"""Characters of a terminal that has room for more than the first columns."""
VERY_WIDE = 150
WIDEST = 200

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A column and what it shows of a line; counts and money are added up, `total` is what stands under a rate."""

    column: Column
    of: Callable[[Any], Any]
    total: Any = None


def shown_as(
    en: str,
    es: str,
    of: Callable[[Any], Any],
    kind: Kind = Kind.COUNT,
    *,
    total: Any = None,
    from_width: int = 0,
    bar: bool = False,
) -> Shown:
    """A column by its two names, with what it shows of each line."""
    return Shown(column=Column(label=Label(en, es), kind=kind, from_width=from_width, bar=bar), of=of, total=total)


def share_of(whole: int, part: Callable[[Any], int]) -> Shown:
    """The column that tells which part of `whole` each line is; the total is all of it."""
    return shown_as(
        "Share",
        "Porcentaje",
        lambda line: Share(part=part(line), whole=whole).fraction,
        Kind.RATE,
        total=Share(part=whole, whole=whole).fraction,
        bar=True,
    )


def table_of(
    key: str,
    label: Label,
    lines: Iterable[Any],
    columns: Sequence[Shown],
    *,
    with_total: bool = True,
    note: str = "",
    latest_last: bool = False,
) -> Table:
    """The table of these lines, a row each; the total is named in its first column."""
    rows = tuple(tuple(shown.of(line) for shown in columns) for line in lines)
    return Table(
        key=key,
        label=label,
        columns=tuple(shown.column for shown in columns),
        rows=rows,
        total=_total(columns, rows) if with_total else None,
        note=note,
        latest_last=latest_last,
    )


def _total(columns: Sequence[Shown], rows: Sequence[Row]) -> Row:
    cells: list[Any] = ["Total"]
    for index, shown in enumerate(columns[1:], start=1):
        if shown.column.kind in (Kind.COUNT, Kind.MONEY):
            cells.append(sum(row[index] for row in rows))
        else:
            cells.append("" if shown.column.kind is Kind.TEXT else shown.total)
    return tuple(cells)
