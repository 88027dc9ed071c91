"""What becomes of a job after one attempt: done, another try at a time, a callback, failed, or suspended.

Enter what Retell said (as an outcome row), the job and the delays; leaves a `NextStep`. The caller writes it. Called
when a call is finished, when Retell refused it, and when its end was never told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from speechai.catalogue.outcomes import Outcome, OutcomeRow, Retry, load_outcomes, outcome_of
from speechai.catalogue.policies import Policy
from speechai.catalogue.use_cases import UseCase
from speechai.core.calendar import next_wave
from speechai.core.model import Batch, CallFacts, Job, JobStatus, Pacing


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long a contact rests after an attempt (the seed's settings)."""

    other: timedelta
    """RETRY_DELAY_MINUTES."""
    no_answer: timedelta
    """NO_ANSWER_RETRY_MINUTES, also after busy and voicemail."""
    later: timedelta
    """After a refusal for capacity: no attempt was spent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What is written to the job. `next_attempt_at` only with `pending` or a callback; `reason` always says why."""

    status: JobStatus
    reason: str
    next_attempt_at: datetime | None = None
    counts_as_attempt: bool = True
    retire_phone: bool = False
    pause_batch: bool = False
    suspend_account: bool = False
    """Every further call of the account would fail the same way: it waits for somebody, and the job with it."""
    callback_at: datetime | None = None
    """The person asked to be called then; `next_attempt_at` is the same instant."""
    keeps_its_place: bool = False
    """The job waits for a free line, not for the next wave of its batch."""
    do_not_call: bool = False


def judge(
    facts: CallFacts | None, use_case: UseCase, values: Mapping[str, Any], *, asked_for_later: bool = False
) -> tuple[OutcomeRow, bool]:
    """The outcome of a call, and whether it was a success. None stands for a call whose end was never told.

    `values` are the agent's fields as they were read (`read_captured`): a field that says "no" is no success, and what
    somebody else said (`UseCase.right_person`) never is one.

    With `asked_for_later` (the person wants to be called again) Retell's own judgement is not enough: a polite call
    that put everything off is no success, one with a promise in it is.
    """
    if facts is None:
        return load_outcomes()["unknown"], False
    right_person = use_case.right_person_spoke(values)
    row = outcome_of(facts.reason, in_voicemail=facts.in_voicemail, right_person=right_person)
    # A reason that Retell added after this version: what the call says itself keeps a debtor who has promised from
    # being called again (retell-api 4.4).
    is_talk = row.retry is Retry.SUCCESS or (row.reason == "unknown" and facts.status == "ended")
    may_succeed = is_talk and right_person is not False
    successful = None if asked_for_later or row.outcome is Outcome.CALLBACK else facts.successful
    return row, may_succeed and use_case.is_success(successful=successful, captured=values)


def is_contact(policy: Policy, row: OutcomeRow) -> bool:
    """Whether a call that ended as `row` was an effective contact: somebody talked, or a machine where that counts."""
    return row.contact or (policy.voicemail_is_contact and row.outcome is Outcome.VOICEMAIL)


def after_call(
    *,
    row: OutcomeRow,
    success: bool,
    job: Job,
    phone: str,
    batch: Batch,
    policy: Policy,
    delays: Delays,
    now: datetime,
    callback_at: datetime | None = None,
) -> NextStep:
    """The job's next step after an attempt on `phone` that ended as `row` at `now` (aware UTC).

    `job.attempts` is the count before this attempt. The user's rules: done on success; busy or no answer 60 minutes;
    other failures 30 (a policy may say otherwise); no phone left, failed. In a wave batch the time rounds up to the
    next wave, except where only a line was missing. `callback_at` (aware UTC, within the hours) is kept also where the
    attempts are used up: the person asked for it. One that was asked for before (`job.callback_at`) stays open where no
    call happened; another number is dialled for it at once.
    """
    if (end := certain_end(row, success=success)) is not None:
        return end
    words = _words(row)
    if callback_at is not None and row.retry is not Retry.ACCOUNT:
        return NextStep(
            status=JobStatus.PENDING,
            reason=f"a callback was asked for; the last: {words}",
            next_attempt_at=callback_at,
            callback_at=callback_at,
            counts_as_attempt=row.attempt,
        )
    if row.retry is Retry.ACCOUNT:
        return NextStep(status=JobStatus.SUSPENDED, reason=words, counts_as_attempt=row.attempt, suspend_account=True)
    retire = row.retry is Retry.BAD_NUMBER
    used = job.attempts + (1 if row.attempt else 0)
    # Where no call happened, nobody has answered yet who had asked for one: it is no call above the attempts either.
    still_asked_at = None if row.attempt else job.callback_at
    if used >= job.max_attempts and still_asked_at is None:
        return NextStep(
            status=JobStatus.FAILED,
            reason=f"{used} of {job.max_attempts} attempts used; the last: {words}",
            counts_as_attempt=row.attempt,
            retire_phone=retire,
        )
    if retire and not replace(job, bad_phones=(*job.bad_phones, phone)).phones:
        return NextStep(
            status=JobStatus.FAILED,
            reason=f"no phone left; the last: {words}",
            counts_as_attempt=row.attempt,
            retire_phone=True,
        )
    if retire and still_asked_at is not None:
        return NextStep(
            status=JobStatus.PENDING,
            reason=words,
            next_attempt_at=max(now, still_asked_at),
            callback_at=still_asked_at,
            counts_as_attempt=False,
            retire_phone=True,
        )
    earliest, momentary = now + _delay(row.retry, policy, delays), row.retry is Retry.LATER
    return NextStep(
        status=JobStatus.PENDING,
        reason=words,
        next_attempt_at=earliest if momentary else retry_at(batch, policy, earliest),
        counts_as_attempt=row.attempt,
        retire_phone=retire,
        keeps_its_place=momentary,
    )


def certain_end(row: OutcomeRow, *, success: bool) -> NextStep | None:
    """The end of a job in which no policy has a say: a success, or a call after which there is no other; else None."""
    if success:
        return NextStep(status=JobStatus.DONE, reason=_words(row))
    if row.retry is not Retry.NEVER:
        return None
    return NextStep(
        status=JobStatus.FAILED,
        reason=_words(row),
        counts_as_attempt=row.attempt,
        do_not_call=row.outcome is Outcome.DO_NOT_CALL,
    )


def retry_at(batch: Batch, policy: Policy, earliest: datetime) -> datetime:
    """When a contact that may be tried from `earliest` on is tried: then, or at the next wave of a wave batch."""
    return earliest if batch.pacing is Pacing.CONTINUOUS else next_wave(policy, batch.site, earliest)


def _words(row: OutcomeRow) -> str:
    return f"{row.outcome} ({row.reason})"


def _delay(retry: Retry, policy: Policy, delays: Delays) -> timedelta:
    if retry is Retry.LATER:
        return delays.later
    name, standard = ("no_answer", delays.no_answer) if retry is Retry.NO_ANSWER else ("other", delays.other)
    return timedelta(minutes=policy.delays_minutes[name]) if name in policy.delays_minutes else standard
