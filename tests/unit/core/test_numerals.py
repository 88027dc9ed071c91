"""Numbers in words, one of each form, and what is left as it was said."""

from __future__ import annotations

import pytest

from speechai.core.numerals import fold, in_figures
from speechai.core.said_hours import Part, clock


@pytest.mark.parametrize(
    ("said", "figures"),
    [
        ("cero", "0"),
        ("nueve", "9"),
        ("veintiún", "21"),
        ("veintinueve", "29"),
        ("treinta y uno", "31"),
        ("cuarenta", "40"),
        ("noventa y nueve", "99"),
        ("cien", "100"),
        ("ciento cinco", "105"),
        ("ciento veinte", "120"),
        ("doscientas", "200"),
        ("doscientos cincuenta y cinco", "255"),
        ("trescientos veintidós", "322"),
        ("novecientos noventa y nueve", "999"),
        ("twenty-one", "21"),
        ("twenty one", "21"),
        ("one hundred twenty five", "125"),
        ("one hundred and thirty", "130"),
        ("two hundred", "200"),
        ("a hundred and one", "101"),
        ("nine hundred ninety nine", "999"),
        ("dos mil quinientos", "2 mil 500"),
        ("a las cinco y media", "a las 5 y media"),
        ("a las ocho, cuarenta y cinco pesos", "a las 8, 45 pesos"),
        ("hundred", "hundred"),
        ("unos", "unos"),
        ("1.cinco", "1.cinco"),
    ],
)
def test_a_number_in_words_becomes_its_figures_and_the_rest_stays(said: str, figures: str) -> None:
    assert in_figures(fold(said)) == figures


@pytest.mark.parametrize(
    ("hour", "minute", "part", "expected"),
    [
        (0, 0, None, 0),
        (1, 0, None, 13 * 60),
        (7, 59, None, 19 * 60 + 59),
        (8, 0, None, 8 * 60),
        (23, 59, None, 23 * 60 + 59),
        (24, 0, None, None),
        (5, 60, None, None),
        (1, 0, Part.AFTERNOON, 13 * 60),
        (11, 0, Part.EVENING, 23 * 60),
        (1, 0, Part.MORNING, 60),
        (11, 0, Part.MORNING, 11 * 60),
        (12, 30, Part.AFTERNOON, 12 * 60 + 30),
        (12, 0, Part.MORNING, 12 * 60),
        (12, 0, Part.NIGHT, 0),
        (12, 0, Part.EVENING, None),
        (15, 0, Part.AFTERNOON, 15 * 60),
    ],
)
def test_a_clock_is_read_by_its_part_of_the_day(
    hour: int, minute: int, part: Part | None, expected: int | None
) -> None:
    assert clock(hour, minute, part) == expected
