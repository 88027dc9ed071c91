"""Money as debtors say it and agents write it: certain, or a reason why not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.amounts import CURRENCIES, AmountFault, figures, read_said_amount
from speechai.core.numerals import fold, in_figures

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WORDS = """
    un dos cinco veinte treinta cien doscientos mil millon millones medio media y lucas palo k 50 1.234 1,5 $ pesos clp
    usd - menos de fifty thousand half a million and hundred
"""
AMOUNT_WORDS = st.lists(st.sampled_from(WORDS.split()), max_size=7).map(" ".join)
SMALL = """
    cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete
    dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete
    veintiocho veintinueve
"""
TENS = "treinta cuarenta cincuenta sesenta setenta ochenta noventa"
HUNDREDS = "ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos"


@pytest.mark.parametrize(
    ("value", "pesos"),
    [
        (50_000, 50_000),
        (50_000.0, 50_000),
        (49_999.5, 50_000),
        ("50000.0", 50_000),
        ("1234.56", 1_235),
        ("$50.000", 50_000),
        ("$ 50.000.-", 50_000),
        ("50.000 pesos chilenos", 50_000),
        ("CLP50000", 50_000),
        ("1.234.567", 1_234_567),
        ("1.234.567,89", 1_234_568),
        ("50 000", 50_000),
        ("$ 120 mil", 120_000),
        ("120mil", 120_000),
        ("50k", 50_000),
        ("150 lucas", 150_000),
        ("dos lucas", 2_000),
        ("un palo", 1_000_000),
        ("medio palo", 500_000),
        ("mil pesos", 1_000),
        ("mil quinientos", 1_500),
        ("cincuenta mil pesos", 50_000),
        ("Cincuenta y un mil quinientos", 51_500),
        ("ciento veinte mil", 120_000),
        ("doscientos cincuenta mil seiscientos treinta y dos", 250_632),
        ("medio millón de pesos", 500_000),
        ("un millón", 1_000_000),
        ("un millón y medio", 1_500_000),
        ("dos millones y medio", 2_500_000),
        ("1,5 millones", 1_500_000),
        ("2 millones 300 mil", 2_300_000),
        ("un millón quinientos mil", 1_500_000),
        ("fifty thousand pesos", 50_000),
        ("one hundred and twenty thousand", 120_000),
        ("half a million", 500_000),
        ("0", 0),
        (0, 0),
    ],
)
def test_an_amount_is_read_in_the_money_of_chile(value: object, pesos: int) -> None:
    assert read_said_amount(value, country="CL") == pesos


@pytest.mark.parametrize(
    ("value", "country", "minor"),
    [
        ("$ 1.234,56", "AR", 123_456),
        ("AR$ 1.234.567,89", "AR", 123_456_789),
        ("dos lucas", "AR", 200_000),
        ("1234.56", "AR", 123_456),
        ("$1,234.56", "US", 123_456),
        ("1,234", "US", 123_400),
        ("fifty dollars", "US", 5_000),
        ("S/ 1,500.50", "PE", 150_050),
        ("mil soles", "PE", 100_000),
        ("1.234", "CO", 123_400),
        ("R$ 1.234,56", "BR", 123_456),
    ],
)
def test_an_amount_is_read_as_its_country_writes_it(value: str, country: str, minor: int) -> None:
    assert read_said_amount(value, country=country) == minor


@pytest.mark.parametrize(
    ("value", "country", "fault"),
    [
        ("1,234", "CL", AmountFault.AMBIGUOUS),
        ("1.234", "US", AmountFault.AMBIGUOUS),
        ("1234.567", "CL", AmountFault.AMBIGUOUS),
        ("un millón quinientos", "CL", AmountFault.AMBIGUOUS),  # said of 1.500.000 as well
        ("2 millones 300", "CL", AmountFault.AMBIGUOUS),
        ("1500 mil", "CL", AmountFault.AMBIGUOUS),
        ("-500", "CL", AmountFault.NEGATIVE),
        (-0.5, "CL", AmountFault.NEGATIVE),
        (10**13, "CL", AmountFault.TOO_LARGE),
        pytest.param(10**5000, "CL", AmountFault.TOO_LARGE, id="too many digits for text"),
        ("no quiso decir", "CL", AmountFault.UNREADABLE),
        ("unos 50 mil", "CL", AmountFault.UNREADABLE),
        ("entre 40 y 50 mil", "CL", AmountFault.UNREADABLE),
        ("50-60 mil", "CL", AmountFault.UNREADABLE),
        ("40 o 50", "CL", AmountFault.UNREADABLE),
        ("la mitad", "CL", AmountFault.UNREADABLE),
        ("50%", "CL", AmountFault.UNREADABLE),
        ("2 cuotas de 50 mil", "CL", AmountFault.UNREADABLE),
        ("50 mil mensuales", "CL", AmountFault.UNREADABLE),
        ("2 UF", "CL", AmountFault.UNREADABLE),
        ("USD 100", "CL", AmountFault.UNREADABLE),
        ("100 dólares", "CL", AmountFault.UNREADABLE),
        ("M$50", "CL", AmountFault.UNREADABLE),  # thousands of pesos in a balance sheet, and nowhere else
        ("50M", "CL", AmountFault.UNREADABLE),
        ("50 lucas", "PE", AmountFault.UNREADABLE),  # soles there, thousands in Chile
        ("lucas", "CL", AmountFault.UNREADABLE),
        ("mil millones", "CL", AmountFault.UNREADABLE),
        ("mil dos mil", "CL", AmountFault.UNREADABLE),
        ("5 0", "CL", AmountFault.UNREADABLE),
        ("cinco cuatro", "CL", AmountFault.UNREADABLE),
        ("y medio", "CL", AmountFault.UNREADABLE),
        ("1e5", "CL", AmountFault.UNREADABLE),
        ("$", "CL", AmountFault.UNREADABLE),
        ("9" * 121, "CL", AmountFault.UNREADABLE),
        (True, "CL", AmountFault.UNREADABLE),
        (float("nan"), "CL", AmountFault.UNREADABLE),
        (float("-inf"), "CL", AmountFault.UNREADABLE),
        ([50_000], "CL", AmountFault.UNREADABLE),
        (50_000, "XX", AmountFault.UNREADABLE),  # whose money is not known
    ],
)
def test_what_is_no_certain_amount_says_why(value: object, country: str, fault: AmountFault) -> None:
    assert read_said_amount(value, country=country) is fault


@pytest.mark.parametrize("value", [None, "", "  \n"])
def test_nothing_is_no_amount_and_no_fault(value: object) -> None:
    assert read_said_amount(value, country="CL") is None


@given(JSON, st.sampled_from([*CURRENCIES, "XX", ""]))
def test_no_value_of_json_makes_the_reader_of_amounts_fail(value: object, country: str) -> None:
    found = read_said_amount(value, country=country)
    assert found is None or isinstance(found, AmountFault) or (type(found) is int and 0 <= found <= 10**14)


@given(AMOUNT_WORDS)
def test_no_order_of_the_words_of_amounts_makes_the_reader_fail(text: str) -> None:
    found = read_said_amount(text, country="CL")
    assert found is None or isinstance(found, AmountFault) or 0 <= found <= 10**12


@given(st.integers(1, 999), st.integers(1, 999))
def test_thousands_and_hundreds_in_figures_and_words_mean_the_same(thousands: int, rest: int) -> None:
    pesos = 1_000 * thousands + rest
    grouped = f"{pesos:,}".replace(",", ".")
    forms: list[object] = [
        pesos,
        float(pesos),
        f"{pesos}",
        f"${grouped}",
        f"{thousands} mil {rest}",
        f"{grouped} pesos",
    ]
    assert {read_said_amount(form, country="CL") for form in forms} == {pesos}


@given(st.integers(0, 999))
def test_every_number_below_a_thousand_is_read_in_spanish_words(number: int) -> None:
    assert in_figures(fold(spanish(number))) == str(number)


@pytest.mark.parametrize(
    ("words", "figures_"),
    [
        ("twenty five", "25"),
        ("twenty-five", "25"),
        ("two hundred and one", "201"),
        ("ninety nine", "99"),
        ("a las cinco y diez", "a las 5 y 10"),
        ("a las veinte y treinta", "a las 20 y 30"),
        ("dosmil", "dosmil"),
        ("tuno", "tuno"),
    ],
)
def test_numbers_become_figures_and_other_words_stay(words: str, figures_: str) -> None:
    assert in_figures(words) == figures_


@pytest.mark.parametrize(
    ("text", "number"),
    [("1.234,5", Decimal("1234.5")), ("1,234.5", Decimal("1234.5")), ("1,234", None), ("1.234", Decimal(1234))],
)
def test_both_marks_show_which_is_decimal_in_every_country(text: str, number: Decimal | None) -> None:
    assert figures(text) == (AmountFault.AMBIGUOUS if number is None else number)
    if "," in text and "." in text:
        assert figures(text, point_is_decimal=True) == number


def spanish(number: int) -> str:
    """0 to 999 as it is said, written independently of the reader."""
    if number < 30:
        return SMALL.split()[number]
    if number < 100:
        tens, unit = divmod(number, 10)
        return TENS.split()[tens - 3] + (f" y {spanish(unit)}" if unit else "")
    hundreds, rest = divmod(number, 100)
    return "cien" if number == 100 else HUNDREDS.split()[hundreds - 1] + (f" {spanish(rest)}" if rest else "")
