"""The scan behind every wait: what a lost message, a dead worker or a restarted broker left behind is found again.

Enters the time; leaves nudges and mended records. Called by beat every SWEEP_INTERVAL_SECONDS. Each find is logged,
since a healthy system finds nothing; none of them dials, `place_call` and `poll_call` decide again by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from speechai import metrics
from speechai.core.model import AttemptState, Batch, BatchStatus, Job, JobStatus, Pacing
from speechai.operation import accounts as money
from speechai.operation import callers, following_up, late_costs
from speechai.operation.context import Context
from speechai.operation.nudges import LoadBatch, Nudges, PollCall
from speechai.operation.taking import abandon, give_back
from speechai.operation.waves import open_due_waves
from speechai.store import accounts, attempts, batch_jobs, batches, capacity, jobs, people

log = structlog.get_logger(__name__)

LIMIT = 500
"""Finds of one kind in one sweep; the next sweep goes on."""
CANCEL_WINDOW = timedelta(days=7)
"""Longer than any call, and than any time for which nothing runs."""
OPEN_STATES = (AttemptState.PLACING, AttemptState.UNKNOWN, AttemptState.LIVE, AttemptState.ENDED)


def sweep(context: Context) -> Nudges:
    """Looks once at every kind of wait. The task runs the scans one by one, so that none hangs on another."""
    return [nudge for scan in SCANS for nudge in scan(context) or ()]


def _take_back_dead_claims(context: Context) -> None:
    """Jobs whose worker died before it sent anything wait again; their slot and turn are released below."""
    store, now = context.store, context.clock()
    alive = batches.batches_in(store, BatchStatus.RUNNING, BatchStatus.PAUSED)
    cancelled = [batches.get_batch(store, batch_id) for batch_id in batches.cancelled_since(store, now - CANCEL_WINDOW)]
    for batch in [*alive, *filter(None, cancelled)]:
        for job in jobs.claims_that_ran_out(store, batch.id, now, LIMIT):
            _take_back(context, batch, job)


def _take_back(context: Context, batch: Batch, job: Job) -> None:
    if job.attempt_id is not None and jobs.give_back(
        context.store,
        job.id,
        job.attempt_id,
        status=JobStatus.PENDING,
        next_attempt_at=context.clock(),
        admitted=batch.pacing is Pacing.CONTINUOUS or job.admitted,
        reason="its worker died before the call was sent",
        now=context.clock(),
    ):
        abandon(context, job.attempt_id)
        metrics.count_find(metrics.Find.DEAD_CLAIM)
        log.warning("a dead worker's job was taken back", action="sweep", job_id=job.id)


def _release_what_leaked(context: Context) -> None:
    """Slots, and the turns taken with them, whose attempt is closed or was never recorded by a claim that is over."""
    store = context.store
    for held in capacity.held_slots(store):
        job = jobs.get_job(store, held.job_id)
        if _is_in_use(context, held.attempt_id, job):
            continue
        if job is not None:
            give_back(context, job, held.attempt_id, held.phone)
        else:  # deleted by hand: its account's line is found below
            people.give_phone_turn_back(store, held.phone, held.attempt_id)
            capacity.release_slot(store, held.attempt_id)
        metrics.count_find(metrics.Find.LEAKED_SLOT)
        log.warning("a leaked slot was released", action="sweep", job_id=held.job_id, attempt_id=held.attempt_id)


def _follow_the_accounts(context: Context) -> None:
    """Outboxes and leaked reservations of every account; and its lists' contacts wait, or are suspended, as it is."""
    store, now = context.store, context.clock()
    money.sweep_accounts(context, is_open=lambda attempt_id: _is_open(context, attempt_id))
    known = {account.id: account for account in accounts.list_accounts(store)}
    for batch in batches.batches_in(store, BatchStatus.RUNNING, BatchStatus.PAUSED):
        account = known.get(batch.account_id)
        if account is not None and account.is_active:
            batch_jobs.resume_for_account(store, batch.id, now=now)
        else:
            why = f"the account {batch.account_id} is suspended: {account.reason}" if account else "no such account"
            batch_jobs.suspend_for_account(store, batch.id, reason=why, now=now)


def _is_in_use(context: Context, attempt_id: str, job: Job | None) -> bool:
    """True while the claim under this id lasts, or its call is open.

    The job was read first: a claim is made before anything is taken and an attempt's id is never used again, so a job
    that has let go of it will not come back to it.
    """
    if job is not None and job.attempt_id == attempt_id:
        return True
    return _is_open(context, attempt_id)


def _is_open(context: Context, attempt_id: str) -> bool:
    attempt = attempts.get_attempt(context.store, attempt_id)
    return attempt is not None and attempt.state.is_open


def _overdue_polls(context: Context) -> Nudges:
    """Open attempts that nobody looked at in time: their chain goes on where it stopped."""
    now = context.clock()
    wait = timedelta(seconds=context.settings.call_polling_interval)
    grace = {AttemptState.PLACING: timedelta(0)}
    found: Nudges = []
    for state in OPEN_STATES:
        before = now - grace.get(state, wait + timedelta(seconds=context.settings.sweep_interval_seconds))
        for attempt in attempts.overdue(context.store, state, before, LIMIT):
            # Put off, so that a slow poll queue is not filled by every sweep with the same nudges.
            if attempts.touch(context.store, attempt.id, attempt.poll_number, next_poll_at=now + wait):
                is_placing = state is AttemptState.PLACING
                metrics.count_find(metrics.Find.DEAD_REQUEST if is_placing else metrics.Find.LOST_POLL)
                log.warning("a lost poll was found", action="sweep", attempt_id=attempt.id, state=state)
                found.append(PollCall(attempt.id, attempt.poll_number))
    return found


def _late_waves(context: Context) -> Nudges:
    opened = open_due_waves(context)
    metrics.count_find(metrics.Find.LATE_WAVE, len(opened))
    return opened


def _lost_loads(context: Context) -> Nudges:
    now = context.clock()
    received_before = now - timedelta(seconds=context.settings.sweep_interval_seconds)
    lost = batches.loads_that_ran_out(context.store, received_before=received_before, now=now)
    metrics.count_find(metrics.Find.LOST_LOAD, len(lost))
    return [LoadBatch(batch_id) for batch_id in lost]


def _close_batches(context: Context) -> None:
    """A running batch without a job that can still move is completed; a cancelled one keeps no waiting job."""
    store, now = context.store, context.clock()
    for batch in batches.batches_in(store, BatchStatus.RUNNING):
        if not batches.has_open_jobs(store, batch.id):
            batches.move_batch(
                store, batch.id, expected=[BatchStatus.RUNNING], to=BatchStatus.COMPLETED, reason=None, now=now
            )
    # A call that ended, or an operator's reset, between the questions by which a batch is found to have no open job.
    for batch_id in batches.completed_since(store, now - CANCEL_WINDOW):
        if batches.has_open_jobs(store, batch_id) and batches.move_batch(
            store,
            batch_id,
            expected=[BatchStatus.COMPLETED],
            to=BatchStatus.RUNNING,
            reason="a contact waits after all",
            now=now,
        ):
            metrics.count_find(metrics.Find.REOPENED_BATCH)
    # A call that ended while its batch was being cancelled may have put its job back to wait, or suspended it.
    for batch_id in batches.cancelled_since(store, now - CANCEL_WINDOW):
        for status in (JobStatus.PENDING, JobStatus.SUSPENDED):
            batch_jobs.move_jobs(
                store,
                batch_id,
                expected=status,
                to=JobStatus.CANCELLED,
                reason="the batch was cancelled",
                now=now,
            )


def _overdue_actions(context: Context) -> Nudges:
    return following_up.overdue(context, LIMIT)


def _overdue_costs(context: Context) -> Nudges:
    return late_costs.overdue(context, LIMIT)


SCANS: tuple[Callable[[Context], Nudges | None], ...] = (
    _take_back_dead_claims,
    _release_what_leaked,
    _follow_the_accounts,
    _close_batches,
    callers.refresh_countries,
    _lost_loads,
    _late_waves,
    _overdue_actions,
    _overdue_costs,
    _overdue_polls,
)
"""Each kind of wait apart from the others. What one of them returns is to be sent before the next begins: finding it
has put it off."""
