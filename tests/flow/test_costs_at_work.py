"""Retell's account trouble, late costs, deaths in front of every write: an account pays what its calls cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from speechai.core.accounts import Plan
from speechai.core.model import CallFacts, Pacing
from speechai.operation import accounts as money
from speechai.operation import campaigns, dispatching, sweeping
from speechai.operation.nudges import PlaceCall
from speechai.retell.answers import read_call
from speechai.retell.client import RetellClient
from speechai.retell.simulator import Fault, FaultKind, OutcomeScript
from speechai.store import callbacks
from tests.flow.test_money_at_work import (
    COST,
    MONDAY,
    RESERVED,
    ROOM,
    SHORT,
    SPARSE,
    TROUBLE,
    account_of,
    alerts,
    enqueue_for,
    pays,
    top_up,
)

from .conftest import MakeWorld
from .lists import debtor
from .mortal import Died, die
from .test_continuous import CONTINUOUS, called, statuses
from .test_days import MISSED, PROMISE, enqueue, local
from .test_deaths import at, blows, next_day
from .test_rules_at_work import FAREWELL, asks
from .virtual import Mischief, World


@pytest.mark.parametrize(("outcome", "refused"), TROUBLE)
@pytest.mark.parametrize("pacing", Pacing)
def test_trouble_with_retells_account_stops_ours_until_an_operator_resumes_it(
    world: MakeWorld, tmp_path: Path, pacing: Pacing, outcome: Any, refused: bool
) -> None:
    people = [debtor(n) for n in range(6)]
    numbers: dict[str, Any] = {people[0].phones[0]: [outcome, PROMISE]}
    fault = Fault(kind=FaultKind.PAYMENT_REQUIRED, endpoint="create-phone-call", nth=(1,))
    here = world(
        MONDAY,
        settings={**SHORT, "retell_concurrency": 1},
        script=OutcomeScript(numbers=numbers, endings={"": PROMISE}),
        faults=(fault,) if refused else (),
    )
    batch_id = enqueue_for(here, tmp_path, people, paid=9_000_000, plan=Plan.CREDIT, pacing=pacing)
    here.run_until(MONDAY.replace(minute=25))
    before = called(here)
    assert account_of(here)["suspended_by"] == "retell"
    assert statuses(here, batch_id).keys() <= {"suspended", "done"}
    assert ("account_refused", "shop") in alerts(here)
    top_up(here, 1_000_000)  # money of ours does not mend Retell's
    here.run_for(minutes=10)
    assert (account_of(here)["status"], called(here)) == ("suspended", before)
    assert here.violations() == []
    here.at(MONDAY.replace(hour=10), lambda: money.resume_account(here.context, "shop", by="a test", why="paid"))
    here.run_until(MONDAY.replace(hour=10, minute=30))
    assert statuses(here, batch_id) == {"done": 6}
    assert {job["attempts"] for job in here.database.call_jobs.find()} == {1}
    assert here.violations() == []


def test_a_call_whose_end_is_never_told_is_charged_once_its_cost_is_known(world: MakeWorld, tmp_path: Path) -> None:
    """Retell does not answer for hours: the call is given up, its cost is asked for later, to the micro; and a wish
    not to be called that was said in it is found then."""
    unreachable = Fault(kind=FaultKind.UNAVAILABLE, endpoint="get-call", rate=1.0)
    people = [debtor(1), debtor(2)]
    here = world(
        MONDAY,
        settings={**SHORT, **SPARSE, "max_tries": 1},
        script=OutcomeScript(numbers={people[0].phones[0]: FAREWELL}, endings={"": PROMISE}),
        faults=(unreachable,),
    )
    batch_id = enqueue_for(here, tmp_path, people, paid=9_000_000, plan=Plan.CREDIT, **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=10, minute=15))
    assert statuses(here, batch_id) == {"failed": 2}
    assert (account_of(here)["balance"], account_of(here)["reserved"]) == (9_000_000, 0)
    here.simulator.set_faults()
    keep_sweeping(here, hours=2)
    assert account_of(here)["balance"] == 9_000_000 - 2 * COST
    logs = list(here.database.call_logs.find())
    assert [(one["cost_micros"], one["next_poll_at"]) for one in logs] == [(COST, None)] * 2
    kinds = Counter(entry["kind"] for entry in here.database.ledger.find())
    assert kinds == {"top_up": 1, "settle": 2}
    unwanted = {one["_id"] for name in ("people", "phones") for one in here.database[name].find({"do_not_call": True})}
    assert unwanted == {f"CL:{people[0].rut}", people[0].phones[0]}
    # That somebody talked was told after the contact was closed: no counter knows it.
    assert [one for one in here.violations() if one.law != 3] == []


class _WithoutCosts:
    """A Retell that never tells what a call cost."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def get_call(self, call_id: str) -> CallFacts | None:
        facts = self._client.get_call(call_id)
        return None if facts is None else read_call({**facts.raw, "call_cost": None})


@pytest.mark.parametrize("plan", [Plan.CREDIT, Plan.MINUTES])
def test_a_call_whose_end_is_told_late_and_its_cost_never_is_charged_by_its_duration(
    world: MakeWorld, tmp_path: Path, plan: Plan
) -> None:
    unreachable = Fault(kind=FaultKind.UNAVAILABLE, endpoint="get-call", rate=1.0)
    here = world(
        MONDAY, settings={**SHORT, **SPARSE, "max_tries": 1}, script=OutcomeScript(endings={"": PROMISE}),
        faults=(unreachable,),
    )  # fmt: skip
    enqueue_for(here, tmp_path, [debtor(1)], paid=9_000_000, plan=plan, **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=10, minute=15))
    assert account_of(here)["balance"] == 9_000_000
    here.simulator.set_faults()
    real = here.context
    here.context = replace(real, retell=cast(RetellClient, _WithoutCosts(real.retell)))
    keep_sweeping(here, hours=2)
    assert account_of(here)["balance"] == 9_000_000 - (25_000 if plan is Plan.CREDIT else 10)
    here.context = real
    keep_sweeping(here, hours=6)
    assert account_of(here)["balance"] == 9_000_000 - (COST if plan is Plan.CREDIT else 10)
    assert [one for one in here.violations() if one.law != 3] == []


def keep_sweeping(world: World, *, hours: int) -> None:
    """A sweep every twenty minutes, also while nothing else happens."""
    for n in range(hours * 3):
        world.at(world.now + timedelta(minutes=20 * n + 1), lambda: world.send(sweeping.sweep(world.context)))
    world.run_for(hours=hours)


DEADLY = [
    pytest.param("PlaceCall", 1, PROMISE, id="placing"),
    pytest.param("PollCall", 1, MISSED, id="polling"),
    pytest.param("Finish", 1, PROMISE, id="the finish of a success"),
    pytest.param("Finish", 1, asks(fecha_callback="en dos horas"), id="the finish of a wish to be called again"),
    pytest.param("Finish", 1, "credit_exhausted", id="the finish of Retell's account trouble"),
]


@pytest.mark.parametrize(("name", "run", "outcome"), DEADLY)
def test_a_worker_may_die_in_front_of_every_write_of_a_call_of_a_credit_account(
    world: MakeWorld, tmp_path: Path, name: str, run: int, outcome: Any
) -> None:
    """Nothing stays reserved, nothing is charged twice, no line and no place in the day is lost."""
    here = world(
        local(2026, 11, 23, 9, 30),
        settings={**SHORT, "dispatch_interval_seconds": 60, "sweep_interval_seconds": 90, "max_tries": 2},
        script=OutcomeScript(endings={"": [outcome, PROMISE]}),
    )
    shop = pays(here, paid=90_000_000, concurrency=1, calls_a_day=40, day_budget=20_000_000)
    for nth in blows(here, name, die, run=run):
        enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], account_id=shop, budget_micros=2_000_000, **CONTINUOUS)
        settled(here)
        if outcome == "credit_exhausted":
            money.resume_account(here.context, shop, by="a test", why="paid")
            settled(here)
        account = account_of(here)
        assert here.violations() == [], nth
        assert (account["reservations"], account["lines_free"], account["outbox"]) == ({}, 1, []), nth
        # One that died just before its request may have been a call: it keeps its place in the day.
        today = [one for one in here.database.call_logs.find({"state": "finished"}) if on_day(one) == account["day_on"]]
        assert account["calls_free"] == 40 - len(today), nth
        if here.now > at(here, 15, 0):
            next_day(here)
    kept = [job for job in here.database.call_jobs.find() if job["status"] in ("pending", "suspended", "in_progress")]
    assert kept == []


def on_day(attempt: dict[str, Any]) -> str:
    return str(attempt["placing_at"].astimezone(MONDAY.tzinfo).date())


def settled(world: World) -> None:
    """Until nothing moves any more, or somebody has to mend the account."""
    for _ in range(20):
        world.run_for(minutes=10)
        waits = world.database.call_jobs.find_one({"status": {"$in": ["pending", "in_progress"]}})
        if waits is None and not world.is_busy():
            return
    raise AssertionError("the list has not come to its end after three hours")


def suspend_and_sweep(world: World) -> None:
    """An operator suspends the account, and the sweep takes its contacts, between two requests of a worker."""
    money.suspend_account(world.context, "shop", reason="a test", by="operator")
    sweeping.sweep(world.context)


@pytest.mark.parametrize("operation", ["PlaceCall", "Finish"])
def test_an_account_may_be_suspended_and_swept_at_every_request_of_a_call(
    world: MakeWorld, tmp_path: Path, operation: str
) -> None:
    here = world(
        local(2026, 11, 23, 9, 30),
        settings={**SHORT, "dispatch_interval_seconds": 40, "sweep_interval_seconds": 50},
        script=OutcomeScript(endings={"": PROMISE}),
    )
    shop = pays(here, paid=90_000_000, concurrency=1)
    for nth in blows(here, operation, lambda: suspend_and_sweep(here), writes_only=False):
        batch_id = enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], account_id=shop, **CONTINUOUS)
        here.run_for(minutes=6)
        if account_of(here)["status"] == "suspended":
            money.resume_account(here.context, shop, by="a test", why="done")
            here.run_for(minutes=6)
        assert statuses(here, batch_id) == {"done": 1}, nth
        assert called(here) == nth
        assert here.violations() == [], nth


def test_callbacks_of_an_account_with_one_line_leave_everybody_else_their_room(
    world: MakeWorld, tmp_path: Path
) -> None:
    here = world(MONDAY.replace(hour=6), settings={"retell_calls_per_second": 2})  # ten starts between two looks
    shop = pays(here, plan=Plan.UNLIMITED, concurrency=1)
    mine = enqueue(here, tmp_path / "mine.csv", [debtor(n) for n in range(12)], account_id=shop, **CONTINUOUS)
    other = enqueue(here, tmp_path / "other.csv", [debtor(n) for n in range(30, 38)], **CONTINUOUS)
    here.run_for(minutes=2)
    wished = {"callback_at": here.now, "next_attempt_at": here.now}
    here.database.call_jobs.update_many({}, {"$set": {"next_attempt_at": here.now}})
    here.database.call_jobs.update_many({"batch_id": mine}, {"$set": wished})
    for job in here.database.call_jobs.find({"batch_id": mine}):
        callbacks.expect(here.context.store, job["_id"], here.now)
    handed = [nudge.job_id for nudge in dispatching.dispatch_due(here.context) if isinstance(nudge, PlaceCall)]
    batches = [here.database.call_jobs.find_one({"_id": job_id})["batch_id"] for job_id in handed]  # type: ignore[index]
    assert batches[0] == mine
    assert len(batches) == 10
    assert batches.count(other) >= 4  # accounts take turns for what is left


def test_cancelling_a_list_of_a_suspended_account_ends_every_contact_and_frees_every_callback(
    world: MakeWorld, tmp_path: Path
) -> None:
    here = world(MONDAY, settings=SHORT, script=OutcomeScript(endings={"": asks(fecha_callback="mañana a las 5")}))
    batch_id = enqueue_for(here, tmp_path, [debtor(n) for n in range(5)], paid=ROOM, plan=Plan.CREDIT, **CONTINUOUS)
    here.run_for(minutes=20)
    assert account_of(here)["status"] == "suspended"
    here.fuse.arm(2, die)  # the command dies once the list is cancelled: the sweep does the rest
    with pytest.raises(Died):
        campaigns.cancel(here.context, batch_id)
    sweeping.sweep(here.context)
    assert statuses(here, batch_id) == {"cancelled": 5}
    top_up(here, 9_000_000)
    before = called(here)
    enqueue(here, tmp_path / "next.csv", [debtor(30)], again=True, **CONTINUOUS)
    here.run_until(local(2026, 11, 24, 18, 0))
    assert called(here) == before + 1 + 1
    assert here.violations() == []


@pytest.mark.parametrize("seed", [7])
def test_a_day_of_mischief_costs_accounts_what_their_calls_cost(world: MakeWorld, tmp_path: Path, seed: int) -> None:
    here = world(
        local(2026, 11, 23, 8, 45),
        settings={**SHORT, **SPARSE, "max_tries": 3, "retell_concurrency": 4},
        mischief=Mischief(seed=seed, drop=0.15, double=0.2, late=0.2, death=0.1),
        seed=seed,
        faults=(
            Fault(kind=FaultKind.SERVER_ERROR_AFTER, endpoint="create-phone-call", rate=0.08),
            Fault(kind=FaultKind.RATE_LIMITED, endpoint="create-phone-call", rate=0.08),
            Fault(kind=FaultKind.TRUNCATED_JSON, endpoint="*", rate=0.08),
        ),
    )
    people = [debtor(n) for n in range(5)]
    shop = pays(here, paid=2 * RESERVED, concurrency=2, calls_a_day=15)
    rest = pays(here, "rest", plan=Plan.MINUTES, paid=400, day_budget=380)
    first = enqueue(here, tmp_path / "first.csv", people, account_id=shop)
    enqueue(here, tmp_path / "second.csv", people[:3], account_id=rest, **CONTINUOUS)
    here.at(local(2026, 11, 23, 12, 30), lambda: top_up(here, 6_000_000))
    here.at(local(2026, 11, 23, 13, 30), lambda: top_up(here, 900, account_id=rest))
    here.run_until(local(2026, 11, 23, 18, 0))
    here.run_until(local(2026, 11, 23, 19, 0))
    assert here.done["death"] >= 3
    assert here.violations() == []
    assert {job["account_id"] for job in here.database.call_jobs.find({"batch_id": first})} == {shop}
