"""The rules at work over days and weeks: callbacks, wishes not to be called, weekly caps, quiet days, open zones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.core.model import Pacing
from speechai.operation import accounts as money
from speechai.operation import campaigns, waves
from speechai.retell.simulator import OutcomeScript

from .conftest import MakeWorld
from .lists import Debtor, debtor
from .test_continuous import CONTINUOUS, statuses
from .test_days import MISSED, PROMISE, SANTIAGO, TALK, calls_by_number, enqueue, job_of, local
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


def at_the_clock(text: str) -> datetime:
    """The instant of "11-24 17:00" of 2026 in Santiago, as `times` writes it."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=SANTIAGO)


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
    asking, others = [debtor(n) for n in range(3)], [debtor(n) for n in range(3, 14)]
    wanted = {one.phones[0] for one in asking}
    asked = asks(fecha_callback="2026-11-23", hora_callback="09:13")
    numbers: dict[str, Any] = {number: [asked, PROMISE] for number in wanted}
    slow = {**PROMISE, "talk_ms": 100_000}
    here = world(
        MONDAY,
        settings={"retell_concurrency": 1, "dispatch_interval_seconds": 15},
        script=OutcomeScript(numbers=numbers, endings={"": slow}),
    )
    enqueue(here, tmp_path / "asking.csv", asking, pacing=pacing)
    behind = enqueue(here, tmp_path / "others.csv", others, pacing=pacing)
    here.at(MONDAY + timedelta(seconds=4), lambda: campaigns.pause(here.context, behind))
    here.at(MONDAY + timedelta(minutes=4), lambda: campaigns.resume(here.context, behind))
    here.run_until(MONDAY + timedelta(minutes=19))
    after = order_of_calls(here, MONDAY + timedelta(minutes=13))
    assert set(after[:3]) == wanted
    assert len(after) > 3
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


BEFORE, AFTER = local(2026, 11, 24, 8, 20), local(2026, 11, 24, 10, 0)
"""The first wave of the second day."""


@pytest.mark.parametrize(
    ("what", "back_at"), [("a pause", BEFORE), ("a pause", AFTER), ("an outage", BEFORE), ("a suspension", AFTER)]
)
def test_whom_a_wave_admitted_and_nobody_called_that_day_has_the_first_places_of_the_next_wave(
    world: MakeWorld, tmp_path: Path, what: str, back_at: datetime
) -> None:
    """Else two days' people would be called on one day, or somebody before the day's first wave."""
    here = world(
        MONDAY,
        settings={"retell_concurrency": 1},
        script=OutcomeScript(endings={"": {**PROMISE, "talk_ms": 40_000}}),
    )
    people = [debtor(n) for n in range(9)]
    batch_id = enqueue(here, tmp_path / "list.csv", people, overrides={"people_a_day": 4})
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
    here.run_until(local(2026, 11, 24, 11, 0))
    first = [number for number, (at, *_) in calls_by_number(here).items() if at.date() == MONDAY.date()]
    second = calls_by_number(here).keys() - set(first)
    assert 1 <= len(first) < 4
    left = {one.phones[0] for one in people[:4]} - set(first)
    assert len(second) == 4
    assert left <= second
    assert all(at.hour in (9, 10) for number in second for at in calls_by_number(here)[number])
    assert here.violations(quiet=False) == []
    here.run_until(local(2026, 11, 25, 11, 0))
    assert statuses(here, batch_id) == {"done": 9}
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
    here.run_until(at_the_clock(expected) + timedelta(hours=1))
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
