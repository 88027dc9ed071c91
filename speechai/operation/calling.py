"""Placing one call once (law 1). Enters a job and its ticket, leaves the attempt and the poll that follows it.

The order is the promise: the job is claimed, the rules are asked, everything that the call needs is taken (`taking`),
the attempt is recorded, the point of no return is passed, and only then is the request sent. Before that point
everything can be given back and the sweep does so for a worker that died; after it, only what Retell says decides.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import structlog

from speechai import metrics
from speechai.catalogue.negotiation import get_table
from speechai.catalogue.outcomes import load_outcomes
from speechai.core.after_call import after_call
from speechai.core.after_denial import after_denial
from speechai.core.decision import Denial, Denied
from speechai.core.may_call import may_call
from speechai.core.model import Attempt, AttemptState, BatchStatus, CallFacts, Job, JobStatus, Phase
from speechai.core.negotiation import Offer, offer_for, offer_variables
from speechai.core.variants import variant_of
from speechai.core.waves import is_left_over
from speechai.errors import AccountRefused, NumberRefused, RetellLater, RetellRefused, RetellUnknown
from speechai.operation import provider
from speechai.operation.context import Context, policy_for
from speechai.operation.finishing import apply_step
from speechai.operation.nudges import Nudges, PollCall
from speechai.operation.taking import Taken, Wanted, abandon, denied_meanwhile, give_back, take
from speechai.retell.call_request import PLACED_KEY, CallRequest
from speechai.store import accounts, attempts, batch_jobs, batches, callbacks, jobs, people

log = structlog.get_logger(__name__)


def place_call(context: Context, job_id: str, ticket: int) -> Nudges:
    """Dials the job's next phone, if its rules allow it now.

    A stale or doubled message (another `ticket`, a job that does not wait) does nothing. What it raises where
    MongoDB is away needs no answer: the job is found again when its lease is over. Raises UsageError for a policy that
    this process may not use.
    """
    store, now = context.store, context.clock()
    job = jobs.get_job(store, job_id)
    if job is None or job.status is not JobStatus.PENDING or job.ticket != ticket:
        log.info("a stale message was ignored", action="place_call", job_id=job_id, ticket=ticket)
        return []
    batch = batches.get_batch(store, job.batch_id)
    if batch is None:
        return []
    if is_left_over(batch, job, now):
        batch_jobs.end_earlier_waves(store, batch.id, day=now.astimezone(batch.zone).date(), now=now)
        return []
    account = accounts.get_account(store, batch.account_id)
    policy, attempt_id = policy_for(context, batch, account), uuid4().hex
    until = now + timedelta(seconds=context.settings.lease_seconds)
    if not jobs.claim(store, job.id, ticket=ticket, attempt_id=attempt_id, worker_id=context.worker_id, until=until):
        return []
    person, phones = people.get_person(store, job.person_id), people.get_phones(store, job.all_phones)
    wanted = Wanted(
        attempt_id=attempt_id, job=job, batch=batch, account=account, policy=policy, person=person, phones=phones
    )
    decision = _decide(context, wanted, now)
    if isinstance(decision, Denied):
        _put_back(context, wanted, decision, now)
        return []
    return _dial(context, wanted, decision)


def _decide(context: Context, wanted: Wanted, now: datetime) -> Taken | Denied:
    """Takes the next phone that the rules allow and that some caller number may dial."""
    job, no_caller = wanted.job, None
    while True:
        allowed = may_call(
            wanted.policy, batch=wanted.batch.status, job=job, person=wanted.person, phones=wanted.phones, now=now
        )
        if isinstance(allowed, Denied):
            # Another phone that may be dialled later is waited for; else somebody has to mend the pool.
            return no_caller if no_caller is not None and allowed.next_at is None else allowed
        taken = take(context, replace(wanted, job=job), allowed.phone, now)
        if isinstance(taken, Taken) or taken.code is not Denial.NO_CALLER_NUMBER:
            return taken
        # Another phone of the same person may be in a country that may be called.
        no_caller, job = taken, replace(job, bad_phones=(*job.bad_phones, allowed.phone))


def _dial(context: Context, wanted: Wanted, taken: Taken) -> Nudges:
    store, settings, job = context.store, context.settings, wanted.job
    now = context.clock()
    offer = _offer(wanted, now)
    variant = variant_of(wanted.batch.variants, job.person_id, job.account_id)  # the same arm in every list
    agents = (variant.agent_id if variant else None, offer.agent_id if offer else None, settings.retell_agent_id)
    attempt = Attempt(
        id=wanted.attempt_id,
        job_id=job.id,
        batch_id=job.batch_id,
        account_id=job.account_id,
        person_id=job.person_id,
        use_case=job.use_case,
        number=job.attempts + 1,
        to_number=taken.phone,
        from_number=taken.from_number,
        agent_id=next(filter(None, agents), None),
        state=AttemptState.PLACING,
        placing_at=now,
        time_zone=job.time_zone,
        next_poll_at=now + timedelta(seconds=settings.lease_seconds),
        policy=wanted.policy.label,
        variant=variant.name if variant else None,
        offer=offer.to_document() if offer else None,
    )
    attempts.record(store, attempt)
    if not jobs.pass_the_point_of_no_return(store, job.id, attempt.id, taken.phone):
        log.warning("the job was taken back before its call was sent", action="place_call", job_id=job.id)
        abandon(context, attempt.id)
        give_back(context, job, attempt.id, taken.phone)
        return []
    if (denied := denied_meanwhile(context, wanted, taken, recorded_at=now)) is not None:
        _turn_back(context, wanted, attempt, denied)
        return []
    try:
        facts = context.retell.create_call(
            _request(context, job, attempt, offer, is_negotiated=wanted.batch.negotiation is not None)
        )
    except RetellUnknown as error:
        nudges = _doubt(context, attempt, str(error))
        provider.note_failed_request(context, attempt.id, error, taken.provider)
        return nudges
    except (RetellRefused, RetellLater) as error:
        provider.note_failed_request(context, attempt.id, error, taken.provider)
        _refused(context, wanted, attempt, error)
        return []
    note_accepted(context, attempt, facts)
    provider.note_accepted_request(context, attempt.id, taken.provider)
    return [PollCall(attempt.id, attempt.poll_number, settings.call_polling_interval)]


def _offer(wanted: Wanted, now: datetime) -> Offer | None:
    """What the agent may offer this contact today, by the arrears of this very day."""
    if wanted.batch.negotiation is None or wanted.job.debt is None:
        return None
    today = now.astimezone(wanted.job.site.zone).date()
    return offer_for(get_table(wanted.batch.negotiation), wanted.job.debt, today)


def note_accepted(context: Context, attempt: Attempt, facts: CallFacts) -> None:
    """Saves the id of a call that Retell has, placed just now or found again later."""
    now = context.clock()
    next_poll_at = now + timedelta(seconds=context.settings.call_polling_interval)
    if attempts.accept(context.store, attempt.id, facts.call_id, at=now, next_poll_at=next_poll_at):
        metrics.count_call(metrics.CallStep.PLACED)
    jobs.note_call(context.store, attempt.job_id, attempt.id, facts.call_id, now)
    log.info("the call was placed", action="place_call", attempt_id=attempt.id, call_id=facts.call_id)


def _doubt(context: Context, attempt: Attempt, why: str) -> Nudges:
    log.warning("it is not known whether the call was placed", action="place_call", attempt_id=attempt.id, why=why)
    wait = context.settings.lookup_delay_seconds
    if attempts.doubt(context.store, attempt.id, next_poll_at=context.clock() + timedelta(seconds=wait), why=why):
        metrics.count_call(metrics.CallStep.IN_DOUBT)
    return [PollCall(attempt.id, attempt.poll_number, wait)]


def _refused(context: Context, wanted: Wanted, attempt: Attempt, error: RetellRefused | RetellLater) -> None:
    """No call happened: what was taken goes back, and the job goes on as its row of the outcome table says."""
    now = context.clock()
    if isinstance(error, NumberRefused):
        row = load_outcomes()["request_refused_for_the_number"]
    elif isinstance(error, AccountRefused):
        row = load_outcomes()["request_refused_for_the_account"]
    else:
        row = load_outcomes()["request_refused_for_now"]
    delays = context.delays
    if isinstance(error, RetellLater) and error.retry_after_seconds:
        delays = replace(delays, later=timedelta(seconds=error.retry_after_seconds))
    log.warning("Retell refused the call", action="place_call", attempt_id=attempt.id, row=row.reason, why=str(error))
    step = after_call(
        row=row,
        success=False,
        job=wanted.job,
        phone=attempt.to_number,
        batch=wanted.batch,
        policy=wanted.policy,
        delays=delays,
        now=now,
    )
    step = replace(step, reason=f"{step.reason}: {error}")
    give_back(context, wanted.job, attempt.id, attempt.to_number)
    apply_step(context, wanted.job, wanted.batch, attempt, step, result={}, now=now)
    refused = {"outcome": row.outcome, "refusal": str(error), "ended_at": now}
    if attempts.close(context.store, attempt.id, AttemptState.REFUSED, refused):
        metrics.count_call(metrics.CallStep.REFUSED)


def _turn_back(context: Context, wanted: Wanted, attempt: Attempt, denied: Denied) -> None:
    """Past the point of no return, but nothing was sent: everything goes back as before it."""
    log.warning("a call was denied at the last moment", action="place_call", attempt_id=attempt.id, code=denied.code)
    give_back(context, wanted.job, attempt.id, attempt.to_number)
    _put_back(context, wanted, denied, context.clock(), phase=Phase.PLACING)
    abandon(context, attempt.id)


def _put_back(context: Context, wanted: Wanted, denied: Denied, now: datetime, *, phase: Phase = Phase.CLAIMED) -> None:
    """Undoes the claim of a job that may not be called now."""
    step = after_denial(denied, job=wanted.job, batch=wanted.batch, policy=wanted.policy, now=now)
    if step.pause_batch:
        _pause(context, wanted, denied, now)
    if wanted.job.callback_at is not None and step.next_attempt_at is not None:
        # It had the first place and keeps it: what was handed out is out of the agenda's way until its lease is over.
        callbacks.expect(context.store, wanted.job.id, step.next_attempt_at)
    jobs.give_back(
        context.store,
        wanted.job.id,
        wanted.attempt_id,
        status=step.status,
        next_attempt_at=step.next_attempt_at,
        admitted=step.admitted,
        reason=f"{denied.code}: {denied.reason}",
        denied=_document(denied, now),
        suspended_by=step.suspended_by,
        now=now,
        phase=phase,
    )


def _pause(context: Context, wanted: Wanted, denied: Denied, now: datetime) -> None:
    batches.move_batch(
        context.store,
        wanted.batch.id,
        expected=[BatchStatus.RUNNING],
        to=BatchStatus.PAUSED,
        reason=denied.reason,
        now=now,
    )
    log.error("the batch was paused", action="pause", batch_id=wanted.batch.id, why=denied.reason)


def _document(denied: Denied, now: datetime) -> dict[str, Any]:
    return {"code": denied.code.value, "facts": dict(denied.facts), "next_at": denied.next_at, "at": now}


def _request(context: Context, job: Job, attempt: Attempt, offer: Offer | None, *, is_negotiated: bool) -> CallRequest:
    return CallRequest(
        attempt_id=attempt.id,
        from_number=attempt.from_number,
        to_number=attempt.to_number,
        agent_id=attempt.agent_id,
        variables={
            "nombre": job.nombre,
            **job.variables,
            # Also where there is no offer, and then empty: a name without a value would be read aloud by the agent.
            **(offer_variables(offer) if is_negotiated else {}),
            **({"variante": attempt.variant} if attempt.variant else {}),
        },
        metadata={
            "job_id": job.id,
            "batch_id": job.batch_id,
            "account_id": job.account_id,
            # For a database that was lost: Retell tells no time of a call that nobody answered but its end.
            PLACED_KEY: attempt.placing_at.isoformat(),
        },
        max_call_duration_ms=int(context.settings.call_max_duration_minutes * 60_000),
        hang_up_on_voicemail=True,
        webhook_url=context.settings.webhook_url,
    )
