"""A plan beside the product: the same list, the same endings, and everybody is called when the plan said."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from config.settings import Settings
from speechai.catalogue.odds import Chance, Odds
from speechai.catalogue.outcomes import load_outcomes
from speechai.core.model import Pacing
from speechai.core.planning import Lines, Plan, PlannedCall, plan
from speechai.operation.context import Context
from speechai.operation.planning import plan_file
from speechai.operation.submitting import Order, submit
from speechai.retell.client import RetellClient
from speechai.retell.simulator import OutcomeScript
from speechai.store.connection import Store

from .conftest import MakeWorld
from .lists import debtor, write_list
from .test_days import calls_by_number, local

# Reason, of 100 calls, successes of 1,000, seconds of waiting and of talk.
WAYS = [
    ("dial_no_answer", 40, 0, 30, 0),
    ("voicemail_reached", 15, 0, 6, 8),
    ("dial_busy", 10, 0, 2, 0),
    ("user_hangup", 15, 0, 6, 20),
    ("agent_hangup", 10, 1_000, 6, 40),
    ("invalid_destination", 5, 0, 1, 0),
    ("user_requested_dnc", 5, 0, 6, 10),
]
ODDS = Odds(
    source="the test",
    chances=tuple(
        Chance(
            row=load_outcomes()[reason],
            weight=weight,
            success_permille=success,
            line_seconds=wait + talk,
            cost_micros=0,
        )
        for reason, weight, success, wait, talk in WAYS
    ),
    callback_after=timedelta(days=1),
)
_LENGTHS = {reason: {"wait_ms": wait * 1000, "talk_ms": talk * 1000} for reason, _, _, wait, talk in WAYS}


def script_of(plan: Plan) -> OutcomeScript:
    """The endings that the plan has drawn, number by number and call by call."""
    by_number: dict[str, list[PlannedCall]] = defaultdict(list)
    for course in plan.courses:
        for call in course.calls:
            by_number[call.number].append(call)
    return OutcomeScript(
        numbers={number: [_ending(c) for c in sorted(calls)] for number, calls in by_number.items()},
        endings={"": "dial_no_answer"},
    )


def _ending(call: PlannedCall) -> dict[str, Any]:
    name = "promise" if call.success else {"user_hangup": "conversation"}.get(call.reason, call.reason)
    return {"outcome": name, **_LENGTHS[call.reason]}


def drawn(settings: Settings, path: Path, order: Order, now: datetime, days: int) -> Plan:
    """The plan of the file by the test's own odds."""
    nothing = Context(settings=settings, store=cast("Store", None), retell=cast("RetellClient", None))
    read = plan_file(nothing, path, order, days=1, now=now)
    return plan(
        read.policy,
        read.batch,
        [course.job for course in read.plan.courses],
        people={},
        phones={},
        odds=ODDS,
        lines=Lines(
            concurrency=settings.retell_concurrency,
            starts_a_second=settings.retell_calls_per_second,
            look_seconds=settings.dispatch_interval_seconds,
            poll_seconds=settings.call_polling_interval,
        ),
        delays=nothing.delays,
        now=now,
        days=days,
    )


def planned_calls(made: Plan) -> dict[str, list[datetime]]:
    """When each number would be called, in order."""
    found: dict[str, list[datetime]] = defaultdict(list)
    for course in made.courses:
        for call in course.calls:
            found[call.number].append(call.at)
    return {number: sorted(times) for number, times in found.items()}


@pytest.mark.long
@pytest.mark.parametrize("pacing", list(Pacing))
def test_the_product_calls_everybody_when_the_plan_said(world: MakeWorld, tmp_path: Path, pacing: Pacing) -> None:
    begin, days, people = local(2026, 11, 27, 7, 0), 5, 26  # a Friday
    path = write_list(tmp_path / "list.csv", [debtor(n, phones=1 + n % 2) for n in range(people)])
    settings = {"call_polling_interval": 30, "dispatch_interval_seconds": 10, "retell_calls_per_second": 0.5}
    order = Order(use_case="debt_collection", pacing=pacing, overrides={"people_a_day": 10})
    made = drawn(Settings.model_validate(settings), path, order, begin.astimezone(UTC), days)
    here = world(begin, settings=settings, script=script_of(made))
    here.send(submit(here.context, path, order).nudges)
    here.run_until(begin + timedelta(days=days) - timedelta(hours=7))

    planned, called = planned_calls(made), calls_by_number(here)
    assert here.violations() == []
    assert {number: len(times) for number, times in called.items()} == {n: len(t) for n, t in planned.items()}
    for number, times in planned.items():
        for thought, real in zip(times, called[number], strict=True):
            # The product takes two more polls where it waits for an analysis.
            assert abs(thought - real) < timedelta(minutes=3), (number, thought, real)
    states = Counter(job["status"] for job in here.database.call_jobs.find({}, {"status": 1}))
    assert states == {state.value: count for state, count in made.states.items()}
    assert len({call.reason for course in made.courses for call in course.calls}) > 4  # the lists are no formality
    assert made.attempts > 50
