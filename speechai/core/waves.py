"""Which contacts of a list belong to which wave: the plan when a list is loaded, and the choice when a wave opens.

Enter jobs that wait, the day's cohort and the policy; leave ids. The user's rule: a fixed number of people a day,
carried-over people first, a person not reached in one wave is tried in the next, the next day carries on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import repeat

from speechai.catalogue.policies import Policy
from speechai.core.calendar import is_open, local_instant, next_wave, waves_on
from speechai.core.model import Batch, Job, Pacing, Site


@dataclass(frozen=True, slots=True, kw_only=True)
class DueWave:
    """The wave of a local day that should be open now, and the earlier ones of the day that it replaces."""

    day: date
    wave: time
    missed: tuple[time, ...]


def due_wave(policy: Policy, batch: Batch, now: datetime) -> DueWave | None:
    """The latest wave of the batch's local day whose time has come, None before the first or outside the hours.

    A wave that was missed while nothing ran opens late, if calling is still allowed.
    """
    day = now.astimezone(batch.zone).date()
    reached = [wave for wave, instant in waves_on(policy, batch.site, day) if instant <= now]
    if not reached or not is_open(policy, batch.site, now):
        return None
    return DueWave(day=day, wave=reached[-1], missed=tuple(reached[:-1]))


def is_left_over(batch: Batch, job: Job, now: datetime) -> bool:
    """Whether a wave of an earlier day admitted the job, and that day went by without its call: it waits for another
    wave, or this day would have more people than it may, or somebody before its first wave. A callback has a time."""
    if batch.pacing is not Pacing.WAVES or not job.admitted or job.callback_at is not None:
        return False
    return job.admitted_on is not None and job.admitted_on < now.astimezone(batch.zone).date()


def choose_cohort(waiting: Sequence[Job], cohort: AbstractSet[str], people_a_day: int) -> tuple[list[str], list[str]]:
    """Splits `waiting` into the ids that the wave admits and those that must wait for another day.

    Members of the day's cohort come back in; free places go to people carried over from earlier days (they have
    attempts), then to new ones in the order of the file.
    """
    again = [job.id for job in waiting if job.id in cohort]
    others = sorted((job for job in waiting if job.id not in cohort), key=lambda job: (job.attempts == 0, job.position))
    places = max(0, people_a_day - len(cohort))
    return again + [job.id for job in others[:places]], [job.id for job in others[places:]]


def next_day_wave(policy: Policy, batch: Batch, day: date) -> datetime:
    """The first wave after the local `day`, in UTC: where contacts wait for whom the day had no place."""
    return next_wave(policy, batch.site, _midnight_after(day, batch.site))


def planned_waves(policy: Policy, site: Site, now: datetime) -> Iterator[datetime]:
    """For the first contact of a list, the second and so on: the wave at which its turn can come, in UTC.

    A day has `people_a_day` contacts, all planned for the first of its waves that is still ahead of `now`. Raises
    ValueError where no wave ever comes.
    """
    at = next_wave(policy, site, now)
    while True:
        yield from repeat(at, policy.people_a_day)
        at = next_wave(policy, site, _midnight_after(at.astimezone(site.zone).date(), site))


def most_attempts(max_tries: int, policy: Policy) -> int:
    """How many attempts a contact of a wave batch may have: those of the policy, where it says so.

    Else at least those of all the days until silence excludes it: MAX_TRIES alone would end a contact with the three
    waves of its first day, and the next day would not carry on.
    """
    if policy.attempts_a_job is not None:
        return policy.attempts_a_job
    return max(max_tries, policy.attempts_a_day * policy.silent_days)


def _midnight_after(day: date, site: Site) -> datetime:
    return local_instant(day + timedelta(days=1), 0, site.zone)
