"""Reading foreign JSON without trusting it: each function takes any value and gives the one type it promises, or None.

Enter: values of Retell's answers and webhooks. Leaves: texts, flags, counts, instants, money. Called by `answers` and
`account`, the two modules that know Retell's field names.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

MICROS_PER_CENT: Final = 10_000

_EARLIEST_MS: Final = 1_577_836_800_000  # 2020-01-01
_LATEST_MS: Final = 4_102_444_800_000  # 2100-01-01
_DEAREST_CENTS: Final = Decimal(1_000_000)
_DEEPEST: Final = 60  # BSON refuses more than 100 levels, and the document around it has its own


def text_of(value: Any) -> str | None:
    """`value` stripped if it is a text with something in it."""
    return value.strip() or None if isinstance(value, str) else None


def object_of(value: Any) -> dict[str, Any]:
    """`value` if it is an object, {} otherwise."""
    return value if isinstance(value, dict) else {}


def flag_of(value: Any) -> bool | None:
    """True or False, also from the texts "true" and "false"."""
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


def decimal_of(value: Any) -> Decimal | None:
    """A finite number from an int, a float (by its shortest decimal text) or a text; never from a bool."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    # Exponents far away make arithmetic slow or raise; nothing we read lies outside these.
    return number if number.is_finite() and -40 < number.adjusted() < 40 else None


def whole_of(value: Any, least: int, greatest: int) -> int | None:
    """The number cut to a whole one if it lies in the bounds, both included."""
    number = decimal_of(value)
    return int(number) if number is not None and least <= number <= greatest else None


def instant_of(value: Any) -> datetime | None:
    """Milliseconds since 1970 as aware UTC, between 2020 (Retell is younger) and 2100."""
    milliseconds = whole_of(value, _EARLIEST_MS, _LATEST_MS)
    return None if milliseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def cents_to_micros(cents: Any) -> int | None:
    """US cents (int, float or text, fractions too) as USD micros, half a micro up; None below 0 or above 10,000 USD.

    A float is read by its shortest decimal text, so 12.3 cents are 123,000 micros and not 122,999.
    """
    amount = decimal_of(cents)
    if amount is None or not 0 <= amount <= _DEAREST_CENTS:
        return None
    return int((amount * MICROS_PER_CENT).quantize(Decimal(1), ROUND_HALF_UP))


def storable(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`payload` with the few things JSON allows and MongoDB refuses made harmless, everything else as it is.

    Whole numbers beyond 64 bits become text, half surrogate pairs and NUL in names become "?", and what lies deeper
    than 60 levels becomes None. Without this one odd answer would make the result of its call unsaveable for ever.
    """
    return {_clean_text(str(name), "\0"): _clean(value, 1) for name, value in payload.items()}


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _clean_text(value, "")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, dict | list) and depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        return {_clean_text(str(name), "\0"): _clean(inner, depth + 1) for name, inner in value.items()}
    return [_clean(inner, depth + 1) for inner in value] if isinstance(value, list) else value


def _clean_text(text: str, unwanted: str) -> str:
    text = text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text
    return text.replace(unwanted, "?") if unwanted else text
