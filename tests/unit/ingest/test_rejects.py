"""Rejected rows go out as a workbook, come back corrected, and never carry a formula."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.errors import InputError, Unavailable
from speechai.operation.ingest import RejectedRow, write_rejects
from speechai.operation.spreadsheet import safe_cell, unguarded
from tests.unit.ingest.conftest import EXAMPLES, GOOD, HEADER, MakeXlsx, run


def test_the_sample_of_rejections_is_judged_row_by_row() -> None:
    result = run(EXAMPLES / "rechazos.xlsx")
    faults = dict(result.reasons()[::-1])
    assert faults == {
        3: "national_id_check_digit",
        4: "no_phone",
        5: "phone_too_short",
        6: "amount_unreadable",
        7: "amount_negative",
        8: "date_impossible",
        10: "formula",
    }
    assert (result.counts.duplicate, result.counts.blank, result.counts.rows) == (1, 1, 10)
    assert [c.first_row for c in result.contacts] == [2, 12]
    assert result.contacts[1].amount_minor == 1234567
    assert result.contacts[1].phones == ("+56987654321",)


def test_the_portfolio_gives_one_contact_a_person_and_rejects_only_those_without_a_phone() -> None:
    result = run(EXAMPLES / "cartera.xlsx")
    assert result.counts.rows == 339
    assert {code for _, code in result.reasons()} == {"no_phone", "phone_invalid"}
    unreachable = {r.cells[-1] for r in result.rejected}
    assert len({c.national_id for c in result.contacts}) == result.counts.contacts == 150 - len(unreachable)
    assert sum(c.titles for c in result.contacts) == result.counts.accepted + result.counts.merged
    first = result.contacts[0]
    assert (first.titles, first.amount_minor, first.due_on) == (5, 851317, date(2026, 8, 20))
    assert (first.days_overdue, first.name) == (92, "Andrés Elías Núñez Araya")


@pytest.mark.parametrize(
    ("name", "contacts"),
    [("deudores-latin1.csv", 25), ("deudores.xlsx", 58), ("generic.xlsx", 20), ("marketing.xlsx", 40)],
)
def test_the_other_samples_are_read(name: str, contacts: int) -> None:
    result = run(EXAMPLES / name, required=frozenset())
    assert result.counts.contacts == contacts
    assert {code for _, code in result.reasons()} <= {"phone_invalid"}


def test_the_generic_layout_keeps_its_variables() -> None:
    assert run(EXAMPLES / "generic.xlsx", required=frozenset()).contacts[3].variables == {"var1": "A3", "var2": "B3"}
    marketing = run(EXAMPLES / "marketing.xlsx", required=frozenset()).contacts[0]
    assert (marketing.city, marketing.variables) == ("Santiago", {"edad": "63"})


def write(path: Path, header: tuple[str, ...], rejected: list[RejectedRow]) -> list[list[object]]:
    assert write_rejects(path, header, iter(rejected)) == len(rejected)
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    assert not [c for row in sheet.iter_rows() for c in row if c.data_type == "f"]
    return [[c.value for c in row] for row in sheet.iter_rows()]


def test_the_workbook_has_the_original_columns_then_the_reasons(tmp_path: Path) -> None:
    result = run(EXAMPLES / "rechazos.xlsx")
    rows = write(tmp_path / "r.xlsx", result.header, result.rejected)
    assert rows[0] == [*HEADER, "SpeechAI fila", "SpeechAI columna", "SpeechAI motivo", "SpeechAI reason"]
    assert rows[1][:6] == ["5661615-1", "Ramón Isabel Ñancupil Rojas", "+56998440190", 50000, "2026-10-31", 3]
    assert "dígito verificador" in str(rows[1][7])
    assert "check digit" in str(rows[1][8])
    assert str(rows[7][1]).startswith("'=HYPERLINK")


def test_rejected_rows_from_a_database_are_written_the_same(tmp_path: Path) -> None:
    result = run(EXAMPLES / "rechazos.xlsx")
    stored = [RejectedRow.from_document(json.loads(json.dumps(r.to_document()))) for r in result.rejected]
    assert write(tmp_path / "a.xlsx", result.header, stored) == write(
        tmp_path / "b.xlsx", result.header, result.rejected
    )


def test_an_uncorrected_workbook_comes_back_with_the_same_reasons(tmp_path: Path) -> None:
    first = run(EXAMPLES / "rechazos.xlsx")
    write(tmp_path / "r.xlsx", first.header, first.rejected)
    again = run(tmp_path / "r.xlsx")
    assert [c for _, c in again.reasons()] == [c for _, c in first.reasons()]
    assert again.header[: len(HEADER)] == HEADER
    assert not again.layout.variables


def test_a_corrected_workbook_is_accepted(tmp_path: Path) -> None:
    result = run(EXAMPLES / "rechazos.xlsx")
    path = tmp_path / "r.xlsx"
    write(path, result.header, result.rejected)
    book = openpyxl.load_workbook(path)
    sheet = book.active
    assert sheet is not None
    for row in range(2, sheet.max_row + 1):
        for column, value in enumerate((None, f"Persona {row}", f"98816450{row}", 1000, "31-10-2026"), start=1):
            if value is not None:
                sheet.cell(row, column, value)
    sheet["A2"] = "5661615-2"
    book.save(path)
    corrected = run(path)
    assert corrected.counts.rejected == 0
    assert corrected.counts.contacts + corrected.counts.merged == 7
    assert all(not c.variables for c in corrected.contacts)


def test_a_workbook_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_rejects(tmp_path / "no" / "r.xlsx", HEADER, [])
    assert list(tmp_path.iterdir()) == []


def test_rows_that_break_off_leave_an_older_workbook_as_it_was(tmp_path: Path) -> None:
    def rows() -> Iterator[RejectedRow]:
        yield run(EXAMPLES / "rechazos.xlsx").rejected[0]
        raise Unavailable("MongoDB went away")

    path = tmp_path / "r.xlsx"
    path.write_bytes(b"older")
    with pytest.raises(Unavailable):
        write_rejects(path, HEADER, rows())
    assert [p.name for p in tmp_path.iterdir()] == ["r.xlsx"]
    assert path.read_bytes() == b"older"


def test_a_row_shorter_than_its_header_is_filled_up(make_xlsx: MakeXlsx, tmp_path: Path) -> None:
    result = run(make_xlsx([HEADER, GOOD, ("24116641-4", "Ana")]))
    assert write(tmp_path / "r.xlsx", result.header, result.rejected)[1][:5] == ["24116641-4", "Ana", None, None, None]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("  =1", "'  =1"),
        ("\t=1", "'\t=1"),
        ("+56988164510", "+56988164510"),
        ("-12.5", "-12.5"),
        ("'=1", "'=1"),
        ("Núñez", "Núñez"),
        ("a\x00b\x1fc", "abc"),
        (None, None),
        (True, True),
        (5, 5),
        (2**60, str(2**60)),
        (1.5, 1.5),
        (float("inf"), "inf"),
        (date(2026, 1, 2), date(2026, 1, 2)),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00+00:00"),
        ("x" * 40_000, "x" * 32_767),
    ],
)
def test_a_cell_is_made_safe(value: object, expected: object) -> None:
    assert safe_cell(value) == expected


@given(st.text())
def test_no_text_leaves_as_something_a_spreadsheet_would_run(text: str) -> None:
    safe = safe_cell(text)
    assert isinstance(safe, str)
    assert safe_cell(safe) == safe
    start = safe.lstrip()
    if start[:1] in {"=", "@", "|", "%"} or (
        start[:1] in {"+", "-"} and not start[1:].replace(".", "").replace(",", "").isdigit()
    ):
        pytest.fail(f"{safe!r} could be run")


@pytest.mark.parametrize("text", ["=1+1", "+x", "-a", "@b", "plain", "'quoted'", ""])
def test_the_guard_comes_off_again(text: str) -> None:
    assert unguarded(str(safe_cell(text))) == text
