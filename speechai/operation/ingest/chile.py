"""Chilean phone digits as people type them become +56 and nine digits, or the reason why they cannot.

Since 2013 every Chilean number has nine digits: mobiles 9 + 8, Santiago 2 + 8 (the eight begin with 2), other areas
two digits + 7. Lists still hold the older forms. Pure; called by `phones`.
"""

from __future__ import annotations

from speechai.operation.ingest.reasons import Reason

_CODE = "56"
_NATIONAL_DIGITS = 9
_SERVICES = ("600", "700", "800", "809", "188", "123")
"""Shared cost, special rate, free and mass-calling prefixes; phonenumbers takes 809 for a landline."""


def mend_chilean(digits: str, *, international: bool) -> str | Reason:
    """`digits` hold no sign; `international` says that a country code stands in front of them.

    - nine digits, with or without 56: as they are;
    - 0 + nine digits, 09 + eight, 02 + seven or eight: the trunk zero goes;
    - eight digits with 9 or 8 in front: a mobile from before 2013 (then typed as 09-xxxxxxxx), gets its 9;
    - eight digits with 2 in front: Santiago from before 2013 with its area, gets the new 2;
    - everything shorter, and eight digits with 3 to 7 in front, could be several numbers: refused.
    """
    coded = international
    if not international and digits.startswith(_CODE) and len(digits) > _NATIONAL_DIGITS:
        coded = True
    national = digits.removeprefix(_CODE) if coded else digits
    if not coded and len(national) <= 4:
        return (
            Reason.PHONE_SPECIAL
            if national in {"131", "132", "133", "134", "137", "139", "149"}
            else Reason.PHONE_TOO_SHORT
        )
    if national.startswith(_SERVICES) and len(national) >= _NATIONAL_DIGITS:
        return Reason.PHONE_SPECIAL
    if national.startswith("0"):
        return _with_trunk_zero(national)
    if len(national) == _NATIONAL_DIGITS:
        return f"+{_CODE}{national}"
    if len(national) > _NATIONAL_DIGITS:
        return Reason.PHONE_TOO_LONG
    if len(national) == _NATIONAL_DIGITS - 1:
        return _eight_digits(national, coded=coded)
    return Reason.PHONE_AMBIGUOUS if len(national) >= 6 else Reason.PHONE_TOO_SHORT


def _with_trunk_zero(national: str) -> str | Reason:
    rest = national[1:]
    if len(rest) == _NATIONAL_DIGITS:
        return f"+{_CODE}{rest}"
    if len(rest) > _NATIONAL_DIGITS:
        return Reason.PHONE_TOO_LONG
    if rest.startswith("2") and len(rest) == _NATIONAL_DIGITS - 1:
        return f"+{_CODE}2{rest}"
    # 09 + seven digits: an old mobile wants 8 or 9 in front, a new one lacks any digit. Area + old number: likewise.
    return Reason.PHONE_AMBIGUOUS if len(rest) >= 6 else Reason.PHONE_TOO_SHORT


def _eight_digits(national: str, *, coded: bool) -> str | Reason:
    if national[0] == "2":
        return f"+{_CODE}2{national}"
    if national[0] in "98" and not coded:
        return f"+{_CODE}9{national}"
    # With the country code, 9 + seven digits is a mobile that lacks one digit as likely as an old one.
    return Reason.PHONE_AMBIGUOUS
