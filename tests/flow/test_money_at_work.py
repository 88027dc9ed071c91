"""Accounts at work: credit that runs out, budgets, limits, Retell's own trouble, late costs, deaths in between."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.core.accounts import Account, Plan
from speechai.core.model import Pacing
from speechai.errors import NotAllowed
from speechai.operation import accounts as money
from speechai.operation import campaigns, sweeping, waves
from speechai.retell.simulator import OutcomeScript
from speechai.store import accounts

from .conftest import MakeWorld
from .lists import Debtor, debtor
from .mortal import Died, die
from .test_continuous import CONTINUOUS, called, statuses
from .test_days import PROMISE, TALK, calls_by_number, enqueue, local
from .test_deaths import blows
from .test_rules_at_work import asks, times
from .virtual import World

MONDAY = local(2026, 11, 23, 9, 0)
SHORT = {"call_max_duration_minutes": 3}
"""One call reserves three minutes at US$ 0.15: 450,000 micros. A talk of ten seconds costs 21,670."""
SPARSE = {"dispatch_interval_seconds": 60, "sweep_interval_seconds": 120, "call_polling_interval": 90}
RESERVED, COST = 450_000, 21_670
ROOM = RESERVED + 3 * COST - 1
"""Three calls, one after the other: the fourth finds less than it has to reserve."""


def pays(world: World, account_id: str = "shop", *, plan: Plan = Plan.CREDIT, paid: int = 0, **limits: Any) -> str:
    """A new account that has `paid`."""
    accounts.create_account(
        world.context.store, Account(id=account_id, name="Shop", plan=plan, **limits), now=world.now
    )
    if paid:
        money.top_up(world.context, account_id, paid, key="first", by="a test")
    return account_id


def account_of(world: World, account_id: str = "shop") -> dict[str, Any]:
    found = world.database.accounts.find_one({"_id": account_id})
    assert found is not None
    return found


def calls_by_day(world: World) -> Counter[date]:
    return Counter(at.date() for calls in calls_by_number(world).values() for at in calls)


def alerts(world: World) -> set[tuple[str, str]]:
    return {(one["kind"], one["subject"]) for one in world.database.alerts.find()}


def late_wave(world: World, after: datetime) -> None:
    """The sweep's: the clock of these tests jumps over time in which it would only open a wave late."""
    world.at(after + timedelta(seconds=35), lambda: world.send(waves.open_due_waves(world.context)))


@pytest.mark.parametrize("plan", [Plan.CREDIT, Plan.MINUTES])
@pytest.mark.parametrize("pacing", Pacing)
def test_no_credit_suspends_the_accounts_contacts_and_a_top_up_lets_everybody_be_called(
    world: MakeWorld, tmp_path: Path, pacing: Pacing, plan: Plan
) -> None:
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(endings={"": PROMISE}))
    unit = 1 if plan is Plan.CREDIT else RESERVED // 180
    people = [debtor(n) for n in range(8)]
    batch_id = enqueue_for(here, tmp_path, people, paid=ROOM // unit, plan=plan, pacing=pacing)
    other = enqueue(here, tmp_path / "other.csv", [debtor(50)], **CONTINUOUS)
    here.run_until(MONDAY.replace(minute=20))
    account = account_of(here)
    assert (account["status"], account["suspended_by"], account["reserved"]) == ("suspended", "no_credit", 0)
    done = statuses(here, batch_id)["done"]
    assert 1 <= done <= 3
    assert statuses(here, batch_id) == {"done": done, "suspended": 8 - done}
    held = list(here.database.call_jobs.find({"status": "suspended"}))
    assert {job["suspended_by"] for job in held} == {"account"}
    assert all("credit" in job["reason"] for job in held), {job["reason"] for job in held}
    assert all(job["next_attempt_at"] is not None and job["admitted"] for job in held)
    assert statuses(here, other) == {"done": 1}  # another account's list goes on
    assert ("no_credit", "shop") in alerts(here)
    assert here.violations() == []

    here.at(MONDAY.replace(minute=40), lambda: top_up(here, 4_000_000 // unit))
    here.run_until(MONDAY.replace(hour=10))
    assert statuses(here, batch_id) == {"done": 8}
    assert {len(calls) for calls in calls_by_number(here).values()} == {1}
    assert here.database.batches.find_one({"_id": batch_id})["status"] == "completed"  # type: ignore[index]
    assert account_of(here)["suspended_by"] is None
    assert here.violations() == []


def enqueue_for(world: World, folder: Path, people: list[Debtor], *, paid: int, plan: Plan, **order: Any) -> str:
    return enqueue(world, folder / "list.csv", people, account_id=pays(world, plan=plan, paid=paid), **order)


def top_up(world: World, amount: int, key: str = "second", account_id: str = "shop") -> None:
    money.top_up(world.context, account_id, amount, key=key, by="a test")


def test_a_wave_is_not_opened_for_an_empty_account_but_late_once_there_is_credit(
    world: MakeWorld, tmp_path: Path
) -> None:
    """No more people on the day of the top-up than it has places, and first whom the day before has left."""
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(endings={"": PROMISE}))
    people = [debtor(n) for n in range(14)]
    batch_id = enqueue_for(here, tmp_path, people, paid=ROOM, plan=Plan.CREDIT, overrides={"people_a_day": 6})
    topped_up = local(2026, 11, 25, 10, 0)
    here.at(topped_up, lambda: top_up(here, 9_000_000))
    late_wave(here, topped_up)
    here.run_until(local(2026, 11, 25, 9, 59))
    opened = {(one["day"], one["wave"]) for one in here.database.waves.find()}
    assert opened == {("2026-11-23", "09:00")}
    first = set(calls_by_number(here))
    here.run_until(local(2026, 11, 25, 20, 0))
    second = calls_by_number(here).keys() - first
    assert len(second) == 6
    assert {one.phones[0] for one in people[:6]} - first <= second
    assert {at.hour for number in second for at in calls_by_number(here)[number]} == {10}
    assert here.violations() == []
    here.run_until(local(2026, 11, 28, 20, 0))
    assert statuses(here, batch_id) == {"done": 14}
    assert max(calls_by_day(here).values()) <= 6
    assert here.violations() == []


@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize(
    ("topped_up", "expected"),
    [(local(2026, 11, 24, 11, 0), "11-24 17:00"), (local(2026, 11, 25, 10, 30), "11-25 10:30")],
    ids=["in time", "after its time"],
)
def test_a_callback_of_a_suspended_account_is_kept(
    world: MakeWorld, tmp_path: Path, pacing: Pacing, topped_up: datetime, expected: str
) -> None:
    one = debtor(1)
    numbers: dict[str, Any] = {one.phones[0]: [asks(fecha_callback="mañana a las 5"), PROMISE]}
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(numbers=numbers, endings={"": TALK}))
    enqueue_for(here, tmp_path, [one, debtor(2), debtor(3)], paid=ROOM, plan=Plan.CREDIT, pacing=pacing)
    here.at(topped_up, lambda: top_up(here, 9_000_000))
    here.run_until(local(2026, 11, 23, 19, 0))
    assert account_of(here)["status"] == "suspended"
    here.run_until(local(2026, 11, 25, 11, 0))
    assert times(here, one) == ["11-23 09:00", expected]
    assert here.violations() == []


def test_a_callback_is_kept_where_an_operator_resumes_or_retries_the_list_before_its_time(
    world: MakeWorld, tmp_path: Path
) -> None:
    people = [debtor(1), debtor(2)]
    here = world(
        MONDAY, settings=SHORT, script=OutcomeScript(endings={"": [asks(fecha_callback="mañana a las 5"), PROMISE]})
    )
    batch_id = enqueue_for(here, tmp_path, people, paid=9_000_000, plan=Plan.CREDIT, **CONTINUOUS)
    here.run_for(minutes=10)
    for command in (campaigns.retry, campaigns.resume):
        money.suspend_account(here.context, "shop", reason="an invoice", by="operator")
        sweeping.sweep(here.context)
        assert statuses(here, batch_id) == {"suspended": 2}
        with pytest.raises(NotAllowed, match="account resume shop"):
            campaigns.resume(here.context, batch_id)
        accounts_resumed_without_its_contacts(here)
        assert command(here.context, batch_id) == 2
        here.run_for(hours=1)
        assert called(here) == 2
    here.run_until(local(2026, 11, 24, 17, 30))
    assert [times(here, one) for one in people] == [["11-23 09:00", "11-24 17:00"]] * 2
    assert here.violations() == []


def accounts_resumed_without_its_contacts(world: World) -> None:
    """A resume that died before it came to the contacts."""
    world.fuse.arm(2, die)
    with pytest.raises(Died):
        money.resume_account(world.context, "shop", by="a test", why="paid")
    world.fuse.disarm()
    assert account_of(world)["status"] == "active"


def test_a_days_budget_ends_the_day_and_the_next_day_goes_on(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(endings={"": PROMISE}))
    shop = pays(here, plan=Plan.UNLIMITED, day_budget=ROOM)
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(7)], account_id=shop, **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=20))
    today = calls_by_day(here)[MONDAY.date()]
    assert 1 <= today <= 3
    waiting = list(here.database.call_jobs.find({"status": "pending"}))
    assert {job["denied"]["code"] for job in waiting} == {"day_budget"}
    assert {job["next_attempt_at"] for job in waiting} == {local(2026, 11, 24, 0, 0)}
    assert account_of(here)["status"] == "active"
    assert here.violations() == []
    here.run_until(local(2026, 11, 30, 20, 0))
    assert statuses(here, batch_id) == {"done": 7}
    assert max(calls_by_day(here).values()) <= 3
    assert here.violations() == []


@pytest.mark.parametrize("pacing", Pacing)
def test_a_lists_used_budget_pauses_it_and_a_higher_one_goes_on_with_everybody(
    world: MakeWorld, tmp_path: Path, pacing: Pacing
) -> None:
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(endings={"": PROMISE}))
    people = [debtor(n) for n in range(8)]
    batch_id = enqueue(here, tmp_path / "list.csv", people, pacing=pacing, budget_micros=2 * RESERVED)
    other = enqueue(here, tmp_path / "other.csv", [debtor(20)], **CONTINUOUS)
    here.database.batches.update_one({"_id": batch_id}, {"$set": {"budget_micros": ROOM}})
    here.run_until(MONDAY.replace(minute=30))
    done = statuses(here, batch_id)["done"]
    assert 1 <= done <= 3
    assert statuses(here, batch_id) == {"done": done, "pending": 8 - done}
    batch = here.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    assert (batch["status"], "budget" in batch["reason"]) == ("paused", True)
    assert ("batch_budget", batch_id) in alerts(here)
    assert statuses(here, other) == {"done": 1}
    assert here.violations() == []

    here.database.batches.update_one({"_id": batch_id}, {"$set": {"budget_micros": 5_000_000}})
    here.at(MONDAY.replace(hour=10), lambda: campaigns.resume(here.context, batch_id))
    here.run_until(MONDAY.replace(hour=11))
    assert statuses(here, batch_id) == {"done": 8}
    assert here.violations() == []


def test_a_budget_that_live_calls_hold_pauses_nobody(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(endings={"": PROMISE}))
    people = [debtor(n) for n in range(10)]
    batch_id = enqueue(here, tmp_path / "list.csv", people, budget_micros=2 * RESERVED, **CONTINUOUS)
    here.run_until(MONDAY.replace(minute=40))
    assert statuses(here, batch_id) == {"done": 10}
    assert here.simulator.journal()["highest_live"] == 2
    assert here.violations() == []


def test_an_accounts_lines_and_calls_a_day_hold_beside_another_account(world: MakeWorld, tmp_path: Path) -> None:
    here = world(
        MONDAY,
        settings={**SHORT, "retell_concurrency": 6},
        script=OutcomeScript(endings={"": {**PROMISE, "talk_ms": 50_000}}),
    )
    shop = pays(here, plan=Plan.UNLIMITED, concurrency=2, calls_a_day=5)
    mine = enqueue(here, tmp_path / "mine.csv", [debtor(n) for n in range(8)], account_id=shop, **CONTINUOUS)
    other = enqueue(here, tmp_path / "other.csv", [debtor(n) for n in range(20, 32)], **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=20))
    assert statuses(here, mine) == {"done": 5, "pending": 3}
    assert statuses(here, other) == {"done": 12}
    codes = {job["denied"]["code"] for job in here.database.call_jobs.find({"status": "pending"})}
    assert codes == {"account_calls_a_day"}
    assert 3 <= here.simulator.journal()["highest_live"] <= 6
    assert here.violations() == []
    here.run_until(local(2026, 11, 24, 9, 0))
    assert statuses(here, mine) == {"done": 8}
    assert here.violations() == []


TROUBLE = [
    pytest.param(PROMISE, True, id="the request is refused with 402"),
    pytest.param("credit_exhausted", False, id="the call ends with credit_exhausted"),
    pytest.param("no_valid_payment", False, id="the call ends with no_valid_payment"),
]


def test_a_finish_that_comes_again_after_a_resume_suspends_nothing_a_second_time(
    world: MakeWorld, tmp_path: Path
) -> None:
    """Its worker died once the contact had moved on; the operator paid and let the account go on meanwhile."""
    here = world(
        MONDAY,
        settings={**SHORT, **SPARSE, "max_tries": 9, "default_policy": "always"},
        script=OutcomeScript(endings={"": ["no_valid_payment", PROMISE]}),
    )
    account_id = pays(here, plan=Plan.UNLIMITED)
    for nth in blows(here, "Finish", die):
        file = tmp_path / f"{nth}.csv"
        batch_id = enqueue(here, file, [debtor(nth)], pacing=Pacing.CONTINUOUS, account_id=account_id)
        while here.done["death"] < nth:
            here.run_for(seconds=1)
        (job,) = here.database.call_jobs.find({"batch_id": batch_id})
        has_stepped = job["attempt_id"] is None
        money.resume_account(here.context, account_id, by="a test", why="paid")
        before = len(account_of(here)["history"])
        here.run_for(minutes=10)
        assert not has_stepped or len(account_of(here)["history"]) == before, nth
        money.resume_account(here.context, account_id, by="a test", why="paid")
        here.run_for(minutes=40)
        assert statuses(here, batch_id).keys() == {"done"}, nth
    assert here.violations() == []
