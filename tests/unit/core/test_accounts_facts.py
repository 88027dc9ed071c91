"""What a refusal for money knows by name, the counters of a new day, and whole numbers where a division stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.core.accounts import (
    Account,
    AccountStatus,
    BatchBudget,
    Plan,
    Reservation,
    SuspendedBy,
    forecast,
    why_not,
)
from speechai.core.decision import Denial, Denied

DAY = date(2026, 11, 25)
SOON = datetime(2026, 11, 25, 15, 0, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 26, 0, 0, tzinfo=ZoneInfo("America/Santiago"))
ACCOUNT = Account(id="acme", name="Acme", plan=Plan.CREDIT, balance=10_000_000, day_on=DAY)
LIVE = {"live": Reservation(amount=1, at=SOON - timedelta(minutes=1), on=DAY, batch_id="b")}
SUSPENDED = AccountStatus.SUSPENDED


@pytest.mark.parametrize(
    ("changes", "code", "facts"),
    [
        ({"balance": 250_000}, Denial.NO_CREDIT, {"free": "US$ 0.25"}),
        ({"balance": 250_001, "reserved": 1}, Denial.CREDIT_RESERVED, {"free": "US$ 0.25"}),
        ({"status": SUSPENDED, "suspended_by": SuspendedBy.NO_CREDIT, "balance": 7}, Denial.NO_CREDIT,
         {"free": "US$ 0.000007"}),
        ({"budgets": {"b": BatchBudget(most=2_000_000, free=500_000)}}, Denial.BATCH_BUDGET,
         {"batch": "b", "free": "US$ 0.50", "budget": "US$ 2.00"}),
        ({"budgets": {"b": BatchBudget(most=2_000_000, free=500_000)}, "reservations": LIVE}, Denial.CREDIT_RESERVED,
         {"free": "US$ 0.50"}),
        ({"day_budget": 3_000_000, "day_free": 0}, Denial.DAY_BUDGET,
         {"free": "US$ 0.00", "budget": "US$ 3.00", "next_at": "2026-11-26T00:00-03:00"}),
        ({"day_budget": 3_000_000, "day_free": 0, "reservations": LIVE}, Denial.CREDIT_RESERVED, {"free": "US$ 0.00"}),
    ],
)  # fmt: skip
def test_where_money_is_missing_the_account_the_need_and_what_is_free_are_named(
    changes: dict[str, Any], code: Denial, facts: dict[str, Any]
) -> None:
    found = ask(changes)
    assert found is not None
    assert (found.code, found.facts) == (code, {"account": "acme", "needed": "US$ 1.00", **facts})


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        ({"calls_a_day": 7, "calls_free": 0}, {"limit": 7, "next_at": "2026-11-26T00:00-03:00"}),
        # A limit that somebody took away while its counter was at its end.
        ({"calls_a_day": None, "calls_free": 0}, {"limit": 0, "next_at": "2026-11-26T00:00-03:00"}),
        ({"concurrency": 2, "lines_free": 0}, {"limit": 2}),
        ({"concurrency": None, "lines_free": 0}, {"limit": 0}),
        ({"status": SUSPENDED, "suspended_by": SuspendedBy.OPERATOR, "reason": "unpaid"}, {"why": "unpaid"}),
        ({"status": SUSPENDED, "suspended_by": SuspendedBy.OPERATOR}, {"why": ""}),
    ],
)
def test_where_something_else_ends_it_the_limit_or_the_reason_is_named(
    changes: dict[str, Any], facts: dict[str, Any]
) -> None:
    found = ask(changes)
    assert found is not None
    assert found.facts == {"account": "acme", **facts}


def test_the_next_day_is_asked_for_in_utc_and_said_in_its_own_zone() -> None:
    found = ask({"calls_a_day": 1, "calls_free": 0})
    assert found is not None
    assert found.next_at is not None
    assert (found.next_at, found.next_at.tzinfo) == (MIDNIGHT, UTC)


def test_a_new_day_has_its_whole_budget_and_all_its_calls() -> None:
    yesterday = replace(
        ACCOUNT, day_on=DAY - timedelta(days=1), day_budget=5_000_000, day_free=1, calls_a_day=9, calls_free=0
    )
    today = yesterday.on_day(DAY)
    assert (today.day_on, today.day_free, today.calls_free) == (DAY, 5_000_000, 9)
    assert today.on_day(DAY - timedelta(days=1)) is today


@pytest.mark.parametrize(
    ("day", "week", "a_day", "hours"), [(1, 70, 1, 240_000_000), (0, 8, 2, 120_000_000), (7_000_001, 0, 7_000_001, 34)]
)
def test_a_forecast_counts_whole_units_a_day_and_whole_hours(day: int, week: int, a_day: int, hours: int) -> None:
    found = forecast(ACCOUNT, last_day=day, last_week=week)
    assert (found.a_day, found.hours_left) == (a_day, hours)
    assert type(found.a_day) is type(found.hours_left) is int


def ask(changes: dict[str, Any]) -> Denied | None:
    """A call that reserves one dollar."""
    one = replace(ACCOUNT, **changes)
    return why_not(one, amount=1_000_000, batch_id="b", on=DAY, next_day_at=MIDNIGHT, soon_at=SOON)
