"""Attempts (`call_logs`): one document a call, written before the request is sent and never deleted by the product.

Every open attempt has a `next_poll_at`: the instant at which somebody should look at it again. The sweep's one
question (state, next_poll_at) therefore finds every wait whose message was lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from speechai.core.model import Attempt, AttemptState
from speechai.store.connection import Store
from speechai.store.documents import attempt_document, attempt_from

_BEFORE_ALL_CALLS = datetime(2000, 1, 1, tzinfo=UTC)
_BEFORE_ACCEPTED = [AttemptState.PLACING, AttemptState.UNKNOWN]
_BEFORE_ENDED = [AttemptState.PLACING, AttemptState.UNKNOWN, AttemptState.LIVE]
_BEFORE_FINISHED = [AttemptState.PLACING, AttemptState.UNKNOWN, AttemptState.LIVE, AttemptState.ENDED]


def record(store: Store, attempt: Attempt) -> None:
    """Writes the intent. After this, and only after this, a request may be sent."""
    store.attempts.insert_one(attempt_document(attempt))


def get_attempt(store: Store, attempt_id: str) -> Attempt | None:
    """The attempt, or None."""
    document = store.attempts.find_one({"_id": attempt_id})
    return attempt_from(document) if document else None


def accept(store: Store, attempt_id: str, call_id: str, *, at: datetime, next_poll_at: datetime) -> bool:
    """Retell has the call. False where another worker wrote it first."""
    return _move(
        store,
        attempt_id,
        _BEFORE_ACCEPTED,
        {"state": AttemptState.LIVE, "call_id": call_id, "accepted_at": at, "next_poll_at": next_poll_at},
    )


def doubt(store: Store, attempt_id: str, *, next_poll_at: datetime, why: str) -> bool:
    """Whether Retell has the call is not known: it will be looked up at `next_poll_at`."""
    return _move(
        store,
        attempt_id,
        [AttemptState.PLACING],
        {"state": AttemptState.UNKNOWN, "next_poll_at": next_poll_at, "doubt": why},
    )


def move_poll_on(store: Store, attempt_id: str, number: int, *, next_poll_at: datetime) -> bool:
    """Takes poll `number`: True for the one task that may look and schedule the next (a doubled message gets False)."""
    result = store.attempts.update_one(
        {"_id": attempt_id, "poll_number": number, "state": {"$in": _BEFORE_FINISHED}},
        {"$set": {"poll_number": number + 1, "next_poll_at": next_poll_at}},
    )
    return result.modified_count == 1


def touch(store: Store, attempt_id: str, number: int, *, next_poll_at: datetime) -> bool:
    """Puts off the sweep's next look at an overdue attempt; False where the chain has moved on meanwhile."""
    result = store.attempts.update_one(
        {"_id": attempt_id, "poll_number": number, "state": {"$in": _BEFORE_FINISHED}},
        {"$set": {"next_poll_at": next_poll_at}},
    )
    return result.modified_count == 1


def note_stop(store: Store, attempt_id: str, at: datetime) -> None:
    """Remembers that Retell was asked to stop a call that went on too long."""
    store.attempts.update_one({"_id": attempt_id, "stop_asked_at": None}, {"$set": {"stop_asked_at": at}})


def end(
    store: Store,
    attempt_id: str,
    *,
    at: datetime,
    retell: Mapping[str, Any] | None,
    seen: AttemptState | None = None,
) -> bool:
    """The call is over; `retell` is its object as it came, kept whole (None where its end was never told).

    Whoever knows only that nobody told it gives the state that was `seen`: another poll may have found the call since.
    """
    changes: dict[str, Any] = {"state": AttemptState.ENDED, "ended_at": at}
    if retell is not None:
        changes["retell"] = dict(retell)
    states = _BEFORE_ENDED if seen is None else [seen]
    result = store.attempts.update_one(
        {"_id": attempt_id, "state": {"$in": states}}, {"$set": changes, "$inc": {"answers": 1}}
    )
    return result.modified_count == 1


def keep_answer(store: Store, attempt_id: str, retell: Mapping[str, Any], *, analysed: bool) -> None:
    """Replaces the kept object by one that says more: with its analysis, or any where there is none.

    Not once a `finish` has begun to judge: its repetition has to judge the same.
    """
    expected: dict[str, Any] = {"_id": attempt_id, "state": AttemptState.ENDED, "judged_at": None}
    if not analysed:
        expected["retell"] = None
    store.attempts.update_one(expected, {"$set": {"retell": dict(retell)}, "$inc": {"answers": 1}})


def close(store: Store, attempt_id: str, state: AttemptState, result: Mapping[str, Any]) -> bool:
    """Ends the attempt's life as `finished`, `refused` or `abandoned`, with its result. Doing it twice is harmless."""
    return _move(store, attempt_id, _BEFORE_FINISHED, {"state": state, "next_poll_at": None, **result})


def write_result(store: Store, attempt: Attempt, result: Mapping[str, Any], *, at: datetime) -> bool:
    """Writes the result that was judged from the `attempt` as it was read: the first of the writes of `finish`.

    False where it is closed, or another answer was written since; from here on none is.
    """
    expected = {"_id": attempt.id, "state": AttemptState.ENDED, "answers": attempt.answers or None}
    return store.attempts.update_one(expected, {"$set": {**result, "judged_at": at}}).matched_count == 1


def overdue(store: Store, state: AttemptState, before: datetime, limit: int) -> list[Attempt]:
    """Attempts in `state` that should have been looked at before `before`. Index by (state, next_poll_at)."""
    # From an instant on: without it a server may read all that nobody has to look at, which is every finished call.
    wanted = {"state": state, "next_poll_at": {"$gte": _BEFORE_ALL_CALLS, "$lte": before}}
    cursor = store.attempts.find(wanted, limit=limit)
    return [attempt_from(document) for document in cursor]


def put_off_cost(store: Store, attempt_id: str, number: int, *, until: datetime | None, looked: bool = False) -> bool:
    """Moves the next look for a finished attempt's cost to `until` (None: no more), counting one that was `looked`."""
    changes: dict[str, Any] = {"$set": {"next_poll_at": until}}
    if looked:
        changes["$inc"] = {"cost_looks": 1, "poll_number": 1}
    expected = {"_id": attempt_id, "state": AttemptState.FINISHED, "poll_number": number}
    return store.attempts.update_one(expected, changes).modified_count == 1


def keep_cost(store: Store, attempt_id: str, number: int, *, cost_micros: int) -> bool:
    """Writes the cost that came late, in USD micros, and ends the looking. False where somebody has written it."""
    result = store.attempts.update_one(
        {"_id": attempt_id, "state": AttemptState.FINISHED, "poll_number": number, "next_poll_at": {"$ne": None}},
        {"$set": {"cost_micros": cost_micros, "next_poll_at": None}},
    )
    return result.modified_count == 1


def keep_call_id(store: Store, attempt_id: str, call_id: str) -> None:
    """Retell has had the call of an attempt that was given up without one."""
    expected = {"_id": attempt_id, "state": AttemptState.FINISHED, "call_id": None}
    store.attempts.update_one(expected, {"$set": {"call_id": call_id}})


def costs_asked(store: Store, attempt_id: str) -> int:
    """How often a finished attempt's cost was asked for in vain."""
    document = store.attempts.find_one({"_id": attempt_id}, {"cost_looks": 1})
    return int(document.get("cost_looks", 0)) if document else 0


def attempts_of(store: Store, job_id: str) -> list[Attempt]:
    """Every attempt of a job, the first first."""
    return [attempt_from(d) for d in store.attempts.find({"job_id": job_id}, sort=[("number", 1), ("placing_at", 1)])]


def _move(store: Store, attempt_id: str, expected: list[AttemptState], changes: Mapping[str, Any]) -> bool:
    result = store.attempts.update_one({"_id": attempt_id, "state": {"$in": expected}}, {"$set": dict(changes)})
    return result.modified_count == 1
