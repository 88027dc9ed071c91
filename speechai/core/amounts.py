"""Money as people and programs write it and as debtors say it becomes minor units, or the reason why it is none.

The rule for separators, because both countries write 1.234,56 and programs write 1234.56:
- both marks present: the last one is decimal (one or two digits behind it), the other must group by three;
- one mark several times: it groups by three;
- one point: three digits behind it are thousands (1.234 is one thousand), one or two are decimals (1234.56);
- one comma: one or two digits behind it are decimals; three are refused (1,234 is English for 1234 and Spanish for
1.234). Where the country itself writes 1,234.56 the comma and the point change places in the last two lines.
A fraction beyond the currency's minor unit is rounded half up: pesos of Chile have no cents. Called by the ingest for
cells and by `captured` for what an agent wrote down.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from speechai.catalogue.currencies import MINOR_DIGITS
from speechai.core.numerals import fold, in_figures

LARGEST_UNITS = 10**12

CURRENCIES = {
    "CL": "CLP",
    "AR": "ARS",
    "US": "USD",
    "CO": "COP",
    "MX": "MXN",
    "PE": "PEN",
    "BR": "BRL",
    "UY": "UYU",
    "PY": "PYG",
    "BO": "BOB",
    "ES": "EUR",
}
"""The money that is meant in a country where none is named."""

_POINT_IS_DECIMAL = ("US", "MX", "PE")
_LUCA_IS_A_THOUSAND = ("CL", "AR", "CO")
_NAMES = {
    "CLP": ("clp", "ch$", "pesos chilenos", "pesos", "peso", "$"),
    "ARS": ("ars", "ar$", "pesos argentinos", "pesos", "peso", "$"),
    "USD": ("usd", "u$s", "us$", "dolares", "dolar", "dollars", "dollar", "$"),
    "COP": ("cop", "col$", "pesos colombianos", "pesos", "peso", "$"),
    "MXN": ("mxn", "mx$", "pesos mexicanos", "pesos", "peso", "$"),
    "PEN": ("pen", "s/.", "s/", "soles", "sol"),
    "BRL": ("brl", "r$", "reais", "reales", "real"),
    "UYU": ("uyu", "$u", "pesos uruguayos", "pesos", "peso", "$"),
    "PYG": ("pyg", "guaranies", "guarani", "gs.", "gs"),
    "BOB": ("bob", "bolivianos", "boliviano", "bs.", "bs"),
    "EUR": ("eur", "euros", "euro", "€"),
}
_FORMS = re.compile(r"[0-9]+(?:[.,][0-9]+)*")
_GROUPED_BY_SPACES = re.compile(r"[0-9]{1,3}(?: [0-9]{3})+(?:,[0-9]{1,2})?")
_TAIL = re.compile(r"[.,]\s*[-–—]+$")
_SCALES = {
    "mil": 1_000,
    "thousand": 1_000,
    "k": 1_000,
    "luca": 1_000,
    "lucas": 1_000,
    "millon": 1_000_000,
    "millones": 1_000_000,
    "million": 1_000_000,
    "millions": 1_000_000,
    "palo": 1_000_000,
    "palos": 1_000_000,
}
_SLANG = ("luca", "lucas", "palo", "palos")
_LONGEST = 120


class AmountFault(StrEnum):
    """Why something is no amount."""

    UNREADABLE = "unreadable"
    AMBIGUOUS = "ambiguous"
    NEGATIVE = "negative"
    TOO_LARGE = "too_large"


def read_said_amount(value: object, *, country: str) -> int | AmountFault | None:
    """An amount in minor units of the country's money, from a number, figures or words ("$ 120 mil", "150 lucas").

    None where nothing stands. What names another money, a range, an "about" or a share is unreadable: nothing is
    guessed. Never raises.
    """
    currency = CURRENCIES.get(country)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if currency is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return AmountFault.UNREADABLE
    if isinstance(value, str):
        return _said(value, country, currency)
    if isinstance(value, float) and not math.isfinite(value):
        return AmountFault.UNREADABLE
    return in_minor_units(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), currency)


def in_minor_units(value: Decimal, currency: str) -> int | AmountFault:
    """Whole units in minor units of `currency`, half a minor unit up; a fault below zero and beyond any debt."""
    if value < 0:
        return AmountFault.NEGATIVE
    if value > LARGEST_UNITS:
        return AmountFault.TOO_LARGE
    return int((value * 10 ** MINOR_DIGITS[currency]).quantize(Decimal(1), ROUND_HALF_UP))


def figures(text: str, *, point_is_decimal: bool = False) -> Decimal | AmountFault:
    """'1.234.567,89' as a number, by the rule at the head of this module; `text` is digits, points and commas only."""
    if not _FORMS.fullmatch(text):
        return AmountFault.UNREADABLE
    number = _normal(text, ",." if point_is_decimal else ".,")
    return number if isinstance(number, AmountFault) else Decimal(number)


def is_point_decimal(country: str) -> bool:
    """Whether the country writes 1,234.56 (ISO 3166 alpha-2); elsewhere 1.234,56."""
    return country in _POINT_IS_DECIMAL


def _normal(text: str, marks: str) -> str | AmountFault:
    """`marks`: the mark that groups by three where this is written, then the one before decimals."""
    points, commas = text.count("."), text.count(",")
    if not points and not commas:
        return text
    if points and commas:
        decimal, group = (",", ".") if text.rindex(",") > text.rindex(".") else (".", ",")
        whole, fraction = text.rsplit(decimal, 1)
        if decimal in whole or not _groups(whole, group):
            return AmountFault.UNREADABLE
        return f"{whole.replace(group, '')}.{fraction}" if len(fraction) <= 2 else AmountFault.AMBIGUOUS
    mark = "." if points else ","
    if points + commas > 1:
        return text.replace(mark, "") if _groups(text, mark) else AmountFault.UNREADABLE
    whole, fraction = text.split(mark)
    if len(fraction) <= 2 or (len(fraction) > 3 and not fraction.strip("0")):
        return f"{whole}.{fraction}"
    if mark == marks[0] and _groups(text, mark):
        return whole + fraction
    return AmountFault.AMBIGUOUS


def _groups(text: str, mark: str) -> bool:
    """Whether the mark cuts the digits in threes from the right, with no zero in front."""
    first, *others = text.split(mark)
    return 1 <= len(first) <= 3 and not first.startswith("0") and all(len(g) == 3 for g in others)


def _said(text: str, country: str, currency: str) -> int | AmountFault:
    if len(text) > _LONGEST:
        return AmountFault.UNREADABLE
    bare = _TAIL.sub("", " ".join(_without_money(fold(text), currency).split()))
    negative, bare = bare.startswith(("-", "−")), bare.lstrip("-−+ ")
    value = _figures_or_words(bare, country)
    return value if isinstance(value, AmountFault) else in_minor_units(-value if negative else value, currency)


def _without_money(folded: str, currency: str) -> str:
    """The text without the signs and names of the country's own money, each standing by itself or beside a digit."""
    names = "|".join(re.escape(name) for name in _NAMES[currency])
    return re.sub(rf"(?<![a-z$])(?:de\s+)?(?:{names})(?![a-z$/])", " ", folded)


def _figures_or_words(bare: str, country: str) -> Decimal | AmountFault:
    point_is_decimal = is_point_decimal(country)
    if _FORMS.fullmatch(bare):
        return figures(bare, point_is_decimal=point_is_decimal)
    if _GROUPED_BY_SPACES.fullmatch(bare):
        return Decimal(bare.replace(" ", "").replace(",", "."))
    words = re.sub(r"(?<=[0-9])(k|mil|lucas?|palos?)\b", r" \1", bare)
    words = re.sub(r"\b(?:half an?|medio|media)\s+(?=mill|palo|luca)", "0.5 ", words)
    words = re.sub(r"\b(mill\w+|palos?|lucas?)\s+(?:y medi[oa]|and a half)\b", r"y_medio \1", words)
    return _sum(in_figures(words).split(), country, point_is_decimal)


def _sum(tokens: list[str], country: str, point_is_decimal: bool) -> Decimal | AmountFault:
    """'2 millones 300 mil' token by token, the scales falling; a rest that could count thousands is ambiguous."""
    total, scale_before, number, half = Decimal(0), 10**9, None, Decimal(0)
    for token in tokens:
        if token == "y_medio":
            half = Decimal("0.5")
        elif scale := _SCALES.get(token):
            if (token in _SLANG and (country not in _LUCA_IS_A_THOUSAND or number is None)) or scale >= scale_before:
                return AmountFault.UNREADABLE
            if number is not None and number >= 1000:
                return AmountFault.AMBIGUOUS
            total += ((1 if number is None else number) + half) * scale
            scale_before, number, half = scale, None, Decimal(0)
        elif number is None and _FORMS.fullmatch(token):
            read = figures(token, point_is_decimal=point_is_decimal)
            if isinstance(read, AmountFault):
                return read
            number = read
        else:
            return AmountFault.UNREADABLE
    if half or not tokens:
        return AmountFault.UNREADABLE
    if number is None:
        return total
    if total and (scale_before > 1000 or number >= 1000 or number != int(number)):
        return AmountFault.AMBIGUOUS  # "un millón quinientos" is said of 1.500.000 too
    return total + number
