"""What can be wrong with a promise to pay, as codes and as sentences for the operator.

Enter a code and the facts behind it; leaves a `Fault` in English and in Spanish. Called by `core.negotiation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from speechai.catalogue.currencies import Language, written


class FaultCode(StrEnum):
    """What is wrong with a promise; the code beside the words."""

    NO_DATE = "no_date"
    DATE_IN_THE_PAST = "date_in_the_past"
    DATE_TOO_LATE = "date_too_late"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_BELOW_LEAST = "amount_below_least"
    AMOUNT_ABOVE_DEBT = "amount_above_debt"
    TOO_MANY_INSTALMENTS = "too_many_instalments"
    INSTALMENT_TOO_SMALL = "instalment_too_small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, in both languages of the operators."""

    code: FaultCode
    en: str
    es: str


def fault_of(code: FaultCode, currency: str = "", **facts: date | int | str) -> Fault:
    """The fault with its sentences. Integers among the facts are amounts in minor units of `currency`."""
    en, es = _WORDS[code]
    return Fault(code=code, en=_filled(en, "en", currency, facts), es=_filled(es, "es", currency, facts))


def _filled(template: str, language: Language, currency: str, facts: Mapping[str, date | int | str]) -> str:
    return template.format(
        **{
            name: written(fact, currency, language=language) if isinstance(fact, int) else str(fact)
            for name, fact in facts.items()
        }
    )


_WORDS: dict[FaultCode, tuple[str, str]] = {
    FaultCode.NO_DATE: ("no date was promised", "no se prometió una fecha"),
    FaultCode.DATE_IN_THE_PAST: (
        "the date {paid_on} is before the day of the call, {said_on}",
        "la fecha {paid_on} es anterior al día de la llamada, {said_on}",
    ),
    FaultCode.DATE_TOO_LATE: (
        "the date {paid_on} is after the last day of the offer, {last_on}",
        "la fecha {paid_on} es posterior al último día de la oferta, {last_on}",
    ),
    FaultCode.AMOUNT_MISSING: ("no amount was promised", "no se prometió un monto"),
    FaultCode.AMOUNT_BELOW_LEAST: (
        "{amount} is less than the least amount, {least}",
        "{amount} es menos que el monto mínimo, {least}",
    ),
    FaultCode.AMOUNT_ABOVE_DEBT: (
        "{amount} is more than the debt, {debt}: was it understood rightly?",
        "{amount} es más que la deuda, {debt}: ¿se entendió bien?",
    ),
    FaultCode.TOO_MANY_INSTALMENTS: (
        "{instalments} payments are more than the {most} that were offered",
        "{instalments} cuotas son más que las {most} ofrecidas",
    ),
    FaultCode.INSTALMENT_TOO_SMALL: (
        "{instalments} payments of {amount} do not settle the debt: each must be {needed} at least",
        "{instalments} cuotas de {amount} no pagan la deuda: cada una debe ser de {needed} como mínimo",
    ),
}
