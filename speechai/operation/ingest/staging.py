"""Rows wait on disk until the whole file is read, because a person's titles may stand anywhere in it.

A private temporary SQLite database (the empty name: created on demand, spilled to disk by SQLite, gone when closed)
holds contact rows by person and rejected rows, so that memory does not grow with the file. Used by `merging` and `run`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import date
from hashlib import blake2b
from typing import Any

from speechai.operation.ingest.contacts import ContactRow
from speechai.operation.ingest.model import Cell, Fault, RejectedRow, storable

_BATCH = 2_000
_SCHEMA = """
    CREATE TABLE staged (row INTEGER PRIMARY KEY, person TEXT NOT NULL, document TEXT NOT NULL, cells TEXT);
    CREATE TABLE merged (first_row INTEGER PRIMARY KEY, document TEXT NOT NULL);
    CREATE TABLE rejected (row INTEGER PRIMARY KEY, document TEXT NOT NULL);
    CREATE TABLE phones (phone TEXT NOT NULL, person TEXT NOT NULL, PRIMARY KEY (phone, person)) WITHOUT ROWID;
"""


class Staging:
    """The temporary database of one run. Not shared between threads."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=OFF")
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")
        self._rows: list[tuple[int, str, str, str | None]] = []
        self._rejected: list[tuple[int, str]] = []

    def add(self, row: ContactRow, cells: tuple[Cell, ...] | None) -> None:
        """Keep a row under its person: the national id, else the first phone.

        `cells` are kept where the row may still be rejected, when a later one gives the same title another balance.
        """
        person = f"id {row.national_id}" if row.national_id else f"phone {row.phones[0]}"
        kept = None if cells is None else json.dumps([storable(c) for c in cells], ensure_ascii=False)
        self._rows.append((row.row, person, _dump(row), kept))
        if len(self._rows) >= _BATCH:
            self.flush()

    def reject(self, rejected: RejectedRow) -> None:
        """Keep a rejected row."""
        self._rejected.append((rejected.row, json.dumps(rejected.to_document(), ensure_ascii=False)))
        if len(self._rejected) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        self._database.executemany("INSERT INTO staged VALUES (?, ?, ?, ?)", self._rows)
        self._database.executemany("INSERT INTO rejected VALUES (?, ?)", self._rejected)
        self._rows.clear()
        self._rejected.clear()

    def by_person(self) -> Iterator[tuple[str, ContactRow, bytes]]:
        """Every staged row with its person and a digest of all its values, equal for equal rows.

        A person's rows stand together, people in the order in which they first appear.
        """
        self.flush()
        self._database.execute("CREATE INDEX staged_person ON staged (person, row)")
        cursor = self._database.execute(
            """
            SELECT s.person, s.row, s.document
            FROM (SELECT person, min(row) AS first FROM staged GROUP BY person) AS p
            JOIN staged AS s ON s.person = p.person
            ORDER BY p.first, s.row
            """
        )
        for person, row, document in cursor:
            yield person, _load(row, document), blake2b(document.encode(), digest_size=16).digest()

    def cells(self, row: int) -> tuple[Cell, ...]:
        """The cells of a staged row, empty where they were not kept."""
        (kept,) = self._database.execute("SELECT cells FROM staged WHERE row = ?", (row,)).fetchone()
        return tuple(json.loads(kept)) if kept else ()

    def add_merged(self, first_row: int, person: str, phones: Iterable[str], document: dict[str, Any]) -> None:
        """Keep one person's contact as a document."""
        self._database.execute(
            "INSERT INTO merged VALUES (?, ?)", (first_row, json.dumps(document, ensure_ascii=False))
        )
        self._database.executemany("INSERT OR IGNORE INTO phones VALUES (?, ?)", [(p, person) for p in phones])

    def merged(self) -> Iterator[dict[str, Any]]:
        """The documents of the merged contacts, in order of first appearance."""
        for (document,) in self._database.execute("SELECT document FROM merged ORDER BY first_row"):
            yield json.loads(document)

    def rejected(self) -> Iterator[RejectedRow]:
        """The rejected rows in the order of the sheet."""
        self.flush()
        for (document,) in self._database.execute("SELECT document FROM rejected ORDER BY row"):
            yield RejectedRow.from_document(json.loads(document))

    def shared_phones(self) -> int:
        """How many phones stand with more than one person."""
        query = "SELECT count(*) FROM (SELECT 1 FROM phones GROUP BY phone HAVING count(*) > 1)"
        return int(self._database.execute(query).fetchone()[0])

    def close(self) -> None:
        """Drop everything."""
        self._database.close()


def _dump(row: ContactRow) -> str:
    return json.dumps(
        [
            row.national_id,
            row.name,
            row.phones,
            row.amount_minor,
            row.due_on.isoformat() if row.due_on else None,
            row.days_overdue,
            row.title_id,
            row.texts,
            row.variables,
            [w.to_document() for w in row.warnings],
        ],
        ensure_ascii=False,
    )


def _load(row: int, document: str) -> ContactRow:
    national_id, name, phones, amount, due_on, days, title, texts, variables, warnings = json.loads(document)
    return ContactRow(
        row=row,
        national_id=national_id,
        name=name,
        phones=tuple(phones),
        amount_minor=amount,
        due_on=date.fromisoformat(due_on) if due_on else None,
        days_overdue=days,
        title_id=title,
        texts=texts,
        variables=variables,
        warnings=tuple(Fault.from_document(w) for w in warnings),
    )
