"""A cell becomes an amount of money in minor units, or the reason why it is none.

The rule for separators, because both countries write 1.234,56 and programs write 1234.56:
- both marks present: the last one is decimal (one or two digits behind it), the other must group by three;
- one mark several times: it groups by three;
- one point: three digits behind it are thousands (1.234 is one thousand), one or two are decimals (1234.56);
- one comma: one or two digits behind it are decimals; three are refused (1,234 is English for 1234 and Spanish for
1.234). A fraction beyond the currency's minor unit is rounded half up: pesos of Chile have no cents. Called by
`contacts`.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal

from speechai.errors import ConfigurationError
from speechai.operation.ingest.model import Cell
from speechai.operation.ingest.placeholders import is_placeholder
from speechai.operation.ingest.reasons import Reason

MINOR_DIGITS = {
    "CLP": 0,
    "ARS": 2,
    "USD": 2,
    "COP": 2,
    "MXN": 2,
    "PEN": 2,
    "BRL": 2,
    "UYU": 2,
    "EUR": 2,
    "PYG": 0,
    "BOB": 2,
}
"""ISO 4217."""

_LARGEST_UNITS = 10**12
_SIGN = re.compile(r"(?:U\$S|US\$|AR\$|\$|CLP|ARS|USD|COP|MXN|PEN|BRL|UYU|EUR|€|pesos?)\.?", re.IGNORECASE)
_TAIL = re.compile(r"[.,]\s*[-–—]+$")
_MINUS = ("-", "−", "–", "—")
_FORMS = re.compile(r"\d+(?:[.,]\d+)*")


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
        value: Decimal | Reason | None = Decimal(repr(cell))
    elif isinstance(cell, int):
        value = Decimal(cell)
    else:
        value = _read_text(cell)
    if value is None or isinstance(value, Reason):
        return value
    if value < 0:
        return Reason.AMOUNT_NEGATIVE
    if value > _LARGEST_UNITS:
        return Reason.AMOUNT_TOO_LARGE
    return int((value * 10 ** MINOR_DIGITS[currency]).quantize(Decimal(1), ROUND_HALF_UP))


def major_units(minor: int, currency: str) -> str:
    """An amount in minor units as people say it: 1234 CLP is "1234", 123456 ARS "1234.56"."""
    return str(Decimal(minor).scaleb(-MINOR_DIGITS[currency]))


def _read_text(cell: str) -> Decimal | Reason | None:
    if cell.isascii() and cell.isdigit():
        return Decimal(cell)
    text = "".join(_SIGN.sub("", cell).split())
    if is_placeholder(cell):
        return None
    text = _TAIL.sub("", text)  # '12.500.-' is how Chile closes an amount
    negative = text.startswith(_MINUS) or text.endswith(_MINUS) or (text.startswith("(") and text.endswith(")"))
    text = text.strip("()").strip("".join(_MINUS)).removeprefix("+")
    if not text.isascii() or not _FORMS.fullmatch(text):
        return Reason.AMOUNT_UNREADABLE
    number = _normal(text)
    if isinstance(number, Reason):
        return number
    value = Decimal(number)
    return -value if negative and value else value


def _normal(text: str) -> str | Reason:
    """'1.234.567,89' to '1234567.89' by the rule at the head of this module."""
    points, commas = text.count("."), text.count(",")
    if not points and not commas:
        return text
    if points and commas:
        decimal, group = (",", ".") if text.rindex(",") > text.rindex(".") else (".", ",")
        whole, fraction = text.rsplit(decimal, 1)
        if decimal in whole or not _groups(whole, group):
            return Reason.AMOUNT_UNREADABLE
        return f"{whole.replace(group, '')}.{fraction}" if len(fraction) <= 2 else Reason.AMOUNT_AMBIGUOUS
    mark = "." if points else ","
    if points + commas > 1:
        return text.replace(mark, "") if _groups(text, mark) else Reason.AMOUNT_UNREADABLE
    whole, fraction = text.split(mark)
    if len(fraction) <= 2 or (len(fraction) > 3 and not fraction.strip("0")):
        return f"{whole}.{fraction}"
    if mark == "." and _groups(text, mark):
        return whole + fraction
    return Reason.AMOUNT_AMBIGUOUS


def _groups(text: str, mark: str) -> bool:
    """Whether the mark cuts the digits in threes from the right, with no zero in front."""
    first, *others = text.split(mark)
    return 1 <= len(first) <= 3 and not first.startswith("0") and all(len(g) == 3 for g in others)
