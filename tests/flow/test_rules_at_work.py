"""The rules at work over days and weeks: callbacks, wishes not to be called, weekly caps, quiet days, open zones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.core.model import Pacing
from speechai.errors import UsageError
from speechai.operation import accounts as money
from speechai.operation import campaigns, waves
from speechai.retell.simulator import OutcomeScript

from .conftest import MakeWorld
from .lists import Debtor, debtor
from .test_continuous import CONTINUOUS, statuses
from .test_days import MISSED, PROMISE, TALK, calls_by_number, enqueue, job_of, local
from .virtual import World

WAVES = {"pacing": Pacing.WAVES}
MONDAY = local(2026, 11, 23, 9, 0)
FAREWELL = {"outcome": "user_requested_dnc", "wait_ms": 4_000, "talk_ms": 10_000}


def asks(**said: str) -> dict[str, Any]:
    """A talk at whose end the debtor asks to be called again, in these words."""
    return {"outcome": "user_requested_callback", "wait_ms": 4_000, "talk_ms": 10_000, **said}


def times(world: World, one: Debtor, zone: str = "America/Santiago") -> list[str]:
    """When a debtor's first phone was called, to the minute."""
    return [f"{at:%m-%d %H:%M}" for at in calls_by_number(world, ZoneInfo(zone))[one.phones[0]]]


def order_of_calls(world: World, since: datetime) -> list[str]:
    calls = sorted(world.simulator.journal()["calls"], key=lambda call: call["accepted_ms"])
    return [call["to_number"] for call in calls if call["accepted_ms"] >= since.timestamp() * 1000]


@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"fecha_callback": "mañana a las 5"}, "11-24 17:00"),
        ({"fecha_callback": "en dos horas"}, "11-23 11:00"),
        ({"fecha_callback": "2026-11-25", "hora_callback": "13:40"}, "11-25 13:40"),
    ],
)
def test_a_callback_is_dialled_at_its_time_and_not_before(
    world: MakeWorld, tmp_path: Path, pacing: Pacing, said: dict[str, str], at: str
) -> None:
    one = debtor(1)
    here = world(MONDAY, script=OutcomeScript(endings={"": [asks(**said), PROMISE]}))
    enqueue(here, tmp_path / "list.csv", [one], pacing=pacing)
    here.run_until(local(2026, 11, 26, 9, 0))
    assert times(here, one) == ["11-23 09:00", at]
    assert job_of(here, one)["status"] == "done"
    assert here.violations() == []


@pytest.mark.parametrize("pacing", Pacing)
def test_callbacks_whose_time_has_come_are_dialled_before_everybody_else(
    world: MakeWorld, tmp_path: Path, pacing: Pacing
) -> None:
    asking, others = [debtor(n) for n in range(3)], [debtor(n) for n in range(3, 27)]
    wanted = {one.phones[0] for one in asking}
    asked = asks(fecha_callback="2026-11-23", hora_callback="09:20")
    numbers: dict[str, Any] = {number: [asked, PROMISE] for number in wanted}
    slow = {**PROMISE, "talk_ms": 40_000}
    here = world(MONDAY, settings={"retell_concurrency": 1}, script=OutcomeScript(numbers=numbers, endings={"": slow}))
    enqueue(here, tmp_path / "asking.csv", asking, pacing=pacing)
    enqueue(here, tmp_path / "others.csv", others, pacing=pacing)
    here.run_until(MONDAY + timedelta(minutes=28))
    after = order_of_calls(here, MONDAY + timedelta(minutes=20))
    assert set(after[:3]) == wanted
    assert len(after) > 5
    assert here.violations(quiet=False) == []


@pytest.mark.parametrize("pacing", Pacing)
def test_a_callback_is_one_call_above_the_attempts_and_no_more(
    world: MakeWorld, tmp_path: Path, pacing: Pacing
) -> None:
    one = debtor(1)
    here = world(MONDAY, script=OutcomeScript(endings={"": [MISSED, asks(fecha_callback="mañana a las 5"), TALK]}))
    enqueue(here, tmp_path / "list.csv", [one], pacing=pacing)
    here.run_for(minutes=10)
    here.database.call_jobs.update_one({}, {"$set": {"max_attempts": 2}})
    here.run_until(local(2026, 11, 26, 9, 0))
    assert times(here, one)[2:] == ["11-24 17:00"]
    job = job_of(here, one)
    assert (job["status"], job["attempts"], job["reason"][:22]) == ("failed", 3, "3 of 2 attempts used; ")
    assert here.violations() == []


def test_a_callback_within_the_calls_of_its_day_waits_for_the_next_day(world: MakeWorld, tmp_path: Path) -> None:
    one = debtor(1)
    soon = asks(fecha_callback="en dos horas")
    here = world(MONDAY, script=OutcomeScript(endings={"": [soon, soon, soon, PROMISE]}))
    enqueue(here, tmp_path / "list.csv", [one], **CONTINUOUS)
    here.run_until(local(2026, 11, 25, 9, 0))
    assert times(here, one) == ["11-23 09:00", "11-23 11:00", "11-23 13:00", "11-24 08:00"]
    assert here.violations() == []


@pytest.mark.parametrize("pacing", Pacing)
def test_a_callback_is_kept_over_a_restart_and_over_a_pause(world: MakeWorld, tmp_path: Path, pacing: Pacing) -> None:
    one, others = debtor(1), [debtor(2), debtor(3)]
    asked = asks(fecha_callback="mañana a las 5")
    again = asks(fecha_callback="pasado mañana a las 10:30")
    numbers: dict[str, Any] = {one.phones[0]: [asked, again, PROMISE]}
    here = world(MONDAY, script=OutcomeScript(numbers=numbers, endings={"": TALK}), settings={"max_tries": 20})
    batch_id = enqueue(here, tmp_path / "list.csv", [one, *others], pacing=pacing)
    here.down(local(2026, 11, 24, 16, 30), local(2026, 11, 24, 17, 25))
    here.at(local(2026, 11, 26, 10, 0), lambda: campaigns.pause(here.context, batch_id))
    here.at(local(2026, 11, 26, 12, 20), lambda: campaigns.resume(here.context, batch_id))
    here.run_until(local(2026, 11, 26, 13, 0))
    assert times(here, one) == ["11-23 09:00", "11-24 17:25", "11-26 12:20"]
    assert order_of_calls(here, local(2026, 11, 26, 12, 20))[0] == one.phones[0]
    assert here.violations(quiet=False) == []


INTERRUPTIONS = ["a pause", "an outage", "a suspension"]


@pytest.mark.parametrize("back_at", [local(2026, 11, 24, 8, 20), local(2026, 11, 24, 10, 0)], ids=["before", "after"])
@pytest.mark.parametrize("what", INTERRUPTIONS)
def test_whom_a_wave_admitted_and_nobody_called_that_day_has_the_first_places_of_the_next_wave(
    world: MakeWorld, tmp_path: Path, what: str, back_at: datetime
) -> None:
    """Else two days' people would be called on one day, or somebody before the day's first wave."""
    here = world(
        MONDAY,
        settings={"retell_concurrency": 1},
        script=OutcomeScript(endings={"": {**PROMISE, "talk_ms": 40_000}}),
    )
    people = [debtor(n) for n in range(12)]
    batch_id = enqueue(here, tmp_path / "list.csv", people, overrides={"people_a_day": 5})
    stop = MONDAY + timedelta(minutes=2)
    if what == "a pause":
        here.at(stop, lambda: campaigns.pause(here.context, batch_id))
        here.at(back_at, lambda: campaigns.resume(here.context, batch_id))
    elif what == "an outage":
        here.down(stop, back_at)
    else:
        here.at(stop, lambda: money.suspend_account(here.context, "main", reason="a test", by="operator"))
        here.at(back_at, lambda: money.resume_account(here.context, "main", by="a test", why="done"))
    # The sweep's: this clock jumps over time in which it would only open a wave late.
    here.at(back_at + timedelta(seconds=30), lambda: here.send(waves.open_due_waves(here.context)))
    here.run_until(local(2026, 11, 24, 20, 0))
    first = [number for number, (at, *_) in calls_by_number(here).items() if at.date() == MONDAY.date()]
    second = calls_by_number(here).keys() - set(first)
    assert 1 <= len(first) < 5
    left = {one.phones[0] for one in people[:5]} - set(first)
    assert len(second) == 5
    assert left <= second
    assert all(at.hour in (9, 10) for number in second for at in calls_by_number(here)[number])
    assert here.violations(quiet=False) == []
    here.run_until(local(2026, 11, 26, 20, 0))
    assert statuses(here, batch_id) == {"done": 12}
    assert here.violations() == []


NOON = dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "10:00-13:00")
FRIDAY, BEFORE_FIESTAS = local(2026, 11, 27, 9, 0), local(2026, 9, 16, 9, 0)
CLAMPED = [
    pytest.param(MONDAY, asks(fecha_callback="2026-11-24", hora_callback="22:30"), {}, "11-25 08:00", id="at night"),
    pytest.param(
        MONDAY,
        asks(fecha_callback="2026-11-24", hora_callback="08:10"),
        {"policy": "ar-24240"},
        "11-24 09:00",
        id="before the hours of Argentina",
    ),
    pytest.param(FRIDAY, asks(fecha_callback="el domingo a las 12"), {}, "11-30 08:00", id="on a Sunday"),
    pytest.param(
        BEFORE_FIESTAS, asks(fecha_callback="el 18 de septiembre a las 10"), {}, "09-21 08:00", id="on a holiday"
    ),
    pytest.param(
        FRIDAY,
        asks(fecha_callback="2026-11-28", hora_callback="16:00"),
        {"policy": "co-ley-2300"},
        "11-30 07:00",
        id="on a Saturday after the hours of Colombia",
    ),
    pytest.param(
        MONDAY.replace(hour=10),
        asks(fecha_callback="mañana a las 5"),
        {"overrides": {"hours": NOON}},
        "11-25 10:00",
        id="after the list's own hours",
    ),
    pytest.param(
        MONDAY,
        asks(fecha_callback="mañana a las 5"),
        {"policy": "cl-ley-21320"},
        "11-30 08:00",
        id="a week's only call was made, and a wish lifts nothing",
    ),
    pytest.param(
        MONDAY,
        asks(fecha_callback="mañana a las 5"),
        {"overrides": {"quiet_days": 4, "attempts_a_week": 1}},
        "11-24 17:00",
        id="within quiet days, which a wish lifts",
    ),
    pytest.param(
        MONDAY,
        asks(fecha_callback="en dos horas"),
        {"overrides": {"minutes_between_attempts": 300}},
        "11-23 14:00",
        id="too soon after the call before",
    ),
]


@pytest.mark.parametrize(("starts_at", "said", "order", "expected"), CLAMPED)
@pytest.mark.parametrize("pacing", Pacing)
def test_a_callback_waits_for_the_first_moment_that_the_rules_allow(
    world: MakeWorld,
    tmp_path: Path,
    pacing: Pacing,
    starts_at: datetime,
    said: dict[str, Any],
    order: Mapping[str, Any],
    expected: str,
) -> None:
    one = debtor(1)
    here = world(starts_at, script=OutcomeScript(endings={"": [said, PROMISE]}))
    enqueue(here, tmp_path / "list.csv", [one], pacing=pacing, **order)
    here.run_until(starts_at + timedelta(days=9))
    assert times(here, one)[1:] == [expected]
    assert job_of(here, one)["status"] == "done"
    assert here.violations() == []


@pytest.mark.parametrize(
    ("said", "kept"), [({}, ""), ({"callback": "cuando llueva"}, "cuando llueva")], ids=["nothing said", "no time"]
)
@pytest.mark.parametrize(("pacing", "again"), [(Pacing.WAVES, "12:00"), (Pacing.CONTINUOUS, "09:30")])
def test_a_callback_that_is_not_understood_is_kept_in_words_and_tried_as_any_other(
    world: MakeWorld, tmp_path: Path, pacing: Pacing, again: str, said: dict[str, str], kept: str
) -> None:
    one = debtor(1)
    here = world(MONDAY, script=OutcomeScript(endings={"": [asks(**said), PROMISE]}))
    enqueue(here, tmp_path / "list.csv", [one], pacing=pacing)
    here.run_until(local(2026, 11, 23, 20, 0))
    assert times(here, one) == ["11-23 09:00", f"11-23 {again}"]
    first = here.database.call_logs.find_one({"number": 1})
    assert first is not None
    assert first["callback"] == {"at": None, "said": kept, "understood": False}
    assert here.database.callbacks.count_documents({}) == 0
    assert here.violations() == []


def test_a_wish_not_to_be_called_holds_at_once_in_every_list_and_for_everybody_on_that_telephone(
    world: MakeWorld, tmp_path: Path
) -> None:
    one, stranger = debtor(1, phones=2), debtor(2)
    lodger = replace(debtor(3), phones=one.phones[:1])
    cousin = replace(debtor(4), phones=(one.phones[0], debtor(4).phones[0]))
    numbers: dict[str, Any] = {one.phones[0]: FAREWELL}
    here = world(MONDAY, script=OutcomeScript(numbers=numbers, endings={"": TALK}), settings={"max_tries": 2})
    first = enqueue(here, tmp_path / "first.csv", [one], **CONTINUOUS)
    second = enqueue(here, tmp_path / "second.csv", [one, stranger], account_id="other", **CONTINUOUS)
    here.run_for(minutes=5)
    third = enqueue(here, tmp_path / "third.csv", [lodger, cousin], **WAVES)
    here.run_until(local(2026, 11, 24, 20, 0))
    called = calls_by_number(here)
    assert {number: len(at) for number, at in called.items()} == {
        one.phones[0]: 1,
        stranger.phones[0]: 2,
        cousin.phones[1]: 5,
    }
    assert statuses(here, first) == {"failed": 1}
    assert statuses(here, second) == {"failed": 2}
    asked, denied = here.database.call_jobs.find({"rut": one.rut}, sort=[("attempts", -1)])
    assert (asked["reason"], asked["attempts"]) == ("do_not_call (user_requested_dnc)", 1)
    assert (denied["denied"]["code"], denied["attempts"]) == ("do_not_call", 0)
    ends = {job["rut"]: job for job in here.database.call_jobs.find({"batch_id": third})}
    assert (ends[lodger.rut]["status"], ends[lodger.rut]["denied"]["code"]) == ("failed", "do_not_call")
    assert ends[cousin.rut]["status"] == "pending"
    assert here.violations() == []


def test_a_callback_ends_where_the_person_asks_in_another_list_not_to_be_called(
    world: MakeWorld, tmp_path: Path
) -> None:
    one = debtor(1)
    numbers: dict[str, Any] = {one.phones[0]: [asks(fecha_callback="mañana a las 5"), FAREWELL]}
    here = world(MONDAY, script=OutcomeScript(numbers=numbers))
    first = enqueue(here, tmp_path / "first.csv", [one], **CONTINUOUS)
    here.run_for(minutes=5)
    enqueue(here, tmp_path / "second.csv", [one], again=True, **CONTINUOUS)
    here.run_until(local(2026, 11, 25, 9, 0))
    assert len(times(here, one)) == 2
    assert statuses(here, first) == {"failed": 1}
    assert here.database.callbacks.count_documents({}) == 0
    assert here.violations() == []


def test_what_a_call_says_holds_also_where_the_policy_of_its_list_is_gone(world: MakeWorld, tmp_path: Path) -> None:
    """A success is one, a wish not to be called holds everywhere, a callback is kept for whoever mends the list."""
    happy, gone, later, other = (debtor(n) for n in range(4))
    numbers: dict[str, Any] = {
        happy.phones[0]: PROMISE,
        gone.phones[0]: FAREWELL,
        later.phones[0]: [asks(fecha_callback="mañana a las 5"), PROMISE],
        other.phones[0]: [TALK, PROMISE],
    }
    here = world(MONDAY, script=OutcomeScript(numbers=numbers))
    batch_id = enqueue(here, tmp_path / "list.csv", [happy, gone, later, other], **CONTINUOUS)
    here.at(MONDAY + timedelta(seconds=9), lambda: set_policy(here, batch_id, "one of last year"))
    here.run_for(minutes=20)
    assert len(calls_by_number(here)) == 4
    ends = [job_of(here, one)["status"] for one in (happy, gone, later, other)]
    assert ends == ["done", "failed", "suspended", "suspended"]
    assert "one of last year" in job_of(here, other)["reason"]
    person = here.database.people.find_one({"_id": job_of(here, gone)["person_id"]})
    assert person is not None
    assert person["do_not_call"]
    batch = here.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    assert batch["status"] == "paused"
    set_policy(here, batch_id, "default")
    here.at(MONDAY.replace(hour=11), lambda: campaigns.resume(here.context, batch_id))
    here.run_until(local(2026, 11, 24, 18, 0))
    assert times(here, later) == ["11-23 09:00", "11-24 17:00"]
    assert times(here, other) == ["11-23 09:00", "11-23 11:00"]
    assert statuses(here, batch_id) == {"done": 3, "failed": 1}
    assert here.violations() == []


def set_policy(world: World, batch_id: str, name: str) -> None:
    world.database.batches.update_one({"_id": batch_id}, {"$set": {"policy": name}})


def test_a_call_whose_contact_was_deleted_meanwhile_counts_and_the_wish_said_in_it_holds(
    world: MakeWorld, tmp_path: Path
) -> None:
    gone, talker = debtor(1), debtor(2)
    numbers: dict[str, Any] = {gone.phones[0]: FAREWELL, talker.phones[0]: TALK}
    here = world(MONDAY, script=OutcomeScript(numbers=numbers))
    first = enqueue(here, tmp_path / "first.csv", [gone, talker], **CONTINUOUS)
    here.at(MONDAY + timedelta(seconds=7), lambda: here.database.call_jobs.delete_many({"batch_id": first}))
    here.run_for(minutes=5)
    assert len(calls_by_number(here)) == 2
    assert not here.is_busy()
    enqueue(here, tmp_path / "second.csv", [gone, talker], again=True, overrides={"attempts_a_day": 2}, **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=18))
    assert [len(calls_by_number(here)[one.phones[0]]) for one in (gone, talker)] == [1, 2]
    assert (job_of(here, gone)["denied"]["code"], job_of(here, talker)["denied"]["code"]) == ("do_not_call", "day_cap")


DAYS_OF_LAWS = [
    pytest.param(
        {"policy": "cl-ley-21320"},
        TALK,
        ["11-23 09:00", "11-30 09:00", "12-07 09:00", "12-14 09:00"],
        id="Chile, waves",
    ),
    pytest.param(
        {"policy": "cl-ley-21320", **CONTINUOUS},
        TALK,
        ["11-23 09:00", "11-30 08:00", "12-07 08:00", "12-14 08:00"],
        id="Chile, continuous",
    ),
    pytest.param(
        {
            "policy": "cl-ley-21320",
            "overrides": {"attempts_a_week": 2, "contacts_a_week": 2, "quiet_days": 3},
            "because": "counsel's letter of November",
        },
        TALK,
        ["11-23 09:00", "11-26 09:00", "11-30 09:00", "12-03 09:00", "12-07 09:00", "12-10 09:00", "12-14 09:00"],
        id="Chile, two a week by an override, three days apart",
    ),
    pytest.param(
        {"policy": "cl-ley-21320", "overrides": {"quiet_days": 10}},
        TALK,
        ["11-23 09:00", "12-03 09:00", "12-14 09:00"],
        id="Chile, stricter: ten quiet days",
    ),
    pytest.param(
        {"policy": "co-ley-2300"},
        TALK,
        [f"{day} 09:00" for day in ("11-23", "11-24", "11-25", "11-26", "11-27", "11-28", "11-30", "12-01", "12-02")],
        id="Colombia, waves: once a day, and not on Sundays",
    ),
    pytest.param(
        {"policy": "co-ley-2300", "overrides": {"attempts_a_day": 2}, "because": "only what is heard counts"},
        [MISSED, TALK] * 3,
        ["11-23 09:00", "11-23 12:00", "11-24 09:00", "11-24 12:00", "11-25 09:00", "11-25 12:00", "11-26 09:00"],
        id="Colombia, a second try after silence, none after a talk",
    ),
]


@pytest.mark.parametrize(("order", "ends", "expected"), DAYS_OF_LAWS)
def test_weekly_caps_and_quiet_days_of_a_law_hold_over_weeks(
    world: MakeWorld, tmp_path: Path, order: dict[str, Any], ends: Any, expected: list[str]
) -> None:
    one = debtor(1)
    here = world(MONDAY, settings={"max_tries": 50}, script=OutcomeScript(endings={"": ends}))
    enqueue(here, tmp_path / "list.csv", [one], **order)
    here.run_until(local(2026, 12, 14, 9, 30))
    assert times(here, one)[: len(expected)] == expected
    if order["policy"].startswith("cl"):
        assert len(times(here, one)) == len(expected)
    assert here.violations() == []


def test_an_override_that_loosens_a_law_is_refused_without_a_reason_and_kept_with_it(
    world: MakeWorld, tmp_path: Path
) -> None:
    here = world(MONDAY)
    loose = {"policy": "cl-ley-21320", "overrides": {"attempts_a_week": 3}}
    with pytest.raises(UsageError, match="attempts_a_week"):
        enqueue(here, tmp_path / "list.csv", [debtor(1)], **loose)
    assert here.database.batches.count_documents({}) == 0
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(1)], because="counsel's letter", **loose)
    batch = here.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    assert (batch["policy_overrides"], batch["override_because"]) == ({"attempts_a_week": 3}, "counsel's letter")


DENIALS = [
    pytest.param(
        local(2026, 11, 28, 20, 10), CONTINUOUS, [TALK], 1, "outside_hours", "11-30 08:00", id="after the hours"
    ),
    pytest.param(MONDAY, CONTINUOUS, [TALK], 120, "day_cap", "11-24 08:00", id="three calls on one day"),
    pytest.param(
        MONDAY, {**CONTINUOUS, "policy": "cl-ley-21320"}, [TALK], 60, "week_cap", "11-30 08:00", id="a law's week"
    ),
    pytest.param(
        MONDAY,
        {**CONTINUOUS, "overrides": {"contacts_a_week": 1}},
        [TALK],
        60,
        "contacts_cap",
        "11-30 08:00",
        id="a contact a week",
    ),
    pytest.param(
        MONDAY, {**CONTINUOUS, "overrides": {"quiet_days": 2}}, [TALK], 60, "quiet_days", "11-25 08:00", id="quiet"
    ),
    pytest.param(
        MONDAY,
        {**CONTINUOUS, "overrides": {"minutes_between_attempts": 200}},
        [TALK],
        60,
        "too_soon",
        "11-23 12:20",
        id="too soon",
    ),
    pytest.param(
        MONDAY,
        {**CONTINUOUS, "overrides": {"phone_attempts_a_day": 1}},
        [TALK],
        60,
        "phone_day_cap",
        "11-24 08:00",
        id="a telephone's day",
    ),
    pytest.param(
        MONDAY,
        {**CONTINUOUS, "overrides": {"phone_attempts_a_week": 1}},
        [TALK],
        60,
        "phone_week_cap",
        "11-30 08:00",
        id="a telephone's week",
    ),
]


@pytest.mark.parametrize(("starts_at", "order", "ends", "minutes", "code", "next_at"), DENIALS)
def test_why_somebody_is_not_called_stands_on_the_contact_until_the_next_call(
    world: MakeWorld,
    tmp_path: Path,
    starts_at: datetime,
    order: dict[str, Any],
    ends: list[Any],
    minutes: int,
    code: str,
    next_at: str,
) -> None:
    one = debtor(1)
    here = world(starts_at, settings={"max_tries": 20}, script=OutcomeScript(endings={"": ends}))
    enqueue(here, tmp_path / "list.csv", [one], **order)
    here.run_for(minutes=minutes)
    job = job_of(here, one)
    zone = ZoneInfo("America/Santiago")
    denied = job["denied"]
    assert (denied["code"], f"{denied['next_at'].astimezone(zone):%m-%d %H:%M}") == (code, next_at)
    assert job["next_attempt_at"] == denied["next_at"]
    assert job["reason"].startswith(f"{code}: ")
    assert denied["at"] <= here.now
    before = len(times(here, one))
    here.run_until(denied["next_at"] + timedelta(minutes=5))
    assert len(times(here, one)) == before + 1
    assert times(here, one)[-1].startswith(next_at[:-1])
    assert job_of(here, one)["denied"] is None
    assert here.violations() == []


def test_a_mobile_that_may_be_in_two_zones_is_called_only_while_both_are_open(world: MakeWorld, tmp_path: Path) -> None:
    """In July Punta Arenas is an hour ahead of Santiago."""
    anywhere, here_only, south = debtor(1, city=""), debtor(2), debtor(3, city="Punta Arenas")
    here = world(
        local(2026, 7, 6, 5, 0),
        settings={"max_tries": 20, "retry_delay_minutes": 1},
        script=OutcomeScript(endings={"": TALK}),
    )
    people = [anywhere, here_only, south]
    hours = {"hours": {"mon": "08:00-08:30", "tue": "19:30-20:00", "wed": "08:00-09:30"}}
    enqueue(here, tmp_path / "list.csv", people, **CONTINUOUS, overrides={**hours, "attempts_a_day": 1})
    here.run_until(local(2026, 7, 9, 5, 0))
    assert job_of(here, anywhere)["other_zones"] == ["America/Punta_Arenas"]
    assert times(here, south) == ["07-06 07:00", "07-07 18:30", "07-08 07:00"]
    assert times(here, here_only) == ["07-06 08:00", "07-07 19:30", "07-08 08:00"]
    assert times(here, anywhere) == ["07-08 08:00"]  # on Monday and Tuesday the two are never open together
    assert here.violations() == []


def test_a_callback_to_a_mobile_in_two_zones_comes_where_both_are_open(world: MakeWorld, tmp_path: Path) -> None:
    one = debtor(1, city="")
    late = asks(fecha_callback="2026-07-07", hora_callback="19:20")
    here = world(local(2026, 7, 6, 10, 0), script=OutcomeScript(endings={"": [late, PROMISE]}))
    enqueue(here, tmp_path / "list.csv", [one], **CONTINUOUS)
    here.run_until(local(2026, 7, 8, 10, 0))
    assert times(here, one) == ["07-06 10:00", "07-08 08:00"]  # 19:20 in Santiago is after eight in Punta Arenas
    assert here.violations() == []
