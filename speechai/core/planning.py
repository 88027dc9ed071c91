"""A whole campaign, simulated: when each person would be called, what blocks whom, how many calls, contacts and cost.

Enter a batch, its jobs, what is known of their people, the odds of how calls end and the lines there are; leaves a
`Plan`. No clock and no I/O: `now` is an argument, chance comes from a seed, so the same question has the same answer.
Every decision is the product's own (`rulings`), asked in the product's own order (`rehearsal`).
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import takewhile

from speechai.catalogue.odds import Odds
from speechai.catalogue.policies import Policy
from speechai.core.after_call import Delays
from speechai.core.calendar import local_instant, open_days
from speechai.core.decision import Denial, Denied
from speechai.core.model import Batch, Job, JobStatus, Person, Phone
from speechai.core.rehearsal import DayCount, Lines, Rehearsal, Today
from speechai.core.rulings import Listed, PlannedCall, Rulings

__all__ = ["SEED", "Blocked", "Course", "Lines", "Plan", "PlanDay", "PlannedCall", "Today", "plan"]

SEED = 20261122
"""Chance of a plan that names none."""
_WAITS = (JobStatus.PENDING, JobStatus.IN_PROGRESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDay:
    """One day of the batch's zone. `contacts`, `successes` and `cost_micros` are what so many attempts give on
    average; the rest is what happened in this simulation."""

    on: date
    is_open: bool
    """Whether the policy allows calls at all on it, at the batch's place."""
    people: int
    new_people: int
    """Those of them who had no call in the plan before."""
    attempts: int
    contacts: float
    successes: float
    cost_micros: int
    ended: int
    """People who were through with at the end of it: done, or never to be called again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """One rule that kept calls from starting."""

    code: Denial
    people: int
    times: int
    example: Denied
    """The first denial, to be said in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What happens to one person of the list."""

    job: Job
    calls: tuple[PlannedCall, ...]
    status: JobStatus
    """At the end of the plan."""
    reason: str | None
    denied: Denied | None
    """The last rule that kept a call from starting, None where none ever did."""
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The campaign from `begins_at` until before `ends_at` (aware UTC). `days` are in order, closed ones among them."""

    begins_at: datetime
    ends_at: datetime
    days: tuple[PlanDay, ...]
    blocked: tuple[Blocked, ...]
    """The rule that holds most people first."""
    states: Mapping[JobStatus, int]
    """Of all people, at the end."""
    uncalled: int
    """People whom no rule ended and who had no call in the plan: their turn is later."""
    through_on: date | None
    """The day on which the last person is through with; None where the plan ends before."""
    open_days_left: int | None
    """About how many more days of calls the others need at the plan's own rate; None where that says nothing."""
    courses: tuple[Course, ...]
    """One a person, in the order of the list."""

    @property
    def attempts(self) -> int:
        """All calls of the plan."""
        return sum(day.attempts for day in self.days)

    @property
    def people(self) -> int:
        """People who had a call in the plan."""
        return sum(day.new_people for day in self.days)

    @property
    def contacts(self) -> float:
        """The calls in which somebody talks, on average."""
        return sum(day.contacts for day in self.days)

    @property
    def successes(self) -> float:
        """The calls that succeed, on average."""
        return sum(day.successes for day in self.days)

    @property
    def cost_micros(self) -> int:
        """What all calls cost on average, USD micros."""
        return sum(day.cost_micros for day in self.days)


def plan(
    policy: Policy,
    batch: Batch,
    jobs: Iterable[Job],
    *,
    people: Mapping[str, Person],
    phones: Mapping[str, Phone],
    odds: Odds,
    lines: Lines,
    delays: Delays,
    now: datetime,
    days: int,
    today: Today | None = None,
    seed: int = SEED,
    remember: bool = True,
) -> Plan:
    """Simulates `days` local days of the batch's zone from `now` (aware UTC) on, the day of `now` among them.

    The batch is taken as running, whatever its state. Of `jobs`, those that wait or are being called take part; the
    others keep the state that they have. A person or phone that is missing was never called. Raises ValueError where
    the policy has no wave, or never opens, at the batch's place.
    """
    first = now.astimezone(batch.zone).date()
    after = first + timedelta(days=days)
    ends_at = local_instant(after, 0, batch.zone)
    rehearsal = Rehearsal(
        policy=policy,
        batch=batch,
        rulings=Rulings(policy=policy, batch=batch, delays=delays, first=now, last=ends_at, remember=remember),
        odds=odds,
        lines=lines,
        begins_at=now,
        ends_at=ends_at,
        today=today or Today(),
        chance=random.Random(seed),
    )
    for job in sorted(jobs, key=lambda job: job.position):
        rehearsal.enlist(job, people, phones)
    rehearsal.run()
    open_on = set(takewhile(lambda day: day < after, open_days(policy, batch.site, first)))
    return _summed_up(rehearsal, [first + timedelta(days=n) for n in range(days)], open_on)


def _summed_up(rehearsal: Rehearsal, days: list[date], open_on: set[date]) -> Plan:
    waits = [listed for listed in rehearsal.everybody if listed.status in _WAITS]
    ended = {day: counts.ended for day, counts in rehearsal.days.items() if counts.ended}
    rate = sum(ended.values()) / max(1, len(open_on))
    return Plan(
        begins_at=rehearsal.begins_at,
        ends_at=rehearsal.ends_at,
        days=tuple(_day(rehearsal, day, is_open=day in open_on) for day in days),
        blocked=tuple(
            Blocked(code=code, people=held.people, times=held.times, example=held.example)
            for code, held in sorted(rehearsal.held.items(), key=lambda item: (-item[1].people, item[0]))
        ),
        states=Counter(listed.status for listed in rehearsal.everybody),
        uncalled=sum(not listed.calls for listed in waits),
        through_on=None if waits else max(ended, default=None),
        open_days_left=math.ceil(len(waits) / rate) if waits and rate else None,
        courses=tuple(map(_course, rehearsal.everybody)),
    )


def _day(rehearsal: Rehearsal, day: date, *, is_open: bool) -> PlanDay:
    counts, odds = rehearsal.days.get(day) or DayCount(), rehearsal.odds
    return PlanDay(
        on=day,
        is_open=is_open,
        people=counts.people,
        new_people=counts.new_people,
        attempts=counts.attempts,
        contacts=counts.attempts * odds.contact_share,
        successes=counts.attempts * odds.success_share,
        cost_micros=odds.expected_cost_micros(counts.attempts),
        ended=counts.ended,
    )


def _course(listed: Listed) -> Course:
    return Course(
        job=listed.job,
        calls=tuple(listed.calls),
        status=listed.status,
        reason=listed.reason,
        denied=listed.denied,
        next_at=listed.next_at,
    )
