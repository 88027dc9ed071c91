"""A report in the terminal: key figures, then tables with small bars, in 80 characters or more.

Enters a `Report` and a rich console; names and words from outside are printed as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from speechai.operation.reports.figures import Kind, one_line, shown
from speechai.operation.reports.headline import facts, key_figures, remarks, title
from speechai.operation.reports.model import Report
from speechai.operation.reports.table import WIDE, Column, Table
from speechai.operation.reports.tables import all_tables

LONGEST_TABLE = 20
"""Rows shown of a table; the workbook has them all."""
_ROOM_FOR_FORMULAS = 100
_BAR = 10
_EIGHTHS = " ▏▎▍▌▋▊▉"


def print_report(report: Report, console: Console) -> None:
    """Prints the report; tables without a figure are left out.

    On a terminal that is not UTF-8, a sign that it does not know becomes "?": a name must not end the command.
    """
    if console.encoding.startswith("utf"):
        _print(report, console, unicode=True)
        return
    with console.capture() as captured:
        _print(report, console, unicode=False)
    console.file.write(captured.get().encode(console.encoding, "replace").decode(console.encoding))


def _print(report: Report, console: Console, *, unicode: bool) -> None:
    console.print(Text(one_line(title(report)), style="bold cyan"))
    for label, text in facts(report):
        console.print(Text(f"{label}: ", style="dim").append(one_line(text), style="default not dim"))
    console.print(Padding(_key_figures(report, formulas=console.width >= _ROOM_FOR_FORMULAS), (1, 0, 0, 0)))
    for line in remarks(report):
        console.print(Text(f"! {line}", style="yellow"))
    if not report.batches:
        console.print(Text("There is no batch yet: `speechai enqueue FILE` makes one.", style="yellow"))
    for table in all_tables(report):
        if table.has_figures:
            console.print(Padding(_table(table, console.width, unicode), (1, 0, 0, 0)))


def _key_figures(report: Report, *, formulas: bool) -> RenderableType:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True, style="bold")
    grid.add_column(style="dim", overflow="fold")
    for figure in key_figures(report):
        name = Text(figure.label.en).append(f" · {figure.label.es}", style="dim")
        grid.add_row(name, shown(figure.kind, figure.value), figure.formula if formulas else "")
    return grid


def _table(table: Table, width: int, unicode: bool) -> RenderableType:
    grid = Grid(box=box.SIMPLE_HEAD if unicode else box.ASCII, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    columns = [(index, column) for index, column in enumerate(table.columns) if width >= column.from_width]
    bars = [index for index, column in columns if column.bar and (width >= WIDE or len(columns) < 6)]
    for index, column in columns:
        _add_column(grid, column, first=index == 0)
        if index in bars:
            grid.add_column("", no_wrap=True, style="cyan", width=_BAR)
    shown_rows = table.rows[-LONGEST_TABLE:] if table.latest_last else table.rows[:LONGEST_TABLE]
    peaks = {index: max((row[index] or 0 for row in table.rows), default=0) for index in bars}
    for row in shown_rows:
        cells: list[RenderableType] = []
        for index, column in columns:
            cells.append(Text(shown(column.kind, row[index]), style=_style(row[index])))
            if index in bars:
                cells.append(Text(_bar(row[index], peaks[index], unicode)))
        grid.add_row(*cells)
    if table.total is not None and len(table.rows) > 1:
        grid.add_row(*_total_cells(table, columns, bars), style="bold")
    parts: list[RenderableType] = [Text(str(table.label), style="bold cyan"), grid]
    if len(table.rows) > len(shown_rows):
        where = "before these" if table.latest_last else "after these"
        more = f"{len(table.rows) - len(shown_rows):,} more {where}: `--format excel` writes them all"
        parts.append(Text(more, style="dim"))
    if table.note:
        parts.append(Text(one_line(table.note), style="dim"))
    return Group(*parts)


def _total_cells(table: Table, columns: Iterable[tuple[int, Column]], bars: list[int]) -> Iterable[RenderableType]:
    assert table.total is not None
    for index, column in columns:
        value = table.total[index]
        yield Text("" if value == "" else shown(column.kind, value))
        if index in bars:
            yield Text("")


def _add_column(grid: Grid, column: Column, *, first: bool) -> None:
    head = Text(column.label.en)
    if column.label.es != column.label.en:
        head.append(f"\n{column.label.es}", style="dim not bold")
    side: Literal["left", "right"] = "right" if column.kind.is_number else "left"
    if column.kind is Kind.TEXT:
        grid.add_column(head, overflow="fold", min_width=10 if first else None)
    elif column.kind in (Kind.AMOUNT, Kind.DAY):  # the agent may have written a sentence there
        grid.add_column(head, justify=side, overflow="fold", min_width=10, max_width=20)
    else:
        grid.add_column(head, justify=side, no_wrap=True)


def _style(value: object) -> str:
    return "dim" if value in (None, 0, "") else ""


def _bar(value: float | None, peak: float, unicode: bool) -> str:
    """A bar as long as `value` is of the table's greatest."""
    if not value or not peak:
        return ""
    if not unicode:
        return "#" * max(1, round(_BAR * value / peak))
    eighths = max(1, round(8 * _BAR * value / peak))
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()
