"""A cell becomes a national id in its canonical form, or the reason why it is none.

Chile: RUT as 12345678-9 (K in capital). Argentina: DNI as 7 or 8 digits, CUIT and CUIL as 20-12345678-6. The check
digits are python-stdnum's. Called by `contacts`.
"""

from __future__ import annotations

import re

from stdnum.ar import cuit
from stdnum.cl import rut

from speechai.operation.ingest.model import Cell, cell_text
from speechai.operation.ingest.placeholders import is_placeholder
from speechai.operation.ingest.reasons import Reason

_SEPARATORS = re.compile(r"[\s.,·‐-―−-]")
_LABEL = re.compile(r"^(?:rut|run|r\.u\.t\.?|dni|d\.n\.i\.?|cuit|cuil|nro|n[º°])[\s.:]*", re.IGNORECASE)
_DASHED = re.compile(r"[-‐-―−]\s*[\dkK]$")
_CANONICAL = re.compile(r"([1-9]\d{5,7})-?([\dkK])", re.ASCII)
_COMPACT = re.compile(r"(\d{6,8})([\dK])", re.ASCII)
_BODY_ONLY = re.compile(r"^\d{1,2}[.,]\d{3}[.,]\d{3}$")
_SMALLEST_BODY = 100_000
_LARGEST_BODY = 99_999_999
"""RUTs of living people and of companies; companies begin at 50 million, tax offices' own generic ones are all one
digit."""


def read_national_id(cell: Cell, *, country: str, check_digit: Cell = None) -> str | Reason | None:
    """The canonical id; None where the cell says nothing; a Reason where it cannot be right.

    `check_digit` is the cell of a column of its own ('DV'), as Chilean lists often have.
    """
    text = _LABEL.sub("", cell_text(cell))
    if is_placeholder(text) or text == "0":
        return None
    if country == "CL":
        return _chilean(text, cell_text(check_digit))
    return _argentinian(text) if country == "AR" else _unchecked(text)


def _chilean(text: str, separate: str) -> str | Reason:
    match = None if separate else _CANONICAL.fullmatch(text)
    if match:
        body, digit = match[1], match[2].upper()
    else:
        joined = _joined(text, separate)
        if isinstance(joined, Reason):
            return joined
        match = _COMPACT.fullmatch(joined)
        if match is None:
            return Reason.NATIONAL_ID_FORM
        body, digit = match[1], match[2]
    if not _SMALLEST_BODY <= int(body) <= _LARGEST_BODY:
        return Reason.NATIONAL_ID_FORM
    if len(set(body)) == 1:
        return Reason.NATIONAL_ID_GENERIC
    if rut.calc_check_digit(body) != digit:
        return Reason.NATIONAL_ID_CHECK_DIGIT
    return f"{body}-{digit}"


def _joined(text: str, separate: str) -> str | Reason:
    """Body and check digit in one, without separators or zeros in front."""
    compact = _SEPARATORS.sub("", text.removesuffix(".0")).upper()
    dashed = _DASHED.search(text) is not None
    if separate:
        if not dashed:
            compact += separate.upper()
        elif compact[-1:] != separate.upper():
            return Reason.NATIONAL_ID_CHECK_DIGIT
    elif not dashed and _BODY_ONLY.match(text):
        # 12.345.678 is grouped as a body: taking its last digit for the check digit would make another person of it.
        return Reason.NATIONAL_ID_NO_CHECK_DIGIT
    return compact.lstrip("0")


def _unchecked(text: str) -> str | Reason:
    """Of other countries only the form is known: letters and digits, in capitals, without separators."""
    compact = _SEPARATORS.sub("", text).upper()
    return compact if re.fullmatch(r"[0-9A-Z]{5,20}", compact) else Reason.NATIONAL_ID_FORM


def _argentinian(text: str) -> str | Reason:
    if text.endswith(".0"):
        text = text[:-2]
    compact = _SEPARATORS.sub("", text)
    if not compact.isascii() or not compact.isdigit():
        return Reason.NATIONAL_ID_FORM
    if len(set(compact.lstrip("0"))) <= 1:
        return Reason.NATIONAL_ID_GENERIC
    if len(compact) == 11:
        if cuit.calc_check_digit(compact[:-1]) != compact[-1]:
            return Reason.NATIONAL_ID_CHECK_DIGIT
        return str(cuit.format(compact)) if cuit.is_valid(compact) else Reason.NATIONAL_ID_FORM
    compact = compact.lstrip("0")
    return compact if len(compact) in (7, 8) else Reason.NATIONAL_ID_FORM
