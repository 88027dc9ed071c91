"""Waves: which is due, whom it admits, what a list plans; a change of the clock neither loses nor doubles one."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.outcomes import load_outcomes
from speechai.catalogue.policies import get_policy
from speechai.core.after_call import Delays, after_call
from speechai.core.calendar import is_open, next_wave, waves_on
from speechai.core.decision import Denied
from speechai.core.may_call import may_call
from speechai.core.model import BatchStatus, Job, JobStatus, Pacing, Try
from speechai.core.waves import (
    DueWave,
    choose_cohort,
    due_wave,
    is_left_over,
    most_attempts,
    next_day_wave,
    planned_waves,
)
from tests.unit.core.making import (
    BUENOS_AIRES,
    EASTER,
    PUNTA_ARENAS,
    SANTIAGO,
    SITE,
    instants,
    local,
    make_batch,
    make_job,
    make_person,
    make_policy,
    site_in,
    utc,
)

DEFAULT = get_policy("default")
ALWAYS = get_policy("always")
MONDAY = date(2026, 11, 23)
DELAYS = Delays(other=timedelta(minutes=30), no_answer=timedelta(minutes=60), later=timedelta(seconds=30))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-11-23T08:59:59.999", None),
        ("2026-11-23T09:00", DueWave(day=MONDAY, wave=time(9), missed=())),
        ("2026-11-23T11:59:59.999", DueWave(day=MONDAY, wave=time(9), missed=())),
        ("2026-11-23T12:00", DueWave(day=MONDAY, wave=time(12), missed=(time(9),))),
        # Nothing ran at 15:00: the wave opens late while calling is still allowed, and not after.
        ("2026-11-23T19:59:59", DueWave(day=MONDAY, wave=time(15), missed=(time(9), time(12)))),
        ("2026-11-23T20:00", None),
        ("2026-11-22T12:00", None),  # Sunday
        ("2026-12-25T12:00", None),
    ],
)
def test_due_wave_is_the_latest_one_whose_time_has_come(now: str, expected: DueWave | None) -> None:
    assert due_wave(DEFAULT, make_batch(), local(now)) == expected


def test_the_day_of_a_wave_is_the_batchs_own_local_day() -> None:
    # 01:30 UTC of the 24th is still the evening of the 23rd in Santiago.
    found = due_wave(ALWAYS, make_batch(), utc("2026-11-24T01:30"))
    assert found == DueWave(day=MONDAY, wave=time(15), missed=(time(9), time(12)))


CHANGES = [
    (SANTIAGO, date(2026, 4, 4), 3, 4),
    (SANTIAGO, date(2026, 9, 5), 4, 3),
    (SANTIAGO, date(2027, 4, 3), 3, 4),
    (SANTIAGO, date(2027, 9, 4), 4, 3),
    (EASTER, date(2026, 4, 4), 5, 6),
    (EASTER, date(2026, 9, 5), 6, 5),
    (EASTER, date(2027, 4, 3), 5, 6),
    (EASTER, date(2027, 9, 4), 6, 5),
    (PUNTA_ARENAS, date(2026, 4, 4), 3, 3),
    (PUNTA_ARENAS, date(2026, 9, 5), 3, 3),
    (PUNTA_ARENAS, date(2027, 9, 4), 3, 3),
    (BUENOS_AIRES, date(2026, 4, 4), 3, 3),
    (BUENOS_AIRES, date(2026, 9, 5), 3, 3),
]


@pytest.mark.parametrize(("zone", "saturday", "before", "after"), CHANGES)
def test_waves_keep_their_wall_time_over_a_change_of_the_clock(
    zone: ZoneInfo, saturday: date, before: int, after: int
) -> None:
    """`before` and `after` are the hours by which the zone is behind UTC on that Saturday and on the Sunday after."""
    for day, behind in ((saturday, before), (saturday + timedelta(days=1), after)):
        expected = [datetime.combine(day, time(hour + behind), UTC) for hour in (9, 12, 15)]
        assert [instant for _, instant in waves_on(ALWAYS, site_in(zone), day)] == expected


@pytest.mark.parametrize("zone", [SANTIAGO, PUNTA_ARENAS, EASTER, BUENOS_AIRES], ids=str)
@pytest.mark.parametrize("year", [2026, 2027])
def test_a_beat_that_ticks_through_a_year_meets_every_wave_once(zone: ZoneInfo, year: int) -> None:
    """Walks the year from wave to wave as `next_wave` leads, and compares with the days of the calendar."""
    at, end = local(f"{year}-01-01T00:00", zone), local(f"{year + 1}-01-01T00:00", zone)
    met: Counter[tuple[date, time]] = Counter()
    while (at := next_wave(ALWAYS, site_in(zone), at)) < end:
        there = at.astimezone(zone)
        met[(there.date(), there.time())] += 1
        at += timedelta(microseconds=1)
    days = [date(year, 1, 1) + timedelta(days=n) for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days)]
    assert met == Counter({(day, time(hour)): 1 for day in days for hour in (9, 12, 15)})


@pytest.mark.parametrize(
    ("saturday", "instants"),
    [
        # The hour from 23:00 happens twice on 4 April: the wave at 23:30 opens in the first.
        (date(2026, 4, 4), ["2026-04-05T02:30"]),
        (date(2026, 9, 5), ["2026-09-06T03:30"]),
    ],
)
def test_a_wave_in_an_hour_that_happens_twice_opens_once(saturday: date, instants: list[str]) -> None:
    policy = make_policy(every_day=(0, 1440), waves=("23:30",), closed_on_holidays=False)
    batch = make_batch()
    assert [i for _, i in waves_on(policy, SITE, saturday)] == [utc(text) for text in instants]
    start = local(f"{saturday}T12:00")
    ticks = [start + timedelta(minutes=n) for n in range(24 * 60)]
    opened = {(due.day, due.wave) for tick in ticks if (due := due_wave(policy, batch, tick)) is not None}
    assert (saturday, time(23, 30)) in opened


def test_a_wave_in_an_hour_that_is_skipped_opens_at_the_jump() -> None:
    policy = make_policy(every_day=(0, 1440), waves=("00:30",), closed_on_holidays=False)
    sunday = date(2026, 9, 6)
    assert waves_on(policy, SITE, sunday) == [(time(0, 30), utc("2026-09-06T04:00"))]
    due = due_wave(policy, make_batch(), utc("2026-09-06T04:00"))
    assert due == DueWave(day=sunday, wave=time(0, 30), missed=())


@pytest.mark.parametrize(
    ("now", "first_day", "first_hour"),
    [
        ("2026-11-23T08:00", "2026-11-23", 9),
        ("2026-11-23T09:00", "2026-11-23", 9),
        ("2026-11-23T09:00:01", "2026-11-23", 12),
        ("2026-11-23T16:00", "2026-11-24", 9),  # after the last wave the list begins on the next open day
        ("2026-11-28T16:00", "2026-11-30", 9),
        ("2026-12-24T16:00", "2026-12-26", 9),
    ],
)
def test_a_list_is_planned_with_sixty_people_a_day(now: str, first_day: str, first_hour: int) -> None:
    planned = list(islice(planned_waves(DEFAULT, SITE, local(now)), 60 * 30 + 7))
    days = Counter(instant.astimezone(SANTIAGO).date() for instant in planned)
    assert planned[0] == local(f"{first_day}T{first_hour:02}:00")
    assert list(days.values()) == [60] * 30 + [7]
    # Every later day begins with its first wave, and no day on which calling is allowed is left out.
    assert {instant.astimezone(SANTIAGO).time() for instant in planned[60:]} == {time(9)}
    for day, following in pairwise(days):
        skipped = [day + timedelta(days=n) for n in range(1, (following - day).days)]
        assert all(not waves_on(DEFAULT, SITE, closed) for closed in skipped)


def test_a_list_for_which_no_wave_ever_comes_is_an_error_and_no_endless_plan() -> None:
    with pytest.raises(ValueError, match="no wave"):
        next(planned_waves(make_policy(every_day=(16 * 60, 20 * 60)), SITE, local("2026-11-23T08:00")))


@given(
    people=st.integers(1, 7),
    at=instants("2026-01-01", "2027-12-01"),
    zone=st.sampled_from([SANTIAGO, EASTER, PUNTA_ARENAS]),
)
def test_planned_waves_fill_every_open_day_exactly_and_never_lie_in_the_past(
    people: int, at: datetime, zone: ZoneInfo
) -> None:
    planned = list(islice(planned_waves(make_policy(people_a_day=people), site_in(zone), at), people * 9))
    assert planned == sorted(planned)
    assert set(Counter(instant.astimezone(zone).date() for instant in planned).values()) == {people}
    assert all(instant >= at and is_open(DEFAULT, site_in(zone), instant) for instant in planned)
    assert planned[0] == next_wave(DEFAULT, site_in(zone), at)


@given(at=instants("2026-01-01", "2027-12-01"))
def test_whom_the_day_had_no_place_for_waits_for_a_later_day(at: datetime) -> None:
    batch = make_batch()
    day = at.astimezone(SANTIAGO).date()
    later = next_day_wave(DEFAULT, batch, day)
    assert later.astimezone(SANTIAGO).date() > day
    assert later.astimezone(SANTIAGO).time() == time(9)
    assert is_open(DEFAULT, SITE, later)


def test_a_wave_at_midnight_is_the_first_of_its_day() -> None:
    policy = make_policy(every_day=(0, 1440), waves=("00:00", "12:00"), closed_on_holidays=False)
    assert next_day_wave(policy, make_batch(), MONDAY) == local("2026-11-24T00:00")
    planned = list(islice(planned_waves(replace(policy, people_a_day=1), SITE, local("2026-11-23T00:00")), 3))
    assert planned == [local(f"2026-11-{day}T00:00") for day in (23, 24, 25)]


def job(position: int, attempts: int = 0) -> Job:
    return make_job(id=f"j{position}", position=position, attempts=attempts)


def test_people_carried_over_come_before_new_ones_and_new_ones_in_the_order_of_the_file() -> None:
    waiting = [job(5), job(2), job(9, attempts=1), job(7, attempts=3), job(1)]
    assert choose_cohort(waiting, set(), 4) == (["j7", "j9", "j1", "j2"], ["j5"])


def test_members_of_the_days_cohort_come_back_even_where_the_day_is_full() -> None:
    waiting = [job(1, attempts=1), job(2), job(3, attempts=1)]
    assert choose_cohort(waiting, {"j3", "elsewhere"}, 2) == (["j3"], ["j1", "j2"])


def test_a_cohort_that_is_larger_than_a_lowered_limit_takes_nobody_new() -> None:
    assert choose_cohort([job(1), job(2)], {"j1", "x", "y"}, 2) == (["j1"], ["j2"])


@given(
    jobs=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), unique_by=lambda item: item[0], max_size=30),
    cohort=st.sets(st.integers(0, 50), max_size=12),
    people=st.integers(1, 20),
)
def test_a_cohort_parts_those_who_wait_and_never_passes_the_days_number(
    jobs: list[tuple[int, int]], cohort: set[int], people: int
) -> None:
    waiting = [job(position, attempts) for position, attempts in jobs]
    members = {f"j{number}" for number in cohort}
    chosen, left = choose_cohort(waiting, members, people)
    assert sorted(chosen + left) == sorted(item.id for item in waiting)
    assert len(set(chosen)) == len(chosen)
    assert len(members | set(chosen)) <= max(people, len(members))
    assert not members & set(left)
    if left:  # nobody is sent away while there is a place
        assert len(members | set(chosen)) >= people
    # Choosing again after the choice was written admits nobody else: a repeated opening is harmless.
    rest = [item for item in waiting if item.id in left]
    assert choose_cohort(rest, members | set(chosen), people)[0] == []


@pytest.mark.parametrize(
    ("max_tries", "attempts_a_day", "silent_days", "expected"),
    [
        (3, 3, 3, 9),
        (1, 3, 3, 9),
        (9, 3, 3, 9),
        (12, 3, 3, 12),  # the operator asked for more
        (3, 1, 1, 3),
        (3, 2, 5, 10),
    ],
)
def test_a_contact_of_a_wave_batch_has_the_attempts_of_all_days_until_silence_excludes_it(
    max_tries: int, attempts_a_day: int, silent_days: int, expected: int
) -> None:
    policy = make_policy(attempts_a_day=attempts_a_day, silent_days=silent_days)
    assert most_attempts(max_tries, policy) == expected
    for of_the_policy in (1, 20):  # what the policy says about a job itself holds instead
        assert most_attempts(max_tries, replace(policy, attempts_a_job=of_the_policy)) == of_the_policy


@given(max_tries=st.integers(1, 14), a_day=st.integers(1, 3), silent_days=st.integers(1, 4))
def test_a_contact_who_never_answers_is_carried_from_day_to_day_until_silence_ends_it(
    max_tries: int, a_day: int, silent_days: int
) -> None:
    """Wave by wave over the days: the count of attempts ends no contact whom silence does not exclude."""
    policy, batch = make_policy(attempts_a_day=a_day, silent_days=silent_days), make_batch()
    contact = make_job(max_attempts=most_attempts(max_tries, policy))
    made: Counter[date] = Counter()
    tries: list[Try] = []
    now = local("2026-11-23T09:00")
    while contact.status is JobStatus.PENDING:
        today = now.astimezone(SANTIAGO).date()
        person = make_person(tries=tuple(tries), silent_on=tuple(sorted(made)))
        allowed = may_call(policy, batch=BatchStatus.RUNNING, job=contact, person=person, now=now)
        if isinstance(allowed, Denied) and allowed.next_at is None:
            break
        if isinstance(allowed, Denied):
            now = next_wave(policy, SITE, allowed.next_at or now)
            continue
        step = after_call(
            row=load_outcomes()["dial_no_answer"],
            success=False,
            job=contact,
            phone=allowed.phone,
            batch=batch,
            policy=policy,
            delays=DELAYS,
            now=now,
        )
        made[today] += 1
        tries.append(Try(attempt_id=f"a{len(tries)}", at=now, on=today))
        contact = replace(contact, status=step.status, attempts=contact.attempts + 1)
        now = step.next_attempt_at or now
    days = sorted(made)
    assert len(days) == silent_days
    assert [made[day] for day in days[:-1]] == [a_day] * (silent_days - 1)


@pytest.mark.parametrize(
    ("job", "pacing", "left_over"),
    [
        ({"admitted": True, "admitted_on": date(2026, 11, 24)}, Pacing.WAVES, True),
        ({"admitted": True, "admitted_on": date(2026, 11, 25)}, Pacing.WAVES, False),
        ({"admitted": True, "admitted_on": date(2026, 11, 26)}, Pacing.WAVES, False),
        ({"admitted": True, "admitted_on": None}, Pacing.WAVES, False),
        ({"admitted": False, "admitted_on": date(2026, 11, 24)}, Pacing.WAVES, False),
        ({"admitted": True, "admitted_on": date(2026, 11, 24)}, Pacing.CONTINUOUS, False),
        (
            {"admitted": True, "admitted_on": date(2026, 11, 24), "callback_at": local("2026-11-25T17:00")},
            Pacing.WAVES,
            False,
        ),
    ],
)
def test_whom_a_wave_of_an_earlier_day_admitted_is_left_over(
    job: dict[str, Any], pacing: Pacing, left_over: bool
) -> None:
    now = local("2026-11-25T00:00")  # the day of the batch's own zone: in UTC it is three in the morning
    assert is_left_over(make_batch(pacing=pacing), make_job(**job), now) is left_over
    if left_over:
        assert not is_left_over(make_batch(pacing=pacing), make_job(**job), now - timedelta(minutes=1))
