"""What stands at the head of a report: which batches, which period, and the key figures with their formulas.

Enters a `Report`, leaves lines and `KeyFigure`s. Called by every renderer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from speechai.operation.reports.figures import Kind
from speechai.operation.reports.labels import Label
from speechai.operation.reports.model import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """One figure, its names, and how it is made."""

    label: Label
    kind: Kind
    value: Any
    formula: str = ""


def title(report: Report) -> str:
    """`Call report · Informe de llamadas`, with the batch's name where it is one batch's."""
    words = str(Label("Call report", "Informe de llamadas"))
    return f"{words}: {report.batches[0].name}" if report.batch_id is not None and report.batches else words


def facts(report: Report) -> list[tuple[Label, str]]:
    """Scope, period and time of the report, as text."""
    if report.batch_id is not None:
        scope = report.batch_id
    else:
        scope = f"all {len(report.batches)}" if report.batches else "none yet"
    lines = [(Label("Batches", "Lotes"), scope)]
    if report.since or report.until:
        lines.append((Label("Period", "Período"), _period(report.since, report.until)))
    calls = _period(report.first_call_at, report.last_call_at) if report.first_call_at else "no call yet"
    lines.append((Label("Calls", "Llamadas"), calls))
    lines.append((Label("Made at", "Generado"), f"{report.generated_at:%Y-%m-%d %H:%M} ({report.zone})"))
    return lines


def key_figures(report: Report) -> list[KeyFigure]:
    """The figures that an operator looks at first, in the order of the funnel."""
    total, costs = report.total, report.costs
    return [
        KeyFigure(label=Label("Contacts", "Base de contactos"), kind=Kind.COUNT, value=report.contacts),
        _rate("Penetration", "Penetración", report.penetration.fraction, "people tried / contacts"),
        KeyFigure(
            label=Label("Intensity", "Intensidad"),
            kind=Kind.NUMBER,
            value=report.intensity,
            formula="attempts / people tried",
        ),
        KeyFigure(label=Label("Attempts", "Intentos"), kind=Kind.COUNT, value=total.attempts),
        _rate("Contact rate", "Contactabilidad", total.contact_rate.fraction, "contacts / attempts"),
        _rate(
            "RPC rate",
            "Contacto con titular",
            total.right_party_rate.fraction,
            "right-party contacts / attempts",
        ),
        _rate("People reached", "Personas contactadas", report.reached_rate.fraction, "people reached / people tried"),
        KeyFigure(label=Label("Successes", "Éxitos"), kind=Kind.COUNT, value=total.successes),
        _rate("Success rate", "Tasa de éxito", total.success_rate.fraction, "successes / attempts"),
        _rate(
            "Promise rate (PTP)",
            "Tasa de promesa",
            report.promise_rate.fraction,
            "promises that stand / right-party contacts",
        ),
        KeyFigure(
            label=Label("Average handle time", "TMO"),
            kind=Kind.SECONDS,
            value=total.handle_seconds,
            formula="talk time / conversations, min:s",
        ),
        KeyFigure(
            label=Label("Cost", "Costo"),
            kind=Kind.MONEY,
            value=costs.total_micros,
            formula="settled costs only",
        ),
    ]


def remarks(report: Report) -> list[str]:
    """What a reader must know beside the figures; nothing where all is plain."""
    lines = []
    if report.calls_open:
        lines.append(f"{report.calls_open:,} calls are open: they are in no figure yet.")
    if report.calls_refused:
        lines.append(f"{report.calls_refused:,} calls were refused by Retell and never happened: they are no attempts.")
    if report.calls_not_counted:
        lines.append(f"{report.calls_not_counted:,} finished calls did not reach the phone: they are no attempts.")
    if report.total.unconfirmed:
        lines.append(
            f"Of {report.total.unconfirmed:,} of {report.total.right_party:,} right-party contacts the agent did not "
            "write down who spoke: the RPC rate is at most this."
        )
    if report.rows.unaccounted:
        lines.append(f"{report.rows.unaccounted:,} rows are missing from the account: please report this.")
    if report.since or report.until:
        lines.append("Contacts, states and rows are told as they stand now; the period bounds the calls.")
    return lines


def _rate(en: str, es: str, value: float | None, formula: str) -> KeyFigure:
    return KeyFigure(label=Label(en, es), kind=Kind.RATE, value=value, formula=formula)


def _period(first: datetime | None, last: datetime | None) -> str:
    return " – ".join(f"{at:%Y-%m-%d %H:%M}" if at else "..." for at in (first, last))
