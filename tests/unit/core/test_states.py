"""Which states are final, open or active: what a mutation run cannot ask, since properties are left out of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from speechai.catalogue.callers import kept_results
from speechai.core.accounts import Account, AccountStatus, Plan
from speechai.core.model import AttemptState, JobStatus


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
