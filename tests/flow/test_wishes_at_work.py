"""A wish not to be called, caps of weeks and two zones, in virtual time on the whole product."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.errors import UsageError
from speechai.operation import campaigns
from speechai.retell.simulator import OutcomeScript
from tests.flow.test_rules_at_work import FAREWELL, MONDAY, WAVES, asks, at_the_clock, times

from .conftest import MakeWorld
from .lists import debtor
from .test_continuous import CONTINUOUS, statuses
from .test_days import MISSED, PROMISE, TALK, calls_by_number, enqueue, job_of, local
from .virtual import World


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
        ["11-23 09:00", "11-30 09:00", "12-07 09:00"],
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
        ["11-23 09:00", "11-26 09:00", "11-30 09:00", "12-03 09:00"],
        id="Chile, two a week by an override, three days apart",
    ),
    pytest.param(
        {"policy": "cl-ley-21320", "overrides": {"quiet_days": 10}},
        TALK,
        ["11-23 09:00", "12-03 09:00"],
        id="Chile, stricter: ten quiet days",
    ),
    pytest.param(
        {"policy": "co-ley-2300"},
        TALK,
        [f"{day} 09:00" for day in ("11-26", "11-27", "11-28", "11-30", "12-01")],
        id="Colombia, waves: once a day, and not on Sundays",
    ),
    pytest.param(
        {"policy": "co-ley-2300", "overrides": {"attempts_a_day": 2}, "because": "only what is heard counts"},
        [MISSED, TALK] * 3,
        ["11-23 09:00", "11-23 12:00", "11-24 09:00", "11-24 12:00", "11-25 09:00"],
        id="Colombia, a second try after silence, none after a talk",
    ),
]


@pytest.mark.parametrize(("order", "ends", "expected"), DAYS_OF_LAWS)
def test_weekly_caps_and_quiet_days_of_a_law_hold_over_weeks(
    world: MakeWorld, tmp_path: Path, order: dict[str, Any], ends: Any, expected: list[str]
) -> None:
    one = debtor(1)
    here = world(at_the_clock(expected[0]), settings={"max_tries": 50}, script=OutcomeScript(endings={"": ends}))
    enqueue(here, tmp_path / "list.csv", [one], **order)
    here.run_until(at_the_clock(expected[-1]) + timedelta(minutes=30))
    assert times(here, one) == expected
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
