"""A report as Markdown for GitHub, wikis and mail: the same figures as tables.

Enters a `Report`, leaves text. Names come from strangers' lists: what Markdown or HTML would act on is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from speechai.operation.reports.figures import shown
from speechai.operation.reports.headline import facts, key_figures, remarks, title
from speechai.operation.reports.labels import Label
from speechai.operation.reports.model import Report
from speechai.operation.reports.table import Table
from speechai.operation.reports.tables import all_tables

LONGEST_TABLE = 200
"""Rows written of a table; the workbook has them all."""

_ACTIVE = re.compile(r"([\\`*_{}\[\]#|~@])|(https?)(?=:)|(www)(?=\.)", re.IGNORECASE)


def to_markdown(report: Report) -> str:
    """The report; tables without a row are left out."""
    lines = [f"# {escaped(title(report))}", ""]
    lines += [f"- {escaped(str(label))}: {escaped(text)}" for label, text in facts(report)]
    lines += [f"- **{escaped(line)}**" for line in remarks(report)]
    lines += ["", *_key_figures(report)]
    for table in all_tables(report):
        if table.rows:
            lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown, HTML or GitHub (mentions, links) would act on."""
    line = " ".join(text.split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A link is broken by a comment that no reader sees; a backslash does not stop GitHub from making one of bare text.
    return _ACTIVE.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[0]}<!-- -->", line)


def _key_figures(report: Report) -> Iterable[str]:
    yield "| Key figure | Indicador | Value | Formula |"
    yield "| :--- | :--- | ---: | :--- |"
    for figure in key_figures(report):
        cells = (figure.label.en, figure.label.es, shown(figure.kind, figure.value), figure.formula)
        yield _line(escaped(cell) for cell in cells)


def _table(table: Table) -> Iterable[str]:
    yield f"## {escaped(str(table.label))}"
    yield ""
    yield _line(_head(column.label) for column in table.columns)
    yield _line("---:" if column.kind.is_number else ":---" for column in table.columns)
    for row in table.rows[:LONGEST_TABLE]:
        yield _line(escaped(shown(column.kind, value)) for column, value in zip(table.columns, row, strict=True))
    if table.total is not None and len(table.rows) > 1:
        yield _line(_total_cells(table, table.total))
    notes = [table.note] if table.note else []
    if len(table.rows) > LONGEST_TABLE:
        notes.append(f"{len(table.rows) - LONGEST_TABLE:,} more rows are in the workbook.")
    for note in notes:
        yield ""
        yield escaped(note)


def _total_cells(table: Table, total: Sequence[object]) -> Iterable[str]:
    for column, value in zip(table.columns, total, strict=True):
        yield "" if value == "" else f"**{escaped(shown(column.kind, value))}**"


def _head(label: Label) -> str:
    return escaped(label.en) if label.en == label.es else f"{escaped(label.en)}<br>{escaped(label.es)}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
