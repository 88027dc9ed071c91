"""Country, zones and region of a contact, from its numbers, the city and the region that a list names."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue import read_catalogue
from speechai.catalogue.places import Place, _existing, _folded, load_places, place_of, read_country
from speechai.errors import ConfigurationError

SANTIAGO, PUNTA_ARENAS, EASTER = "America/Santiago", "America/Punta_Arenas", "Pacific/Easter"
COYHAIQUE = _existing("America/Coyhaique")  # its twin's where the zone data are old
BUENOS_AIRES = "America/Argentina/Buenos_Aires"
ANYWHERE = (SANTIAGO, PUNTA_ARENAS)
MOBILE = "+56912345678"


def chile(*zones: str, region: str | None = None) -> Place:
    return Place(country="CL", zones=zones, region=region)


def argentina(region: str | None) -> Place:
    return Place(country="AR", zones=(BUENOS_AIRES,), region=region)


@pytest.mark.parametrize(
    ("numbers", "place"),
    [
        ([MOBILE], chile(*ANYWHERE)),
        (["+56961234567"], chile(*ANYWHERE)),  # a mobile whose digits begin like Punta Arenas' area
        (["+56442345678"], chile(*ANYWHERE)),  # voice over IP: no place
        (["+56221234567"], chile(SANTIAGO, region="RM")),
        (["+56582212345"], chile(SANTIAGO, region="AP")),
        (["+56422212345"], chile(SANTIAGO, region="NB")),
        (["+56612212345"], chile(PUNTA_ARENAS, region="MA")),
        (["+56672212345"], chile(COYHAIQUE, region="AI")),
        (["+56322101234"], chile(EASTER, region="VS")),
        (["+56322551234"], chile(EASTER, region="VS")),
        (["+56322612345"], chile(SANTIAGO, region="VS")),  # the rest of area 32 is Valparaíso
        # Several numbers without a name: wherever one of them may be, the first one's zone first.
        ([MOBILE, "+56987654321"], chile(*ANYWHERE)),
        ([MOBILE, "+56221234567"], chile(*ANYWHERE, region="RM")),
        (["+56221234567", MOBILE], chile(*ANYWHERE, region="RM")),
        (["+56612212345", MOBILE], chile(PUNTA_ARENAS, SANTIAGO, region="MA")),
        (["+56221234567", "+56612212345"], chile(SANTIAGO, PUNTA_ARENAS, region="RM")),
        ([MOBILE, "+56322101234"], chile(*ANYWHERE, EASTER, region="VS")),
        (["+5491123456789"], argentina(None)),  # area 11 is the capital and the province around it
        (["+541143211234"], argentina(None)),
        (["+5493514123456"], argentina("X")),
        (["+543514123456"], argentina("X")),
        (["+5491123456789", "+5493874123456"], argentina("A")),
    ],
)
def test_numbers_alone_give_the_zones_in_which_the_contact_may_be(numbers: list[str], place: Place) -> None:
    assert place_of(numbers, city=None) == place


@pytest.mark.parametrize(
    ("number", "city", "region", "place"),
    [
        (MOBILE, "Punta Arenas", None, chile(PUNTA_ARENAS, region="MA")),
        (MOBILE, "  PUNTA   ARENAS ", None, chile(PUNTA_ARENAS, region="MA")),
        (MOBILE, "Puerto Aysén", None, chile(COYHAIQUE, region="AI")),
        (MOBILE, "Hanga Roa", None, chile(EASTER, region="VS")),
        (MOBILE, "Hanga Roa", "Valparaíso", chile(EASTER, region="VS")),
        (MOBILE, "Ñuñoa", None, chile(SANTIAGO, region="RM")),
        (MOBILE, "Chillán", None, chile(SANTIAGO, region="NB")),
        (MOBILE, None, "Región de Valparaíso", chile(SANTIAGO, region="VS")),  # not Easter Island without its name
        (MOBILE, None, "XII Región", chile(PUNTA_ARENAS, region="MA")),
        (MOBILE, None, "XV Región de Arica y Parinacota", chile(SANTIAGO, region="AP")),
        (MOBILE, None, "Región del Libertador Gral. Bernardo O’Higgins", chile(SANTIAGO, region="LI")),
        (MOBILE, None, "Región de La Araucanía", chile(SANTIAGO, region="AR")),
        (MOBILE, None, "CL-NB", chile(SANTIAGO, region="NB")),
        (MOBILE, None, "RM", chile(SANTIAGO, region="RM")),
        (MOBILE, None, "Magallanes y de la Antártica Chilena", chile(PUNTA_ARENAS, region="MA")),
        (MOBILE, None, "8", chile(SANTIAGO, region="BI")),
        # A name that the catalogue does not know tells nothing.
        (MOBILE, "Springfield", "Nevada", chile(*ANYWHERE)),
        (MOBILE, "", "", chile(*ANYWHERE)),
        (MOBILE, "Springfield", "Arica y Parinacota", chile(SANTIAGO, region="AP")),
        # What contradicts itself is both: the hours hold in each zone.
        (MOBILE, "Santiago", "Magallanes", chile(SANTIAGO, PUNTA_ARENAS, region="RM")),
        ("+56612212345", "Santiago", None, chile(SANTIAGO, PUNTA_ARENAS, region="RM")),
        ("+56612212345", "Punta Arenas", None, chile(PUNTA_ARENAS, region="MA")),
        # A city of another country decides nothing, nor does a region.
        ("+5491123456789", "Punta Arenas", "Magallanes", argentina(None)),
        ("+5491123456789", None, "Provincia de Buenos Aires", argentina("B")),
        ("+5491123456789", "CABA", None, argentina("C")),
        ("+5491123456789", "San Miguel de Tucumán", None, argentina("T")),
        ("+5491123456789", None, "Córdoba", argentina("X")),
    ],
)
def test_a_named_city_or_region_says_where_a_number_is_used(
    number: str, city: str | None, region: str | None, place: Place
) -> None:
    assert place_of([number], city=city, region_name=region) == place


@pytest.mark.parametrize(
    "numbers", [["+12025550123"], ["+5"], [""], ["56912345678"], ["+34600000000"], [], [MOBILE, "+12025550123"]]
)
def test_a_country_that_is_not_served_has_no_place(numbers: list[str]) -> None:
    assert place_of(numbers, city="Santiago", region_name="RM") is None


def test_numbers_of_two_countries_have_no_common_clock() -> None:
    assert place_of([MOBILE, "+5491123456789"], city=None) is None


@given(
    numbers=st.lists(st.from_regex(r"\+56[2-9][0-9]{8}", fullmatch=True), min_size=1, max_size=4),
    city=st.sampled_from([None, "Santiago", "Coyhaique", "Hanga Roa", "Springfield"]),
)
def test_one_more_number_never_takes_a_zone_away(numbers: list[str], city: str | None) -> None:
    everywhere = place_of(numbers, city=city)
    assert everywhere is not None
    assert len(set(everywhere.zones)) == len(everywhere.zones) > 0
    for n in range(1, len(numbers)):
        fewer = place_of(numbers[:n], city=city)
        assert fewer is not None
        assert set(fewer.zones) <= set(everywhere.zones)
        assert fewer.zones[0] == everywhere.zones[0]


def test_every_region_is_one_that_the_library_of_holidays_knows_and_none_is_missing() -> None:
    for code, country in load_places().items():
        known = set(holidays.country_holidays(code).subdivisions)
        assert {spot.region for spot in country.by_region.values()} == known
        for spots in (country.by_city, country.by_prefix):
            assert {spot.region for spot in spots.values()} <= known


def test_every_name_of_the_catalogue_is_written_as_names_are_compared_and_every_zone_exists() -> None:
    for country in load_places().values():
        assert [name for name in (*country.by_city, *country.by_region) if _folded(name) != name] == []
        for spot in (*country.by_city.values(), *country.by_prefix.values(), *country.by_region.values()):
            assert ZoneInfo(spot.zone)
        assert all(prefix.startswith(country.prefix) for prefix in country.by_prefix)


def test_only_magallanes_aysen_and_easter_island_keep_another_clock_than_santiago() -> None:
    spots = load_places()["CL"].by_city.values()
    apart = {(spot.region, spot.zone) for spot in spots if spot.zone != SANTIAGO}
    assert apart == {("MA", PUNTA_ARENAS), ("AI", COYHAIQUE), ("VS", EASTER)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"zones": ["America/Nowhere"]}, "America/Nowhere"),
        ({"region_zones": {"MA": "America/Nowhere"}}, "America/Nowhere"),
        ({"cities": {"XX": ["somewhere"]}}, "lies nowhere"),
        ({"cities": {"RM": ["talca"], "ML": ["talca"]}}, "said twice"),
        ({"prefixes": {"RM": ["+562"], "ML": ["+562"]}}, "said twice"),
    ],
)
def test_a_wrong_table_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    table = {**deepcopy(read_catalogue("places.toml")["CL"]), **changes}
    with pytest.raises(ConfigurationError, match=words) as refused:
        read_country("CL", table)
    assert "places.toml" in str(refused.value)


@pytest.mark.parametrize("zone", ["America/Nowhere", "", "../zone"])
def test_a_misspelt_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ConfigurationError, match=r"places\.toml"):
        _existing(zone)
