"""What the ingest takes and gives: the specification of a run, contacts, rejected rows, counts and progress.

All are values without behaviour beyond their own form; rejected rows travel to and from a database as documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any

from speechai.operation.ingest.reasons import Reason, explain

Cell = str | int | float | bool | datetime | date | time | None
"""What a cell of a workbook can hold once read; a CSV gives only text."""


class Meaning(StrEnum):
    """What a column can mean; the aliases of each are in config/catalogue/columns.toml."""

    NATIONAL_ID = "national_id"
    CHECK_DIGIT = "check_digit"
    NAME = "name"
    SURNAME = "surname"
    PHONE = "phone"
    AMOUNT = "amount"
    DUE_ON = "due_on"
    DAYS_OVERDUE = "days_overdue"
    TITLE_ID = "title_id"
    INSTALMENT = "instalment"
    EMAIL = "email"
    ADDRESS = "address"
    CITY = "city"
    REGION = "region"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a file may weigh before it is refused; the numbers are ours, far above any real portfolio."""

    file_bytes: int = 200 * 1024**2
    uncompressed_bytes: int = 1024**3
    compression_ratio: int = 200
    """Of one zip entry above 10 MiB; worksheets of real portfolios compress 5 to 30 times."""
    zip_entries: int = 5_000
    rows: int = 500_000
    columns: int = 500
    phones: int = 5
    """Phones kept for one person, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSpec:
    """How one file is to be read. `mapping` goes from a meaning to column names, and wins over the aliases."""

    country: str = "CL"
    currency: str = "CLP"
    time_zone: str = "America/Santiago"
    required: frozenset[Meaning] = frozenset({Meaning.PHONE, Meaning.NAME})
    """Beyond the phone, which is always needed."""
    mapping: Mapping[str, tuple[str, ...] | list[str]] = field(default_factory=dict)
    sheet: str | None = None
    allowed_phone_countries: tuple[str, ...] = ("CL", "AR")
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with one cell. `value` is the cell as text; `row` is set where it is not the row at hand."""

    column: str
    value: str
    reason: Reason
    other: str = ""
    row: int | None = None

    @property
    def spanish(self) -> str:
        """The sentence for the operator, in Spanish."""
        return explain(self.reason, self.value, self.other)[0]

    @property
    def english(self) -> str:
        """The sentence for the operator, in English."""
        return explain(self.reason, self.value, self.other)[1]

    def to_document(self) -> dict[str, Any]:
        """As stored, with the sentences beside the code so that a reader of the database needs no table."""
        return {
            "column": self.column,
            "value": self.value,
            "reason_code": self.reason.value,
            "other": self.other,
            "row": self.row,
            "reason_es": self.spanish,
            "reason_en": self.english,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Fault:
        """The reverse of `to_document`."""
        return cls(
            column=document["column"],
            value=document["value"],
            reason=Reason(document["reason_code"]),
            other=document.get("other", ""),
            row=document.get("row"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedRow:
    """A row that became no contact: its number in the sheet (the first line is 1), every fault, and its cells."""

    row: int
    faults: tuple[Fault, ...]
    cells: tuple[Cell, ...]

    @property
    def column(self) -> str:
        """The column of the first fault."""
        return self.faults[0].column

    @property
    def value(self) -> str:
        """The value of the first fault."""
        return self.faults[0].value

    @property
    def reason_code(self) -> str:
        """The code of the first fault."""
        return self.faults[0].reason.value

    @property
    def reason_es(self) -> str:
        """All faults in Spanish, in one text."""
        return " ".join(f.spanish for f in self.faults)

    @property
    def reason_en(self) -> str:
        """All faults in English, in one text."""
        return " ".join(f.english for f in self.faults)

    def to_document(self) -> dict[str, Any]:
        """As JSON and MongoDB take it: dates as ISO text, whole numbers beyond 64 bits as text."""
        return {
            "row": self.row,
            "column": self.column,
            "value": self.value,
            "reason_code": self.reason_code,
            "reason_es": self.reason_es,
            "reason_en": self.reason_en,
            "faults": [f.to_document() for f in self.faults],
            "cells": [storable(c) for c in self.cells],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RejectedRow:
        """The reverse of `to_document`; other keys (a database's own) are ignored."""
        return cls(
            row=document["row"],
            faults=tuple(Fault.from_document(f) for f in document["faults"]),
            cells=tuple(document["cells"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One person to call. Amounts are in minor units of `currency` (pesos for CLP, cents for ARS)."""

    national_id: str | None
    name: str | None
    phones: tuple[str, ...]
    """E.164, the one to try first at the front."""
    amount_minor: int | None
    currency: str
    due_on: date | None
    """The earliest of the titles."""
    days_overdue: int | None
    """The most of the titles; negative when nothing is due yet."""
    titles: int
    email: str | None
    address: str | None
    city: str | None
    region: str | None
    variables: dict[str, str]
    first_row: int
    rows: tuple[int, ...]
    """The rows of the sheet that make this contact, duplicates not among them."""
    warnings: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of the rows: rows == accepted + merged + duplicate + rejected. Blank rows are not among `rows`."""

    rows: int
    accepted: int
    merged: int
    duplicate: int
    rejected: int
    blank: int
    contacts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands. `total` is an estimate of `rows`, None where the file does not tell."""

    phase: str
    """'reading', then 'merging'."""
    rows: int
    total: int | None


def cell_text(cell: Cell) -> str:
    """A cell as an operator would type it: 988164510.0 -> '988164510', a date as 2026-10-31, nothing as ''."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ")
    return str(cell)


def storable(cell: Cell) -> str | int | float | bool | None:
    """A cell as JSON and MongoDB take it; `to_document` uses it for every cell of a rejected row."""
    if cell is None or isinstance(cell, str | bool):
        return cell
    if isinstance(cell, float):
        return cell if abs(cell) < 1e300 else repr(cell)  # NaN compares false: both become text
    if isinstance(cell, int):
        return cell if abs(cell) < 2**63 else str(cell)
    return cell_text(cell)
