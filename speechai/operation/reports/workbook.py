"""A report as a workbook to send on: a summary, one sheet a question, charts beside the figures, ready to print.

Enters a `Report` and a file to write to. Rows are streamed out, so a list of 200,000 contacts needs no memory of its
own. No cell is written but through `safe_cell`: names and promises come from strangers' lists and from phone calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from openpyxl import Workbook
from openpyxl.packaging.core import DocumentProperties

from speechai.operation.reports import charts
from speechai.operation.reports.calls_tables import (
    days_table,
    hours_table,
    phones_table,
    use_cases_table,
    variants_table,
    weekdays_table,
)
from speechai.operation.reports.headline import facts, key_figures, remarks, title
from speechai.operation.reports.labels import Label
from speechai.operation.reports.model import Report
from speechai.operation.reports.sheet import SUMMARY_COLUMNS, Placed, Sheet
from speechai.operation.reports.table import Table
from speechai.operation.reports.tables import (
    attempts_table,
    batches_table,
    contacts_table,
    outcomes_table,
    products_table,
    promises_table,
    rows_table,
    states_table,
    unit_costs_table,
)

ChartOf = Callable[[Placed], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One sheet: its name, its tables from top to bottom, and the chart of the last of them."""

    name: Label
    tables: tuple[Callable[[Report], Table], ...]
    chart: ChartOf | None = None


_HOURS = Label("Hours", "Horas")
_PAGES = (
    _Page(name=Label("Outcomes", "Resultados"), tables=(outcomes_table,), chart=charts.outcomes),
    _Page(name=_HOURS, tables=(hours_table,), chart=charts.calls_and_rate),
    _Page(name=Label("Weekdays", "Semana"), tables=(weekdays_table,), chart=charts.calls_and_rate),
    _Page(name=Label("Days", "Días"), tables=(days_table,), chart=charts.calls_and_rate),
    _Page(name=Label("Batches", "Lotes"), tables=(batches_table,), chart=charts.batches),
    _Page(name=Label("Use cases", "Casos de uso"), tables=(use_cases_table,), chart=charts.rates),
    _Page(name=Label("Phones", "Teléfonos"), tables=(phones_table,), chart=charts.rates),
    _Page(name=Label("Attempts", "Intentos"), tables=(attempts_table,), chart=charts.attempts),
    _Page(name=Label("Costs", "Costos"), tables=(unit_costs_table, products_table), chart=charts.products),
    _Page(name=Label("Promises", "Promesas"), tables=(promises_table,)),
    _Page(name=Label("Rows", "Filas"), tables=(rows_table,)),
)
_VARIANTS = _Page(name=Label("Variants", "Variantes"), tables=(variants_table,), chart=charts.rates)
_CONTACTS = _Page(name=Label("Contacts", "Contactos"), tables=(contacts_table,))


def write_workbook(report: Report, target: Path | IO[bytes]) -> None:
    """Writes the report as xlsx. Variants and the list of contacts have a sheet where the report has any."""
    book = Workbook(write_only=True)
    book.properties = DocumentProperties(creator="SpeechAI", title=str(Label("Call report", "Informe de llamadas")))
    summary = Sheet(book, Label("Summary", "Resumen"))
    states = _write_summary(summary, report)
    placed = {page.name: _write_page(book, page, report) for page in _PAGES}
    if report.variants:
        _write_page(book, _VARIANTS, report)
    if report.contact_list:
        _write_page(book, _CONTACTS, report)
    if report.contacts:
        summary.add_chart(charts.states(states), row=2, columns=SUMMARY_COLUMNS)
    if report.hours:
        summary.add_chart(charts.calls_and_rate(placed[_HOURS]), row=20, columns=SUMMARY_COLUMNS)
    book.save(target)


def _write_summary(sheet: Sheet, report: Report) -> Placed:
    sheet.set_up_summary()
    sheet.write_headline(title(report), [(str(label), text) for label, text in facts(report)], remarks(report))
    sheet.write_key_figures(key_figures(report))
    return sheet.write(states_table(report))


def _write_page(book: Workbook, page: _Page, report: Report) -> Placed:
    sheet = Sheet(book, page.name)
    tables = [make(report) for make in page.tables]
    sheet.set_up(tables)
    placed = [sheet.write(table) for table in tables]
    if page.chart is not None and tables[-1].has_figures:
        sheet.add_chart(page.chart(placed[-1]), row=2, columns=max(len(table.columns) for table in tables))
    return placed[-1]
