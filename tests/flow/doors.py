"""When a policy lets a call start, worked out a second time from the wall clock of a place.

Enter a door, a contact and an instant; leaves why the door is closed, or None. The hours stand here in numbers, so that
a mistake in the product's catalogue or calendar does not excuse itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Minutes of the local day by weekday (0 is Monday), the end excluded; a weekday that is missing is closed."""

    hours: Mapping[int, tuple[int, int]]
    on_holidays: bool = False


def _door(*days: tuple[str, int, int], on_holidays: bool = False) -> Door:
    """From (weekdays, first hour, end hour), e.g. ("mon tue", 8, 20)."""
    hours = {WEEKDAYS.index(day): (60 * first, 60 * end) for names, first, end in days for day in names.split()}
    return Door(hours=hours, on_holidays=on_holidays)


_WORKDAYS = "mon tue wed thu fri"
_ALL = f"{_WORKDAYS} sat sun"

DOORS = {
    "default": _door((f"{_WORKDAYS} sat", 8, 20)),
    "always": _door((_ALL, 0, 24), on_holidays=True),
    "cl-ley-21320": _door((f"{_WORKDAYS} sat", 8, 20)),
    "us-tcpa-regf": _door((_ALL, 8, 21), on_holidays=True),
    "co-ley-2300": _door((_WORKDAYS, 7, 19), ("sat", 8, 15)),
    "pe-29571": _door((_WORKDAYS, 7, 20)),
    "ar-24240": _door((_WORKDAYS, 9, 19), ("sat", 10, 14)),
}


def door_with(door: Door, hours: Mapping[str, str] | None, closed_on_holidays: bool | None) -> Door:
    """The door with what a batch replaces: hours as `{"mon": "09:00-13:30", "sat": "closed"}`, other days stay."""
    if hours is not None:
        replaced = {WEEKDAYS.index(day): text for day, text in hours.items()}
        spans = {day: text.split("-") for day, text in replaced.items() if text != "closed"}
        kept = {day: span for day, span in door.hours.items() if day not in replaced}
        door = replace(door, hours={**kept, **{d: (_minute(first), _minute(end)) for d, (first, end) in spans.items()}})
    return door if closed_on_holidays is None else replace(door, on_holidays=not closed_on_holidays)


def why_closed(door: Door, contact: Mapping[str, Any], at: datetime) -> str | None:
    """None where the door is open at the instant by the wall clock of every place that the contact may be in.

    `contact` is a job document: `time_zone`, `other_zones`, `country`, `region`.
    """
    zones = (contact["time_zone"], *contact.get("other_zones", ()))
    reasons = (_why_closed(door, zone, contact["country"], contact.get("region"), at) for zone in zones)
    return next((reason for reason in reasons if reason is not None), None)


def _why_closed(door: Door, zone: str, country: str, region: str | None, at: datetime) -> str | None:
    local = at.astimezone(ZoneInfo(zone))
    first, end = door.hours.get(local.weekday(), (0, 0))
    if not end:
        return f"on a {local:%A}, {local} in {zone}"
    if not door.on_holidays and local.date() in _holidays(country, region, local.year):
        return f"on a public holiday, {local} in {zone}"
    if not first <= 60 * local.hour + local.minute < end:
        return f"at {local} in {zone}"
    return None


def _minute(text: str) -> int:
    hour, minute = text.split(":")
    return 60 * int(hour) + int(minute)


@lru_cache(maxsize=64)
def _holidays(country: str, region: str | None, year: int) -> frozenset[date]:
    """The national ones, with those of the region where it is known and has any."""
    national = holidays.country_holidays(country, years=year)
    if region not in national.subdivisions:
        return frozenset(national)
    return frozenset(holidays.country_holidays(country, subdiv=region, years=year))
