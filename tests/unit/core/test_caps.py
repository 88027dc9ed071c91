"""Caps of a person and of a telephone: each rule by itself, their windows over daylight saving, and their laws."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.catalogue.policies import get_policy
from speechai.core.caps import exclusion_by_silence, person_denial, phone_denial
from speechai.core.decision import Denial, Denied
from speechai.core.model import Try
from tests.unit.core.making import (
    EASTER,
    PUNTA_ARENAS,
    SANTIAGO,
    SITE,
    local,
    make_person,
    make_phone,
    make_policy,
    site_in,
    tries,
)

DEFAULT = get_policy("default")
TODAY = date(2026, 11, 25)  # a Wednesday
NOON = local("2026-11-25T12:00")
THREE_DAYS = (date(2026, 11, 20), date(2026, 11, 23), date(2026, 11, 24))
THREE_TODAY = tries("2026-11-25T09:00", "2026-11-25T10:00", "2026-11-25T11:00")


@pytest.mark.parametrize(
    ("caps", "person", "at", "code", "next_at"),
    [
        # A day's attempts, 3 by default: until the next local day's opening.
        ({}, {"tries": THREE_TODAY[:2]}, "2026-11-25T12:00", None, None),
        ({}, {"tries": THREE_TODAY}, "2026-11-25T12:00", Denial.DAY_CAP, "2026-11-26T08:00"),
        ({}, {"tries": THREE_TODAY}, "2026-11-26T08:00", None, None),
        (
            {},
            {"tries": tries("2026-11-28T08:00", "2026-11-28T09:00", "2026-11-28T10:00")},  # a Saturday
            "2026-11-28T12:00",
            Denial.DAY_CAP,
            "2026-11-30T08:00",
        ),
        # A week's attempts: the 7 local days that end today.
        ({"attempts_a_week": 2}, {"tries": tries("2026-11-19T19:59", "2026-11-25T09:00")}, "2026-11-25T12:00",
         Denial.WEEK_CAP, "2026-11-26T08:00"),
        ({"attempts_a_week": 2}, {"tries": tries("2026-11-18T19:59", "2026-11-25T09:00")}, "2026-11-25T12:00",
         None, None),
        ({"attempts_a_week": 1}, {"tries": tries("2026-11-21T09:00")}, "2026-11-27T12:00",
         Denial.WEEK_CAP, "2026-11-28T08:00"),
        ({"attempts_a_week": 1}, {"tries": tries("2026-11-22T09:00")}, "2026-11-27T12:00",
         Denial.WEEK_CAP, "2026-11-30T08:00"),  # free on Sunday, open on Monday
        ({"attempts_a_week": 2}, {"tries": tries("2026-11-20T09:00", "2026-11-21T09:00", "2026-11-23T09:00")},
         "2026-11-25T12:00", Denial.WEEK_CAP, "2026-11-28T08:00"),  # two of three have to leave the week
        # Conversations of a week.
        ({"contacts_a_week": 1}, {"talks_on": (date(2026, 11, 19),)}, "2026-11-25T12:00",
         Denial.CONTACTS_CAP, "2026-11-26T08:00"),
        ({"contacts_a_week": 1}, {"talks_on": (date(2026, 11, 18),)}, "2026-11-25T12:00", None, None),
        ({"contacts_a_week": 2}, {"talks_on": (TODAY,)}, "2026-11-25T12:00", None, None),
        ({"contacts_a_week": 2}, {"talks_on": (TODAY, TODAY)}, "2026-11-25T12:00",
         Denial.CONTACTS_CAP, "2026-12-02T08:00"),
        ({"contacts_a_week": 1}, {"tries": THREE_TODAY[:2]}, "2026-11-25T12:00", None, None),  # nobody talked
        # Quiet days from the last conversation on, its own included.
        ({"quiet_days": 1}, {"talks_on": (TODAY,)}, "2026-11-25T12:00", Denial.QUIET_DAYS, "2026-11-26T08:00"),
        ({"quiet_days": 1}, {"talks_on": (date(2026, 11, 24),)}, "2026-11-25T12:00", None, None),
        ({"quiet_days": 7}, {"talks_on": (date(2026, 11, 19),)}, "2026-11-25T12:00",
         Denial.QUIET_DAYS, "2026-11-26T08:00"),
        ({"quiet_days": 7}, {"talks_on": (date(2026, 11, 18),)}, "2026-11-25T12:00", None, None),
        ({"quiet_days": 7}, {"talks_on": (date(2026, 11, 3), date(2026, 11, 24))}, "2026-11-25T12:00",
         Denial.QUIET_DAYS, "2026-12-01T08:00"),
        ({"quiet_days": 30}, {"talks_on": (date(2026, 11, 1),)}, "2026-11-25T12:00",
         Denial.QUIET_DAYS, "2026-12-01T08:00"),
        # Minutes between attempts: an instant, and only within the hours.
        ({"minutes_between_attempts": 60}, {"tries": THREE_TODAY[:2]}, "2026-11-25T10:59:59",
         Denial.TOO_SOON, "2026-11-25T11:00"),
        ({"minutes_between_attempts": 60}, {"tries": THREE_TODAY[:2]}, "2026-11-25T11:00", None, None),
        ({"minutes_between_attempts": 60}, {"tries": tries("2026-11-25T19:30")}, "2026-11-25T19:45",
         Denial.TOO_SOON, "2026-11-26T08:00"),
        ({"minutes_between_attempts": 60}, {"tries": tries("2026-11-28T19:30")}, "2026-11-28T19:45",
         Denial.TOO_SOON, "2026-11-30T08:00"),
        ({"minutes_between_attempts": 24 * 60}, {"tries": THREE_TODAY[:1]}, "2026-11-25T12:00",
         Denial.TOO_SOON, "2026-11-26T09:00"),
        # Of several caps that deny, the one that denies longest is named, and waited for.
        ({"attempts_a_week": 3, "quiet_days": 2}, {"tries": THREE_TODAY, "talks_on": (TODAY,)}, "2026-11-25T12:00",
         Denial.WEEK_CAP, "2026-12-02T08:00"),
        ({"attempts_a_week": 3, "quiet_days": 10}, {"tries": THREE_TODAY, "talks_on": (TODAY,)}, "2026-11-25T12:00",
         Denial.QUIET_DAYS, "2026-12-05T08:00"),
        ({"minutes_between_attempts": 60}, {"tries": THREE_TODAY}, "2026-11-25T11:30",
         Denial.DAY_CAP, "2026-11-26T08:00"),
        ({"minutes_between_attempts": 26 * 60}, {"tries": THREE_TODAY}, "2026-11-25T11:30",
         Denial.TOO_SOON, "2026-11-26T13:00"),
    ],
)  # fmt: skip
def test_a_persons_cap_denies_until_it_no_longer_does(
    caps: dict[str, Any], person: dict[str, Any], at: str, code: Denial | None, next_at: str | None
) -> None:
    found = person_denial(make_policy(**caps), make_person(**person), site=SITE, now=local(at), callback=False)
    assert (found.code if found else None) is code
    assert (found.next_at if found else None) == (local(next_at) if next_at else None)


@pytest.mark.parametrize(
    ("caps", "made", "code", "next_at"),
    [
        ({"phone_attempts_a_day": None}, THREE_TODAY, None, None),
        ({}, THREE_TODAY, Denial.PHONE_DAY_CAP, "2026-11-26T08:00"),  # the product's own rules
        ({"phone_attempts_a_day": 4}, THREE_TODAY, None, None),
        ({"phone_attempts_a_day": 3}, THREE_TODAY, Denial.PHONE_DAY_CAP, "2026-11-26T08:00"),
        ({"phone_attempts_a_day": 1}, tries("2026-11-24T19:00"), None, None),
        ({"phone_attempts_a_week": 3}, THREE_TODAY, Denial.PHONE_WEEK_CAP, "2026-12-02T08:00"),
        ({"phone_attempts_a_week": 1}, tries("2026-11-18T10:00"), None, None),
        ({"phone_attempts_a_day": 3, "phone_attempts_a_week": 3}, THREE_TODAY, Denial.PHONE_WEEK_CAP,
         "2026-12-02T08:00"),
        ({"phone_attempts_a_day": None, "attempts_a_week": 1, "quiet_days": 7, "minutes_between_attempts": 99},
         THREE_TODAY, None, None),
    ],
)  # fmt: skip
def test_a_telephones_cap_denies_until_it_no_longer_does(
    caps: dict[str, Any], made: tuple[Try, ...], code: Denial | None, next_at: str | None
) -> None:
    phone = make_phone(tries=made, talks_on=(TODAY,))
    found = phone_denial(make_policy(**caps), phone, site=SITE, now=NOON, callback=False)
    assert (found.code if found else None) is code
    assert (found.next_at if found else None) == (local(next_at) if next_at else None)
    assert found is None or found.facts["phone"] == "+569****1111"


@pytest.mark.parametrize(
    ("caps", "person", "words"),
    [
        ({}, {"tries": THREE_TODAY},
         "not before Thursday 2026-11-26 08:00: the person has had 3 of 3 attempts of the day"),
        ({"attempts_a_week": 2}, {"tries": THREE_TODAY[:2]},
         "not before Wednesday 2026-12-02 08:00: the person has had 2 of 2 attempts in 7 days"),
        ({"contacts_a_week": 1}, {"talks_on": (TODAY, TODAY)},
         "not before Wednesday 2026-12-02 08:00: the person was spoken to 2 times in 7 days, of 1 allowed"),
        ({"quiet_days": 3}, {"talks_on": (TODAY,)},
         "not before Saturday 2026-11-28 08:00: the person was spoken to on Wednesday 2026-11-25, "
         "and 3 quiet days follow, that one included"),
        ({"minutes_between_attempts": 90}, {"tries": THREE_TODAY},
         "not before Thursday 2026-11-26 08:00: the person has had 3 of 3 attempts of the day"),
        ({"minutes_between_attempts": 90, "attempts_a_day": 9}, {"tries": THREE_TODAY},
         "not before Wednesday 2026-11-25 12:30: the last attempt was on Wednesday 2026-11-25 11:00, "
         "and 90 minutes lie between two"),
    ],
)  # fmt: skip
def test_a_cap_says_what_was_counted(caps: dict[str, Any], person: dict[str, Any], words: str) -> None:
    found = person_denial(make_policy(**caps), make_person(**person), site=SITE, now=NOON, callback=False)
    assert found is not None
    assert found.reason == words


@pytest.mark.parametrize(
    ("caps", "next_at"),
    [
        ({"attempts_a_day": 1}, "2026-11-26T00:00"),
        ({"attempts_a_week": 1}, "2026-12-02T00:00"),
        ({"contacts_a_week": 1}, "2026-12-02T00:00"),
        ({"quiet_days": 2}, "2026-11-27T00:00"),
    ],
)
def test_days_are_counted_from_midnight_to_midnight_of_the_contacts_place(caps: dict[str, Any], next_at: str) -> None:
    """At 23:59 in Santiago it is the next day in UTC already."""
    policy = make_policy(every_day=(0, 1440), closed_on_holidays=False, **caps)
    person = make_person(tries=tries("2026-11-25T23:30"), talks_on=(TODAY,))
    found = person_denial(policy, person, site=SITE, now=local("2026-11-25T23:59"), callback=False)
    assert found is not None
    assert found.next_at == local(next_at)
    assert person_denial(policy, person, site=SITE, now=local(next_at), callback=False) is None


def test_a_telephones_day_ends_at_midnight_of_the_contacts_place_too() -> None:
    policy = make_policy(every_day=(0, 1440), closed_on_holidays=False, phone_attempts_a_day=1)
    phone = make_phone(tries=tries("2026-11-25T23:30"))
    found = phone_denial(policy, phone, site=SITE, now=local("2026-11-25T23:59"), callback=False)
    assert found is not None
    assert found.next_at == local("2026-11-26T00:00")


def test_a_silent_day_that_is_not_over_at_the_contacts_place_is_not_counted_where_the_turn_is_taken() -> None:
    person = make_person(silent_on=(*THREE_DAYS[:2], TODAY), tries=THREE_TODAY[:2])
    always = get_policy("always")
    assert person_denial(always, person, site=SITE, now=local("2026-11-25T23:59"), callback=False) is None
    assert person_denial(always, person, site=SITE, now=local("2026-11-26T00:00"), callback=False) is not None


def test_a_callback_that_is_due_passes_the_week_where_the_turn_is_taken_too() -> None:
    policy, person = make_policy(attempts_a_week=1), make_person(tries=tries("2026-11-24T10:00"))
    assert person_denial(policy, person, site=SITE, now=NOON, callback=False) is not None
    assert person_denial(policy, person, site=SITE, now=NOON, callback=True) is None


@pytest.mark.parametrize(
    ("changes", "code", "facts"),
    [
        ({"do_not_call": True}, Denial.DO_NOT_CALL, {}),
        ({"excluded_reason": "bankrupt"}, Denial.EXCLUDED, {"why": "bankrupt"}),
        ({"silent_on": THREE_DAYS}, Denial.EXCLUDED, {"used": 3, "days": "2026-11-20, 2026-11-23, 2026-11-24"}),
        ({"do_not_call": True, "tries": THREE_TODAY}, Denial.DO_NOT_CALL, {}),
    ],
)
def test_what_ends_every_call_to_a_person_is_asked_where_the_turn_is_taken_too(
    changes: dict[str, Any], code: Denial, facts: dict[str, Any]
) -> None:
    found = person_denial(DEFAULT, make_person(**changes), site=SITE, now=NOON, callback=True)
    assert found == Denied(code=code, facts=facts)


def test_a_telephone_on_the_do_not_call_list_is_nobodys() -> None:
    found = phone_denial(DEFAULT, make_phone(do_not_call=True), site=SITE, now=NOON, callback=True)
    assert found == Denied(code=Denial.DO_NOT_CALL, facts={"phone": "+569****1111"})


@pytest.mark.parametrize(
    ("silent_on", "made", "excluded"),
    [
        ((), (), False),
        (THREE_DAYS[:2], (), False),
        (THREE_DAYS, (), True),
        (THREE_DAYS, THREE_TODAY[:1], True),
        # The third silent day is today: its later waves are still tried, until the day's attempts are used.
        ((*THREE_DAYS[:2], TODAY), THREE_TODAY[:1], False),
        ((*THREE_DAYS[:2], TODAY), THREE_TODAY[:2], False),
        ((*THREE_DAYS[:2], TODAY), THREE_TODAY, True),
        # Today's attempts used without silence (a technical failure): two silent days are two.
        (THREE_DAYS[:2], THREE_TODAY, False),
        # A day counted in a zone that is ahead is not over here.
        ((*THREE_DAYS[:2], TODAY + timedelta(days=1)), tries("2026-11-26T00:10", "2026-11-26T00:20"), False),
    ],
)
def test_silence_on_three_days_excludes_once_the_third_is_over(
    silent_on: tuple[date, ...], made: tuple[Try, ...], excluded: bool
) -> None:
    person = make_person(silent_on=silent_on, tries=made)
    assert (exclusion_by_silence(DEFAULT, person, TODAY) is not None) is excluded


def test_the_number_of_silent_days_is_the_policys() -> None:
    person = make_person(silent_on=THREE_DAYS[:1])
    assert exclusion_by_silence(make_policy(silent_days=1), person, TODAY) is not None
    assert exclusion_by_silence(make_policy(silent_days=2), person, TODAY) is None


def test_a_local_day_is_what_the_attempts_own_place_called_it() -> None:
    """23:30 on Easter Island is 1:30 of the next day in Santiago: the attempt is the island's 25th in both."""
    always = get_policy("always")
    late = tries("2026-11-25T23:30", zone=EASTER) * 3
    for zone, day, code in ((EASTER, "2026-11-25T23:40", Denial.DAY_CAP), (SANTIAGO, "2026-11-26T01:40", None)):
        found = person_denial(always, make_person(tries=late), site=site_in(zone), now=local(day, zone), callback=False)
        assert (found.code if found else None) is code


def test_attempts_that_a_place_ahead_has_counted_on_tomorrow_cap_tomorrow_here_too() -> None:
    """Three calls in Santiago after midnight, then the island wants to call on what is still the day before there."""
    policy = make_policy(every_day=(0, 1440), closed_on_holidays=False)
    made = tries("2026-11-26T00:10", "2026-11-26T00:20", "2026-11-26T00:30")
    now = local("2026-11-25T23:00", EASTER)
    island = site_in(EASTER)
    assert person_denial(policy, make_person(tries=made), site=island, now=now, callback=False) is None
    today = (*made, *tries(*["2026-11-25T22:00"] * 3, zone=EASTER))
    found = person_denial(policy, make_person(tries=today), site=island, now=now, callback=False)
    assert found is not None
    assert found.next_at == local("2026-11-27T00:00", EASTER)
    week = make_policy(every_day=(0, 1440), closed_on_holidays=False, attempts_a_week=3)
    found = person_denial(week, make_person(tries=made), site=island, now=now, callback=False)
    assert found is not None
    assert found.next_at == local("2026-12-03T00:00", EASTER)


@pytest.mark.parametrize(
    ("zone", "tried", "denied_at", "free_at"),
    [
        # Chile's clock goes back on Sunday 2026-04-05 (the Saturday has 25 hours) and forward on 2026-09-06.
        (SANTIAGO, "2026-04-01T19:30", "2026-04-07T23:59", "2026-04-08T00:00"),
        (SANTIAGO, "2026-08-31T00:05", "2026-09-06T23:59", "2026-09-07T00:00"),
        (SANTIAGO, "2026-08-30T12:00", "2026-09-05T23:59", "2026-09-06T01:00"),  # midnight does not exist
        (SANTIAGO, "2027-03-29T12:00", "2027-04-04T23:59", "2027-04-05T00:00"),
        (EASTER, "2026-09-01T12:00", "2026-09-07T23:59", "2026-09-08T00:00"),
        (PUNTA_ARENAS, "2026-08-31T12:00", "2026-09-06T23:59", "2026-09-07T00:00"),  # keeps its clock
    ],
)
def test_a_week_is_seven_local_days_whatever_the_clock_does(
    zone: ZoneInfo, tried: str, denied_at: str, free_at: str
) -> None:
    policy = make_policy(every_day=(0, 1440), closed_on_holidays=False, attempts_a_week=1)
    person = make_person(tries=tries(tried, zone=zone))
    site = site_in(zone)
    found = person_denial(policy, person, site=site, now=local(denied_at, zone), callback=False)
    assert found is not None
    assert found.next_at == local(free_at, zone)
    assert person_denial(policy, person, site=site, now=local(free_at, zone), callback=False) is None
