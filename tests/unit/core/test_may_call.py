"""May this person be called now? Every denial with its reason and its next time, and the order of their weight."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.policies import Policy, get_policy
from speechai.catalogue.policy_fields import PhoneOrder
from speechai.core.decision import Allowed, Denial, Denied
from speechai.core.may_call import may_call, next_phone
from speechai.core.model import BatchStatus
from tests.unit.core.making import (
    EASTER,
    MAIN,
    SECOND,
    THIRD,
    local,
    make_job,
    make_person,
    make_phone,
    make_policy,
    tries,
)

DEFAULT = get_policy("default")
NOON = "2026-11-25T12:00"  # a Wednesday
TODAY = date(2026, 11, 25)
THREE_DAYS = (date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24))
THREE_TODAY = tries("2026-11-25T09:00", "2026-11-25T10:00", "2026-11-25T11:00")


def on_each(**changes: Any) -> dict[str, dict[str, Any]]:
    """The same known of every phone of the job."""
    return dict.fromkeys((MAIN, SECOND, THIRD), changes)


def ask(
    policy: Policy = DEFAULT,
    *,
    batch: BatchStatus = BatchStatus.RUNNING,
    job: dict[str, Any] | None = None,
    person: dict[str, Any] | None = None,
    phones: dict[str, dict[str, Any]] | None = None,
    at: str = NOON,
) -> Allowed | Denied:
    return may_call(
        policy,
        batch=batch,
        job=make_job(**(job or {})),
        person=make_person(**(person or {})),
        phones={number: make_phone(number, **changes) for number, changes in (phones or {}).items()},
        now=local(at),
    )


def denied(*arguments: Any, **named: Any) -> Denied:
    found = ask(*arguments, **named)
    assert isinstance(found, Denied)
    return found


def test_a_waiting_job_of_a_running_batch_within_hours_is_called_on_its_main_phone() -> None:
    assert ask() == Allowed(MAIN)


@pytest.mark.parametrize("status", [status for status in BatchStatus if status is not BatchStatus.RUNNING])
def test_only_a_running_batch_is_dialled(status: BatchStatus) -> None:
    found = denied(batch=status)
    assert (found.code, found.next_at) == (Denial.BATCH_NOT_RUNNING, None)
    assert found.facts == {"state": status}


@pytest.mark.parametrize(
    ("arguments", "code", "next_at"),
    [
        ({"person": {"do_not_call": True}}, Denial.DO_NOT_CALL, None),
        ({"person": {"excluded_reason": "asked by the client"}}, Denial.EXCLUDED, None),
        ({"person": {"silent_on": THREE_DAYS}}, Denial.EXCLUDED, None),
        ({"job": {"bad_phones": (MAIN, SECOND, THIRD)}}, Denial.NO_PHONE_LEFT, None),
        ({"phones": on_each(do_not_call=True)}, Denial.DO_NOT_CALL, None),
        (
            {"phones": {MAIN: {"do_not_call": True}}, "job": {"bad_phones": (SECOND, THIRD)}},
            Denial.DO_NOT_CALL,
            None,
        ),
        ({"job": {"attempts": 3}}, Denial.ATTEMPTS_USED, None),
        ({"job": {"attempts": 4}}, Denial.ATTEMPTS_USED, None),
        ({"at": "2026-11-25T07:59:59"}, Denial.OUTSIDE_HOURS, "2026-11-25T08:00"),
        ({"at": "2026-11-25T20:00"}, Denial.OUTSIDE_HOURS, "2026-11-26T08:00"),
        ({"at": "2026-11-29T12:00"}, Denial.OUTSIDE_HOURS, "2026-11-30T08:00"),
        ({"at": "2026-12-25T12:00"}, Denial.OUTSIDE_HOURS, "2026-12-26T08:00"),
        ({"person": {"tries": THREE_TODAY}}, Denial.DAY_CAP, "2026-11-26T08:00"),
        ({"job": {"time_zone": "America/Nowhere"}}, Denial.UNCLEAR, None),
        ({"job": {"time_zone": ""}}, Denial.UNCLEAR, None),
        ({"job": {"time_zone": "../etc/passwd"}}, Denial.UNCLEAR, None),
        ({"job": {"time_zone": "America"}}, Denial.UNCLEAR, None),
        ({"job": {"other_zones": ("America/Nowhere",)}}, Denial.UNCLEAR, None),
        ({"job": {"country": "XX"}}, Denial.UNCLEAR, None),
    ],
)
def test_a_call_is_denied_with_its_reason_and_the_next_time_worth_asking(
    arguments: dict[str, Any], code: Denial, next_at: str | None
) -> None:
    found = denied(**arguments)
    assert found.code is code
    assert found.next_at == (local(next_at) if next_at else None)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        # At night a person on the do-not-call list is not told to wait for the morning.
        ({"person": {"do_not_call": True}, "at": "2026-11-25T03:00"}, Denial.DO_NOT_CALL),
        ({"person": {"silent_on": THREE_DAYS}, "at": "2026-11-25T03:00"}, Denial.EXCLUDED),
        ({"job": {"attempts": 3}, "at": "2026-11-25T03:00"}, Denial.ATTEMPTS_USED),
        ({"job": {"bad_phones": (MAIN, SECOND, THIRD)}, "at": "2026-11-25T03:00"}, Denial.NO_PHONE_LEFT),
        (
            {"phones": on_each(do_not_call=True), "at": "2026-11-25T03:00"},
            Denial.DO_NOT_CALL,
        ),
        ({"person": {"do_not_call": True}, "job": {"time_zone": "nonsense"}}, Denial.DO_NOT_CALL),
        ({"person": {"excluded_reason": "bankrupt"}, "job": {"time_zone": "nonsense"}}, Denial.EXCLUDED),
        ({"person": {"tries": THREE_TODAY}, "at": "2026-11-25T21:00"}, Denial.OUTSIDE_HOURS),
        ({"batch": BatchStatus.CANCELLED, "person": {"do_not_call": True}}, Denial.BATCH_NOT_RUNNING),
    ],
)
def test_what_ends_a_job_comes_before_what_makes_it_wait(arguments: dict[str, Any], code: Denial) -> None:
    assert denied(**arguments).code is code


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            {"at": "2026-11-21T20:10"},
            "not before Monday 2026-11-23 08:00: Saturday 2026-11-21 20:10 in Santiago is outside the hours of default",
        ),
        ({"person": {"silent_on": THREE_DAYS}}, "silent on 3 days: 2026-11-20, 2026-11-23, 2026-11-24"),
        ({"person": {"tries": THREE_TODAY}},
         "not before Thursday 2026-11-26 08:00: the person has had 3 of 3 attempts of the day"),
        ({"person": {"excluded_reason": "see +56912345678"}}, "the person is excluded: see +569****5678"),
        ({"job": {"attempts": 3}}, "3 of 3 attempts are used"),
        ({"job": {"bad_phones": (MAIN, SECOND, THIRD)}}, "no phone is left: each of the 3 numbers was refused"),
        (
            {"phones": {MAIN: {"do_not_call": True}}, "job": {"try_phones": ()}},
            "+569****1111 is on the do-not-call list",
        ),
        (
            {"phones": on_each(do_not_call=True)},
            "each of the 3 numbers is on the do-not-call list",
        ),
        (
            {"job": {"time_zone": "America/Nowhere"}},
            "what is not clear is not called: the hours in zone 'America/Nowhere', country 'CL': "
            "'No time zone found with key America/Nowhere'",
        ),
    ],
)  # fmt: skip
def test_the_reason_says_what_is_known(arguments: dict[str, Any], words: str) -> None:
    assert denied(**arguments).reason == words


def test_hours_are_those_of_the_contacts_own_place_and_not_of_the_batch() -> None:
    # 9:00 in Santiago is 7:00 on Easter Island, where the hours begin at 8:00.
    found = denied(job={"time_zone": "Pacific/Easter"}, at="2026-11-25T09:00")
    assert found.next_at == local("2026-11-25T08:00", EASTER) == local("2026-11-25T10:00")


@pytest.mark.parametrize(
    ("at", "closed_in", "next_at"),
    [
        ("2026-11-25T09:00", "Pacific/Easter", "2026-11-25T10:00"),  # 7:00 on the island
        ("2026-11-25T20:30", "America/Santiago", "2026-11-26T10:00"),  # 18:30 on the island
        ("2026-11-25T12:00", None, None),
    ],
)
def test_where_the_place_is_not_known_exactly_the_hours_hold_in_every_zone_and_the_closed_one_is_named(
    at: str, closed_in: str | None, next_at: str | None
) -> None:
    found = ask(job={"other_zones": ("Pacific/Easter",)}, at=at)
    if next_at is None:
        assert found == Allowed(MAIN)
        return
    assert isinstance(found, Denied)
    assert found.next_at == local(next_at)
    assert found.facts["zone"] == closed_in


def test_the_day_is_that_of_the_contacts_own_place() -> None:
    policy = get_policy("always")
    at = local("2026-11-25T23:30", EASTER)  # already the 26th in Santiago
    person = make_person(tries=tries("2026-11-25T20:00", "2026-11-25T21:00", "2026-11-25T22:00", zone=EASTER))
    there = make_job(time_zone="Pacific/Easter")
    island = may_call(policy, batch=BatchStatus.RUNNING, job=there, person=person, now=at)
    mainland = may_call(policy, batch=BatchStatus.RUNNING, job=make_job(), person=person, now=at)
    assert isinstance(island, Denied)
    assert (island.code, island.next_at) == (Denial.DAY_CAP, local("2026-11-26T00:00", EASTER))
    assert mainland == Allowed(MAIN)


@pytest.mark.parametrize(
    ("phones", "job", "expected"),
    [
        ({MAIN: {"tries": THREE_TODAY[:1]}}, {}, SECOND),
        ({MAIN: {"do_not_call": True}}, {}, SECOND),
        ({MAIN: {"tries": THREE_TODAY[:1]}, SECOND: {"do_not_call": True}}, {}, THIRD),
        ({SECOND: {"tries": THREE_TODAY[:1]}}, {"last_phone_tried": MAIN}, THIRD),
        ({THIRD: {"do_not_call": True}}, {"last_phone_tried": SECOND}, MAIN),
        ({MAIN: {"tries": tries("2026-11-24T12:00")}}, {}, MAIN),
        ({MAIN: {"live_attempt_id": "of another person"}}, {}, MAIN),  # its turn decides, a moment later
    ],
)
def test_a_phone_that_is_capped_or_not_to_be_called_is_passed_over(
    phones: dict[str, dict[str, Any]], job: dict[str, Any], expected: str
) -> None:
    assert ask(make_policy(phone_attempts_a_day=1), phones=phones, job=job) == Allowed(expected)


def test_where_every_phone_is_capped_the_first_to_be_free_says_when() -> None:
    policy = make_policy(phone_attempts_a_day=1, phone_attempts_a_week=2)
    week = tries("2026-11-20T12:00", "2026-11-23T12:00")
    phones = {MAIN: {"tries": week}, SECOND: {"tries": THREE_TODAY[:1]}, THIRD: {"do_not_call": True}}
    found = denied(policy, phones=phones)
    assert (found.code, found.next_at) == (Denial.PHONE_DAY_CAP, local("2026-11-26T08:00"))
    assert found.reason == (
        "not before Thursday 2026-11-26 08:00: none of the 2 numbers has an attempt of the day left"
    )
    phones[SECOND] = {"tries": (*week, *THREE_TODAY[:1])}
    found = denied(policy, phones=phones)
    assert (found.code, found.next_at) == (Denial.PHONE_WEEK_CAP, local("2026-11-27T08:00"))


def test_one_capped_phone_is_named_masked() -> None:
    found = denied(make_policy(phone_attempts_a_day=1), job={"try_phones": ()}, phones={MAIN: {"tries": THREE_TODAY}})
    assert found.reason == "not before Thursday 2026-11-26 08:00: +569****1111 has had 3 of 1 attempts of the day"


@pytest.mark.parametrize(
    ("job", "expected"),
    [
        ({}, MAIN),
        ({"last_phone_tried": MAIN}, MAIN),
        ({"last_phone_tried": SECOND}, MAIN),
        ({"bad_phones": (MAIN,), "last_phone_tried": MAIN}, SECOND),
        ({"bad_phones": (MAIN, SECOND)}, THIRD),
        ({"bad_phones": (MAIN, SECOND, THIRD)}, None),
    ],
)
def test_the_first_phone_is_dialled_until_it_is_retired_where_the_policy_says_so(
    job: dict[str, Any], expected: str | None
) -> None:
    policy = make_policy(phone_order=PhoneOrder.FIRST_UNTIL_BAD)
    assert next_phone(make_job(**job), policy) == expected
    assert ask(policy, job=job) == Allowed(expected) if expected else denied(policy, job=job)


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


def test_third_silent_day_excludes_the_person_from_the_next_day_on() -> None:
    person = {"silent_on": (*THREE_DAYS[:2], TODAY), "tries": THREE_TODAY[:2]}
    assert ask(person=person, at="2026-11-25T15:00") == Allowed(MAIN)
    found = denied(person=person, at="2026-11-26T09:00")
    assert (found.code, found.next_at) == (Denial.EXCLUDED, None)
    assert found.reason == "silent on 3 days: 2026-11-20, 2026-11-23, 2026-11-25"


def test_a_silent_day_is_over_at_midnight_of_the_contacts_place_and_not_before() -> None:
    person = {"silent_on": (*THREE_DAYS[:2], TODAY), "tries": THREE_TODAY[:2]}
    always = get_policy("always")
    assert ask(always, person=person, at="2026-11-25T23:59") == Allowed(MAIN)  # the 26th in UTC
    assert denied(always, person=person, at="2026-11-26T00:00").code is Denial.EXCLUDED


@given(
    hours_later=st.integers(0, 24 * 400),
    attempts=st.integers(0, 3),
    zones=st.lists(
        st.sampled_from(["America/Santiago", "America/Punta_Arenas", "Pacific/Easter"]), min_size=1, unique=True
    ),
)
def test_a_denial_that_waits_waits_for_a_time_at_which_it_no_longer_holds(
    hours_later: int, attempts: int, zones: list[str]
) -> None:
    now = local(NOON) + timedelta(hours=hours_later)
    job = make_job(time_zone=zones[0], other_zones=tuple(zones[1:]))
    person = make_person(tries=THREE_TODAY[:attempts])
    found = may_call(DEFAULT, batch=BatchStatus.RUNNING, job=job, person=person, now=now)
    if isinstance(found, Denied):
        assert found.next_at is not None
        assert found.next_at > now
        assert may_call(DEFAULT, batch=BatchStatus.RUNNING, job=job, person=person, now=found.next_at) == Allowed(MAIN)
