"""A value becomes a cell that no spreadsheet will run: the one guard that every export of SpeechAI goes through.

A workbook or CSV that we write holds text from strangers' lists and from phone calls. A cell that begins with = + - @
or with a control character can be run as a formula where it is opened, or where it is saved as CSV and opened again.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time

LONGEST_CELL = 32_767
"""Characters; Excel's own limit."""

_RISKY_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)*")
"""+56912345678 and -5,3 stand as they are: a sign and digits can do nothing."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LARGEST_EXACT = 2**53

SafeCell = str | int | float | bool | date | time | None


def safe_cell(value: object) -> SafeCell:
    """What may be written into a cell for `value`.

    Text that a spreadsheet could run gets an apostrophe in front (`unguarded` takes it off again); characters that XML
    forbids go; numbers that Excel cannot hold exactly, and instants with a zone, become text. Twice is the same as
    once.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _LARGEST_EXACT else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | time) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, date | time):
        return value
    text = _NOT_IN_XML.sub("", str(value))
    if text.lstrip(" \u00a0").startswith(_RISKY_STARTS) and not _PLAIN_NUMBER.fullmatch(text):
        text = f"'{text}"
    return text[:LONGEST_CELL]


def unguarded(text: str) -> str:
    """The text before `safe_cell`, for files that come back to us."""
    if text.startswith("'") and text[1:].lstrip(" \u00a0").startswith(_RISKY_STARTS):
        return text[1:]
    return text
