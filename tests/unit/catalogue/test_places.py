"""Country and zone of a contact, from the number's prefix and the city."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from speechai.catalogue import read_catalogue
from speechai.catalogue.places import Place, _existing, place_of
from speechai.errors import ConfigurationError

SANTIAGO = Place(country="CL", zone="America/Santiago")
PUNTA_ARENAS = Place(country="CL", zone="America/Punta_Arenas")
EASTER = Place(country="CL", zone="Pacific/Easter")
BUENOS_AIRES = Place(country="AR", zone="America/Argentina/Buenos_Aires")


@pytest.mark.parametrize(
    ("number", "city", "place"),
    [
        ("+56912345678", None, SANTIAGO),
        ("+56221234567", None, SANTIAGO),
        ("+56612212345", None, PUNTA_ARENAS),
        ("+56961234567", None, SANTIAGO),  # a mobile whose digits begin like Punta Arenas' area
        ("+56322101234", None, EASTER),
        ("+56322551234", None, EASTER),
        ("+56322612345", None, SANTIAGO),  # the rest of area 32 is Valparaíso
        ("+56912345678", "Punta Arenas", PUNTA_ARENAS),
        ("+56912345678", "  PUNTA   ARENAS ", PUNTA_ARENAS),
        ("+56912345678", "Hanga Roa", EASTER),
        ("+56912345678", "Puerto Aysén", None),
        ("+56612212345", "Santiago", PUNTA_ARENAS),
        ("+56912345678", "Springfield", SANTIAGO),
        ("+56912345678", "", SANTIAGO),
        ("+5491123456789", None, BUENOS_AIRES),
        ("+5491123456789", "Punta Arenas", BUENOS_AIRES),  # a city of another country decides nothing
    ],
)
def test_the_longest_prefix_wins_and_a_known_city_wins_over_it(
    number: str, city: str | None, place: Place | None
) -> None:
    found = place_of(number, city=city)
    if place is None:  # Coyhaique has its own zone in new zone data and its twin's in old
        assert found is not None
        assert found.zone in ("America/Coyhaique", "America/Punta_Arenas")
    else:
        assert found == place


@pytest.mark.parametrize("number", ["+12025550123", "+5", "", "56912345678", "+34600000000"])
def test_a_country_that_is_not_served_has_no_place(number: str) -> None:
    assert place_of(number) is None


def test_every_zone_of_the_table_exists_or_has_a_twin() -> None:
    tables = read_catalogue("places.toml")
    for zones in tables.values():
        for zone in zones.values():
            assert ZoneInfo(_existing(zone))


@pytest.mark.parametrize("zone", ["America/Nowhere", "", "../zone"])
def test_a_misspelt_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ConfigurationError, match=r"places\.toml"):
        _existing(zone)
