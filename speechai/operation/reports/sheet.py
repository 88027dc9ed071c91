"""One worksheet of a report: titles, tables, widths, print set-up. Rows go out as they are written.

Enters `Table`s and key figures, leaves cells; `Placed` says where a table came to stand, for its chart. Called by
`workbook`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.formatting.rule import DataBar, FormatObject, Rule
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.styles.colors import Color
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.properties import PageSetupProperties

from speechai.operation.reports.figures import MICROS, Kind, shown
from speechai.operation.reports.headline import KeyFigure
from speechai.operation.reports.labels import Label
from speechai.operation.reports.table import Column, Table
from speechai.operation.spreadsheet import safe_cell

_INK, _BLUE, _PALE, _GREY, _BAR = "1F2933", "1F4E79", "E8EEF5", "6B7280", "9DC3E6"
_TITLE: Final = Font(name="Calibri", size=16, bold=True, color=_BLUE)
_HEADING: Final = Font(name="Calibri", size=12, bold=True, color=_BLUE)
_NOTE: Final = Font(name="Calibri", size=10, italic=True, color=_GREY)
_HEAD: Final = Font(name="Calibri", size=11, bold=True, color="FFFFFF")
_BODY: Final = Font(name="Calibri", size=11, color=_INK)
_BOLD: Final = Font(name="Calibri", size=11, bold=True, color=_INK)
_HEAD_FILL: Final = PatternFill("solid", start_color=_BLUE)
_TOTAL_FILL: Final = PatternFill("solid", start_color=_PALE)
_REMARK: Final = Font(name="Calibri", size=11, bold=True, color="B45309")
_LINE: Final = Border(bottom=Side(style="hair", color="C5CED8"))

_FORMATS: Final = {
    Kind.COUNT: "#,##0",
    Kind.NUMBER: "#,##0.00",
    Kind.RATE: "0.0%",
    Kind.MONEY: '[=0]"USD "0.00;[<1]"USD "0.0000;"USD "#,##0.00',
    Kind.SECONDS: "[m]:ss",
    Kind.DAY: "yyyy-mm-dd",
    Kind.INSTANT: "yyyy-mm-dd hh:mm",
}
_A4 = 9
"""Excel's number for the paper."""
_SECONDS_A_DAY = 86_400
_MEASURED_ROWS = 500
_NARROWEST = 11
_WIDEST = 46
_SUMMARY_WIDTHS = (36, 32, 15, 50)
SUMMARY_COLUMNS = len(_SUMMARY_WIDTHS)
_GAP = 2
"""Characters of the empty column between a table and its chart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where a table stands: its head in `head_row`, `rows` rows of data beneath, from column A."""

    worksheet: Any
    table: Table
    head_row: int
    rows: int


class Sheet:
    """A write-only worksheet: what it looks like is set up first, then it is written from top to bottom."""

    def __init__(self, book: Workbook, name: Label) -> None:
        self._sheet = book.create_sheet(str(name))
        self._row = 0
        self._written_cells: dict[tuple[int, str], Any] = {}
        sheet = self._sheet
        sheet.sheet_view.showGridLines = False
        sheet.page_setup.orientation = "landscape"
        sheet.page_setup.paperSize = _A4
        sheet.page_setup.fitToWidth = 1
        sheet.page_setup.fitToHeight = 0
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        sheet.page_margins = PageMargins(left=0.4, right=0.4, top=0.5, bottom=0.6, header=0.3, footer=0.3)
        sheet.print_options.horizontalCentered = True
        sheet.oddFooter.left.text = "SpeechAI"
        sheet.oddFooter.center.text = "&A"
        sheet.oddFooter.right.text = "&P / &N"

    def set_up(self, tables: Sequence[Table]) -> None:
        """Widths for these tables, and for one that stands alone: a head that stays in sight, a filter, print titles.

        Comes before the first row: a streamed sheet begins with its widths.
        """
        for index in range(max(len(table.columns) for table in tables)):
            width = max(_width(table, index) for table in tables if index < len(table.columns))
            self._sheet.column_dimensions[get_column_letter(index + 1)].width = width
        if len(tables) == 1:
            head = _rows_above(tables[0]) + 1
            self._sheet.freeze_panes = f"B{head + 1}"
            self._sheet.print_title_rows = f"{head}:{head}"
            last = get_column_letter(len(tables[0].columns))
            self._sheet.auto_filter.ref = f"A{head}:{last}{head + max(1, len(tables[0].rows))}"

    def set_up_summary(self) -> None:
        """Widths for the head line and the key figures."""
        for index, width in enumerate(_SUMMARY_WIDTHS):
            self._sheet.column_dimensions[get_column_letter(index + 1)].width = width

    def write_headline(self, title: str, facts: Sequence[tuple[str, str]], remarks: Sequence[str]) -> None:
        """Title, scope and period, and what a reader must know."""
        self._append([self._cell(title, _TITLE)], height=26)
        for name, text in facts:
            self._append([self._cell(name, _NOTE), self._cell(text, _BODY)])
        for remark in remarks:
            self._append([self._cell(remark, _REMARK)])
        self._append([])

    def write_key_figures(self, figures: Sequence[KeyFigure]) -> None:
        """The key figures as numbers with their formulas."""
        names = ("Key figure", "Indicador", "Value · Valor", " Formula · Fórmula")
        self._append([self._head(name, right=index == 2) for index, name in enumerate(names)], height=22)
        for figure in figures:
            value, number_format = _written(figure.kind, figure.value)
            cells = [
                self._cell(figure.label.en, _BOLD),
                self._cell(figure.label.es, _BODY),
                self._cell(value, _BOLD, number_format=number_format, right=True),
                self._cell(figure.formula, _NOTE),
            ]
            cells[-1].alignment = Alignment(horizontal="left", indent=1, vertical="center")
            for cell in cells:
                cell.border = _LINE
            self._append(cells)
        self._append([])

    def write(self, table: Table) -> Placed:
        """Title, note, head, rows and total, and an empty row after them."""
        self._append([self._cell(str(table.label), _TITLE if self._row == 0 else _HEADING)], height=24)
        if table.note:
            self._append([self._cell(table.note, _NOTE)])
        self._append([self._head(_two_lines(column), right=column.kind.is_number) for column in table.columns], 34)
        head_row = self._row
        if not table.rows:
            self._append([self._cell("no data yet · sin datos", _NOTE)])
        for row in table.rows:
            self._append([self._body(index, c, row[index]) for index, c in enumerate(table.columns)])
        self._written_cells.clear()
        if table.total is not None and table.rows:
            self._append([self._total(c, value) for c, value in zip(table.columns, table.total, strict=True)])
        self._append([])
        self._bars(table, head_row)
        return Placed(worksheet=self._sheet, table=table, head_row=head_row, rows=len(table.rows))

    def add_chart(self, chart: Any, *, row: int, columns: int) -> None:
        """Puts a chart at `row`, beside a table of so many columns."""
        self._sheet.column_dimensions[get_column_letter(columns + 1)].width = _GAP
        self._sheet.add_chart(chart, f"{get_column_letter(columns + 2)}{row}")

    def _append(self, cells: Sequence[Any], height: float | None = None) -> None:
        self._row += 1
        if height is not None:
            self._sheet.row_dimensions[self._row].height = height
        self._sheet.append(cells)

    def _cell(self, value: object, font: Font, *, number_format: str = "General", right: bool = False) -> Any:
        cell: Any = WriteOnlyCell(self._sheet)
        cell.value = safe_cell(value)
        cell.font = font
        cell.number_format = number_format
        cell.alignment = Alignment(horizontal="right" if right else "left", indent=1 if right else 0, vertical="center")
        return cell

    def _head(self, text: str, *, right: bool) -> Any:
        cell = self._cell(text, _HEAD)
        cell.fill = _HEAD_FILL
        cell.alignment = Alignment(
            horizontal="right" if right else "left", indent=1 if right else 0, vertical="center", wrap_text=True
        )
        return cell

    def _body(self, index: int, column: Column, value: Any) -> Any:
        """A cell of the body. One is made for each column and format and then written again and again.

        A row is on its way to the file once it is appended, so the value may change; the style must not, because the
        workbook keeps the object that it was told of.
        """
        written, number_format = _written(column.kind, value)
        cell = self._written_cells.get((index, number_format))
        if cell is None:
            cell = self._cell(None, _BODY, number_format=number_format, right=column.kind.is_number)
            cell.border = _LINE
            if column.kind is Kind.TEXT:  # what is longer than the widest column is read in several lines
                cell.alignment = Alignment(horizontal="left", vertical="center", wrap_text=True)
            self._written_cells[index, number_format] = cell
        cell.value = written
        return cell

    def _total(self, column: Column, value: Any) -> Any:
        written, number_format = _written(column.kind, value)
        cell = self._cell(written, _BOLD, number_format=number_format, right=column.kind.is_number)
        cell.fill = _TOTAL_FILL
        return cell

    def _bars(self, table: Table, head_row: int) -> None:
        for index, column in enumerate(table.columns):
            if column.bar and table.rows:
                letter = get_column_letter(index + 1)
                ends = [FormatObject(type="num", val=0), FormatObject(type="max")]
                rule = Rule(type="dataBar", dataBar=DataBar(cfvo=ends, color=Color(_BAR), showValue=True))
                cells = f"{letter}{head_row + 1}:{letter}{head_row + len(table.rows)}"
                self._sheet.conditional_formatting.add(cells, rule)


def _written(kind: Kind, value: Any) -> tuple[Any, str]:
    """What stands in the cell for a figure, guarded, and its number format. No figure, no cell: never a zero."""
    number_format = _FORMATS.get(kind, "General")
    if value is None or value == "":
        return None, number_format
    if kind is Kind.MONEY:
        value = value / MICROS
    elif kind is Kind.SECONDS:
        value = value / _SECONDS_A_DAY
    elif isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        value, number_format = (int(value), "#,##0") if whole else (float(value), "#,##0.00")
    elif kind is Kind.INTERVAL:
        value = shown(kind, value)
    elif isinstance(value, datetime):
        value = value.replace(tzinfo=None)  # Excel knows no zones; the column says whose time it is
    elif isinstance(value, str) and kind is not Kind.TEXT:
        number_format = "General"
    return safe_cell(value), number_format


def _two_lines(column: Column) -> str:
    return column.label.en if column.label.en == column.label.es else f"{column.label.en}\n{column.label.es}"


def _width(table: Table, index: int) -> float:
    column = table.columns[index]
    texts = [column.label.en, column.label.es, *(shown(column.kind, row[index]) for row in table.rows[:_MEASURED_ROWS])]
    return min(_WIDEST, max(_NARROWEST, 4 + max(len(text) for text in texts)))


def _rows_above(table: Table) -> int:
    return 2 if table.note else 1
