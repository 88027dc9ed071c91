"""Tables of calls: the same figures by hour, weekday, day, use case and phone.

Enters a `Report`, leaves `Table`s. Called by `tables` and by the workbook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from speechai.operation.reports.figures import Kind
from speechai.operation.reports.labels import PHONES, WEEKDAYS, Label, label_of, use_case_label
from speechai.operation.reports.model import Report, Slice
from speechai.operation.reports.table import VERY_WIDE, WIDE, Column, Row, Table, column
from speechai.operation.reports.tally import Tally


def hours_table(report: Report) -> Table:
    """Calls by the hour at the contact's place."""
    return _calls_table(
        report,
        report.hours,
        "hours",
        Label("Calls by local hour", "Llamadas por hora local"),
        column("Hour", "Hora", Kind.TEXT),
        name=lambda key: f"{key}:00",
        note="The hour at the place of the person called. A rate of few calls means little: see its 95 % interval.",
    )


def weekdays_table(report: Report) -> Table:
    """Calls by the weekday at the contact's place."""
    label = Label("Calls by weekday", "Llamadas por día de la semana")
    first = column("Weekday", "Día", Kind.TEXT)
    return _calls_table(
        report, report.weekdays, "weekdays", label, first, name=lambda key: str(label_of(WEEKDAYS, key))
    )


def days_table(report: Report) -> Table:
    """Calls by the day at the contact's place."""
    label = Label("Calls by local day", "Llamadas por día")
    first = column("Day", "Día", Kind.DAY)
    return _calls_table(report, report.days, "days", label, first, name=date.fromisoformat, latest_last=True)


def use_cases_table(report: Report) -> Table:
    """Calls by use case."""
    label = Label("Calls by use case", "Llamadas por caso de uso")
    first = column("Use case", "Caso de uso", Kind.TEXT)
    return _calls_table(report, report.use_cases, "use_cases", label, first, name=lambda key: str(use_case_label(key)))


def phones_table(report: Report) -> Table:
    """The main phone against the others."""
    label = Label("Main and alternative phones", "Teléfono principal y alternativos")
    first = column("Phone", "Teléfono", Kind.TEXT)
    return _calls_table(report, report.phones, "phones", label, first, name=lambda key: str(label_of(PHONES, key)))


def _calls_table(
    report: Report,
    slices: Sequence[Slice],
    key: str,
    label: Label,
    first: Column,
    *,
    name: Callable[[str], str | date],
    note: str = "",
    latest_last: bool = False,
) -> Table:
    return Table(
        key=key,
        label=label,
        columns=(
            first,
            column("Attempts", "Intentos"),
            column("Contacts", "Contactos"),
            column("Contact rate", "Contactabilidad", Kind.RATE, bar=True),
            column("95 % interval", "Intervalo 95 %", Kind.INTERVAL, from_width=WIDE),
            column("Successes", "Éxitos"),
            column("Success rate", "% de éxito", Kind.RATE),
            column("AHT", "TMO", Kind.SECONDS, from_width=WIDE),
            column("Cost", "Costo", Kind.MONEY, from_width=VERY_WIDE),
        ),
        rows=tuple((name(each.key), *_figures(each.tally)) for each in slices),
        total=("Total", *_figures(report.total)),
        note=note,
        latest_last=latest_last,
    )


def _figures(tally: Tally) -> Row:
    return (
        tally.attempts,
        tally.contacts,
        tally.contact_rate.fraction,
        tally.contact_rate.interval,
        tally.successes,
        tally.success_rate.fraction,
        tally.handle_seconds,
        tally.cost_micros,
    )
