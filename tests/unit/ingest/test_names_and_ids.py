"""National ids, names and days overdue: a cell becomes a value or a reason."""

# ruff: noqa: DTZ001 - a cell of Excel has no time zone
from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.ar import cuit
from stdnum.cl import rut

from speechai.operation.ingest.contacts import read_days
from speechai.operation.ingest.names import disagree, read_name
from speechai.operation.ingest.national_ids import read_national_id
from speechai.operation.ingest.reasons import Reason, explain

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("24.116.641-4", "24116641-4"),
        ("24116641-4", "24116641-4"),
        ("241166414", "24116641-4"),
        (241166414, "24116641-4"),
        (241166414.0, "24116641-4"),
        ("241166414.0", "24116641-4"),
        ("12022901-k", "12022901-K"),
        ("12.022.901 - K", "12022901-K"),
        ("12022901–K", "12022901-K"),
        ("RUT: 5.661.615-2", "5661615-2"),
        ("05661615-2", "5661615-2"),
        ("  5661615-2 ", "5661615-2"),
        ("5,661,615-2", "5661615-2"),
    ],
)
def test_a_rut_takes_its_canonical_form(cell: object, expected: str) -> None:
    assert read_national_id(cell, country="CL") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("5661615-1", Reason.NATIONAL_ID_CHECK_DIGIT),
        (241166415, Reason.NATIONAL_ID_CHECK_DIGIT),
        ("12.345.678", Reason.NATIONAL_ID_NO_CHECK_DIGIT),
        ("11.111.111-1", Reason.NATIONAL_ID_GENERIC),
        ("66666666-6", Reason.NATIONAL_ID_GENERIC),
        ("1-9", Reason.NATIONAL_ID_FORM),
        ("pasaporte AB123", Reason.NATIONAL_ID_FORM),
        ("123456789012-3", Reason.NATIONAL_ID_FORM),
        ("24116641-X", Reason.NATIONAL_ID_FORM),
        ("", None),
        (None, None),
        ("S/N", None),
        (0, None),
        ("sin RUT", None),
    ],
)
def test_what_is_no_rut_says_why(cell: object, expected: Reason | None) -> None:
    assert read_national_id(cell, country="CL") is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "digit", "expected"),
    [
        (24116641, 4, "24116641-4"),
        ("24.116.641", "4", "24116641-4"),
        ("12022901", "k", "12022901-K"),
        ("24116641-4", "4", "24116641-4"),
        ("24116641-4", "5", Reason.NATIONAL_ID_CHECK_DIGIT),
        ("24116641", "5", Reason.NATIONAL_ID_CHECK_DIGIT),
    ],
)
def test_a_check_digit_in_its_own_column_is_joined(cell: object, digit: object, expected: object) -> None:
    assert read_national_id(cell, country="CL", check_digit=digit) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12.345.678", "12345678"),
        (12345678, "12345678"),
        ("DNI 7.654.321", "7654321"),
        ("20-05536168-2", "20-05536168-2"),
        (20055361682, "20-05536168-2"),
        ("20-05536168-3", Reason.NATIONAL_ID_CHECK_DIGIT),
        ("123456", Reason.NATIONAL_ID_FORM),
        ("22222222", Reason.NATIONAL_ID_GENERIC),
        ("24116641-K", Reason.NATIONAL_ID_FORM),
        ("", None),
    ],
)
def test_argentinian_ids_are_dni_or_cuit(cell: object, expected: object) -> None:
    assert read_national_id(cell, country="AR") == expected  # type: ignore[arg-type]


@given(st.integers(1_000_000, 30_000_000), st.sampled_from("0123456789K"))
def test_only_the_right_check_digit_is_taken(body: int, digit: str) -> None:
    found = read_national_id(f"{body}-{digit}", country="CL")
    right = rut.calc_check_digit(str(body)) == digit
    assert (found == f"{body}-{digit}") is (right and len(set(str(body))) > 1)


@given(st.integers(1_000_000, 99_999_999), st.sampled_from("0123456789"))
def test_a_cuit_is_taken_only_with_its_check_digit(number: int, digit: str) -> None:
    text = f"20{number:08d}"
    found = read_national_id(text + digit, country="AR")
    assert isinstance(found, Reason) is (cuit.calc_check_digit(text) != digit)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("Andrés  Elías\tNúñez ", "Andrés Elías Núñez"),
        ("O'Ryan\u200b Muñoz\x00", "O'Ryan Muñoz"),
        ("Andre\u0301s", "Andrés"),
        ("", None),
        ("S/N", None),
        ("---", None),
        ('=HYPERLINK("http://x")', Reason.NAME_UNREADABLE),
        ("@cmd", Reason.NAME_UNREADABLE),
        ("+56988164510", Reason.NAME_UNREADABLE),
        ("12345", Reason.NAME_UNREADABLE),
        (12345, Reason.NAME_UNREADABLE),
        ("A" * 121, Reason.NAME_TOO_LONG),
    ],
)
def test_a_name_is_what_can_be_read_aloud(cell: object, expected: object) -> None:
    assert read_name(cell) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("María González", "Maria Gonzalez Soto", False),
        ("María González", "GONZALEZ MARIA", False),
        ("María González", "Pedro Tapia", True),
        ("Lu Xi", "Pedro Tapia", False),
    ],
)
def test_two_names_disagree_only_without_a_word_in_common(one: str, other: str, expected: bool) -> None:
    assert disagree(one, other) is expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (26, 26),
        (26.0, 26),
        ("26", 26),
        ("26 días", 26),
        ("-5", -5),
        ("", None),
        (None, None),
        ("muchos", Reason.DAYS_UNREADABLE),
        (2.5, Reason.DAYS_UNREADABLE),
        (99999, Reason.DAYS_UNREADABLE),
        (datetime(2026, 1, 1), Reason.DAYS_UNREADABLE),
    ],
)
def test_days_overdue_are_a_whole_number(cell: object, expected: object) -> None:
    assert read_days(cell) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_explains_itself_in_both_languages(reason: Reason) -> None:
    spanish, english = explain(reason, "{braces} 100%", "7")
    assert spanish
    assert english
    assert spanish != english


def test_a_long_value_is_cut_in_its_explanation() -> None:
    assert len(explain(Reason.AMOUNT_UNREADABLE, "x" * 5000)[0]) < 200
