"""The ledger: every movement of money, written once and never changed; the sum of an account's entries is its balance.

A movement is one conditional write on the account document, which moves the balance and puts the entry into the
account's outbox; from there it is copied under its unique id and then taken out. Whatever dies in between leaves an
entry in the outbox, and copying it again is harmless. Called by `speechai.store.accounts` and by the operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from speechai.errors import NotFound
from speechai.store.connection import Document, Store
from speechai.store.jobs import insert_missing

_READINGS = 20
"""How often the books of an account that moves are read before it is given up."""


class Kind(StrEnum):
    """What moved the money."""

    TOP_UP = "top_up"
    SETTLE = "settle"
    """A call was charged."""
    CORRECT = "correct"
    """A call that was charged by an estimate has told its cost."""
    ADJUST = "adjust"
    """An operator's correction, with its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement. `amount` is above zero where the balance grows, in the account's unit."""

    account_id: str
    key: str
    """Unique in the account: a second movement under it is none."""
    kind: Kind
    amount: int
    at: datetime
    by: str = ""
    note: str = ""
    attempt_id: str | None = None
    batch_id: str | None = None
    estimated: bool = False
    reserved: int | None = None
    """What the call had reserved; None where nothing was."""

    @property
    def document(self) -> Document:
        """As it stands in the outbox and in the ledger."""
        return {
            "_id": entry_id(self.account_id, self.key),
            "account_id": self.account_id,
            "key": self.key,
            "kind": self.kind.value,
            "amount": self.amount,
            "at": self.at,
            "by": self.by,
            "note": self.note,
            "attempt_id": self.attempt_id,
            "batch_id": self.batch_id,
            "estimated": self.estimated,
            "reserved": self.reserved,
        }


def entry_id(account_id: str, key: str) -> str:
    """The unique id of a movement. An account's id holds no `|`."""
    return f"{account_id}|{key}"


def entry_from(document: Document) -> Entry:
    """A movement from its document."""
    values = {name: value for name, value in document.items() if name != "_id"}
    return Entry(**{**values, "kind": Kind(document["kind"])})


def move(store: Store, entry: Entry, *, on: date | None = None) -> bool:
    """Moves money that no reservation holds: a top-up, an adjustment, a late cost. False where its key has moved.

    With `on` a call's cost counts against that day's budget too, if the day is the account's own; with a `batch_id`
    against the batch's. Of two at once with one key one moves: whoever reads that the ledger lacks the key writes
    only while no other movement has come since (`movements`). Raises NotFound.
    """
    document = entry.document
    while True:
        account = store.accounts.find_one(
            {"_id": entry.account_id}, {"movements": 1, "outbox": 1, "day_on": 1, "budgets": 1}
        )
        if account is None:
            raise NotFound(f"there is no account {entry.account_id!r}: `speechai account list` shows them")
        if any(waiting["_id"] == document["_id"] for waiting in account["outbox"]):
            flush(store, entry.account_id, account["outbox"])
            return False
        # After the account: an entry leaves the outbox only when the ledger has it.
        if store.ledger.find_one({"_id": document["_id"]}, {"_id": 1}):
            return False
        expected: Document = {"_id": entry.account_id, "movements": account["movements"]}
        moved: Document = {"balance": entry.amount, "free": entry.amount, "movements": 1, "revision": 1}
        if on is not None:
            expected["day_on"] = account["day_on"]
            if account["day_on"] == on.isoformat():
                moved["day_free"] = entry.amount
        if entry.batch_id is not None:
            is_budgeted = entry.batch_id in account["budgets"]
            expected[f"budgets.{entry.batch_id}"] = {"$exists": is_budgeted}
            if is_budgeted:
                moved[f"budgets.{entry.batch_id}.free"] = entry.amount
        change: Document = {"$inc": moved, "$push": {"outbox": document}}
        if store.accounts.update_one(expected, change).modified_count == 1:
            flush(store, entry.account_id, [document])
            return True


def settle_key(attempt_id: str) -> str:
    """Under which key a call is charged, once."""
    return f"settle:{attempt_id}"


def correct(store: Store, account_id: str, attempt_id: str, *, cost: int, on: date, now: datetime) -> bool:
    """Puts a call that was charged by an estimate right, once, now that its cost is known. False where it was not."""
    charged = get_entry(store, account_id, settle_key(attempt_id))
    if charged is None or not charged.estimated or charged.amount == -cost:
        return False
    entry = Entry(
        account_id=account_id,
        key=f"correct:{attempt_id}",
        kind=Kind.CORRECT,
        amount=-cost - charged.amount,
        at=now,
        note="the cost is known now",
        attempt_id=attempt_id,
        batch_id=charged.batch_id,
    )
    return move(store, entry, on=on)


def flush(store: Store, account_id: str, entries: Sequence[Document]) -> None:
    """Copies entries of the outbox into the ledger and takes them out; in this order, each repeatable."""
    insert_missing(store.ledger, list(entries))
    ids = [entry["_id"] for entry in entries]
    store.accounts.update_one({"_id": account_id}, {"$pull": {"outbox": {"_id": {"$in": ids}}}})


def flush_outbox(store: Store, account_id: str) -> int:
    """Copies what a process that died has left in the outbox; returns how many entries there were."""
    account = store.accounts.find_one({"_id": account_id}, {"outbox": 1})
    entries = list(account["outbox"]) if account else []
    if entries:
        flush(store, account_id, entries)
    return len(entries)


def get_entry(store: Store, account_id: str, key: str) -> Entry | None:
    """The movement under `key`, also while it waits in the outbox; None where there is none."""
    wanted = entry_id(account_id, key)
    # In this order: an entry that leaves the outbox between the two readings is in the ledger.
    account = store.accounts.find_one({"_id": account_id}, {"outbox": 1})
    waiting = [entry for entry in account["outbox"] if entry["_id"] == wanted] if account else []
    document = waiting[0] if waiting else store.ledger.find_one({"_id": wanted})
    return entry_from(document) if document else None


def entries_of(store: Store, account_id: str, *, since: datetime | None = None) -> list[Entry]:
    """The account's movements, the oldest first, from the instant `since` on."""
    wanted: dict[str, Any] = {"account_id": account_id}
    if since is not None:
        wanted["at"] = {"$gte": since}
    return [entry_from(document) for document in store.ledger.find(wanted).sort([("at", 1), ("_id", 1)])]


def spent(store: Store, account_id: str, *, since: datetime) -> int:
    """What calls have cost the account from `since` on, as an amount above zero."""
    kinds = [Kind.SETTLE.value, Kind.CORRECT.value]
    return -_sum(store, {"account_id": account_id, "at": {"$gte": since}, "kind": {"$in": kinds}})


def books(store: Store, account_id: str) -> tuple[int, int] | None:
    """The account's balance, and the sum of its movements: the same number, or money was lost (law 7).

    None where the account is not there, or moves too fast to be added up at one moment.
    """
    for _ in range(_READINGS):
        account = store.accounts.find_one({"_id": account_id}, {"balance": 1, "outbox": 1, "revision": 1})
        if account is None:
            return None
        waiting = [entry["_id"] for entry in account["outbox"]]
        total = _sum(store, {"account_id": account_id, "_id": {"$nin": waiting}})
        total += sum(entry["amount"] for entry in account["outbox"])
        if store.accounts.find_one({"_id": account_id, "revision": account["revision"]}, {"_id": 1}):
            return account["balance"], total
    return None


def _sum(store: Store, wanted: Document) -> int:
    found = list(store.ledger.aggregate([{"$match": wanted}, {"$group": {"_id": None, "sum": {"$sum": "$amount"}}}]))
    return int(found[0]["sum"]) if found else 0
