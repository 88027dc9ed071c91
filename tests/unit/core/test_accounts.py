"""Amounts, charges, refusals and forecasts of an account: integers of one unit, and what is said where it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.accounts import (
    Account,
    AccountStatus,
    BatchBudget,
    Plan,
    Reservation,
    SuspendedBy,
    amount_text,
    budget_in_units,
    charge,
    estimate,
    forecast,
    parse_amount,
    why_not,
)
from speechai.core.decision import Denial, Denied
from speechai.errors import UsageError

DAY = date(2026, 11, 25)
SOON = datetime(2026, 11, 25, 15, 0, 30, tzinfo=UTC)
TOMORROW = datetime(2026, 11, 26, 0, 0, tzinfo=ZoneInfo("America/Santiago"))

plans = st.sampled_from(Plan)
amounts = st.integers(-(10**14), 10**14)
prices = st.integers(0, 100_000_000)


def account(**changes: Any) -> Account:
    """Ten dollars, on the day DAY, without any limit."""
    return replace(Account(id="acme", name="Acme", plan=Plan.CREDIT, balance=10_000_000, day_on=DAY), **changes)


def held(amount: int = 1_000_000, **changes: Any) -> dict[str, Reservation]:
    """One live call."""
    one = Reservation(amount=amount, at=SOON - timedelta(minutes=1), on=DAY, batch_id="b")
    return {"live": replace(one, **changes)}


def denied(one: Account, amount: int = 1_000_000, on: date = DAY, batch_id: str = "b") -> Denied | None:
    return why_not(one, amount=amount, batch_id=batch_id, on=on, next_day_at=TOMORROW, soon_at=SOON)


NEXT_DAY = TOMORROW.astimezone(UTC)


@pytest.mark.parametrize(
    ("changes", "code", "next_at"),
    [
        ({"balance": 999_999}, Denial.NO_CREDIT, None),
        ({"balance": 1_500_000, "reserved": 500_001}, Denial.CREDIT_RESERVED, SOON),
        ({"balance": -1}, Denial.NO_CREDIT, None),
        ({"status": AccountStatus.SUSPENDED, "suspended_by": SuspendedBy.OPERATOR}, Denial.ACCOUNT_SUSPENDED, None),
        ({"status": AccountStatus.SUSPENDED, "suspended_by": SuspendedBy.RETELL}, Denial.ACCOUNT_SUSPENDED, None),
        ({"status": AccountStatus.SUSPENDED, "suspended_by": SuspendedBy.NO_CREDIT}, Denial.NO_CREDIT, None),
        ({"day_budget": 5_000_000, "day_free": 999_999}, Denial.DAY_BUDGET, NEXT_DAY),
        ({"day_budget": 5_000_000, "day_free": 999_999, "reservations": held()}, Denial.CREDIT_RESERVED, SOON),
        (
            {"day_budget": 5_000_000, "day_free": 1, "reservations": held(on=DAY - timedelta(days=1))},
            Denial.DAY_BUDGET,
            NEXT_DAY,
        ),
        ({"day_budget": 5_000_000, "day_free": 1, "reservations": held(amount=0)}, Denial.DAY_BUDGET, NEXT_DAY),
        ({"budgets": {"b": BatchBudget(most=2_000_000, free=999_999)}}, Denial.BATCH_BUDGET, None),
        (
            {"budgets": {"b": BatchBudget(most=2_000_000, free=0)}, "reservations": held()},
            Denial.CREDIT_RESERVED,
            SOON,
        ),
        (
            {"budgets": {"b": BatchBudget(most=2_000_000, free=0)}, "reservations": held(batch_id="other")},
            Denial.BATCH_BUDGET,
            None,
        ),
        ({"calls_a_day": 7, "calls_free": 0}, Denial.ACCOUNT_CALLS_A_DAY, NEXT_DAY),
        ({"concurrency": 2, "lines_free": 0}, Denial.ACCOUNT_LINES, SOON),
        ({"concurrency": 2, "lines_free": -3}, Denial.ACCOUNT_LINES, SOON),
    ],
)
def test_a_call_is_refused_with_the_code_and_the_next_instant(
    changes: dict[str, Any], code: Denial, next_at: datetime | None
) -> None:
    found = denied(account(**changes))
    assert found is not None
    assert (found.code, found.next_at) == (code, next_at)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"balance": 1_000_000},
        {"balance": 2_000_000, "reserved": 1_000_000},
        {"day_budget": 1_000_000, "day_free": 1_000_000},
        {"day_budget": 1_000_000, "day_free": 0, "day_on": DAY - timedelta(days=1)},
        {"day_budget": 1_000_000, "day_free": 0, "day_on": None},
        {"calls_a_day": 1, "calls_free": 1},
        {"calls_a_day": 1, "calls_free": 0, "day_on": DAY - timedelta(days=1)},
        {"concurrency": 1, "lines_free": 1},
        {"budgets": {"b": BatchBudget(most=1_000_000, free=1_000_000), "other": BatchBudget(most=0, free=0)}},
        {"budgets": {"b": BatchBudget(most=None, free=None)}},
        {"plan": Plan.UNLIMITED, "balance": -5_000_000, "reserved": 10**9},
    ],
)
def test_a_call_that_just_fits_is_not_refused(changes: dict[str, Any]) -> None:
    assert denied(account(**changes)) is None


def test_a_new_account_has_no_money_and_nothing_reserved() -> None:
    one = Account(id="acme", name="Acme", plan=Plan.CREDIT)
    assert (one.balance, one.reserved, one.free, one.needed, one.revision) == (0, 0, 0, 0, 0)
    assert one.status is AccountStatus.ACTIVE


def test_the_unlimited_plan_keeps_its_other_limits() -> None:
    one = account(plan=Plan.UNLIMITED, balance=-1, day_budget=5, day_free=1)
    found = denied(one, 2)
    assert found is not None
    assert found.code is Denial.DAY_BUDGET


def test_a_day_that_is_earlier_than_the_account_s_own_is_counted_on_the_account_s() -> None:
    one = account(calls_a_day=1, calls_free=0)
    found = denied(one, on=DAY - timedelta(days=1))
    assert found is not None
    assert found.code is Denial.ACCOUNT_CALLS_A_DAY


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"balance": 250_000},
            "account acme has US$ 0.25 left, and a call may cost US$ 1.00",
        ),
        (
            {"plan": Plan.MINUTES, "balance": 90, "reserved": 30},
            "live calls hold back the credit of account acme: 1 min is free, and a call may cost 16666 min 40 s",
        ),
        (
            {"day_budget": 5_000_000, "day_free": 0},
            "of the day's budget of account acme, US$ 5.00, US$ 0.00 is left, and a call may cost US$ 1.00",
        ),
        (
            {"calls_a_day": 7, "calls_free": -1},
            "account acme has made its 7 calls of the day",
        ),
        ({"concurrency": 2, "lines_free": -1}, "2 calls of account acme are live: its limit"),
        (
            {"status": AccountStatus.SUSPENDED, "suspended_by": SuspendedBy.OPERATOR, "reason": "unpaid"},
            "account acme is suspended: unpaid",
        ),
        (
            {"budgets": {"b": BatchBudget(most=5_000_000, free=-200_000)}},
            "of the budget of batch b, US$ 5.00, -US$ 0.20 is left, and a call may cost US$ 1.00",
        ),
    ],
)
def test_a_refusal_says_the_amounts_in_the_account_s_unit(changes: dict[str, Any], sentence: str) -> None:
    found = denied(account(**changes))
    assert found is not None
    assert found.reason == sentence


@pytest.mark.parametrize(
    ("plan", "price", "minutes", "expected"),
    [
        (Plan.CREDIT, 150_000, 10.0, 1_500_000),
        (Plan.UNLIMITED, 150_000, 0.5, 75_000),
        (Plan.CREDIT, 1, 0.1, 1),
        (Plan.CREDIT, 0, 10.0, 0),
        (Plan.MINUTES, 150_000, 60.0, 3_600),
        (Plan.MINUTES, 150_000, 0.51, 31),
    ],
)
def test_a_call_reserves_its_longest_duration(plan: Plan, price: int, minutes: float, expected: int) -> None:
    found = estimate(account(plan=plan, price_micros_per_minute=price), minutes)
    assert (found, type(found)) == (expected, int)


@pytest.mark.parametrize(
    ("plan", "cost_micros", "duration_ms", "amount", "estimated"),
    [
        (Plan.CREDIT, 123_456, 61_000, 123_456, False),
        (Plan.CREDIT, 0, 61_000, 0, False),
        (Plan.CREDIT, None, 60_000, 150_000, True),
        (Plan.CREDIT, None, 1, 2_500, True),
        (Plan.CREDIT, None, None, 0, True),
        (Plan.UNLIMITED, None, 120_000, 300_000, True),
        (Plan.MINUTES, 123_456, 61_001, 62, False),
        (Plan.MINUTES, None, 61_000, 61, False),
        (Plan.MINUTES, 123_456, None, 0, True),
    ],
)
def test_a_call_costs_what_retell_says_else_its_duration_at_the_account_s_price(
    plan: Plan, cost_micros: int | None, duration_ms: int | None, amount: int, estimated: bool
) -> None:
    found = charge(account(plan=plan), cost_micros=cost_micros, duration_ms=duration_ms)
    assert (found.amount, found.estimated) == (amount, estimated)


@given(plans, prices, st.integers(0, 7_200_000))
def test_a_call_charged_by_its_duration_never_costs_more_than_it_had_reserved(
    plan: Plan, price: int, duration_ms: int
) -> None:
    one = account(plan=plan, price_micros_per_minute=price)
    reserved = estimate(one, 120)
    found = charge(one, cost_micros=None, duration_ms=duration_ms)
    assert 0 <= found.amount <= reserved
    assert type(found.amount) is type(reserved) is int


@given(plans, amounts)
def test_an_amount_that_is_told_is_read_as_itself(plan: Plan, amount: int) -> None:
    """Up to a sign, the currency and the words of minutes, what is printed is what is typed."""
    text = amount_text(plan, amount)
    if plan is Plan.MINUTES:
        minutes, _, seconds = text.removesuffix(" s").removesuffix(" min").partition(" min ")
        size = abs(int(minutes)) * 60 + int(seconds or 0)
        assert (-size if text.startswith("-") else size) == amount
    elif abs(amount) < 10**15:
        assert parse_amount(text.replace("US$ ", ""), plan) == amount


@pytest.mark.parametrize(
    ("text", "plan", "expected"),
    [
        ("25", Plan.CREDIT, 25_000_000),
        (" 25.50 ", Plan.CREDIT, 25_500_000),
        ("0.000001", Plan.UNLIMITED, 1),
        ("-3.2", Plan.CREDIT, -3_200_000),
        ("90", Plan.MINUTES, 5_400),
        ("0.25", Plan.MINUTES, 15),
    ],
)
def test_an_amount_is_typed_with_a_decimal_point(text: str, plan: Plan, expected: int) -> None:
    assert parse_amount(text, plan) == expected


@pytest.mark.parametrize(
    "text", ["", "25,50", "US$ 25", "$25", "1e3", "25.1234567", "1.000.000", "٢٥", "+25", "25.", ".5", "nan", "1" * 10]
)
def test_anything_else_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not an amount in US dollars: write 25 or 25\.50"):
        parse_amount(text, Plan.CREDIT)


def test_part_of_a_second_is_no_amount_of_a_minutes_plan() -> None:
    with pytest.raises(UsageError, match="whole seconds"):
        parse_amount("0.01", Plan.MINUTES)


@pytest.mark.parametrize(
    ("price", "micros", "expected"),
    [(150_000, 1_500_000, 600), (150_000, 1, 0), (0, 1_500_000, None)],
)
def test_a_batch_s_budget_in_dollars_is_talking_time_on_a_minutes_plan(
    price: int, micros: int, expected: int | None
) -> None:
    assert budget_in_units(account(plan=Plan.MINUTES, price_micros_per_minute=price), micros) == expected
    assert budget_in_units(account(price_micros_per_minute=price), micros) == micros


@pytest.mark.parametrize(
    ("changes", "day", "week", "a_day", "hours"),
    [
        ({}, 5_000_000, 7_000_000, 5_000_000, 48),
        ({}, 0, 7_000_000, 1_000_000, 240),
        ({}, 0, 0, 0, None),
        ({"balance": -1}, 5, 5, 5, 0),
        ({"balance": 10, "reserved": 10}, 10, 10, 10, 24),
        ({"plan": Plan.UNLIMITED}, 5_000_000, 5_000_000, 5_000_000, None),
        ({}, -5, -5, 0, None),
    ],
)
def test_a_balance_lasts_by_the_rate_of_the_last_day_else_of_the_week(
    changes: dict[str, Any], day: int, week: int, a_day: int, hours: int | None
) -> None:
    found = forecast(account(**changes), last_day=day, last_week=week)
    assert (found.a_day, found.hours_left) == (a_day, hours)
