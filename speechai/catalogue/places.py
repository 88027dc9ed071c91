"""Where a contact is: country and time zone from the number and, where one is given, the city.

Enter an E.164 number and a city; leaves a `Place`. Called when a batch is loaded; the job keeps the answer.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError

COUNTRY_PREFIXES = {"+56": "CL", "+54": "AR"}
FALLBACK_ZONES = {"America/Coyhaique": "America/Punta_Arenas"}
"""Coyhaique has its own zone since tzdata 2025b; with older data its twin has the same clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """ISO 3166 alpha-2 country and IANA zone."""

    country: str
    zone: str


def place_of(number: str, *, city: str | None = None) -> Place | None:
    """The place of the E.164 `number`, None where its country is not served (an unknown zone is refused, law 5)."""
    country = next((code for prefix, code in COUNTRY_PREFIXES.items() if number.startswith(prefix)), None)
    if country is None:
        return None
    table = _table()
    zone = table["cities"].get(_folded(city)) if city and country == "CL" else None
    if zone is None:
        prefixes = sorted((p for p in table["prefixes"] if number.startswith(p)), key=len)
        zone = table["prefixes"][prefixes[-1]] if prefixes else table["zones"][country]
    return Place(country=country, zone=_existing(zone))


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return read_catalogue("places.toml")


@lru_cache(maxsize=64)
def _existing(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        if zone in FALLBACK_ZONES:
            return FALLBACK_ZONES[zone]
        raise ConfigurationError(f"config/catalogue/places.toml: {zone!r} is not a known time zone") from None
    return zone


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(plain.lower().split())
