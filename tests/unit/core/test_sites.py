"""Places that are not known exactly, regional holidays, and the Chilean changes of the clock of 2026 and 2027."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.places import _existing, place_of
from speechai.catalogue.policies import Hours, Policy, get_policy
from speechai.core.calendar import is_holiday, is_open, next_open, next_wave, open_days, openings_on, waves_on
from speechai.core.model import Site
from speechai.core.waves import due_wave
from tests.unit.core.making import (
    BUENOS_AIRES,
    EASTER,
    LORD_HOWE,
    PUNTA_ARENAS,
    SANTIAGO,
    SITE,
    instants,
    local,
    make_batch,
    make_policy,
    site_in,
    utc,
)

COYHAIQUE = ZoneInfo(_existing("America/Coyhaique"))
DEFAULT, ALWAYS, LAW = get_policy("default"), get_policy("always"), get_policy("cl-ley-21320")
MOBILE = site_in(SANTIAGO, PUNTA_ARENAS)
WINTER, SUMMER = "2026-07-06", "2026-11-23"  # Mondays
QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("zones", "day", "first", "last"),
    [
        # In summer both clocks are the same; in winter Punta Arenas closes at 19:00 of Santiago's clock.
        ((SANTIAGO, PUNTA_ARENAS), SUMMER, "08:00", "20:00"),
        ((SANTIAGO, PUNTA_ARENAS), WINTER, "08:00", "19:00"),
        ((PUNTA_ARENAS, SANTIAGO), WINTER, "09:00", "20:00"),
        ((SANTIAGO, EASTER), SUMMER, "10:00", "20:00"),
        ((SANTIAGO, PUNTA_ARENAS, EASTER), WINTER, "10:00", "19:00"),
        ((SANTIAGO, SANTIAGO), SUMMER, "08:00", "20:00"),
    ],
)
def test_a_place_of_several_zones_is_open_where_each_of_them_is(
    zones: tuple[ZoneInfo, ...], day: str, first: str, last: str
) -> None:
    site, moment = site_in(*zones), timedelta(microseconds=1)
    start, end = local(f"{day}T{first}", zones[0]), local(f"{day}T{last}", zones[0])
    assert openings_on(DEFAULT, site, date.fromisoformat(day)) == ((start, end),)
    assert [is_open(DEFAULT, site, at) for at in (start - moment, start, end - moment, end)] == [
        False,
        True,
        True,
        False,
    ]
    assert next_open(DEFAULT, site, start - timedelta(hours=5)) == start


def test_a_mobile_without_a_city_keeps_all_three_waves_in_summer_and_in_winter() -> None:
    place = place_of(["+56912345678"], city=None)
    assert place is not None
    site = Site(zones=tuple(map(ZoneInfo, place.zones)), country=place.country, region=place.region)
    for day in (WINTER, SUMMER):
        assert [wave for wave, _ in waves_on(DEFAULT, site, date.fromisoformat(day))] == [time(9), time(12), time(15)]


def test_easter_island_among_the_zones_would_close_the_first_wave_of_the_mainland() -> None:
    """Why it is no candidate of every mobile."""
    waves = waves_on(DEFAULT, site_in(SANTIAGO, PUNTA_ARENAS, EASTER), date.fromisoformat(SUMMER))
    assert [wave for wave, _ in waves] == [time(12), time(15)]


def test_a_zone_that_is_a_day_ahead_closes_by_its_own_weekday() -> None:
    # Lord Howe is 14 hours ahead of Santiago in November: Monday morning there is Sunday evening here.
    policy = make_policy(every_day=(0, 1440), closed_on_holidays=False)
    no_sundays = make_policy(hours={d: policy.hours[d] for d in range(6)}, closed_on_holidays=False)
    site = site_in(SANTIAGO, LORD_HOWE)
    saturday, sunday = date(2026, 11, 28), date(2026, 11, 29)
    (start, end), *more = openings_on(no_sundays, site, saturday)
    assert more == []
    assert start == local("2026-11-28T00:00")
    assert end == local("2026-11-29T00:00", LORD_HOWE)  # Sunday begins there
    assert openings_on(no_sundays, site, sunday) == ()
    monday = date(2026, 11, 30)
    assert openings_on(no_sundays, site, monday) == ((local("2026-11-30T00:00"), local("2026-12-01T00:00")),)


def test_two_openings_of_one_day_are_both_open_and_what_is_between_is_not() -> None:
    # 14 hours ahead, 00:00 to 20:00 leaves two pieces of a day that is open throughout.
    hours = {0: Hours(start_minute=0, end_minute=1440), 1: Hours(start_minute=120, end_minute=1440)}
    policy = make_policy(hours=hours, closed_on_holidays=False)
    site = site_in(SANTIAGO, LORD_HOWE)
    monday = date(2026, 11, 23)
    # Monday there ends at 10:00 of Santiago's Monday; Tuesday there opens two hours later.
    first, second = openings_on(policy, site, monday)
    assert first == (local("2026-11-23T00:00"), local("2026-11-23T10:00"))
    assert second == (local("2026-11-23T12:00"), local("2026-11-24T00:00"))
    assert not is_open(policy, site, local("2026-11-23T11:00"))
    assert next_open(policy, site, local("2026-11-23T11:00")) == second[0]
    assert next_open(policy, site, local("2026-11-23T13:00")) == local("2026-11-23T13:00")


def test_openings_that_only_touch_are_no_opening() -> None:
    # Midnight to 10:00 at both, 14 hours apart: one closes on the instant on which the other opens.
    policy, site = make_policy(every_day=(0, 600), closed_on_holidays=False), site_in(SANTIAGO, LORD_HOWE)
    assert openings_on(policy, site, date(2026, 11, 24)) == ()


def test_hours_that_the_clock_jumps_over_are_no_opening() -> None:
    policy = make_policy(every_day=(0, 60), closed_on_holidays=False)
    assert openings_on(policy, SITE, date(2026, 9, 6)) == ()
    assert next(open_days(policy, SITE, date(2026, 9, 6))) == date(2026, 9, 7)
    assert next_open(policy, SITE, utc("2026-09-06T04:00")) == local("2026-09-07T00:00")


def test_days_of_another_zone_that_meet_at_its_midnight_are_one_opening() -> None:
    day = date(2026, 11, 23)
    assert len(openings_on(ALWAYS, site_in(SANTIAGO, EASTER), day)) == 1
    assert openings_on(ALWAYS, site_in(SANTIAGO, EASTER), day) == openings_on(ALWAYS, SITE, day)


zones = st.lists(st.sampled_from([SANTIAGO, PUNTA_ARENAS, EASTER, BUENOS_AIRES, LORD_HOWE]), min_size=1, max_size=3)
policies = st.sampled_from(
    [DEFAULT, LAW, ALWAYS, get_policy("ar-24240"), make_policy(every_day=(0, 600)), make_policy(every_day=(900, 1440))]
)
moments = instants("2026-03-01", "2027-10-31")


@given(policies, zones, moments)
def test_open_in_several_zones_means_open_in_each(policy: Policy, places: list[ZoneInfo], at: datetime) -> None:
    each = [is_open(policy, site_in(zone), at) for zone in places]
    assert is_open(policy, site_in(*places), at) is all(each)


@given(policies, zones, moments)
def test_the_order_of_the_zones_decides_about_days_and_not_about_hours(
    policy: Policy, places: list[ZoneInfo], at: datetime
) -> None:
    assert is_open(policy, site_in(*places), at) is is_open(policy, site_in(*reversed(places)), at)


@given(policies, zones.filter(lambda places: LORD_HOWE not in places), moments)
def test_next_opening_of_several_zones_is_open_in_each_and_nothing_before_it_is(
    policy: Policy, places: list[ZoneInfo], after: datetime
) -> None:
    site = site_in(*places)
    found = next_open(policy, site, after)
    assert found >= after
    assert is_open(policy, site, found)
    assert next_open(policy, site, found) == found
    step = after
    while step < found:
        assert not is_open(policy, site, step)
        step += QUARTER - (step - datetime(2026, 1, 1, tzinfo=UTC)) % QUARTER


@given(policies, zones.filter(lambda places: LORD_HOWE not in places), moments, st.integers(0, 3_000_000))
def test_a_later_question_never_has_an_earlier_answer(
    policy: Policy, places: list[ZoneInfo], at: datetime, seconds: int
) -> None:
    site, later = site_in(*places), at + timedelta(seconds=seconds)
    assert next_open(policy, site, at) <= next_open(policy, site, later)
    assert next_wave(DEFAULT, site, at) <= next_wave(DEFAULT, site, later)


@given(policies, zones, moments)
def test_one_more_candidate_never_opens_an_hour(policy: Policy, places: list[ZoneInfo], at: datetime) -> None:
    if is_open(policy, site_in(*places), at):
        assert all(is_open(policy, site_in(*places[:n]), at) for n in range(1, len(places)))


REGIONAL = [
    ("CL", "AP", date(2027, 6, 7), True),  # the assault of the Morro, a Monday
    ("CL", None, date(2027, 6, 7), False),
    ("CL", "RM", date(2027, 6, 7), False),
    ("CL", "NB", date(2026, 8, 20), True),  # O'Higgins' birth, a Thursday
    ("CL", "BI", date(2026, 8, 20), False),
    ("CL", None, date(2026, 8, 20), False),
    ("CL", "NB", date(2026, 9, 18), True),  # a region has the national ones too
    ("CL", "XX", date(2026, 8, 20), False),  # a region that nobody knows has the national ones
    ("CL", "XX", date(2026, 9, 18), True),
    ("AR", "A", date(2026, 6, 17), True),
    ("AR", "T", date(2026, 9, 24), True),
    ("AR", "B", date(2026, 9, 24), False),
    ("AR", None, date(2026, 9, 24), False),
]


@pytest.mark.parametrize(("country", "region", "day", "expected"), REGIONAL)
def test_a_regional_holiday_closes_its_own_region_alone(
    country: str, region: str | None, day: date, expected: bool
) -> None:
    assert is_holiday(country, day, region) is expected
    site = site_in(SANTIAGO, country=country, region=region)
    noon = local(f"{day}T12:00")
    assert is_open(DEFAULT, site, noon) is not expected
    assert is_open(ALWAYS, site, noon)


@pytest.mark.parametrize(
    ("number", "city", "region_name", "day"),
    [
        ("+56582212345", None, None, date(2027, 6, 7)),
        ("+56912345678", "Arica", None, date(2027, 6, 7)),
        ("+56912345678", None, "Región de Arica y Parinacota", date(2027, 6, 7)),
        ("+56422212345", None, None, date(2026, 8, 20)),
        ("+56912345678", "Chillán", None, date(2026, 8, 20)),
        ("+5491123456789", "San Miguel de Tucumán", None, date(2026, 9, 24)),
    ],
)
def test_a_contact_has_the_holidays_of_the_region_that_number_city_or_list_say(
    number: str, city: str | None, region_name: str | None, day: date
) -> None:
    place = place_of([number], city=city, region_name=region_name)
    assert place is not None
    site = Site(zones=tuple(map(ZoneInfo, place.zones)), country=place.country, region=place.region)
    assert day not in list(islice(open_days(LAW, site, day), 3))
    nowhere = site_in(*site.zones, country=place.country)
    assert day in list(islice(open_days(LAW, nowhere, day), 3))


CLOCKS = [SANTIAGO, PUNTA_ARENAS, COYHAIQUE, EASTER]
CHANGES = [date(2026, 4, 5), date(2026, 9, 6), date(2027, 4, 4), date(2027, 9, 5)]  # Sundays


def minutes_of(first: date, days: int, zone: ZoneInfo) -> list[datetime]:
    """Every minute that passes from the local midnight of `first` on, by the UTC clock."""
    start, end = (local(f"{day}T12:00", zone) - timedelta(hours=13) for day in (first, first + timedelta(days=days)))
    return [start + timedelta(minutes=n) for n in range(int((end - start).total_seconds()) // 60)]


@pytest.mark.parametrize("sunday", CHANGES, ids=str)
@pytest.mark.parametrize("zone", CLOCKS, ids=str)
def test_no_wave_is_lost_or_doubled_around_a_change_of_the_clock(zone: ZoneInfo, sunday: date) -> None:
    """A beat that looks every minute over the five days around the change opens each wave at its wall time, once."""
    batch, policy = make_batch(time_zone=zone.key), make_policy(every_day=(0, 1440), closed_on_holidays=False)
    opened: list[tuple[date, time]] = []
    walls: list[tuple[date, time]] = []
    first = sunday - timedelta(days=2)
    for tick in minutes_of(first, 5, zone):
        due = due_wave(policy, batch, tick)
        if due is not None and (due.day, due.wave) not in opened:
            opened.append((due.day, due.wave))
            there = tick.astimezone(zone)
            walls.append((there.date(), there.time()))
    expected = [(first + timedelta(days=n), time(hour)) for n in range(-1, 5) for hour in (9, 12, 15)]
    assert [wave for wave in opened if wave[0] >= first] == [wave for wave in expected if wave[0] >= first]
    assert [wave for wave in walls if wave[0] >= first and wave[1] > time(3)] == expected[3:]


@pytest.mark.parametrize("sunday", CHANGES, ids=str)
@pytest.mark.parametrize("zones", [(z,) for z in CLOCKS] + [(SANTIAGO, PUNTA_ARENAS)], ids=str)
def test_the_days_around_a_change_are_open_as_long_as_ever(zones: tuple[ZoneInfo, ...], sunday: date) -> None:
    policy = make_policy(every_day=(8 * 60, 20 * 60), closed_on_holidays=False)
    for day in (sunday + timedelta(days=n) for n in (-1, 0, 1)):
        ((start, end),) = openings_on(policy, site_in(*zones), day)
        together = len({start.astimezone(zone).utcoffset() for zone in zones}) == 1
        assert end - start == timedelta(hours=12 if together else 11)
        assert start.astimezone(zones[0]).time() == time(8)


@pytest.mark.parametrize("year", [2026, 2027])
@pytest.mark.parametrize("zones", [(z,) for z in CLOCKS] + [(SANTIAGO, PUNTA_ARENAS)], ids=str)
def test_a_year_under_the_law_has_every_wave_of_every_open_day_once(zones: tuple[ZoneInfo, ...], year: int) -> None:
    site = site_in(*zones)
    at, end = local(f"{year}-01-01T00:00", zones[0]), local(f"{year + 1}-01-01T00:00", zones[0])
    met: Counter[tuple[date, time]] = Counter()
    while (at := next_wave(LAW, site, at)) < end:
        there = at.astimezone(zones[0])
        met[(there.date(), there.time())] += 1
        at += timedelta(microseconds=1)
    every = (date(year, 1, 1) + timedelta(days=n) for n in range(365))
    working = [day for day in every if day.weekday() < 6 and not is_holiday("CL", day)]
    assert met == Counter({(day, time(hour)): 1 for day in working for hour in (9, 12, 15)})


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [(SANTIAGO, 3, 4), (EASTER, 5, 6), (PUNTA_ARENAS, 3, 3), (COYHAIQUE, 3, 3)],
)
@pytest.mark.parametrize("year", [2026, 2027])
def test_the_clocks_are_those_that_chile_keeps(zone: ZoneInfo, before: int, after: int, year: int) -> None:
    """Hours behind UTC in January and in July: what the tests above rest on."""
    for month, behind in ((1, before), (7, after)):
        assert utc(f"{year}-{month:02}-15T12:00").astimezone(zone).utcoffset() == timedelta(hours=-behind)
