"""What follows from a call that is over: result, money, the person's counters, and the job's next step, in that order.

Enters an attempt in state `ended`; every write is keyed by the attempt's id and the job's state comes last, so that
running it again after a crash at any point is harmless (design, section 3). Its slot was released when it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from speechai.catalogue.outcomes import OutcomeRow
from speechai.catalogue.policies import get_policy
from speechai.catalogue.use_cases import UseCase, get_use_case
from speechai.core.after_call import NextStep, after_call, judge
from speechai.core.model import Attempt, AttemptState, Batch, BatchStatus, CallFacts, Job, JobStatus, Pacing
from speechai.errors import UsageError
from speechai.operation.context import Context
from speechai.operation.nudges import Nudges
from speechai.retell.answers import read_call
from speechai.retell.costs import product_costs
from speechai.store import attempts, batches, jobs, people

log = structlog.get_logger(__name__)


def finish(context: Context, attempt_id: str) -> Nudges:
    """Judges an ended call and moves its job on. An attempt in another state is left alone."""
    store = context.store
    attempt = attempts.get_attempt(store, attempt_id)
    if attempt is None or attempt.state is not AttemptState.ENDED:
        return []
    job, batch = jobs.get_job(store, attempt.job_id), batches.get_batch(store, attempt.batch_id)
    now = context.clock()
    if job is None or batch is None:  # somebody deleted them by hand while the call was live
        people.give_turn_back(store, attempt.person_id, attempt.id)
        attempts.close(store, attempt.id, AttemptState.FINISHED, {"finished_at": now, "outcome": "unknown"})
        return []
    use_case = get_use_case(attempt.use_case)
    facts = read_call(attempt.retell) if attempt.retell is not None else None
    row, success = judge(facts, use_case)
    result = _result(attempt, job, facts, row, success, use_case)
    attempts.write_result(store, attempt.id, result)
    step = _next_step(context, job, batch, attempt, row, success=success, now=now)
    if row.attempt:
        people.settle_turn(
            store,
            attempt.person_id,
            attempt.id,
            day=attempt.local_on,
            contact=row.contact,
            silent=row.silent,
            do_not_call=step.do_not_call,
        )
    else:
        people.give_turn_back(store, attempt.person_id, attempt.id)
    apply_step(context, job, batch, attempt, step, result=_job_result(attempt, facts, success, use_case), now=now)
    attempts.close(store, attempt.id, AttemptState.FINISHED, {"finished_at": now})
    log.info(
        "the call is finished",
        action="finish",
        batch_id=attempt.batch_id,
        job_id=attempt.job_id,
        attempt_id=attempt.id,
        outcome=row.outcome,
        status=step.status,
    )
    if row.reason == "unknown":
        log.warning(
            "a call ended in a way that is not known",
            action="finish",
            attempt_id=attempt.id,
            reason=facts.reason if facts else None,
        )
    return []


def _next_step(
    context: Context, job: Job, batch: Batch, attempt: Attempt, row: OutcomeRow, *, success: bool, now: datetime
) -> NextStep:
    try:
        policy = get_policy(batch.policy)
    except (
        UsageError
    ) as error:  # taken out of the catalogue meanwhile: the result is kept, the batch waits for a person
        return NextStep(status=JobStatus.SUSPENDED, reason=str(error), counts_as_attempt=row.attempt, pause_batch=True)
    return after_call(
        row=row,
        success=success,
        job=job,
        phone=attempt.to_number,
        batch=batch,
        policy=policy,
        delays=context.delays,
        now=now,
    )


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
    """Writes the job's next step, and pauses its batch where every further call would fail the same way."""
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
    jobs.take_step(
        context.store,
        job.id,
        attempt.id,
        step,
        phone=attempt.to_number,
        admitted=batch.pacing is Pacing.CONTINUOUS or step.keeps_its_place,
        result=result,
        now=now,
    )


def _result(
    attempt: Attempt, job: Job, facts: CallFacts | None, row: OutcomeRow, success: bool, use_case: UseCase
) -> dict[str, Any]:
    """The judged result as it stands on the attempt; reports are made of these fields."""
    started_at = (facts.started_at if facts else None) or attempt.placing_at
    local = started_at.astimezone(ZoneInfo(attempt.time_zone))
    return {
        "outcome": row.outcome,
        "reason": facts.reason if facts else None,
        "success": success,
        "contact": row.contact,
        "counted": row.attempt,
        "phone_kind": "main" if attempt.to_number == job.to_number else "alternative",
        "local_hour": local.hour,
        "duration_ms": facts.duration_ms if facts else None,
        "cost_micros": facts.cost_micros if facts else None,
        "product_costs": product_costs(facts.raw.get("call_cost")) if facts else [],
        "captured": _captured(facts, use_case),
    }


def _job_result(attempt: Attempt, facts: CallFacts | None, success: bool, use_case: UseCase) -> dict[str, Any]:
    """The seed's fields on the job: the last call's result, and what the agent captured."""
    raw: Mapping[str, Any] = facts.raw if facts else {}
    summary = {
        name: raw.get(name)
        for name in ("call_cost", "call_analysis", "recording_url", "transcript", "disconnection_reason")
    }
    seconds = facts.duration_ms // 1000 if facts and facts.duration_ms is not None else None
    return {
        "call_result": {"success": success, "summary": summary},
        "call_id": attempt.call_id,
        "call_duration_seconds": seconds,
        **_captured(facts, use_case),
    }


def _captured(facts: CallFacts | None, use_case: UseCase) -> dict[str, Any]:
    values = facts.captured if facts else {}
    return {name: values[name] for name in use_case.captured if values.get(name) not in (None, "")}
