"""When a policy lets a call start, worked out a second time from the wall clock of a place.

Enter a policy's name, a place and an instant; leaves why the door is closed, or None. The hours stand here in numbers,
so that a mistake in the product's catalogue or calendar does not excuse itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """When a policy allows calls, by the local wall clock; the end is excluded. Weekday 0 is Monday."""

    opens: int = 8
    closes: int = 20
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5)
    holidays: bool = False


DOORS = {"default": Door(), "always": Door(opens=0, closes=24, weekdays=(0, 1, 2, 3, 4, 5, 6), holidays=True)}


def why_closed(policy: str, zone: str, country: str, at: datetime) -> str | None:
    """None where the door of the policy is open at the instant by the wall clock of the place, else why not."""
    door, local = DOORS[policy], at.astimezone(ZoneInfo(zone))
    if local.weekday() not in door.weekdays:
        return f"on a {local:%A}, {local}"
    if not door.holidays and local.date() in _holidays(country, local.year):
        return f"on a public holiday, {local}"
    if not door.opens <= local.hour < door.closes:
        return f"at {local}"
    return None


@lru_cache(maxsize=16)
def _holidays(country: str, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=year))
