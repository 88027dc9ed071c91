"""Tables of calls: the same figures by hour, weekday, day, use case, phone and variant.

Enters a `Report`, leaves `Table`s. Called by `tables` and by the workbook.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from speechai.operation.reports.figures import Kind
from speechai.operation.reports.labels import PHONES, WEEKDAYS, Label, label_of, use_case_label
from speechai.operation.reports.model import Report, Slice
from speechai.operation.reports.table import VERY_WIDE, WIDE, Shown, Table, shown_as, table_of
from speechai.operation.reports.tally import Tally

_FEW = "A rate of few calls means little: see its 95 % interval."


def hours_table(report: Report) -> Table:
    """Calls by the hour at the contact's place."""
    first = shown_as("Hour", "Hora", lambda line: f"{line.key}:00", Kind.TEXT)
    label = Label("Calls by local hour", "Llamadas por hora local")
    return _calls_table("hours", label, first, report.hours, note=f"The hour at the place of the person called. {_FEW}")


def weekdays_table(report: Report) -> Table:
    """Calls by the weekday at the contact's place."""
    first = _named("Weekday", "Día", lambda key: label_of(WEEKDAYS, key))
    return _calls_table("weekdays", Label("Calls by weekday", "Llamadas por día de la semana"), first, report.weekdays)


def days_table(report: Report) -> Table:
    """Calls by the day at the contact's place."""
    first = shown_as("Day", "Día", lambda line: date.fromisoformat(line.key), Kind.DAY)
    return _calls_table("days", Label("Calls by local day", "Llamadas por día"), first, report.days, latest_last=True)


def use_cases_table(report: Report) -> Table:
    """Calls by use case."""
    first = _named("Use case", "Caso de uso", use_case_label)
    return _calls_table("use_cases", Label("Calls by use case", "Llamadas por caso de uso"), first, report.use_cases)


def phones_table(report: Report) -> Table:
    """The main phone against the others."""
    first = _named("Phone", "Teléfono", lambda key: label_of(PHONES, key))
    label = Label("Main and alternative phones", "Teléfono principal y alternativos")
    return _calls_table("phones", label, first, report.phones)


def variants_table(report: Report) -> Table:
    """The arms of A/B tests against each other; without a row where no list has any."""
    first = shown_as("Variant", "Variante", lambda line: line.key, Kind.TEXT)
    label = Label("Variants (A/B)", "Variantes (A/B)")
    note = (
        f"A person has the same variant in every call. {_FEW} Where two intervals overlap, neither is the better yet."
    )
    return _calls_table("variants", label, first, report.variants, note=note)


def _named(en: str, es: str, label: Callable[[str], Label]) -> Shown:
    return shown_as(en, es, lambda line: str(label(line.key)), Kind.TEXT)


def _calls_table(
    key: str, label: Label, first: Shown, slices: Sequence[Slice], *, note: str = "", latest_last: bool = False
) -> Table:
    every = Tally.sum_of(line.tally for line in slices)

    def figure(
        en: str, es: str, of: Callable[[Tally], object], kind: Kind = Kind.COUNT, width: int = 0, bar: bool = False
    ) -> Shown:
        return shown_as(en, es, lambda line: of(line.tally), kind, total=of(every), from_width=width, bar=bar)

    columns = (
        first,
        figure("Attempts", "Intentos", lambda t: t.attempts),
        figure("Contacts", "Contactos", lambda t: t.contacts),
        figure("Contact rate", "Contactabilidad", lambda t: t.contact_rate.fraction, Kind.RATE, bar=True),
        figure("RPC", "Titulares", lambda t: t.right_party, width=VERY_WIDE),
        figure("RPC rate", "% titular", lambda t: t.right_party_rate.fraction, Kind.RATE),
        figure("RPC, 95 %", "IC 95 %", lambda t: t.right_party_rate.interval, Kind.INTERVAL, WIDE),
        figure("Successes", "Éxitos", lambda t: t.successes, width=WIDE),
        figure("Success rate", "% de éxito", lambda t: t.success_rate.fraction, Kind.RATE),
        figure("Success, 95 %", "IC 95 %", lambda t: t.success_rate.interval, Kind.INTERVAL, VERY_WIDE),
        figure("AHT", "TMO", lambda t: t.handle_seconds, Kind.SECONDS, VERY_WIDE),
        figure("Cost", "Costo", lambda t: t.cost_micros, Kind.MONEY, VERY_WIDE),
    )
    return table_of(key, label, slices, columns, note=note, latest_last=latest_last)
