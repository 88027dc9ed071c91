"""What becomes of a job that may not be called now: it waits for a time or a wave, for somebody, or it has ended.

Enters the denial, the job and its batch; leaves a `Return`. The caller writes it: a claim that sent nothing is undone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from speechai.catalogue.policies import Policy
from speechai.core.after_call import retry_at
from speechai.core.decision import Denial, Denied
from speechai.core.model import Batch, BatchStatus, Job, JobStatus, Pacing

MOMENTARY = frozenset(
    {
        Denial.NO_CAPACITY,
        Denial.PROVIDER_RESTS,
        Denial.PERSON_BUSY,
        Denial.BATCH_NOT_RUNNING,
        Denial.CALLERS_RESTING,
        Denial.CREDIT_RESERVED,
        Denial.ACCOUNT_LINES,
    }
)
"""Worth asking again before the next wave."""
OF_THE_ACCOUNT = frozenset({Denial.ACCOUNT_UNKNOWN, Denial.ACCOUNT_SUSPENDED, Denial.NO_CREDIT})
FOR_SOMEBODY = OF_THE_ACCOUNT | {Denial.NO_CALLER_NUMBER}
"""Nothing is wrong with the contact: the job waits, suspended, until somebody mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """Where a job goes back to. `next_attempt_at` (aware UTC) is None exactly where `status` is final."""

    status: JobStatus
    next_attempt_at: datetime | None
    admitted: bool
    """False where the wait ends with a wave."""
    suspended_by: str | None = None
    pause_batch: bool = False
    """The batch as a whole cannot be called: it waits for an operator."""


def after_denial(denied: Denied, *, job: Job, batch: Batch, policy: Policy, now: datetime) -> Return:
    """Where `denied` leaves the job at `now`.

    In a wave batch a wait ends with a wave, except for a line, a start, a pause's end or what somebody mends, and for
    somebody who has named the time of the call. A denial without a time ends the job, unless somebody can mend what
    stands in its way.
    """
    if batch.status is BatchStatus.CANCELLED:
        return Return(status=JobStatus.CANCELLED, next_attempt_at=None, admitted=False)
    budget = denied.code is Denial.BATCH_BUDGET and denied.next_at is None
    if denied.code in FOR_SOMEBODY:
        status = JobStatus.SUSPENDED
    elif denied.next_at is None and denied.code is not Denial.BATCH_NOT_RUNNING and not budget:
        return Return(status=JobStatus.FAILED, next_attempt_at=None, admitted=False)
    else:
        status = JobStatus.PENDING
    keeps_its_place = budget or denied.code in MOMENTARY | FOR_SOMEBODY
    for_a_wave = batch.pacing is Pacing.WAVES and not keeps_its_place and job.callback_at is None
    at = denied.next_at or now
    return Return(
        status=status,
        next_attempt_at=retry_at(batch, policy, at) if for_a_wave else at,
        admitted=not for_a_wave,
        suspended_by="account" if denied.code in OF_THE_ACCOUNT else None,
        pause_batch=budget,
    )
