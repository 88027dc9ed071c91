"""Rejected rows as the operator sees them: counted by reason with an example, and written to a workbook.

Enter rejected rows, of a dry run or from the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speechai.cli.output import note, print_table

if TYPE_CHECKING:
    from speechai.operation.ingest import RejectedRow


@dataclass(slots=True, kw_only=True)
class Rejection:
    """One reason: how many rows have it first, and the first of them."""

    reason: str
    rows: int
    row: int
    column: str
    value: str
    why: str
    motivo: str


def summed_up(rejected: Iterable[RejectedRow]) -> list[Rejection]:
    """Rejected rows by their first reason, the most frequent first."""
    found: dict[str, Rejection] = {}
    for row in rejected:
        first = row.faults[0]
        if row.reason_code in found:
            found[row.reason_code].rows += 1
        else:
            found[row.reason_code] = Rejection(
                reason=row.reason_code,
                rows=1,
                row=row.row,
                column=first.column,
                value=first.value,
                why=first.english,
                motivo=first.spanish,
            )
    return sorted(found.values(), key=lambda rejection: -rejection.rows)


def print_rejections(rejections: Sequence[Rejection]) -> None:
    """A table on standard output; nothing where nothing was rejected."""
    if rejections:
        print_table(
            "Rejected rows",
            ["reason", "example: row", "column", "value", "what to do", "rows"],
            [(r.reason, r.row, r.column, r.value, r.why, r.rows) for r in rejections],
            numbers=1,
        )


def write_workbook(path: Path | None, header: Sequence[str], rejected: Iterable[RejectedRow]) -> int | None:
    """Writes `--rejects` where it is asked for; returns the number of rows. Raises InputError."""
    from speechai.operation.ingest import write_rejects

    if path is None:
        return None
    count = write_rejects(path, header, rejected)
    if count:
        note(f"{count} rejected rows were written to {path}: correct them there and send that file.")
    else:
        note(f"No row was rejected: {path} holds only the header.")
    return count
