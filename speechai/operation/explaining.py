"""Why a contact stands where it stands: the rules asked again at this moment, and what its job has kept.

Enters a job's id; leaves an `Explained` of codes, facts and instants, which `speechai why` says in words. Nothing is
written and nobody is alerted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from speechai.catalogue.policies import Policy
from speechai.core.accounts import MAIN, estimate, why_not
from speechai.core.after_call import retry_at
from speechai.core.calendar import local_instant
from speechai.core.callers import choose_caller
from speechai.core.decision import Denial, Denied
from speechai.core.may_call import may_call
from speechai.core.model import Attempt, AttemptState, Batch, BatchStatus, Job, JobStatus, Pacing, Phase
from speechai.core.provider import NOBODY
from speechai.errors import NotFound, UsageError
from speechai.operation import provider
from speechai.operation.callers import country_of, pool_of
from speechai.operation.context import Context, policy_for
from speechai.store import accounts, attempts, batches, callers, jobs, people
from speechai.store.documents import job_from


class Standing(StrEnum):
    """Where a contact stands, as far as the answer to "why" differs."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    CLAIMED = "claimed"
    """A worker has it and asks the rules."""
    LIVE = "live"
    UNKNOWN = "unknown"
    """Whether its call was placed is not known: it is being looked up."""
    FINISHING = "finishing"
    """The call is over, its result is being written or its analysis waited for."""
    DENIED = "denied"
    """It waits, and a rule forbids a call at this moment."""
    WAITS_FOR_WAVE = "waits_for_wave"
    WAITS_FOR_CALLBACK = "waits_for_callback"
    RESTS = "rests"
    """It waits for its time, or for the message that hands it out."""
    DUE = "due"
    """Nothing forbids a call: it waits for a free line."""


_OF_ATTEMPTS = {
    AttemptState.PLACING: Standing.CLAIMED,
    AttemptState.UNKNOWN: Standing.UNKNOWN,
    AttemptState.LIVE: Standing.LIVE,
    AttemptState.ENDED: Standing.FINISHING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The answer. Instants are aware UTC."""

    job: Job
    batch: Batch
    policy: str
    """Name and version, or why there is none."""
    asked_at: datetime
    standing: Standing
    since: datetime | None
    """When it came into this state; None for one that never moved."""
    until: datetime | None
    """What it waits for, as far as a clock brings it."""
    is_wave: bool
    """Whether `until` is a wave of its batch."""
    denied: Denied | None
    """The rule that stands in the way at this moment, or that ended it."""
    kept: Denied | None
    """The last refusal that the job has kept, of `kept_at`."""
    kept_at: datetime | None
    last: Attempt | None
    """The last call that was begun."""


def explain(context: Context, job_id: str, *, now: datetime) -> Explained:
    """Asks the rules about the job at `now` (aware UTC). Raises NotFound."""
    store = context.store
    document = jobs.get_job_document(store, job_id)
    if document is None:
        raise NotFound(f"there is no job {job_id}: `speechai batch ID --jobs` lists those of a batch")
    job = job_from(document)
    batch = batches.get_batch(store, job.batch_id)
    if batch is None:
        raise NotFound(f"the batch {job.batch_id} of job {job_id} is not there any more")
    made = attempts.attempts_of(store, job.id)
    kept, kept_at = _kept(document.get("denied"))
    begun = Explained(
        job=job,
        batch=batch,
        policy="",
        asked_at=now,
        standing=Standing.DUE,
        since=document.get("status_at"),
        until=None,
        is_wave=False,
        denied=None,
        kept=kept,
        kept_at=kept_at,
        last=made[-1] if made else None,
    )
    try:
        policy = policy_for(context, batch, accounts.get_account(store, batch.account_id))
    except UsageError as error:  # taken out of the catalogue meanwhile
        denied = Denied(code=Denial.UNCLEAR, facts={"why": str(error)})
        return replace(begun, policy=str(error), standing=_by_status(job, made), denied=denied)
    begun = replace(begun, policy=policy.label)
    if job.status is JobStatus.PENDING:
        return _waiting(context, begun, policy)
    return replace(begun, standing=_by_status(job, made), denied=_what_ended_it(context, begun, policy))


def _kept(document: Mapping[str, Any] | None) -> tuple[Denied | None, datetime | None]:
    if not document or document["code"] not in set(Denial):
        return None, None
    kept = Denied(code=Denial(document["code"]), facts=document.get("facts") or {}, next_at=document.get("next_at"))
    return kept, document.get("at")


def _by_status(job: Job, made: list[Attempt]) -> Standing:
    if job.status is not JobStatus.IN_PROGRESS:
        return Standing.DENIED if job.status is JobStatus.PENDING else Standing(job.status.value)
    attempt = next((one for one in made if one.id == job.attempt_id), None)
    if attempt is None or job.phase is Phase.CLAIMED:
        return Standing.CLAIMED
    return _OF_ATTEMPTS.get(attempt.state, Standing.FINISHING)


def _asked(context: Context, job: Job, policy: Policy, status: BatchStatus, now: datetime) -> Denied | str:
    """The rules of the contact itself: the number to dial, or why none."""
    person, phones = people.get_person(context.store, job.person_id), people.get_phones(context.store, job.all_phones)
    answer = may_call(policy, batch=status, job=job, person=person, phones=phones, now=now)
    return answer if isinstance(answer, Denied) else answer.phone


def _waiting(context: Context, begun: Explained, policy: Policy) -> Explained:
    job, batch, now = begun.job, begun.batch, begun.asked_at
    answer = _asked(context, job, policy, batch.status, now)
    denied = answer if isinstance(answer, Denied) else _means_denied(context, job, batch, answer, now)
    denied = denied or provider.denial(context, NOBODY, job.site, now)
    if denied is not None and denied.code is Denial.BATCH_NOT_RUNNING and batch.reason:
        denied = replace(denied, facts={**denied.facts, "why": batch.reason})
    at = job.next_attempt_at
    until = at if at is not None and at > now else None
    if denied is not None and denied.next_at is not None:
        until = max(until or now, denied.next_at)
    in_waves = batch.pacing is Pacing.WAVES and not job.admitted and job.callback_at is None
    if in_waves and (denied is None or denied.next_at is not None):
        until = _wave_from(batch, policy, until or now)
    if denied is not None:
        standing = Standing.DENIED
    elif in_waves:
        standing = Standing.WAITS_FOR_WAVE
    elif job.callback_at is not None and job.callback_at > now:
        standing = Standing.WAITS_FOR_CALLBACK
    else:
        standing = Standing.RESTS if until is not None else Standing.DUE
    return replace(begun, standing=standing, denied=denied, until=until, is_wave=in_waves and until is not None)


def _wave_from(batch: Batch, policy: Policy, earliest: datetime) -> datetime | None:
    try:
        return retry_at(batch, policy, earliest)
    except ValueError:  # the policy has no wave any more
        return None


def _means_denied(context: Context, job: Job, batch: Batch, phone: str, now: datetime) -> Denied | None:
    """What the call would need beside the contact's rules: the account's money and a number to call from."""
    store, settings = context.store, context.settings
    account = accounts.get_account(store, batch.account_id)
    if account is None:
        unknown = Denied(code=Denial.ACCOUNT_UNKNOWN, facts={"account": batch.account_id})
        return None if batch.account_id == MAIN else unknown  # `main` is made by the first call
    on = now.astimezone(settings.zone).date()
    denied = why_not(
        account,
        amount=estimate(account, settings.call_max_duration_minutes),
        batch_id=batch.id,
        on=on,
        next_day_at=local_instant(on + timedelta(days=1), 0, settings.zone),
        soon_at=now + timedelta(seconds=settings.capacity_retry_seconds),
    )
    if denied is not None:
        return denied
    numbers = pool_of(context, account.from_numbers)
    if not numbers:  # the workers' machine may know them where this one does not
        return None
    pool = callers.get_callers(store, numbers)
    chosen = choose_caller(pool, person_id=job.person_id, country=country_of(phone), now=now, zone=job.site.zone)
    return replace(chosen, facts={**chosen.facts, "account": account.id}) if isinstance(chosen, Denied) else None


def _what_ended_it(context: Context, begun: Explained, policy: Policy) -> Denied | None:
    """The rule behind a job that waits for nothing, said by the rule itself where it still holds."""
    job, batch, now = begun.job, begun.batch, begun.asked_at
    if job.status is JobStatus.CANCELLED:
        cancelled = _asked(context, job, policy, BatchStatus.CANCELLED, now)
        return cancelled if isinstance(cancelled, Denied) else None
    if job.status not in (JobStatus.FAILED, JobStatus.SUSPENDED):
        return None
    if begun.kept is not None:
        return begun.kept
    if job.suspended_by == "account":
        return _means_denied(context, job, batch, job.to_number, now)
    answer = _asked(context, job, policy, BatchStatus.RUNNING, now)
    return answer if isinstance(answer, Denied) and answer.next_at is None else None
