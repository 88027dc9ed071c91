"""How many decimals a currency has, and how an amount in minor units is written.

Enters an integer number of minor units (pesos of Chile have none, so there a unit is a peso; elsewhere it is a
hundredth); leaves text for an agent or an operator. Called by negotiation.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

Language = Literal["en", "es"]

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


def minor_units(whole: int, currency: str) -> int:
    """`whole` units of the currency (pesos) in minor units (centavos, where it has them). Raises KeyError."""
    return whole * int(10 ** MINOR_DIGITS[currency])


def major_units(minor: int, currency: str) -> str:
    """An amount in minor units as an agent reads it: 1234 CLP is "1234", 123456 ARS "1234.56". Raises KeyError."""
    return str(Decimal(minor).scaleb(-MINOR_DIGITS[currency]))


def written(minor: int, currency: str, *, language: Language) -> str:
    """An amount as a person reads it: "150,000 CLP", in Spanish "150.000 CLP". Raises KeyError."""
    text = f"{Decimal(minor).scaleb(-MINOR_DIGITS[currency]):,}"
    if language == "es":
        text = text.translate(str.maketrans(",.", ".,"))
    return f"{text} {currency}"
