"""What a batch or an account may change of a policy, and the stricter of two policies."""

from __future__ import annotations

from dataclasses import replace
from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.policies import (
    Hours,
    PhoneOrder,
    Policy,
    get_policy,
    load_policies,
    loosened_fields,
    resolve_policy,
    stricter,
)
from speechai.catalogue.policy_fields import RULES
from speechai.errors import UsageError

LAW = "cl-ley-21320"
SATURDAY, SUNDAY = 5, 6

# field, what the preset is before, the override as TOML writes it, what it becomes. The preset has no value but the
# defaults for some fields: `us-tcpa-regf` and `co-ley-2300` stand in where a limit is needed.
LOOSER: list[tuple[str, str, Any, Any]] = [
    (LAW, "hours", {"sun": "10:00-12:00"}, "sun 10:00-12:00"),
    (LAW, "hours", {"mon": "07:59-20:00"}, "mon 07:59-20:00"),
    (LAW, "hours", {"mon": "08:00-20:01"}, "mon 08:00-20:01"),
    (LAW, "closed_on_holidays", False, "from True to False"),
    (LAW, "people_a_day", 61, "from 60 to 61"),
    (LAW, "attempts_a_day", 4, "from 3 to 4"),
    (LAW, "attempts_a_week", 2, "from 1 to 2"),
    (LAW, "attempts_a_week", "none", "from 1 to no limit"),
    (LAW, "attempts_a_week", None, "from 1 to no limit"),
    (LAW, "contacts_a_week", 2, "from 1 to 2"),
    (LAW, "silent_days", 4, "from 3 to 4"),
    (LAW, "voicemail_is_contact", False, "from True to False"),
    (LAW, "callback_lifts", True, "from False to True"),
    ("us-tcpa-regf", "quiet_days", 6, "from 7 to 6"),
    ("us-tcpa-regf", "attempts_a_week", 8, "from 7 to 8"),
    ("co-ley-2300", "quiet_days", 0, "from 1 to 0"),
    ("co-ley-2300", "attempts_a_day", 2, "from 1 to 2"),
]
TIGHTER: list[tuple[str, str, Any, Any]] = [
    (LAW, "hours", {"sat": "closed"}, dict.fromkeys(range(5), Hours(start_minute=480, end_minute=1200))),
    (LAW, "people_a_day", 59, 59),
    (LAW, "attempts_a_day", 1, 1),
    ("us-tcpa-regf", "attempts_a_week", 6, 6),
    (LAW, "phone_attempts_a_day", 1, 1),
    (LAW, "phone_attempts_a_week", 3, 3),
    ("us-tcpa-regf", "contacts_a_week", 1, 1),
    (LAW, "quiet_days", 30, 30),
    (LAW, "minutes_between_attempts", 120, 120),
    (LAW, "silent_days", 1, 1),
    (LAW, "attempts_a_job", 2, 2),
    (LAW, "delays_minutes", {"no_answer": 5}, {"no_answer": 5}),
    ("us-tcpa-regf", "closed_on_holidays", True, True),
    ("pe-29571", "voicemail_is_contact", True, True),
    ("pe-29571", "callback_lifts", False, False),
    # What only paces the work loosens nothing.
    (LAW, "waves", ["10:30", "09:00", "10:30"], (time(9), time(10, 30))),
    (LAW, "phone_order", "first_until_bad", PhoneOrder.FIRST_UNTIL_BAD),
]


@pytest.mark.parametrize("because", [None, "", "  \n"])
@pytest.mark.parametrize(("name", "field", "value", "words"), LOOSER)
def test_an_override_that_loosens_a_legal_preset_is_refused_without_a_reason(
    name: str, field: str, value: Any, words: str, because: str | None
) -> None:
    with pytest.raises(UsageError) as refused:
        resolve_policy(name, {field: value}, because)
    assert name in str(refused.value)
    assert field in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize(("name", "field", "value", "words"), LOOSER)
def test_with_a_reason_it_holds_and_the_reason_is_kept(name: str, field: str, value: Any, words: str) -> None:
    policy = resolve_policy(name, {field: value}, " counsel, 2026-11-20 ")
    assert words
    assert loosened_fields(get_policy(name), policy) == [field]
    assert policy.because == "counsel, 2026-11-20"
    assert policy.changed == (field,)
    assert policy.label == f"{name} v1, changed: {field}"


@pytest.mark.parametrize(("name", "field", "value", "becomes"), TIGHTER)
def test_a_tightening_needs_no_reason(name: str, field: str, value: Any, becomes: Any) -> None:
    policy, base = resolve_policy(name, {field: value}, None), get_policy(name)
    assert getattr(policy, field) == becomes
    assert policy == replace(base, **{field: becomes}, changed=(field,))


def test_every_field_is_in_the_tables_of_this_test() -> None:
    assert {field for _, field, *_ in (*LOOSER, *TIGHTER)} == set(RULES)


def test_the_users_own_policy_may_be_loosened_without_a_reason() -> None:
    policy = resolve_policy(
        "default", {"people_a_day": 500, "attempts_a_day": 5, "hours": {"sun": "10:00-13:00"}}, None
    )
    assert (policy.people_a_day, policy.attempts_a_day, policy.because) == (500, 5, None)
    assert policy.hours[SUNDAY] == Hours(start_minute=600, end_minute=780)
    assert policy.changed == ("hours", "people_a_day", "attempts_a_day")


def test_a_loosening_among_tightenings_is_found_and_only_it_is_named() -> None:
    with pytest.raises(UsageError) as refused:
        resolve_policy(LAW, {"attempts_a_week": 2, "attempts_a_day": 1, "hours": {"sat": "09:00-12:00"}}, None)
    assert "attempts_a_week from 1 to 2" in str(refused.value)
    assert "attempts_a_day" not in str(refused.value)
    assert "hours" not in str(refused.value)


def test_a_day_that_an_override_does_not_name_keeps_its_hours() -> None:
    before, after = (
        get_policy("default").hours,
        resolve_policy("default", {"hours": {"sat": "09:00-13:00"}}, None).hours,
    )
    assert after == {**before, SATURDAY: Hours(start_minute=540, end_minute=780)}


@pytest.mark.parametrize(
    ("delays", "becomes"),
    [({"other": 10}, {"other": 10}), ({"other": 10, "no_answer": "none"}, {"other": 10}), ({}, {})],
)
def test_a_delay_that_an_override_does_not_name_is_that_of_the_settings(delays: Any, becomes: Any) -> None:
    assert resolve_policy("default", {"delays_minutes": delays}, None).delays_minutes == becomes


def test_a_shorter_delay_than_the_policys_is_looser_and_a_missing_one_too() -> None:
    base = replace(get_policy(LAW), delays_minutes={"no_answer": 60})
    assert loosened_fields(base, replace(base, delays_minutes={"no_answer": 59})) == ["delays_minutes"]
    assert loosened_fields(base, replace(base, delays_minutes={})) == ["delays_minutes"]
    assert loosened_fields(base, replace(base, delays_minutes={"no_answer": 60, "other": 1})) == []


def test_what_changes_nothing_is_not_named_as_changed() -> None:
    assert resolve_policy(LAW, {"attempts_a_week": 1, "attempts_a_day": 2}, None).changed == ("attempts_a_day",)
    assert resolve_policy(LAW, {"attempts_a_week": 1}, None) == get_policy(LAW)


def test_the_same_changes_are_the_same_object_so_that_its_calendar_is_worked_out_once() -> None:
    assert resolve_policy(LAW, {}, None) is get_policy(LAW)
    once = resolve_policy(LAW, {"attempts_a_day": 1, "waves": ["09:00"]}, None)
    assert resolve_policy(LAW, {"waves": ["09:00"], "attempts_a_day": 1}, None) is once
    assert stricter(once, get_policy("br")) is stricter(once, get_policy("br"))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"atempts_a_day": 3}, "no field 'atempts_a_day'"),
        ({"simulator_only": False}, "no field 'simulator_only'"),
        ({"is_legal": False}, "no field 'is_legal'"),
        ({"name": "x"}, "no field 'name'"),
        ({"unverified": []}, "no field 'unverified'"),
        ({"attempts_a_day": 0}, "attempts_a_day = 0"),
        ({"attempts_a_day": "none"}, "attempts_a_day = 'none'"),
        ({"attempts_a_week": "2"}, "attempts_a_week = '2'"),
        ({"quiet_days": 31}, "31"),
        ({"hours": "08:00-20:00"}, "hours"),
        ({"hours": {"sunday": "08:00-20:00"}}, "sunday"),
        ({"hours": {"sun": "late"}}, "late"),
        ({"waves": []}, "at least one wave"),
        ({"waves": ["21:00"]}, "at least one wave"),
        ({"hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), "closed")}, "needs hours"),
        ({"hours": dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat"), "10:00-11:00")}, "wave within"),
        ({"phone_order": "random"}, "random"),
    ],
)
def test_a_wrong_override_is_refused_by_field_and_value(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        resolve_policy("default", overrides, "because")
    assert "'default'" in str(refused.value)


def test_an_override_of_a_policy_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no policy 'x'"):
        resolve_policy("x", {"attempts_a_day": 1}, None)


counts = st.integers(1, 9)
limits = st.none() | counts
minutes = st.integers(0, 48).map(lambda n: n * 30)
openings = st.tuples(minutes, minutes).filter(lambda pair: pair[0] < pair[1])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    week = draw(st.dictionaries(st.integers(0, 6), openings))
    fields: dict[str, Any] = {
        "hours": {day: Hours(start_minute=start, end_minute=end) for day, (start, end) in week.items()},
        "closed_on_holidays": draw(st.booleans()),
        "waves": tuple(sorted(draw(st.sets(st.sampled_from([time(h) for h in range(8, 20)]), max_size=4)))),
        "people_a_day": draw(counts),
        "attempts_a_day": draw(counts),
        "attempts_a_week": draw(limits),
        "phone_attempts_a_day": draw(limits),
        "phone_attempts_a_week": draw(limits),
        "contacts_a_week": draw(limits),
        "quiet_days": draw(st.integers(0, 30)),
        "minutes_between_attempts": draw(st.integers(0, 600)),
        "silent_days": draw(counts),
        "attempts_a_job": draw(limits),
        "delays_minutes": draw(st.dictionaries(st.sampled_from(["no_answer", "other"]), counts)),
        "phone_order": draw(st.sampled_from(PhoneOrder)),
        "voicemail_is_contact": draw(st.booleans()),
        "callback_lifts": draw(st.booleans()),
    }
    return replace(get_policy(draw(st.sampled_from(sorted(load_policies())))), **fields)


def allows(policy: Policy) -> set[tuple[Any, ...]]:
    """All that the policy allows, written out, without the module under test: a stricter one allows a part of it."""
    most = 10
    halves = {("open", day, m) for day, h in policy.hours.items() for m in range(h.start_minute, h.end_minute, 30)}
    caps = [
        name for name in RULES if name.startswith(("people_", "attempts_", "phone_attempts_", "contacts_", "silent_"))
    ]
    allowed = {(cap, n) for cap in caps for n in range(1, (getattr(policy, cap) or most) + 1)}
    rests = ((name, getattr(policy, name), 601) for name in ("quiet_days", "minutes_between_attempts"))
    allowed |= {(name, n) for name, least, longest in rests for n in range(least, longest)}
    delays = {name: policy.delays_minutes.get(name, 0) for name in ("no_answer", "other")}
    allowed |= {(name, n) for name, least in delays.items() for n in range(least, most)}
    switches = {
        "on a holiday": not policy.closed_on_holidays,
        "voicemail for nothing": not policy.voicemail_is_contact,
        "callbacks lift": policy.callback_lifts,
        "real phones": not policy.simulator_only,
    }
    return halves | allowed | {(name,) for name, on in switches.items() if on}


@given(policies(), policies())
def test_the_stricter_of_two_allows_what_both_allow_and_nothing_else(a: Policy, b: Policy) -> None:
    assert allows(stricter(a, b)) == allows(a) & allows(b)


@given(policies(), policies())
def test_the_order_of_the_two_does_not_matter(a: Policy, b: Policy) -> None:
    assert stricter(a, b) == stricter(b, a)


@given(policies(), policies())
def test_the_stricter_of_a_policy_and_itself_is_that_policy(a: Policy, b: Policy) -> None:
    assert stricter(a, a) == a
    both = stricter(a, b)
    assert stricter(both, both) == both
    assert {f: getattr(stricter(both, a), f) for f in RULES} == {f: getattr(both, f) for f in RULES}


@given(policies(), policies())
def test_what_is_loosened_is_what_the_changed_policy_allows_beyond_the_other(a: Policy, b: Policy) -> None:
    b = replace(b, simulator_only=a.simulator_only)
    assert bool(loosened_fields(a, b)) is (not allows(b) <= allows(a))
    assert loosened_fields(a, stricter(a, b)) == []
    assert loosened_fields(b, stricter(a, b)) == []


@given(policies(), policies())
def test_the_stricter_of_two_has_waves_of_both_or_else_of_one(a: Policy, b: Policy) -> None:
    common = set(a.waves) & set(b.waves)
    found = stricter(a, b).waves
    assert set(found) == common if common else found in (a.waves, b.waves)


def test_hours_of_two_policies_that_only_touch_leave_the_day_closed() -> None:
    morning = resolve_policy("default", {"hours": {"mon": "08:00-12:00"}}, None)
    afternoon = resolve_policy("default", {"hours": {"mon": "12:00-20:00"}}, None)
    assert sorted(stricter(morning, afternoon).hours) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("wave", "is_within"), [("08:29", False), ("08:30", True), ("09:29", True), ("09:30", False)])
def test_one_wave_at_least_falls_within_the_hours_by_the_minute(wave: str, is_within: bool) -> None:
    days = ("mon", "tue", "wed", "thu", "fri", "sat")
    overrides = {"hours": dict.fromkeys(days, "08:30-09:30"), "waves": [wave]}
    if is_within:
        assert resolve_policy("default", overrides, None).waves == (time.fromisoformat(wave),)
        return
    with pytest.raises(UsageError, match="wave within"):
        resolve_policy("default", overrides, None)


def test_both_policies_are_named_in_what_is_kept_of_them() -> None:
    both = stricter(get_policy("pe-29571"), resolve_policy("br", {"attempts_a_day": 1}, None))
    assert both.name == "br+pe-29571"
    assert both.label == "br+pe-29571 v1, changed: attempts_a_day"
    assert both.is_legal
    assert both.country is None
    assert both.unverified == {"hours", "closed_on_holidays"}
    assert "Ley 29571" in both.source
    assert stricter(get_policy("default"), get_policy("br")).country == "BR"
    assert stricter(get_policy("br"), get_policy("always")).simulator_only


def test_a_law_beside_the_users_own_policy_is_a_law_of_its_version_and_keeps_the_reason() -> None:
    law = replace(resolve_policy(LAW, {"attempts_a_week": 2}, "counsel"), version=4)
    for both in (stricter(law, get_policy("default")), stricter(get_policy("default"), law)):
        assert both.is_legal
        assert both.version == 4
        assert both.because == "counsel"
    assert stricter(get_policy("default"), get_policy("always")).because is None
    assert not stricter(get_policy("default"), get_policy("always")).is_legal
