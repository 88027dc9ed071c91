"""What an account document is after each step, and after the same step again, too late, or in the other order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from speechai.core.accounts import MAIN, Account, AccountStatus, BatchBudget, Plan, SuspendedBy
from speechai.errors import NotAllowed, NotFound
from speechai.store import account_changes, accounts, ledger
from speechai.store.account_documents import NO_LIMIT
from speechai.store.connection import Store
from tests.store.making import DAY, NOW, TOMORROW
from tests.store.money import attempt, new_account, now_of, pay_in, release, reserve, settle, whole


def test_a_reservation_takes_money_line_and_call_and_a_settling_gives_back_what_was_not_spent(store: Store) -> None:
    new_account(store, money=100, day_budget=80, concurrency=2, calls_a_day=5)
    assert reserve(store, 1, amount=30)
    one = now_of(store)
    assert (one.balance, one.reserved, one.free) == (100, 30, 70)
    assert (one.day_free, one.lines_free, one.calls_free, one.day_on) == (50, 1, 4, DAY)
    assert settle(store, 1, cost=12)
    one = now_of(store)
    assert (one.balance, one.reserved, one.free) == (88, 0, 88)
    assert (one.day_free, one.lines_free, one.calls_free) == (68, 2, 4)
    whole(store)


@pytest.mark.parametrize(
    ("limits", "why"),
    [
        ({"money": 29}, "credit"),
        ({"day_budget": 29}, "day's budget"),
        ({"concurrency": 0}, "lines"),
        ({"calls_a_day": 0}, "calls"),
        ({"batch": 29}, "batch's budget"),
        ({"suspended": True}, "suspension"),
    ],
)
def test_a_call_that_one_limit_forbids_takes_nothing(store: Store, limits: dict[str, Any], why: str) -> None:
    new_account(store, **{"money": 100, "batch": 100, **limits})
    before = now_of(store)
    for _ in range(2):  # the first opens the day, the second only asks
        assert not reserve(store, 1, amount=30)
    after = now_of(store)
    assert (after.reserved, after.reservations, after.free) == (0, {}, before.free), why
    whole(store)


def test_an_unlimited_account_is_charged_below_zero_and_never_refused_for_credit(store: Store) -> None:
    new_account(store, plan=Plan.UNLIMITED)
    assert reserve(store, 1, amount=10**9)
    assert settle(store, 1, cost=7)
    assert (now_of(store).balance, now_of(store).free) == (-7, -7)
    whole(store)


def test_an_account_that_is_not_there_reserves_nothing_and_cannot_be_charged(store: Store) -> None:
    assert not reserve(store, 1, amount=0)
    with pytest.raises(NotFound, match="acme"):
        settle(store, 1, cost=5)


def test_a_second_reservation_of_one_attempt_is_the_first(store: Store) -> None:
    new_account(store, money=100)
    assert reserve(store, 1, amount=60)
    assert reserve(store, 1, amount=60)
    assert now_of(store).reserved == 60


Step = Callable[[Store], object]


@pytest.mark.parametrize(
    ("steps", "balance"),
    [
        ([lambda s: settle(s, 1, cost=12), lambda s: settle(s, 1, cost=12)], 88),
        ([lambda s: settle(s, 1, cost=12), lambda s: settle(s, 1, cost=15)], 88),
        ([lambda s: settle(s, 1, cost=12), lambda s: release(s, 1)], 88),
        ([lambda s: release(s, 1), lambda s: settle(s, 1, cost=12)], 88),
        ([lambda s: release(s, 1), lambda s: settle(s, 1, cost=12), lambda s: settle(s, 1, cost=12)], 88),
        ([lambda s: release(s, 1), lambda s: release(s, 1)], 100),
        ([lambda s: settle(s, 1, cost=0), lambda s: settle(s, 1, cost=12)], 88),
        ([lambda s: settle(s, 1, cost=12), lambda s: settle(s, 1, cost=0)], 88),
        ([lambda s: settle(s, 1, cost=40)], 60),
        ([lambda s: settle(s, 1, cost=140)], -40),
    ],
    ids=[
        "settled twice", "settled twice with another cost", "released after it was settled",
        "settled after it was released", "settled twice after it was released", "released twice",
        "its cost came late", "its cost was forgotten", "dearer than reserved", "dearer than the balance",
    ],
)  # fmt: skip
def test_a_call_is_charged_once_whatever_comes_twice_or_too_late(store: Store, steps: list[Step], balance: int) -> None:
    new_account(store, money=100, day_budget=80, batch=90, concurrency=1)
    assert reserve(store, 1, amount=30)
    for step in steps:
        step(store)
    one = now_of(store)
    spent = 100 - balance
    assert (one.balance, one.reserved, one.reservations) == (balance, 0, {})
    assert (one.day_free, one.budgets["b"].free, one.lines_free) == (80 - spent, 90 - spent, 1)
    whole(store)


def test_a_released_call_is_not_counted_and_one_that_cost_nothing_is(store: Store) -> None:
    new_account(store, money=100, calls_a_day=5)
    for number in (1, 2, 3):
        assert reserve(store, number, amount=10)
    release(store, 1)
    settle(store, 2, cost=0)
    accounts.release(store, "acme", attempt(3), call_happened=True)
    assert now_of(store).calls_free == 3
    whole(store)


def test_the_entry_of_a_call_says_what_it_had_reserved_and_of_which_batch(store: Store) -> None:
    new_account(store, money=100)
    reserve(store, 1, amount=30)
    settle(store, 1, cost=45)
    entry = ledger.get_entry(store, "acme", ledger.settle_key(attempt(1)))
    assert entry is not None
    assert (entry.amount, entry.reserved, entry.batch_id, entry.attempt_id) == (-45, 30, "b", attempt(1))


def test_a_call_charged_by_an_estimate_is_corrected_once(store: Store) -> None:
    new_account(store, money=100, day_budget=80, batch=90)
    reserve(store, 1, amount=30)
    settle(store, 1, cost=20, estimated=True)
    corrections = [ledger.correct(store, "acme", attempt(1), cost=cost, on=DAY, now=NOW) for cost in (13, 13, 5)]
    assert corrections == [True, False, False]
    one = now_of(store)
    assert (one.balance, one.day_free, one.budgets["b"].free) == (87, 67, 77)
    assert ledger.spent(store, "acme", since=NOW) == 13
    whole(store)


def test_a_call_charged_by_its_cost_is_not_corrected(store: Store) -> None:
    new_account(store, money=100)
    reserve(store, 1, amount=30)
    settle(store, 1, cost=20)
    assert not ledger.correct(store, "acme", attempt(1), cost=13, on=DAY, now=NOW)
    assert not ledger.correct(store, "acme", attempt(2), cost=13, on=DAY, now=NOW)
    assert now_of(store).balance == 80


def test_a_top_up_under_a_key_that_was_used_adds_nothing(store: Store) -> None:
    new_account(store)
    assert pay_in(store, 25, key="receipt 7")
    assert not pay_in(store, 25, key="receipt 7")
    assert pay_in(store, 25, key="receipt 8")
    assert now_of(store).balance == 50
    whole(store)


def test_a_new_day_fills_the_day_s_counters_and_leaves_live_calls_on_their_own(store: Store) -> None:
    new_account(store, money=1000, day_budget=80, calls_a_day=3, concurrency=5)
    for number in (1, 2):
        assert reserve(store, number, amount=40)
    assert not reserve(store, 3, amount=40)
    assert reserve(store, 3, amount=40, on=TOMORROW)
    one = now_of(store)
    assert (one.day_on, one.day_free, one.calls_free, one.lines_free) == (TOMORROW, 40, 2, 2)
    settle(store, 1, cost=30)
    release(store, 2)
    one = now_of(store)
    assert (one.day_free, one.calls_free, one.lines_free) == (40, 2, 4)
    whole(store)


def test_a_host_whose_clock_is_a_day_behind_opens_no_second_budget(store: Store) -> None:
    new_account(store, money=1000, day_budget=50)
    assert reserve(store, 1, amount=50, on=TOMORROW)
    assert not reserve(store, 2, amount=50, on=DAY)
    assert now_of(store).day_on == TOMORROW


def test_a_lowered_limit_counts_what_is_live_and_nothing_starts_before_enough_has_ended(store: Store) -> None:
    new_account(store, money=1000, day_budget=100, concurrency=5, calls_a_day=10)
    for number in range(5):
        assert reserve(store, number, amount=10)
    one = account_changes.set_limits(
        store, "acme", {"concurrency": 2, "day_budget": 30, "calls_a_day": 4}, by="me", now=NOW
    )
    assert (one.lines_free, one.day_free, one.calls_free) == (-3, -20, -1)
    for number in range(4):
        assert not reserve(store, 9, amount=0)
        release(store, number)
    assert reserve(store, 9, amount=10)
    assert (now_of(store).lines_free, now_of(store).day_free) == (0, 10)
    whole(store)


def test_a_limit_that_is_taken_away_and_set_again_still_counts_what_was_spent(store: Store) -> None:
    new_account(store, money=1000, day_budget=100, concurrency=1)
    reserve(store, 1, amount=30)
    account_changes.set_limits(store, "acme", {"day_budget": None, "concurrency": None}, by="me", now=NOW)
    assert (now_of(store).day_free, now_of(store).lines_free) == (None, None)
    assert reserve(store, 2, amount=90)
    settle(store, 1, cost=20)
    one = account_changes.set_limits(store, "acme", {"day_budget": 200, "concurrency": 3}, by="me", now=NOW)
    assert (one.day_free, one.lines_free) == (90, 2)
    whole(store)


def test_a_batch_s_budget_counts_from_when_it_is_set_and_keeps_what_was_spent_when_it_changes(store: Store) -> None:
    new_account(store, money=1000)
    reserve(store, 1, amount=10)
    accounts.set_batch_budget(store, "acme", "b", 50)
    accounts.set_batch_budget(store, "acme", "b", 50)
    assert reserve(store, 2, amount=40)
    assert not reserve(store, 3, amount=20)
    settle(store, 1, cost=10)
    settle(store, 2, cost=35)
    assert now_of(store).budgets["b"] == BatchBudget(most=50, free=15)
    accounts.set_batch_budget(store, "acme", "b", None)
    assert now_of(store).budgets["b"].free is None
    assert reserve(store, 3, amount=20)
    accounts.set_batch_budget(store, "acme", "b", 60)
    assert now_of(store).budgets["b"] == BatchBudget(most=60, free=5)
    assert reserve(store, 4, amount=400, batch_id="another")
    whole(store)


def test_a_line_is_free_once_the_call_is_over_and_its_money_when_it_is_settled(store: Store) -> None:
    new_account(store, money=100, concurrency=1)
    reserve(store, 1, amount=30)
    assert [accounts.free_line(store, "acme", attempt(1)) for _ in range(2)] == [True, False]
    one = now_of(store)
    assert (one.lines_free, one.reserved) == (1, 30)
    assert reserve(store, 2, amount=30)
    settle(store, 1, cost=5)
    assert now_of(store).lines_free == 0
    assert not accounts.free_line(store, "acme", attempt(1))
    whole(store)


def test_what_is_reserved_is_told_by_attempt(store: Store) -> None:
    new_account(store, money=100)
    reserve(store, 1, amount=30)
    [(attempt_id, held)] = accounts.reservations(store, "acme").items()
    assert (attempt_id, held.amount, held.at, held.on, held.holds_line) == (attempt(1), 30, NOW, DAY, True)
    assert accounts.reservations(store, "nobody") == {}


def test_an_account_seen_long_ago_only_spares_a_reading(store: Store) -> None:
    new_account(store, money=100, concurrency=1)
    old = now_of(store)
    assert accounts.reserve(store, "acme", attempt(1), amount=60, batch_id="b", on=DAY, now=NOW, seen=old)
    assert not accounts.reserve(store, "acme", attempt(2), amount=60, batch_id="b", on=DAY, now=NOW, seen=old)
    assert accounts.settle(store, "acme", attempt(1), cost=9, on=DAY, now=NOW, seen=old)
    accounts.set_batch_budget(store, "acme", "b", 5)
    account_changes.set_limits(store, "acme", {"plan": Plan.UNLIMITED}, by="me", now=NOW)
    assert not accounts.reserve(store, "acme", attempt(3), amount=6, batch_id="b", on=DAY, now=NOW, seen=old)
    assert accounts.reserve(store, "acme", attempt(3), amount=500, batch_id="c", on=DAY, now=NOW, seen=old)
    whole(store)


ORDER = [None, *SuspendedBy]


@pytest.mark.parametrize("first", SuspendedBy)
@pytest.mark.parametrize("second", SuspendedBy)
def test_the_stronger_hand_overrules_a_suspension_and_the_weaker_does_not(
    store: Store, first: SuspendedBy, second: SuspendedBy
) -> None:
    new_account(store)
    assert account_changes.suspend(store, "acme", reason="first", by=first, now=NOW)
    done = account_changes.suspend(store, "acme", reason="second", by=second, now=NOW)
    one = now_of(store)
    assert done is (ORDER.index(second) > ORDER.index(first))
    assert (one.suspended_by, one.reason) == ((second, "second") if done else (first, "first"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({}, True), ({"money": 50}, False), ({"plan": Plan.UNLIMITED}, False), ({"suspended": True}, False)],
)
def test_only_an_active_account_without_credit_is_suspended_for_it(
    store: Store, changes: dict[str, Any], expected: bool
) -> None:
    new_account(store, **{"money": 49, **changes})
    assert account_changes.suspend_without_credit(store, "acme", needed=50, reason="empty", now=NOW) is expected


def test_an_account_whose_live_calls_may_bring_credit_back_is_not_suspended(store: Store) -> None:
    new_account(store, money=60)
    reserve(store, 1, amount=30)
    assert not account_changes.suspend_without_credit(store, "acme", needed=50, reason="empty", now=NOW)
    settle(store, 1, cost=20)
    assert account_changes.suspend_without_credit(store, "acme", needed=50, reason="empty", now=NOW)


@pytest.mark.parametrize(("money", "expected"), [(0, False), (9, False), (10, True)])
def test_credit_resumes_an_account_once_a_call_can_be_paid(store: Store, money: int, expected: bool) -> None:
    new_account(store, money=40)
    account_changes.suspend_without_credit(store, "acme", needed=50, reason="empty", now=NOW)
    if money:
        pay_in(store, money, key="r")
    assert account_changes.resume_with_credit(store, now_of(store), by="me", now=NOW) is expected
    assert (now_of(store).status is AccountStatus.ACTIVE) is expected


@pytest.mark.parametrize("by", [SuspendedBy.RETELL, SuspendedBy.OPERATOR])
def test_credit_resumes_no_account_that_somebody_suspended(store: Store, by: SuspendedBy) -> None:
    new_account(store, money=10**6)
    account_changes.suspend(store, "acme", reason="broken", by=by, now=NOW)
    assert not account_changes.resume_with_credit(store, now_of(store), by="me", now=NOW)
    assert account_changes.resume(store, "acme", by="me", why="mended", now=NOW)
    assert not account_changes.resume(store, "acme", by="me", why="mended", now=NOW)
    assert [one["what"] for one in account_changes.history(store, "acme")] == ["suspended", "resumed"]


def test_the_history_of_an_account_is_bounded(store: Store) -> None:
    new_account(store)
    for number in range(60):
        account_changes.set_limits(store, "acme", {"concurrency": number}, by="me", now=NOW)
    history = account_changes.history(store, "acme")
    assert [one["why"] for one in history] == [f"concurrency={number}" for number in range(10, 60)]


def test_an_account_is_made_once_and_main_by_itself(store: Store) -> None:
    new_account(store, money=7)
    with pytest.raises(NotAllowed, match="'acme' already"):
        accounts.create_account(store, Account(id="acme", name="x", plan=Plan.CREDIT), now=NOW)
    accounts.ensure_main(store, now=NOW)
    account_changes.suspend(store, MAIN, reason="x", by=SuspendedBy.OPERATOR, now=NOW)
    accounts.ensure_main(store, now=NOW + timedelta(days=1))
    assert [(one.id, one.plan, one.status) for one in accounts.list_accounts(store)] == [
        ("acme", Plan.CREDIT, AccountStatus.ACTIVE),
        ("main", Plan.UNLIMITED, AccountStatus.SUSPENDED),
    ]
    assert now_of(store).balance == 7


def test_a_plan_that_counts_in_another_unit_is_refused(store: Store) -> None:
    new_account(store, money=100)
    with pytest.raises(NotAllowed, match="another unit"):
        account_changes.set_limits(store, "acme", {"plan": Plan.MINUTES}, by="me", now=NOW)
    assert account_changes.set_limits(store, "acme", {"plan": Plan.UNLIMITED}, by="me", now=NOW).balance == 100


def test_an_account_is_read_as_it_was_made(store: Store) -> None:
    made = Account(
        id="acme",
        name="Acme",
        plan=Plan.MINUTES,
        day_budget=10,
        day_free=10,
        from_numbers=("+56222222222",),
        countries=("CL", "AR"),
        policy="default",
        policy_overrides={"attempts_a_day": 2},
        override_because="asked for",
        price_micros_per_minute=1,
    )
    accounts.create_account(store, made, now=NOW)
    assert now_of(store) == made


def test_a_limit_that_does_not_exist_is_never_used_up(store: Store) -> None:
    assert NO_LIMIT > 10**9 * 10**5
    assert NO_LIMIT < 2**53, "exact in every number that JSON and JavaScript know"
