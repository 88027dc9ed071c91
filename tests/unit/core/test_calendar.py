"""Opening hours, weekdays and holidays: exact instants, and the laws that hold for any policy at any place."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from speechai.catalogue.policies import Hours, Policy, get_policy
from speechai.core.calendar import (
    is_holiday,
    is_open,
    local_instant,
    next_open,
    next_wave,
    open_days,
    openings_on,
    waves_on,
)
from tests.unit.core.making import (
    BUENOS_AIRES,
    EASTER,
    LORD_HOWE,
    PUNTA_ARENAS,
    SANTIAGO,
    SITE,
    instants,
    local,
    make_policy,
    site_in,
    utc,
)

DEFAULT = get_policy("default")
ALWAYS = get_policy("always")
QUARTER = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-23T07:59:59.999999", False),  # Monday
        ("2026-11-23T08:00", True),
        ("2026-11-23T19:59:59.999999", True),
        ("2026-11-23T20:00", False),
        ("2026-11-28T08:00", True),  # Saturday
        ("2026-11-29T12:00", False),  # Sunday
        ("2026-12-08T12:00", False),  # Immaculate Conception, a Tuesday
        ("2026-12-25T12:00", False),
        ("2026-09-18T12:00", False),
        ("2027-01-01T12:00", False),
        ("2026-12-24T12:00", True),
    ],
)
def test_default_policy_is_open_by_the_minute_weekday_and_holiday(at: str, expected: bool) -> None:
    assert is_open(DEFAULT, SITE, local(at)) is expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-23T05:00", "2026-11-23T08:00"),
        ("2026-11-23T08:00", "2026-11-23T08:00"),
        ("2026-11-23T13:37:11.5", "2026-11-23T13:37:11.5"),
        ("2026-11-23T20:00", "2026-11-24T08:00"),
        ("2026-11-28T20:00", "2026-11-30T08:00"),  # over a Sunday
        ("2026-12-24T20:00", "2026-12-26T08:00"),  # over Christmas, a Friday
        ("2026-09-17T21:00", "2026-09-21T08:00"),  # the national holidays and a Sunday
        ("2026-12-31T23:59:59", "2027-01-02T08:00"),  # over the end of the year
    ],
)
def test_next_opening_passes_over_closed_hours_and_days(after: str, expected: str) -> None:
    assert next_open(DEFAULT, SITE, local(after)) == local(expected)


@pytest.mark.parametrize(
    ("country", "day", "expected"),
    [
        ("CL", date(2026, 9, 18), True),
        ("CL", date(2026, 7, 9), False),
        ("AR", date(2026, 7, 9), True),  # Independence of Argentina, an ordinary day in Chile
        ("AR", date(2026, 9, 18), False),
    ],
)
def test_holidays_are_those_of_the_contacts_country(country: str, day: date, expected: bool) -> None:
    assert is_holiday(country, day) is expected


def test_a_country_without_known_holidays_is_refused_and_not_guessed() -> None:
    with pytest.raises(ValueError, match="no public holidays"):
        is_open(DEFAULT, site_in(SANTIAGO, country="XX"), local("2026-11-23T12:00"))


def test_a_policy_that_ignores_holidays_never_asks_for_the_country() -> None:
    assert is_open(ALWAYS, site_in(SANTIAGO, country="XX"), local("2026-12-25T03:00"))


def test_waves_outside_the_days_hours_are_left_out() -> None:
    hours = {0: Hours(start_minute=10 * 60, end_minute=15 * 60)}
    policy = make_policy(hours=hours, waves=("09:00", "12:00", "15:00"))
    assert waves_on(policy, SITE, date(2026, 11, 23)) == [(time(12), local("2026-11-23T12:00"))]
    assert waves_on(policy, SITE, date(2026, 11, 24)) == []


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2026-11-23T09:00", "2026-11-23T09:00"),
        ("2026-11-23T09:00:00.000001", "2026-11-23T12:00"),
        ("2026-11-23T15:00:01", "2026-11-24T09:00"),
        ("2026-11-28T16:00", "2026-11-30T09:00"),
        ("2026-12-24T16:00", "2026-12-26T09:00"),
    ],
)
def test_next_wave_is_the_first_one_at_or_after_the_instant(after: str, expected: str) -> None:
    assert next_wave(DEFAULT, SITE, local(after)) == local(expected)


def test_a_policy_whose_waves_never_fall_into_its_hours_is_an_error_and_no_endless_search() -> None:
    policy = make_policy(every_day=(16 * 60, 20 * 60))
    with pytest.raises(ValueError, match="no wave"):
        next_wave(policy, SITE, local("2026-11-23T09:00"))


def test_a_policy_that_is_never_open_is_an_error_and_no_endless_search() -> None:
    policy = make_policy(hours={})
    with pytest.raises(ValueError, match="never opens"):
        next_open(policy, SITE, local("2026-11-23T09:00"))
    with pytest.raises(ValueError, match="never opens"):
        next(open_days(policy, SITE, date(2026, 11, 23)))


@pytest.mark.parametrize(
    ("day", "minute", "zone", "expected"),
    [
        (date(2026, 11, 23), 9 * 60, SANTIAGO, "2026-11-23T12:00"),
        (date(2026, 11, 23), 24 * 60, SANTIAGO, "2026-11-24T03:00"),
        # Chile's clock jumps from 24:00 of 5 September to 1:00 of the 6th: what lies between is the jump itself.
        (date(2026, 9, 6), 0, SANTIAGO, "2026-09-06T04:00"),
        (date(2026, 9, 6), 30, SANTIAGO, "2026-09-06T04:00"),
        (date(2026, 9, 6), 60, SANTIAGO, "2026-09-06T04:00"),
        (date(2026, 9, 6), 61, SANTIAGO, "2026-09-06T04:01"),
        # It goes back from 24:00 to 23:00 of 4 April: the first 23:30 counts.
        (date(2026, 4, 4), 23 * 60 + 30, SANTIAGO, "2026-04-05T02:30"),
        (date(2026, 4, 5), 0, SANTIAGO, "2026-04-05T04:00"),
        # At the same two instants it is 22:00 of the Saturday on Easter Island.
        (date(2026, 9, 5), 22 * 60 + 15, EASTER, "2026-09-06T04:00"),
        (date(2026, 4, 4), 21 * 60 + 15, EASTER, "2026-04-05T02:15"),
        (date(2026, 9, 6), 30, PUNTA_ARENAS, "2026-09-06T03:30"),
        (date(2026, 10, 4), 2 * 60 + 10, LORD_HOWE, "2026-10-03T15:30"),
    ],
)
def test_wall_times_that_are_skipped_or_happen_twice_have_one_instant(
    day: date, minute: int, zone: ZoneInfo, expected: str
) -> None:
    assert local_instant(day, minute, zone) == utc(expected)


zones = st.sampled_from([SANTIAGO, PUNTA_ARENAS, EASTER, BUENOS_AIRES, LORD_HOWE])
TRANSITIONS = [utc(t) for t in ("2026-04-05T03:00", "2026-09-06T04:00", "2027-04-04T03:00", "2027-09-05T04:00")]
moments = st.one_of(
    instants("2026-01-01", "2027-12-31"),
    # Half of the examples fall around the changes of the clock, where the mistakes are.
    st.builds(
        lambda at, seconds: at + timedelta(seconds=seconds),
        st.sampled_from(TRANSITIONS),
        st.integers(-100_000, 100_000),
    ),
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    days = draw(st.sets(st.integers(0, 6), min_size=1))
    hours = {}
    for day in days:
        start, end = sorted(draw(st.sets(st.integers(0, 96), min_size=2, max_size=2)))
        hours[day] = Hours(start_minute=start * 15, end_minute=end * 15)
    waves = draw(st.sets(st.integers(0, 95), min_size=1, max_size=4))
    return make_policy(
        hours=hours,
        waves=tuple(f"{n // 4:02}:{n % 4 * 15:02}" for n in sorted(waves)),
        closed_on_holidays=draw(st.booleans()),
    )


def open_by_the_wall_clock(policy: Policy, zone: ZoneInfo, at: datetime) -> bool:
    """The rule in other words, without the module under test: what the clock on the wall and the calendar show."""
    there = at.astimezone(zone)
    hours = policy.hours.get(there.weekday())
    closed = policy.closed_on_holidays and is_holiday("CL", there.date())
    return hours is not None and not closed and hours.start_minute <= there.hour * 60 + there.minute < hours.end_minute


def happens_twice(zone: ZoneInfo, at: datetime) -> bool:
    there = at.astimezone(zone)
    return there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()


@given(policies(), zones, moments)
def test_open_means_that_the_wall_clock_stands_within_the_hours(policy: Policy, zone: ZoneInfo, at: datetime) -> None:
    assume(not happens_twice(zone, at))
    assert is_open(policy, site_in(zone), at) is open_by_the_wall_clock(policy, zone, at)


@given(policies(), zones, moments)
def test_next_opening_is_open_and_nothing_before_it_is(policy: Policy, zone: ZoneInfo, after: datetime) -> None:
    found = next_open(policy, site_in(zone), after)
    assert found >= after
    assert is_open(policy, site_in(zone), found)
    step = after
    while step < found:
        assert not is_open(policy, site_in(zone), step)
        # Every quarter of an hour by the UTC clock: all hours of these policies and all clock changes fall on one.
        step += QUARTER - (step - datetime(2026, 1, 1, tzinfo=UTC)) % QUARTER


@given(policies(), zones, moments)
def test_next_opening_of_an_opening_is_itself(policy: Policy, zone: ZoneInfo, after: datetime) -> None:
    found = next_open(policy, site_in(zone), after)
    assert next_open(policy, site_in(zone), found) == found


@given(policies(), zones, st.dates(date(2026, 1, 1), date(2027, 12, 1)))
def test_the_doors_open_and_close_at_most_once_a_day(policy: Policy, zone: ZoneInfo, day: date) -> None:
    start, end = local_instant(day, 0, zone), local_instant(day + timedelta(days=1), 0, zone)
    steps = [start + n * QUARTER for n in range(int((end - start) / QUARTER))]
    seen = [is_open(policy, site_in(zone), at) for at in steps]
    changes = sum(a != b for a, b in zip([False, *seen], [*seen, False], strict=True))
    assert changes in (0, 2)


@given(policies(), zones, moments)
def test_next_wave_is_open_at_a_wave_hour_and_no_wave_lies_before_it(
    policy: Policy, zone: ZoneInfo, after: datetime
) -> None:
    days = list(islice(open_days(policy, site_in(zone), after.astimezone(zone).date() - timedelta(days=1)), 12))
    every = sorted(instant for day in days for _, instant in waves_on(policy, site_in(zone), day))
    assume(any(instant >= after for instant in every))
    found = next_wave(policy, site_in(zone), after)
    assert found == min(instant for instant in every if instant >= after)
    assert is_open(policy, site_in(zone), found)


@given(policies(), st.dates(date(2026, 1, 1), date(2027, 12, 1)))
def test_open_days_are_in_order_and_leave_no_open_day_out(policy: Policy, first: date) -> None:
    days = list(islice(open_days(policy, SITE, first), 5))
    assert days == sorted(set(days))
    assert days[0] >= first
    between = (first + timedelta(days=n) for n in range((days[-1] - first).days))
    for day in between:
        is_closed = day.weekday() not in policy.hours or (policy.closed_on_holidays and is_holiday("CL", day))
        assert (day in days) is not is_closed


def test_the_openings_of_a_day_are_worked_out_once() -> None:
    day = date(2026, 11, 23)
    assert openings_on(DEFAULT, SITE, day) is openings_on(DEFAULT, SITE, day)
