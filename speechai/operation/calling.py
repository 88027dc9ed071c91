"""Placing one call once (law 1). Enters a job and its ticket, leaves the attempt and the poll that follows it.

The order is the promise: the job is claimed, the person's turn, a slot and a start are taken, the attempt is recorded,
the point of no return is passed, and only then is the request sent. Before that point everything can be given back and
the sweep does so for a worker that died; after it, only what Retell says decides.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import structlog

from speechai.catalogue.outcomes import load_outcomes
from speechai.catalogue.policies import Policy
from speechai.core.after_call import after_call, retry_at
from speechai.core.may_call import Allowed, Denial, Denied, day_cap, may_call
from speechai.core.model import Attempt, AttemptState, Batch, BatchStatus, CallFacts, Job, JobStatus, Pacing, Person
from speechai.errors import AccountRefused, NumberRefused, RetellLater, RetellRefused, RetellUnknown
from speechai.operation.context import Context, allowed_policy
from speechai.operation.finishing import apply_step
from speechai.operation.nudges import Nudges, PollCall
from speechai.retell.call_request import CallRequest
from speechai.store import attempts, batches, capacity, jobs, people
from speechai.store.people import Turn

log = structlog.get_logger(__name__)

LONGEST_PACE_WAIT = timedelta(seconds=5)
"""A dialling thread waits this long for its start; a longer queue goes back to the database."""
PERSON_BUSY_WAIT = timedelta(seconds=60)
LEAKED_AFTER = timedelta(hours=1)
"""A turn so old whose attempt was never recorded belongs to nobody: longer than any claim lasts."""
_MOMENTARY = (Denial.NO_CAPACITY, Denial.PERSON_BUSY, Denial.BATCH_NOT_RUNNING)


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
    policy = allowed_policy(context.settings, batch.policy)
    attempt_id = uuid4().hex
    until = now + timedelta(seconds=context.settings.lease_seconds)
    if not jobs.claim(store, job.id, ticket=ticket, attempt_id=attempt_id, worker_id=context.worker_id, until=until):
        return []
    person = people.get_person(store, job.person_id)
    decision = may_call(policy, batch=batch.status, job=job, person=person, now=now)
    if isinstance(decision, Allowed):
        decision = _take_what_it_needs(context, job, policy, attempt_id, person, decision, now)
    if isinstance(decision, Denied):
        _put_back(context, job, batch, policy, attempt_id, decision, now)
        return []
    return _dial(context, job, batch, policy, attempt_id, decision.phone)


def _take_what_it_needs(
    context: Context,
    job: Job,
    policy: Policy,
    attempt_id: str,
    person: Person,
    allowed: Allowed,
    now: datetime,
) -> Allowed | Denied:
    """A slot, the person's turn, a start: each by one conditional write; what was taken is in the database."""
    store, settings = context.store, context.settings
    today = now.astimezone(ZoneInfo(job.time_zone)).date()
    soon = now + timedelta(seconds=settings.dispatch_interval_seconds)
    # The slot first: it names attempt and job, so that the sweep finds a dead worker's slot and with it the turn.
    if not capacity.take_slot(store, attempt_id, job.id, settings.retell_concurrency):
        return Denied(
            code=Denial.NO_CAPACITY, reason=f"{settings.retell_concurrency} calls are live: the limit", next_at=soon
        )
    turn = people.take_turn(store, person, attempt_id, today=today, cap=policy.attempts_a_day, now=now)
    if turn is Turn.CAPPED:
        return day_cap(policy, job, now)
    if turn is Turn.BUSY:
        _free_a_leaked_turn(context, job.person_id, now)
        return Denied(
            code=Denial.PERSON_BUSY, reason="another call to the same person is live", next_at=now + PERSON_BUSY_WAIT
        )
    now = context.clock()
    start = capacity.reserve_start(
        store, now=now, per_second=settings.retell_calls_per_second, longest_wait=LONGEST_PACE_WAIT
    )
    if start is None:
        return Denied(
            code=Denial.NO_CAPACITY,
            reason=f"more than {settings.retell_calls_per_second:g} starts a second are asked for",
            next_at=soon,
        )
    if start > now:
        context.sleep((start - now).total_seconds())
        return _ask_again(context, job, policy, person, today)
    return allowed


def _free_a_leaked_turn(context: Context, person_id: str, now: datetime) -> None:
    """Gives back a turn that no slot leads to: its worker stalled until the sweep had freed its slot, then died."""
    holder = people.turn_holder(context.store, person_id)
    if holder is None:
        return
    attempt_id, since = holder
    attempt = attempts.get_attempt(context.store, attempt_id)
    if now - since > LEAKED_AFTER if attempt is None else not attempt.state.is_open:
        people.give_turn_back(context.store, person_id, attempt_id)
        log.warning("a leaked turn was given back", action="place_call", attempt_id=attempt_id)


def _ask_again(context: Context, job: Job, policy: Policy, person: Person, today: date) -> Allowed | Denied:
    """The rules once more after the wait for a start: meanwhile the hours may have ended, the batch been paused.

    `person` is as it was before its turn was taken: this attempt must not count against itself.
    """
    now, batch = context.clock(), batches.get_batch(context.store, job.batch_id)
    if now.astimezone(ZoneInfo(job.time_zone)).date() != today:
        return Denied(code=Denial.NO_CAPACITY, reason="the day whose turn was taken is over", next_at=now)
    status = batch.status if batch is not None else BatchStatus.CANCELLED
    return may_call(policy, batch=status, job=job, person=person, now=now)


def _dial(context: Context, job: Job, batch: Batch, policy: Policy, attempt_id: str, phone: str) -> Nudges:
    store, settings = context.store, context.settings
    now = context.clock()
    attempt = Attempt(
        id=attempt_id,
        job_id=job.id,
        batch_id=job.batch_id,
        account_id=job.account_id,
        person_id=job.person_id,
        use_case=job.use_case,
        number=job.attempts + 1,
        to_number=phone,
        from_number=_from_number(context, job.person_id),
        agent_id=settings.retell_agent_id,
        state=AttemptState.PLACING,
        placing_at=now,
        time_zone=job.time_zone,
        next_poll_at=now + timedelta(seconds=settings.lease_seconds),
    )
    attempts.record(store, attempt)
    if not jobs.pass_the_point_of_no_return(store, job.id, attempt_id, phone):
        log.warning("the job was taken back before its call was sent", action="place_call", job_id=job.id)
        attempts.close(store, attempt_id, AttemptState.ABANDONED, {})
        _release(context, job, attempt_id)
        return []
    try:
        facts = context.retell.create_call(_request(context, job, attempt))
    except RetellUnknown as error:
        return _doubt(context, attempt, str(error))
    except (RetellRefused, RetellLater) as error:
        _refused(context, job, batch, policy, attempt, error)
        return []
    note_accepted(context, attempt, facts)
    return [PollCall(attempt.id, attempt.poll_number, settings.call_polling_interval)]


def note_accepted(context: Context, attempt: Attempt, facts: CallFacts) -> None:
    """Saves the id of a call that Retell has, placed just now or found again later."""
    now = context.clock()
    next_poll_at = now + timedelta(seconds=context.settings.call_polling_interval)
    attempts.accept(context.store, attempt.id, facts.call_id, at=now, next_poll_at=next_poll_at)
    jobs.note_call(context.store, attempt.job_id, attempt.id, facts.call_id, now)
    log.info("the call was placed", action="place_call", attempt_id=attempt.id, call_id=facts.call_id)


def _doubt(context: Context, attempt: Attempt, why: str) -> Nudges:
    log.warning("it is not known whether the call was placed", action="place_call", attempt_id=attempt.id, why=why)
    wait = context.settings.lookup_delay_seconds
    attempts.doubt(context.store, attempt.id, next_poll_at=context.clock() + timedelta(seconds=wait), why=why)
    return [PollCall(attempt.id, attempt.poll_number, wait)]


def _refused(
    context: Context, job: Job, batch: Batch, policy: Policy, attempt: Attempt, error: RetellRefused | RetellLater
) -> None:
    """No call happened: the turn goes back, and the job goes on as its row of the outcome table says."""
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
        row=row, success=False, job=job, phone=attempt.to_number, batch=batch, policy=policy, delays=delays, now=now
    )
    step = replace(step, reason=f"{step.reason}: {error}")
    _release(context, job, attempt.id)
    apply_step(context, job, batch, attempt, step, result={}, now=now)
    attempts.close(
        context.store,
        attempt.id,
        AttemptState.REFUSED,
        {"outcome": row.outcome, "refusal": str(error), "ended_at": now},
    )


def _put_back(
    context: Context, job: Job, batch: Batch, policy: Policy, attempt_id: str, denied: Denied, now: datetime
) -> None:
    """Undoes the claim of a job that may not be called now; one that may never be called has failed."""
    _release(context, job, attempt_id)
    status, at = JobStatus.PENDING, denied.next_at or now
    # A slot, a start or a pause's end is worth asking for again; any other wait of a wave batch ends with a wave.
    waits_for_a_wave = batch.pacing is Pacing.WAVES and denied.code not in _MOMENTARY
    if batch.status is BatchStatus.CANCELLED:
        status = JobStatus.CANCELLED
    elif denied.next_at is None and denied.code is not Denial.BATCH_NOT_RUNNING:
        status = JobStatus.FAILED
    jobs.give_back(
        context.store,
        job.id,
        attempt_id,
        status=status,
        next_attempt_at=None if status.is_final else (retry_at(batch, policy, at) if waits_for_a_wave else at),
        admitted=not waits_for_a_wave,
        reason=f"{denied.code}: {denied.reason}",
        now=now,
    )


def _release(context: Context, job: Job, attempt_id: str) -> None:
    people.give_turn_back(context.store, job.person_id, attempt_id)
    capacity.release_slot(context.store, attempt_id)


def _from_number(context: Context, person_id: str) -> str:
    """The caller number of a person: always the same one of the pool, whatever worker dials."""
    numbers = context.from_numbers
    return numbers[int(hashlib.sha256(person_id.encode()).hexdigest(), 16) % len(numbers)]


def _request(context: Context, job: Job, attempt: Attempt) -> CallRequest:
    return CallRequest(
        attempt_id=attempt.id,
        from_number=attempt.from_number,
        to_number=attempt.to_number,
        agent_id=attempt.agent_id,
        variables={"nombre": job.nombre, **job.variables},
        metadata={"job_id": job.id, "batch_id": job.batch_id, "account_id": job.account_id},
        max_call_duration_ms=int(context.settings.call_max_duration_minutes * 60_000),
        hang_up_on_voicemail=True,
    )
