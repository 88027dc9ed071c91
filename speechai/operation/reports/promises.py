"""Promises to pay as they were checked against what was offered: one a contact, its latest.

Enters a batch's calls with a promise, leaves `Promise` values with the debtor's name. Called by `build`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.currencies import MINOR_DIGITS
from speechai.catalogue.outcomes import Outcome
from speechai.core.amounts import CURRENCIES
from speechai.core.written import is_nothing, shown
from speechai.operation.reports.model import Promise, PromiseFault
from speechai.operation.results import PROMISED_AMOUNT, PROMISED_ON
from speechai.store.statistics import PromisedCall

Names = Callable[[Sequence[str]], Mapping[str, tuple[str, str | None]]]


def promises_of(document: Mapping[str, Any], calls: Iterable[PromisedCall], *, names: Names) -> list[Promise]:
    """The promises of a batch; `calls` come the oldest first, and a later promise of a contact replaces its earlier.

    What somebody else promised in the debtor's name is none. `names` gives name and national id by job; of a contact
    that was cleaned up there are none.
    """
    latest = {call.job_id: call for call in calls if call.outcome != Outcome.THIRD_PARTY}
    known = names(list(latest))
    currency = CURRENCIES.get(str(document.get("country")), "")
    return [_promise(document, call, currency, *known.get(call.job_id, ("", None))) for call in latest.values()]


def _promise(document: Mapping[str, Any], call: PromisedCall, currency: str, nombre: str, rut: str | None) -> Promise:
    checked = call.promise
    paid_on, minor = checked.get("paid_on"), checked.get("amount_minor")
    currency = call.currency or currency
    return Promise(
        batch_id=document["_id"],
        batch_name=str(document.get("name") or document["_id"]),
        job_id=call.job_id,
        nombre=nombre,
        rut=rut,
        stands=checked.get("kept_as") == "promise",
        pays_on=date.fromisoformat(paid_on) if paid_on else None,
        date_said="" if paid_on else _said(call, PROMISED_ON),
        amount=None if minor is None else Decimal(minor).scaleb(-MINOR_DIGITS.get(currency, 0)),
        amount_said="" if minor is not None else _said(call, PROMISED_AMOUNT),
        instalments=checked.get("instalments"),
        currency=currency,
        faults=tuple(
            PromiseFault(code=fault["code"], en=fault["en"], es=fault["es"]) for fault in checked.get("faults") or ()
        ),
        called_at=call.called_at.astimezone(ZoneInfo(call.time_zone)),
    )


def _said(call: PromisedCall, field: str) -> str:
    """What the agent wrote where it could not be read; a number of nothing (0 beside an empty date) is no word."""
    written = call.captured.get(field)
    return "" if is_nothing(written) or written in (0, "0") or isinstance(written, bool) else shown(written)
