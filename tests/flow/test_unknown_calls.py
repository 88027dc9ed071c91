"""Calls of which Retell never told whether they were placed, or how they ended: counted, shown, and looked up again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.core.accounts import Plan
from speechai.core.model import Pacing
from speechai.operation import tracing
from speechai.operation.campaigns import describe_job
from speechai.operation.tracing import Happening
from speechai.retell.simulator import Assumptions, Fault, FaultKind, OutcomeScript
from tests.flow.test_money_at_work import COST, MONDAY, SHORT, SPARSE, account_of, alerts, enqueue_for, pays

from .conftest import MakeWorld
from .lists import debtor
from .mortal import die
from .test_continuous import CONTINUOUS, statuses
from .test_costs_at_work import keep_sweeping
from .test_days import PROMISE, enqueue, job_of
from .test_deaths import blows, next_day, settle
from .test_faults_in_virtual_time import CREATE
from .test_rules_at_work import FAREWELL

UNKNOWN: list[Any] = [
    pytest.param(CREATE, "promise", "whether it was placed", id="never placed"),
    pytest.param("stop-call", "stuck_ongoing", "how it ended", id="never over, and not to be stopped"),
]


@pytest.mark.parametrize(("failing", "outcome", "words"), UNKNOWN)
def test_what_stays_unknown_counts_as_a_call_and_is_shown_to_the_operator(
    world: MakeWorld, tmp_path: Path, failing: str, outcome: str, words: str
) -> None:
    one = debtor(1)
    here = world(
        MONDAY,
        settings={**SHORT, **SPARSE, "max_tries": 1},
        script=OutcomeScript(endings={"": outcome}),
        faults=(Fault(kind=FaultKind.SERVER_ERROR, endpoint=failing),),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", [one], pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=90)  # where a request fails, nothing is given up for an hour longer
    job_id = job_of(here, one)["_id"]
    document, (attempt,) = describe_job(here.context, job_id)
    assert (document["status"], document["attempts"]) == ("failed", 1)
    assert "unknown" in document["reason"]
    assert (attempt.state, attempt.outcome) == ("finished", "unknown")
    person = here.database.people.find_one({"_id": attempt.person_id})
    assert person is not None
    assert [made["attempt_id"] for made in person["tries"]] == [attempt.id]
    assert [one["words"] for one in here.database.alerts.find({"kind": "call_unknown", "subject": batch_id})] == [
        f"Retell never told of a call {words}; it counts as a call: `speechai trace {job_id}`"
    ]
    told = {event.what: event.facts for event in tracing.trace(here.context, job_id).events}
    assert told[Happening.FINISHED]["outcome"] == "unknown"
    assert bool(told[Happening.GIVEN_UP]["doubt"]) == (failing == CREATE)
    assert here.violations() == []


def test_a_call_that_is_listed_after_it_was_given_up_is_charged_and_its_wish_holds(
    world: MakeWorld, tmp_path: Path
) -> None:
    one = debtor(1)
    here = world(
        MONDAY,
        settings={**SHORT, **SPARSE, "max_tries": 1},
        script=OutcomeScript(endings={"": FAREWELL}),
        faults=(Fault(kind=FaultKind.RESET_AFTER, endpoint=CREATE),),
        assumptions=Assumptions(listing_delay_ms=40 * 60_000),
    )
    batch_id = enqueue_for(here, tmp_path, [one], paid=9_000_000, plan=Plan.CREDIT, **CONTINUOUS)
    here.run_for(minutes=30)
    assert statuses(here, batch_id) == {"failed": 1}
    assert account_of(here)["balance"] == 9_000_000
    assert ("call_unknown", batch_id) in alerts(here)
    keep_sweeping(here, hours=2)
    (call,), (log,) = here.simulator.journal()["calls"], here.database.call_logs.find()
    assert (log["call_id"], log["cost_micros"], log["next_poll_at"]) == (call["call_id"], COST, None)
    assert account_of(here)["balance"] == 9_000_000 - COST
    unwanted = {one["_id"] for name in ("people", "phones") for one in here.database[name].find({"do_not_call": True})}
    assert unwanted == {f"CL:{one.rut}", one.phones[0]}
    # That somebody talked was told after the contact was closed: no counter knows it.
    assert [found for found in here.violations() if found.law != 3] == []


def test_a_call_that_never_was_is_not_looked_up_for_ever(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MONDAY, settings={**SHORT, **SPARSE, "max_tries": 1}, faults=(Fault(kind=FaultKind.SERVER_ERROR),))
    pays(here, paid=9_000_000)
    enqueue(here, tmp_path / "list.csv", [debtor(1)], account_id="shop", **CONTINUOUS)
    here.run_for(minutes=30)
    here.simulator.set_faults()
    for days in range(5):
        here.run_until(MONDAY + timedelta(days=days, hours=8))
        keep_sweeping(here, hours=1)
    (log,) = here.database.call_logs.find()
    assert (log["cost_looks"], log["next_poll_at"]) == (4, None)
    assert "cost_unknown" not in {kind for kind, _ in alerts(here)}
    assert here.violations() == []


def test_a_worker_that_dies_at_any_write_of_the_end_of_such_a_call_leaves_the_alert(
    world: MakeWorld, tmp_path: Path
) -> None:
    here = world(
        MONDAY,
        settings={**SHORT, **SPARSE, "max_tries": 1},
        faults=(Fault(kind=FaultKind.SERVER_ERROR, endpoint=CREATE),),
        script=OutcomeScript(endings={"": PROMISE}),
    )
    for nth in blows(here, "Finish", die):
        batch_id = enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], pacing=Pacing.CONTINUOUS)
        settle(here, batch_id)
        assert here.database.alerts.find_one({"kind": "call_unknown", "subject": batch_id}), nth
        assert here.violations() == [], nth
        if here.now - MONDAY > timedelta(hours=8):
            next_day(here)
