"""What a plan remembers is what the rules would have said; and every plan, however drawn, keeps their laws."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from speechai.catalogue.odds import Odds
from speechai.catalogue.policies import Policy, get_policy
from speechai.core.calendar import is_open
from speechai.core.model import Batch, Job, Pacing
from speechai.core.planning import Plan
from tests.unit.core.making import SECOND, THIRD, instants, make_batch, make_policy
from tests.unit.core.rehearsing import LINES, listed, planned, ways

ZONES = ("America/Santiago", "America/Punta_Arenas", "Pacific/Easter")
POLICIES = {
    "default": get_policy("default"),
    "a law with a week's cap": get_policy("cl-ley-21320"),
    "quiet days after a talk": get_policy("us-tcpa-regf"),
    "nearly everything": make_policy(
        people_a_day=3,
        attempts_a_week=5,
        phone_attempts_a_day=2,
        phone_attempts_a_week=4,
        contacts_a_week=2,
        minutes_between_attempts=100,
        voicemail_is_contact=True,
        phone_order="first_until_bad",
    ),
}
ENDS = st.lists(
    st.tuples(
        st.sampled_from(
            ["dial_no_answer", "voicemail_reached", "dial_busy", "user_hangup", "agent_hangup", "invalid_destination",
             "user_requested_callback", "user_requested_dnc", "inactivity", "concurrency_limit_reached"]
        ),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda way: way[0],
)  # fmt: skip


@st.composite
def odds_of_any_kind(draw: st.DrawFn) -> Odds:
    """Ways to end; a talk succeeds once in a while."""
    found = [(*way, 250) if way[0].endswith("_hangup") else way for way in draw(ENDS)]
    return ways(*found, seconds=draw(st.sampled_from([1, 15, 44, 200])))


@st.composite
def campaigns(draw: st.DrawFn) -> dict[str, Any]:
    """A list of a few people, some of whom share a telephone or live elsewhere, under one of the policies."""
    policy = POLICIES[draw(st.sampled_from(sorted(POLICIES)))]
    batch = make_batch(pacing=draw(st.sampled_from(Pacing)))
    now = draw(instants("2026-03-30", "2026-12-30")).replace(microsecond=0)
    jobs = []
    for job in listed(draw(st.integers(1, 7)), batch, now, policy):
        others = draw(st.sampled_from([(), (SECOND,), (SECOND, THIRD)]))
        zone, other = draw(st.sampled_from(ZONES)), draw(st.sampled_from([(), (ZONES[2],)]))
        jobs.append(replace(job, try_phones=others, time_zone=zone, other_zones=other))
    return {
        "jobs": jobs,
        "batch": batch,
        "now": now,
        "policy": policy,
        "odds": draw(odds_of_any_kind()),
        "days": draw(st.integers(1, 9)),
        "lines": replace(LINES, concurrency=draw(st.sampled_from([1, 3])), look_seconds=60.0),
        "seed": draw(st.integers(0, 99)),
    }


def told(made: Plan) -> object:
    """All that a plan says, but the words of its denials: they name the instant of whoever was asked first."""
    courses = [
        (c.job.id, c.calls, c.status, c.reason, c.next_at, c.denied and (c.denied.code, c.denied.next_at))
        for c in made.courses
    ]
    return made.days, made.states, made.through_on, [(b.code, b.people, b.times) for b in made.blocked], courses


@settings(max_examples=150)
@given(campaigns())
def test_what_is_remembered_is_what_the_rules_say(campaign: dict[str, Any]) -> None:
    assert told(planned(**campaign)) == told(planned(**campaign, remember=False))


@settings(max_examples=150)
@given(campaigns())
def test_every_plan_keeps_the_laws(campaign: dict[str, Any]) -> None:
    policy: Policy = campaign["policy"]
    batch: Batch = campaign["batch"]
    made = planned(**campaign)
    begun = sorted(call.at for course in made.courses for call in course.calls)
    assert all(made.begins_at <= at < made.ends_at for at in begun)
    gap = timedelta(seconds=1 / LINES.starts_a_second)
    assert all(after - before >= gap for before, after in pairwise(begun))
    for course in made.courses:
        job: Job = course.job
        assert all(is_open(policy, job.site, call.at) for call in course.calls)
        # One that asks for no line is no attempt, and may be made again the same day.
        counted = [call.at for call in course.calls if call.reason != "concurrency_limit_reached"]
        days = Counter(at.astimezone(job.site.zone).date() for at in counted)
        assert max(days.values(), default=0) <= policy.attempts_a_day
        ended = next((n for n, call in enumerate(course.calls, 1) if call.success), len(course.calls))
        assert len(course.calls) == ended
    assert sum(day.attempts for day in made.days) == len(begun)
    assert sum(made.states.values()) == len(campaign["jobs"])
    assert sum(day.new_people for day in made.days) == sum(bool(course.calls) for course in made.courses)
    assert batch.pacing is Pacing.CONTINUOUS or all(day.people >= day.new_people for day in made.days)
