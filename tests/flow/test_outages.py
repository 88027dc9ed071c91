"""Retell as a whole is away, or asks for fewer calls: few requests are spent on it, and calling goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Pacing
from speechai.core.provider import BreakerState, Provider
from speechai.operation import explaining, provider
from speechai.retell.simulator import Assumptions, Fault, FaultKind, Limits, OutcomeScript
from speechai.store import capacity

from .conftest import MakeWorld
from .lists import debtor
from .mortal import die
from .test_days import PROMISE, calls_by_number, enqueue, local
from .test_deaths import SPARSE, blows, settle
from .virtual import World

MORNING = local(2026, 11, 23, 8, 0)
CREATE = "create-phone-call"
SETTINGS = {
    "max_tries": 6,
    "retell_concurrency": 60,
    "retell_calls_per_second": 1,
    "dispatch_interval_seconds": 10,
    "call_polling_interval": 60,
    "retry_delay_minutes": 5,
}
SCRIPT = OutcomeScript(endings={"": PROMISE})


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def requests(world: World) -> int:
    """How many calls Retell was asked for."""
    count: int = world.simulator.journal()["requests"].get(CREATE, 0)
    return count


def known(world: World) -> Provider:
    return capacity.get_provider(world.context.store)


def alerts(world: World) -> list[str]:
    return [alert["kind"] for alert in world.database.alerts.find()]


def all_done(world: World) -> bool:
    return world.database.call_jobs.count_documents({"status": {"$ne": "done"}}) == 0


def test_an_outage_of_half_an_hour_costs_a_few_requests_and_nobody_a_second_call(
    world: MakeWorld, tmp_path: Path
) -> None:
    """A call every second was due; first nothing is accepted, then connections break off after the request."""
    people = [debtor(n) for n in range(30)]
    here = world(MORNING, settings=SETTINGS, script=SCRIPT)
    begins, ends = MORNING + minutes(0.2), MORNING + minutes(30.2)
    here.at(begins, lambda: here.simulator.set_faults(Fault(kind=FaultKind.UNAVAILABLE, endpoint=CREATE)))
    here.at(
        begins + minutes(15), lambda: here.simulator.set_faults(Fault(kind=FaultKind.RESET_BEFORE, endpoint=CREATE))
    )
    here.at(ends, here.simulator.set_faults)
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_until(begins)
    before = requests(here)
    here.run_until(begins + minutes(1))
    handed_out = here.done["PlaceCall"]
    here.run_until(ends)
    assert 0 < before < 20
    # Five that open it, and trials after 30 s, 1, 2, 4 and then every 5 minutes.
    assert requests(here) - before <= 5 + 10
    assert here.done["PlaceCall"] - handed_out <= 9  # nobody was handed out but for a trial
    assert known(here).state is not BreakerState.CLOSED
    assert "provider_down" in alerts(here)
    waiting = here.database.call_jobs.find_one({"status": "pending", "denied.code": "provider_rests"})
    assert waiting is not None
    explained = explaining.explain(here.context, waiting["_id"], now=here.now)
    assert explained.denied is not None
    assert (explained.denied.code, explained.until) == ("provider_rests", known(here).rests_until)

    here.run_for(minutes=6)
    assert known(here).state is BreakerState.CLOSED
    here.run_for(minutes=6)
    called = calls_by_number(here)
    assert len(called) >= len(people) - 15  # all but those whose request failed, who are looked up and wait
    here.run_for(minutes=30)
    assert all_done(here)
    assert {len(times) for times in calls_by_number(here).values()} == {1}
    assert here.violations() == []


def test_requests_that_were_taken_during_an_outage_are_found_and_not_repeated(world: MakeWorld, tmp_path: Path) -> None:
    """Retell takes every call and breaks off each answer: to us that is an outage too."""
    people = [debtor(n) for n in range(12)]
    here = world(MORNING, settings=SETTINGS, script=SCRIPT)
    here.simulator.set_faults(Fault(kind=FaultKind.RESET_AFTER, endpoint=CREATE))
    here.at(MORNING + minutes(10), here.simulator.set_faults)
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_until(MORNING + minutes(10))
    assert 5 < requests(here) < 12
    here.run_for(hours=1)
    assert all_done(here)
    assert {len(times) for times in calls_by_number(here).values()} == {1}
    assert requests(here) == 12
    assert here.violations() == []


def test_a_time_that_retell_names_is_kept_by_every_worker(world: MakeWorld, tmp_path: Path) -> None:
    people = [debtor(n) for n in range(16)]
    fault = Fault(kind=FaultKind.RATE_LIMITED, endpoint=CREATE, nth=(8,), retry_after_seconds=200)
    here = world(MORNING, settings=SETTINGS, script=SCRIPT, faults=(fault,))
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=1)
    until = known(here).held_until
    assert until is not None
    here.run_until(until - timedelta(seconds=1))
    assert requests(here) == 8
    held = here.database.call_jobs.find_one({"denied.code": "provider_rests"})
    if held is not None:
        assert held["next_attempt_at"] >= until
    here.run_for(minutes=10)
    assert all_done(here)
    later = sorted(at for times in calls_by_number(here).values() for at in times)[7:]
    assert until <= later[0] <= until + timedelta(seconds=20)
    assert known(here).state is BreakerState.CLOSED
    assert here.violations() == []


SIGNALS: list[tuple[str, Callable[[World], object]]] = [
    ("a pause", lambda here: note(here, held_until=here.now + minutes(3))),
    ("an opening", lambda here: note(here, state=BreakerState.OPEN, rests_until=here.now + minutes(3), openings=1)),
]


def note(world: World, **changes: Any) -> None:
    """Another worker writes down what it has learned of Retell."""
    capacity.change_provider(world.context.store, lambda before: replace(before, **changes))


@pytest.mark.parametrize(("name", "strike"), SIGNALS, ids=[name for name, _ in SIGNALS])
def test_who_waits_for_a_start_meanwhile_does_not_send(
    world: MakeWorld, tmp_path: Path, name: str, strike: Callable[[World], object]
) -> None:
    """A worker has its start in some seconds when another one learns that nobody may."""
    here = world(MORNING, settings={**SETTINGS, "retell_calls_per_second": 0.25}, script=SCRIPT)
    sleep, slept = here.context.sleep, 0

    def interrupted(seconds: float) -> None:
        nonlocal slept
        slept += 1
        if slept == 1:
            strike(here)
        sleep(seconds)

    here.context = replace(here.context, sleep=interrupted)
    enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(4)], pacing=Pacing.CONTINUOUS)
    here.run_until(MORNING + minutes(2.5))
    assert slept == 1
    assert requests(here) == 1
    here.run_for(minutes=5)
    assert requests(here) == 4
    assert here.violations() == []


@pytest.mark.parametrize("refusal", ["status_429", "call_error"])
def test_a_limit_of_retells_own_slows_the_calls_down_and_the_rate_recovers(
    world: MakeWorld, tmp_path: Path, refusal: Any
) -> None:
    """Retell has two lines where the settings say 60; both ways in which it may say so."""
    people = [debtor(n) for n in range(12)]
    here = world(
        MORNING,
        settings={**SETTINGS, "retell_calls_per_second": 4},
        limits=Limits(base_concurrency=2, calls_per_second=None),
        assumptions=Assumptions(limit_refusal=refusal),
        script=OutcomeScript(endings={"": {**PROMISE, "talk_ms": 30_000}}),
    )
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=2)
    assert known(here).share < 1
    assert provider.standing(here.context, here.now).calls_per_second < 4
    here.run_for(minutes=9)
    assert all_done(here)
    assert provider.standing(here.context, here.now).calls_per_second == 4
    assert (known(here).state, alerts(here)) == (BreakerState.CLOSED, [])
    assert here.violations() == []


@pytest.mark.parametrize("kind", [FaultKind.PAYMENT_REQUIRED, FaultKind.DO_NOT_CALL])
def test_an_account_or_a_number_that_is_refused_is_no_trouble_of_retells(
    world: MakeWorld, tmp_path: Path, kind: FaultKind
) -> None:
    here = world(MORNING, settings=SETTINGS, script=SCRIPT, faults=(Fault(kind=kind, endpoint=CREATE),))
    for n in range(8):  # each account sends a request or more before it is suspended
        one = tmp_path / f"{n}.csv"
        enqueue(here, one, [debtor(10 * n + k) for k in range(2)], pacing=Pacing.CONTINUOUS, account_id=f"account{n}")
    here.run_for(minutes=5)
    assert requests(here) >= 8
    assert (known(here).state, known(here).failures, known(here).share) == (BreakerState.CLOSED, 0, 1.0)
    assert "provider_down" not in alerts(here)


@pytest.mark.long
def test_a_trial_whose_worker_dies_in_front_of_any_write_is_followed_by_another(
    world: MakeWorld, tmp_path: Path
) -> None:
    here = world(MORNING, settings={**SPARSE, "max_tries": 6}, script=SCRIPT)
    for nth in blows(here, "PlaceCall", die):
        note(here, state=BreakerState.OPEN, rests_until=here.now, openings=1, failures=5, changed_at=here.now)
        people = [debtor(2 * nth), debtor(2 * nth + 1)]
        settle(here, enqueue(here, tmp_path / f"{nth}.csv", people, pacing=Pacing.CONTINUOUS))
        assert (known(here).state, known(here).trial_id) == (BreakerState.CLOSED, None), nth
        assert requests(here) == 2 * nth
    assert all_done(here)
    assert here.violations() == []


def test_a_rate_far_below_one_look_churns_nobody(world: MakeWorld, tmp_path: Path) -> None:
    """At a fiftieth of the rate a start comes every 50 s at first, a look every 10: jobs are handed out for starts."""
    people = [debtor(n) for n in range(16)]
    here = world(MORNING, settings={**SETTINGS, "pace_recovery_seconds": 3600}, script=SCRIPT)
    note(here, share=0.02, share_at=MORNING, last_start_at=MORNING)
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=12)
    starts = sorted(at for times in calls_by_number(here).values() for at in times)
    assert here.done["PlaceCall"] <= len(starts) + 3
    gaps = [later - earlier for earlier, later in pairwise(starts)]
    assert gaps[0] > timedelta(seconds=15)
    assert gaps[-1] < gaps[0]
    assert all_done(here)
