"""A CSV file becomes rows of text: its encoding and its delimiter are found, never asked.

The standard library's reader is used rather than pandas: it streams, keeps ragged rows, and leaves 60 MiB out of a
worker.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from charset_normalizer import from_bytes

from speechai.errors import InputError
from speechai.operation.ingest.filetype import utf16_without_mark

_SAMPLE_BYTES = 256 * 1024
_SAMPLE_LINES = 50
_LONGEST_LINE = 1_000_000
_DELIMITERS = (";", ",", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LETTERS = frozenset("áéíóúüñÁÉÍÓÚÜÑ°ºª¿¡")
_WESTERN = ["cp1252", "latin_1", "mac_roman", "cp850"]
"""What Excel writes in Spanish on Windows, on a Mac and for DOS; other guesses (Baltic, Turkish) are never right
here."""


class DelimitedFile:
    """A CSV file with its `encoding` and `delimiter`. Rows can be read any number of times."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.encoding = _encoding(path)
        self.delimiter = _delimiter(path, self.encoding)

    def rows(self) -> Iterator[list[str]]:
        """Every record, blank ones as empty lists, so that their position is the row that Excel shows.

        Raises:
            InputError: the text breaks off in the middle of a quoted cell, or is not in the encoding after all.
        """
        with self.path.open(encoding=self.encoding, newline="", errors="strict") as file:
            reader = csv.reader(self._lines(file), delimiter=self.delimiter)
            try:
                yield from reader
            except csv.Error as error:
                raise InputError(
                    f"{self.path.name}, line {reader.line_num}: {error}. "
                    "A quotation mark may be open; correct that line."
                ) from error
            except UnicodeError as error:
                raise InputError(
                    f"{self.path.name}, line {reader.line_num}: not in the encoding {self.encoding}. "
                    "Save it as CSV UTF-8."
                ) from error

    def _lines(self, file: TextIO) -> Iterator[str]:
        """Lines, but never more of one than a list can have: a file without ends of lines would fill the memory."""
        while line := file.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise InputError(f"{self.path.name} has a line of more than {_LONGEST_LINE} characters: it is no list.")
            yield line

    def count_lines(self) -> int:
        """Ends of lines: the number of rows, but for cells of several lines. Reads the bytes once, in pieces."""
        with self.path.open("rb") as file:
            return sum(block.count(b"\n") for block in iter(lambda: file.read(1024 * 1024), b"")) + 1


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    if found := utf16_without_mark(sample[:4096]):
        return found
    foreign = _lines_not_utf8(path)
    return "utf-8" if foreign is None else _western(foreign)


def _lines_not_utf8(path: Path) -> bytes | None:
    """None when the whole file is UTF-8; else some of its lines that hold bytes above ASCII."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while block := file.read(1024 * 1024):
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        with path.open("rb") as file:
            kept: list[bytes] = []
            for line in file:
                if not line.isascii():
                    kept.append(line[:1000])
                if len(kept) >= 200:
                    break
        return b"".join(kept)
    return None


def _western(sample: bytes) -> str:
    """The one that makes the most Spanish letters of the bytes; charset-normalizer's order decides between equals."""
    likely = [match.encoding for match in from_bytes(sample, cp_isolation=_WESTERN)]
    names = [*likely, *(n for n in _WESTERN if n not in likely)]
    return max(names, key=lambda n: _spanish(sample.decode(n, errors="replace")))


def _spanish(text: str) -> int:
    """Control characters weigh most against: Latin-1 has them where Windows-1252 has quotation marks and the euro."""
    return sum(1 if c in _LETTERS else -2 if c.isprintable() else -3 for c in text if not c.isascii())


def _delimiter(path: Path, encoding: str) -> str:
    """The mark that cuts most lines into the same number of cells, counted outside quotation marks."""
    with path.open(encoding=encoding, newline="", errors="replace") as file:
        lines = [line for _ in range(_SAMPLE_LINES) if (line := file.readline(_LONGEST_LINE))]
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip()) == 5:
        return lines[0].strip()[4]
    best, best_score = ",", 0
    for delimiter in _DELIMITERS:
        widths = _widths(lines, delimiter)
        common = max((w for w in set(widths) if w > 1), key=lambda w: (widths.count(w), w), default=0)
        score = widths.count(common) * 1000 + common if common else 0
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _widths(lines: list[str], delimiter: str) -> list[int]:
    """Cells of each line; what stands behind an open quotation mark is left out here and told when rows are read."""
    widths: list[int] = []
    try:
        widths.extend(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    except csv.Error:
        return widths
    return widths
