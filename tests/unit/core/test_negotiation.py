"""Offers by days overdue in integers, and promises checked against them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from speechai.catalogue.negotiation import Bucket, NegotiationTable, get_table
from speechai.core.model import Debt
from speechai.core.negotiation import (
    OFFER_VARIABLES,
    Offer,
    check_promise,
    days_overdue,
    in_spanish,
    instalments_of,
    offer_for,
    offer_variables,
)

TODAY = date(2026, 11, 25)
STANDARD = get_table("standard")


def make_debt(**changes: Any) -> Debt:
    return replace(Debt(amount_minor=100_000, currency="CLP", stated_on=TODAY, days_overdue=70), **changes)


def make_offer(debt: Debt | None = None, table: NegotiationTable = STANDARD) -> Offer:
    offer = offer_for(table, debt or make_debt(), TODAY)
    assert offer is not None
    return offer


def table_of(**terms: Any) -> NegotiationTable:
    """One bucket from the first day on."""
    bucket = Bucket(
        name="1+",
        name_es="más de 0",
        from_days=1,
        to_days=None,
        **{
            "discount_percent": 0,
            "instalments": 1,
            "instalment_discount_percent": 0,
            "least_percent": 100,
            "last_date_days": 7,
            "tone": "cordial",
            **terms,
        },
    )
    return NegotiationTable(name="t", version=2, title_en="t", title_es="t", buckets=(bucket,))


@pytest.mark.parametrize(
    ("debt", "today", "days"),
    [
        (make_debt(days_overdue=None), TODAY, None),
        (make_debt(days_overdue=30), TODAY, 30),
        (make_debt(days_overdue=30), TODAY + timedelta(days=1), 31),
        (make_debt(days_overdue=0), TODAY, 0),
        (make_debt(days_overdue=-3), TODAY, -3),
        (make_debt(due_on=TODAY, days_overdue=500), TODAY, 0),
        (make_debt(due_on=TODAY - timedelta(days=30), days_overdue=None), TODAY, 30),
        (make_debt(due_on=TODAY + timedelta(days=2)), TODAY, -2),
        (make_debt(due_on=date(2024, 2, 28), days_overdue=1), date(2024, 3, 1), 2),
    ],
)
def test_the_days_overdue_grow_with_the_days_and_the_due_date_wins(debt: Debt, today: date, days: int | None) -> None:
    assert days_overdue(debt, today) == days


@pytest.mark.parametrize(
    ("days", "bucket", "discounted", "instalments", "in_instalments", "least", "last_in_days", "tone"),
    [
        (None, "unknown", 100_000, 1, 100_000, 100_000, 7, "cordial"),
        (0, "current", 100_000, 1, 100_000, 100_000, 7, "cordial"),
        (1, "1-30", 100_000, 1, 100_000, 50_000, 7, "cordial"),
        (30, "1-30", 100_000, 1, 100_000, 50_000, 7, "cordial"),
        (31, "31-60", 95_000, 3, 100_000, 28_500, 7, "cordial"),
        (60, "31-60", 95_000, 3, 100_000, 28_500, 7, "cordial"),
        (61, "61-90", 90_000, 6, 95_000, 13_500, 5, "firme"),
        (90, "61-90", 90_000, 6, 95_000, 13_500, 5, "firme"),
        (91, "91+", 70_000, 6, 90_000, 15_000, 5, "firme"),
        (1_000, "91+", 70_000, 6, 90_000, 15_000, 5, "firme"),
    ],
)
def test_the_standard_offer_at_each_edge_of_its_buckets(
    days: int | None,
    bucket: str,
    discounted: int,
    instalments: int,
    in_instalments: int,
    least: int,
    last_in_days: int,
    tone: str,
) -> None:
    offer = make_offer(make_debt(days_overdue=days))
    assert (offer.bucket, offer.days_overdue, offer.tone) == (bucket, days, tone)
    assert (offer.discounted_minor, offer.instalments, offer.instalment_total_minor, offer.least_minor) == (
        discounted,
        instalments,
        in_instalments,
        least,
    )
    assert (offer.made_on, offer.last_on) == (TODAY, TODAY + timedelta(days=last_in_days))


@pytest.mark.parametrize(
    ("amount", "terms", "discounted", "least", "instalments", "instalment"),
    [
        # 10 % of 999 is 99.9: the discount rounds up to 100.
        (999, {"discount_percent": 10}, 899, 899, 1, 899),
        (100, {"discount_percent": 33, "least_percent": 50}, 67, 33, 1, 67),
        # A discount never leaves nothing to pay, however small the debt.
        (1, {"discount_percent": 99, "least_percent": 1}, 1, 1, 1, 1),
        # The greater of the two least amounts holds, but never more than what settles the debt.
        (50_000, {"least_percent": 10, "least_amount_minor": {"CLP": 20_000}}, 50_000, 20_000, 1, 50_000),
        (50_000, {"least_percent": 60, "least_amount_minor": {"CLP": 20_000}}, 50_000, 30_000, 1, 50_000),
        (5_000, {"least_percent": 10, "least_amount_minor": {"CLP": 20_000}}, 5_000, 5_000, 1, 5_000),
        (50_000, {"least_percent": 10, "least_amount_minor": {"ARS": 20_000}}, 50_000, 5_000, 1, 50_000),
        # Not so many instalments that one would be below the least amount.
        (50_000, {"least_percent": 30, "instalments": 12}, 50_000, 15_000, 3, 16_666),
        (50_000, {"least_percent": 100, "instalments": 12}, 50_000, 50_000, 1, 50_000),
        (50_000, {"least_percent": 1, "instalments": 7}, 50_000, 500, 7, 7_142),
    ],
)
def test_amounts_round_in_the_debtors_favour(
    amount: int, terms: dict[str, Any], discounted: int, least: int, instalments: int, instalment: int
) -> None:
    offer = make_offer(make_debt(amount_minor=amount), table_of(**terms))
    assert (offer.discounted_minor, offer.least_minor) == (discounted, least)
    assert (offer.instalments, offer.instalment_minor) == (instalments, instalment)


@pytest.mark.parametrize(
    "debt",
    [None, make_debt(amount_minor=0), make_debt(amount_minor=-5), make_debt(currency="CLF"), make_debt(currency="")],
)
def test_nothing_is_offered_where_no_debt_is_known(debt: Debt | None) -> None:
    assert offer_for(STANDARD, debt, TODAY) is None


@pytest.mark.parametrize("debt", [make_debt(days_overdue=0), make_debt(days_overdue=None)])
def test_nothing_is_offered_where_the_table_has_no_bucket(debt: Debt) -> None:
    assert offer_for(table_of(), debt, TODAY) is None


def test_the_agent_of_a_bucket_goes_with_its_offer() -> None:
    assert make_offer(table=table_of(agent_id="agent_late")).agent_id == "agent_late"
    assert make_offer().agent_id is None


def test_the_agent_is_told_everything_as_text_by_its_spanish_name() -> None:
    offer = make_offer(make_debt(amount_minor=123_456_78, currency="ARS", days_overdue=70))
    assert offer.variables() == {
        "hay_oferta": "si",
        "tramo_mora": "61-90",
        "dias_mora": "70",
        "oferta_moneda": "ARS",
        "oferta_monto_deuda": "123456.78",
        "oferta_descuento_porcentaje": "10",
        "oferta_monto_con_descuento": "111111.10",
        "oferta_cuotas_maximas": "6",
        "oferta_monto_en_cuotas": "117283.94",
        "oferta_monto_cuota": "19547.32",
        "oferta_monto_minimo": "16666.66",
        "oferta_fecha_limite": "2026-11-30",
        "oferta_fecha_limite_en_palabras": "lunes 30 de noviembre de 2026",
        "tono": "firme",
    }


def test_without_an_offer_every_variable_is_still_given() -> None:
    nothing = offer_variables(None)
    assert tuple(nothing) == OFFER_VARIABLES == tuple(offer_variables(make_offer()))
    assert nothing.pop("hay_oferta") == "no"
    assert set(nothing.values()) == {""}


def test_days_that_are_not_known_are_not_told() -> None:
    told = make_offer(make_debt(days_overdue=None)).variables()
    assert (told["dias_mora"], told["tramo_mora"]) == ("", "sin dato")


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 12, 5), "sábado 5 de diciembre de 2026"),
        (date(2027, 1, 1), "viernes 1 de enero de 2027"),
        (date(2028, 2, 29), "martes 29 de febrero de 2028"),
    ],
)
def test_a_day_is_said_in_spanish(day: date, words: str) -> None:
    assert in_spanish(day) == words


def test_every_weekday_and_month_has_its_spanish_name() -> None:
    week = [in_spanish(date(2026, 11, 23) + timedelta(days=n)).split()[0] for n in range(7)]
    assert " ".join(week) == "lunes martes miércoles jueves viernes sábado domingo"
    year = [in_spanish(date(2026, month, 1)).split()[3] for month in range(1, 13)]
    assert " ".join(year) == (
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
    )


def codes(offer: Offer | None, **said: Any) -> list[str]:
    """What is wrong with a promise of the whole for today, changed by `said`."""
    whole = {"paid_on": TODAY, "amount_minor": 95_000, "said_on": TODAY}
    return [fault.code.value for fault in check_promise(offer, **{**whole, **said}).faults]


OFFER = make_offer(make_debt(days_overdue=31))
"""Debt 100,000; 95,000 at once, or 100,000 in 3 payments; at least 28,500; until 2026-12-02."""


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ({}, []),
        ({"paid_on": date(2026, 12, 2)}, []),
        ({"paid_on": date(2026, 12, 3)}, ["date_too_late"]),
        ({"paid_on": date(2026, 11, 24)}, ["date_in_the_past"]),
        ({"paid_on": None}, ["no_date"]),
        ({"amount_minor": None}, ["amount_missing"]),
        ({"amount_minor": 0}, ["amount_missing"]),
        ({"amount_minor": -1}, ["amount_missing"]),
        ({"amount_minor": 28_500}, []),
        ({"amount_minor": 28_499}, ["amount_below_least"]),
        ({"amount_minor": 100_000}, []),
        ({"amount_minor": 100_001}, ["amount_above_debt"]),
        ({"amount_minor": 33_333, "instalments": 3}, []),
        ({"amount_minor": 33_332, "instalments": 3}, ["instalment_too_small"]),
        ({"amount_minor": 50_000, "instalments": 2}, []),
        ({"amount_minor": 49_999, "instalments": 2}, ["instalment_too_small"]),
        ({"amount_minor": 50_000, "instalments": 4}, ["too_many_instalments"]),
        ({"amount_minor": 95_000, "instalments": 1}, []),
        ({"amount_minor": 94_999, "instalments": 1}, ["instalment_too_small"]),
        ({"amount_minor": 50_000, "instalments": 0}, []),
        ({"paid_on": None, "amount_minor": None}, ["no_date", "amount_missing"]),
        (
            {"paid_on": date(2027, 1, 1), "amount_minor": 1_000, "instalments": 3},
            ["date_too_late", "amount_below_least", "instalment_too_small"],
        ),
        ({"amount_minor": 1_000, "instalments": 99}, ["amount_below_least", "too_many_instalments"]),
    ],
)
def test_a_promise_is_held_against_its_offer(said: dict[str, Any], faults: list[str]) -> None:
    assert codes(OFFER, **said) == faults


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        ({}, []),
        ({"amount_minor": None}, []),
        ({"amount_minor": 10**9}, []),
        ({"paid_on": date(2030, 1, 1)}, []),
        ({"paid_on": None}, ["no_date"]),
        ({"paid_on": date(2026, 11, 24)}, ["date_in_the_past"]),
    ],
)
def test_without_an_offer_only_the_date_of_a_promise_is_checked(said: dict[str, Any], faults: list[str]) -> None:
    assert codes(None, **said) == faults


def test_a_flagged_promise_says_what_is_wrong_in_both_languages() -> None:
    promise = check_promise(OFFER, paid_on=date(2026, 12, 4), amount_minor=20_000, said_on=TODAY)
    assert promise.to_document() == {
        "kept_as": "flagged",
        "paid_on": "2026-12-04",
        "amount_minor": 20_000,
        "instalments": None,
        "faults": [
            {
                "code": "date_too_late",
                "en": "the date 2026-12-04 is after the last day of the offer, 2026-12-02",
                "es": "la fecha 2026-12-04 es posterior al último día de la oferta, 2026-12-02",
            },
            {
                "code": "amount_below_least",
                "en": "20,000 CLP is less than the least amount, 28,500 CLP",
                "es": "20.000 CLP es menos que el monto mínimo, 28.500 CLP",
            },
        ],
    }


def test_a_promise_that_fits_is_kept_as_one() -> None:
    promise = check_promise(OFFER, paid_on=TODAY, amount_minor=95_000, said_on=TODAY)
    assert promise.kept_as == "promise"
    assert promise.to_document()["faults"] == []


amounts = st.one_of(st.integers(1, 1_000), st.integers(1, 10**12))
debts = st.builds(
    Debt,
    amount_minor=amounts,
    currency=st.sampled_from(["CLP", "ARS", "USD"]),
    stated_on=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    due_on=st.none() | st.dates(date(2020, 1, 1), date(2028, 1, 1)),
    days_overdue=st.none() | st.integers(-100, 4_000),
)


@st.composite
def tables(draw: st.DrawFn) -> NegotiationTable:
    discount = draw(st.integers(0, 99))
    table = table_of(
        discount_percent=discount,
        instalment_discount_percent=draw(st.integers(0, discount)),
        instalments=draw(st.integers(1, 120)),
        least_percent=draw(st.integers(1, 100)),
        least_amount_minor=draw(st.dictionaries(st.sampled_from(["CLP", "ARS"]), amounts)),
        last_date_days=draw(st.integers(0, 366)),
    )
    return replace(table, current=table.buckets[0], unknown=table.buckets[0])


@given(table=tables(), debt=debts)
def test_every_offer_keeps_the_laws_of_its_amounts(table: NegotiationTable, debt: Debt) -> None:
    offer, bucket = make_offer(debt, table), table.buckets[0]
    assert 1 <= offer.least_minor <= offer.discounted_minor <= offer.instalment_total_minor <= debt.amount_minor
    assert 1 <= offer.instalments <= bucket.instalments
    assert offer.least_minor <= offer.instalment_minor
    assert {type(value) for name, value in offer.to_document().items() if name.endswith("_minor")} == {int}
    # In the debtor's favour, and by less than one unit: never below what the percentage says, but for the last unit.
    exact = debt.amount_minor * (100 - bucket.discount_percent)
    assert exact - 100 < offer.discounted_minor * 100 <= max(100, exact)
    # One more instalment would be below the least amount, or is not offered.
    total = debt.amount_minor * (100 - bucket.instalment_discount_percent) // 100
    assert offer.instalments == bucket.instalments or total // (offer.instalments + 1) < offer.least_minor


@given(table=tables(), debt=debts, days=st.integers(0, 400))
def test_what_the_agent_names_can_be_promised(table: NegotiationTable, debt: Debt, days: int) -> None:
    offer = make_offer(debt, table)
    assume(TODAY + timedelta(days=days) <= offer.last_on)
    paid_on = TODAY + timedelta(days=days)
    for amount, instalments in (
        (offer.discounted_minor, None),
        (offer.discounted_minor, 1),
        (offer.least_minor, None),
        (offer.instalment_minor, offer.instalments),
        (offer.debt_minor, None),
    ):
        assert codes(offer, paid_on=paid_on, amount_minor=amount, instalments=instalments) == []


@given(table=tables(), debt=debts)
def test_a_unit_beyond_what_the_agent_names_is_flagged(table: NegotiationTable, debt: Debt) -> None:
    offer = make_offer(debt, table)
    assert codes(offer, amount_minor=offer.debt_minor + 1) == ["amount_above_debt"]
    assert codes(offer, amount_minor=offer.least_minor - 1) in (["amount_below_least"], ["amount_missing"])
    assert codes(offer, amount_minor=offer.debt_minor, paid_on=offer.last_on + timedelta(days=1)) == ["date_too_late"]
    assert codes(offer, amount_minor=offer.debt_minor, instalments=offer.instalments + 1) == ["too_many_instalments"]


@given(table=tables(), debt=debts)
def test_an_offer_comes_back_from_its_document_as_it_was(table: NegotiationTable, debt: Debt) -> None:
    offer = make_offer(debt, table)
    assert Offer.from_document(offer.to_document()) == offer


@given(total=amounts, count=st.integers(1, 120))
def test_instalments_add_up_to_the_amount_and_differ_by_a_unit_at_most(total: int, count: int) -> None:
    assume(count <= total)
    payments = instalments_of(total, count)
    assert (len(payments), sum(payments)) == (count, total)
    assert list(payments) == sorted(payments)
    assert payments[-1] - payments[0] <= 1
    assert payments[0] == total // count


@pytest.mark.parametrize(("total", "count"), [(0, 1), (100, 0), (3, 4), (-5, 1)])
def test_nothing_cannot_be_divided(total: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"{total} cannot be paid in {count} payments"):
        instalments_of(total, count)


@given(table=tables(), debt=debts, days=st.integers(0, 30))
def test_arrears_only_grow_while_nothing_is_paid(table: NegotiationTable, debt: Debt, days: int) -> None:
    now, then = days_overdue(debt, TODAY), days_overdue(debt, TODAY + timedelta(days=days))
    assert (now is None and then is None) or (now is not None and then == now + days)
