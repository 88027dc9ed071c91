"""Small campaigns for the tests of plans: lines, odds and lists of which every call can be worked out by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.odds import Chance, Odds
from speechai.catalogue.outcomes import load_outcomes
from speechai.catalogue.policies import Policy, get_policy
from speechai.core.after_call import Delays
from speechai.core.model import Batch, Job, Pacing, Person, Phone
from speechai.core.planning import SEED, Course, Lines, Plan, Today, plan
from speechai.core.waves import most_attempts, planned_waves
from tests.unit.core.making import SANTIAGO, make_batch, make_job

LINES = Lines(concurrency=20, starts_a_second=1, look_seconds=5, poll_seconds=15)
DELAYS = Delays(other=timedelta(minutes=30), no_answer=timedelta(minutes=60), later=timedelta(seconds=30))
CONTINUOUS = make_batch(pacing=Pacing.CONTINUOUS)
WAVES = make_batch()
COST = 1_000
"""USD micros of every call."""


def ways(*given: tuple[str, int] | tuple[str, int, int], seconds: int = 30) -> Odds:
    """Odds of (reason, weight) or (reason, weight, successes of 1,000); every call holds its line so many seconds."""
    return Odds(
        source="by hand",
        chances=tuple(
            Chance(
                row=load_outcomes()[one[0]],
                weight=one[1],
                success_permille=one[2] if len(one) == 3 else 0,
                line_seconds=seconds,
                cost_micros=COST,
            )
            for one in given
        ),
        callback_after=timedelta(days=1),
    )


MISSED = ways(("dial_no_answer", 1))
"""Nobody ever answers."""


def listed(count: int, batch: Batch, now: datetime, policy: Policy | None = None, **changes: Any) -> list[Job]:
    """So many contacts with a phone each, as a load at `now` makes them."""
    rules = policy or get_policy("default")
    in_waves = batch.pacing is Pacing.WAVES
    waves = planned_waves(rules, batch.site, now)
    return [
        make_job(
            **{
                "id": f"j{n}",
                "person_id": f"p{n}",
                "to_number": f"+569{70000000 + n}",
                "try_phones": (),
                "position": n,
                "max_attempts": most_attempts(3, rules) if in_waves else 3,
                "admitted": not in_waves,
                "next_attempt_at": next(waves) if in_waves else now,
                **changes,
            }
        )
        for n in range(count)
    ]


def planned(
    jobs: Sequence[Job],
    batch: Batch,
    now: datetime,
    *,
    days: int = 1,
    odds: Odds = MISSED,
    policy: Policy | None = None,
    lines: Lines = LINES,
    people: Mapping[str, Person] | None = None,
    phones: Mapping[str, Phone] | None = None,
    today: Today | None = None,
    seed: int = SEED,
    remember: bool = True,
) -> Plan:
    """The plan of `jobs` under the default policy, unless something else is said."""
    return plan(
        policy or get_policy("default"),
        batch,
        jobs,
        people=people or {},
        phones=phones or {},
        odds=odds,
        lines=lines,
        delays=DELAYS,
        now=now,
        days=days,
        today=today,
        seed=seed,
        remember=remember,
    )


def walls(course: Course, zone: ZoneInfo = SANTIAGO) -> list[str]:
    """A person's calls by the clock on the wall: "23 09:00:05" is a day of the month and a time."""
    return [f"{call.at.astimezone(zone):%d %H:%M:%S}" for call in course.calls]


def courses_of(made: Plan) -> list[list[str]]:
    """Everybody's calls, in the order of the list."""
    return [walls(course) for course in made.courses]
