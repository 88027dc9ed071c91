"""Many workers at one account: never more reserved than is free, never more lines than the limit, no charge twice."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from speechai.core.accounts import AccountStatus
from speechai.store import account_changes, accounts, ledger
from speechai.store.connection import Store
from tests.store.making import DAY, NOW, THREADS, TOMORROW, meanwhile, race
from tests.store.money import attempt, new_account, now_of, pay_in, release, reserve, settle, whole


@pytest.mark.parametrize(
    "limits",
    [
        {"money": 59},
        {"money": 10**6, "day_budget": 59},
        {"money": 10**6, "batch": 59},
        {"money": 10**6, "calls_a_day": 5},
        {"money": 10**6, "concurrency": 5},
    ],
    ids=["credit", "the day's budget", "the batch's budget", "calls a day", "lines"],
)
def test_of_many_calls_that_want_the_last_of_a_limit_only_those_get_it_that_fit(
    store: Store, limits: dict[str, Any]
) -> None:
    new_account(store, **limits)
    taken = race([partial(reserve, store, number, amount=10 + number % 2) for number in range(THREADS)])
    assert taken.count(True) == 5
    assert set(now_of(store).reservations) == {attempt(number) for number, got in enumerate(taken) if got}
    whole(store)


def test_one_attempt_reserves_once_however_many_workers_ask_for_it(store: Store) -> None:
    new_account(store, money=1000, concurrency=20)
    assert reserve(store, 9, amount=1)
    assert all(race([partial(reserve, store, 1, amount=10)] * THREADS))
    assert (now_of(store).reserved, now_of(store).lines_free) == (11, 18)
    whole(store)


def test_a_new_day_that_many_open_has_one_budget(store: Store) -> None:
    new_account(store, money=10**6, day_budget=35)
    assert reserve(store, 99, amount=35)
    taken = race([partial(reserve, store, number, amount=10, on=TOMORROW) for number in range(THREADS)])
    assert taken.count(True) == 3
    assert (now_of(store).day_on, now_of(store).day_free) == (TOMORROW, 5)


def test_a_call_that_reserves_while_the_day_turns_belongs_to_the_new_one(store: Store, mongo_uri: str) -> None:
    new_account(store, money=10**6, day_budget=100)
    assert reserve(store, 9, amount=60)
    with meanwhile(mongo_uri, store, "update", partial(reserve, store, 8, amount=40, on=TOMORROW)) as slow:
        assert reserve(slow, 1, amount=10)
    assert now_of(store).reservations[attempt(1)].on == TOMORROW
    for number in (9, 8, 1):
        release(store, number)
    assert now_of(store).day_free == 100


def test_the_day_that_turns_while_calls_end_is_filled_once_and_keeps_what_belongs_to_it(store: Store) -> None:
    new_account(store, money=10**6, day_budget=100)
    for number in range(6):
        assert reserve(store, number, amount=10)
    endings = [partial(settle, store, number, cost=7) for number in range(6)]
    openings = [partial(reserve, store, 10 + number, amount=10, on=TOMORROW) for number in range(6)]
    assert all(race([*endings, *openings]))
    assert now_of(store).day_free == 40
    assert now_of(store).balance == 10**6 - 42
    whole(store)


def test_of_many_endings_of_one_call_one_charges_it(store: Store) -> None:
    new_account(store, money=100, day_budget=90, batch=80, concurrency=1)
    for number in range(1, 6):
        assert reserve(store, number, amount=5)
        endings = [partial(settle, store, number, cost=3)] * 6 + [partial(release, store, number)] * 5
        race([*endings, partial(accounts.free_line, store, "acme", attempt(number))])
        one = now_of(store)
        # Whoever came first, the call is charged once: a release only gave back what was reserved.
        spent = 3 * number
        assert (one.balance, one.day_free, one.budgets["b"].free) == (100 - spent, 90 - spent, 80 - spent)
        assert (one.reserved, one.lines_free) == (0, 1)
        whole(store)


def test_a_late_cost_that_many_bring_is_charged_once(store: Store) -> None:
    new_account(store, money=100)
    reserve(store, 1, amount=5)
    release(store, 1)
    assert race([partial(settle, store, 1, cost=3)] * THREADS).count(True) == 1
    assert now_of(store).balance == 97
    whole(store)


@pytest.mark.parametrize(
    ("command", "nth"), [("find", 1), ("find", 2), ("find", 3), ("update", 1), ("update", 2), ("insert", 1)]
)
def test_a_late_cost_is_charged_once_wherever_its_double_comes_between(
    store: Store, mongo_uri: str, command: str, nth: int
) -> None:
    new_account(store, money=100)
    with meanwhile(mongo_uri, store, command, partial(settle, store, 1, cost=3), nth=nth) as slow:
        settle(slow, 1, cost=3)
    assert now_of(store).balance == 97
    whole(store)


def test_a_late_cost_of_a_day_that_turns_meanwhile_is_not_taken_from_the_new_one(store: Store, mongo_uri: str) -> None:
    new_account(store, money=100, day_budget=50)
    assert reserve(store, 1, amount=5)
    release(store, 1)
    with meanwhile(mongo_uri, store, "update", partial(reserve, store, 2, amount=10, on=TOMORROW)) as slow:
        assert settle(slow, 1, cost=3)
    assert (now_of(store).balance, now_of(store).day_free) == (97, 40)


def test_of_many_top_ups_under_one_key_one_counts_and_under_many_keys_all(store: Store) -> None:
    new_account(store)
    assert race([partial(pay_in, store, 25, key="receipt 7")] * THREADS).count(True) == 1
    assert all(race([partial(pay_in, store, 25, key=f"receipt {8 + n}") for n in range(THREADS)]))
    assert now_of(store).balance == 25 * (THREADS + 1)
    whole(store)


def test_an_estimate_that_many_correct_is_corrected_once(store: Store) -> None:
    new_account(store, money=100)
    reserve(store, 1, amount=30)
    settle(store, 1, cost=20, estimated=True)
    correct = partial(ledger.correct, store, "acme", attempt(1), cost=13, on=DAY, now=NOW)
    assert race([correct] * THREADS).count(True) == 1
    assert now_of(store).balance == 87
    whole(store)


def test_a_top_up_in_front_of_the_suspension_keeps_the_account_active(store: Store, mongo_uri: str) -> None:
    new_account(store, money=5)
    with meanwhile(mongo_uri, store, "update", partial(pay_in, store, 50, key="r")) as slow:
        account_changes.suspend_without_credit(slow, "acme", needed=10, reason="empty", now=NOW)
    assert now_of(store).status is AccountStatus.ACTIVE


@pytest.mark.parametrize("command", ["find", "update"])
def test_a_limit_changed_while_another_changes_it_moves_the_counter_once_for_each(
    store: Store, mongo_uri: str, command: str
) -> None:
    new_account(store, concurrency=5)

    def change(on: Store, lines: int) -> None:
        account_changes.set_limits(on, "acme", {"concurrency": lines}, by="me", now=NOW)

    with meanwhile(mongo_uri, store, command, partial(change, store, 9)) as slow:
        change(slow, 2)
    assert (now_of(store).concurrency, now_of(store).lines_free) == (2, 2)


def test_a_budget_that_comes_between_the_reading_and_the_reservation_is_kept(store: Store, mongo_uri: str) -> None:
    new_account(store, money=100)
    reserve(store, 9, amount=0)
    with meanwhile(mongo_uri, store, "update", partial(accounts.set_batch_budget, store, "acme", "b", 5)) as slow:
        assert not reserve(slow, 1, amount=6)


class Lines:
    """How many calls are live, as the callers themselves count them."""

    def __init__(self) -> None:
        self.live, self.most, self._lock = 0, 0, threading.Lock()

    def change(self, by: int) -> None:
        with self._lock:
            self.live += by
            self.most = max(self.most, self.live)


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_many_workers_keeps_every_limit_and_ends_with_nothing_reserved(store: Store, seed: int) -> None:
    money, limit = 3_000, 4
    new_account(store, money=money, concurrency=limit, day_budget=2_500, batch=2_000)
    lines, spent, lock = Lines(), [], threading.Lock()

    def work(worker: int) -> None:
        chance = random.Random(seed * 100 + worker)
        for n in range(15):
            number, amount = worker * 1000 + n, chance.randrange(1, 90)
            if not reserve(store, number, amount=amount):
                continue
            lines.change(+1)
            cost = chance.choice([0, chance.randrange(amount + 1)])
            now_of(store)  # the call takes its time
            lines.change(-1)
            if chance.random() < 0.5:
                accounts.free_line(store, "acme", attempt(number))
            if chance.random() < 0.2:
                release(store, number)
                continue
            for _ in range(chance.randrange(1, 3)):
                settle(store, number, cost=cost)
            with lock:
                spent.append(cost)

    def disturb() -> None:
        for n in range(10):
            ledger.flush_outbox(store, "acme")
            account_changes.set_limits(store, "acme", {"calls_a_day": 500 + n}, by="me", now=NOW)
            pay_in(store, 1, key=f"{n // 2}")

    workers: list[Callable[[], None]] = [partial(work, worker) for worker in range(THREADS - 1)]
    race([*workers, disturb])
    one = now_of(store)
    assert lines.most <= limit
    assert one.balance == money + 5 - sum(spent)
    assert (one.reserved, one.reservations, one.lines_free) == (0, {}, limit)
    assert (one.day_free, one.budgets["b"].free) == (2_500 - sum(spent), 2_000 - sum(spent))
    assert min(one.day_free or 0, one.budgets["b"].free or 0) >= 0
    whole(store)
    assert ledger.spent(store, "acme", since=NOW - timedelta(days=1)) == sum(spent)
