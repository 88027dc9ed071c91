"""Policies as they are shipped, and what a policy file must not get wrong silently."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from datetime import date, time
from typing import Any

import pytest

from config.beat import wave_times
from speechai.catalogue import read_catalogue
from speechai.catalogue.policies import Hours, PhoneOrder, Policy, get_policy, load_policies, read_own, read_policy
from speechai.catalogue.policy_fields import MOST_QUIET_DAYS, RULES
from speechai.core.model import MEMORY_DAYS
from speechai.errors import ConfigurationError, UsageError

OWN = """
waves = ["15:00", "09:00"]
people_a_day = 60
attempts_a_day = 3
silent_days = 3
phone_order = "in_turn"
voicemail_is_contact = false
callback_lifts = true
"""
GOOD = """
title = "A"
source = "B"
read_on = 2026-11-01
version = 2
base = "own"
is_legal = true
country = "CL"
unverified = ["attempts_a_week"]
closed_on_holidays = true
attempts_a_week = 4
[hours]
mon = "08:00-20:00"
"""


def table(text: str, old: str = "", new: str = "") -> dict[str, Any]:
    assert old in text
    return tomllib.loads(text.replace(old, new) if old else text)


def read(old: str = "", new: str = "") -> Policy:
    return read_policy("test", table(GOOD, old, new), read_own(table(OWN)))


def hours(text: str) -> Hours:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    return Hours(start_minute=start, end_minute=end)


def week(**days: str) -> dict[int, Hours]:
    """`mon_fri`, `mon_sat`, `every` or `sat`, as local hours."""
    spans = {"mon_fri": range(5), "mon_sat": range(6), "every": range(7), "sat": range(5, 6)}
    return {day: hours(text) for name, text in days.items() for day in spans[name]}


def test_the_default_policy_holds_the_users_rules_within_chilean_hours() -> None:
    policy = get_policy("default")
    assert policy.waves == (time(9), time(12), time(15))
    assert (policy.people_a_day, policy.attempts_a_day, policy.silent_days) == (60, 3, 3)
    assert policy.hours == week(mon_sat="08:00-20:00")
    assert policy.closed_on_holidays
    assert not policy.simulator_only
    assert not policy.is_legal
    assert (policy.attempts_a_week, policy.contacts_a_week, policy.attempts_a_job) == (None, None, None)
    assert (policy.phone_attempts_a_day, policy.phone_attempts_a_week) == (3, None)
    assert (policy.quiet_days, policy.minutes_between_attempts, policy.delays_minutes) == (0, 0, {})
    assert policy.phone_order is PhoneOrder.IN_TURN
    assert policy.callback_lifts
    assert not policy.voicemail_is_contact


PRESETS: dict[str, tuple[str, dict[int, Hours], bool, dict[str, Any], set[str]]] = {
    "cl-ley-21320": (
        "CL",
        week(mon_sat="08:00-20:00"),
        True,
        {"attempts_a_week": 1, "contacts_a_week": 1, "voicemail_is_contact": True, "callback_lifts": False},
        {"attempts_a_week", "contacts_a_week", "voicemail_is_contact", "callback_lifts"},
    ),
    "ar-24240": (
        "AR",
        week(mon_fri="09:00-19:00", sat="10:00-14:00"),
        True,
        {},
        {"hours", "closed_on_holidays"},
    ),
    "us-tcpa-regf": (
        "US",
        week(every="08:00-21:00"),
        False,
        {"attempts_a_week": 7, "quiet_days": 7, "voicemail_is_contact": True, "callback_lifts": False},
        {"voicemail_is_contact", "callback_lifts"},
    ),
    "mx-condusef": ("MX", week(mon_fri="07:00-22:00"), True, {}, {"hours", "closed_on_holidays"}),
    "co-ley-2300": (
        "CO",
        week(mon_fri="07:00-19:00", sat="08:00-15:00"),
        True,
        {"attempts_a_day": 1, "quiet_days": 1, "voicemail_is_contact": True, "callback_lifts": False},
        {"attempts_a_day", "voicemail_is_contact", "callback_lifts"},
    ),
    "pe-29571": ("PE", week(mon_fri="07:00-20:00"), True, {}, set()),
    "br": ("BR", week(mon_fri="08:00-20:00", sat="08:00-14:00"), True, {}, {"hours", "closed_on_holidays"}),
}


@pytest.mark.parametrize("name", PRESETS)
def test_a_legal_preset_says_what_its_law_was_read_to_say_and_the_rest_is_the_users(name: str) -> None:
    country, opening, on_holidays, caps, unverified = PRESETS[name]
    policy = get_policy(name)
    assert policy.is_legal
    assert policy.country == country
    assert policy.hours == opening
    assert policy.closed_on_holidays is on_holidays
    assert policy.unverified == unverified
    own = get_policy("default")
    rest = set(RULES) - {"hours", "closed_on_holidays"}
    assert {f: getattr(policy, f) for f in rest} == {f: getattr(own, f) for f in rest} | caps


def test_every_preset_of_the_catalogue_is_in_the_table_of_this_test() -> None:
    assert set(load_policies()) == set(PRESETS) | {"default", "always"}


def test_every_policy_says_where_it_comes_from_and_when_it_was_read() -> None:
    for policy in load_policies().values():
        assert policy.source
        assert policy.title
        assert date(2026, 11, 1) <= policy.read_on
        assert policy.label == f"{policy.name} v{policy.version}"
        assert (policy.changed, policy.because) == ((), None)


def test_only_the_policy_for_the_simulator_is_open_at_any_hour() -> None:
    around_the_clock = Hours(start_minute=0, end_minute=1440)
    open_all_day = {p.name for p in load_policies().values() if around_the_clock in p.hours.values()}
    assert open_all_day == {p.name for p in load_policies().values() if p.simulator_only} == {"always"}


def test_beat_fires_at_every_wave_of_every_policy() -> None:
    assert wave_times() == sorted({wave for policy in load_policies().values() for wave in policy.waves})


def test_an_unknown_policy_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UsageError, match="'nonsense'; known are: always, ar-24240, br, cl-ley-21320"):
        get_policy("nonsense")


def test_the_users_own_rules_are_no_policy_by_themselves() -> None:
    with pytest.raises(UsageError, match="'own'"):
        get_policy("own")


def test_every_rule_is_a_field_of_the_policy_and_every_other_field_is_about_it() -> None:
    about = {"name", "title", "source", "read_on", "version", "is_legal", "unverified", "country"}
    assert {f.name for f in fields(Policy)} == set(RULES) | about | {"simulator_only", "changed", "because"}


def test_the_longest_quiet_time_is_within_what_a_person_s_record_remembers() -> None:
    assert MOST_QUIET_DAYS < MEMORY_DAYS


def test_waves_are_sorted_and_hours_read_by_weekday() -> None:
    policy = read()
    assert policy.waves == (time(9), time(15))
    assert policy.hours == {0: Hours(start_minute=480, end_minute=1200)}
    assert policy.label == "test v2"


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("attempts_a_day = 2", "attempts_a_day", 2),
        ("attempts_a_day = 9", "attempts_a_day", 3),  # a law that allows more leaves the user's own rule as it is
        ("people_a_day = 100", "people_a_day", 60),
        ("silent_days = 2", "silent_days", 2),
        ("silent_days = 5", "silent_days", 3),
        ('waves = ["09:00", "18:00"]', "waves", (time(9),)),
        ("voicemail_is_contact = true", "voicemail_is_contact", True),
        ("callback_lifts = false", "callback_lifts", False),
        ("callback_lifts = true", "callback_lifts", True),
        ("quiet_days = 7", "quiet_days", 7),
        ("minutes_between_attempts = 90", "minutes_between_attempts", 90),
        ("contacts_a_week = 3", "contacts_a_week", 3),
        ("phone_attempts_a_day = 2", "phone_attempts_a_day", 2),
        ("phone_attempts_a_week = 5", "phone_attempts_a_week", 5),
        ("attempts_a_job = 7", "attempts_a_job", 7),
        ("delays_minutes = { no_answer = 90 }", "delays_minutes", {"no_answer": 90}),
        ('phone_order = "first_until_bad"', "phone_order", PhoneOrder.IN_TURN),
    ],
)
def test_the_stricter_of_the_law_and_the_users_own_rule_wins(line: str, field: str, value: Any) -> None:
    assert getattr(read("attempts_a_week = 4", line), field) == value


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('title = "A"', "", "title"),
        ("version = 2", "", "version"),
        ("version = 2", "version = 0", "0"),
        ("read_on = 2026-11-01", "", "read_on"),
        ("read_on = 2026-11-01", 'read_on = "2026-11-01"', "is not a day"),
        ("read_on = 2026-11-01", "read_on = 2026-11-01T10:00:00", "is not a day"),
        ('base = "own"', "", "base"),
        ('base = "own"', 'base = "default"', "'default'"),
        ('country = "CL"', "", "names its country"),
        ('country = "CL"', 'country = "Chile"', "'Chile' is not a code"),
        ('country = "CL"', "country = 56", "56 is not a code"),
        ("is_legal = true", "is_legal = 1", "1 is not true or false"),
        ('unverified = ["attempts_a_week"]', 'unverified = ["attempts"]', "attempts"),
        ("attempts_a_week = 4", "attempts_a_week = 0", "0"),
        ("attempts_a_week = 4", 'attempts_a_week = "4"', "'4'"),
        ("attempts_a_week = 4", "silent_days = true", "True"),
        ("attempts_a_week = 4", "attempts_a_day = 2.5", "2.5"),
        ("attempts_a_week = 4", "quiet_days = -1", "-1"),
        ("attempts_a_week = 4", "quiet_days = 31", "31 is not a whole number from 0 to 30"),
        ("attempts_a_week = 4", "minutes_between_attempts = 10081", "10081"),
        ("attempts_a_week = 4", 'phone_order = "random"', "random"),
        ("attempts_a_week = 4", "delays_minutes = { busy = 5 }", "busy"),
        ("attempts_a_week = 4", "delays_minutes = { other = 0 }", "0"),
        ("attempts_a_week = 4", "delays_minutes = 5", "iterable"),
        ("attempts_a_week = 4", "simulator_onyl = true", "simulator_onyl"),
        ("closed_on_holidays = true", "", "closed_on_holidays missing"),
        ("closed_on_holidays = true", 'closed_on_holidays = "no"', "'no'"),
        ("attempts_a_week = 4", 'waves = ["21:00"]', "wave within"),
        ("attempts_a_week = 4", 'waves = ["25:00"]', "hour"),
        ("attempts_a_week = 4", 'waves = ["09:00:30"]', "09:00:30"),
        ("attempts_a_week = 4", 'waves = ["09:00Z"]', "09:00Z"),
        ("attempts_a_week = 4", 'waves = "09:00"', "list of times"),
        ("attempts_a_week = 4", "waves = [9]", "must be str"),
        ('[hours]\nmon = "08:00-20:00"', "", "hours"),
        ('mon = "08:00-20:00"', "", "hours"),
        ('mon = "08:00-20:00"', 'monday = "08:00-20:00"', "monday"),
        ('mon = "08:00-20:00"', 'mon = "20:00-08:00"', "20:00-08:00"),
        ('mon = "08:00-20:00"', 'mon = "08:00-08:00"', "08:00-08:00"),
        ('mon = "08:00-20:00"', 'mon = "08:00-24:30"', "08:00-24:30"),
        ('mon = "08:00-20:00"', 'mon = "08:00-19:75"', "19:75"),
        ('mon = "08:00-20:00"', 'mon = "08:00-19:60"', "19:60"),
        ('mon = "08:00-20:00"', 'mon = "8-20"', "'8'"),
        ('mon = "08:00-20:00"', 'mon = "-8:00-20:00"', "not a time of day"),
        ('mon = "08:00-20:00"', 'mon = "08:00"', "not a time of day"),
        ('mon = "08:00-20:00"', "mon = 8", "partition"),
    ],
)
def test_a_wrong_policy_is_refused_by_name_and_field(old: str, new: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as refused:
        read(old, new)
    assert "policy 'test' in config/catalogue/policies.toml" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("people_a_day = 60", "", "people_a_day missing"),
        ("people_a_day = 60", "people_a_day = 0", "0"),
        ("silent_days = 3", "", "silent_days missing"),
        ("callback_lifts = true", "", "callback_lifts missing"),
        ('waves = ["15:00", "09:00"]', "", "waves missing"),
        ("silent_days = 3", "silent_days = 3\nclosed_on_holidays = true", "closed_on_holidays"),
        ("silent_days = 3", 'silent_days = 3\ntitle = "own"', "title"),
    ],
)
def test_a_wrong_table_of_the_users_own_rules_is_refused(old: str, new: str, what: str) -> None:
    with pytest.raises(ConfigurationError, match=what) as refused:
        read_own(table(OWN, old, new))
    assert "table 'own'" in str(refused.value)


def test_own_rules_without_a_wave_leave_no_policy() -> None:
    with pytest.raises(ConfigurationError, match="at least one wave"):
        read_policy("test", table(GOOD), read_own(table(OWN, '"15:00", "09:00"', "")))


def test_a_policy_that_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        read_policy("test", "default", read_own(table(OWN)))  # type: ignore[arg-type]


def test_a_missing_catalogue_file_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="install SpeechAI again"):
        read_catalogue("nonsense.toml")
