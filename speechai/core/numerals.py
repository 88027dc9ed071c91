"""Numbers as people say them, in Spanish and in English, become figures: "cincuenta y cinco" is 55.

Enters folded text (see `fold`); leaves the same text with the words of numbers below a thousand in figures. Called by
the readers of amounts and of moments, which know what a number counts.
"""

from __future__ import annotations

import re
import unicodedata

_UNITS = {
    word: number
    for number, words in enumerate(
        (
            "cero zero",
            "uno una un one",
            "dos two",
            "tres three",
            "cuatro four",
            "cinco five",
            "seis six",
            "siete seven",
            "ocho eight",
            "nueve nine",
            "diez ten",
            "once eleven",
            "doce twelve",
            "trece thirteen",
            "catorce fourteen",
            "quince fifteen",
            "dieciseis sixteen",
            "diecisiete seventeen",
            "dieciocho eighteen",
            "diecinueve nineteen",
            "veinte twenty",
            "veintiuno veintiun veintiuna",
            "veintidos",
            "veintitres",
            "veinticuatro",
            "veinticinco",
            "veintiseis",
            "veintisiete",
            "veintiocho",
            "veintinueve",
        )
    )
    for word in words.split()
}
_TENS = {
    word: 10 * number
    for number, words in enumerate(
        (
            "treinta thirty",
            "cuarenta forty",
            "cincuenta fifty",
            "sesenta sixty",
            "setenta seventy",
            "ochenta eighty",
            "noventa ninety",
        ),
        start=3,
    )
    for word in words.split()
}
_HUNDREDS = {
    word: 100 * number
    for number, words in enumerate(
        (
            "cien ciento",
            "doscientos doscientas",
            "trescientos trescientas",
            "cuatrocientos cuatrocientas",
            "quinientos quinientas",
            "seiscientos seiscientas",
            "setecientos setecientas",
            "ochocientos ochocientas",
            "novecientos novecientas",
        ),
        start=1,
    )
    for word in words.split()
}


def _any(words: dict[str, int]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


_DIGITS = {word: number for word, number in _UNITS.items() if 1 <= number <= 9}
_BELOW_100 = (
    rf"(?:(?P<tens>{_any(_TENS)})(?:(?:\s+y\s+|\s+|-)(?P<digit>{_any(_DIGITS)}))?"
    rf"|twenty(?:\s+|-)(?P<after_twenty>one|two|three|four|five|six|seven|eight|nine)"
    rf"|(?P<unit>{_any(_UNITS)}))"
)
_BELOW_1000 = re.compile(
    rf"(?<![\w.,:/-])(?:(?:(?P<hundreds>{_any(_HUNDREDS)})|(?P<times>{_any(_DIGITS)}|a)\s+hundred)"
    rf"(?:\s+(?:and\s+)?{_BELOW_100})?(?![\w-])"
    rf"|{_BELOW_100.replace('?P<', '?P<_')}(?![\w-]))"
)


def fold(text: str) -> str:
    """Lower case without accents: 'Teléfono Móvil' -> 'telefono movil'; 'Nº' -> 'no'."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def in_figures(folded: str) -> str:
    """'ciento veinte mil' -> '120 mil', 'a las cinco' -> 'a las 5'.

    Words beyond hundreds (mil, millón) stay: what they multiply is the reader's business.
    """
    return _BELOW_1000.sub(_figure, folded)


def _figure(match: re.Match[str]) -> str:
    groups = match.groupdict()
    total = 0
    if word := groups["hundreds"]:
        total += _HUNDREDS[word]
    if word := groups["times"]:
        total += 100 * _DIGITS.get(word, 1)
    for mark in ("", "_"):
        if word := groups[f"{mark}tens"]:
            total += _TENS[word] + _DIGITS.get(groups[f"{mark}digit"] or "", 0)
        if word := groups[f"{mark}after_twenty"]:
            total += 20 + _DIGITS[word]
        if word := groups[f"{mark}unit"]:
            total += _UNITS[word]
    return str(total)
