"""When a policy's doors are open at a site: hours, weekdays, public holidays, across changes of daylight saving.

Enter a policy, a site and an instant (aware UTC); leaves an answer or the next instant that is open. Everything is
walked in local days and turned into UTC at the end, so that a day of 23 or 25 hours loses no opening and gains none.
Where a site has several zones, open means open in each of them. The openings of a day are worked out once: the plan
of a campaign asks a million times for the same few weeks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import count, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

import holidays

from speechai.catalogue.policies import Policy
from speechai.core.model import Site

Opening = tuple[datetime, datetime]
"""From, and until before, two instants in UTC."""

_SEARCH_DAYS = 400
"""How far ahead an opening is looked for; every policy of the catalogue opens at least once a week."""
_MOST_DAYS = 50_000
"""Days kept in memory before they are forgotten: about 30 sites of 4 policies over a year."""
_ONE_DAY = timedelta(days=1)


def is_open(policy: Policy, site: Site, at: datetime) -> bool:
    """True where a call may start at the instant `at`, by hours, weekday and holidays alone, in every zone of `site`.

    Raises ValueError for a country whose holidays would matter and are not known.
    """
    openings = _day(policy, site, at.astimezone(site.zone).date()).openings
    return any(start <= at < end for start, end in openings)


def next_open(policy: Policy, site: Site, after: datetime) -> datetime:
    """The first instant at or after `after` (aware UTC) at which `is_open` holds, in UTC. Raises ValueError."""
    for day in islice(_days_from(after.astimezone(site.zone).date()), _SEARCH_DAYS):
        for start, end in openings_on(policy, site, day):
            if after < end:
                return max(start, after)
    raise ValueError(f"policy {policy.name!r} never opens within {_SEARCH_DAYS} days")


def open_days(policy: Policy, site: Site, first: date) -> Iterator[date]:
    """The local days from `first` on, itself included, on which the policy opens at all; without end.

    Raises ValueError where the next one is more than `_SEARCH_DAYS` away.
    """
    last = first
    for day in _days_from(first):
        if openings_on(policy, site, day):
            last = day
            yield day
        elif (day - last).days > _SEARCH_DAYS:
            raise ValueError(f"policy {policy.name!r} never opens within {_SEARCH_DAYS} days")


def waves_on(policy: Policy, site: Site, day: date) -> list[tuple[time, datetime]]:
    """The waves of the local day that fall into open hours, as (local time, UTC instant), in order."""
    return list(_day(policy, site, day).waves)


def next_wave(policy: Policy, site: Site, after: datetime) -> datetime:
    """The first wave at or after `after` (aware UTC) on which calling is allowed, in UTC. Raises ValueError."""
    for day in islice(_days_from(after.astimezone(site.zone).date()), _SEARCH_DAYS):
        for _, instant in _day(policy, site, day).waves:
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
    if instant.astimezone(zone).replace(tzinfo=None) != wall.replace(tzinfo=None):
        after_the_jump, minute_long = instant.astimezone(zone).utcoffset(), timedelta(minutes=1)
        while (instant - minute_long).astimezone(zone).utcoffset() == after_the_jump:
            instant -= minute_long
    return instant


def is_holiday(country: str, day: date, region: str | None = None) -> bool:
    """True on a public holiday of the country or, where it is known, of its region (library `holidays`).

    A region that the library does not know has the national holidays. Raises ValueError for a country it lacks.
    """
    return day in _holidays(country, region, day.year)


def openings_on(policy: Policy, site: Site, day: date) -> tuple[Opening, ...]:
    """The intervals of the local day (of the site's first zone) in which the policy is open in every zone, in order.

    Mostly one; none on a closed day.
    """
    return _day(policy, site, day).openings


class _Day(NamedTuple):
    """What was worked out for one local day. The policy is kept with it, so that its id stays its own."""

    policy: Policy
    openings: tuple[Opening, ...]
    waves: tuple[tuple[time, datetime], ...]


_kept: dict[tuple[int, Site, date], _Day] = {}


def _day(policy: Policy, site: Site, day: date) -> _Day:
    """Kept by the policy's identity, which is quicker than its hash: nothing in a policy changes."""
    key = (id(policy), site, day)
    kept = _kept.get(key)
    if kept is None:
        if len(_kept) >= _MOST_DAYS:
            _kept.clear()
        openings = _openings(policy, site, day)
        kept = _kept[key] = _Day(policy=policy, openings=openings, waves=_waves(policy, site, day, openings))
    return kept


def _waves(policy: Policy, site: Site, day: date, openings: tuple[Opening, ...]) -> tuple[tuple[time, datetime], ...]:
    if not openings:
        return ()
    instants = ((wave, local_instant(day, wave.hour * 60 + wave.minute, site.zone)) for wave in policy.waves)
    return tuple((wave, at) for wave, at in instants if any(start <= at < end for start, end in openings))


def _openings(policy: Policy, site: Site, day: date) -> tuple[Opening, ...]:
    found = _in_zone(policy, site, site.zone, day)
    for zone in site.zones[1:]:
        # The same instants may belong to the day before or after there.
        there = [piece for n in (-1, 0, 1) for piece in _in_zone(policy, site, zone, day + n * _ONE_DAY)]
        found = [(max(a[0], b[0]), min(a[1], b[1])) for a in found for b in there if max(a[0], b[0]) < min(a[1], b[1])]
    return _merged(found)


def _in_zone(policy: Policy, site: Site, zone: ZoneInfo, day: date) -> list[Opening]:
    """The one interval of the day in one zone, or none.

    Instants, not wall times, are compared: where the clock goes back over the end of the hours, they end only once.
    """
    hours = policy.hours.get(day.weekday())
    if hours is None or (policy.closed_on_holidays and is_holiday(site.country, day, site.region)):
        return []
    start, end = local_instant(day, hours.start_minute, zone), local_instant(day, hours.end_minute, zone)
    return [(start, end)] if start < end else []  # hours that daylight saving skips whole are no opening


def _merged(pieces: list[Opening]) -> tuple[Opening, ...]:
    """Pieces that touch, as one: two days of a zone that meet at its midnight are no door that closes."""
    merged: list[Opening] = []
    for piece in sorted(pieces):
        if merged and merged[-1][1] == piece[0]:
            merged[-1] = (merged[-1][0], piece[1])
        else:
            merged.append(piece)
    return tuple(merged)


@lru_cache(maxsize=256)
def _holidays(country: str, region: str | None, year: int) -> frozenset[date]:
    try:
        known = region if region in holidays.country_holidays(country).subdivisions else None
        return frozenset(holidays.country_holidays(country, subdiv=known, years=year))
    except NotImplementedError:
        raise ValueError(f"no public holidays are known for {country!r}") from None


def _days_from(first: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in count())
