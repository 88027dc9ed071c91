"""When a policy's doors are open at a place: hours, weekdays, public holidays, across changes of daylight saving.

Enter a policy, a zone and an instant (aware UTC); leaves an answer or the next instant that is open. Everything is
walked in local days and turned into UTC at the end, so that a day of 23 or 25 hours loses no opening and gains none.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count, islice
from zoneinfo import ZoneInfo

import holidays

from speechai.catalogue.policies import Policy

_SEARCH_DAYS = 400
"""How far ahead an opening is looked for; every policy of the catalogue opens at least once a week."""


def is_open(policy: Policy, zone: ZoneInfo, country: str, at: datetime) -> bool:
    """True where a call may start at the instant `at` in `zone`, by hours, weekday and holidays alone."""
    opening = _opening(policy, zone, country, at.astimezone(zone).date())
    return opening is not None and opening[0] <= at < opening[1]


def next_open(policy: Policy, zone: ZoneInfo, country: str, after: datetime) -> datetime:
    """The first instant at or after `after` (aware UTC) at which `is_open` holds, in UTC."""
    if is_open(policy, zone, country, after):
        return after
    for day in islice(_days_from(after.astimezone(zone).date()), _SEARCH_DAYS):
        opening = _opening(policy, zone, country, day)
        if opening is not None and opening[0] >= after:
            return opening[0]
    raise ValueError(f"policy {policy.name!r} never opens within {_SEARCH_DAYS} days")


def open_days(policy: Policy, country: str, first: date) -> Iterator[date]:
    """The local days from `first` on, itself included, on which the policy opens at all; without end."""
    return (day for day in _days_from(first) if _hours_on(policy, country, day) is not None)


def waves_on(policy: Policy, zone: ZoneInfo, country: str, day: date) -> list[tuple[time, datetime]]:
    """The day's waves that fall into open hours, as (local time, UTC instant), in order."""
    opening = _opening(policy, zone, country, day)
    if opening is None:
        return []
    instants = ((wave, local_instant(day, wave.hour * 60 + wave.minute, zone)) for wave in policy.waves)
    return [(wave, instant) for wave, instant in instants if opening[0] <= instant < opening[1]]


def next_wave(policy: Policy, zone: ZoneInfo, country: str, after: datetime) -> datetime:
    """The first wave at or after `after` (aware UTC) on which calling is allowed, in UTC."""
    for day in islice(open_days(policy, country, after.astimezone(zone).date()), _SEARCH_DAYS):
        for _, instant in waves_on(policy, zone, country, day):
            if instant >= after:
                return instant
    raise ValueError(f"policy {policy.name!r} has no wave within its hours")


def local_instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The UTC instant of `minute` minutes after midnight by the wall clock of `zone` on `day`.

    A wall time that daylight saving skips becomes the instant at which the clock jumps over it; one that happens
    twice is its first occurrence, so that nothing opens twice.
    """
    wall = datetime.combine(day, time(), zone) + timedelta(minutes=minute)  # wall-clock arithmetic within the zone
    instant = wall.replace(fold=0).astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None, fold=0) != wall.replace(tzinfo=None, fold=0):
        after_the_jump, minute_long = instant.astimezone(zone).utcoffset(), timedelta(minutes=1)
        while (instant - minute_long).astimezone(zone).utcoffset() == after_the_jump:
            instant -= minute_long
    return instant


def is_holiday(country: str, day: date) -> bool:
    """True on a public holiday of the country (library `holidays`). Raises ValueError for a country it lacks."""
    return day in _holidays(country, day.year)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    try:
        return frozenset(holidays.country_holidays(country, years=year))
    except NotImplementedError:
        raise ValueError(f"no public holidays are known for {country!r}") from None


def _opening(policy: Policy, zone: ZoneInfo, country: str, day: date) -> tuple[datetime, datetime] | None:
    """The one interval of the local day in which the policy is open, in UTC, end excluded; None on a closed day.

    Instants, not wall times, are compared: where the clock goes back over the end of the hours, they end only once.
    """
    hours = _hours_on(policy, country, day)
    if hours is None:
        return None
    start, end = (local_instant(day, minute, zone) for minute in hours)
    return (start, end) if start < end else None  # hours that daylight saving skips whole are no opening


def _hours_on(policy: Policy, country: str, day: date) -> tuple[int, int] | None:
    hours = policy.hours.get(day.weekday())
    if hours is None or (policy.closed_on_holidays and is_holiday(country, day)):
        return None
    return hours.start_minute, hours.end_minute


def _days_from(first: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in count())
