"""What follows outside from a finished call: a payment link, a message, a review (law 8).

Enters a judged call; leaves one action for each follow-up of its use case that is due, and their delivery to the
customer's receiver: at least once, always under the action's own key and with the same body. A 2xx answer is a
delivery, 410 the end, anything else is tried again after growing delays until a day has passed. Called when a call is
finished, by the task that delivers, and by the sweep.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import structlog

from speechai import metrics
from speechai.catalogue.outcomes import Outcome
from speechai.catalogue.use_cases import When
from speechai.core.model import AttemptState
from speechai.operation.alerts import raise_alert
from speechai.operation.context import Context
from speechai.operation.nudges import DeliverAction, Nudges
from speechai.operation.receiver import Answer, post, receiver_of
from speechai.operation.results import Ended
from speechai.store import actions
from speechai.store.actions import Action

log = structlog.get_logger(__name__)

GIVEN_UP_AFTER = timedelta(hours=24)
FIRST_DELAY = timedelta(seconds=15)
LONGEST_DELAY = timedelta(hours=1)
TRY_LASTS = timedelta(seconds=60)
"""A try is over by then, whatever the receiver does; one that is not settled had a worker that died."""
LONGEST_COUNTDOWN = timedelta(seconds=60)
"""A longer wait is a time in the database alone: Redis delivers a message again that is held for minutes."""

Alert = Callable[[Context, str, str, str, datetime], object]
"""Context, kind, subject, words, instant: `operation.alerts.raise_alert`."""


def note(context: Context, ended: Ended, result: Mapping[str, Any], now: datetime) -> Nudges:
    """Notes the follow-ups that are due after a call, from its judged `result`; a second time changes nothing.

    None is noted for a call that did not take place. Without a receiver they are kept and not delivered.
    """
    happened = _happened(ended, result)
    if not happened:
        return []
    due = ended.use_case.follow_ups_after(happened, result["values"])
    deliver = context.settings.follow_up_url is not None
    names, payload = [follow_up.name for follow_up in due], _payload(ended, result)
    noted = actions.note_actions(context.store, ended.attempt, names, payload, now=now, deliver=deliver)
    return [DeliverAction(action_id, 0) for action_id in noted] if deliver else []


def deliver_action(context: Context, action_id: str, number: int, *, alert: Alert = raise_alert) -> Nudges:
    """Tries once to deliver an action, as try `number` (from 0); a message with another number does nothing.

    `alert` is told of an action that is given up. Without a receiver (any more) the action goes on waiting.
    """
    receiver = receiver_of(context.settings)
    begun_at = context.clock()
    if receiver is None or not actions.begin_try(context.store, action_id, number, until=begun_at + TRY_LASTS):
        return []
    action = actions.get_action(context.store, action_id)
    if action is None:  # deleted by hand just now
        return []
    answer = post(receiver, body_of(action), key=action.id, at=begun_at)
    return _settle(context, action, number, answer, alert)


def overdue(context: Context, limit: int) -> Nudges:
    """Actions whose time has come: after a long delay, a lost message or a dead worker. At most `limit`."""
    if context.settings.follow_up_url is None:
        return []
    now = context.clock()
    due = [
        DeliverAction(action.id, action.number)
        for action in actions.overdue_actions(context.store, now, limit)
        # Put off, so that a slow queue is not filled by every sweep with the same nudges.
        if actions.put_off(context.store, action.id, action.number, until=now + TRY_LASTS)
    ]
    metrics.count_find(metrics.Find.DUE_FOLLOW_UP, len(due))
    return list(due)


def body_of(action: Action) -> bytes:
    """The JSON that the receiver gets: the same bytes in every try, and where it is noted again after a restore."""
    content = {**action.payload, "id": action.id, "action": action.name}
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def delay_before(action_id: str, number: int) -> timedelta:
    """The wait before try `number` (from 1): 15 s, doubled each time up to an hour, up to a fifth longer.

    The fifth is drawn from the action's id, so that all that failed in one outage do not come back in one moment.
    """
    wait = min(FIRST_DELAY * (1 << min(number - 1, 20)), LONGEST_DELAY)
    drawn = blake2b(f"{action_id}|{number}".encode(), digest_size=4).digest()
    return wait + wait * int.from_bytes(drawn) / 2**32 / 5


def _settle(context: Context, action: Action, number: int, answer: Answer, alert: Alert) -> Nudges:
    store, now = context.store, context.clock()
    told = log.bind(
        action="deliver", attempt_id=action.attempt_id, follow_up=action.name, number=number, answer=answer.words
    )
    if answer.is_delivered:
        if actions.note_delivered(store, action.id, number, at=now, answer=answer.words):
            metrics.count_follow_up(metrics.FollowUpResult.DELIVERED)
            told.info("a follow-up was delivered")
        return []
    given_up_at = action.noted_at + GIVEN_UP_AFTER
    if answer.is_final or now >= given_up_at:
        after = "for good" if answer.is_final else f"after {number + 1} tries"
        why = f"given up {after}, the last answer: {answer.words}"
        # The alert first: a worker that dies in between raises it twice rather than never.
        words = f"follow-up {action.name} of attempt {action.attempt_id} was not delivered: {why}"
        alert(context, "follow_up_dead", action.account_id, words, now)
        if actions.note_dead(store, action.id, number, at=now, answer=answer.words, why=why):
            metrics.count_follow_up(metrics.FollowUpResult.GIVEN_UP)
        return []
    wished = min(timedelta(seconds=answer.retry_after_seconds), LONGEST_DELAY)
    # The last try comes when the day is over, not up to an hour before.
    next_try_at = min(now + max(delay_before(action.id, number + 1), wished), given_up_at)
    if not actions.note_failed(store, action.id, number, at=now, answer=answer.words, next_try_at=next_try_at):
        return []
    metrics.count_follow_up(metrics.FollowUpResult.FAILED)
    told.warning("a follow-up was not delivered and is tried again", next_try_at=next_try_at.isoformat())
    wait = next_try_at - now
    return [DeliverAction(action.id, number + 1, wait.total_seconds())] if wait <= LONGEST_COUNTDOWN else []


def _happened(ended: Ended, result: Mapping[str, Any]) -> set[When]:
    """What held in the call; nothing at all of one that was never placed, or that never reached a telephone."""
    attempt, row = ended.attempt, ended.row
    if attempt.call_id is None or attempt.state is not AttemptState.ENDED or not row.attempt:
        return set()
    kept_as = (result.get("promise") or {}).get("kept_as")
    held = {
        When.FINISHED: True,
        When.CONTACT: row.contact,
        When.SUCCESS: ended.success,
        When.NO_SUCCESS: row.contact and not ended.success,
        When.PROMISE: kept_as == "promise",
        When.FLAGGED_PROMISE: kept_as == "flagged",
        When.CALLBACK: ended.wish is not None,
        When.DO_NOT_CALL: row.outcome is Outcome.DO_NOT_CALL,
    }
    return {when for when, holds in held.items() if holds}


def _payload(ended: Ended, result: Mapping[str, Any]) -> dict[str, Any]:
    """What a receiver needs to act, e.g. to send a payment link: whom, how much, when. JSON-able.

    Name and phone go to the customer's own receiver by design; they never stand in a log.
    """
    attempt, job = ended.attempt, ended.job
    payload = {
        "attempt_id": attempt.id,
        "job_id": job.id,
        "batch_id": attempt.batch_id,
        "account_id": attempt.account_id,
        "call_id": attempt.call_id,
        "use_case": attempt.use_case,
        "called_at": attempt.placing_at.isoformat(),
        "time_zone": attempt.time_zone,
        "outcome": result["outcome"],
        "success": result["success"],
        "values": result["values"],
        "promise": result.get("promise"),
        "callback": result.get("callback"),
        "offer": attempt.offer,
        "currency": job.debt.currency if job.debt else None,
        "debt_minor": job.debt.amount_minor if job.debt else None,
        "nombre": job.nombre,
        "rut": job.rut,
        "to_number": attempt.to_number,
        "variables": job.variables,
    }
    plain: dict[str, Any] = json.loads(json.dumps(payload, default=_as_text))
    return plain


def _as_text(value: Any) -> Any:
    return (
        value.isoformat()
        if isinstance(value, datetime)
        else (dict(value) if isinstance(value, Mapping) else str(value))
    )
