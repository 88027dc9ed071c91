"""A report as tables: which figures stand beside which, under which names. Every renderer shows these.

Enters a `Report`, leaves `Table`s of raw values, so that the terminal, the workbook and Markdown cannot disagree.
"""

from __future__ import annotations

from speechai.operation.reports.calls_tables import (
    days_table,
    hours_table,
    phones_table,
    use_cases_table,
    weekdays_table,
)
from speechai.operation.reports.figures import Kind, shown
from speechai.operation.reports.labels import BATCH_STATES, OUTCOMES, STATES, Label, label_of, use_case_label
from speechai.operation.reports.model import Report
from speechai.operation.reports.table import VERY_WIDE, WIDE, Table, column
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
    return Table(
        key="states",
        label=Label("Contacts by state", "Contactos por estado"),
        columns=(
            column("State", "Estado", Kind.TEXT),
            column("Contacts", "Contactos"),
            column("Share", "Porcentaje", Kind.RATE, bar=True),
        ),
        rows=tuple(
            (str(label_of(STATES, line.status)), line.jobs, Share(part=line.jobs, whole=report.contacts).fraction)
            for line in report.states
        ),
        total=("Total", report.contacts, Share(part=report.contacts, whole=report.contacts).fraction),
    )


def outcomes_table(report: Report) -> Table:
    """Finished calls by how they ended."""
    finished = sum(line.share.part for line in report.outcomes)
    return Table(
        key="outcomes",
        label=Label("Outcomes of the calls", "Resultados de las llamadas"),
        columns=(
            column("Outcome", "Resultado", Kind.TEXT),
            column("Calls", "Llamadas"),
            column("Share", "Porcentaje", Kind.RATE, bar=True),
            column("Counted as attempt", "Cuenta como intento", from_width=WIDE),
            column("Cost", "Costo", Kind.MONEY),
        ),
        rows=tuple(
            (str(label_of(OUTCOMES, o.outcome)), o.share.part, o.share.fraction, o.counted, o.cost_micros)
            for o in report.outcomes
        ),
        total=(
            "Total",
            finished,
            Share(part=finished, whole=finished).fraction,
            sum(line.counted for line in report.outcomes),
            sum(line.cost_micros for line in report.outcomes),
        ),
    )


def batches_table(report: Report) -> Table:
    """Contacts, successes and calls of each batch."""
    return Table(
        key="batches",
        label=Label("Batches", "Lotes"),
        columns=(
            column("Batch", "Lote", Kind.TEXT),
            column("Id", "Id", Kind.TEXT, from_width=VERY_WIDE),
            column("Use case", "Caso de uso", Kind.TEXT, from_width=VERY_WIDE),
            column("State", "Estado", Kind.TEXT),
            column("Contacts", "Contactos"),
            column("Done", "Terminados"),
            column("Done rate", "% de éxito", Kind.RATE),
            column("Attempts", "Intentos", from_width=WIDE),
            column("Contact rate", "Contactabilidad", Kind.RATE, from_width=WIDE),
            column("Promises", "Promesas", from_width=WIDE),
            column("Cost", "Costo", Kind.MONEY),
        ),
        rows=tuple(
            (
                line.name,
                line.batch_id,
                use_case_label(line.use_case).en,
                str(label_of(BATCH_STATES, line.status)),
                line.contacts,
                line.done,
                line.done_rate.fraction,
                line.tally.attempts,
                line.tally.contact_rate.fraction,
                line.promises,
                line.tally.cost_micros,
            )
            for line in report.batches
        ),
        total=(
            "Total",
            "",
            "",
            "",
            report.contacts,
            sum(line.done for line in report.batches),
            Share(part=sum(line.done for line in report.batches), whole=report.contacts).fraction,
            report.total.attempts,
            report.total.contact_rate.fraction,
            len(report.promises),
            report.total.cost_micros,
        ),
    )


def attempts_table(report: Report) -> Table:
    """How many contacts took how many attempts."""
    lines = report.distribution
    return Table(
        key="attempts",
        label=Label("Contacts by number of attempts", "Contactos por número de intentos"),
        columns=(
            column("Attempts", "Intentos", Kind.TEXT),
            column("Contacts", "Contactos"),
            column("Share", "Porcentaje", Kind.RATE, bar=True),
            column("Done", "Terminados"),
            column("Closed without success", "Cerrados sin éxito"),
            column("Open", "Abiertos"),
        ),
        rows=tuple(
            (
                str(line.attempts),
                line.contacts,
                Share(part=line.contacts, whole=report.contacts).fraction,
                line.done,
                line.closed,
                line.open,
            )
            for line in lines
        ),
        total=(
            "Total",
            report.contacts,
            Share(part=report.contacts, whole=report.contacts).fraction,
            sum(line.done for line in lines),
            sum(line.closed for line in lines),
            sum(line.open for line in lines),
        ),
    )


def unit_costs_table(report: Report) -> Table:
    """What one of each thing cost."""
    costs = report.costs
    lines = (
        (Label("attempt", "intento"), costs.calls, costs.per_call_micros),
        (Label("contact", "contacto"), report.total.contacts, costs.per_contact_micros),
        (Label("success", "éxito"), report.total.successes, costs.per_success_micros),
        (Label("promise", "promesa"), len(report.promises), costs.per_promise_micros),
    )
    return Table(
        key="unit_costs",
        label=Label("Cost of one", "Costo unitario"),
        columns=(
            column("Cost per", "Costo por", Kind.TEXT),
            column("How many", "Cuántos"),
            column("Cost of one", "Costo unitario", Kind.MONEY),
        ),
        rows=tuple((str(label), count, each) for label, count, each in lines),
        note=f"Settled costs only: Retell has told the cost of {costs.costed:,} finished calls.",
    )


def products_table(report: Report) -> Table:
    """Retell's charges by product."""
    costs = report.costs
    rows = [(line.product, line.cost_micros) for line in costs.products]
    if costs.not_itemised_micros:
        rows.append((str(Label("not itemised, rounding", "sin detalle, redondeo")), costs.not_itemised_micros))
    whole = costs.total_micros
    return Table(
        key="products",
        label=Label("Cost by product", "Costo por producto"),
        columns=(
            column("Product", "Producto", Kind.TEXT),
            column("Cost", "Costo", Kind.MONEY),
            column("Share", "Porcentaje", Kind.RATE, bar=True),
        ),
        rows=tuple((name, micros, Share(part=micros, whole=whole).fraction) for name, micros in rows),
        total=("Total", whole, Share(part=whole, whole=whole).fraction),
    )


def promises_table(report: Report) -> Table:
    """Promises to pay, the newest first."""
    sums = [
        f"{p.currency or '?'} {shown(Kind.AMOUNT, p.amount)} promised in {p.promises - p.unread:,} promises"
        + (f", {p.unread:,} without a readable amount" if p.unread else "")
        for p in report.promised
    ]
    return Table(
        key="promises",
        label=Label("Promises to pay", "Promesas de pago"),
        columns=(
            column("Name", "Nombre", Kind.TEXT),
            column("National id", "RUT", Kind.TEXT),
            column("Pays on", "Pagará el", Kind.DAY),
            column("Amount", "Monto", Kind.AMOUNT),
            column("Currency", "Moneda", Kind.TEXT, from_width=WIDE),
            column("Called at", "Llamada", Kind.INSTANT),
            column("Batch", "Lote", Kind.TEXT, from_width=WIDE),
        ),
        rows=tuple(
            (
                p.nombre,
                p.rut,
                p.pays_on or p.fecha_pago_cliente,
                p.monto_pago_cliente if p.amount is None else p.amount,
                p.currency,
                p.called_at,
                p.batch_name,
            )
            for p in report.promises
        ),
        note="; ".join([*sums, "called at: local time of the person called"]) if report.promises else "",
    )


def rows_table(report: Report) -> Table:
    """What became of the rows of each file."""
    names = ("rows", "accepted", "merged", "duplicate", "rejected", "unaccounted")
    return Table(
        key="rows",
        label=Label("Rows of the files", "Filas de los archivos"),
        columns=(
            column("Batch", "Lote", Kind.TEXT),
            column("Rows", "Filas"),
            column("Accepted", "Aceptadas"),
            column("Merged", "Unidas"),
            column("Duplicate", "Repetidas"),
            column("Rejected", "Rechazadas"),
            column("Missing", "Sin cuenta"),
        ),
        rows=tuple((line.name, *(getattr(line.rows, name) for name in names)) for line in report.batches),
        total=("Total", *(getattr(report.rows, name) for name in names)),
        note="Rows = accepted + merged (titles of the same person) + duplicate + rejected.",
    )


def contacts_table(report: Report) -> Table:
    """Every contact, masked; only a workbook has room for it."""
    return Table(
        key="contacts",
        label=Label("Contacts", "Contactos"),
        columns=(
            column("Batch", "Lote", Kind.TEXT),
            column("Position", "Posición"),
            column("Name", "Nombre", Kind.TEXT),
            column("National id", "RUT", Kind.TEXT),
            column("Phone", "Teléfono", Kind.TEXT),
            column("Last phone", "Último teléfono", Kind.TEXT),
            column("State", "Estado", Kind.TEXT),
            column("Attempts", "Intentos"),
            column("Reason", "Motivo", Kind.TEXT),
            column("Next attempt", "Próximo intento", Kind.INSTANT),
        ),
        rows=tuple(
            (
                line.batch_name,
                line.position + 1,
                line.nombre,
                line.rut,
                line.phone.removeprefix("+"),  # with its plus and stars the guard of cells would quote it
                line.last_phone.removeprefix("+"),
                str(label_of(STATES, line.status)),
                line.attempts,
                line.reason,
                line.next_attempt_at,
            )
            for line in report.contact_list
        ),
        note="Phones and national ids are masked; `speechai job ID` shows a contact whole."
        + (
            f" The first {len(report.contact_list):,} of {report.contacts:,} contacts."
            if len(report.contact_list) < report.contacts
            else ""
        ),
    )
