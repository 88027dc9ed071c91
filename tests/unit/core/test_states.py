"""Which states are final, open or active: what a mutation run cannot ask, since properties are left out of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from speechai.catalogue.callers import kept_results
from speechai.core.accounts import Account, AccountStatus, Plan
from speechai.core.model import Attempt, AttemptState, CallFacts, JobStatus, person_id_of
from tests.unit.core.making import local


@pytest.mark.parametrize("state", AttemptState)
def test_an_attempt_is_open_until_it_has_a_result_or_never_was_a_call(state: AttemptState) -> None:
    assert state.is_open is (state.value in {"placing", "unknown", "live", "ended"})


@pytest.mark.parametrize("status", JobStatus)
def test_a_job_ends_done_failed_or_cancelled(status: JobStatus) -> None:
    assert status.is_final is (status.value in {"done", "failed", "cancelled"})


@pytest.mark.parametrize("status", AccountStatus)
def test_a_suspended_account_is_not_active(status: AccountStatus) -> None:
    account = replace(Account(id="acme", name="Acme", plan=Plan.CREDIT), status=status)
    assert account.is_active is (status.value == "active")


def test_as_many_results_of_a_caller_number_are_kept_as_the_widest_window_asks_for() -> None:
    assert kept_results() == 20


def test_an_attempt_belongs_to_the_local_day_of_its_own_place() -> None:
    attempt = Attempt(
        id="a",
        job_id="j",
        batch_id="b",
        account_id="main",
        person_id="p",
        use_case="debt_collection",
        number=1,
        to_number="+56911111111",
        from_number="+56222222222",
        agent_id=None,
        state=AttemptState.LIVE,
        placing_at=local("2026-11-26T00:30"),
        time_zone="America/Santiago",
    )
    assert attempt.local_on == date(2026, 11, 26)
    assert replace(attempt, time_zone="Pacific/Easter").local_on == date(2026, 11, 25)


@pytest.mark.parametrize(
    ("status", "reason", "ended", "expected"),
    [
        ("ended", None, False, True),
        ("not_connected", None, False, True),
        ("error", None, False, True),
        ("registered", None, False, False),
        ("ongoing", None, True, False),
        ("ongoing", "user_hangup", False, False),
        ("a status of tomorrow", "user_hangup", True, True),
        (None, None, False, False),
    ],
)
def test_a_call_is_over_by_its_status_or_by_a_reason_with_an_end(
    status: str | None, reason: str | None, ended: bool, expected: bool
) -> None:
    ended_at = datetime(2026, 11, 25, 15, tzinfo=UTC) if ended else None
    assert CallFacts(call_id="c", status=status, reason=reason, ended_at=ended_at).is_over is expected


def test_a_person_is_known_by_the_national_id_else_by_the_number() -> None:
    assert person_id_of("CL", "12345678-5", "+56911111111") == "CL:12345678-5"
    assert person_id_of("CL", None, "+56911111111") == person_id_of("CL", "", "+56911111111") == "tel:+56911111111"


@pytest.mark.parametrize(
    ("national_id", "person"),
    [
        ("12345678", "AR:12345678"),
        ("20-12345678-6", "AR:12345678"),
        ("27-05123456-4", "AR:5123456"),
        ("5123456", "AR:5123456"),
        ("30-12345678-1", "AR:30-12345678-1"),
        ("28-12345678-1", "AR:28-12345678-1"),
    ],
)
def test_an_argentinian_is_one_person_by_dni_and_by_cuit(national_id: str, person: str) -> None:
    assert person_id_of("AR", national_id, "+5491130000000") == person
