"""A file of contacts becomes sheets of rows, whatever its format: xlsx streamed, xls, or CSV.

`open_source` is called by `run.ingest_file`; every row comes as a list or tuple of cells, trailing cells may be
missing.
"""

from __future__ import annotations

import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from speechai.errors import InputError
from speechai.operation.ingest.delimited import DelimitedFile
from speechai.operation.ingest.filetype import FileKind, check_file
from speechai.operation.ingest.model import Cell, Limits

# What openpyxl leaves out (styles, pictures) is of no use here; its warnings would stand among the operator's output.
warnings.filterwarnings("ignore", category=UserWarning, module="openpyxl")

EXCEL_ROWS = 1_048_576
_DAMAGE = (
    *(ParseError, zipfile.BadZipFile, zlib.error, struct.error, InvalidFileException, EOFError, OSError, LookupError),
    *(ValueError, TypeError, AttributeError, AssertionError, ArithmeticError, RuntimeError),
)
"""What openpyxl and xlrd let through on a damaged file; they have no error of their own for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One sheet: `rows_hint` is what the file claims or its lines say, for a progress bar only; None where unknown."""

    name: str
    visible: bool
    rows_hint: int | None


class Source(Protocol):
    """An open file. `rows` may be called again for a fresh reading."""

    path: Path
    sheets: list[Sheet]

    def rows(self, sheet: Sheet) -> Iterator[Sequence[Cell]]:
        """Rows from the first line of the sheet on; the n-th row yielded is row n of the sheet."""
        ...

    def close(self) -> None:
        """Let the file go."""
        ...


@contextmanager
def open_source(path: Path, limits: Limits) -> Iterator[Source]:
    """Open a file for reading.

    Raises:
        InputError: it cannot be used; see `filetype.check_file`. Also raised later, while rows are read, for damage
            that only shows there.
    """
    kind = check_file(path, limits)
    source: Source
    if kind is FileKind.XLSX:
        source = _XlsxSource(path)
    elif kind is FileKind.XLS:
        source = _XlsSource(path)
    else:
        source = _CsvSource(path)
    try:
        yield source
    finally:
        source.close()


class _XlsxSource:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._values = _load(path, data_only=True)
        self._formulas: Any = None
        self._formula_sheets: dict[str, bool] = {}
        self.sheets = [
            Sheet(name=ws.title, visible=ws.sheet_state == "visible", rows_hint=ws.max_row)
            for ws in self._values.worksheets
        ]

    def rows(self, sheet: Sheet) -> Iterator[Sequence[Cell]]:
        worksheet = self._values[sheet.name]
        worksheet.reset_dimensions()  # some programs write "A1" there, and only the first cell would be read
        stream: Iterator[Sequence[Cell]] = worksheet.iter_rows(values_only=True)
        if sheet.name not in self._formula_sheets:
            self._formula_sheets[sheet.name] = self._has_formulas(worksheet)
        if self._formula_sheets[sheet.name]:
            stream = self._with_uncomputed(stream, sheet)
        try:
            for number, row in enumerate(stream, start=1):
                if number > EXCEL_ROWS:
                    raise InputError(f"{self.path.name}, sheet {sheet.name}: more rows than Excel can have.")
                yield row
        except _DAMAGE as error:
            raise _broken(self.path, error, sheet.name) from error

    def close(self) -> None:
        for book in (self._values, self._formulas):
            if book is not None:
                book._archive.fp.close()  # openpyxl closes only files that it opened itself
                book.close()

    def _has_formulas(self, worksheet: Any) -> bool:
        """Whether the sheet's XML holds a formula at all; unpacking it is far cheaper than parsing it twice."""
        tail = b""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(worksheet._worksheet_path) as part:
                while block := part.read(1024 * 1024):
                    if b"<f>" in tail + block or b"<f " in tail + block:
                        return True
                    tail = block[-3:]
        except _DAMAGE as error:
            raise _broken(self.path, error, worksheet.title) from error
        return False

    def _with_uncomputed(self, values: Iterator[Sequence[Cell]], sheet: Sheet) -> Iterator[Sequence[Cell]]:
        """Show a formula that nobody computed as its own text, where reading values alone would show an empty cell."""
        if self._formulas is None:
            self._formulas = _load(self.path, data_only=False)
        worksheet = self._formulas[sheet.name]
        worksheet.reset_dimensions()
        for row, formulas in zip(values, worksheet.iter_rows(values_only=True), strict=True):
            if any(isinstance(f, str) and f.startswith("=") for f in formulas):
                yield [f if v is None and isinstance(f, str) else v for v, f in zip(row, formulas, strict=True)]
            else:
                yield row


class _XlsSource:
    def __init__(self, path: Path) -> None:
        import xlrd  # the old format is rare: not in every worker's memory

        self.path = path
        try:
            self._book = xlrd.open_workbook(str(path), on_demand=True, formatting_info=False)
            self.sheets = [
                Sheet(name=name, visible=self._book.sheet_by_index(i).visibility == 0, rows_hint=None)
                for i, name in enumerate(self._book.sheet_names())
            ]
        except xlrd.XLRDError as error:
            if "encrypted" in str(error).lower():
                raise InputError(f"{path.name} is protected by a password. Save a copy without it.") from error
            raise _broken(path, error) from error
        except _DAMAGE as error:
            raise _broken(path, error) from error

    def rows(self, sheet: Sheet) -> Iterator[Sequence[Cell]]:
        worksheet = self._book.sheet_by_name(sheet.name)
        for number in range(worksheet.nrows):
            yield [self._value(cell) for cell in worksheet.row(number)]

    def close(self) -> None:
        self._book.release_resources()

    def _value(self, cell: Any) -> Cell:
        import xlrd

        if cell.ctype == xlrd.XL_CELL_DATE:
            try:
                moment: datetime = xlrd.xldate_as_datetime(cell.value, self._book.datemode)
                return moment
            except (ValueError, OverflowError):
                return float(cell.value)
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#ERROR!"))
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
            return None
        value: Cell = cell.value
        return int(value) if isinstance(value, float) and value.is_integer() else value


class _CsvSource:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = DelimitedFile(path)
        self.sheets = [Sheet(name="", visible=True, rows_hint=self._file.count_lines())]

    def rows(self, sheet: Sheet) -> Iterator[Sequence[Cell]]:  # noqa: ARG002 - there is only one
        return self._file.rows()

    def close(self) -> None:
        return


def _load(path: Path, *, data_only: bool) -> Any:
    """The workbook over an open file: given a path, openpyxl would judge by its ending."""
    file = path.open("rb")
    try:
        return openpyxl.load_workbook(file, read_only=True, data_only=data_only, keep_links=False)
    except _DAMAGE as error:
        file.close()
        raise _broken(path, error) from error


def _broken(path: Path, error: Exception, sheet: str = "") -> InputError:
    where = f"{path.name}, sheet {sheet}," if sheet else path.name
    return InputError(
        f"{where} is a broken workbook ({type(error).__name__}: {str(error)[:100]}). "
        "Open it in Excel, let it repair, and save it as .xlsx."
    )
