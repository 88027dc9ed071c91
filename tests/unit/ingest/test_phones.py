"""Phones: every form that lists hold, and the law that no digit is invented or lost."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechai.operation.ingest.argentina import area_digits
from speechai.operation.ingest.phones import _certainly_valid, read_phones
from speechai.operation.ingest.reasons import Reason


def numbers(cell: object, country: str = "CL", **options: object) -> list[str]:
    """What a cell gives: numbers as E.164, refusals as their codes."""
    results = read_phones(cell, country=country, **options)  # type: ignore[arg-type]
    return [r.e164 or str(r.reason) for r in results]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("988164510", "+56988164510"),
        (988164510, "+56988164510"),
        (988164510.0, "+56988164510"),
        ("988164510.0", "+56988164510"),
        ("988164510,0", "+56988164510"),
        ("988.164.510", "+56988164510"),
        ("+56 9 8311 7226", "+56983117226"),
        ("+56 (0)9 8816 4510", "+56988164510"),
        ("0056988164510", "+56988164510"),
        ("56973525209", "+56973525209"),
        (56973525209, "+56973525209"),
        (5.6973525209e10, "+56973525209"),
        ("5.6973525209E10", "+56973525209"),
        ("5,6973525209e+10", "+56973525209"),
        ("5.69881645E10", "+56988164500"),
        ("09-60783590", "+56960783590"),
        ("9-9212-5907", "+56992125907"),
        ("92125907", "+56992125907"),
        ("82125907", "+56982125907"),
        ("25511584", "+56225511584"),
        ("02-7800242", "+56227800242"),
        ("02-27800242", "+56227800242"),
        ("+56 2 7800242", "+56227800242"),
        ("+56 2 2780 0242", "+56227800242"),
        ("032-2123456", "+56322123456"),
        ("41 2345678", "+56412345678"),
        ("cel: 988164510", "+56988164510"),
        ("Fono 988164510 (casa)", "+56988164510"),
        ("  988164510\u00a0", "+56988164510"),
        ("\u202a+56 9 8816 4510\u202c", "+56988164510"),
        ("９88164510", "+56988164510"),
        ("+54 9 351 555 1234", "+5493515551234"),
        ("+54 351 15 5551234", "+5493515551234"),
    ],
)
def test_chilean_forms_become_the_one_number_they_can_be(cell: object, expected: str) -> None:
    assert numbers(cell) == [expected]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("60783590", Reason.PHONE_AMBIGUOUS),
        ("31234567", Reason.PHONE_AMBIGUOUS),
        ("72312345", Reason.PHONE_AMBIGUOUS),
        ("09-6078359", Reason.PHONE_AMBIGUOUS),
        ("5698116451", Reason.PHONE_AMBIGUOUS),
        ("+56 9 811 6451", Reason.PHONE_AMBIGUOUS),
        ("7800242", Reason.PHONE_AMBIGUOUS),
        ("032-212345", Reason.PHONE_AMBIGUOUS),
        ("12345", Reason.PHONE_TOO_SHORT),
        ("9881645101", Reason.PHONE_TOO_LONG),
        ("988164510977774923", Reason.PHONE_TOO_LONG),
        ("5.69882E+10", Reason.PHONE_DIGITS_LOST),
        ("9,88E+08", Reason.PHONE_DIGITS_LOST),
        (988164510.5, Reason.PHONE_INVALID),
        (-988164510, Reason.PHONE_INVALID),
        (float("nan"), Reason.PHONE_INVALID),
        ("912345678", Reason.PHONE_INVALID),
        ("133", Reason.PHONE_SPECIAL),
        ("600 123 4567", Reason.PHONE_SPECIAL),
        ("800 123 456", Reason.PHONE_SPECIAL),
        ("809123456", Reason.PHONE_SPECIAL),
        ("+1 415 555 2671", Reason.PHONE_COUNTRY),
        ("+55 11 91234 5678", Reason.PHONE_COUNTRY),
        ("988164510 anexo 3", Reason.PHONE_WORDS),
        ("988164510 mamá", Reason.PHONE_WORDS),
        ("llamar después de las 18", Reason.PHONE_WORDS),
        ("ñ", Reason.PHONE_WORDS),
    ],
)
def test_what_could_be_another_number_is_refused_with_its_reason(cell: object, reason: Reason) -> None:
    assert numbers(cell) == [reason.value]


@pytest.mark.parametrize(
    "cell",
    [
        *[
            None,
            "",
            "  ",
            "-",
            "--",
            ".",
            "S/N",
            "s/n",
            "sin fono",
            "SIN TELÉFONO",
            "no tiene",
            "N/A",
            "#N/A",
            "#N/D",
            "x",
        ],
        *[0, "0", 0.0, "000000000", "999999999", 999999999, "11111111", "56999999999", "+56 9 9999 9999", "911111111"],
        *["900000000", "123456789", "12345678", "No registra", "#N/A", "#N/D", "x"],
    ],
)
def test_a_placeholder_is_nothing_and_no_error(cell: object) -> None:
    assert numbers(cell) == []


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("997774923 / 932284050", ["+56997774923", "+56932284050"]),
        ("997774923;932284050", ["+56997774923", "+56932284050"]),
        ("997774923, 932284050", ["+56997774923", "+56932284050"]),
        ("997774923 y 932284050", ["+56997774923", "+56932284050"]),
        ("997774923 - 932284050", ["+56997774923", "+56932284050"]),
        ("997774923\n932284050", ["+56997774923", "+56932284050"]),
        ("997774923 932284050", ["+56997774923", "+56932284050"]),
        ("teléfono\n997774923\n932284050", ["phone_invalid", "+56997774923", "+56932284050"]),
        ("+56997774923+56932284050", ["+56997774923", "+56932284050"]),
        ("997774923 / S/N", ["+56997774923"]),
        ("997774923/24", ["+56997774923", "phone_too_short"]),
        ("997774923 / 60783590", ["+56997774923", "phone_ambiguous"]),
        ("9 - 9777 - 4923", ["+56997774923"]),
        ("+56 - 9 - 97774923", ["+56997774923"]),
    ],
)
def test_several_phones_in_a_cell_come_in_their_order(cell: str, expected: list[str]) -> None:
    assert numbers(cell) == expected


@pytest.mark.parametrize("cell", ["41 / 22345678", "09/92125907", "32 ; 27800242"])
def test_an_area_cut_from_its_number_never_becomes_a_number_of_another_city(cell: str) -> None:
    assert all(not found.startswith("+") for found in numbers(cell))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("011 15-5555-1234", "+5491155551234"),
        ("11 15 5555 1234", "+5491155551234"),
        ("0351 15 555 1234", "+5493515551234"),
        ("(0351) 15-5551234", "+5493515551234"),
        ("+54 9 351 555 1234", "+5493515551234"),
        ("+54 9 11 15 5555 1234", "+5491155551234"),
        ("54 351 5551234", "+543515551234"),
        (5493515551234, "+5493515551234"),
        ("93515551234", "+5493515551234"),
        ("3515551234", "+543515551234"),
        ("0351 4551234", "+543514551234"),
        ("1155551234", "+541155551234"),
        ("02954 15 412345", "+5492954412345"),
        ("0054 9 351 5551234", "+5493515551234"),
        ("+56988164510", "+56988164510"),
    ],
)
def test_argentinian_forms_keep_their_area(cell: object, expected: str) -> None:
    assert numbers(cell, "AR") == [expected]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("15-5555-1234", Reason.PHONE_NO_AREA),
        ("15 555 1234", Reason.PHONE_NO_AREA),
        ("4555-1234", Reason.PHONE_NO_AREA),
        ("555 1234", Reason.PHONE_NO_AREA),
        ("0800 555 1234", Reason.PHONE_SPECIAL),
        ("911", Reason.PHONE_SPECIAL),
        ("351555123", Reason.PHONE_AMBIGUOUS),
        ("0351 15 555 12345", Reason.PHONE_TOO_LONG),
        ("+1 415 555 2671", Reason.PHONE_COUNTRY),
    ],
)
def test_argentinian_numbers_without_a_place_are_refused(cell: object, reason: Reason) -> None:
    assert numbers(cell, "AR") == [reason.value]


def test_a_country_outside_the_allowed_ones_is_refused_even_if_the_number_is_real() -> None:
    assert numbers("+54 9 351 555 1234", "CL", allowed=("CL",)) == [Reason.PHONE_COUNTRY.value]
    assert numbers("+52 55 1234 5678", "CL", allowed=("CL", "MX")) == ["+525512345678"]


def is_subsequence(inner: str, outer: str) -> bool:
    rest = iter(outer)
    return all(d in rest for d in inner)


@settings(max_examples=500)
@given(st.from_regex(r"(\+56 ?|56|0)?[2-9][0-9]{6,9}", fullmatch=True))
def test_a_chilean_result_is_valid_and_holds_every_typed_digit_in_order(text: str) -> None:
    for result in read_phones(text, country="CL"):
        if result.e164 is not None:
            assert phonenumbers.is_valid_number(phonenumbers.parse(result.e164))
            typed = text.replace(" ", "").removeprefix("+").lstrip("0")
            assert is_subsequence(typed, result.e164)
            assert len(result.e164) - 1 - len(typed.removeprefix("56")) <= 3  # the code and at most one digit


@settings(max_examples=500)
@given(
    area=st.sampled_from(["11", "351", "261", "2954", "3543", "341", "223", "387"]),
    digits=st.text("0123456789", min_size=8, max_size=8),
    form=st.sampled_from(
        ["0{a} 15 {n}", "{a} 15 {n}", "+54 9 {a} {n}", "54 {a} {n}", "0{a} {n}", "{a}{n}", "+54 {a} 15 {n}"]
    ),
)
def test_an_argentinian_number_never_changes_its_area_or_its_digits(area: str, digits: str, form: str) -> None:
    number = digits[: 10 - len(area)]
    for result in read_phones(form.format(a=area, n=number), country="AR"):
        if result.e164 is not None:
            assert result.e164.removeprefix("+54").removeprefix("9") == area + number


@settings(max_examples=300)
@given(st.text(max_size=40))
def test_any_text_is_read_without_an_error(text: str) -> None:
    for country in ("CL", "AR"):
        for result in read_phones(text, country=country):
            assert (result.e164 is None) != (result.reason is None)


@settings(max_examples=2000)
@given(
    st.one_of(
        st.from_regex(r"\+56[2-9][0-9]{7,9}", fullmatch=True),
        st.from_regex(r"\+549?[1236][0-9]{8,10}", fullmatch=True),
        st.from_regex(r"\+56(44|60|80|12)[0-9]{6,8}", fullmatch=True),
    )
)
def test_the_short_way_never_says_yes_where_phonenumbers_says_no(e164: str) -> None:
    region = "CL" if e164.startswith("+56") else "AR"
    if _certainly_valid(e164, region):
        number = phonenumbers.parse(e164)
        assert phonenumbers.is_valid_number_for_region(number, region)
        assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == e164
        assert phonenumbers.number_type(number) in {
            phonenumbers.PhoneNumberType.MOBILE,
            phonenumbers.PhoneNumberType.FIXED_LINE,
            phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,
        }


def test_the_short_way_takes_ordinary_mobiles_so_that_a_big_file_is_fast() -> None:
    assert _certainly_valid("+56988164510", "CL")
    assert _certainly_valid("+5493515551234", "AR")


@pytest.mark.parametrize(("national", "digits"), [("1155551234", 2), ("3515551234", 3), ("2954412345", 4)])
def test_the_area_has_the_digits_of_the_numbering_plan(national: str, digits: int) -> None:
    assert area_digits(national) == digits
