"""Builders of small files and one run of the ingest, for the tests of this folder."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from speechai.operation.ingest import Contact, Ingested, IngestSpec, Meaning, RejectedRow, ingest_file

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
EXAMPLES = Path(__file__).parents[3] / "examples"
HEADER = ("RUT", "NOMBRE", "TELEFONO", "MONTO", "FECHA_VENC")
COLLECTION = frozenset({Meaning.PHONE, Meaning.NAME, Meaning.NATIONAL_ID, Meaning.AMOUNT})
GOOD = ("24116641-4", "Hugo Soto", "988164510", 50000, "31-10-2026")
OTHER = ("12022901-K", "Rosa Yáñez", "977774923", 70000, "30-09-2026")

Sheets = dict[str, Iterable[Sequence[Any]]]
MakeXlsx = Callable[..., Path]


@pytest.fixture
def make_xlsx(tmp_path: Path) -> MakeXlsx:
    """Write sheets of rows; `hidden` are sheets that do not show."""

    def make(rows: Iterable[Sequence[Any]] | Sheets, name: str = "lista.xlsx", hidden: Sequence[str] = ()) -> Path:
        sheets = rows if isinstance(rows, dict) else {"Hoja1": rows}
        book = openpyxl.Workbook()
        book.remove(book.active)  # type: ignore[arg-type]
        for title, content in sheets.items():
            sheet = book.create_sheet(title)
            for row in content:
                sheet.append(list(row))
            if title in hidden:
                sheet.sheet_state = "hidden"
        path = tmp_path / name
        book.save(path)
        return path

    return make


@pytest.fixture
def make_csv(tmp_path: Path) -> Callable[..., Path]:
    """Write rows as CSV in a delimiter and an encoding."""

    def make(
        rows: Iterable[Sequence[Any]], delimiter: str = ";", encoding: str = "utf-8", name: str = "lista.csv"
    ) -> Path:
        path = tmp_path / name
        with path.open("w", encoding=encoding, newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows(rows)
        return path

    return make


class Result:
    """What a run gave, in lists."""

    def __init__(self, ingested: Ingested) -> None:
        self.contacts: list[Contact] = list(ingested.contacts())
        self.rejected: list[RejectedRow] = list(ingested.rejected())
        self.counts = ingested.counts
        self.warnings = ingested.warnings
        self.layout = ingested.layout
        self.header = ingested.header

    def reasons(self) -> list[tuple[int, str]]:
        """Row and code of every fault."""
        return [(r.row, f.reason.value) for r in self.rejected for f in r.faults]


def run(path: Path, **options: Any) -> Result:
    """Ingest with the needs of a collection campaign, unless told otherwise."""
    spec = IngestSpec(**{"required": COLLECTION, **options})
    with ingest_file(path, spec=spec, now=NOW) as ingested:
        result = Result(ingested)
    c = result.counts
    assert c.rows == c.accepted + c.merged + c.duplicate + c.rejected
    assert c.contacts == c.accepted == len(result.contacts)
    assert c.rejected == len(result.rejected)
    return result
