"""Accounts as calls and operators use them: reserved or denied with a reason, charged, mended, suspended, resumed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from speechai.core.accounts import MAIN, AccountStatus, Plan, SuspendedBy
from speechai.core.decision import Denial, Denied
from speechai.core.model import Attempt, AttemptState, Batch, BatchStatus, CallFacts, Pacing
from speechai.operation import accounts as money
from speechai.operation.alerts import open_alerts
from speechai.operation.context import Context
from speechai.store import ledger
from speechai.store.connection import Store
from tests.store.making import DAY, NOW, add_jobs, batch_document, make_attempt
from tests.store.money import attempt, new_account, now_of, whole

DOLLAR = 1_000_000
CALL = 3 * DOLLAR // 2
"""What a call reserves: ten minutes (CALL_MAX_DURATION_MINUTES) at US$ 0.15."""
MIDNIGHT = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
"""The end of NOW's day in Santiago."""

BATCH = Batch(
    id="b",
    account_id="acme",
    name="list",
    use_case="debt_collection",
    pacing=Pacing.CONTINUOUS,
    policy="default",
    status=BatchStatus.RUNNING,
    time_zone="America/Santiago",
)


def take(context: Context, number: int = 1, batch: Batch = BATCH, now: datetime = NOW) -> Denied | None:
    return money.reserve_for(context, "acme", attempt(number), batch, now)


def ended(number: int = 1, **changes: Any) -> Attempt:
    return make_attempt(**{"id": attempt(number), "account_id": "acme", "state": AttemptState.ENDED, **changes})


def facts(**changes: Any) -> CallFacts:
    return CallFacts(**{"call_id": "call_1", "status": "ended", "duration_ms": 60_000, **changes})


def kinds(context: Context) -> list[tuple[str, str, int]]:
    return [(alert.kind, alert.subject, alert.count) for alert in open_alerts(context)]


def test_a_call_reserves_its_longest_duration_on_the_local_day_of_the_settings(context: Context, store: Store) -> None:
    new_account(store, money=10 * DOLLAR)
    assert take(context, 1, now=MIDNIGHT - timedelta(minutes=1)) is None
    assert now_of(store).day_on == DAY
    assert take(context, 2, now=MIDNIGHT) is None
    assert now_of(store).day_on == DAY + timedelta(days=1)
    assert now_of(store).reserved == 2 * CALL


def test_an_account_that_is_not_there_is_a_refusal_and_main_is_made(context: Context, store: Store) -> None:
    denied = take(context)
    assert denied is not None
    assert (denied.code, denied.next_at) == (Denial.ACCOUNT_UNKNOWN, None)
    assert money.reserve_for(context, MAIN, attempt(1), replace(BATCH, account_id=MAIN), NOW) is None
    assert now_of(store, MAIN).plan is Plan.UNLIMITED


def test_without_credit_and_without_live_calls_the_account_is_suspended_and_somebody_told(
    context: Context, store: Store
) -> None:
    new_account(store, money=CALL - 1)
    for _ in range(3):
        denied = take(context)
        assert denied is not None
        assert (denied.code, denied.next_at) == (Denial.NO_CREDIT, None)
    one = now_of(store)
    assert (one.status, one.suspended_by) == (AccountStatus.SUSPENDED, SuspendedBy.NO_CREDIT)
    assert one.reason == "no credit: US$ 1.499999 left, a call needs US$ 1.50"
    assert kinds(context) == [("no_credit", "acme", 1)]


def test_credit_that_live_calls_hold_is_waited_for(context: Context, store: Store) -> None:
    new_account(store, money=CALL * 2 - 1)
    assert take(context, 1) is None
    denied = take(context, 2)
    assert denied is not None
    assert denied.code is Denial.CREDIT_RESERVED
    assert denied.next_at == NOW + timedelta(seconds=context.settings.capacity_retry_seconds)
    assert now_of(store).status is AccountStatus.ACTIVE
    money.settle_for(context, ended(1), facts(cost_micros=1), NOW)
    assert take(context, 2) is None


def test_a_batch_s_budget_is_kept_from_its_first_call_and_follows_the_batch(context: Context, store: Store) -> None:
    new_account(store, money=100 * DOLLAR)
    batch = replace(BATCH, budget_micros=2 * CALL)
    assert [take(context, number, batch) for number in (1, 2)] == [None, None]
    denied = take(context, 3, batch)
    assert denied is not None
    assert (denied.code, kinds(context)) == (Denial.CREDIT_RESERVED, [])
    for number in (1, 2):
        money.settle_for(context, ended(number), facts(cost_micros=CALL), NOW)
    denied = take(context, 3, batch)
    assert denied is not None
    assert (denied.code, denied.next_at) == (Denial.BATCH_BUDGET, None)
    assert kinds(context) == [("batch_budget", "b", 1)]
    assert take(context, 3, replace(batch, budget_micros=3 * CALL)) is None
    assert take(context, 4, replace(batch, budget_micros=None)) is None
    whole(store)


def test_a_budget_in_dollars_is_talking_time_of_a_minutes_plan(context: Context, store: Store) -> None:
    new_account(store, money=6_000, plan=Plan.MINUTES)
    batch = replace(BATCH, budget_micros=CALL)
    assert take(context, 1, batch) is None
    assert now_of(store).reserved == 600
    assert take(context, 2, batch) is not None
    money.settle_for(context, ended(1), facts(duration_ms=61_001, cost_micros=99), NOW)
    one = now_of(store)
    assert (one.balance, one.budgets["b"].free) == (6_000 - 62, 600 - 62)
    whole(store)


@pytest.mark.parametrize(
    ("limits", "code", "next_at"),
    [
        ({"day_budget": CALL - 1}, Denial.DAY_BUDGET, MIDNIGHT),
        ({"calls_a_day": 0}, Denial.ACCOUNT_CALLS_A_DAY, MIDNIGHT),
        ({"concurrency": 0}, Denial.ACCOUNT_LINES, NOW + timedelta(seconds=30)),
        ({"suspended": True}, Denial.ACCOUNT_SUSPENDED, None),
    ],
)
def test_a_refusal_names_its_limit_and_when_to_ask_again(
    context: Context, store: Store, limits: dict[str, Any], code: Denial, next_at: datetime | None
) -> None:
    new_account(store, money=100 * DOLLAR, **limits)
    denied = take(context)
    assert denied is not None
    assert (denied.code, denied.next_at) == (code, next_at)
    assert now_of(store).reservations == {}


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        (facts(cost_micros=123_456), 123_456),
        (facts(cost_micros=2 * CALL), 2 * CALL),
        (facts(cost_micros=0), 0),
        (facts(), 150_000),
        (facts(duration_ms=None), 0),
        (facts(status="not_connected", duration_ms=30_000), 0),
        (facts(status="not_connected", cost_micros=7), 7),
        (None, 0),
    ],
    ids=["by its cost", "above its reservation", "free", "by its duration", "nothing known", "not connected",
         "not connected at a cost", "never heard of again"],
)  # fmt: skip
def test_a_call_is_charged_by_what_is_known_of_it(
    context: Context, store: Store, said: CallFacts | None, cost: int
) -> None:
    new_account(store, money=2 * DOLLAR)
    take(context)
    for _ in range(2):
        money.settle_for(context, ended(), said, NOW)
    one = now_of(store)
    assert (one.balance, one.reserved) == (2 * DOLLAR - cost, 0)
    whole(store)


def test_an_estimated_call_is_corrected_when_its_cost_comes_and_not_back(context: Context, store: Store) -> None:
    new_account(store, money=10 * DOLLAR)
    take(context)
    money.settle_for(context, ended(), facts(), NOW)
    entry = ledger.get_entry(store, "acme", ledger.settle_key(attempt(1)))
    assert entry is not None
    assert (entry.estimated, entry.note) == (True, "estimated by its duration: Retell told no cost")
    for cost in (90_000, None, 90_000):
        money.settle_for(context, ended(), facts(cost_micros=cost), NOW)
    assert now_of(store).balance == 10 * DOLLAR - 90_000
    assert sorted(one.kind for one in ledger.entries_of(store, "acme")) == ["correct", "settle", "top_up"]
    whole(store)


def test_a_call_whose_account_is_gone_is_told_and_stops_nothing(context: Context, store: Store) -> None:
    money.settle_for(context, ended(), facts(cost_micros=5), NOW)
    money.release_for(context, "acme", attempt(1))
    assert store.ledger.count_documents({}) == 0


def test_a_release_gives_everything_back_and_leaves_alone_what_was_not_taken(context: Context, store: Store) -> None:
    new_account(store, money=10 * DOLLAR, concurrency=2, calls_a_day=5, day_budget=9 * DOLLAR)
    before = now_of(store).on_day(DAY)
    take(context)
    for _ in range(2):
        money.release_for(context, "acme", attempt(1))
    after = now_of(store)
    assert replace(after, revision=0) == replace(before, revision=0)


def suspended(context: Context, store: Store) -> None:
    """An account that found no credit, with two contacts that wait for it."""
    new_account(store, money=100)
    take(context)
    store.batches.insert_one({**batch_document("b", account_id="acme"), "status": "running"})
    for job_id in add_jobs(store, 2, account_id="acme"):
        store.jobs.update_one({"_id": job_id}, {"$set": {"status": "suspended", "suspended_by": "account"}})
