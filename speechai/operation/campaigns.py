"""What an operator does to batches and jobs: pause, resume, cancel, retry, reset, clean up, and looking at them.

Each says what it changed. A change that the state of the thing forbids raises NotAllowed; an unknown id NotFound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from speechai.core.model import Attempt, Batch, BatchStatus, JobStatus, Pacing
from speechai.errors import NotAllowed, NotFound, UsageError
from speechai.operation.context import Context
from speechai.store import accounts, attempts, batch_jobs, batches, jobs

_ENDED = (JobStatus.FAILED, JobStatus.SUSPENDED, JobStatus.CANCELLED, JobStatus.DONE)


def pause(context: Context, batch_id: str) -> None:
    """No further call of the batch starts; live ones go on to their end. Pausing twice is harmless."""
    batch = _batch(context, batch_id)
    if batch.status is BatchStatus.PAUSED:
        return
    _move(context, batch, expected=[BatchStatus.RUNNING], to=BatchStatus.PAUSED, reason="paused by an operator")


def resume(context: Context, batch_id: str) -> int:
    """The batch is dialled again, and its suspended jobs with it; returns how many of those there were."""
    batch = _batch(context, batch_id)
    account = accounts.get_account(context.store, batch.account_id)
    if account is None or not account.is_active:
        why = f"suspended: {account.reason}" if account else "not there"
        raise NotAllowed(f"account {batch.account_id} is {why}; `speechai account resume {batch.account_id}` first")
    if batch.status is not BatchStatus.RUNNING:
        _move(context, batch, expected=[BatchStatus.PAUSED], to=BatchStatus.RUNNING, reason=None)
    now = context.clock()
    # Whom the account's suspension held goes on by its own time; whoever resumed the account may have died before this.
    freed = batch_jobs.resume_for_account(context.store, batch.id, now=now)
    return freed + batch_jobs.move_jobs(
        context.store,
        batch.id,
        expected=JobStatus.SUSPENDED,
        to=JobStatus.PENDING,
        reason="resumed by an operator",
        now=now,
    )


def change(context: Context, batch_id: str, *, budget_micros: int | None, priority: int | None) -> None:
    """Replaces the batch's budget (USD micros, 0 for none at all any more) or priority; None leaves it as it is.

    Its calls follow from the next one on. A batch that its budget had paused is not resumed by this. Raises NotFound.
    """
    batch = _batch(context, batch_id)
    changes: dict[str, Any] = {}
    if budget_micros is not None:
        changes["budget_micros"] = budget_micros or None
    if priority is not None:
        changes["priority"] = priority
    batches.change_batch(context.store, batch.id, changes, now=context.clock())


def cancel(context: Context, batch_id: str) -> int:
    """Ends the batch: jobs that wait are cancelled, live calls go on to their end. Returns how many were cancelled."""
    batch = _batch(context, batch_id)
    if batch.status is not BatchStatus.CANCELLED:
        _move(
            context,
            batch,
            expected=[BatchStatus.RUNNING, BatchStatus.PAUSED],
            to=BatchStatus.CANCELLED,
            reason="cancelled by an operator",
        )
    return sum(
        batch_jobs.move_jobs(
            context.store,
            batch.id,
            expected=status,
            to=JobStatus.CANCELLED,
            reason="the batch was cancelled",
            now=context.clock(),
        )
        for status in (JobStatus.PENDING, JobStatus.SUSPENDED)
    )


def retry(context: Context, any_id: str) -> int:
    """Lets a failed or suspended job, or all of those of a batch, be dialled again; returns how many.

    The day's cap, silence and every other rule are asked again as for any job.
    """
    wanted = (JobStatus.FAILED, JobStatus.SUSPENDED)
    job = jobs.get_job(context.store, any_id)
    if job is None:
        batch = _batch(context, any_id)
        return sum(_reset_all(context, batch, status, "retried by an operator") for status in wanted)
    if job.status not in wanted:
        raise NotAllowed(f"job {job.id} is {job.status}: only a failed or suspended job is retried")
    return _reset(context, _batch(context, job.batch_id), [job.id], job.status, "retried by an operator")


def reset_jobs(
    context: Context, *, status: JobStatus, max_age_hours: float | None = None, batch_id: str | None = None
) -> int:
    """Sends jobs that ended in `status` back to wait, of one batch or of all; returns how many.

    With `max_age_hours` only those that came into the state that recently. Raises UsageError for a state that is not
    an end: a call in progress is recovered by the sweep, resetting it could dial twice.
    """
    if status not in _ENDED:
        raise UsageError(f"jobs that are {status} are not reset: choose one of {', '.join(_ENDED)}")
    since = context.clock() - timedelta(hours=max_age_hours) if max_age_hours is not None else None
    chosen = (
        [_batch(context, batch_id)]
        if batch_id
        else batches.batches_in(context.store, BatchStatus.RUNNING, BatchStatus.PAUSED, BatchStatus.COMPLETED)
    )
    return sum(_reset_all(context, batch, status, "reset by an operator", since=since) for batch in chosen)


def _reset_all(
    context: Context, batch: Batch, expected: JobStatus, reason: str, *, since: datetime | None = None
) -> int:
    job_ids = batch_jobs.jobs_in(context.store, batch.id, expected, since=since)
    return _reset(context, batch, job_ids, expected, reason)


def _reset(context: Context, batch: Batch, job_ids: Sequence[str], expected: JobStatus, reason: str) -> int:
    if batch.status is BatchStatus.CANCELLED:
        raise NotAllowed(f"batch {batch.id} is cancelled: send its file again with --again")
    if not job_ids:
        return 0
    # Opened first: contacts that wait in a batch which nobody opens any more would be lost. One that is closed again
    # before they wait is opened by the sweep.
    if batch.status is BatchStatus.COMPLETED:
        _move(context, batch, expected=[BatchStatus.COMPLETED], to=BatchStatus.RUNNING, reason=reason)
    return batch_jobs.reset_jobs(
        context.store,
        job_ids,
        expected=expected,
        admitted=batch.pacing is Pacing.CONTINUOUS,
        reason=reason,
        now=context.clock(),
    )


def clean_up(context: Context, *, older_than_days: float, with_calls: bool = False) -> Mapping[str, int]:
    """Removes batches that ended more than so many days ago, with their contacts; counts by kind.

    The call log stays unless `with_calls`: Chilean law asks for a register of two years.
    """
    instant = context.clock() - timedelta(days=older_than_days)
    removed: dict[str, int] = {}
    for batch_id in batches.closed_before(context.store, instant):
        # A contact whose call goes on, or waits after all; and a list that was let go on since it was found.
        if batches.has_open_jobs(context.store, batch_id):
            continue
        if not batches.take_for_removal(context.store, batch_id, now=context.clock()):
            continue
        for kind, count in batches.delete_batch(context.store, batch_id, with_calls=with_calls).items():
            removed[kind] = removed.get(kind, 0) + count
    return removed


def describe_batch(context: Context, batch_id: str) -> dict[str, Any]:
    """The batch document, and under `jobs` how many are in each state."""
    document = batches.get_batch_document(context.store, batch_id)
    if document is None:
        raise NotFound(f"there is no batch {batch_id}: `speechai batches` lists them")
    counts = batches.job_counts(context.store, batch_id)
    return {**document, "jobs": {status.value: counts.get(status, 0) for status in JobStatus}}


def describe_job(context: Context, job_id: str) -> tuple[dict[str, Any], list[Attempt]]:
    """The job document and its attempts, the first first."""
    document = jobs.get_job_document(context.store, job_id)
    if document is None:
        raise NotFound(f"there is no job {job_id}")
    return document, attempts.attempts_of(context.store, job_id)


def _batch(context: Context, batch_id: str) -> Batch:
    batch = batches.get_batch(context.store, batch_id)
    if batch is None:
        raise NotFound(f"there is no batch {batch_id}: `speechai batches` lists them")
    return batch


def _move(
    context: Context, batch: Batch, *, expected: Sequence[BatchStatus], to: BatchStatus, reason: str | None
) -> None:
    if not batches.move_batch(context.store, batch.id, expected=expected, to=to, reason=reason, now=context.clock()):
        states = " or ".join(expected)
        raise NotAllowed(f"batch {batch.id} is {batch.status}: only one that is {states} becomes {to}")
