"""May this person be called now? Every denial with its reason and its next time, and the order of their weight."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.policies import get_policy
from speechai.core.may_call import Allowed, Denial, Denied, day_cap, exclusion_by_silence, may_call, next_phone
from speechai.core.model import BatchStatus
from tests.unit.core.making import EASTER, MAIN, SECOND, THIRD, local, make_job, make_person, make_policy

DEFAULT = get_policy("default")
NOON = local("2026-11-25T12:00")  # a Wednesday
TODAY = date(2026, 11, 25)
THREE_DAYS = (date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24))


def ask(
    *,
    batch: BatchStatus = BatchStatus.RUNNING,
    job: dict[str, Any] | None = None,
    person: dict[str, Any] | None = None,
    at: str = "2026-11-25T12:00",
) -> Allowed | Denied:
    return may_call(
        DEFAULT, batch=batch, job=make_job(**(job or {})), person=make_person(**(person or {})), now=local(at)
    )


def test_a_waiting_job_of_a_running_batch_within_hours_is_called_on_its_main_phone() -> None:
    assert ask() == Allowed(MAIN)


@pytest.mark.parametrize("status", [status for status in BatchStatus if status is not BatchStatus.RUNNING])
def test_only_a_running_batch_is_dialled(status: BatchStatus) -> None:
    denied = ask(batch=status)
    assert isinstance(denied, Denied)
    assert (denied.code, denied.next_at) == (Denial.BATCH_NOT_RUNNING, None)
    assert str(status) in denied.reason


@pytest.mark.parametrize(
    ("arguments", "code", "next_at"),
    [
        ({"person": {"do_not_call": True}}, Denial.DO_NOT_CALL, None),
        ({"person": {"excluded_reason": "asked by the client"}}, Denial.EXCLUDED, None),
        ({"person": {"silent_on": THREE_DAYS}}, Denial.EXCLUDED, None),
        ({"job": {"bad_phones": (MAIN, SECOND, THIRD)}}, Denial.NO_PHONE_LEFT, None),
        ({"job": {"attempts": 3}}, Denial.ATTEMPTS_USED, None),
        ({"job": {"attempts": 4}}, Denial.ATTEMPTS_USED, None),
        ({"at": "2026-11-25T07:59:59"}, Denial.OUTSIDE_HOURS, "2026-11-25T08:00"),
        ({"at": "2026-11-25T20:00"}, Denial.OUTSIDE_HOURS, "2026-11-26T08:00"),
        ({"at": "2026-11-29T12:00"}, Denial.OUTSIDE_HOURS, "2026-11-30T08:00"),
        ({"at": "2026-12-25T12:00"}, Denial.OUTSIDE_HOURS, "2026-12-26T08:00"),
        ({"person": {"day_on": TODAY, "attempts_today": 3}}, Denial.DAY_CAP, "2026-11-26T08:00"),
        (
            {"person": {"day_on": date(2026, 11, 28), "attempts_today": 3}, "at": "2026-11-28T12:00"},
            Denial.DAY_CAP,
            "2026-11-30T08:00",  # Saturday's cap ends on Monday
        ),
        ({"job": {"time_zone": "America/Nowhere"}}, Denial.UNCLEAR, None),
        ({"job": {"time_zone": ""}}, Denial.UNCLEAR, None),
        ({"job": {"time_zone": "../etc/passwd"}}, Denial.UNCLEAR, None),
        ({"job": {"time_zone": "America"}}, Denial.UNCLEAR, None),
        ({"job": {"country": "XX"}}, Denial.UNCLEAR, None),
    ],
)
def test_a_call_is_denied_with_its_reason_and_the_next_time_worth_asking(
    arguments: dict[str, Any], code: Denial, next_at: str | None
) -> None:
    denied = ask(**arguments)
    assert isinstance(denied, Denied)
    assert denied.code is code
    assert denied.reason
    assert denied.next_at == (local(next_at) if next_at else None)


def test_every_denial_that_this_function_can_give_is_in_the_table_above() -> None:
    given_by_others = {Denial.PERSON_BUSY, Denial.NO_CAPACITY}
    table = {
        Denial.BATCH_NOT_RUNNING,
        Denial.UNCLEAR,
        Denial.DO_NOT_CALL,
        Denial.EXCLUDED,
        Denial.NO_PHONE_LEFT,
        Denial.ATTEMPTS_USED,
        Denial.OUTSIDE_HOURS,
        Denial.DAY_CAP,
    }
    assert table | given_by_others == set(Denial)


def test_yesterdays_attempts_do_not_count_today() -> None:
    assert ask(person={"day_on": TODAY - timedelta(days=1), "attempts_today": 3}) == Allowed(MAIN)


def test_two_attempts_of_three_leave_one() -> None:
    assert ask(person={"day_on": TODAY, "attempts_today": 2}) == Allowed(MAIN)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        # At night a person on the do-not-call list is not told to wait for the morning.
        ({"person": {"do_not_call": True}, "at": "2026-11-25T03:00"}, Denial.DO_NOT_CALL),
        ({"person": {"silent_on": THREE_DAYS}, "at": "2026-11-25T03:00"}, Denial.EXCLUDED),
        ({"job": {"attempts": 3}, "at": "2026-11-25T03:00"}, Denial.ATTEMPTS_USED),
        ({"job": {"bad_phones": (MAIN, SECOND, THIRD)}, "at": "2026-11-25T03:00"}, Denial.NO_PHONE_LEFT),
        ({"person": {"do_not_call": True}, "job": {"time_zone": "nonsense"}}, Denial.DO_NOT_CALL),
        ({"batch": BatchStatus.CANCELLED, "person": {"do_not_call": True}}, Denial.BATCH_NOT_RUNNING),
    ],
)
def test_what_ends_a_job_comes_before_what_makes_it_wait(arguments: dict[str, Any], code: Denial) -> None:
    denied = ask(**arguments)
    assert isinstance(denied, Denied)
    assert denied.code is code


def test_hours_are_those_of_the_contacts_own_place_and_not_of_the_batch() -> None:
    # 9:00 in Santiago is 7:00 on Easter Island, where the hours begin at 8:00.
    denied = ask(job={"time_zone": "Pacific/Easter"}, at="2026-11-25T09:00")
    assert isinstance(denied, Denied)
    assert denied.next_at == local("2026-11-25T08:00", EASTER) == local("2026-11-25T10:00")


def test_the_day_is_that_of_the_contacts_own_place() -> None:
    policy = get_policy("always")
    at = local("2026-11-25T23:30", EASTER)  # already the 26th in Santiago
    person = make_person(day_on=TODAY, attempts_today=3)
    island = may_call(
        policy, batch=BatchStatus.RUNNING, job=make_job(time_zone="Pacific/Easter"), person=person, now=at
    )
    mainland = may_call(policy, batch=BatchStatus.RUNNING, job=make_job(), person=person, now=at)
    assert island == day_cap(policy, make_job(time_zone="Pacific/Easter"), at)
    assert island.next_at == local("2026-11-26T00:00", EASTER)
    assert mainland == Allowed(MAIN)


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({}, MAIN),
        ({"last_phone_tried": MAIN}, SECOND),
        ({"last_phone_tried": SECOND}, THIRD),
        ({"last_phone_tried": THIRD}, MAIN),
        ({"last_phone_tried": SECOND, "bad_phones": (SECOND,)}, THIRD),  # and not MAIN, whose turn was before
        ({"last_phone_tried": MAIN, "bad_phones": (MAIN,)}, SECOND),
        ({"last_phone_tried": THIRD, "bad_phones": (THIRD, MAIN)}, SECOND),
        ({"last_phone_tried": SECOND, "bad_phones": (MAIN, THIRD)}, SECOND),
        ({"last_phone_tried": "+56999999999"}, MAIN),  # a number that an operator has replaced since
        ({"try_phones": (MAIN, SECOND), "last_phone_tried": MAIN}, SECOND),  # the same number twice in a row
        ({"try_phones": ()}, MAIN),
        ({"bad_phones": (MAIN, SECOND, THIRD)}, None),
    ],
)
def test_phones_take_turns_and_a_retired_one_is_passed_over(job: dict[str, Any], expected: str | None) -> None:
    assert next_phone(make_job(**job)) == expected


numbers = st.lists(st.sampled_from([f"+5691000000{n}" for n in range(6)]), min_size=1, max_size=6)


@given(numbers, st.sets(st.sampled_from([f"+5691000000{n}" for n in range(6)])), st.integers(1, 15))
def test_phones_rotate_in_order_and_a_retired_one_is_never_dialled_again(
    phones: list[str], refused: set[str], turns: int
) -> None:
    """A number in `refused` is retired at its first call; every other one must be met once a round, in order."""
    job = make_job(to_number=phones[0], try_phones=tuple(phones[1:]))
    dialled: list[str] = []
    for _ in range(turns):
        phone = next_phone(job)
        if phone is None:
            break
        assert phone not in job.bad_phones
        dialled.append(phone)
        retired = (phone,) if phone in refused else ()
        job = make_job(
            to_number=phones[0],
            try_phones=tuple(phones[1:]),
            last_phone_tried=phone,
            bad_phones=(*job.bad_phones, *retired),
        )
    distinct = list(dict.fromkeys(phones))
    callable_ones = [phone for phone in distinct if phone not in refused]
    expected = [*distinct, *(callable_ones * turns)][:turns]
    assert dialled == expected


@pytest.mark.parametrize(
    ("silent_on", "day_on", "attempts_today", "excluded"),
    [
        ((), None, 0, False),
        (THREE_DAYS[:2], None, 0, False),
        (THREE_DAYS, None, 0, True),
        (THREE_DAYS, TODAY, 1, True),
        # The third silent day is today: its later waves are still tried, until the day's attempts are used.
        ((*THREE_DAYS[:2], TODAY), TODAY, 1, False),
        ((*THREE_DAYS[:2], TODAY), TODAY, 2, False),
        ((*THREE_DAYS[:2], TODAY), TODAY, 3, True),
        # Today's attempts used without silence (a technical failure): two silent days are two.
        (THREE_DAYS[:2], TODAY, 3, False),
        # A day counted in a zone that is ahead is not over here.
        ((*THREE_DAYS[:2], TODAY + timedelta(days=1)), TODAY + timedelta(days=1), 3, False),
    ],
)
def test_silence_on_three_days_excludes_once_the_third_is_over(
    silent_on: tuple[date, ...], day_on: date | None, attempts_today: int, excluded: bool
) -> None:
    person = make_person(silent_on=silent_on, day_on=day_on, attempts_today=attempts_today)
    reason = exclusion_by_silence(DEFAULT, person, TODAY)
    assert (reason is not None) is excluded


def test_third_silent_day_excludes_the_person_from_the_next_day_on() -> None:
    person = {"silent_on": (*THREE_DAYS[:2], TODAY), "day_on": TODAY, "attempts_today": 2}
    assert ask(person=person, at="2026-11-25T15:00") == Allowed(MAIN)
    denied = ask(person=person, at="2026-11-26T09:00")
    assert isinstance(denied, Denied)
    assert denied.code is Denial.EXCLUDED
    assert denied.reason == "silent on 3 days: 2026-11-20, 2026-11-23, 2026-11-25"


def test_the_number_of_silent_days_is_the_policys() -> None:
    person = make_person(silent_on=THREE_DAYS[:1])
    assert exclusion_by_silence(make_policy(silent_days=1), person, TODAY) is not None
    assert exclusion_by_silence(make_policy(silent_days=2), person, TODAY) is None


@given(
    hours_later=st.integers(0, 24 * 400),
    attempts=st.integers(0, 4),
    zone=st.sampled_from(["America/Santiago", "America/Punta_Arenas", "Pacific/Easter"]),
)
def test_a_denial_that_waits_waits_for_a_time_at_which_it_no_longer_holds(
    hours_later: int, attempts: int, zone: str
) -> None:
    now = NOON + timedelta(hours=hours_later)
    job = make_job(time_zone=zone)
    person = make_person(day_on=TODAY, attempts_today=attempts)
    found = may_call(DEFAULT, batch=BatchStatus.RUNNING, job=job, person=person, now=now)
    if isinstance(found, Denied):
        assert found.next_at is not None
        assert found.next_at > now
        assert may_call(DEFAULT, batch=BatchStatus.RUNNING, job=job, person=person, now=found.next_at) == Allowed(MAIN)
