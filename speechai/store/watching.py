"""What is, read for the metrics: each question is bounded by an index, never by the size of the database.

Enters a store and instants; leaves plain figures. Called at every scrape by `speechai.operation.watching`, so what is
asked here may be asked every few seconds. How many contacts wait is not among it: nothing counts them, and to count is
to read them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from speechai.core.accounts import AccountStatus, Plan
from speechai.core.model import AttemptState, JobStatus
from speechai.store.connection import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAttempts:
    """The attempts in one open state."""

    state: AttemptState
    count: int
    oldest_at: datetime | None
    """When the oldest of them was recorded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """An account's money, in its own unit."""

    id: str
    plan: Plan
    is_active: bool
    balance: int
    reserved: int
    outbox_since: datetime | None
    """The oldest movement that the ledger does not have yet."""


def oldest_due(store: Store, batch_ids: Iterable[str], now: datetime) -> datetime | None:
    """Since when the longest waiting due job of these batches is due. Index `due`."""
    found = [
        document["next_attempt_at"]
        for batch_id in batch_ids
        for document in store.jobs.find(
            {"batch_id": batch_id, "status": JobStatus.PENDING, "admitted": True, "next_attempt_at": {"$lte": now}},
            {"next_attempt_at": 1},
            sort=[("next_attempt_at", 1)],
            limit=1,
        )
    ]
    return min(found, default=None)


def open_attempts(store: Store) -> list[OpenAttempts]:
    """The attempts of each open state: about as many as there are lines. Index `waits_whose_message_was_lost`."""
    found = []
    for state in AttemptState:
        if state.is_open:
            placed = [one["placing_at"] for one in store.attempts.find({"state": state}, {"placing_at": 1})]
            found.append(OpenAttempts(state=state, count=len(placed), oldest_at=min(placed, default=None)))
    return found


def account_figures(store: Store, limit: int) -> list[AccountFigures]:
    """The first `limit` accounts by id."""
    wanted = {"plan": 1, "status": 1, "balance": 1, "reserved": 1, "outbox.at": 1}
    return [
        AccountFigures(
            id=document["_id"],
            plan=Plan(document["plan"]),
            is_active=document["status"] == AccountStatus.ACTIVE,
            balance=document["balance"],
            reserved=document["reserved"],
            outbox_since=min((entry["at"] for entry in document["outbox"]), default=None),
        )
        for document in store.accounts.find({}, wanted).sort("_id", 1).limit(limit)
    ]


def resting_callers(store: Store, now: datetime) -> tuple[int, int]:
    """How many caller numbers rest at `now`, and how many are known."""
    until = [document.get("rested_until") for document in store.callers.find({}, {"rested_until": 1})]
    return sum(1 for at in until if at is not None and at > now), len(until)
