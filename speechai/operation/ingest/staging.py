"""Rows wait on disk until the whole file is read, because a person's titles may stand anywhere in it.

A private temporary SQLite database (the empty name: created on demand, spilled to disk by SQLite, gone when closed)
holds contact rows by person and rejected rows, so that memory does not grow with the file. Used by `merging` and `run`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from datetime import date
from hashlib import blake2b

from speechai.core.model import person_id_of
from speechai.operation.ingest.contacts import ContactRow
from speechai.operation.ingest.model import Cell, Fault, RejectedRow, storable

_BATCH = 2_000
_SCHEMA = """
    CREATE TABLE staged (row INTEGER PRIMARY KEY, person TEXT NOT NULL, document TEXT NOT NULL, cells TEXT);
    CREATE TABLE repeated (row INTEGER PRIMARY KEY, first INTEGER NOT NULL);
    CREATE TABLE merged (row INTEGER PRIMARY KEY, document TEXT NOT NULL, rows TEXT NOT NULL);
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
        self._phones: list[tuple[str, str]] = []
        self._rejected: list[tuple[int, str]] = []

    def add(self, row: ContactRow, cells: Sequence[Cell] | None) -> None:
        """Keep a row under its person: the national id, else the first phone.

        `cells` are kept where the row may still be rejected, when a later one gives the same title another balance.
        """
        person = person_id_of(None, row.national_id, row.phones[0])
        kept = None if cells is None else json.dumps([storable(c) for c in cells])
        self._rows.append((row.row, person, _dump(row), kept))
        self._phones.extend((phone, person) for phone in row.phones)
        if len(self._rows) >= _BATCH:
            self.flush()

    def reject(self, rejected: RejectedRow) -> None:
        """Keep a rejected row."""
        self._rejected.append((rejected.row, json.dumps(rejected.to_document())))
        if len(self._rejected) >= _BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is still in memory."""
        self._database.executemany("INSERT INTO staged VALUES (?, ?, ?, ?)", self._rows)
        self._database.executemany("INSERT OR IGNORE INTO phones VALUES (?, ?)", self._phones)
        self._database.executemany("INSERT INTO rejected VALUES (?, ?)", self._rejected)
        self._rows.clear()
        self._phones.clear()
        self._rejected.clear()

    def gather(self) -> tuple[int, int]:
        """Find the people with several rows. Gives the number of people, and of rows that `repeated` will yield."""
        self.flush()
        self._database.execute("CREATE INDEX staged_person ON staged (person, row)")
        self._database.execute(
            """
            INSERT INTO repeated
            SELECT s.row, p.first
            FROM (SELECT person, min(row) AS first FROM staged GROUP BY person HAVING count(*) > 1) AS p
            JOIN staged AS s ON s.person = p.person
            """
        )
        staged, repeated, leaders = self._database.execute(
            """
            SELECT (SELECT count(*) FROM staged), (SELECT count(*) FROM repeated),
                   (SELECT count(*) FROM repeated WHERE row = first)
            """
        ).fetchone()
        return staged - repeated + leaders, repeated

    def repeated(self) -> Iterator[tuple[int, ContactRow, bytes]]:
        """The rows of people with several: the person's first row, the row, and a digest, equal for equal rows.

        A person's rows stand together, people in the order in which they first appear.
        """
        cursor = self._database.execute(
            "SELECT r.first, s.row, s.document FROM repeated AS r JOIN staged AS s USING (row) ORDER BY r.first, s.row"
        )
        for first, row, document in cursor:
            yield first, _load(row, document), blake2b(document.encode(), digest_size=16).digest()

    def cells(self, row: int) -> tuple[Cell, ...]:
        """The cells of a staged row, empty where they were not kept."""
        (kept,) = self._database.execute("SELECT cells FROM staged WHERE row = ?", (row,)).fetchone()
        return tuple(json.loads(kept)) if kept else ()

    def add_merged(self, merged: ContactRow, rows: Sequence[int]) -> None:
        """Keep what became of a person with several rows; it stands at the first of them."""
        self._database.execute("INSERT INTO merged VALUES (?, ?, ?)", (merged.row, _dump(merged), json.dumps(rows)))

    def contacts(self) -> Iterator[tuple[ContactRow, tuple[int, ...]]]:
        """Everyone once, with the rows that make them, in order of first appearance."""
        cursor = self._database.execute(
            """
            SELECT s.row, coalesce(m.document, s.document), m.rows
            FROM staged AS s LEFT JOIN repeated AS r USING (row) LEFT JOIN merged AS m USING (row)
            WHERE r.row IS NULL OR r.row = r.first
            ORDER BY s.row
            """
        )
        for row, document, rows in cursor:
            yield _load(row, document), tuple(json.loads(rows)) if rows else (row,)

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
    """All but the row's number, so that equal rows have equal texts."""
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
        ]
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
        warnings=tuple(Fault.from_document({**w, "row": w["row"] or row}) for w in warnings),
    )
