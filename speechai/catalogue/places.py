"""Where a contact is: country, time zones and region, from its numbers and what the list names, by `places.toml`.

Enter E.164 numbers, a city and a region as the list writes them; leaves a `Place`. Called when a batch is loaded; the
job keeps the answer. What is not known exactly stays a choice of zones, in each of which the hours must hold.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError

FALLBACK_ZONES = {"America/Coyhaique": "America/Punta_Arenas"}
"""Coyhaique has its own zone since tzdata 2025b; with older data its twin has the same clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """ISO 3166 alpha-2 country, IANA zones that it may lie in (local days count in the first), and its region.

    `region` is the part of an ISO 3166-2 code after the country, None where nothing tells it.
    """

    country: str
    zones: tuple[str, ...]
    region: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """What one name or prefix says: a zone, and the region that it lies in."""

    zone: str
    region: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """One table of the catalogue, turned around: from what a list says to a spot."""

    code: str
    prefix: str
    zones: tuple[str, ...]
    by_prefix: Mapping[str, Spot]
    by_city: Mapping[str, Spot]
    by_region: Mapping[str, Spot]


def place_of(numbers: Sequence[str], *, city: str | None, region_name: str | None = None) -> Place | None:
    """The place of one contact with these E.164 numbers (one or more), by all that is known of it.

    A named city, else a named region, says where it is; a landline elsewhere adds its own zone. Without a name it may
    be wherever one of its numbers may be. None where a number's country is not served, or the numbers are of several
    countries: an unknown clock is refused (law 5).
    """
    codes = {_code_of(number) for number in numbers}
    code = codes.pop() if len(codes) == 1 else None
    if code is None:
        return None
    country = load_places()[code]
    named = list(_named(country, city, region_name))
    by_number = [_by_prefix(country, number) for number in numbers]
    known = [*named, *(spot for spot in by_number if spot is not None)]
    zones = [spot.zone for spot in named]
    for spot in by_number:
        if spot is not None:
            zones.append(spot.zone)
        elif not named:
            zones.extend(country.zones)
    return Place(country=code, zones=tuple(dict.fromkeys(zones)), region=known[0].region if known else None)


@lru_cache(maxsize=1)
def load_places() -> dict[str, Country]:
    """The countries that are served, by code. Raises ConfigurationError."""
    return {code: read_country(code, table) for code, table in read_catalogue("places.toml").items()}


def read_country(code: str, table: Mapping[str, Any]) -> Country:
    """One country's table. Raises ConfigurationError for a zone or region that does not exist and a name said twice."""
    zones = tuple(dict.fromkeys(map(_existing, table["zones"])))
    region_zones = table.get("region_zones", {})
    spots = {
        region: Spot(zone=_existing(region_zones.get(region, zones[0])), region=region) for region in table["regions"]
    }
    by_prefix = _turned(spots, table["prefixes"])
    by_city = _turned(spots, table["cities"])
    by_region = _turned(spots, table["regions"])
    by_region.update({key.lower(): spot for key, spot in spots.items()})
    for apart in table.get("apart", []):
        spot = Spot(zone=_existing(apart["zone"]), region=apart["region"])
        by_prefix.update(dict.fromkeys(apart["prefixes"], spot))
        by_city.update(dict.fromkeys(apart["cities"], spot))
    return Country(
        code=code,
        prefix=table["prefix"],
        zones=zones,
        by_prefix=by_prefix,
        by_city=by_city,
        by_region=by_region,
    )


def _turned(spots: Mapping[str, Spot], names: Mapping[str, Sequence[str]]) -> dict[str, Spot]:
    turned: dict[str, Spot] = {}
    for region, texts in names.items():
        for text in texts:
            if region not in spots or text in turned:
                raise ConfigurationError(
                    f"config/catalogue/places.toml: {text!r} of region {region!r} is said twice or lies nowhere"
                )
            turned[text] = spots[region]
    return turned


def _code_of(number: str) -> str | None:
    return next((code for code, country in load_places().items() if number.startswith(country.prefix)), None)


def _by_prefix(country: Country, number: str) -> Spot | None:
    """The spot of the longest prefix of the number; None for one that may be anywhere."""
    starts = (number[:length] for length in range(len(number), len(country.prefix), -1))
    return next((country.by_prefix[start] for start in starts if start in country.by_prefix), None)


def _named(country: Country, city: str | None, region_name: str | None) -> Iterator[Spot]:
    """What the list names: the city, and the region where that is another one than the city's."""
    in_city = country.by_city.get(_folded(city or ""))
    in_region = country.by_region.get(_region_key(region_name or "", country.code))
    if in_city is not None:
        yield in_city
    if in_region is not None and (in_city is None or in_city.region != in_region.region):
        yield in_region


_BEFORE_A_REGION = re.compile(
    r"^(?:(?:region|provincia)(?: de la| del| de)? |[ivx]+ region (?:de la |del |de )?)(?=\S)"
)


def _region_key(text: str, code: str) -> str:
    """The region's own name: without "Región de", "Provincia de", "XV Región de" and "CL-"."""
    folded = _folded(text).removeprefix(f"{code.lower()} ").removesuffix(" region")
    return _BEFORE_A_REGION.sub("", folded)


@lru_cache(maxsize=64)
def _existing(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        if zone in FALLBACK_ZONES:
            return FALLBACK_ZONES[zone]
        raise ConfigurationError(f"config/catalogue/places.toml: {zone!r} is not a known time zone") from None
    return zone


@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    """Lower case without accents and apostrophes; other marks part words."""
    plain = unicodedata.normalize("NFKD", re.sub("['’´`]", "", text)).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain.lower()).split())
