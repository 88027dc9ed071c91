"""Follow-up actions: one document for each (attempt, action), with every try to deliver it.

Its `_id` is made of both and goes to the receiver as the idempotency key, so an action is noted once and delivered
under one key however often either is repeated. A try is taken by moving its number on, with a time by which it is over;
an action whose worker died is therefore found again by its time, the only question asked of the whole collection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from speechai.core.model import Attempt
from speechai.store.connection import Document, Store
from speechai.store.jobs import insert_missing


class ActionState(StrEnum):
    """Life of one follow-up. All but `waiting` are final."""

    WAITING = "waiting"
    """To be delivered, at `next_try_at`."""
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up: the receiver refused it for good, or for too long."""
    KEPT = "kept"
    """There was no receiver when it was noted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One follow-up to deliver. `payload` is JSON-able and never changes once it is noted."""

    id: str
    attempt_id: str
    account_id: str
    name: str
    state: ActionState
    payload: Mapping[str, Any]
    noted_at: datetime
    number: int
    """Tries that were begun."""
    next_try_at: datetime | None
    """When the next try is due or, while one runs, when that one counts as lost."""


def action_id(attempt_id: str, name: str) -> str:
    """The key of an action, in the database and at the receiver."""
    return f"{attempt_id}|{name}"


def note_actions(
    store: Store, attempt: Attempt, names: Sequence[str], payload: Mapping[str, Any], *, now: datetime, deliver: bool
) -> list[str]:
    """Notes one action a name and returns the ids of those that are new; actions that are there already are left alone.

    `deliver` False keeps them without delivering them. An attempt without a call gets none (law 8): nothing happened
    that anything could follow from.
    """
    if attempt.call_id is None:
        return []
    documents = [_document(attempt, name, payload, now=now, deliver=deliver) for name in dict.fromkeys(names)]
    known = set(insert_missing(store.actions, documents))
    return [document["_id"] for document in documents if document["_id"] not in known]


def get_action(store: Store, action_id: str) -> Action | None:
    """The action, or None."""
    document = store.actions.find_one({"_id": action_id})
    return _action(document) if document else None


def begin_try(store: Store, action_id: str, number: int, *, until: datetime) -> bool:
    """Takes try `number` (from 0), which is over by `until`: True for one caller; a doubled message gets False."""
    result = store.actions.update_one(
        {"_id": action_id, "state": ActionState.WAITING, "number": number},
        {"$set": {"number": number + 1, "next_try_at": until}},
    )
    return result.modified_count == 1


def note_delivered(store: Store, action_id: str, number: int, *, at: datetime, answer: str) -> bool:
    """The receiver has it: final, also where a slow try is answered after its time and another has begun."""
    result = store.actions.update_one(
        {"_id": action_id, "state": ActionState.WAITING},
        {
            "$set": {"state": ActionState.DELIVERED, "delivered_at": at, "next_try_at": None},
            "$push": _try(number, at, answer),
        },
    )
    return result.modified_count == 1


def note_failed(store: Store, action_id: str, number: int, *, at: datetime, answer: str, next_try_at: datetime) -> bool:
    """Try `number` failed and another follows; False where another has begun meanwhile, or the action is over."""
    result = store.actions.update_one(
        {"_id": action_id, "state": ActionState.WAITING, "number": number + 1},
        {"$set": {"next_try_at": next_try_at}, "$push": _try(number, at, answer)},
    )
    return result.modified_count == 1


def note_dead(store: Store, action_id: str, number: int, *, at: datetime, answer: str, why: str) -> bool:
    """Gives the action up after try `number`; False where another try has begun meanwhile, or the action is over."""
    result = store.actions.update_one(
        {"_id": action_id, "state": ActionState.WAITING, "number": number + 1},
        {
            "$set": {"state": ActionState.DEAD, "dead_at": at, "why": why, "next_try_at": None},
            "$push": _try(number, at, answer),
        },
    )
    return result.modified_count == 1


def overdue_actions(store: Store, now: datetime, limit: int) -> list[Action]:
    """Actions whose next try is due, or whose last try was lost; the longest waiting first. Index `due_actions`."""
    cursor = store.actions.find(
        {"state": ActionState.WAITING, "next_try_at": {"$lte": now}}, sort=[("next_try_at", 1)], limit=limit
    )
    return [_action(document) for document in cursor]


def put_off(store: Store, action_id: str, number: int, *, until: datetime) -> bool:
    """Keeps the next scan from finding the action before `until`; False where a try has begun meanwhile."""
    result = store.actions.update_one(
        {"_id": action_id, "state": ActionState.WAITING, "number": number}, {"$set": {"next_try_at": until}}
    )
    return result.modified_count == 1


def actions_of(store: Store, attempt_id: str) -> list[Document]:
    """The documents of an attempt's actions, as they stand, by name."""
    first, beyond = action_id(attempt_id, ""), f"{attempt_id}}}"  # "}" is the character after "|"
    return list(store.actions.find({"_id": {"$gte": first, "$lt": beyond}}, sort=[("_id", 1)]))


def _document(attempt: Attempt, name: str, payload: Mapping[str, Any], *, now: datetime, deliver: bool) -> Document:
    return {
        "_id": action_id(attempt.id, name),
        "attempt_id": attempt.id,
        "job_id": attempt.job_id,
        "batch_id": attempt.batch_id,
        "account_id": attempt.account_id,
        "name": name,
        "state": ActionState.WAITING if deliver else ActionState.KEPT,
        "payload": dict(payload),
        "noted_at": now,
        "number": 0,
        "next_try_at": now if deliver else None,
        "tries": [],
    }


def _action(document: Document) -> Action:
    return Action(
        id=document["_id"],
        attempt_id=document["attempt_id"],
        account_id=document["account_id"],
        name=document["name"],
        state=ActionState(document["state"]),
        payload=document["payload"],
        noted_at=document["noted_at"],
        number=document["number"],
        next_try_at=document["next_try_at"],
    )


def _try(number: int, at: datetime, answer: str) -> Document:
    return {"tries": {"number": number, "at": at, "answer": answer}}
