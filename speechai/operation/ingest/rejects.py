"""Rejected rows become a workbook that the operator corrects and sends again.

The original columns stand in their own order, the reasons behind them under headers that the ingest skips when the file
comes back. The rows come from an ingest or, as documents, from a database. Called by the operator's command.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.cell import Cell as WrittenCell
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from speechai.errors import InputError
from speechai.operation.ingest.model import Cell, RejectedRow
from speechai.operation.spreadsheet import safe_cell

REASON_COLUMNS = ("SpeechAI fila", "SpeechAI columna", "SpeechAI motivo", "SpeechAI reason")
_FAULTY = PatternFill("solid", fgColor="FFF2CC")
_HEADING = Font(bold=True)
_WRAPPED = Alignment(wrap_text=True, vertical="top")


def write_rejects(path: Path, header: Sequence[str], rejected: Iterable[RejectedRow]) -> int:
    """Write the rows and give their number. The file appears whole or not at all; an older one of that name is
    replaced.

    Raises:
        InputError: the file cannot be written there.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            count = _write(file, header, rejected)
        part.replace(path)
    except OSError as error:
        raise InputError(f"The rejected rows cannot be written to {path}: {error.strerror or error}.") from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _write(file: IO[bytes], header: Sequence[str], rejected: Iterable[RejectedRow]) -> int:
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("Rechazos")
    sheet.freeze_panes = "A2"
    for place in range(1, len(header) + 1):
        sheet.column_dimensions[get_column_letter(place)].width = 18
    for place, chars in enumerate((14, 20, 60, 60), start=len(header) + 1):
        sheet.column_dimensions[get_column_letter(place)].width = chars
    count = 0
    try:
        sheet.append([_cell(sheet, h, font=_HEADING) for h in (*header, *REASON_COLUMNS)])
        for row in rejected:
            sheet.append(_row(sheet, header, row))
            count += 1
    finally:
        sheet.close()  # also when the rows break off: it holds a temporary file open
    book.save(file)
    return count


def _row(sheet: Any, header: Sequence[str], row: RejectedRow) -> list[WrittenCell]:
    faulty = {f.column for f in row.faults}
    cells: list[Cell] = [*row.cells[: len(header)], *[None] * (len(header) - len(row.cells))]
    written = [
        _cell(sheet, value, fill=_FAULTY if name in faulty else None) for name, value in zip(header, cells, strict=True)
    ]
    columns = ", ".join(dict.fromkeys(f.column for f in row.faults))
    for value in (row.row, columns, row.reason_es, row.reason_en):
        written.append(_cell(sheet, value, alignment=_WRAPPED))
    return written


def _cell(
    sheet: Any,
    value: object,
    *,
    font: Font | None = None,
    fill: PatternFill | None = None,
    alignment: Alignment | None = None,
) -> WrittenCell:
    cell: WrittenCell = WriteOnlyCell(sheet, value=safe_cell(value))  # type: ignore[arg-type]  # its stubs know no bool
    if font is not None:
        cell.font = font
    if fill is not None:
        cell.fill = fill
    if alignment is not None:
        cell.alignment = alignment
    if isinstance(cell.value, str):
        cell.data_type = "s"  # never a formula, and Excel keeps '+56...' as the text it is
        cell.number_format = "@"
    return cell
