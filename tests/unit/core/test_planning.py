"""Plans worked out by hand: exact instants of every call, what blocks whom, when the list is through."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time
from itertools import pairwise
from typing import Any

import pytest

from speechai.catalogue.policies import get_policy
from speechai.core.decision import Denial
from speechai.core.model import JobStatus, Person, Phone
from speechai.core.planning import Plan, Today
from tests.unit.core.making import EASTER, SECOND, local, make_policy
from tests.unit.core.rehearsing import (
    CONTINUOUS,
    COST,
    LINES,
    MISSED,
    WAVES,
    courses_of,
    listed,
    planned,
    walls,
    ways,
)

MONDAY = local("2026-11-23T09:00")


def blocked(made: Plan) -> dict[Denial, tuple[int, int]]:
    return {one.code: (one.people, one.times) for one in made.blocked}


def test_people_are_called_one_start_after_another_and_again_after_their_rest() -> None:
    made = planned(listed(3, CONTINUOUS, MONDAY), CONTINUOUS, MONDAY)
    # 30 s until nobody has answered, an hour of rest, and the dispatcher looks every 5 s.
    assert courses_of(made) == [
        ["23 09:00:00", "23 10:00:30", "23 11:01:00"],
        ["23 09:00:01", "23 10:00:35", "23 11:01:05"],
        ["23 09:00:02", "23 10:00:36", "23 11:01:10"],
    ]
    assert {course.status for course in made.courses} == {JobStatus.FAILED}
    assert {course.reason for course in made.courses} == {"3 of 3 attempts used; the last: no_answer (dial_no_answer)"}
    assert made.through_on == date(2026, 11, 23)


def test_a_list_in_waves_carries_its_people_from_wave_to_wave_and_day_to_day_until_silence_ends_them() -> None:
    policy = make_policy(people_a_day=2)
    begin = local("2026-11-23T08:00")
    made = planned(listed(3, WAVES, begin, policy), WAVES, begin, days=7, policy=policy)
    first, second, third = courses_of(made)
    assert first == [f"{day} {hour}:00:00" for day in (23, 24, 25) for hour in ("09", "12", "15")]
    assert second == [f"{day} {hour}:00:01" for day in (23, 24, 25) for hour in ("09", "12", "15")]
    # The day has two places, and whoever was carried over comes first.
    assert third == [f"{day} {hour}:00:00" for day in (26, 27, 28) for hour in ("09", "12", "15")]
    assert [(day.people, day.new_people, day.attempts, day.ended) for day in made.days] == [
        (2, 2, 6, 0),
        (2, 0, 6, 0),
        (2, 0, 6, 2),
        (1, 1, 3, 0),
        (1, 0, 3, 0),
        (1, 0, 3, 1),
        (0, 0, 0, 0),
    ]
    assert [day.is_open for day in made.days] == [True] * 6 + [False]
    assert made.through_on == date(2026, 11, 28)
    assert made.open_days_left is None


def test_a_list_that_is_not_through_tells_how_long_it_goes_on() -> None:
    policy = make_policy(people_a_day=2)
    made = planned(listed(8, WAVES, MONDAY, policy), WAVES, MONDAY, days=3, policy=policy)
    assert made.states == {JobStatus.FAILED: 2, JobStatus.PENDING: 6}
    assert (made.through_on, made.uncalled, made.people) == (None, 6, 2)
    assert made.open_days_left == 9  # two in three days, six are left
    assert made.ends_at == local("2026-11-26T00:00")


def test_who_is_due_after_the_closing_is_blocked_by_the_hours_until_the_next_opening() -> None:
    begin = local("2026-11-28T19:59:58")  # a Saturday
    made = planned(listed(4, CONTINUOUS, begin), CONTINUOUS, begin, days=3)
    # Two find it closed, two more after their hour's rest; on Monday all four go in the order of the list.
    assert [calls[:2] for calls in courses_of(made)] == [
        ["28 19:59:58", "30 08:00:03"],
        ["28 19:59:59", "30 08:00:04"],
        ["30 08:00:05", "30 09:00:39"],
        ["30 08:00:06", "30 09:00:40"],
    ]
    assert blocked(made) == {Denial.OUTSIDE_HOURS: (4, 4)}
    assert made.blocked[0].example.reason == (
        "not before Monday 2026-11-30 08:00: Saturday 2026-11-28 20:00 in Santiago is outside the hours of default"
    )
    assert [(day.is_open, day.attempts) for day in made.days] == [(True, 2), (False, 0), (True, 10)]


def test_hours_are_those_of_each_person_s_own_place() -> None:
    begin = local("2026-11-23T08:00")
    jobs = listed(2, CONTINUOUS, begin)
    jobs[0] = replace(jobs[0], time_zone="Pacific/Easter")
    made = planned(jobs, CONTINUOUS, begin)
    assert walls(made.courses[0], EASTER)[0] == "23 08:00:00"
    assert walls(made.courses[1])[0] == "23 08:00:00"


def test_a_busy_line_keeps_the_next_person_waiting_until_its_end_is_seen() -> None:
    lines = replace(LINES, concurrency=1)
    jobs = listed(3, CONTINUOUS, MONDAY, max_attempts=1)
    made = planned(jobs, CONTINUOUS, MONDAY, lines=lines, odds=ways(("dial_no_answer", 1), seconds=40))
    # 40 s end between the polls at 30 and 45.
    assert courses_of(made) == [["23 09:00:00"], ["23 09:00:45"], ["23 09:01:30"]]


@pytest.mark.parametrize(
    ("starts_a_second", "expected"),
    [
        (0.5, ["00", "02", "04", "06"]),  # three fit into a look of five seconds
        (1, ["00", "01", "02", "03"]),
        (2, ["00", "00", "01", "01"]),
        (100, ["00", "00", "00", "00"]),
    ],
)
def test_calls_begin_no_faster_than_their_rate(starts_a_second: float, expected: list[str]) -> None:
    lines = replace(LINES, starts_a_second=starts_a_second)
    made = planned(listed(4, CONTINUOUS, MONDAY, max_attempts=1), CONTINUOUS, MONDAY, lines=lines)
    begun = [course.calls[0].at for course in made.courses]
    gaps = [(after - before).total_seconds() for before, after in pairwise(begun)]
    assert all(gap >= 1 / starts_a_second - 1e-6 for gap in gaps)
    assert [calls[0][-2:] for calls in courses_of(made)] == expected


def test_a_number_that_nobody_can_call_is_retired_and_the_next_one_is_dialled() -> None:
    jobs = listed(1, CONTINUOUS, MONDAY, try_phones=(SECOND,), max_attempts=9)
    made = planned(jobs, CONTINUOUS, MONDAY, odds=ways(("invalid_destination", 1), seconds=1))
    [course] = made.courses
    assert walls(course) == ["23 09:00:00", "23 09:30:15"]
    assert [call.number for call in course.calls] == ["+56970000000", SECOND]
    assert course.reason == "no phone left; the last: bad_number (invalid_destination)"


def test_a_success_ends_a_contact_as_done() -> None:
    made = planned(listed(2, CONTINUOUS, MONDAY), CONTINUOUS, MONDAY, odds=ways(("agent_hangup", 1, 1_000)))
    assert [len(course.calls) for course in made.courses] == [1, 1]
    assert made.states == {JobStatus.DONE: 2}
    assert [call.success for course in made.courses for call in course.calls] == [True, True]


def test_whoever_asks_not_to_be_called_is_not_called_again_also_under_another_id() -> None:
    jobs = listed(2, CONTINUOUS, MONDAY, to_number="+56970000000")
    jobs[1] = replace(jobs[1], next_attempt_at=local("2026-11-23T10:00"))
    made = planned(jobs, CONTINUOUS, MONDAY, odds=ways(("user_requested_dnc", 1)))
    assert courses_of(made) == [["23 09:00:00"], []]
    assert blocked(made) == {Denial.DO_NOT_CALL: (1, 1)}


@pytest.mark.parametrize("batch", [CONTINUOUS, WAVES], ids=["continuous", "waves"])
def test_a_callback_comes_at_its_time_and_before_everybody_else(batch: Any) -> None:
    asked = local("2026-11-24T08:30")
    jobs = listed(3, batch, MONDAY)
    jobs[2] = replace(jobs[2], callback_at=asked, next_attempt_at=asked, admitted=True, attempts=3)
    begin = local("2026-11-23T20:00")
    made = planned(jobs, batch, begin, days=2, lines=replace(LINES, concurrency=1))
    assert walls(made.courses[2])[0] == "24 08:30:00"


def test_a_wish_to_be_called_that_is_said_in_a_call_is_kept_within_the_hours() -> None:
    odds = ways(("user_requested_callback", 1))
    begin = local("2026-11-27T19:00")  # a Friday; after a day comes Saturday, then the weekend
    made = planned(listed(1, CONTINUOUS, begin, max_attempts=9), CONTINUOUS, begin, days=5, odds=odds)
    assert walls(made.courses[0]) == ["27 19:00:00", "28 19:00:30", "30 08:00:00", "01 08:00:30"]


def test_what_is_known_of_a_person_blocks_from_the_start() -> None:
    people = {
        "p0": Person(id="p0", do_not_call=True),
        "p1": Person(id="p1", excluded_reason="asked by the client"),
        "p2": Person(id="p2", silent_on=(date(2026, 11, 19), date(2026, 11, 20), date(2026, 11, 21))),
    }
    phones = {"+56970000003": Phone(id="+56970000003", do_not_call=True)}
    made = planned(listed(5, CONTINUOUS, MONDAY), CONTINUOUS, MONDAY, people=people, phones=phones)
    assert [len(calls) for calls in courses_of(made)] == [0, 0, 0, 0, 3]
    assert blocked(made) == {Denial.DO_NOT_CALL: (2, 2), Denial.EXCLUDED: (2, 2)}
    assert made.uncalled == 0  # their turn is not later: it never comes


def test_a_week_s_cap_of_a_law_brings_the_second_call_a_week_later() -> None:
    policy = get_policy("cl-ley-21320")
    made = planned(listed(1, CONTINUOUS, MONDAY), CONTINUOUS, MONDAY, days=9, policy=policy)
    [course] = made.courses
    # Blocked after its rest of an hour; the seventh day after is the Monday, and the hours begin at eight.
    assert walls(course) == ["23 09:00:00", "30 08:00:00"]
    assert course.denied is not None
    assert blocked(made) == {Denial.WEEK_CAP: (1, 2)}


def test_two_people_with_one_telephone_share_its_cap() -> None:
    policy = make_policy(phone_attempts_a_day=1)
    jobs = listed(2, CONTINUOUS, MONDAY, policy, to_number="+56970000000")
    made = planned(jobs, CONTINUOUS, MONDAY, days=2, policy=policy)
    # On the second day both are due at the opening, and the first of the list has the telephone's only attempt again.
    assert courses_of(made) == [["23 09:00:00", "24 08:00:00"], []]
    assert blocked(made)[Denial.PHONE_DAY_CAP][0] == 2


def test_minutes_between_attempts_keep_a_rested_person_waiting() -> None:
    policy = make_policy(minutes_between_attempts=90)
    made = planned(listed(1, CONTINUOUS, MONDAY), CONTINUOUS, MONDAY, policy=policy)
    assert courses_of(made) == [["23 09:00:00", "23 10:30:00", "23 12:00:00"]]
    assert blocked(made) == {Denial.TOO_SOON: (1, 2)}


def test_a_contact_without_a_place_is_refused_and_one_that_waits_for_somebody_is_left_alone() -> None:
    jobs = listed(3, CONTINUOUS, MONDAY)
    jobs[0] = replace(jobs[0], time_zone="")
    jobs[1] = replace(jobs[1], status=JobStatus.SUSPENDED)
    made = planned(jobs, CONTINUOUS, MONDAY)
    assert [len(calls) for calls in courses_of(made)] == [0, 0, 3]
    assert blocked(made) == {Denial.UNCLEAR: (1, 1)}
    assert made.states == {JobStatus.FAILED: 2, JobStatus.SUSPENDED: 1}


def test_a_call_that_is_live_when_the_plan_begins_holds_its_line_and_is_not_counted_again() -> None:
    jobs = listed(2, CONTINUOUS, MONDAY)
    jobs[0] = replace(jobs[0], status=JobStatus.IN_PROGRESS, next_attempt_at=None, last_phone_tried=jobs[0].to_number)
    made = planned(jobs, CONTINUOUS, MONDAY, lines=replace(LINES, concurrency=1))
    assert courses_of(made)[0] == ["23 10:00:30", "23 11:01:00"]
    assert courses_of(made)[1][0] == "23 09:00:30"


@pytest.mark.parametrize(
    ("begin", "today", "expected"),
    [
        # Waiting since nine, and nobody has opened that wave yet: it opens late, as when the workers start.
        ("2026-11-23T10:30", Today(), ["23 10:30:00", "23 12:00:00", "23 15:00:00"]),
        ("2026-11-23T10:30", Today(opened=frozenset({time(9)})), ["23 12:00:00", "23 15:00:00"]),
        ("2026-11-23T20:30", Today(), ["24 09:00:00", "24 12:00:00", "24 15:00:00"]),
    ],
)
def test_a_wave_that_is_overdue_opens_late_once(begin: str, today: Today, expected: list[str]) -> None:
    jobs = listed(1, WAVES, MONDAY)
    made = planned(jobs, WAVES, local(begin), days=1 if expected[0].startswith("23") else 2, today=today)
    assert courses_of(made) == [expected]


def test_the_day_s_cohort_keeps_its_places() -> None:
    policy = make_policy(people_a_day=1)
    jobs = listed(2, WAVES, MONDAY, policy, next_attempt_at=local("2026-11-23T12:00"))
    today = Today(opened=frozenset({time(9)}), cohort=frozenset({"j1"}))
    made = planned(jobs, WAVES, local("2026-11-23T10:00"), policy=policy, today=today)
    assert courses_of(made) == [[], ["23 12:00:00", "23 15:00:00"]]


def test_expected_figures_are_the_odds_times_the_attempts() -> None:
    odds = ways(("dial_no_answer", 3), ("user_hangup", 1, 500))
    made = planned(listed(40, CONTINUOUS, MONDAY), CONTINUOUS, MONDAY, odds=odds)
    [day] = made.days
    assert day.attempts == sum(len(course.calls) for course in made.courses)
    assert (day.contacts, day.successes) == (day.attempts / 4, day.attempts / 8)
    assert (made.contacts, made.successes) == (day.contacts, day.successes)
    assert day.cost_micros == day.attempts * COST == made.cost_micros
    assert (made.attempts, made.people) == (day.attempts, 40)


def test_the_same_question_has_the_same_answer_and_another_seed_another() -> None:
    odds = ways(("dial_no_answer", 1), ("user_hangup", 1), ("agent_hangup", 1, 500))
    jobs = listed(50, WAVES, MONDAY)
    first, second, other = (planned(jobs, WAVES, MONDAY, days=4, odds=odds, seed=seed) for seed in (7, 7, 8))
    assert first == second
    assert courses_of(first) != courses_of(other)


def test_a_batch_without_anybody_is_through_at_once() -> None:
    made = planned([], CONTINUOUS, MONDAY, days=2, odds=MISSED)
    assert (made.attempts, made.people, made.uncalled, made.blocked, made.through_on) == (0, 0, 0, (), None)
