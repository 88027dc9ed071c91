"""The workbook, read again as an operator's spreadsheet reads it."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any
from unittest.mock import ANY

import pytest
from openpyxl import load_workbook

from speechai.core.model import JobStatus
from speechai.operation.reports import ReportFormat, render
from speechai.operation.reports.model import ContactLine, Report
from tests.unit.reports.examples import (
    FORMULA,
    NOW,
    SANTIAGO,
    call,
    empty_report,
    first_batch,
    group,
    promises,
    report,
    talk,
)

SHEETS = [
    "Summary · Resumen",
    "Outcomes · Resultados",
    "Hours · Horas",
    "Weekdays · Semana",
    "Days · Días",
    "Batches · Lotes",
    "Use cases · Casos de uso",
    "Phones · Teléfonos",
    "Attempts · Intentos",
    "Costs · Costos",
    "Promises · Promesas",
    "Rows · Filas",
]


def opened(made: Report) -> Any:
    return load_workbook(io.BytesIO(render(made, ReportFormat.EXCEL)))


def rows(sheet: Any) -> list[list[Any]]:
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def row_of(sheet: Any, first: str) -> list[Any]:
    return next(row for row in rows(sheet) if row[0] == first)


def contact(nombre: str) -> ContactLine:
    return ContactLine(
        batch_name="cartera.xlsx",
        position=0,
        nombre=nombre,
        rut="****78-5",
        phone="+569****3478",
        last_phone="",
        status=JobStatus.PENDING,
        attempts=1,
        reason="-1+1",
        next_attempt_at=NOW.astimezone(SANTIAGO),
    )


def test_every_question_has_its_sheet_and_most_a_chart() -> None:
    book = opened(report())
    assert book.sheetnames == SHEETS
    charts = {name: len(book[name]._charts) for name in book.sheetnames}
    assert charts == dict.fromkeys(SHEETS, 1) | {"Summary · Resumen": 2, "Promises · Promesas": 0, "Rows · Filas": 0}


def test_heads_stay_in_sight_are_filtered_and_printed_on_each_page() -> None:
    sheet = opened(report())["Hours · Horas"]
    head = next(cell.row for cell in sheet["A"] if cell.value == "Hour\nHora")
    assert sheet.freeze_panes == f"B{head + 1}"
    assert sheet.auto_filter.ref == f"A{head}:L{head + 3}"
    assert sheet.print_title_rows == f"${head}:${head}"
    assert (sheet.page_setup.orientation, sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (
        "landscape",
        1,
        0,
    )
    assert sheet.sheet_properties.pageSetUpPr.fitToPage


def test_numbers_are_numbers_with_their_formats() -> None:
    book = opened(report())
    hours = book["Hours · Horas"]
    cells = next(row for row in hours.iter_rows() if row[0].value == "09:00")
    assert [cell.value for cell in cells[:4]] == ["09:00", 7, 3, pytest.approx(3 / 7)]
    assert cells[3].number_format == "0.0%"
    days = book["Days · Días"]
    assert [row[0].value for row in days.iter_rows() if isinstance(row[0].value, datetime)] == [
        datetime(2026, 11, 9),  # noqa: DTZ001
        datetime(2026, 11, 10),  # noqa: DTZ001
    ]
    assert row_of(book["Costs · Costos"], "Total")[1] == pytest.approx(0.364001, abs=1e-12)
    assert row_of(book["Costs · Costos"], "attempt · intento")[1:3] == [9, pytest.approx(0.040445)]
    assert row_of(book["Summary · Resumen"], "Intensity")[2] == 1.5


def test_promises_have_real_dates_and_amounts_and_the_words_of_the_others() -> None:
    sheet = opened(report())["Promises · Promesas"]
    found = {row[2]: row for row in rows(sheet) if row[0] == "Ana Rojas"}
    dated = found[datetime(2026, 11, 20)]  # noqa: DTZ001
    assert dated[1] == "12.345.678-5"
    assert dated[3:10] == [45990, None, "CLP", "stands · vigente", None, None, datetime(2026, 11, 10, 12, 40)]  # noqa: DTZ001
    flagged = found["a fin de mes, si puedo"]
    assert (flagged[3], flagged[6]) == (None, "to review · por revisar")
    assert flagged[7:9] == ["no date was promised", "no se prometió una fecha"]


def test_whole_and_broken_amounts_keep_their_own_formats() -> None:
    facts = first_batch()
    document = dict(facts.document)
    amounts = [120_000, 1234.5, "unas 30 lucas", 45_990, 0.25]
    document["country"] = "AR"
    calls = [call(f"j{n}", {"monto_pago_cliente": amount}, country="AR") for n, amount in enumerate(amounts)]
    made = report(type(facts)(document=document, promises=promises(document, *calls)))
    cells = [row[3] for row in opened(made)["Promises · Promesas"].iter_rows() if row[0].value == "Ana Rojas"]
    assert {cell.value: cell.number_format for cell in cells} == {
        120_000: "#,##0",
        1234.5: "#,##0.00",
        45_990: "#,##0",
        0.25: "#,##0.00",
        "unas 30 lucas": "General",
    }


def test_variants_have_a_sheet_only_where_a_list_has_any() -> None:
    facts = first_batch()
    arms = [talk(attempts=3, variant="corto", success=True), group(attempts=7, variant="largo")]
    book = opened(report(type(facts)(document=facts.document, attempts=arms)))
    assert book.sheetnames == [*SHEETS, "Variants · Variantes"]
    sheet = book["Variants · Variantes"]
    head = next(row for row in rows(sheet) if row[1] == "Attempts\nIntentos")
    assert [name.partition("\n")[0] for name in head] == [
        "Variant", "Attempts", "Contacts", "Contact rate", "RPC", "RPC rate", "RPC, 95 %", "Successes", "Success rate",
        "Success, 95 %", "AHT", "Cost",
    ]  # fmt: skip
    assert row_of(sheet, "corto")[1:] == [3, 3, 1, 3, 1, "44 – 100 %", 3, 1, "44 – 100 %", ANY, pytest.approx(0.195)]
    assert row_of(sheet, "largo")[1:] == [7, 0, 0, 0, 0, "0 – 35 %", 0, 0, "0 – 35 %", None, 0]
    assert row_of(sheet, "Total")[1:6] == [10, 3, 0.3, 3, 0.3]
    assert len(sheet._charts) == 1


@pytest.mark.parametrize("text", [FORMULA, "+1+1", "@SUM(A1)", "-2+3", "\t=1", "=cmd|' /C calc'!A0", "A\x00\x0bna"])
def test_no_text_from_outside_becomes_a_formula(text: str) -> None:
    made = report(first_batch(text), contact_list=(contact(text),))
    hostile = first_batch(text)
    document = {**hostile.document, "name": text, "use_case": text}
    renamed = report(type(hostile)(document=document, jobs=hostile.jobs, products={text: 5}), batch_id="b1")
    for book in (opened(made), opened(renamed)):
        for sheet in book:
            for row in sheet.iter_rows():
                for cell in row:
                    assert cell.data_type != "f", (sheet.title, cell.coordinate, cell.value)
                    assert not str(cell.value or "").startswith(("=", "+1", "@", "-2", "\t")), cell.value


def test_the_list_of_contacts_is_masked_and_has_its_own_sheet() -> None:
    book = opened(report(contact_list=(contact("Ana Rojas"),)))
    assert book.sheetnames == [*SHEETS, "Contacts · Contactos"]
    line = row_of(book["Contacts · Contactos"], "cartera.xlsx")
    assert line == [
        "cartera.xlsx",
        1,
        "Ana Rojas",
        "****78-5",
        "569****3478",
        None,
        "waiting · pendiente",
        1,
        "'-1+1",
        datetime(2026, 11, 10, 15, 30),  # noqa: DTZ001
    ]


def test_a_workbook_of_nothing_opens_and_says_so() -> None:
    book = opened(empty_report())
    assert book.sheetnames == SHEETS
    assert all(not book[name]._charts for name in SHEETS)
    assert row_of(book["Promises · Promesas"], "no data yet · sin datos")


def test_a_rate_of_no_calls_is_an_empty_cell_and_no_zero() -> None:
    sheet = opened(report())["Hours · Horas"]
    assert row_of(sheet, "10:00")[1:4] == [0, 0, None]
