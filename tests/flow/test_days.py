"""Lists in waves over days: who is called when, over weekends, holidays, changes of the clock and outages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.core.accounts import MAIN, Account, Plan
from speechai.operation import submitting, waves
from speechai.retell.simulator import OutcomeScript
from speechai.store import accounts

from .conftest import MakeWorld
from .lists import Debtor, debtor, write_list
from .virtual import World

SANTIAGO = ZoneInfo("America/Santiago")
PROMISE = {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 10_000}
TALK = {"outcome": "conversation", "wait_ms": 4_000, "talk_ms": 10_000}
"""A talk without a promise: not silent, not a success, so the person is tried again at the next wave."""
MISSED = "dial_no_answer"


def local(*when: int) -> datetime:
    return datetime(*when, tzinfo=SANTIAGO)  # type: ignore[misc,arg-type]


def enqueue(world: World, path: Path, debtors: Sequence[Debtor], **order: Any) -> str:
    account_id = order.get("account_id", MAIN)
    if account_id != MAIN and accounts.get_account(world.context.store, account_id) is None:
        account = Account(id=account_id, name=account_id, plan=Plan.UNLIMITED)
        accounts.create_account(world.context.store, account, now=world.now)
    submitted = submitting.submit(
        world.context, write_list(path, debtors), submitting.Order(use_case="debt_collection", **order)
    )
    world.send(submitted.nudges)
    return submitted.batch_id


def calls_by_number(world: World, zone: ZoneInfo = SANTIAGO) -> dict[str, list[datetime]]:
    """When each number was really called, by the clock in `zone`, in order."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for call in world.simulator.journal()["calls"]:
        found[call["to_number"]].append(datetime.fromtimestamp(call["accepted_ms"] / 1000, UTC).astimezone(zone))
    return found


def waves_of(world: World, batch_id: str) -> dict[tuple[str, str], str]:
    return {(w["day"], w["wave"]): w["state"] for w in world.database.waves.find({"batch_id": batch_id})}


def job_of(world: World, one: Debtor) -> dict[str, Any]:
    job = world.database.call_jobs.find_one({"to_number": one.phones[0]})
    assert job is not None
    return job


@pytest.mark.long
def test_a_normal_week_of_150_debtors(world: MakeWorld, tmp_path: Path) -> None:
    people = [debtor(n) for n in range(150)]
    second_wave, third_wave = people[1::10], people[2::20]
    never, next_day = people[3::50], people[4::50]
    plans: list[tuple[list[Debtor], list[Any]]] = [
        (second_wave, [MISSED, PROMISE]),
        (third_wave, [MISSED, "dial_busy", PROMISE]),
        (never, [MISSED]),
        (next_day, [MISSED, "user_declined", MISSED, MISSED, PROMISE]),
    ]
    numbers = {one.phones[0]: script for chosen, script in plans for one in chosen}
    here = world(
        local(2026, 11, 23, 8, 0),
        settings={"max_tries": 20, "dispatch_interval_seconds": 10, "retell_calls_per_second": 2},
        script=OutcomeScript(numbers=numbers, endings={"": PROMISE}),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", people)
    here.run_until(local(2026, 11, 29, 20, 0))

    assert here.violations() == []
    called = calls_by_number(here)
    assert len(called) == 150
    for chosen, hours in ((second_wave, [9, 12]), (third_wave, [9, 12, 15])):
        for one in chosen:
            assert [at.hour for at in called[one.phones[0]]] == hours
    for one in next_day:
        days = [at.date() for at in called[one.phones[0]]]
        assert [at.hour for at in called[one.phones[0]]] == [9, 12, 15, 9, 12]
        assert days[3:] == [days[0] + timedelta(days=1)] * 2
    by_day: dict[date, set[str]] = defaultdict(set)
    for number, times in called.items():
        for at in times:
            by_day[at.date()].add(number)
    assert by_day[date(2026, 11, 23)] == {one.phones[0] for one in people[:60]}
    carried = {one.phones[0] for one in (people[3], people[53], people[4], people[54])}
    assert by_day[date(2026, 11, 24)] == carried | {one.phones[0] for one in people[60:116]}
    assert date(2026, 11, 29) not in by_day  # a Sunday

    for one in never:
        job, times = job_of(here, one), called[one.phones[0]]
        assert Counter(at.date() for at in times).most_common() == [
            (day, 3) for day in sorted({t.date() for t in times})
        ]
        assert len({at.date() for at in times}) == 3
        assert (job["status"], job["reason"][:24]) == ("failed", "excluded: silent on 3 da"), job["reason"]
    assert here.database.call_jobs.count_documents({"status": "done"}) == 150 - len(never)
    assert here.database.batches.find_one({"_id": batch_id})["status"] == "completed"  # type: ignore[index]


CALENDARS = [
    pytest.param(local(2026, 11, 27, 8), 4, ["11-27", "11-28", "11-30"], id="a Saturday is open and a Sunday is not"),
    pytest.param(local(2026, 12, 7, 8), 3, ["12-07", "12-09"], id="a public holiday in the week"),
    pytest.param(local(2026, 4, 2, 8), 5, ["04-02", "04-06"], id="the clock goes back, after Good Friday and Saturday"),
    pytest.param(local(2026, 9, 4, 8), 4, ["09-04", "09-05", "09-07"], id="the clock goes forward"),
    pytest.param(local(2026, 9, 17, 8), 5, ["09-17", "09-21"], id="two holidays and a Sunday in a row"),
    pytest.param(local(2026, 12, 30, 8), 4, ["12-30", "12-31", "01-02"], id="over the turn of the year"),
]


@pytest.mark.parametrize(("starts_at", "days", "open_days"), CALENDARS)
def test_every_open_day_has_its_three_waves_once(
    world: MakeWorld, tmp_path: Path, starts_at: datetime, days: int, open_days: list[str]
) -> None:
    here = world(starts_at, settings={"max_tries": 50}, script=OutcomeScript(endings={"": TALK}))
    one = debtor(1)
    batch_id = enqueue(here, tmp_path / "list.csv", [one])
    here.run_until(starts_at + timedelta(days=days))
    expected = [f"{day} {hour}" for day in open_days for hour in ("09:00", "12:00", "15:00")]
    assert [f"{at:%m-%d %H:%M}" for at in calls_by_number(here)[one.phones[0]]] == expected
    assert [f"{day[5:]} {wave}" for day, wave in sorted(waves_of(here, batch_id))] == expected
    assert set(waves_of(here, batch_id).values()) == {"open"}
    assert here.violations() == []


@pytest.mark.parametrize(
    ("starts_at", "easter_hours"),
    [
        pytest.param(local(2026, 7, 6, 8), [10, 13], id="winter"),
        pytest.param(local(2026, 11, 23, 8), [10, 13], id="summer"),
    ],
)
def test_a_wave_reaches_nobody_before_eight_at_the_contacts_own_place(
    world: MakeWorld, tmp_path: Path, starts_at: datetime, easter_hours: list[int]
) -> None:
    here = world(starts_at, settings={"max_tries": 50}, script=OutcomeScript(endings={"": TALK}))
    easter, south = debtor(1, city="Hanga Roa"), debtor(2, city="Punta Arenas")
    enqueue(here, tmp_path / "list.csv", [easter, south])
    here.run_for(hours=12)
    assert [at.hour for at in calls_by_number(here, ZoneInfo("Pacific/Easter"))[easter.phones[0]]] == easter_hours
    assert [at.hour for at in calls_by_number(here)[south.phones[0]]] == [9, 12, 15]
    assert here.violations() == []


OUTAGES = [
    pytest.param((8, 50), (9, 40), ["09:40", "12:00", "15:00"], 3, id="over nine"),
    pytest.param((8, 50), (12, 10), ["12:10", "15:00"], 2, id="over nine and twelve"),
    # Whoever is tried at 14:59 rests for half an hour, and the day has no wave after 15:00.
    pytest.param((9, 30), (14, 59), ["09:00", "14:59"], 3, id="over twelve, nearly until three"),
    pytest.param((14, 50), (20, 30), ["09:00", "12:00"], 2, id="until after the hours"),
    pytest.param((7, 30), (23, 0), [], 0, id="all day"),
]


@pytest.mark.parametrize(("goes", "comes", "calls", "openings"), OUTAGES)
def test_a_wave_that_was_missed_opens_late_or_is_passed_over(
    world: MakeWorld, tmp_path: Path, goes: tuple[int, int], comes: tuple[int, int], calls: list[str], openings: int
) -> None:
    here = world(local(2026, 11, 23, 7, 0), settings={"max_tries": 50}, script=OutcomeScript(endings={"": TALK}))
    one = debtor(1)
    batch_id = enqueue(here, tmp_path / "list.csv", [one])
    here.down(local(2026, 11, 23, *goes), local(2026, 11, 23, *comes))
    here.run_until(local(2026, 11, 24, 8, 0))
    assert [f"{at:%H:%M}" for at in calls_by_number(here)[one.phones[0]]] == calls
    assert list(waves_of(here, batch_id).values()).count("open") == openings
    here.run_until(local(2026, 11, 25, 8, 0))
    next_day = [at for at in calls_by_number(here)[one.phones[0]] if at.date() == date(2026, 11, 24)]
    assert [f"{at:%H:%M}" for at in next_day] == ["09:00", "12:00", "15:00"]
    assert here.violations() == []


def test_many_beats_open_a_wave_once(world: MakeWorld, tmp_path: Path) -> None:
    here = world(local(2026, 11, 23, 8, 0), script=OutcomeScript(endings={"": MISSED}))
    people = [debtor(n) for n in range(3)]
    batch_id = enqueue(here, tmp_path / "list.csv", people)
    for minute in (0, 0, 1, 20, 119):
        here.at(
            local(2026, 11, 23, 9, 0) + timedelta(minutes=minute),
            lambda: here.send(waves.open_due_waves(here.context)),
        )
    here.run_until(local(2026, 11, 23, 11, 59))
    assert {number: len(calls) for number, calls in calls_by_number(here).items()} == {p.phones[0]: 1 for p in people}
    assert waves_of(here, batch_id) == {("2026-11-23", "09:00"): "open"}
    assert here.violations() == []
