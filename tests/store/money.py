"""One account, `acme`, for the tests of money: its steps in a word each, and what has to be true after every one."""

from __future__ import annotations

from datetime import date
from typing import Any

from speechai.core.accounts import Account, Plan, SuspendedBy
from speechai.store import account_changes, accounts, ledger
from speechai.store.account_documents import COUNTERS, room
from speechai.store.connection import Store
from speechai.store.ledger import Entry, Kind
from tests.store.making import DAY, NOW


def attempt(number: int) -> str:
    """The id of an attempt, as long as a real one. All digits: a path of MongoDB must not take it for a place."""
    return f"{number:032}"


def new_account(
    store: Store,
    account_id: str = "acme",
    *,
    money: int = 0,
    plan: Plan = Plan.CREDIT,
    batch: int | None = None,
    suspended: bool = False,
    **limits: Any,
) -> None:
    """An account with `money`, and a budget for its batch `b`."""
    accounts.create_account(store, Account(id=account_id, name="Acme", plan=plan, **limits), now=NOW)
    if money:
        pay_in(store, money, key="first", account_id=account_id)
    if batch is not None:
        accounts.set_batch_budget(store, account_id, "b", batch)
    if suspended:
        account_changes.suspend(store, account_id, reason="test", by=SuspendedBy.OPERATOR, now=NOW)


def pay_in(store: Store, amount: int, *, key: str, account_id: str = "acme") -> bool:
    """A top-up."""
    return ledger.move(
        store, Entry(account_id=account_id, key=f"topup:{key}", kind=Kind.TOP_UP, amount=amount, at=NOW, by="me")
    )


def reserve(store: Store, number: int, *, amount: int, on: date = DAY, batch_id: str = "b") -> bool:
    """A reservation for the attempt `number`."""
    return accounts.reserve(store, "acme", attempt(number), amount=amount, batch_id=batch_id, on=on, now=NOW)


def settle(store: Store, number: int, *, cost: int, on: date = DAY, estimated: bool = False) -> bool:
    """The settling of a call of batch `b`."""
    return accounts.settle(store, "acme", attempt(number), cost=cost, on=on, now=NOW, batch_id="b", estimated=estimated)


def release(store: Store, number: int) -> bool:
    """The release of an attempt that became no call."""
    return accounts.release(store, "acme", attempt(number))


def now_of(store: Store, account_id: str = "acme") -> Account:
    """The account as it is."""
    return accounts.require(store, account_id)


def whole(store: Store, account_id: str = "acme") -> None:
    """Law 7 on one account document: what is held agrees with what is counted, and the balance with the ledger."""
    document = store.accounts.find_one({"_id": account_id})
    assert document
    held = document["reservations"].values()
    assert document["free"] == document["balance"] - document["reserved"]
    assert document["reserved"] == sum(one["amount"] for one in held)
    assert document["lines_free"] == room(document["concurrency"]) - sum(one["holds_line"] for one in held)
    numbers = [document[name] for name in ("balance", "reserved", "free", *COUNTERS.values())]
    numbers += [budget["free"] for budget in document["budgets"].values()]
    assert all(isinstance(number, int) for number in numbers), "no float ever"
    balance_and_sum = ledger.books(store, account_id)
    assert balance_and_sum == (document["balance"], document["balance"])
    assert all(isinstance(entry.amount, int) for entry in ledger.entries_of(store, account_id))
