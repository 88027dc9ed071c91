"""What a debtor may be offered, and whether what the debtor promised fits it.

Enter a negotiation table, a debt and the local day of the call; leaves an `Offer`, which goes to the agent as text
variables and is kept with the attempt. Enter later that offer and what the agent wrote down; leaves a `Promise` with
every fault, not only the first, so that an operator mends it in one go. All amounts are integers in minor units of the
debt's currency. Called when a call is placed and when it is finished.

Rounding is in the debtor's favour throughout: a discount rounds up, a least amount and an instalment round down. The
agent names these very figures, so a debtor who repeats one is never a unit short; the creditor loses less than one
minor unit an amount. Rounding the other way was rejected: it would ask for more than the percentage that was agreed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

from speechai.catalogue.currencies import MINOR_DIGITS, major_units
from speechai.catalogue.negotiation import Bucket, NegotiationTable
from speechai.catalogue.promise_faults import Fault, FaultCode, fault_of
from speechai.core.model import Debt

_DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_MONTHS = (
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the agent may agree to in one call. 1 <= least <= discounted <= in instalments <= debt, in minor units."""

    table: str
    """Name and version of the table, e.g. "standard v1"."""
    bucket: str
    bucket_es: str
    days_overdue: int | None
    currency: str
    debt_minor: int
    discount_percent: int
    discounted_minor: int
    """What settles the debt at once."""
    instalments: int
    """Most payments that may be agreed: never so many that one would be below the least amount."""
    instalment_total_minor: int
    """What settles the debt in two or more payments; the same as at once where only one may be agreed."""
    least_minor: int
    """Least first payment that counts as a promise."""
    made_on: date
    last_on: date
    """The last local day for the first payment, included."""
    tone: str
    agent_id: str | None = None
    """The bucket's own agent, if it has one."""

    @property
    def instalment_minor(self) -> int:
        """The smallest payment of the longest plan."""
        return self.instalment_total_minor // self.instalments

    def variables(self) -> dict[str, str]:
        """What the agent is told, by Spanish name: amounts in units of the currency ("1234.56"), days as ISO text."""
        return {
            "hay_oferta": "si",
            "tramo_mora": self.bucket_es,
            "dias_mora": "" if self.days_overdue is None else str(self.days_overdue),
            "oferta_moneda": self.currency,
            "oferta_monto_deuda": major_units(self.debt_minor, self.currency),
            "oferta_descuento_porcentaje": str(self.discount_percent),
            "oferta_monto_con_descuento": major_units(self.discounted_minor, self.currency),
            "oferta_cuotas_maximas": str(self.instalments),
            "oferta_monto_en_cuotas": major_units(self.instalment_total_minor, self.currency),
            "oferta_monto_cuota": major_units(self.instalment_minor, self.currency),
            "oferta_monto_minimo": major_units(self.least_minor, self.currency),
            "oferta_fecha_limite": self.last_on.isoformat(),
            "oferta_fecha_limite_en_palabras": in_spanish(self.last_on),
            "tono": self.tone,
        }

    def to_document(self) -> dict[str, Any]:
        """The offer as it is stored with the attempt: texts and integers, days as ISO text."""
        return {**asdict(self), "made_on": self.made_on.isoformat(), "last_on": self.last_on.isoformat()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Offer:
        """The offer back from `to_document`. Raises KeyError or TypeError for something else."""
        days = {name: date.fromisoformat(document[name]) for name in ("made_on", "last_on")}
        return cls(**{**document, **days})


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What the debtor promised, checked. `flagged` means that a person should look at it; it is kept all the same."""

    kept_as: Literal["promise", "flagged"]
    paid_on: date | None
    amount_minor: int | None
    instalments: int | None = None
    faults: tuple[Fault, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The promise as it is stored and sent: texts and integers, days as ISO text."""
        return {
            "kept_as": self.kept_as,
            "paid_on": self.paid_on.isoformat() if self.paid_on else None,
            "amount_minor": self.amount_minor,
            "instalments": self.instalments,
            "faults": [{"code": fault.code.value, "en": fault.en, "es": fault.es} for fault in self.faults],
        }


OFFER_VARIABLES = (
    "hay_oferta",
    "tramo_mora",
    "dias_mora",
    "oferta_moneda",
    "oferta_monto_deuda",
    "oferta_descuento_porcentaje",
    "oferta_monto_con_descuento",
    "oferta_cuotas_maximas",
    "oferta_monto_en_cuotas",
    "oferta_monto_cuota",
    "oferta_monto_minimo",
    "oferta_fecha_limite",
    "oferta_fecha_limite_en_palabras",
    "tono",
)


def offer_variables(offer: Offer | None) -> dict[str, str]:
    """What the agent is told of an offer, or that there is none: every name is always given.

    A name that is not sent stays in the prompt as "{{oferta_monto_minimo}}", and an agent may read it out.
    """
    if offer is not None:
        return offer.variables()
    return {name: "no" if name == "hay_oferta" else "" for name in OFFER_VARIABLES}


def days_overdue(debt: Debt, today: date) -> int | None:
    """Days since the debt was due, on the local day `today`; 0 or fewer: not overdue yet; None: not known.

    The due date wins over the days that the list stated, which grow with every day since.
    """
    if debt.due_on is not None:
        return (today - debt.due_on).days
    if debt.days_overdue is None:
        return None
    return debt.days_overdue + (today - debt.stated_on).days


def offer_for(table: NegotiationTable, debt: Debt | None, today: date) -> Offer | None:
    """What may be offered to a debtor on the local day `today`.

    None, and then nothing may be offered: no debt is known, nothing is owed, its currency is not known, or the table
    has no bucket for it.
    """
    if debt is None or debt.amount_minor < 1 or debt.currency not in MINOR_DIGITS:
        return None
    days = days_overdue(debt, today)
    bucket = table.bucket_of(days)
    if bucket is None:
        return None
    discounted = _less(debt.amount_minor, bucket.discount_percent)
    least = _least(bucket, discounted, debt.currency)
    total = _less(debt.amount_minor, bucket.instalment_discount_percent)
    instalments = max(1, min(bucket.instalments, total // least))
    return Offer(
        table=table.label,
        bucket=bucket.name,
        bucket_es=bucket.name_es,
        days_overdue=days,
        currency=debt.currency,
        debt_minor=debt.amount_minor,
        discount_percent=bucket.discount_percent,
        discounted_minor=discounted,
        instalments=instalments,
        instalment_total_minor=total if instalments > 1 else discounted,
        least_minor=least,
        made_on=today,
        last_on=today + timedelta(days=bucket.last_date_days),
        tone=bucket.tone,
        agent_id=bucket.agent_id,
    )


def instalments_of(total_minor: int, count: int) -> tuple[int, ...]:
    """`total_minor` in `count` payments that add up to it and differ by a unit at most, the smaller ones first.

    Raises ValueError for fewer than one payment, or for more payments than units.
    """
    if not 1 <= count <= total_minor:
        raise ValueError(f"{total_minor} cannot be paid in {count} payments")
    smaller, larger = divmod(total_minor, count)
    return (smaller,) * (count - larger) + (smaller + 1,) * larger


def check_promise(
    offer: Offer | None,
    *,
    paid_on: date | None,
    amount_minor: int | None,
    said_on: date,
    instalments: int | None = None,
) -> Promise:
    """Checks a promise against the offer of its call; to be asked only where the agent wrote down a date or an amount.

    `paid_on` is the day of the (first) payment and `said_on` the day of the call, both local; whether banks are open on
    it is the debtor's affair. `amount_minor` is that payment, in minor units of the offer; zero or less counts as none.
    With `instalments` it is the amount of each; without it only the least amount bounds a part payment. Without an
    offer (no debt known) only the date is checked, and it has no last day.
    """
    faults = _date_faults(offer, paid_on, said_on)
    if offer is not None:
        faults += _amount_faults(offer, amount_minor, instalments)
    return Promise(
        kept_as="flagged" if faults else "promise",
        paid_on=paid_on,
        amount_minor=amount_minor,
        instalments=instalments,
        faults=tuple(faults),
    )


def in_spanish(day: date) -> str:
    """ "sábado 5 de diciembre de 2026": what a voice can read; a prompt's model gets the weekday of a date wrong."""
    return f"{_DAYS[day.weekday()]} {day.day} de {_MONTHS[day.month - 1]} de {day.year}"


def _less(amount: int, percent: int) -> int:
    """`amount` less `percent`, rounded down, never below one unit: what is free cannot be promised."""
    return max(1, amount * (100 - percent) // 100)


def _least(bucket: Bucket, discounted: int, currency: str) -> int:
    by_percent = discounted * bucket.least_percent // 100
    return max(1, min(discounted, max(by_percent, bucket.least_amount_minor.get(currency, 0))))


def _date_faults(offer: Offer | None, paid_on: date | None, said_on: date) -> list[Fault]:
    if paid_on is None:
        return [fault_of(FaultCode.NO_DATE)]
    if paid_on < said_on:
        return [fault_of(FaultCode.DATE_IN_THE_PAST, paid_on=paid_on, said_on=said_on)]
    if offer is not None and paid_on > offer.last_on:
        return [fault_of(FaultCode.DATE_TOO_LATE, paid_on=paid_on, last_on=offer.last_on)]
    return []


def _amount_faults(offer: Offer, amount: int | None, instalments: int | None) -> list[Fault]:
    currency = offer.currency
    if amount is None or amount < 1:
        return [fault_of(FaultCode.AMOUNT_MISSING)]
    if amount > offer.debt_minor:
        return [fault_of(FaultCode.AMOUNT_ABOVE_DEBT, currency, amount=amount, debt=offer.debt_minor)]
    faults = []
    if amount < offer.least_minor:
        faults.append(fault_of(FaultCode.AMOUNT_BELOW_LEAST, currency, amount=amount, least=offer.least_minor))
    if instalments is not None and instalments > offer.instalments:
        faults.append(
            fault_of(FaultCode.TOO_MANY_INSTALMENTS, instalments=str(instalments), most=str(offer.instalments))
        )
    elif instalments is not None and instalments > 0:
        total = offer.discounted_minor if instalments == 1 else offer.instalment_total_minor
        needed = total // instalments
        if amount < needed:
            faults.append(
                fault_of(
                    FaultCode.INSTALMENT_TOO_SMALL,
                    currency,
                    instalments=str(instalments),
                    amount=amount,
                    needed=needed,
                )
            )
    return faults
