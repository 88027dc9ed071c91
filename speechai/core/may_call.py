"""May this person be called now, and if not, why and when next? Asked at the moment of dialling (law 5).

Enter the policy, the batch, the job, the person and `now`; leaves `Allowed` or `Denied` with a reason in words and,
where waiting helps, the next instant worth asking at. An expected refusal is a value, never an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from speechai.catalogue.policies import Policy
from speechai.core.calendar import is_open, local_instant, next_open
from speechai.core.model import BatchStatus, Job, Person


class Denial(StrEnum):
    """Why a call may not start; the code beside the words."""

    BATCH_NOT_RUNNING = "batch_not_running"
    NO_PHONE_LEFT = "no_phone_left"
    ATTEMPTS_USED = "attempts_used"
    UNCLEAR = "unclear"
    """The zone, the country or the policy gives no answer: refused (law 5)."""
    DO_NOT_CALL = "do_not_call"
    EXCLUDED = "excluded"
    OUTSIDE_HOURS = "outside_hours"
    DAY_CAP = "day_cap"
    PERSON_BUSY = "person_busy"
    NO_CAPACITY = "no_capacity"


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may start; `phone` is the number to dial."""

    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The call may not start. `next_at` None means never, by itself: the job ends or waits for an operator."""

    code: Denial
    reason: str
    next_at: datetime | None = None


def may_call(policy: Policy, *, batch: BatchStatus, job: Job, person: Person, now: datetime) -> Allowed | Denied:
    """Decide about one call at `now` (aware UTC) at the contact's own place (`job.time_zone`).

    Rules in the order of their weight: what ends a job comes before what makes it wait. The day's cap is decided
    again by one conditional write when the call is claimed (law 3); here it saves the trip and gives the reason.
    """
    if batch is not BatchStatus.RUNNING:
        return Denied(code=Denial.BATCH_NOT_RUNNING, reason=f"the batch is {batch}")
    if person.do_not_call:
        return Denied(code=Denial.DO_NOT_CALL, reason="the person asked not to be called")
    if person.excluded_reason is not None:
        return Denied(code=Denial.EXCLUDED, reason=person.excluded_reason)
    phone = next_phone(job)
    if phone is None:
        return Denied(code=Denial.NO_PHONE_LEFT, reason="no phone is left: every number was refused")
    if job.attempts >= job.max_attempts:
        return Denied(code=Denial.ATTEMPTS_USED, reason=f"{job.attempts} of {job.max_attempts} attempts are used")
    try:
        zone = ZoneInfo(job.time_zone)
        return _by_the_calendar(policy, job, person, phone, zone, now)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        words = f"the hours in zone {job.time_zone!r}, country {job.country!r} are unclear: {error}"
        return Denied(code=Denial.UNCLEAR, reason=words)


def _by_the_calendar(
    policy: Policy, job: Job, person: Person, phone: str, zone: ZoneInfo, now: datetime
) -> Allowed | Denied:
    today = now.astimezone(zone).date()
    silent = exclusion_by_silence(policy, person, today)
    if silent is not None:
        return Denied(code=Denial.EXCLUDED, reason=silent)
    if not is_open(policy, job.site, now):
        at = next_open(policy, job.site, now)
        words = f"{_words(now, zone)} is outside the hours of {policy.name}; not before {_words(at, zone)}"
        return Denied(code=Denial.OUTSIDE_HOURS, reason=words, next_at=at)
    if person.day_on == today and person.attempts_today >= policy.attempts_a_day:
        return day_cap(policy, job, now)
    return Allowed(phone)


def day_cap(policy: Policy, job: Job, now: datetime) -> Denied:
    """The denial of a person who has had the day's attempts: not before the next local day's opening."""
    zone = ZoneInfo(job.time_zone)
    tomorrow = local_instant(now.astimezone(zone).date() + timedelta(days=1), 0, zone)
    at = next_open(policy, job.site, tomorrow)
    words = f"the person has had {policy.attempts_a_day} attempts today; not before {_words(at, zone)}"
    return Denied(code=Denial.DAY_CAP, reason=words, next_at=at)


def next_phone(job: Job) -> str | None:
    """The number to dial next: phones take turns, starting with `to_number`; None where none is callable.

    The turn goes on after the last number tried also where that one has just been retired.
    """
    numbers = job.all_phones
    first = numbers.index(job.last_phone_tried) + 1 if job.last_phone_tried in numbers else 0
    return next((phone for phone in (*numbers[first:], *numbers[:first]) if phone in job.phones), None)


def exclusion_by_silence(policy: Policy, person: Person, today: date) -> str | None:
    """Why the person is excluded by silence (law 4), or None.

    A silent day counts once it is over, or once the day's attempts are used: the third day's later waves are
    still tried.
    """
    days = {day for day in person.silent_on if day < today}
    if today in person.silent_on and person.day_on == today and person.attempts_today >= policy.attempts_a_day:
        days.add(today)
    if len(days) < policy.silent_days:
        return None
    return f"silent on {len(days)} days: {', '.join(day.isoformat() for day in sorted(days))}"


def _words(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%A %Y-%m-%d %H:%M} in {zone.key}"
