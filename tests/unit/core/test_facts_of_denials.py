"""What a denial knows: the sentence shown to an operator is made of these facts, so each one is pinned by its name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from speechai.catalogue.policies import get_policy
from speechai.core.caps import person_denial, phone_denial
from speechai.core.decision import Denial, Denied
from speechai.core.may_call import may_call
from speechai.core.model import BatchStatus
from tests.unit.core.making import (
    EASTER,
    SANTIAGO,
    SITE,
    local,
    make_job,
    make_person,
    make_phone,
    make_policy,
    site_in,
    tries,
)

NOON = local("2026-11-25T12:00")  # a Wednesday
MADE = tries("2026-11-25T09:00", "2026-11-25T11:00")


@pytest.mark.parametrize(
    ("caps", "person", "code", "facts"),
    [
        ({"attempts_a_day": 2}, {"tries": MADE}, Denial.DAY_CAP,
         {"used": 2, "cap": 2, "next_at": "2026-11-26T08:00-03:00"}),
        ({"attempts_a_week": 1}, {"tries": MADE}, Denial.WEEK_CAP,
         {"used": 2, "cap": 1, "next_at": "2026-12-02T08:00-03:00"}),
        ({"contacts_a_week": 1}, {"talks_on": (date(2026, 11, 24),)}, Denial.CONTACTS_CAP,
         {"used": 1, "cap": 1, "next_at": "2026-12-01T08:00-03:00"}),
        ({"quiet_days": 4}, {"talks_on": (date(2026, 11, 24),)}, Denial.QUIET_DAYS,
         {"talked_on": "2026-11-24", "quiet_days": 4, "next_at": "2026-11-28T08:00-03:00"}),
        ({"minutes_between_attempts": 90}, {"tries": MADE}, Denial.TOO_SOON,
         {"last_at": "2026-11-25T11:00-03:00", "minutes": 90, "next_at": "2026-11-25T12:30-03:00"}),
    ],
)  # fmt: skip
def test_a_persons_cap_says_how_much_of_it_is_used_and_until_when(
    caps: dict[str, Any], person: dict[str, Any], code: Denial, facts: dict[str, Any]
) -> None:
    found = person_denial(make_policy(**caps), make_person(**person), site=SITE, now=NOON, callback=False)
    assert found is not None
    assert (found.code, found.facts) == (code, facts)


def test_a_telephones_cap_names_the_number_masked_and_how_much_is_used() -> None:
    policy = make_policy(phone_attempts_a_week=1)
    found = phone_denial(policy, make_phone(tries=MADE), site=SITE, now=NOON, callback=False)
    assert found is not None
    assert found.facts == {"used": 2, "cap": 1, "phone": "+569****1111", "next_at": "2026-12-02T08:00-03:00"}


@pytest.mark.parametrize(
    ("job", "facts"),
    [
        ({"attempts": 3}, {"used": 3, "cap": 3}),
        ({"attempts": 4, "callback_at": local("2026-11-26T17:00")}, {"used": 4, "cap": 3}),
        (
            {"attempts": 3, "callback_at": local("2026-11-26T17:00")},
            {"used": 3, "cap": 3, "next_at": "2026-11-26T17:00-03:00"},
        ),
    ],
)
def test_used_attempts_say_of_how_many_and_when_the_one_asked_for_comes(
    job: dict[str, Any], facts: dict[str, Any]
) -> None:
    found = may_call(
        get_policy("default"), batch=BatchStatus.RUNNING, job=make_job(**job), person=make_person(), now=NOON
    )
    assert isinstance(found, Denied)
    assert (found.code, found.facts) == (Denial.ATTEMPTS_USED, facts)


@pytest.mark.parametrize(("callback_lifts", "denied"), [(True, False), (False, True)])
def test_a_call_that_was_asked_for_passes_the_week_where_its_turn_is_taken_too(
    callback_lifts: bool, denied: bool
) -> None:
    policy = make_policy(attempts_a_week=1, callback_lifts=callback_lifts)
    found = person_denial(policy, make_person(tries=MADE), site=SITE, now=NOON, callback=True)
    assert (found is not None) is denied


def test_quiet_days_end_with_the_local_day_of_the_place() -> None:
    """A place that is open around the clock is called from its own midnight on."""
    policy = make_policy(every_day=(0, 1440), closed_on_holidays=False, quiet_days=2)
    person = make_person(talks_on=(date(2026, 11, 25),))
    for zone in (SANTIAGO, EASTER):
        at = local("2026-11-25T12:00", zone)
        found = person_denial(policy, person, site=site_in(zone), now=at, callback=False)
        assert found is not None
        assert found.next_at == local("2026-11-27T00:00", zone)


def test_a_cap_that_a_callback_may_not_pass_is_not_shortened_by_one_that_is_ahead() -> None:
    """The wish is for the afternoon; the policy keeps the week for wishes too."""
    policy = make_policy(attempts_a_week=1, callback_lifts=False)
    job = make_job(callback_at=local("2026-11-25T17:00"))
    found = may_call(policy, batch=BatchStatus.RUNNING, job=job, person=make_person(tries=MADE), now=NOON)
    assert isinstance(found, Denied)
    assert found.next_at == local("2026-12-02T08:00")
