"""Changes of an account by an operator or by what happens to it: limits, budgets, suspension. Each is one conditional
write, and remembered in the account's history. Called by `speechai.operation.accounts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from speechai.core.accounts import Account, AccountStatus, Plan, SuspendedBy
from speechai.errors import NotAllowed
from speechai.store.account_documents import COUNTERS, room
from speechai.store.accounts import require
from speechai.store.connection import Document, Store

_HISTORY = 50
"""How many changes an account document remembers."""
_SETTABLE = (
    "name", "plan", "from_numbers", "countries", "policy", "policy_overrides", "override_because",
    "price_micros_per_minute",
)  # fmt: skip


def set_limits(store: Store, account_id: str, changes: Mapping[str, Any], *, by: str, now: datetime) -> Account:
    """Changes limits and settings by field name; returns the account as it is then.

    A changed limit moves its counter by the difference, so what is live or spent stays counted: below zero, nothing
    starts before enough has ended. Raises NotFound, and NotAllowed where the new plan counts in another unit.
    """
    while True:
        account = require(store, account_id)
        plan = Plan(changes.get("plan", account.plan))
        if (plan is Plan.MINUTES) != (account.plan is Plan.MINUTES):
            raise NotAllowed(
                f"the plan {plan} counts in another unit than account {account_id!r}: create a new account"
            )
        limits = {name: changes[name] for name in COUNTERS if name in changes}
        values = {**limits, **{name: changes[name] for name in _SETTABLE if name in changes}}
        expected = {"_id": account_id, "plan": account.plan.value, **{name: getattr(account, name) for name in limits}}
        moved = {COUNTERS[name]: room(limit) - room(getattr(account, name)) for name, limit in limits.items()}
        entry = {"at": now, "by": by, "what": "set", "why": ", ".join(f"{name}={values[name]}" for name in values)}
        changed = store.accounts.update_one(
            expected, {"$set": values, "$inc": {**moved, "revision": 1}, **_remember(entry)}
        )
        if changed.modified_count == 1:
            return require(store, account_id)


def suspend(store: Store, account_id: str, *, reason: str, by: SuspendedBy, now: datetime) -> bool:
    """No further call of the account starts. False where it is suspended already by the same or a stronger hand."""
    weaker = list(SuspendedBy)[: list(SuspendedBy).index(by)]
    return _suspend(store, account_id, {"suspended_by": {"$in": [None, *weaker]}}, reason, by, 0, now)


def suspend_without_credit(store: Store, account_id: str, *, needed: int, reason: str, now: datetime) -> bool:
    """Suspends an account that cannot reserve `needed` and waits for nothing that would bring it; False for any other.

    The write asks for the credit itself: a top-up that came since the account was read is not overlooked.
    """
    empty = {
        "status": AccountStatus.ACTIVE.value, "plan": {"$in": [Plan.CREDIT.value, Plan.MINUTES.value]},
        "reserved": {"$lte": 0}, "free": {"$lt": needed},
    }  # fmt: skip
    return _suspend(store, account_id, empty, reason, SuspendedBy.NO_CREDIT, needed, now)


def _suspend(
    store: Store, account_id: str, expected: Document, reason: str, by: SuspendedBy, needed: int, now: datetime
) -> bool:
    state = {
        "status": AccountStatus.SUSPENDED.value, "reason": reason, "suspended_by": by.value, "needed": needed,
    }  # fmt: skip
    entry = {"at": now, "by": by.value, "what": "suspended", "why": reason}
    changed = store.accounts.update_one(
        {"_id": account_id, **expected}, {"$set": state, "$inc": {"revision": 1}, **_remember(entry)}
    )
    return changed.modified_count == 1


def resume(store: Store, account_id: str, *, by: str, why: str, now: datetime) -> bool:
    """Calls may start again, whoever suspended the account. False where it is active."""
    return _resume(store, {"_id": account_id, "status": AccountStatus.SUSPENDED.value}, by, why, now)


def resume_with_credit(store: Store, account: Account, *, by: str, now: datetime) -> bool:
    """Resumes an account that was suspended for no credit and has enough for a call again; False for any other."""
    expected: Document = {"_id": account.id, "suspended_by": SuspendedBy.NO_CREDIT.value}
    if account.plan is not Plan.UNLIMITED:
        expected |= {"needed": account.needed, "free": {"$gte": max(account.needed, 1)}}
    return _resume(store, expected, by, "there is credit again", now)


def _resume(store: Store, expected: Document, by: str, why: str, now: datetime) -> bool:
    state = {"status": AccountStatus.ACTIVE.value, "reason": None, "suspended_by": None, "needed": 0}
    entry = {"at": now, "by": by, "what": "resumed", "why": why}
    changed = store.accounts.update_one(expected, {"$set": state, "$inc": {"revision": 1}, **_remember(entry)})
    return changed.modified_count == 1


def _remember(entry: Document) -> Document:
    return {"$push": {"history": {"$each": [entry], "$slice": -_HISTORY}}}


def history(store: Store, account_id: str) -> list[Document]:
    """The last changes of the account's state and settings, the oldest first: `{at, by, what, why}`."""
    document = store.accounts.find_one({"_id": account_id}, {"history": 1})
    return list(document.get("history", ())) if document else []
