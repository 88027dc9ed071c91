"""Promises to pay, from what the agent wrote down: one a contact, its latest.

Enters a batch's calls with captured fields, leaves `Promise` values with the debtor's name. Called by `build`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from speechai.operation.reports.model import Promise
from speechai.retell.reading import decimal_of
from speechai.store.statistics import CapturedCall

CURRENCIES: Mapping[str, str] = {"CL": "CLP", "AR": "ARS"}
"""Where the batch does not say in which money it counts."""

Names = Callable[[Sequence[str]], Mapping[str, tuple[str, str | None]]]


def promises_of(document: Mapping[str, Any], calls: Iterable[CapturedCall], *, names: Names) -> list[Promise]:
    """The promises of a batch; `calls` come the oldest first, and a later promise of a contact replaces its earlier.

    A promise has a date, or an amount above zero: an agent that writes 0 beside an empty date has promised nothing.
    `names` gives name and national id by job; of a contact that was cleaned up there are none.
    """
    latest = {call.job_id: call for call in calls if _is_promise(call.captured)}
    known = names(list(latest))
    currency = str(document.get("currency") or CURRENCIES.get(str(document.get("country")), ""))
    return [_promise(document, call, currency, *known.get(call.job_id, ("", None))) for call in latest.values()]


def amount_of(captured: Any) -> Decimal | None:
    """The captured amount if it is a plain number above zero; a text such as "unas 30 lucas" is left to its reader."""
    amount = decimal_of(captured)
    return amount if amount is not None and amount > 0 else None


def _is_promise(captured: Mapping[str, Any]) -> bool:
    return bool(_text(captured.get("fecha_pago_cliente"))) or amount_of(captured.get("monto_pago_cliente")) is not None


def _promise(document: Mapping[str, Any], call: CapturedCall, currency: str, nombre: str, rut: str | None) -> Promise:
    written = call.captured.get("monto_pago_cliente")
    amount = amount_of(written)
    return Promise(
        batch_id=document["_id"],
        batch_name=str(document.get("name") or document["_id"]),
        job_id=call.job_id,
        nombre=nombre,
        rut=rut,
        fecha_pago_cliente=_text(call.captured.get("fecha_pago_cliente")),
        monto_pago_cliente="" if amount is None and decimal_of(written) is not None else _text(written),
        amount=amount,
        currency=currency,
        called_at=call.called_at.astimezone(ZoneInfo(call.time_zone)),
    )


def _text(value: Any) -> str:
    return "" if value is None or isinstance(value, bool) else str(value).strip()
