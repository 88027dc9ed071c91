"""What a denial leaves of a job: every code, in both pacings, with and without a time, with and without a callback."""

from __future__ import annotations

from datetime import timedelta

import pytest

from speechai.catalogue.policies import get_policy
from speechai.core.after_denial import FOR_SOMEBODY, MOMENTARY, OF_THE_ACCOUNT, Return, after_denial
from speechai.core.calendar import next_wave
from speechai.core.decision import Denial, Denied
from speechai.core.model import BatchStatus, JobStatus, Pacing
from tests.unit.core.making import SITE, local, make_batch, make_job

DEFAULT = get_policy("default")
NOW = local("2026-11-25T10:00")
LATER = NOW + timedelta(minutes=20)
NOON = local("2026-11-25T12:00")


def back(code: Denial, *, timed: bool = True, pacing: Pacing = Pacing.WAVES, **job: object) -> Return:
    denied = Denied(code=code, next_at=LATER if timed else None)
    return after_denial(denied, job=make_job(**job), batch=make_batch(pacing=pacing), policy=DEFAULT, now=NOW)


@pytest.mark.parametrize("code", sorted(set(Denial) - FOR_SOMEBODY))
def test_a_denial_with_a_time_waits_for_it_or_for_the_next_wave(code: Denial) -> None:
    continuous = back(code, pacing=Pacing.CONTINUOUS)
    assert continuous == Return(status=JobStatus.PENDING, next_attempt_at=LATER, admitted=True)
    expected = (LATER, True) if code in MOMENTARY else (NOON, False)
    in_waves = back(code)
    assert (in_waves.status, in_waves.next_attempt_at, in_waves.admitted) == (JobStatus.PENDING, *expected)
    assert next_wave(DEFAULT, SITE, LATER) == NOON


@pytest.mark.parametrize("code", sorted(set(Denial) - FOR_SOMEBODY))
def test_a_callback_waits_for_its_own_time_and_for_no_wave(code: Denial) -> None:
    kept = back(code, callback_at=NOW)
    assert (kept.status, kept.next_attempt_at, kept.admitted) == (JobStatus.PENDING, LATER, True)


@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize("code", sorted(set(Denial) - FOR_SOMEBODY - {Denial.BATCH_NOT_RUNNING, Denial.BATCH_BUDGET}))
def test_a_denial_without_a_time_ends_the_job(code: Denial, pacing: Pacing) -> None:
    assert back(code, timed=False, pacing=pacing) == Return(
        status=JobStatus.FAILED, next_attempt_at=None, admitted=False
    )


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize("code", sorted(FOR_SOMEBODY))
def test_what_somebody_can_mend_suspends_the_job_with_its_time_and_its_place_in_the_wave(
    code: Denial, pacing: Pacing, timed: bool
) -> None:
    held = back(code, timed=timed, pacing=pacing)
    assert (held.status, held.next_attempt_at, held.admitted) == (JobStatus.SUSPENDED, LATER if timed else NOW, True)
    assert held.suspended_by == ("account" if code in OF_THE_ACCOUNT else None)
    assert not held.pause_batch


def test_a_pause_lets_the_job_wait_where_it_is() -> None:
    assert back(Denial.BATCH_NOT_RUNNING, timed=False) == Return(
        status=JobStatus.PENDING, next_attempt_at=NOW, admitted=True
    )


@pytest.mark.parametrize("pacing", Pacing)
def test_a_used_up_budget_pauses_the_batch_and_ends_nobody(pacing: Pacing) -> None:
    held = back(Denial.BATCH_BUDGET, timed=False, pacing=pacing)
    assert held == Return(status=JobStatus.PENDING, next_attempt_at=NOW, admitted=True, pause_batch=True)
    assert not back(Denial.BATCH_BUDGET).pause_batch  # live calls hold it: it may come back


@pytest.mark.parametrize("code", Denial)
def test_a_cancelled_batch_cancels_its_jobs_whatever_else_stands_in_their_way(code: Denial) -> None:
    batch = make_batch(status=BatchStatus.CANCELLED)
    gone = after_denial(Denied(code=code), job=make_job(), batch=batch, policy=DEFAULT, now=NOW)
    assert gone == Return(status=JobStatus.CANCELLED, next_attempt_at=None, admitted=False)
