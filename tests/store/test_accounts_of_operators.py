"""What an operator does to an account: top-ups, adjustments, the forecast, settings that are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from config.settings import Settings
from speechai.core.accounts import Account, AccountStatus, Plan
from speechai.core.model import AttemptState, JobStatus
from speechai.errors import NotAllowed, NotFound, UsageError
from speechai.operation import account_settings
from speechai.operation import accounts as money
from speechai.operation.context import Context
from speechai.store import accounts, attempts, ledger
from speechai.store.connection import Store
from tests.flow.mortal import Died, Fuse, die, mortal_store
from tests.store.making import NOW
from tests.store.money import attempt, new_account, now_of, whole
from tests.store.test_accounts_at_work import CALL, DOLLAR, ended, facts, kinds, suspended, take


def waiting(store: Store) -> int:
    return store.jobs.count_documents({"status": JobStatus.PENDING})


def test_a_top_up_resumes_the_account_and_its_contacts(context: Context, store: Store) -> None:
    suspended(context, store)
    moved = money.top_up(context, "acme", CALL, key="r", by="me")
    assert (moved.is_new, moved.is_resumed, moved.jobs) == (True, True, 2)
    assert moved.account.status is AccountStatus.ACTIVE
    assert waiting(store) == 2
    assert take(context) is None


def test_a_top_up_that_pays_no_call_leaves_the_account_suspended(context: Context, store: Store) -> None:
    suspended(context, store)
    moved = money.top_up(context, "acme", 1, key="r", by="me")
    assert (moved.is_new, moved.is_resumed, moved.account.status) == (True, False, AccountStatus.SUSPENDED)
    assert waiting(store) == 0


@pytest.mark.parametrize("by", ["retell", "operator"])
def test_a_top_up_does_not_resume_what_retell_or_an_operator_stopped(context: Context, store: Store, by: str) -> None:
    suspended(context, store)
    assert money.suspend_account(context, "acme", reason="402", by=by)
    assert not money.top_up(context, "acme", 9 * CALL, key="r", by="me").is_resumed
    moved = money.resume_account(context, "acme", by="me", why="mended")
    assert (moved.is_resumed, moved.jobs, moved.account.status) == (True, 2, AccountStatus.ACTIVE)
    assert ("account_refused", "acme", 1) in kinds(context) or by == "operator"


@pytest.mark.parametrize("nth", range(1, 6))
@pytest.mark.parametrize("repaired_by", ["the same top-up again", "the sweep"])
def test_a_top_up_that_dies_between_its_writes_is_completed_and_counts_once(
    context: Context, store: Store, nth: int, repaired_by: str
) -> None:
    suspended(context, store)
    fuse = Fuse()
    mortal = replace(context, store=mortal_store(store, fuse))
    fuse.arm(nth, die)
    with pytest.raises(Died):
        money.top_up(mortal, "acme", CALL, key="r", by="me")
    paid = now_of(store).balance > 100
    if repaired_by == "the sweep":
        money.sweep_accounts(context, is_open=lambda _: False)
        assert (now_of(store).status is AccountStatus.ACTIVE) is paid
        assert ledger.get_entry(store, "acme", "topup:r") is not None or not paid
    money.top_up(context, "acme", CALL, key="r", by="me")
    assert (now_of(store).balance, now_of(store).status) == (100 + CALL, AccountStatus.ACTIVE)
    document = store.accounts.find_one({"_id": "acme"})
    assert document is not None
    assert document["outbox"] == []
    whole(store)


def test_a_key_is_good_for_one_amount(context: Context, store: Store) -> None:
    new_account(store)
    money.top_up(context, "acme", 25 * DOLLAR, key="r", by="me")
    assert not money.top_up(context, "acme", 25 * DOLLAR, key="r", by="me").is_new
    with pytest.raises(NotAllowed, match=r"'r' was used on 2026-11-25 15:00 UTC for US\$ 25\.00"):
        money.top_up(context, "acme", 26 * DOLLAR, key="r", by="me")
    assert money.adjust(context, "acme", -5 * DOLLAR, key="r", by="me", why="a fee").is_new
    assert now_of(store).balance == 20 * DOLLAR
    whole(store)


@pytest.mark.parametrize("amount", [0, -1])
def test_a_top_up_of_nothing_is_refused(context: Context, store: Store, amount: int) -> None:
    new_account(store)
    with pytest.raises(UsageError, match="more than nothing"):
        money.top_up(context, "acme", amount, key="r", by="me")


@pytest.mark.parametrize(("amount", "why"), [(0, "a fee"), (5, " ")])
def test_an_adjustment_needs_an_amount_and_a_reason(context: Context, store: Store, amount: int, why: str) -> None:
    new_account(store)
    with pytest.raises(UsageError, match="amount and a reason"):
        money.adjust(context, "acme", amount, key="r", by="me", why=why)


def test_an_unknown_account_is_named(context: Context) -> None:
    for operation in (
        lambda: money.top_up(context, "nobody", 1, key="r", by="me"),
        lambda: money.suspend_account(context, "nobody", reason="x", by="operator"),
        lambda: money.resume_account(context, "nobody", by="me", why="x"),
    ):
        with pytest.raises(NotFound, match="'nobody'"):
            operation()


LATE = NOW + timedelta(minutes=5)
MUCH_LATER = NOW + money.LEAKED_AFTER + timedelta(seconds=1)
RETELL = {"call_id": "c", "call_status": "ended", "duration_ms": 60_000, "call_cost": {"combined_cost": 12.5}}


@pytest.mark.parametrize(
    ("recorded", "at", "balance", "live"),
    [
        (None, LATE, 10 * DOLLAR, 1),
        (None, MUCH_LATER, 10 * DOLLAR, 0),
        ({"state": AttemptState.REFUSED}, NOW + timedelta(minutes=1), 10 * DOLLAR, 1),
        ({"state": AttemptState.REFUSED}, LATE, 10 * DOLLAR, 0),
        ({"state": AttemptState.ABANDONED}, LATE, 10 * DOLLAR, 0),
        ({"state": AttemptState.LIVE}, MUCH_LATER, 10 * DOLLAR, 1),
        ({"state": AttemptState.FINISHED, "retell": RETELL}, LATE, 10 * DOLLAR - 125_000, 0),
        ({"state": AttemptState.FINISHED}, LATE, 10 * DOLLAR, 0),
    ],
    ids=["being claimed", "never recorded", "just refused", "refused", "abandoned", "live", "finished", "unknown"],
)
def test_the_sweep_ends_a_reservation_that_nobody_will_end(
    context: Context, store: Store, recorded: dict[str, Any] | None, at: datetime, balance: int, live: int
) -> None:
    new_account(store, money=10 * DOLLAR, calls_a_day=5)
    take(context)
    if recorded is not None:
        attempts.record(store, ended(1))
        changes = {**recorded, "state": recorded["state"].value}
        store.attempts.update_one({"_id": attempt(1)}, {"$set": changes})

    def is_open(attempt_id: str) -> bool:
        found = attempts.get_attempt(store, attempt_id)
        return found is not None and found.state.is_open

    money.sweep_accounts(replace(context, clock=lambda: at), is_open)
    one = now_of(store)
    assert (one.balance, len(one.reservations)) == (balance, live)
    is_counted = live == 1 or (recorded or {}).get("state") is AttemptState.FINISHED
    assert one.calls_free == 5 - is_counted
    whole(store)


def test_the_forecast_is_made_of_what_calls_cost_in_the_last_day_else_the_last_week(
    context: Context, store: Store
) -> None:
    new_account(store, money=10 * DOLLAR)
    take(context)
    money.settle_for(context, ended(), facts(cost_micros=DOLLAR), NOW)
    today = money.outlook(context, now_of(store))
    assert (today.a_day, today.hours_left) == (DOLLAR, 9 * 24)
    later = money.outlook(replace(context, clock=lambda: NOW + timedelta(days=3)), now_of(store))
    assert later.a_day == -(-DOLLAR // 7)
    idle = money.outlook(replace(context, clock=lambda: NOW + timedelta(days=8)), now_of(store))
    assert (idle.a_day, idle.hours_left) == (0, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"concurrency": -1}, "concurrency=-1 is no limit"),
        ({"day_budget": 10**15}, "is no limit"),
        ({"price_micros_per_minute": 100_000_001}, "between US"),
        ({"from_numbers": ("56222222222",)}, "no caller number"),
        ({"countries": ("Chile",)}, "no country"),
        ({"policy": "of nobody"}, "no policy 'of nobody'"),
        ({"policy": "cl-ley-21320", "policy_overrides": {"attempts_a_day": 9}}, "attempts_a_day from 3 to 9"),
        ({}, "say what to change"),
    ],
)
def test_a_wrong_setting_is_refused_and_nothing_of_it_is_kept(
    context: Context, store: Store, changes: dict[str, Any], words: str
) -> None:
    new_account(store)
    before = now_of(store)
    with pytest.raises(UsageError, match=words):
        account_settings.change_account(context, "acme", changes, by="me")
    if changes:
        with pytest.raises(UsageError, match=words):
            account_settings.create_account(context, "other", Plan.CREDIT, changes)
    assert now_of(store) == before
    assert accounts.get_account(store, "other") is None


def test_an_override_that_loosens_a_law_is_kept_with_its_reason(context: Context, store: Store) -> None:
    changes: dict[str, Any] = {
        "policy": "cl-ley-21320",
        "policy_overrides": {"attempts_a_day": 9},
        "override_because": "the debtors agreed in writing",
    }
    made = account_settings.create_account(context, "acme", Plan.CREDIT, changes)
    assert made == Account(id="acme", name="acme", plan=Plan.CREDIT, **changes)


@pytest.mark.parametrize("account_id", ["", "Acme", "a b", "a|b", "a.b", "$a", "-a", "a" * 41])
def test_an_account_s_id_is_plain(context: Context, account_id: str) -> None:
    with pytest.raises(UsageError, match="no account's id"):
        account_settings.create_account(context, account_id, Plan.CREDIT, {})


def test_the_settings_of_the_tests_reserve_what_they_say() -> None:
    assert Settings().call_max_duration_minutes * 150_000 == CALL
