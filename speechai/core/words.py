"""A text from which readers take what they understand, so that what is left over can be asked for at the end.

Enters words as somebody said or wrote them; leaves them folded, with numbers in figures and single spaces. Called by
`said_hours`, `said_days` and `moments`.
"""

from __future__ import annotations

import re

from speechai.core.numerals import fold, in_figures

_ORDINAL = re.compile(r"(?<=\d)(?:st|nd|rd|th|ro|er|do|º|°)\b")
_HALF_OF_DAY = re.compile(r"\b([ap])\.?\s?m\b\.?")
_MEANINGLESS = re.compile(r"[^a-z0-9:/.\-\s]|\.(?!\d)|(?<!\d)\.|(?<![a-z0-9])-|-(?![a-z0-9])")
_GAP = ";"
"""Stands where something was taken, so that what was apart is not read together."""


class Words:
    """Takes matches out of a text, the first found first."""

    def __init__(self, text: str) -> None:
        folded = _HALF_OF_DAY.sub(r"\1m", fold(text))
        folded = re.sub(r"\bprimero\b", "1", _ORDINAL.sub("", folded))
        folded = _MEANINGLESS.sub(" ", folded.replace("o'clock", "oclock"))
        self._text = " ".join(in_figures(folded).split())

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match, left where it is."""
        return pattern.search(self._text)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match, taken out of the text."""
        match = self.find(pattern)
        if match is not None:
            self.cut(match.start(), match.end())
        return match

    def cut(self, start: int, end: int) -> None:
        """Takes a piece out, by the positions of a match that was found."""
        self._text = f"{self._text[:start]}{_GAP}{self._text[end:]}"

    @property
    def left(self) -> set[str]:
        """The words that nobody has taken."""
        return set(self._text.replace(_GAP, " ").split())
