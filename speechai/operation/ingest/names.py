"""A cell becomes a name that can be read aloud, or the reason why it is none. Called by `contacts`."""

from __future__ import annotations

from speechai.operation.ingest.model import Cell, cell_text
from speechai.operation.ingest.placeholders import is_placeholder
from speechai.operation.ingest.reasons import Reason
from speechai.operation.ingest.text import clean, fold

LONGEST = 120
"""Characters; the longest full names of civil registers stay below."""

_FORMULA_STARTS = ("=", "+", "-", "@")
_SHARED_TOKEN_LETTERS = 3


def read_name(cell: Cell) -> str | Reason | None:
    """The name with its accents and single spaces; None for an empty cell or a placeholder."""
    if isinstance(cell, int | float):
        return Reason.NAME_UNREADABLE
    text = clean(cell_text(cell))
    if is_placeholder(text):
        return None
    if text.startswith(_FORMULA_STARTS) or not any(c.isalpha() for c in text):
        return Reason.NAME_UNREADABLE
    if len(text) > LONGEST:
        return Reason.NAME_TOO_LONG
    return text


def with_surname(name: str, surname: str) -> str:
    """Name and surname joined, unless the surname is there already."""
    return name if fold(surname) in fold(name) else f"{name} {surname}"


def disagree(one: str, other: str) -> bool:
    """Whether two names of one national id have no word in common, so that one of them is probably another person's."""
    if one == other:
        return False
    first, second = _tokens(one), _tokens(other)
    return bool(first and second) and not first & second


def _tokens(name: str) -> set[str]:
    return {w for w in fold(name).split() if len(w) >= _SHARED_TOKEN_LETTERS}
