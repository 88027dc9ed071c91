"""Costs that Retell had not told when a call was finished: asked for later, and charged then.

Enters a finished attempt; leaves its cost, and the account charged the difference to what was charged by estimate. A
call whose end was never told, or whose bill came late, would otherwise be free for ever, and a wish not to be called
that was said in it unheard. Found by the sweep: such an attempt keeps a `next_poll_at` although it is finished.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog

from speechai import metrics
from speechai.catalogue.outcomes import Outcome, outcome_of
from speechai.core.model import Attempt, AttemptState, CallFacts
from speechai.errors import RetellError
from speechai.operation import accounts as money
from speechai.operation.alerts import raise_alert
from speechai.operation.context import Context
from speechai.operation.nudges import AskCost, Nudges
from speechai.store import attempts, people

log = structlog.get_logger(__name__)

WAITS = (timedelta(hours=1), timedelta(hours=5), timedelta(hours=18), timedelta(days=2))
"""From the call's finish to the first look, and from each look to the next; the last one gives up, with an alert."""
LOOK_LASTS = timedelta(minutes=10)


def first_look(facts: CallFacts | None, now: datetime) -> datetime | None:
    """When to ask for the cost of a call that is being finished; None where it is known or there is none to come."""
    return now + WAITS[0] if facts is None or _may_cost(facts) else None


def _keep_wish(context: Context, attempt: Attempt, facts: CallFacts, now: datetime) -> None:
    """Of a call that was closed without an end, what must not be lost: that nobody is to call again. Repeatable."""
    if outcome_of(facts.reason).outcome is Outcome.DO_NOT_CALL:
        who: dict[str, Any] = {"person_ids": [attempt.person_id], "numbers": [attempt.to_number]}
        why = "asked in a call whose end was told late"
        people.mark_do_not_call(context.store, **who, why=why, by=attempt.id, at=now, once=True)


def _may_cost(facts: CallFacts) -> bool:
    """Whether Retell may still tell a cost: the line was connected, also where the call broke down afterwards."""
    return facts.cost_micros is None and (facts.status == "ended" or bool(facts.duration_ms))


def _ask(context: Context, attempt: Attempt) -> CallFacts | None:
    """The call; one of which it was never known whether it was placed is looked up again: Retell may list it late."""
    if attempt.call_id is not None:
        return context.retell.get_call(attempt.call_id)
    facts = context.retell.find_call(attempt.id, attempt.to_number)
    if facts is not None:
        attempts.keep_call_id(context.store, attempt.id, facts.call_id)
        log.warning("a call that was given up was placed after all", action="ask_cost", attempt_id=attempt.id)
    return facts


def overdue(context: Context, limit: int) -> Nudges:
    """The attempts whose cost is to be asked for by now, at most `limit`."""
    now = context.clock()
    due = [
        AskCost(attempt.id, attempt.poll_number)
        for attempt in attempts.overdue(context.store, AttemptState.FINISHED, now, limit)
        if attempts.put_off_cost(context.store, attempt.id, attempt.poll_number, until=now + LOOK_LASTS)
    ]
    metrics.count_find(metrics.Find.DUE_COST, len(due))
    return list(due)


def ask_cost(context: Context, attempt_id: str, number: int) -> Nudges:
    """One look, as look `number` of the attempt; a message with another number does nothing."""
    attempt, now = attempts.get_attempt(context.store, attempt_id), context.clock()
    if attempt is None or attempt.state is not AttemptState.FINISHED or attempt.poll_number != number:
        return []
    if attempt.next_poll_at is None:
        return []
    try:
        facts = _ask(context, attempt)
    except RetellError as error:
        log.warning("Retell did not answer for a cost", action="ask_cost", attempt_id=attempt.id, why=str(error))
        return []  # the sweep asks again
    if facts is not None and attempt.retell is None:
        _keep_wish(context, attempt, facts, now)
    if facts is not None and (facts.is_over or facts.cost_micros is not None):
        money.settle_for(context, attempt, facts, now)  # by its duration while there is no cost
    if facts is not None and facts.cost_micros is not None:
        if attempts.keep_cost(context.store, attempt.id, number, cost_micros=facts.cost_micros):
            metrics.count_cost(facts.cost_micros, attempt.use_case)
        log.info("a late cost was charged", action="ask_cost", attempt_id=attempt.id)
        return []
    looks = attempts.costs_asked(context.store, attempt.id) + 1
    following = now + WAITS[looks] if looks < len(WAITS) else None
    if following is None and (facts is not None or attempt.call_id is not None):
        words = f"Retell never told what attempt {attempt.id} cost: compare its bill, and `account adjust`"
        raise_alert(context, "cost_unknown", attempt.account_id, words, now)
    attempts.put_off_cost(context.store, attempt.id, number, until=following, looked=True)
    return []
