"""A callback that the person asked for: what it lifts, what it never passes, and how many attempts it may be above."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from speechai.core.decision import Allowed, Denial
from tests.unit.core.making import (
    MAIN,
    local,
    make_policy,
    tries,
)
from tests.unit.core.test_may_call import NOON, THREE_TODAY, ask, denied, on_each

CALLBACK = {"callback_at": local("2026-11-26T17:00")}


@pytest.mark.parametrize(
    ("job", "at", "next_at"),
    [
        ({"attempts": 2, **CALLBACK}, NOON, "allowed"),
        ({"attempts": 3, **CALLBACK}, "2026-11-26T17:00", "allowed"),
        ({"attempts": 3, **CALLBACK}, "2026-11-28T10:00", "allowed"),
        ({"attempts": 3, **CALLBACK}, NOON, "2026-11-26T17:00"),
        ({"attempts": 3, **CALLBACK}, "2026-11-25T21:00", "2026-11-26T17:00"),
        ({"attempts": 3, "callback_at": local("2026-11-29T12:00")}, NOON, "2026-11-30T08:00"),  # a Sunday
        ({"attempts": 4, **CALLBACK}, NOON, None),
        ({"attempts": 4, **CALLBACK}, "2026-11-26T17:00", None),
    ],
)
def test_a_call_that_the_person_asked_for_may_be_one_more_than_the_attempts(
    job: dict[str, Any], at: str, next_at: str | None
) -> None:
    if next_at == "allowed":
        assert ask(job=job, at=at) == Allowed(MAIN)
        return
    found = denied(job=job, at=at)
    assert (found.code, found.next_at) == (Denial.ATTEMPTS_USED, local(next_at) if next_at else None)
    assert found.facts["cap"] == 3
    assert ("next_at" in found.facts) is (found.next_at is not None)


def test_the_attempts_that_are_used_name_the_callback_that_is_still_to_come() -> None:
    assert denied(job={"attempts": 3, **CALLBACK}).reason == (
        "not before Thursday 2026-11-26 17:00: 3 of 3 attempts are used, but for the call that the person asked for"
    )


LAST_WEEK = {
    "tries": tries("2026-11-24T10:00"),
    "talks_on": (date(2026, 11, 24),),
}


@pytest.mark.parametrize(
    ("caps", "code"),
    [
        ({"attempts_a_week": 1}, Denial.WEEK_CAP),
        ({"contacts_a_week": 1}, Denial.CONTACTS_CAP),
        ({"quiet_days": 7}, Denial.QUIET_DAYS),
        ({"phone_attempts_a_week": 1}, Denial.PHONE_WEEK_CAP),
    ],
)
def test_a_callback_passes_the_week_and_the_quiet_days_where_the_policy_says_so(
    caps: dict[str, Any], code: Denial
) -> None:
    state: dict[str, Any] = {
        "person": LAST_WEEK,
        "phones": on_each(tries=LAST_WEEK["tries"]),
        "job": CALLBACK,
    }
    lifts, strict = make_policy(**caps), make_policy(**caps, callback_lifts=False)
    assert ask(lifts, **state, at="2026-11-26T17:00") == Allowed(MAIN)
    found = denied(strict, **state, at="2026-11-26T17:00")
    assert (found.code, found.next_at) == (code, local("2026-12-01T08:00"))
    # Asked before its time, the call waits for it and not for the end of the week.
    early = denied(lifts, **state)
    assert (early.code, early.next_at) == (code, CALLBACK["callback_at"])
    assert early.facts["next_at"] == "2026-11-26T17:00-03:00"
    assert denied(strict, **state).next_at == local("2026-12-01T08:00")


def test_a_callback_after_the_caps_end_makes_nobody_wait_longer() -> None:
    job = {"callback_at": local("2026-12-03T17:00")}
    assert denied(make_policy(quiet_days=7), person=LAST_WEEK, job=job).next_at == local("2026-12-01T08:00")


@pytest.mark.parametrize(
    ("changes", "code", "next_at"),
    [
        ({}, Denial.DAY_CAP, "2026-11-27T08:00"),
        ({"minutes_between_attempts": 60, "attempts_a_day": 4}, Denial.TOO_SOON, "2026-11-26T17:50"),
    ],
)
def test_a_callback_never_passes_a_days_cap_or_comes_at_once_again(
    changes: dict[str, Any], code: Denial, next_at: str
) -> None:
    made = tries("2026-11-26T09:00", "2026-11-26T10:00", "2026-11-26T16:50")
    found = denied(make_policy(**changes), person={"tries": made}, job=CALLBACK, at="2026-11-26T17:00")
    assert (found.code, found.next_at) == (code, local(next_at))


def test_a_callback_comes_at_no_other_hour() -> None:
    found = denied(job={"callback_at": local("2026-11-25T21:00")}, at="2026-11-25T21:00")
    assert (found.code, found.next_at) == (Denial.OUTSIDE_HOURS, local("2026-11-26T08:00"))


def test_a_callback_waits_for_a_days_cap_that_holds_beyond_its_time() -> None:
    """Its time lifts the week, not the day: both have to be over."""
    policy = make_policy(attempts_a_week=1, attempts_a_day=1)
    job = {"callback_at": local("2026-11-25T17:00")}
    found = denied(policy, person={"tries": THREE_TODAY[:1]}, job=job)
    assert found.next_at == local("2026-11-26T08:00")
