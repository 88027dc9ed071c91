"""Every preset at its edges: the minute it opens and closes, the days and the holidays, at a place under its law."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.policies import get_policy, load_policies
from speechai.core.calendar import is_open, next_open, next_wave, open_days, waves_on
from speechai.core.model import Site
from tests.unit.core.making import instants, local, site_in

ZONES = {
    "AR": ZoneInfo("America/Argentina/Buenos_Aires"),
    "BR": ZoneInfo("America/Sao_Paulo"),
    "CL": ZoneInfo("America/Santiago"),
    "CO": ZoneInfo("America/Bogota"),
    "MX": ZoneInfo("America/Mexico_City"),
    "PE": ZoneInfo("America/Lima"),
    "US": ZoneInfo("America/New_York"),
}
MONDAY, SATURDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 28), date(2026, 11, 29)

# policy, local day, first open minute, first closed minute; None: closed the whole day.
DAYS: list[tuple[str, date, tuple[str, str] | None]] = [
    ("cl-ley-21320", MONDAY, ("08:00", "20:00")),
    ("cl-ley-21320", SATURDAY, ("08:00", "20:00")),
    ("cl-ley-21320", SUNDAY, None),
    ("cl-ley-21320", date(2026, 12, 8), None),  # a Tuesday
    ("cl-ley-21320", date(2026, 9, 18), None),
    ("ar-24240", MONDAY, None),  # National Sovereignty Day, moved to the Monday
    ("ar-24240", date(2026, 11, 24), ("09:00", "19:00")),
    ("ar-24240", SATURDAY, ("10:00", "14:00")),
    ("ar-24240", SUNDAY, None),
    ("ar-24240", date(2026, 12, 8), None),
    ("us-tcpa-regf", MONDAY, ("08:00", "21:00")),
    ("us-tcpa-regf", SATURDAY, ("08:00", "21:00")),
    ("us-tcpa-regf", SUNDAY, ("08:00", "21:00")),
    ("us-tcpa-regf", date(2026, 12, 25), ("08:00", "21:00")),  # the law knows no holidays
    ("mx-condusef", MONDAY, ("07:00", "22:00")),
    ("mx-condusef", SATURDAY, None),
    ("mx-condusef", SUNDAY, None),
    ("mx-condusef", date(2026, 11, 16), None),  # Revolution Day, a Monday
    ("co-ley-2300", MONDAY, ("07:00", "19:00")),
    ("co-ley-2300", SATURDAY, ("08:00", "15:00")),
    ("co-ley-2300", SUNDAY, None),
    ("co-ley-2300", date(2026, 12, 8), None),
    ("pe-29571", MONDAY, ("07:00", "20:00")),
    ("pe-29571", SATURDAY, None),
    ("pe-29571", SUNDAY, None),
    ("pe-29571", date(2026, 12, 8), None),
    ("br", MONDAY, ("08:00", "20:00")),
    ("br", SATURDAY, ("08:00", "14:00")),
    ("br", SUNDAY, None),
    ("br", date(2026, 11, 20), None),  # Black Awareness Day, a Friday
    ("default", MONDAY, ("08:00", "20:00")),
    ("default", SATURDAY, ("08:00", "20:00")),
    ("default", SUNDAY, None),
    ("default", date(2026, 12, 8), None),
    ("always", SUNDAY, ("00:00", "24:00")),
    ("always", date(2026, 12, 25), ("00:00", "24:00")),
]


def site_of(name: str) -> Site:
    country = get_policy(name).country or "CL"
    return site_in(ZONES[country], country=country)


@pytest.mark.parametrize(("name", "day", "opening"), DAYS)
def test_a_preset_opens_and_closes_on_the_minute_at_the_called_partys_clock(
    name: str, day: date, opening: tuple[str, str] | None
) -> None:
    policy, site = get_policy(name), site_of(name)
    midnight = local(f"{day}T00:00", site.zone)
    whole_day = [midnight + timedelta(minutes=n) for n in range(24 * 60)]
    seen = [at for at in whole_day if is_open(policy, site, at)]
    if opening is None:
        assert seen == []
        return
    start, end = (timedelta(hours=int(text[:2]), minutes=int(text[3:])) for text in opening)
    assert seen == [at for at in whole_day if midnight + start <= at < midnight + end]
    assert is_open(policy, site, midnight + end - timedelta(microseconds=1))
    assert name == "always" or not is_open(policy, site, midnight + start - timedelta(microseconds=1))


def test_every_policy_is_in_the_table_of_this_test() -> None:
    assert {name for name, *_ in DAYS} == set(load_policies())


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("cl-ley-21320", SATURDAY, [9, 12, 15]),
        ("ar-24240", date(2026, 11, 24), [9, 12, 15]),
        ("ar-24240", SATURDAY, [12]),
        ("br", SATURDAY, [9, 12]),
        ("co-ley-2300", SATURDAY, [9, 12]),  # 15:00 is the end and no hour of calls
        ("mx-condusef", SATURDAY, []),
        ("us-tcpa-regf", SUNDAY, [9, 12, 15]),
    ],
)
def test_the_waves_of_a_day_are_those_that_its_law_leaves(name: str, day: date, expected: list[int]) -> None:
    assert [wave.hour for wave, _ in waves_on(get_policy(name), site_of(name), day)] == expected


@given(st.sampled_from(sorted(load_policies())), instants("2026-01-01", "2027-12-01"))
def test_every_policy_opens_again_and_has_a_wave_within_two_weeks(name: str, at: datetime) -> None:
    policy, site = get_policy(name), site_of(name)
    for found in (next_open(policy, site, at), next_wave(policy, site, at)):
        assert found - at < timedelta(days=14)


def test_no_country_of_a_law_lacks_its_holidays() -> None:
    for name in load_policies():
        assert len(list(islice(open_days(get_policy(name), site_of(name), MONDAY), 40))) == 40
