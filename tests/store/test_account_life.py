"""The life of an account and its ledger, with processes that die between any two writes and messages that come twice.

Hypothesis plays the workers and the operator. Every step goes over a store that may die in front of any of its writes;
a plain model in memory, which shares no code with the product, says what the account may look like then: as before, or
as after any of the step's writes. Whatever died is done again, by the same message or by the sweep. After every step
the balance is the sum of the ledger and the outbox, and what is free is the balance without what is reserved.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from speechai.core.accounts import Account, Plan
from speechai.store import account_changes, accounts, ledger
from speechai.store.connection import Store
from tests.flow.mortal import Died, Fuse, die, mortal_store
from tests.store.making import DAY, NOW
from tests.store.money import attempt, new_account, pay_in, whole

amounts = st.integers(0, 60)
limits = st.none() | st.integers(0, 150)
few = st.none() | st.integers(0, 4)
deaths = st.none() | st.integers(1, 4)
"""In front of which write the process dies, if it does."""
batches = st.sampled_from(["b", "unlimited"])


@dataclass
class Held:
    amount: int
    on: date
    batch_id: str
    in_budget: bool
    line: bool = True


@dataclass
class Model:
    """What the account has to be."""

    plan: Plan
    balance: int = 0
    day_on: date | None = None
    day_budget: int | None = None
    day_used: int = 0
    calls_a_day: int | None = None
    calls_used: int = 0
    concurrency: int | None = None
    suspended_by: str | None = None
    budget: int | None = None
    """Of the batch `b`; None before it has one."""
    budget_used: int = 0
    held: dict[int, Held] = field(default_factory=dict)
    charged: dict[int, tuple[int, bool]] = field(default_factory=dict)
    corrected: set[int] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    @property
    def reserved(self) -> int:
        return sum(one.amount for one in self.held.values())

    @property
    def lines(self) -> int:
        return sum(one.line for one in self.held.values())

    def view(self) -> dict[str, Any]:
        """What of it can be read from an account."""
        return {
            "balance": self.balance,
            "free": self.balance - self.reserved,
            "day_on": self.day_on,
            "day_free": None if self.day_budget is None else self.day_budget - self.day_used,
            "calls_free": None if self.calls_a_day is None else self.calls_a_day - self.calls_used,
            "lines_free": None if self.concurrency is None else self.concurrency - self.lines,
            "batch_free": None if self.budget is None else self.budget - self.budget_used,
            "held": {number: (one.amount, one.line) for number, one in self.held.items()},
            "suspended_by": self.suspended_by,
        }

    def open_day(self, on: date) -> None:
        if self.day_on is None or self.day_on < on:
            self.day_on, self.day_used, self.calls_used = on, 0, 0

    def reserve(self, number: int, amount: int, batch_id: str) -> None:
        fits = (
            self.suspended_by is None
            and (self.plan is Plan.UNLIMITED or self.balance - self.reserved >= amount)
            and (self.day_budget is None or self.day_budget - self.day_used >= amount)
            and (self.calls_a_day is None or self.calls_a_day > self.calls_used)
            and (self.concurrency is None or self.concurrency > self.lines)
            and (batch_id != "b" or self.budget is None or self.budget - self.budget_used >= amount)
        )
        if number in self.held or not fits:
            return
        assert self.day_on is not None
        budgeted = batch_id == "b" and self.budget is not None
        self.held[number] = Held(amount, self.day_on, batch_id, budgeted)
        self.day_used += amount
        self.calls_used += 1
        if budgeted:
            self.budget_used += amount

    def close(self, number: int, cost: int, *, counts: bool) -> None:
        one = self.held.pop(number)
        self.balance -= cost
        if one.on == self.day_on:
            self.day_used += cost - one.amount
            self.calls_used -= not counts
        if one.in_budget:
            self.budget_used += cost - one.amount

    def late(self, on: date, batch_id: str, cost: int) -> None:
        """A cost that no reservation waits for."""
        self.balance -= cost
        if on == self.day_on:
            self.day_used += cost
        if batch_id == "b" and self.budget is not None:
            self.budget_used += cost

    def settle(self, number: int, on: date, batch_id: str, cost: int, estimated: bool) -> None:
        if number in self.held:
            self.close(number, cost, counts=True)
        elif cost and number not in self.charged:
            self.late(on, batch_id, cost)
        else:
            return
        if cost:
            self.charged[number] = (cost, estimated)

    def correct(self, number: int, on: date, batch_id: str, cost: int) -> None:
        charge, estimated = self.charged.get(number, (0, False))
        if estimated and charge != cost and number not in self.corrected:
            self.late(on, batch_id, cost - charge)
            self.corrected.add(number)


Change = Callable[[Model], object]


class AccountLife(RuleBasedStateMachine):
    """`run` does a step of the product and says which writes of it the account may show."""

    store: Store
    ids = count()

    def __init__(self) -> None:
        super().__init__()
        self.fuse = Fuse()
        self.mortal = mortal_store(self.store, self.fuse)
        self.on = DAY
        self.calls: dict[int, tuple[date, str]] = {}
        """Every attempt that reserved: its day and its batch."""
        self.sent: list[tuple[Callable[[Store], object], list[Change]]] = []
        """Steps about calls; any of them may be sent once more, much later."""

    @initialize(plan=st.sampled_from(Plan), money=st.integers(0, 200), day=limits, calls=few, lines=few)
    def make(self, plan: Plan, money: int, day: int | None, calls: int | None, lines: int | None) -> None:
        self.account_id = f"acme{next(self.ids)}"
        new_account(
            self.store, self.account_id, money=money, plan=plan, day_budget=day, calls_a_day=calls, concurrency=lines
        )
        self.model = Model(plan=plan, balance=money, day_budget=day, calls_a_day=calls, concurrency=lines)

    def run(self, step: Callable[[Store], object], changes: list[Change], nth: int | None) -> None:
        """Does `step`, which changes the account like `changes`, one after another; where it dies, it is done again."""
        states = [self.model]
        for change in changes:
            states.append(deepcopy(states[-1]))
            change(states[-1])
        if nth is not None:
            self.fuse.arm(nth, die)
            try:
                step(self.mortal)
            except Died:
                seen = self.seen()
                assert seen in [state.view() for state in states], "half of a write"
                self.check_the_books()
            self.fuse.disarm()
        step(self.mortal)
        self.model = states[-1]

    def send(self, step: Callable[[Store], object], changes: list[Change], nth: int | None) -> None:
        self.run(step, changes, nth)
        self.sent.append((step, changes))

    def read(self) -> Account:
        return accounts.require(self.store, self.account_id)

    def seen(self) -> dict[str, Any]:
        one = self.read()
        return {
            "balance": one.balance,
            "free": one.free,
            "day_on": one.day_on,
            "day_free": one.day_free,
            "calls_free": one.calls_free,
            "lines_free": one.lines_free,
            "batch_free": one.budgets["b"].free if "b" in one.budgets else None,
            "held": {int(key): (held.amount, held.holds_line) for key, held in one.reservations.items()},
            "suspended_by": one.suspended_by,
        }

    def check_the_books(self) -> None:
        whole(self.store, self.account_id)

    @rule(amount=amounts, batch_id=batches, nth=deaths)
    def reserve(self, amount: int, batch_id: str, nth: int | None) -> None:
        number, on = len(self.calls) + 1, self.on
        self.run(
            lambda store: accounts.reserve(
                store, self.account_id, attempt(number), amount=amount, batch_id=batch_id, on=on, now=NOW
            ),
            [lambda model: model.open_day(on), lambda model: model.reserve(number, amount, batch_id)],
            nth,
        )
        if number in self.model.held:
            self.calls[number] = (on, batch_id)

    def chosen(self, data: st.DataObject) -> tuple[int, date, str]:
        """Any call, more often one that is still live."""
        live = list(self.model.held)
        prefers_live: bool = data.draw(st.booleans())
        number: int = data.draw(st.sampled_from(live if live and prefers_live else list(self.calls)))
        return number, *self.calls[number]

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), nth=deaths)
    def free_a_line(self, data: st.DataObject, nth: int | None) -> None:
        number, _, _ = self.chosen(data)

        def change(model: Model) -> None:
            if number in model.held:
                model.held[number].line = False

        self.send(lambda store: accounts.free_line(store, self.account_id, attempt(number)), [change], nth)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), cost=amounts, estimated=st.booleans(), nth=deaths)
    def settle(self, data: st.DataObject, cost: int, estimated: bool, nth: int | None) -> None:
        number, on, batch_id = self.chosen(data)
        self.send(
            lambda store: accounts.settle(
                store, self.account_id, attempt(number), cost=cost, on=on, now=NOW, batch_id=batch_id,
                estimated=estimated,
            ),
            [lambda model: model.settle(number, on, batch_id, cost, estimated)],
            nth,
        )  # fmt: skip

    @precondition(lambda self: self.model.charged)
    @rule(data=st.data(), cost=amounts, nth=deaths)
    def correct(self, data: st.DataObject, cost: int, nth: int | None) -> None:
        number = data.draw(st.sampled_from(list(self.model.charged)))
        on, batch_id = self.calls[number]
        self.send(
            lambda store: ledger.correct(store, self.account_id, attempt(number), cost=cost, on=on, now=NOW),
            [lambda model: model.correct(number, on, batch_id, cost)],
            nth,
        )

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), happened=st.booleans(), nth=deaths)
    def release(self, data: st.DataObject, happened: bool, nth: int | None) -> None:
        number, _, _ = self.chosen(data)

        def change(model: Model) -> None:
            if number in model.held:
                model.close(number, 0, counts=happened)

        self.send(
            lambda store: accounts.release(store, self.account_id, attempt(number), call_happened=happened),
            [change],
            nth,
        )

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), nth=deaths)
    def a_message_comes_again(self, data: st.DataObject, nth: int | None) -> None:
        step, changes = data.draw(st.sampled_from(self.sent))
        self.run(step, changes, nth)

    @rule(amount=amounts, key=st.sampled_from("abc"), nth=deaths)
    def top_up(self, amount: int, key: str, nth: int | None) -> None:
        def change(model: Model) -> None:
            if key not in model.keys:
                model.balance += amount
                model.keys.add(key)

        self.run(lambda store: pay_in(store, amount, key=key, account_id=self.account_id), [change], nth)

    @rule(most=st.integers(0, 150), nth=deaths)
    def give_the_batch_a_budget(self, most: int, nth: int | None) -> None:
        self.run(
            lambda store: accounts.set_batch_budget(store, self.account_id, "b", most),
            [lambda model: setattr(model, "budget", most)],
            nth,
        )

    @rule(day=limits, calls=few, lines=few, nth=deaths)
    def change_the_limits(self, day: int | None, calls: int | None, lines: int | None, nth: int | None) -> None:
        changes = {"day_budget": day, "calls_a_day": calls, "concurrency": lines}

        def change(model: Model) -> None:
            for name, limit in changes.items():
                setattr(model, name, limit)

        self.run(
            lambda store: account_changes.set_limits(store, self.account_id, changes, by="me", now=NOW), [change], nth
        )

    @rule(needed=amounts, nth=deaths)
    def find_no_credit(self, needed: int, nth: int | None) -> None:
        def change(model: Model) -> None:
            poor = model.plan is not Plan.UNLIMITED and not model.reserved and model.balance < needed
            if poor and model.suspended_by is None:
                model.suspended_by = "no_credit"

        self.run(
            lambda store: account_changes.suspend_without_credit(
                store, self.account_id, needed=needed, reason="empty", now=NOW
            ),
            [change],
            nth,
        )

    @precondition(lambda self: self.model.suspended_by)
    @rule()
    def resume(self) -> None:
        account_changes.resume(self.store, self.account_id, by="me", why="test", now=NOW)
        self.model.suspended_by = None

    @rule()
    def the_day_turns(self) -> None:
        self.on += timedelta(days=1)

    @rule()
    def sweep(self) -> None:
        ledger.flush_outbox(self.store, self.account_id)

    @invariant()
    def the_account_is_as_the_model_says_and_the_books_agree(self) -> None:
        if not hasattr(self, "model"):
            return
        assert self.seen() == self.model.view()
        self.check_the_books()

    def teardown(self) -> None:
        """When nothing is live nothing is reserved, and the ledger alone has the balance (law 7)."""
        if not hasattr(self, "model"):
            return
        for number in list(self.model.held):
            self.run(lambda store, n=number: accounts.release(store, self.account_id, attempt(n)), [], None)  # type: ignore[misc]
        ledger.flush_outbox(self.store, self.account_id)
        document = self.store.accounts.find_one({"_id": self.account_id})
        assert document is not None
        assert (document["reserved"], document["outbox"], document["reservations"]) == (0, [], {})
        assert sum(entry.amount for entry in ledger.entries_of(self.store, self.account_id)) == document["balance"]


def test_money_is_right_through_every_life_of_an_account_with_deaths_and_repeated_messages(store: Store) -> None:
    AccountLife.store = store
    run_state_machine_as_test(
        AccountLife,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
