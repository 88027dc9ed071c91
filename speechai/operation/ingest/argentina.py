"""Argentinian phone digits as people type them become +54, the area and the number, or the reason why they cannot.

A national number has ten digits: an area of two to four and the rest. A mobile is dialled 0-area-15-number at home and
+54 9 area number from abroad. Without an area nothing can be placed. Pure; called by `phones`.
"""

from __future__ import annotations

from speechai.operation.ingest.reasons import Reason

_CODE = "54"
_NATIONAL_DIGITS = 10
_AREA_DIGITS = (2, 3, 4)
_THREE_DIGITS = """
    220 221 223 230 236 237 249 260 261 263 264 266 280 291 294 297 298 299 336 341 342 343 345 348 351 353 358 362 364
    370 376 379 380 381 383 385 387 388
"""
_THREE_DIGIT_AREAS = frozenset(_THREE_DIGITS.split())
"""ENACOM's numbering plan; 11 is the only area of two digits, all others have four."""


def mend_argentinian(digits: str, *, international: bool) -> str | Reason:
    """`digits` hold no sign; `international` says that a country code stands in front of them."""
    if not international and digits.startswith("15") and len(digits) <= _NATIONAL_DIGITS:
        return Reason.PHONE_NO_AREA
    coded = international or (digits.startswith(_CODE) and len(digits) >= 12)
    national = digits.removeprefix(_CODE) if coded else digits
    national = national.removeprefix("0")
    if national.startswith(("800", "810", "600", "605", "608", "609")) and len(national) >= 9:
        return Reason.PHONE_SPECIAL
    mobile = national.startswith("9") and len(national) > _NATIONAL_DIGITS
    if mobile:
        national = national[1:].removeprefix("0")
    without_15 = _without_15(national)
    if without_15 is not None:
        return f"+{_CODE}9{without_15}"
    if len(national) == _NATIONAL_DIGITS:
        return f"+{_CODE}{'9' if mobile else ''}{national}"
    if len(national) > _NATIONAL_DIGITS:
        return Reason.PHONE_TOO_LONG
    if len(national) < 6:
        return Reason.PHONE_SPECIAL if national in {"911", "100", "101", "107"} else Reason.PHONE_TOO_SHORT
    # Six to eight digits are a number inside an area that the list does not tell.
    return Reason.PHONE_NO_AREA if len(national) <= 8 else Reason.PHONE_AMBIGUOUS


def _without_15(national: str) -> str | None:
    """The ten digits when 15 stands right after the area, None when it does not."""
    if len(national) != _NATIONAL_DIGITS + 2:
        return None
    for width in _AREA_DIGITS:
        if area_digits(national) == width and national[width : width + 2] == "15":
            return national[:width] + national[width + 2 :]
    return None


def area_digits(national: str) -> int:
    """How many digits the area at the front has; areas are free of prefixes, so this is never a guess."""
    if national.startswith("11"):
        return 2
    return 3 if national[:3] in _THREE_DIGIT_AREAS else 4
