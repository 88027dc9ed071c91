"""A cell becomes an amount of money in minor units, or the reason why it is none.

The rule for points and commas is that of `speechai.core.amounts`; here stands what a cell of a sheet may hold around
them: signs of any money, minus signs and brackets, placeholders. Called by `contacts`.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from speechai.catalogue.currencies import MINOR_DIGITS
from speechai.catalogue.currencies import major_units as major_units
from speechai.core.amounts import AmountFault, figures, in_minor_units
from speechai.errors import ConfigurationError
from speechai.operation.ingest.model import Cell
from speechai.operation.ingest.placeholders import is_placeholder
from speechai.operation.ingest.reasons import Reason

_REASONS = {fault: Reason(f"amount_{fault}") for fault in AmountFault}
_SIGN = re.compile(r"(?:U\$S|US\$|AR\$|\$|CLP|ARS|USD|COP|MXN|PEN|BRL|UYU|EUR|€|pesos?)\.?", re.IGNORECASE)
_TAIL = re.compile(r"[.,]\s*[-–—]+$")
_MINUS = ("-", "−", "–", "—")


def read_amount(cell: Cell, *, currency: str) -> int | Reason | None:
    """The amount in minor units; None for an empty cell; a Reason where it cannot be read or is below zero.

    Raises:
        ConfigurationError: the currency is not known.
    """
    if currency not in MINOR_DIGITS:
        raise ConfigurationError(f"currency {currency!r} is not known; known: {', '.join(sorted(MINOR_DIGITS))}")
    if cell is None:
        return None
    if isinstance(cell, bool) or not isinstance(cell, int | float | str):
        return Reason.AMOUNT_UNREADABLE
    if isinstance(cell, float):
        if not math.isfinite(cell):
            return Reason.AMOUNT_UNREADABLE
        value: Decimal | AmountFault | None = Decimal(repr(cell))
    elif isinstance(cell, int):
        value = Decimal(cell)
    else:
        value = _read_text(cell)
    if value is None:
        return None
    amount = value if isinstance(value, AmountFault) else in_minor_units(value, currency)
    return _REASONS[amount] if isinstance(amount, AmountFault) else amount


def _read_text(cell: str) -> Decimal | AmountFault | None:
    if cell.isascii() and cell.isdigit():
        return Decimal(cell)
    text = "".join(_SIGN.sub("", cell).split())
    if is_placeholder(cell):
        return None
    text = _TAIL.sub("", text)  # '12.500.-' is how Chile closes an amount
    negative = text.startswith(_MINUS) or text.endswith(_MINUS) or (text.startswith("(") and text.endswith(")"))
    value = figures(text.strip("()").strip("".join(_MINUS)).removeprefix("+"))
    if isinstance(value, AmountFault):
        return value
    return -value if negative and value else value
