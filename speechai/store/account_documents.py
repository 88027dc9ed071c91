"""How an account is spelled in MongoDB, shared by the store's modules about accounts.

A limit that does not exist counts down from NO_LIMIT, so that every condition of a write is a plain comparison.
"""

from __future__ import annotations

from datetime import date, datetime

from speechai.core.accounts import Account, AccountStatus, BatchBudget, Plan, Reservation, SuspendedBy
from speechai.store.connection import Document
from speechai.store.documents import day

NO_LIMIT = 10**15
"""Where the counter of a limit that does not exist starts: a billion dollars, never used up, exact everywhere."""
COUNTERS = {"day_budget": "day_free", "concurrency": "lines_free", "calls_a_day": "calls_free"}
"""Each limit of an account, and the counter of what is left of it."""


def account_from(document: Document) -> Account:
    """An account from its document; counters of limits that do not exist become None."""
    return Account(
        id=document["_id"],
        name=document["name"],
        plan=Plan(document["plan"]),
        status=AccountStatus(document["status"]),
        reason=document["reason"],
        suspended_by=SuspendedBy(document["suspended_by"]) if document["suspended_by"] else None,
        needed=document["needed"],
        balance=document["balance"],
        reserved=document["reserved"],
        day_on=day(document["day_on"]),
        **{limit: document[limit] for limit in COUNTERS},
        **{free: None if document[limit] is None else document[free] for limit, free in COUNTERS.items()},
        budgets={
            batch_id: BatchBudget(most=one["most"], free=None if one["most"] is None else one["free"])
            for batch_id, one in document["budgets"].items()
        },
        reservations={attempt_id: reservation_from(one) for attempt_id, one in document["reservations"].items()},
        from_numbers=tuple(document["from_numbers"]),
        countries=tuple(document["countries"]),
        policy=document["policy"],
        policy_overrides=document["policy_overrides"],
        override_because=document["override_because"],
        price_micros_per_minute=document["price_micros_per_minute"],
        revision=document["revision"],
    )


def reservation_from(document: Document) -> Reservation:
    """What one live call holds, as it stands under `reservations` in its account."""
    return Reservation(
        amount=document["amount"],
        at=document["at"],
        on=date.fromisoformat(document["on"]),
        batch_id=document["batch_id"],
        holds_line=document["holds_line"],
        in_batch_budget=document["in_batch_budget"],
    )


def account_document(account: Account, now: datetime) -> Document:
    """A new account, active and without money."""
    return {
        "_id": account.id,
        "name": account.name,
        "plan": account.plan.value,
        "status": AccountStatus.ACTIVE.value,
        "reason": None,
        "suspended_by": None,
        "needed": 0,
        "balance": 0,
        "reserved": 0,
        "free": 0,
        "day_on": None,
        **{limit: getattr(account, limit) for limit in COUNTERS},
        **{free: room(getattr(account, limit)) for limit, free in COUNTERS.items()},
        "budgets": {},
        "reservations": {},
        "outbox": [],
        "movements": 0,
        "from_numbers": list(account.from_numbers),
        "countries": list(account.countries),
        "policy": account.policy,
        "policy_overrides": dict(account.policy_overrides),
        "override_because": account.override_because,
        "price_micros_per_minute": account.price_micros_per_minute,
        "created_at": now,
        "history": [],
        "revision": 0,
    }


def room(limit: int | None) -> int:
    """Where the counter of `limit` starts."""
    return NO_LIMIT if limit is None else limit
