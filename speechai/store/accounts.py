"""Accounts: one document each, from which a call takes its money, its line and its place in the day by one write.

What is reserved stands in the document itself under the attempt's id, and so does every movement of money until it is
in the ledger: so each of reserve, settle and release is one conditional write on one document, and whatever dies in
between is done again by the same call or by the sweep. Called by `speechai.operation.accounts`.
"""

from __future__ import annotations

from datetime import date, datetime

from pymongo.errors import DuplicateKeyError

from speechai.core.accounts import MAIN, Account, AccountStatus, Plan, Reservation, why_not
from speechai.errors import NotAllowed, NotFound
from speechai.store import ledger
from speechai.store.account_documents import account_document, account_from, reservation_from, room
from speechai.store.connection import Document, Store
from speechai.store.ledger import Entry, Kind


def create_account(store: Store, account: Account, *, now: datetime) -> None:
    """Stores a new account without money. Raises NotAllowed where the id is taken."""
    try:
        store.accounts.insert_one(account_document(account, now))
    except DuplicateKeyError:
        raise NotAllowed(f"there is an account {account.id!r} already: change it with `account set`") from None


def ensure_main(store: Store, *, now: datetime) -> None:
    """The account `main`, on the unlimited plan, exists. Repeatable; an existing one is left as it is."""
    fresh = account_document(Account(id=MAIN, name="Main account", plan=Plan.UNLIMITED), now)
    store.accounts.update_one({"_id": MAIN}, {"$setOnInsert": fresh}, upsert=True)


def get_account(store: Store, account_id: str) -> Account | None:
    """The account as it is now; None for one that does not exist."""
    document = store.accounts.find_one({"_id": account_id})
    return account_from(document) if document else None


def require(store: Store, account_id: str) -> Account:
    """The account as it is now. Raises NotFound."""
    account = get_account(store, account_id)
    if account is None:
        raise NotFound(f"there is no account {account_id!r}: `speechai account list` shows them")
    return account


def list_accounts(store: Store) -> list[Account]:
    """All accounts by id."""
    return [account_from(document) for document in store.accounts.find().sort("_id", 1)]


def set_batch_budget(store: Store, account_id: str, batch_id: str, most: int | None) -> None:
    """The batch's calls may cost its account `most` from now on; a changed budget keeps what is spent counted.

    Repeatable. A batch without a budget has no entry, and what it spent before it gets one is not counted.
    """
    while True:
        account = require(store, account_id)
        known = account.budgets.get(batch_id)
        place = f"budgets.{batch_id}"
        if most == (known.most if known else None):
            return
        if known is None:
            expected: Document = {place: {"$exists": False}}
            change: Document = {"$set": {place: {"most": most, "free": room(most)}}, "$inc": {"revision": 1}}
        else:
            expected = {f"{place}.most": known.most}
            moved = room(most) - room(known.most)
            change = {"$set": {f"{place}.most": most}, "$inc": {f"{place}.free": moved, "revision": 1}}
        if store.accounts.update_one({"_id": account_id, **expected}, change).modified_count == 1:
            return


def reserve(
    store: Store,
    account_id: str,
    attempt_id: str,
    *,
    amount: int,
    batch_id: str,
    on: date,
    now: datetime,
    seen: Account | None = None,
) -> bool:
    """Takes `amount`, a line and a place in the day `on` (of TIMEZONE) for one call, all of it or nothing.

    False where the account forbids it at this moment (`why_not` says why) or does not exist. `seen` is the account as
    the caller read it and spares a reading; the write asks for itself. A second call with the same attempt id finds
    it reserved.
    """
    account = seen or get_account(store, account_id)
    while account is not None:
        if attempt_id in account.reservations:
            return True
        if account.day_on is None or account.day_on < on:
            _open_day(store, account, on)
        elif _reserve(store, account, attempt_id, amount, batch_id, now):
            return True
        account = get_account(store, account_id)
        if account is not None and attempt_id not in account.reservations:
            denied = why_not(account, amount=amount, batch_id=batch_id, on=on, next_day_at=now, soon_at=now)
            if denied is not None:
                return False
        # Nothing forbids it now: the day was opened, a limit was changed, or something came back since the write.
    return False


def _reserve(store: Store, seen: Account, attempt_id: str, amount: int, batch_id: str, now: datetime) -> bool:
    on, budgeted = seen.day_on.isoformat() if seen.day_on else None, batch_id in seen.budgets
    expected: Document = {
        "_id": seen.id,
        "status": AccountStatus.ACTIVE.value,
        "plan": seen.plan.value,
        "day_on": on,
        "day_free": {"$gte": amount},
        "calls_free": {"$gte": 1},
        "lines_free": {"$gte": 1},
        f"reservations.{attempt_id}": {"$exists": False},
    }
    changes: Document = {
        "reserved": amount, "free": -amount, "day_free": -amount, "calls_free": -1, "lines_free": -1, "revision": 1,
    }  # fmt: skip
    if seen.plan is not Plan.UNLIMITED:
        expected["free"] = {"$gte": amount}
    if budgeted:
        expected[f"budgets.{batch_id}.free"] = {"$gte": amount}
        changes[f"budgets.{batch_id}.free"] = -amount
    else:
        expected[f"budgets.{batch_id}"] = {"$exists": False}
    reservation: Document = {
        "amount": amount, "at": now, "on": on, "batch_id": batch_id, "holds_line": True, "in_batch_budget": budgeted,
    }  # fmt: skip
    changed = store.accounts.update_one(
        expected, {"$inc": changes, "$set": {f"reservations.{attempt_id}": reservation}}
    )
    return changed.modified_count == 1


def _open_day(store: Store, account: Account, on: date) -> None:
    """Fills the day's counters for `on`; only from the day and the limits that were read, so that it happens once.

    Calls that are still live belong to the day on which they were reserved. The day never goes back: a host whose
    clock is behind counts on the later day, and one whose clock is ahead opens no second budget when its day comes.
    """
    store.accounts.update_one(
        {
            "_id": account.id,
            "day_on": account.day_on.isoformat() if account.day_on else None,
            "day_budget": account.day_budget,
            "calls_a_day": account.calls_a_day,
        },
        {
            "$set": {
                "day_on": on.isoformat(),
                "day_free": room(account.day_budget),
                "calls_free": room(account.calls_a_day),
            },
            "$inc": {"revision": 1},
        },
    )


def free_line(store: Store, account_id: str, attempt_id: str) -> bool:
    """The call is over and its line free; its money stays reserved until it is settled. False where it was free."""
    held = f"reservations.{attempt_id}.holds_line"
    changed = store.accounts.update_one(
        {"_id": account_id, held: True}, {"$set": {held: False}, "$inc": {"lines_free": 1, "revision": 1}}
    )
    return changed.modified_count == 1


def reservations(store: Store, account_id: str) -> dict[str, Reservation]:
    """What is reserved, by attempt id."""
    document = store.accounts.find_one({"_id": account_id}, {"reservations": 1})
    return {key: reservation_from(one) for key, one in document["reservations"].items()} if document else {}


def settle(
    store: Store,
    account_id: str,
    attempt_id: str,
    *,
    cost: int,
    on: date,
    now: datetime,
    note: str = "",
    batch_id: str | None = None,
    estimated: bool = False,
    seen: Account | None = None,
) -> bool:
    """Charges a call that is over: `cost` off the balance, its reservation and its line back. True where it did.

    A second call charges nothing. A call that lost its reservation (the sweep took it for dead, or it was settled at
    no cost before its cost was known) is charged all the same, on the day `on` and to the batch `batch_id`. A cost
    above the reservation may take the balance below zero. An `estimated` one is put right by `ledger.correct`. `seen`
    is the account as the caller read it and spares a reading. Raises NotFound.
    """
    entry = Entry(
        account_id=account_id,
        key=ledger.settle_key(attempt_id),
        kind=Kind.SETTLE,
        amount=-cost,
        at=now,
        note=note,
        attempt_id=attempt_id,
        batch_id=batch_id,
        estimated=estimated,
    )
    closed = _close(store, account_id, attempt_id, entry=entry if cost else None, seen=seen)
    if closed or cost == 0:
        return closed
    return ledger.move(store, entry, on=on)


def release(
    store: Store, account_id: str, attempt_id: str, *, call_happened: bool = False, seen: Account | None = None
) -> bool:
    """Gives back what the attempt reserved; also its place in the day's calls, unless a call happened at no cost.

    False where it holds nothing (any more): a second release, or one after the settling, changes nothing.
    """
    return _close(store, account_id, attempt_id, entry=None, count_back=not call_happened, seen=seen)


def _close(
    store: Store,
    account_id: str,
    attempt_id: str,
    *,
    entry: Entry | None,
    count_back: bool = False,
    seen: Account | None = None,
) -> bool:
    """Ends a reservation by one write; what of it belongs to the day and to the batch goes back there."""
    place, cost = f"reservations.{attempt_id}", -entry.amount if entry else 0
    account = seen if seen and attempt_id in seen.reservations else require(store, account_id)
    while attempt_id in account.reservations:
        held = account.reservations[attempt_id]
        back: Document = {
            "balance": -cost, "reserved": -held.amount, "free": held.amount - cost, "revision": 1,
            "lines_free": int(held.holds_line),
        }  # fmt: skip
        if account.day_on == held.on:
            back |= {"day_free": held.amount - cost, "calls_free": int(count_back)}
        if held.in_batch_budget:
            back[f"budgets.{held.batch_id}.free"] = held.amount - cost
        change: Document = {"$inc": back, "$unset": {place: ""}}
        if entry is not None:
            change["$push"] = {"outbox": {**entry.document, "batch_id": held.batch_id, "reserved": held.amount}}
        # The two things that the write depends on: the line may be freed and the day may turn after the reading.
        day_on = account.day_on.isoformat() if account.day_on else None
        expected = {"_id": account_id, "day_on": day_on, f"{place}.holds_line": held.holds_line}
        if store.accounts.update_one(expected, change).modified_count == 1:
            if entry is not None:
                ledger.flush(store, account_id, [change["$push"]["outbox"]])
            return True
        account = require(store, account_id)
    return False
