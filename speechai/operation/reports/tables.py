"""A report as tables: which figures stand beside which, under which names. Every renderer shows these.

Enters a `Report`, leaves `Table`s of raw values, so that the terminal, the workbook and Markdown cannot disagree.
"""

from __future__ import annotations

from typing import Literal

from speechai.operation.reports.calls_tables import (
    days_table,
    hours_table,
    phones_table,
    use_cases_table,
    variants_table,
    weekdays_table,
)
from speechai.operation.reports.figures import Kind, shown
from speechai.operation.reports.labels import BATCH_STATES, OUTCOMES, PROMISES, STATES, Label, label_of, use_case_label
from speechai.operation.reports.model import Promise, Promised, Report
from speechai.operation.reports.table import VERY_WIDE, WIDE, WIDEST, Shown, Table, share_of, shown_as, table_of
from speechai.operation.reports.tally import Share


def all_tables(report: Report) -> list[Table]:
    """Every table of the report, in the order in which an operator asks."""
    return [
        states_table(report),
        outcomes_table(report),
        hours_table(report),
        weekdays_table(report),
        days_table(report),
        batches_table(report),
        variants_table(report),
        use_cases_table(report),
        phones_table(report),
        attempts_table(report),
        unit_costs_table(report),
        products_table(report),
        promises_table(report),
        rows_table(report),
    ]


def states_table(report: Report) -> Table:
    """Contacts by state, now."""
    columns = (
        shown_as("State", "Estado", lambda line: str(label_of(STATES, line.status)), Kind.TEXT),
        shown_as("Contacts", "Contactos", lambda line: line.jobs),
        share_of(report.contacts, lambda line: line.jobs),
    )
    return table_of("states", Label("Contacts by state", "Contactos por estado"), report.states, columns)


def outcomes_table(report: Report) -> Table:
    """Finished calls by how they ended."""
    columns = (
        shown_as("Outcome", "Resultado", lambda line: str(label_of(OUTCOMES, line.outcome)), Kind.TEXT),
        shown_as("Calls", "Llamadas", lambda line: line.share.part),
        share_of(sum(line.share.part for line in report.outcomes), lambda line: line.share.part),
        shown_as("Counted as attempt", "Cuenta como intento", lambda line: line.counted, from_width=WIDE),
        shown_as("Cost", "Costo", lambda line: line.cost_micros, Kind.MONEY),
    )
    return table_of("outcomes", Label("Outcomes of the calls", "Resultados de las llamadas"), report.outcomes, columns)


def batches_table(report: Report) -> Table:
    """Contacts, successes and calls of each batch."""
    done = Share(part=sum(line.done for line in report.batches), whole=report.contacts).fraction
    total = report.total
    columns = (
        shown_as("Batch", "Lote", lambda b: b.name, Kind.TEXT),
        shown_as("Id", "Id", lambda b: b.batch_id, Kind.TEXT, from_width=VERY_WIDE),
        shown_as("Use case", "Caso de uso", lambda b: use_case_label(b.use_case).en, Kind.TEXT, from_width=VERY_WIDE),
        shown_as("State", "Estado", lambda b: str(label_of(BATCH_STATES, b.status)), Kind.TEXT),
        shown_as("Contacts", "Contactos", lambda b: b.contacts),
        shown_as("Done", "Terminados", lambda b: b.done),
        shown_as("Done rate", "% de éxito", lambda b: b.done_rate.fraction, Kind.RATE, total=done),
        shown_as("Attempts", "Intentos", lambda b: b.tally.attempts, from_width=WIDE),
        shown_as(
            "RPC rate",
            "% titular",
            lambda b: b.tally.right_party_rate.fraction,
            Kind.RATE,
            total=total.right_party_rate.fraction,
            from_width=WIDE,
        ),
        shown_as("Promises", "Promesas", lambda b: b.promises, from_width=WIDE),
        shown_as("To review", "Por revisar", lambda b: b.flagged, from_width=VERY_WIDE),
        shown_as("Cost", "Costo", lambda b: b.tally.cost_micros, Kind.MONEY),
    )
    return table_of("batches", Label("Batches", "Lotes"), report.batches, columns)


def attempts_table(report: Report) -> Table:
    """How many contacts took how many attempts."""
    columns = (
        shown_as("Attempts", "Intentos", lambda line: str(line.attempts), Kind.TEXT),
        shown_as("Contacts", "Contactos", lambda line: line.contacts),
        share_of(report.contacts, lambda line: line.contacts),
        shown_as("Done", "Terminados", lambda line: line.done),
        shown_as("Closed without success", "Cerrados sin éxito", lambda line: line.closed),
        shown_as("Open", "Abiertos", lambda line: line.open),
    )
    label = Label("Contacts by number of attempts", "Contactos por número de intentos")
    return table_of("attempts", label, report.distribution, columns)


def unit_costs_table(report: Report) -> Table:
    """What one of each thing cost."""
    costs, total = report.costs, report.total
    lines = (
        (Label("attempt", "intento"), costs.calls, costs.per_call_micros),
        (Label("contact", "contacto"), total.contacts, costs.per_contact_micros),
        (Label("right-party contact", "contacto con titular"), total.right_party, costs.per_right_party_micros),
        (Label("success", "éxito"), total.successes, costs.per_success_micros),
        (Label("promise", "promesa"), report.standing, costs.per_promise_micros),
    )
    columns = (
        shown_as("Cost per", "Costo por", lambda line: str(line[0]), Kind.TEXT),
        shown_as("How many", "Cuántos", lambda line: line[1]),
        shown_as("Cost of one", "Costo unitario", lambda line: line[2], Kind.MONEY),
    )
    note = f"Settled costs only: Retell has told the cost of {costs.costed:,} finished calls."
    return table_of("unit_costs", Label("Cost of one", "Costo unitario"), lines, columns, with_total=False, note=note)


def products_table(report: Report) -> Table:
    """Retell's charges by product."""
    costs = report.costs
    lines = [(line.product, line.cost_micros) for line in costs.products]
    if costs.not_itemised_micros:
        lines.append((str(Label("not itemised, rounding", "sin detalle, redondeo")), costs.not_itemised_micros))
    columns = (
        shown_as("Product", "Producto", lambda line: line[0], Kind.TEXT),
        shown_as("Cost", "Costo", lambda line: line[1], Kind.MONEY),
        share_of(costs.total_micros, lambda line: line[1]),
    )
    return table_of("products", Label("Cost by product", "Costo por producto"), lines, columns)


def promises_table(report: Report) -> Table:
    """Promises to pay with what the check against the offer said, the newest first."""
    columns = (
        shown_as("Name", "Nombre", lambda p: p.nombre, Kind.TEXT),
        shown_as("National id", "RUT", lambda p: p.rut, Kind.TEXT),
        shown_as("Pays on", "Pagará el", lambda p: p.pays_on or p.date_said, Kind.DAY),
        shown_as("Amount", "Monto", lambda p: p.amount_said if p.amount is None else p.amount, Kind.AMOUNT),
        shown_as("Payments", "Cuotas", lambda p: p.instalments, from_width=VERY_WIDE),
        shown_as("Currency", "Moneda", lambda p: p.currency, Kind.TEXT, from_width=WIDE),
        shown_as("Check", "Revisión", lambda p: str(PROMISES[p.stands]), Kind.TEXT),
        shown_as("What is wrong", "En inglés", lambda p: _faults(p, "en"), Kind.TEXT, from_width=WIDE),
        shown_as("In Spanish", "Qué está mal", lambda p: _faults(p, "es"), Kind.TEXT, from_width=WIDEST),
        shown_as("Called at", "Llamada", lambda p: p.called_at, Kind.INSTANT),
        shown_as("Batch", "Lote", lambda p: p.batch_name, Kind.TEXT, from_width=VERY_WIDE),
    )
    note = "; ".join([*map(_sum, report.promised), "called at: local time of the person called"])
    return table_of(
        "promises",
        Label("Promises to pay", "Promesas de pago"),
        report.promises,
        columns,
        with_total=False,
        note=note if report.promises else "",
    )


def _faults(promise: Promise, language: Literal["en", "es"]) -> str:
    return "; ".join(getattr(fault, language) for fault in promise.faults)


def _sum(line: Promised) -> str:
    """The promises of one currency in words; what is flagged is in no sum."""
    words = f"{line.currency or '?'} {shown(Kind.AMOUNT, line.amount)} in {line.promises:,} promises that stand"
    if line.without_amount:
        words += f", {line.without_amount:,} of them without an amount"
    return words + (f"; {line.flagged:,} to review, in no sum" if line.flagged else "")


def rows_table(report: Report) -> Table:
    """What became of the rows of each file."""

    def count(en: str, es: str, name: str) -> Shown:
        return shown_as(en, es, lambda line: getattr(line.rows, name))

    columns = (
        shown_as("Batch", "Lote", lambda line: line.name, Kind.TEXT),
        count("Rows", "Filas", "rows"),
        count("Accepted", "Aceptadas", "accepted"),
        count("Merged", "Unidas", "merged"),
        count("Duplicate", "Repetidas", "duplicate"),
        count("Rejected", "Rechazadas", "rejected"),
        count("Missing", "Sin cuenta", "unaccounted"),
    )
    note = "Rows = accepted + merged (titles of the same person) + duplicate + rejected."
    return table_of("rows", Label("Rows of the files", "Filas de los archivos"), report.batches, columns, note=note)


def contacts_table(report: Report) -> Table:
    """Every contact, masked; only a workbook has room for it."""
    # A phone with its plus and stars would be quoted by the guard of cells.
    columns = (
        shown_as("Batch", "Lote", lambda c: c.batch_name, Kind.TEXT),
        shown_as("Position", "Posición", lambda c: c.position + 1),
        shown_as("Name", "Nombre", lambda c: c.nombre, Kind.TEXT),
        shown_as("National id", "RUT", lambda c: c.rut, Kind.TEXT),
        shown_as("Phone", "Teléfono", lambda c: c.phone.removeprefix("+"), Kind.TEXT),
        shown_as("Last phone", "Último teléfono", lambda c: c.last_phone.removeprefix("+"), Kind.TEXT),
        shown_as("State", "Estado", lambda c: str(label_of(STATES, c.status)), Kind.TEXT),
        shown_as("Attempts", "Intentos", lambda c: c.attempts),
        shown_as("Reason", "Motivo", lambda c: c.reason, Kind.TEXT),
        shown_as("Next attempt", "Próximo intento", lambda c: c.next_attempt_at, Kind.INSTANT),
    )
    listed, note = report.contact_list, "Phones and national ids are masked; `speechai job ID` shows a contact whole."
    if len(listed) < report.contacts:
        note += f" The first {len(listed):,} of {report.contacts:,} contacts."
    return table_of("contacts", Label("Contacts", "Contactos"), listed, columns, with_total=False, note=note)
