"""Amounts and dates in the forms of both countries; what could be two values is refused."""

# ruff: noqa: DTZ001 - a cell of Excel has no time zone
from __future__ import annotations

from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.errors import ConfigurationError
from speechai.operation.ingest.amounts import read_amount
from speechai.operation.ingest.dates import read_date
from speechai.operation.ingest.reasons import Reason

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("cell", "pesos"),
    [
        (50000, 50000),
        (50000.0, 50000),
        (197058.99999999997, 197059),
        ("1.234.567", 1234567),
        ("1234567", 1234567),
        ("1234.56", 1235),
        ("$ 12.500", 12500),
        ("$12.500.-", 12500),
        ("12.500,-", 12500),
        ("12.500,50", 12501),
        ("12.500,00", 12500),
        ("CLP 1.000", 1000),
        ("1.000 pesos", 1000),
        ("1,234,567.89", 1234568),
        ("1.234", 1234),
        ("12500.0000", 12500),
        (" 1 234 567 ", 1234567),
        ("0", 0),
        (0, 0),
    ],
)
def test_amounts_of_chile_are_whole_pesos(cell: object, pesos: int) -> None:
    assert read_amount(cell, currency="CLP") == pesos  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "cents"),
    [
        (1234.56, 123456),
        ("1234.56", 123456),
        ("1234,5", 123450),
        ("12.500,50", 1250050),
        ("1.234", 123400),
        ("AR$ 1.234.567,89", 123456789),
        ("1,234,567.89", 123456789),
        (0.1 + 0.2, 30),
        (1000, 100000),
    ],
)
def test_amounts_of_argentina_are_cents(cell: object, cents: int) -> None:
    assert read_amount(cell, currency="ARS") == cents  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("cincuenta", Reason.AMOUNT_UNREADABLE),
        ("12.34.56", Reason.AMOUNT_UNREADABLE),
        ("1.234.56,7", Reason.AMOUNT_UNREADABLE),
        ("1,234.567,89", Reason.AMOUNT_UNREADABLE),
        ("50000 aprox", Reason.AMOUNT_UNREADABLE),
        ("1e5", Reason.AMOUNT_UNREADABLE),
        (float("nan"), Reason.AMOUNT_UNREADABLE),
        (float("inf"), Reason.AMOUNT_UNREADABLE),
        (True, Reason.AMOUNT_UNREADABLE),
        (datetime(2026, 1, 1), Reason.AMOUNT_UNREADABLE),
        ("1,234", Reason.AMOUNT_AMBIGUOUS),
        ("0.123", Reason.AMOUNT_AMBIGUOUS),
        ("1234.567", Reason.AMOUNT_AMBIGUOUS),
        ("1.234,567", Reason.AMOUNT_AMBIGUOUS),
        (-100, Reason.AMOUNT_NEGATIVE),
        ("-1.000", Reason.AMOUNT_NEGATIVE),
        ("(1.000)", Reason.AMOUNT_NEGATIVE),
        ("$ -500", Reason.AMOUNT_NEGATIVE),
        ("1.000-", Reason.AMOUNT_NEGATIVE),
        (10**13, Reason.AMOUNT_TOO_LARGE),
        ("", None),
        ("-", None),
        (None, None),
    ],
)
def test_what_is_no_amount_says_why(cell: object, reason: Reason | None) -> None:
    assert read_amount(cell, currency="CLP") is reason  # type: ignore[arg-type]


def test_an_unknown_currency_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match="XYZ"):
        read_amount(1, currency="XYZ")


@given(st.integers(0, 10**11))
def test_an_amount_reads_the_same_however_it_is_grouped(cents: int) -> None:
    units, rest = divmod(cents, 100)
    points, commas = f"{units:,}".replace(",", "."), f"{units:,}"
    forms = [f"{points},{rest:02d}", f"{commas}.{rest:02d}", f"{units},{rest:02d}", f"$ {units}.{rest:02d}"]
    assert {read_amount(f, currency="ARS") for f in forms} == {cents}


@pytest.mark.parametrize(
    "cell",
    [
        *[date(2025, 12, 31), datetime(2025, 12, 31, 13, 5), 46022, 46022.0, 46022.6, "46022", "46022.0", 20251231],
        *["31-12-2025", "31/12/2025", "31.12.2025", "31 12 2025", "2025-12-31", "2025/12/31", "20251231", "31/12/25"],
        *[
            "31 dic 2025",
            "31-dic-25",
            "31 de diciembre de 2025",
            "31 Diciembre 2025",
            "miércoles, 31 de diciembre de 2025",
        ],
        *["2025-12-31 00:00:00", "2025-12-31T00:00:00", "31/12/2025 14:30", "31-12-2025 0:00:00", "31 Dec 2025"],
    ],
)
def test_dates_are_read_day_first_in_all_their_forms(cell: object) -> None:
    assert read_date(cell, today=TODAY) == date(2025, 12, 31)  # type: ignore[arg-type]


def test_a_day_and_a_month_that_could_be_swapped_are_day_and_month() -> None:
    assert read_date("05/06/2026", today=TODAY) == date(2026, 6, 5)


@pytest.mark.parametrize(
    ("text", "year"), [("01/02/26", 2026), ("01/02/36", 2036), ("01/02/37", None), ("01/02/99", 1999)]
)
def test_a_year_of_two_digits_lies_at_most_ten_years_ahead(text: str, year: int | None) -> None:
    found = read_date(text, today=TODAY)
    assert found == (date(year, 2, 1) if year else Reason.DATE_OUT_OF_RANGE)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("31/02/2026", Reason.DATE_IMPOSSIBLE),
        ("12/31/2026", Reason.DATE_IMPOSSIBLE),
        ("2026-13-01", Reason.DATE_IMPOSSIBLE),
        ("29-02-2025", Reason.DATE_IMPOSSIBLE),
        ("31-12-1950", Reason.DATE_OUT_OF_RANGE),
        ("31-12-2090", Reason.DATE_OUT_OF_RANGE),
        (datetime(1900, 1, 1), Reason.DATE_OUT_OF_RANGE),
        (1, Reason.DATE_OUT_OF_RANGE),
        ("mañana", Reason.DATE_UNREADABLE),
        ("31-12", Reason.DATE_UNREADABLE),
        ("31/12-2025", Reason.DATE_UNREADABLE),
        (time(3, 4), Reason.DATE_UNREADABLE),
        (True, Reason.DATE_UNREADABLE),
        (float("nan"), Reason.DATE_UNREADABLE),
        ("", None),
        ("00/00/0000", None),
        ("S/F", None),
        (None, None),
    ],
)
def test_what_is_no_date_says_why(cell: object, reason: Reason | None) -> None:
    assert read_date(cell, today=TODAY) is reason  # type: ignore[arg-type]


@given(st.dates(date(1985, 1, 1), date(2036, 12, 31)))
def test_a_date_reads_the_same_in_every_writing(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    forms: list[object] = [
        day,
        day.isoformat(),
        f"{day:%d-%m-%Y}",
        f"{day:%d/%m/%Y}",
        f"{day.day}.{day.month}.{day.year}",
    ]
    assert {read_date(f, today=TODAY) for f in [*forms, serial, str(serial), int(f"{day:%Y%m%d}")]} == {day}  # type: ignore[arg-type]
