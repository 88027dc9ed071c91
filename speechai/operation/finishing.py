"""What follows from a call that is over: result, the person's counters, money, the job's next step, in that order.

Enters an attempt in state `ended`; every write is keyed by the attempt's id and the job's state comes last, so that
running it again after a crash at any point is harmless (design, section 3). Its slot was released when it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from speechai import metrics
from speechai.catalogue.outcomes import Outcome, OutcomeRow, outcome_of
from speechai.catalogue.policies import Policy
from speechai.catalogue.use_cases import get_use_case
from speechai.core.after_call import NextStep, after_call, certain_end, judge
from speechai.core.callbacks import callback_of, clamp_callback
from speechai.core.captured import read_captured
from speechai.core.model import Attempt, AttemptState, Batch, BatchStatus, CallFacts, Job, JobStatus, Pacing
from speechai.errors import UsageError
from speechai.operation import accounts as money
from speechai.operation import callers, following_up, provider
from speechai.operation.alerts import raise_alert
from speechai.operation.context import Context, policy_for
from speechai.operation.late_costs import first_look
from speechai.operation.nudges import Finish, Nudges
from speechai.operation.results import Ended, attempt_result, job_result
from speechai.retell.answers import read_call
from speechai.store import accounts, attempts, batches, callbacks, jobs, people

log = structlog.get_logger(__name__)


def finish(context: Context, attempt_id: str) -> Nudges:
    """Judges an ended call and moves its job on. An attempt in another state is left alone."""
    store, now = context.store, context.clock()
    attempt = attempts.get_attempt(store, attempt_id)
    if attempt is None or attempt.state is not AttemptState.ENDED:
        return []
    job, batch = jobs.get_job(store, attempt.job_id), batches.get_batch(store, attempt.batch_id)
    if job is None or batch is None:  # somebody deleted them by hand while the call was live
        _close_orphan(context, attempt, now)
        return []
    ended = _judged(context, attempt, job, batch)
    step = _next_step(context, ended, now)
    result = attempt_result(ended)
    if not attempts.write_result(store, attempt, result, at=now):
        return [Finish(attempt.id)]  # another answer came since it was read; a closed one is left alone then
    _count(context, attempt, ended.facts, ended.row, talked=ended.talked, do_not_call=step.do_not_call, now=now)
    callers.note_outcome(context, attempt, ended.row, now)
    provider.note_outcome(context, attempt, ended.row, now)
    nudges = following_up.note(context, ended, result, now)
    if job.attempt_id != attempt.id:
        # It took its step before: what was stopped by it then, somebody may have let go on since.
        step = replace(step, suspend_account=False, pause_batch=False)
    apply_step(context, job, batch, attempt, step, result=job_result(ended), now=now)
    late = first_look(ended.facts, now)
    _alert_of_the_unknown(context, ended, now)
    if attempts.close(store, attempt.id, AttemptState.FINISHED, {"finished_at": now, "next_poll_at": late}):
        metrics.count_outcome(ended.row.outcome, attempt.use_case, success=ended.success)
        metrics.count_cost(result["cost_micros"] or 0, attempt.use_case)
        _tell(ended, step)  # once, whoever else has been at it
    return nudges


def _judged(context: Context, attempt: Attempt, job: Job, batch: Batch) -> Ended:
    use_case = get_use_case(attempt.use_case)
    facts = read_call(attempt.retell) if attempt.retell is not None else None
    wish = None
    if facts is not None:
        said_at = facts.ended_at or attempt.ended_at or context.clock()
        wish = callback_of(facts.reason, facts.captured, said_at=said_at, zone=ZoneInfo(attempt.time_zone))
    captured = read_captured(
        use_case,
        facts.captured if facts else {},
        today=attempt.local_on,
        zone=ZoneInfo(attempt.time_zone),
        country=batch.country,  # the money of the debt, wherever the phone is
    )
    row, success = judge(facts, use_case, captured.values, asked_for_later=wish is not None)
    policy: Policy | str
    try:
        policy = policy_for(context, batch, accounts.get_account(context.store, batch.account_id))
    except UsageError as error:  # taken out of the catalogue meanwhile
        policy = str(error)
    return Ended(
        attempt=attempt,
        job=job,
        batch=batch,
        policy=policy,
        use_case=use_case,
        facts=facts,
        row=row,
        success=success,
        wish=wish,
        captured=captured,
    )


def _next_step(context: Context, ended: Ended, now: datetime) -> NextStep:
    row, policy = ended.row, ended.policy
    at = ended.wish.at if ended.wish is not None else None
    if isinstance(policy, str):  # the result is kept, the batch waits for a person
        return certain_end(row, success=ended.success) or NextStep(
            status=JobStatus.SUSPENDED,
            reason=policy,
            next_attempt_at=at,
            counts_as_attempt=row.attempt,
            pause_batch=True,
            callback_at=at,
        )
    return after_call(
        row=row,
        success=ended.success,
        job=ended.job,
        phone=ended.attempt.to_number,
        batch=ended.batch,
        policy=policy,
        delays=context.delays,
        now=now,
        callback_at=clamp_callback(policy, ended.job.site, at, now) if at is not None else None,
    )


def _count(
    context: Context,
    attempt: Attempt,
    facts: CallFacts | None,
    row: OutcomeRow,
    *,
    talked: bool,
    do_not_call: bool,
    now: datetime,
) -> None:
    """The counters of the person and of the telephone, and the account's money."""
    store, on = context.store, attempt.local_on
    if row.attempt:
        people.settle_turn(
            store,
            attempt.person_id,
            attempt.id,
            on=on,
            talked=talked,
            conversed=row.contact,
            silent=row.silent,
            do_not_call=do_not_call,
        )
        people.settle_phone_turn(store, attempt.to_number, attempt.id, on=on, talked=talked, do_not_call=do_not_call)
    else:
        people.give_turn_back(store, attempt.person_id, attempt.id)
        people.give_phone_turn_back(store, attempt.to_number, attempt.id)
    money.settle_for(context, attempt, facts, now)


def apply_step(
    context: Context,
    job: Job,
    batch: Batch,
    attempt: Attempt,
    step: NextStep,
    *,
    result: Mapping[str, Any],
    now: datetime,
) -> None:
    """Writes the job's next step; stops its account or its batch where every further call would fail the same way."""
    if step.suspend_account:
        money.suspend_account(context, batch.account_id, reason=step.reason, by="retell")
    if step.pause_batch and batches.move_batch(
        context.store, batch.id, expected=[BatchStatus.RUNNING], to=BatchStatus.PAUSED, reason=step.reason, now=now
    ):
        log.error("the batch was paused: no call of it can succeed", action="pause", batch_id=batch.id, why=step.reason)
    if batch.status is BatchStatus.CANCELLED and not step.status.is_final:
        step = NextStep(
            status=JobStatus.CANCELLED,
            reason=f"the batch was cancelled; the last call: {step.reason}",
            counts_as_attempt=step.counts_as_attempt,
        )
    if step.callback_at is not None and step.next_attempt_at is not None:
        callbacks.expect(context.store, job.id, step.next_attempt_at)  # before the job: an entry too many is harmless
    jobs.take_step(
        context.store,
        job.id,
        attempt.id,
        step,
        phone=attempt.to_number,
        admitted=_is_admitted(job, batch, step),
        result=result,
        now=now,
    )


def _is_admitted(job: Job, batch: Batch, step: NextStep) -> bool:
    """False where a wave has to let the contact in again: not for a line, for a named time, or for its account."""
    if batch.pacing is Pacing.CONTINUOUS or step.callback_at is not None:
        return True
    return step.keeps_its_place or (step.suspend_account and job.admitted)


def _close_orphan(context: Context, attempt: Attempt, now: datetime) -> None:
    """The contact is gone, the person is not: the call counts, and a wish that was said in it holds."""
    facts = read_call(attempt.retell) if attempt.retell is not None else None
    reason, in_voicemail = (facts.reason, facts.in_voicemail) if facts else (None, None)
    row = outcome_of(reason, in_voicemail=in_voicemail)
    unwanted = row.outcome is Outcome.DO_NOT_CALL
    _count(context, attempt, facts, row, talked=row.contact, do_not_call=unwanted, now=now)
    late = first_look(facts, now)
    closed = {"finished_at": now, "next_poll_at": late, "outcome": row.outcome, "counted": row.attempt}
    if attempts.close(context.store, attempt.id, AttemptState.FINISHED, closed):
        metrics.count_outcome(row.outcome, attempt.use_case, success=False)


def _tell(ended: Ended, step: NextStep) -> None:
    attempt, row = ended.attempt, ended.row
    log.info(
        "the call is finished",
        action="finish",
        batch_id=attempt.batch_id,
        job_id=attempt.job_id,
        attempt_id=attempt.id,
        outcome=row.outcome,
        status=step.status,
    )


def _alert_of_the_unknown(context: Context, ended: Ended, now: datetime) -> None:
    """Before the attempt is closed: a death in between repeats the alert, the other way round it would be untold."""
    attempt, facts = ended.attempt, ended.facts
    if ended.row.reason != "unknown":
        return
    if facts is not None:
        words = f"Retell ended a call with a reason that is not known ({facts.reason}): attempt {attempt.id}"
        raise_alert(context, "unknown_outcome", str(facts.reason), words, now)
        return
    what = "how it ended" if attempt.call_id is not None else "whether it was placed"
    words = f"Retell never told of a call {what}; it counts as a call: `speechai trace {attempt.job_id}`"
    raise_alert(context, "call_unknown", attempt.batch_id, words, now)
