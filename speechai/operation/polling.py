"""Following one call to its end by polls with a short countdown, and looking up a call whose fate is not known.

Enters an attempt and the number of the poll. Only the message that moves the stored number on may look and schedule
the next, so a message that is delivered twice cannot fork the chain. The sweep restarts a chain whose message was lost;
a webhook brings the next poll forward (`webhooks`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from speechai import metrics
from speechai.core.model import Attempt, AttemptState, CallFacts
from speechai.errors import RetellError
from speechai.operation.calling import note_accepted
from speechai.operation.context import Context
from speechai.operation.nudges import Finish, Nudges, PollCall
from speechai.retell.answers import read_call
from speechai.store import accounts, attempts, capacity

log = structlog.get_logger(__name__)

STOP_GRACE = timedelta(minutes=1)
"""Retell cuts a call at its own limit; it is asked to stop this much later, and given up as much later again."""

OUTAGE_PATIENCE = timedelta(hours=1)
"""While Retell does not answer at all, a call is not given up for this much longer: silence says nothing about it."""


def poll_call(context: Context, attempt_id: str, number: int) -> Nudges:
    """One look at the attempt's call; what follows is the next poll, or its finish.

    A doubled or stale `number` does nothing. An answer that cannot be had is followed by the next poll.
    """
    attempt = attempts.get_attempt(context.store, attempt_id)
    if attempt is None or not attempt.state.is_open or attempt.poll_number != number:
        return []
    wait = timedelta(seconds=context.settings.call_polling_interval)
    if not attempts.move_poll_on(context.store, attempt.id, number, next_poll_at=context.clock() + wait):
        return []
    following: Nudges = [PollCall(attempt.id, number + 1, wait.total_seconds())]
    if attempt.state is AttemptState.PLACING:
        attempt = _doubt(context, attempt, wait)
        if attempt is None or not attempt.state.is_open:
            return []
    look = {
        AttemptState.UNKNOWN: _look_up,
        AttemptState.LIVE: _look_at,
        AttemptState.ENDED: _wait_for_analysis,
    }[attempt.state]
    try:
        nudges = look(context, attempt)
    except RetellError as error:
        log.warning("Retell did not answer a poll", action="poll_call", attempt_id=attempt.id, why=str(error))
        nudges = _give_up_in_time(context, attempt, patience=OUTAGE_PATIENCE)
    return following if nudges is None else nudges


def _doubt(context: Context, attempt: Attempt, wait: timedelta) -> Attempt | None:
    """The attempt as it stands once nobody is waited for who might be placing its call.

    Whoever placed it has died (the sweep asks), or Retell's webhook was faster than its answer. A worker that still
    waits for that answer writes it down all the same: `accept` takes an attempt in doubt.
    """
    at = context.clock() + wait
    if attempts.doubt(context.store, attempt.id, next_poll_at=at, why="no answer was written down"):
        metrics.count_call(metrics.CallStep.IN_DOUBT)
    return attempts.get_attempt(context.store, attempt.id)


def _look_up(context: Context, attempt: Attempt) -> Nudges | None:
    """Recovery of retell-api 5.1: is there a call with our attempt's id? A negative answer is believed only late."""
    facts = context.retell.find_call(attempt.id, attempt.to_number)
    if facts is None:
        return _give_up_in_time(context, attempt)
    log.info("a call of unknown fate was found", action="look_up", attempt_id=attempt.id, call_id=facts.call_id)
    note_accepted(context, attempt, facts)
    return _over(context, attempt, facts) if facts.is_over else None


def _look_at(context: Context, attempt: Attempt) -> Nudges | None:
    assert attempt.call_id is not None  # a live attempt has one: `accept` wrote both in one update
    facts = context.retell.get_call(attempt.call_id)
    if facts is not None and facts.is_over:
        return _over(context, attempt, facts)
    return _stop_when_too_long(context, attempt)


def _wait_for_analysis(context: Context, attempt: Attempt) -> Nudges | None:
    if attempt.call_id is None or attempt.retell is None or not _analysis_may_come(read_call(attempt.retell)):
        return [Finish(attempt.id)]  # its `finish` was lost
    facts = context.retell.get_call(attempt.call_id)
    if facts is not None and facts.analysed:
        attempts.keep_answer(context.store, attempt.id, facts.raw, analysed=True)
        return [Finish(attempt.id)]
    return _give_up_in_time(context, attempt)


def _over(context: Context, attempt: Attempt, facts: CallFacts) -> Nudges | None:
    """Retell says the call is over: its slot is free at once, its analysis may still come."""
    _free_lines(context, attempt)  # before the end is written: an ended attempt holds no slot
    if not attempts.end(context.store, attempt.id, at=context.clock(), retell=facts.raw):
        # Another poll ended it meanwhile (a webhook brings the next one forward), from an answer that said less.
        attempts.keep_answer(context.store, attempt.id, facts.raw, analysed=facts.analysed)
    return None if _analysis_may_come(facts) else [Finish(attempt.id)]


def _free_lines(context: Context, attempt: Attempt) -> None:
    """The slot last: while it is held, the sweep still finds the account's line by it."""
    accounts.free_line(context.store, attempt.account_id, attempt.id)
    capacity.release_slot(context.store, attempt.id)


def _analysis_may_come(facts: CallFacts) -> bool:
    """Only a call that connected has something to analyse; a busy line's outcome is known at once."""
    return facts.status == "ended" and not facts.analysed


def _stop_when_too_long(context: Context, attempt: Attempt) -> Nudges | None:
    limit = timedelta(minutes=context.settings.call_max_duration_minutes) + STOP_GRACE
    age = context.clock() - (attempt.accepted_at or attempt.placing_at)
    if age > limit and attempt.call_id is not None:
        log.warning("a call is too long: Retell is asked to stop it", action="stop_call", attempt_id=attempt.id)
        attempts.note_stop(context.store, attempt.id, context.clock())
        context.retell.stop_call(attempt.call_id)
        if attempt.stop_asked_at is None:
            return None  # its end has a minute to be told
    return _give_up_in_time(context, attempt)


def _give_up_in_time(context: Context, attempt: Attempt, *, patience: timedelta = timedelta(0)) -> Nudges | None:
    """None while it is worth asking again; else the attempt is closed with what is known."""
    now = context.clock()
    if now < _deadline(context, attempt) + patience:
        return None
    if attempt.state is not AttemptState.ENDED:
        if not attempts.end(context.store, attempt.id, at=now, retell=None, seen=attempt.state):
            return None  # another poll has found it meanwhile, or its end
        log.warning("a call's end was never told", action="poll_call", attempt_id=attempt.id, state=attempt.state)
        metrics.count_call(metrics.CallStep.GIVEN_UP)
        _free_lines(context, attempt)  # a death in front of this leaves them to the sweep
    return [Finish(attempt.id)]


def _deadline(context: Context, attempt: Attempt) -> datetime:
    settings = context.settings
    if attempt.state is AttemptState.UNKNOWN:
        return attempt.placing_at + timedelta(minutes=settings.unknown_deadline_minutes)
    if attempt.state is AttemptState.ENDED:
        return (attempt.ended_at or attempt.placing_at) + timedelta(seconds=settings.analysis_wait_seconds)
    age_limit = timedelta(minutes=settings.call_max_duration_minutes) + 2 * STOP_GRACE
    too_old_at = (attempt.accepted_at or attempt.placing_at) + age_limit
    return max(too_old_at, attempt.stop_asked_at + STOP_GRACE) if attempt.stop_asked_at else too_old_at
