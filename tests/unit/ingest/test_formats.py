"""Every kind of file that can be read: CSV in its encodings and delimiters, old and new workbooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from speechai.errors import InputError
from tests.unit.ingest.conftest import GOOD, HEADER, MakeXlsx, run
from tests.unit.ingest.old_excel import write_xls

MakeCsv = Callable[..., Path]
ENCODINGS = [
    *("utf-8", "utf-8-sig", "cp1252", "latin-1", "cp850", "mac_roman"),
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32"),
]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp850", "mac_roman"],
)
def test_a_csv_is_read_in_any_delimiter_and_encoding(delimiter: str, encoding: str, make_csv: MakeCsv) -> None:
    rows = [
        ("Rut", "Nombre Completo", "Teléfono móvil", "Saldo", "Vencimiento"),
        ("24116641-4", "Óscar Núñez Yáñez", "964175647", "$ 296.669", "21-08-2026"),
        ("12022901-K", "Begoña Pérez, Ibáñez; María", "945786421", "$ 561.997,50", "04-08-2026"),
        ("5661615-2", "Inés Ñancupil Güell", "968310897", "463973", "27-08-2026"),
    ]
    contacts = run(make_csv(rows, delimiter=delimiter, encoding=encoding)).contacts
    assert [c.name for c in contacts] == ["Óscar Núñez Yáñez", "Begoña Pérez, Ibáñez; María", "Inés Ñancupil Güell"]
    assert [c.amount_minor for c in contacts] == [296669, 561998, 463973]


def test_windows_quotation_marks_are_not_taken_for_control_characters(make_csv: MakeCsv) -> None:
    rows = [("nombre", "telefono", "nota"), ("Íñigo Núñez", "988164510", "“así” – 5 €")]
    contact = run(make_csv(rows, encoding="cp1252"), required=frozenset()).contacts[0]
    assert (contact.name, contact.variables["nota"]) == ("Íñigo Núñez", "“así” – 5 €")


def test_a_csv_names_its_delimiter_in_excels_own_way(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("sep=|\nRUT|NOMBRE|TELEFONO|MONTO\n24116641-4|Hugo; Luis, Ana|988164510|1000\n", encoding="utf-8")
    result = run(path)
    assert result.contacts[0].name == "Hugo; Luis, Ana"
    assert result.contacts[0].first_row == 3


def test_a_csv_with_ragged_and_blank_lines_keeps_the_row_numbers_of_excel(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        'Cartera;;\n\nRUT;NOMBRE;TELEFONO;MONTO\n24116641-4;"Hugo\nSoto";988164510;1000;de;más\n\n;;;\n5661615-2;Ana\n',
        encoding="utf-8",
    )
    result = run(path)
    assert result.contacts[0].first_row == 4
    assert result.contacts[0].name == "Hugo Soto"
    assert [r.row for r in result.rejected] == [7]
    assert result.counts.blank == 2


def test_a_quotation_mark_left_open_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('RUT;NOMBRE;TELEFONO;MONTO\n24116641-4;"Hugo;988164510;1000\n' + "x" * 200_000, encoding="utf-8")
    with pytest.raises(InputError, match=r"line \d+.*quotation mark"):
        run(path)


def test_a_csv_of_phones_alone_needs_no_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "fonos.csv"
    path.write_text("telefono\n988164510\n977774923\n", encoding="utf-8")
    assert run(path, required=frozenset()).counts.contacts == 2


def test_an_excel_97_file_is_read_with_its_numbers_and_dates(tmp_path: Path) -> None:
    path = write_xls(
        tmp_path / "viejo.xls", [HEADER, ("24116641-4", "Hugo Ñíguez", 988164510, 50000, (46022,)), (b"\x2a",)]
    )
    result = run(path)
    assert result.contacts[0].phones == ("+56988164510",)
    assert result.contacts[0].name == "Hugo Ñíguez"
    assert result.contacts[0].due_on is not None
    assert result.contacts[0].due_on.isoformat() == "2025-12-31"
    assert result.rejected[0].value == "#N/A"


def test_the_content_decides_and_not_the_ending(make_xlsx: MakeXlsx, make_csv: MakeCsv, tmp_path: Path) -> None:
    assert run(make_xlsx([HEADER, GOOD]).rename(tmp_path / "a.csv")).counts.contacts == 1
    assert run(make_csv([HEADER, GOOD]).rename(tmp_path / "b.xlsx")).counts.contacts == 1
    assert run(write_xls(tmp_path / "c.xlsx", [HEADER, GOOD])).counts.contacts == 1
