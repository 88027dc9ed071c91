"""What a restored database lacks of the calls that it knows: done again, in the order in which they were placed.

Enters a copy whose collections were read one after the other, the attempts last; leaves every call with its turn, its
money, its place in the wave and its job's next step. A call that is over is finished as ever, one that is open is left
to the sweep. All of it may be done again. Called by `speechai.operation.restoring` and `speechai.operation.adopting`.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from speechai.core.accounts import estimate
from speechai.core.model import Attempt, AttemptState, Job, Pacing, Try
from speechai.core.waves import due_wave
from speechai.errors import UsageError
from speechai.operation.context import Context, policy_for
from speechai.operation.finishing import finish
from speechai.store import accounts, attempts, batches, jobs, mending, people
from speechai.store.mending import Closed
from speechai.store.waves import cohort

CLOCKS_APART = timedelta(minutes=5)
"""What was closed so shortly before a backup began counts as closed while it was taken: hosts' clocks differ."""


def make_whole(context: Context, *, since: datetime) -> int:
    """Does again what calls that were open at `since` or closed later may not have left everywhere; returns how many.

    `since` is when the backup was begun.
    """
    _free_turns_of_no_call(context)
    found = mending.attempts_open_or_closed_since(context.store, since - CLOCKS_APART)
    for one in found:
        _mend(context, one)
    return len(found)


def _free_turns_of_no_call(context: Context) -> None:
    """Turns that were copied between their taking and their call: a later call of the person takes their place, and
    would leave them counted. Of a call that was sent after all Retell tells, and it is counted with that."""
    store = context.store
    for person_id, attempt_id in mending.turns(store.people):
        if not _may_have_been_sent(context, attempt_id):
            people.give_turn_back(store, person_id, attempt_id)
    for number, attempt_id in mending.turns(store.phones):
        if not _may_have_been_sent(context, attempt_id):
            people.give_phone_turn_back(store, number, attempt_id)


def _may_have_been_sent(context: Context, attempt_id: str) -> bool:
    attempt = attempts.get_attempt(context.store, attempt_id)
    return attempt is not None and attempt.state not in (AttemptState.ABANDONED, AttemptState.REFUSED)


def _mend(context: Context, one: Closed) -> None:
    store, attempt, now = context.store, one.attempt, context.clock()
    if attempt.state is AttemptState.ABANDONED:
        return  # no call happened: what it took leaks back as ever
    job = jobs.get_job(store, attempt.job_id)
    if attempt.state is AttemptState.REFUSED:
        if job is not None:
            mending.let_go(store, job.id, attempt.id, now=now)
        return
    held = job if job is not None and not _was_stepped(context, job, one) else None
    hold(context, attempt, held)
    if attempt.state is AttemptState.FINISHED:
        mending.reopen(store, attempt.id, now=now)
        finish(context, attempt.id)


def _was_stepped(context: Context, job: Job, one: Closed) -> bool:
    """Whether the job, as it was copied, has what followed from the attempt: it was read before its attempts."""
    attempt = one.attempt
    if job.attempt_id == attempt.id:
        return False
    if attempt.call_id is not None and job.call_id == attempt.call_id:
        return True
    document = jobs.get_job_document(context.store, job.id) or {}
    # The earlier of the two: a restore of shortly before has closed it anew, and Retell's clock may be ahead.
    ended_at = min((at for at in (one.closed_at, attempt.ended_at) if at is not None), default=None)
    moved_at = document.get("status_at")
    return moved_at is not None and ended_at is not None and moved_at >= ended_at


def hold(context: Context, attempt: Attempt, job: Job | None) -> None:
    """Everything that the attempt took; `job` None where that has moved on since. Repeatable."""
    store = context.store
    made = Try(attempt_id=attempt.id, at=attempt.placing_at, on=attempt.local_on)
    mending.hold_person(store, attempt.person_id, made)
    mending.hold_phone(store, attempt.to_number, made)
    _hold_money(context, attempt)
    if job is not None:
        _join_wave(context, attempt, job)
        mending.hold_job(store, job.id, attempt.id, phone=attempt.to_number)
    if attempt.state in (AttemptState.PLACING, AttemptState.UNKNOWN, AttemptState.LIVE):
        mending.hold_slot(store, attempt.id, attempt.job_id, phone=attempt.to_number)


def _hold_money(context: Context, attempt: Attempt) -> None:
    account = accounts.get_account(context.store, attempt.account_id)
    if account is None:
        return
    mending.hold_money(
        context.store,
        account.id,
        attempt.id,
        amount=estimate(account, context.settings.call_max_duration_minutes),
        batch_id=attempt.batch_id,
        on=attempt.placing_at.astimezone(context.settings.zone).date(),
        now=context.clock(),
    )


def _join_wave(context: Context, attempt: Attempt, job: Job) -> None:
    """A contact whom a wave let in that the copy does not know still is one of the day's people (law 5)."""
    batch = batches.get_batch(context.store, job.batch_id)
    if batch is None or batch.pacing is not Pacing.WAVES:
        return
    if job.callback_at is not None and job.callback_at <= attempt.placing_at:
        return
    day = attempt.placing_at.astimezone(batch.zone).date()
    if job.id in cohort(context.store, batch.id, day):
        return
    try:
        wave = due_wave(policy_for(context, batch, None), batch, attempt.placing_at)
    except UsageError:
        return
    if wave is not None:
        mending.join_wave(context.store, batch.id, wave.day, wave.wave, job.id, now=context.clock())
