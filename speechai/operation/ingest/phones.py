"""A cell becomes phone numbers in E.164, or the reason why one is not: never somebody else's number.

Old forms are mended by `chile` and `argentina` first, then phonenumbers has the last word on validity. What could be
two numbers is refused. Called by `contacts` for each phone column of a row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType

from speechai.operation.ingest.argentina import mend_argentinian
from speechai.operation.ingest.chile import mend_chilean
from speechai.operation.ingest.model import Cell
from speechai.operation.ingest.placeholders import is_excel_error, is_placeholder
from speechai.operation.ingest.reasons import Reason
from speechai.operation.ingest.text import clean, compact

_SEPARATORS = re.compile(r"[/;,|\n\r\t&]+|\s+(?:y|e|o|u)\s+|(?<=\d)\s*(?=\+\d)", re.IGNORECASE)
_PLAIN = re.compile(r"\+?\d{5,15}", re.ASCII)
_NOT_DIGITS = re.compile(r"\D")
_SLASHED_WORDS = re.compile(r"\b(?:s/[nftdi]|n/[adst])\b", re.IGNORECASE)
_SPACED_HYPHEN = re.compile(r"\s+[-–—]+\s+")
_SPACES = re.compile(r"\s+")
_FRAGMENT_DIGITS = 4
_WHOLE_DIGITS = 8
_DECIMAL_TAIL = re.compile(r"^(\+?\d{6,})[.,]0{1,2}$")
_GROUPED = re.compile(r"^\d{1,3}(?:[.,]\d{3}){2,}$")
_SCIENTIFIC = re.compile(r"^(\d)(?:[.,](\d+))?[eE]\+?(\d{1,2})$")
_LABELS = re.compile(
    r"\b(?:celular|cel|movil|móvil|fono|tel[eé]fono|tel|fijo|casa|hogar|particular|residencial|trabajo|oficina|laboral"
    r"|whats\s?app|wsp|wapp|n[º°]|nro)\b[.:]?|\(0\)",
    re.IGNORECASE,
)
_ALLOWED_CHARACTERS = re.compile(r"^\+?[\d\s().\-–—·]*$")
_SURE_DIGITS = 8
"""Significant digits that a number in scientific notation must still have: Excel shows six, R seven; a program that
writes eight or more left out nothing but zeros."""

_PERSONAL = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.PERSONAL_NUMBER,
    }
)
_CALLING_CODES = {"CL": 56, "AR": 54}


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneResult:
    """One number of a cell: `e164` or `reason` is set. `text` is the part of the cell it came from."""

    text: str
    e164: str | None = None
    reason: Reason | None = None


def read_phones(cell: Cell, *, country: str, allowed: Sequence[str] = ("CL", "AR")) -> list[PhoneResult]:
    """The numbers of a cell in its own order; empty for an empty cell or a placeholder ('S/N', 0, 999999999).

    `country` (ISO, two letters) is assumed where no country code stands; `allowed` are those that a '+' may name.
    """
    if cell is None or cell == "":
        return []
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        text = _number_text(cell)
        if text is None:
            return [PhoneResult(text=repr(cell), reason=Reason.PHONE_INVALID)]
        return _read_text(text, country, tuple(allowed))
    if not isinstance(cell, str):
        return [PhoneResult(text=str(cell), reason=Reason.PHONE_INVALID)]
    return _read_text(cell.strip(), country, tuple(allowed))


def _number_text(cell: int | float) -> str | None:
    """The digits of a number that Excel made of a phone; None where it has a fraction or a sign and is no phone."""
    if isinstance(cell, float):
        if not cell.is_integer() or abs(cell) >= 1e15:
            return None
        cell = int(cell)
    return str(cell) if cell >= 0 else None


def _read_text(text: str, country: str, allowed: tuple[str, ...]) -> list[PhoneResult]:
    if _PLAIN.fullmatch(text):  # nearly all cells of a big file: nothing to take apart
        return [] if _is_filler(text.removeprefix("+")) else [_read_one(text, country, allowed)]
    if not text.isascii():  # wide digits, and the invisible marks that come along when a number is copied from a chat
        text = unicodedata.normalize("NFKC", clean(text.replace("\n", "/")))
    if _is_nothing(text):
        return []
    if match := _SCIENTIFIC.match(text):
        digits = match[1] + (match[2] or "")
        exponent = int(match[3])
        if len(digits) < _SURE_DIGITS or len(digits) > exponent + 1 or exponent > 14:
            return [PhoneResult(text=text, reason=Reason.PHONE_DIGITS_LOST)]
        text = digits.ljust(exponent + 1, "0")
    elif match := _DECIMAL_TAIL.match(text):
        text = match[1]
    elif _GROUPED.match(text):
        text = text.replace(".", "").replace(",", "")
    results: list[PhoneResult] = []
    after_fragment = False
    for piece in _pieces(text.replace("(0)", "")):
        if _is_nothing(piece):
            continue
        # '41 / 22345678' may be an area and its number: alone, the number would be read as one of another city.
        result = (
            PhoneResult(text=text, reason=Reason.PHONE_AMBIGUOUS)
            if after_fragment
            else _read_one(piece, country, allowed)
        )
        results.append(result)
        after_fragment = 0 < _digits(piece) <= _FRAGMENT_DIGITS
    return results


def _pieces(text: str) -> list[str]:
    """The numbers of a cell. Spaces, and hyphens between them, separate only what is long enough on both sides."""
    pieces = _SEPARATORS.split(_SLASHED_WORDS.sub(" ", text))
    for separator, fewest in ((_SPACED_HYPHEN, _WHOLE_DIGITS), (_SPACES, _WHOLE_DIGITS + 1)):
        pieces = [part for piece in pieces for part in _parts(piece, separator, fewest)]
    return [p.strip() for p in pieces]


def _parts(piece: str, separator: re.Pattern[str], fewest: int) -> list[str]:
    parts = [p for p in separator.split(piece) if p]
    return parts if all(_digits(p) >= fewest for p in parts) else [piece]


def _digits(text: str) -> int:
    return sum(c.isdigit() for c in text)


def _is_nothing(text: str) -> bool:
    """Whether a cell says that there is no phone: nothing, a word for it, or a filler."""
    if is_excel_error(text) or is_placeholder(text):
        return True
    plain = compact(text)
    return plain.isdigit() and _is_filler(plain)


def _is_filler(digits: str) -> bool:
    """One digit repeated, also behind 56 and 9, or 1234...: what people type where a number is demanded."""
    subscriber = digits.removeprefix("0").removeprefix("56")
    if len(subscriber) == 9 and subscriber[0] == "9":
        subscriber = subscriber[1:]
    if not digits.strip("0"):
        return True
    if len(digits) > _FRAGMENT_DIGITS and (len(set(subscriber)) <= 1 or len(set(digits)) == 1):
        return True
    return len(digits) > 6 and "1234567890".startswith(digits)


@lru_cache(maxsize=4096)
def _read_one(piece: str, country: str, allowed: tuple[str, ...]) -> PhoneResult:
    bare = piece if _PLAIN.fullmatch(piece) else _LABELS.sub(" ", piece).strip(" :.-–")
    if not _ALLOWED_CHARACTERS.match(bare):
        return PhoneResult(text=piece, reason=Reason.PHONE_WORDS)
    digits = _NOT_DIGITS.sub("", bare)
    if not digits:
        return PhoneResult(text=piece, reason=Reason.PHONE_INVALID)
    international = bare.startswith("+") or (digits.startswith("00") and len(digits) > 11)
    if international:
        digits = digits.removeprefix("00") if not bare.startswith("+") else digits
        home = str(_CALLING_CODES.get(country, phonenumbers.country_code_for_region(country)))
        if not digits.startswith(home):
            return _abroad(piece, digits, country, allowed)
    mended = _mend(digits, country, international=international)
    if isinstance(mended, Reason):
        return PhoneResult(text=piece, reason=mended)
    return _checked(piece, mended, country)


def _mend(digits: str, country: str, *, international: bool) -> str | Reason:
    """Digits as typed to '+' and all digits, by the rules of the country; other countries go as they are."""
    if country == "CL":
        return mend_chilean(digits, international=international)
    if country == "AR":
        return mend_argentinian(digits, international=international)
    if international:
        return f"+{digits}"
    code = phonenumbers.country_code_for_region(country)
    return f"+{code}{digits.lstrip('0')}"


def _abroad(piece: str, digits: str, country: str, allowed: tuple[str, ...]) -> PhoneResult:
    for other in allowed:
        if other != country and digits.startswith(str(phonenumbers.country_code_for_region(other))):
            mended = _mend(digits, other, international=True)
            if isinstance(mended, Reason):
                return PhoneResult(text=piece, reason=mended)
            return _checked(piece, mended, other)
    return PhoneResult(text=piece, reason=Reason.PHONE_COUNTRY)


def _checked(piece: str, e164: str, region: str) -> PhoneResult:
    if _certainly_valid(e164, region):
        return PhoneResult(text=piece, e164=e164)
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return PhoneResult(text=piece, reason=Reason.PHONE_INVALID)
    kind = phonenumbers.number_type(number)
    if kind == PhoneNumberType.UNKNOWN or phonenumbers.region_code_for_number(number) != region:
        return PhoneResult(text=piece, reason=_why_invalid(number))
    if kind not in _PERSONAL:
        return PhoneResult(text=piece, reason=Reason.PHONE_SPECIAL)
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if formatted != e164:  # it dropped or added digits: that is a guess
        return PhoneResult(text=piece, reason=Reason.PHONE_INVALID)
    return PhoneResult(text=piece, e164=formatted)


def _certainly_valid(e164: str, region: str) -> bool:
    """Whether phonenumbers' own pattern for mobiles of the region takes it: its full answer costs 20 times more.

    A test holds that this never says yes where phonenumbers says no.
    """
    code, pattern = _mobile_pattern(region)
    return e164.startswith(code) and pattern.fullmatch(e164, len(code)) is not None


@cache
def _mobile_pattern(region: str) -> tuple[str, re.Pattern[str]]:
    if region not in _CALLING_CODES:
        return "+", re.compile(r"(?!)")
    metadata: Any = phonenumbers.PhoneMetadata.metadata_for_region(region)
    lengths = "|".join(rf"\d{{{n}}}" for n in metadata.general_desc.possible_length)
    # Chile's metadata has one plan for mobiles and landlines; of Argentina's, only 9 + ten digits is surely a mobile.
    first = "9" if region == "AR" else ""
    pattern = metadata.mobile.national_number_pattern
    return f"+{_CALLING_CODES[region]}", re.compile(rf"(?=(?:{lengths})$)(?={first})(?:{pattern})")


def _why_invalid(number: phonenumbers.PhoneNumber) -> Reason:
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible == phonenumbers.ValidationResult.TOO_SHORT:
        return Reason.PHONE_TOO_SHORT
    if possible == phonenumbers.ValidationResult.TOO_LONG:
        return Reason.PHONE_TOO_LONG
    return Reason.PHONE_INVALID
