"""Policies as they are shipped, and what a policy file must not get wrong silently."""

from __future__ import annotations

import tomllib
from datetime import time
from typing import Any

import pytest

from speechai.catalogue import read_catalogue
from speechai.catalogue.policies import Hours, _policy, get_policy, load_policies
from speechai.errors import ConfigurationError, UsageError

GOOD = """
title = "A"
source = "B"
closed_on_holidays = true
waves = ["15:00", "09:00"]
people_a_day = 60
attempts_a_day = 3
silent_days = 3
[hours]
mon = "08:00-20:00"
"""


def table(old: str = "", new: str = "") -> dict[str, Any]:
    assert old in GOOD
    return tomllib.loads(GOOD.replace(old, new) if old else GOOD)


def test_the_default_policy_holds_the_users_rules_within_chilean_hours() -> None:
    policy = get_policy("default")
    assert policy.waves == (time(9), time(12), time(15))
    assert (policy.people_a_day, policy.attempts_a_day, policy.silent_days) == (60, 3, 3)
    assert policy.hours == dict.fromkeys(range(6), Hours(start_minute=8 * 60, end_minute=20 * 60))
    assert policy.closed_on_holidays
    assert not policy.simulator_only


def test_only_the_policy_for_the_simulator_is_open_at_any_hour() -> None:
    around_the_clock = Hours(start_minute=0, end_minute=1440)
    open_all_day = {p.name for p in load_policies().values() if around_the_clock in p.hours.values()}
    assert open_all_day == {p.name for p in load_policies().values() if p.simulator_only} == {"always"}


def test_an_unknown_policy_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UsageError, match="'nonsense'; known are: always, default"):
        get_policy("nonsense")


def test_waves_are_sorted_and_hours_read_by_weekday() -> None:
    policy = _policy("test", table())
    assert policy.waves == (time(9), time(15))
    assert policy.hours == {0: Hours(start_minute=480, end_minute=1200)}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('title = "A"', "", "title"),
        ("people_a_day = 60", "", "people_a_day"),
        ("people_a_day = 60", "people_a_day = 0", "0"),
        ("people_a_day = 60", 'people_a_day = "60"', "'60'"),
        ("silent_days = 3", "silent_days = true", "True"),
        ("attempts_a_day = 3", "attempts_a_day = 2.5", "2.5"),
        ("closed_on_holidays = true", 'closed_on_holidays = "no"', "'no'"),
        ("silent_days = 3", "silent_days = 3\nsimulator_onyl = true", "simulator_onyl"),
        ('"15:00", "09:00"', "", "wave"),
        ('"15:00", "09:00"', '"21:00"', "wave within"),
        ('"15:00", "09:00"', '"25:00"', "hour"),
        ('"15:00", "09:00"', '"09:00:30"', "09:00:30"),
        ('"15:00", "09:00"', '"09:00Z"', "09:00Z"),
        ('"15:00", "09:00"', "9", "must be str"),
        ('mon = "08:00-20:00"', "", "hours"),
        ('mon = "08:00-20:00"', 'monday = "08:00-20:00"', "monday"),
        ('mon = "08:00-20:00"', 'mon = "20:00-08:00"', "20:00-08:00"),
        ('mon = "08:00-20:00"', 'mon = "08:00-08:00"', "08:00-08:00"),
        ('mon = "08:00-20:00"', 'mon = "08:00-24:30"', "08:00-24:30"),
        ('mon = "08:00-20:00"', 'mon = "08:00-19:75"', "19:75"),
        ('mon = "08:00-20:00"', 'mon = "8-20"', "8-20|invalid literal"),
        ('mon = "08:00-20:00"', 'mon = "08:00"', "invalid literal"),
        ('mon = "08:00-20:00"', "mon = 8", "partition"),
    ],
)
def test_a_wrong_policy_is_refused_by_name_and_field(old: str, new: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as refused:
        _policy("test", table(old, new))
    assert "policy 'test' in config/catalogue/policies.toml" in str(refused.value)


def test_a_policy_that_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        _policy("test", "default")  # type: ignore[arg-type]


def test_a_missing_catalogue_file_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="install SpeechAI again"):
        read_catalogue("nonsense.toml")
