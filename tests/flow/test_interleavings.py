"""Two messages about one attempt that are worked on at once, in every order of their requests with a switch each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Pacing
from speechai.operation import calling, finishing, polling
from speechai.operation.context import Context
from speechai.operation.nudges import Nudges, PlaceCall, PollCall
from speechai.operation.sweeping import sweep
from speechai.retell.simulator import Assumptions, Fault, FaultKind, OutcomeScript
from speechai.store import attempts

from .conftest import MakeWorld
from .interleaving import Met, Operation, meet
from .lists import debtor
from .test_days import PROMISE, TALK, enqueue, local
from .test_deaths import settle
from .virtual import World

MORNING = local(2026, 11, 23, 9, 0)
SETTINGS: dict[str, Any] = {
    "call_polling_interval": 90,
    "dispatch_interval_seconds": 60,
    "sweep_interval_seconds": 60,
    "lease_seconds": 120,
    "default_policy": "always",
}
AFTER_THE_TALK, AFTER_THE_ANALYSIS = timedelta(seconds=15), timedelta(seconds=30)


def poll(attempt_id: str) -> Operation:
    """As a webhook brings it forward: under the number that the attempt has now."""

    def operation(context: Context) -> Nudges:
        attempt = attempts.get_attempt(context.store, attempt_id)
        return polling.poll_call(context, attempt_id, attempt.poll_number) if attempt else []

    return operation


def finish(attempt_id: str) -> Operation:
    return lambda context: finishing.finish(context, attempt_id)


def scan(_: str) -> Operation:
    return sweep


LONG = (pytest.mark.long, pytest.mark.timeout(600))
Make = Callable[[str], Operation]
PAIRS: list[Any] = [
    pytest.param(poll, poll, AFTER_THE_TALK, id="two polls, the analysis between them"),
    pytest.param(poll, poll, AFTER_THE_ANALYSIS, id="two polls"),
    pytest.param(poll, finish, AFTER_THE_ANALYSIS, id="a poll and a finish"),
    pytest.param(finish, poll, AFTER_THE_ANALYSIS, id="a finish and a poll"),
    pytest.param(finish, finish, AFTER_THE_ANALYSIS, id="two finishes", marks=LONG),
    pytest.param(finish, scan, AFTER_THE_ANALYSIS, id="a finish and a sweep", marks=LONG),
    pytest.param(poll, scan, AFTER_THE_ANALYSIS, id="a poll and a sweep", marks=LONG),
]


@pytest.mark.parametrize(("first", "second", "age"), PAIRS)
def test_the_end_of_a_call_may_be_worked_on_by_two_at_once(
    world: MakeWorld, tmp_path: Path, first: Make, second: Make, age: timedelta
) -> None:
    here = world(MORNING, settings=SETTINGS, script=OutcomeScript(endings={"": PROMISE}))
    number = count(1)

    def one(nth_of_first: int, nth_of_second: int) -> tuple[bool, bool]:
        who = debtor(next(number))
        batch_id = enqueue(here, tmp_path / f"{who.rut}.csv", [who], pacing=Pacing.CONTINUOUS)
        attempt_id = live_call(here)
        here.run_for(seconds=age.total_seconds())
        if first is finish:
            here.perform(PollCall(attempt_id, 0))
        pair = (nth_of_first, first(attempt_id)), (nth_of_second, second(attempt_id))
        met, _, job = met_and_settled(here, batch_id, attempt_id, *pair, seconds=30)
        assert (job["status"], job["attempts"]) == ("done", 1), (nth_of_first, nth_of_second, job)
        return met.first_stopped, met.second_stopped

    through_all(one)
    assert here.violations() == []


@pytest.mark.parametrize(("first", "second"), [(finish, poll), (poll, finish)], ids=["finish first", "poll first"])
def test_a_call_that_is_judged_while_its_analysis_comes_is_judged_by_one_answer(
    world: MakeWorld, tmp_path: Path, first: Make, second: Make
) -> None:
    """Its waiting was over: with the analysis or without, but result, follow-ups and contact by the same of them."""
    here = world(MORNING, settings=SETTINGS, script=OutcomeScript(endings={"": PROMISE}))
    number = count(1)
    judged: set[bool] = set()

    def one(nth_of_first: int, nth_of_second: int) -> tuple[bool, bool]:
        who = debtor(next(number))
        batch_id = enqueue(here, tmp_path / f"{who.rut}.csv", [who], pacing=Pacing.CONTINUOUS)
        attempt_id = live_call(here)
        here.run_for(seconds=AFTER_THE_TALK.total_seconds())
        here.perform(PollCall(attempt_id, 0))
        pair = (nth_of_first, first(attempt_id)), (nth_of_second, second(attempt_id))
        met, attempt, job = met_and_settled(here, batch_id, attempt_id, *pair, seconds=30)
        heard = "call_analysis" in attempt["retell"]
        judged.add(heard)
        assert (attempt["success"], job["attempts"] == 1) == (heard, heard), (nth_of_first, nth_of_second)
        return met.first_stopped, met.second_stopped

    through_all(one)
    assert here.violations() == []
    assert judged == {True, False}


def test_a_call_that_is_found_while_it_is_given_up_is_followed_to_its_end(world: MakeWorld, tmp_path: Path) -> None:
    """Nobody knew whether it was placed; Retell lists it in the moment in which the look-ups have lasted too long."""
    here = world(
        MORNING,
        settings={**SETTINGS, "lookup_delay_seconds": 20, "unknown_deadline_minutes": 1, "breaker_failures": 1_000},
        script=OutcomeScript(endings={"": {**PROMISE, "talk_ms": 240_000}}),
        faults=(Fault(kind=FaultKind.RESET_AFTER, endpoint="create-phone-call"),),
        assumptions=Assumptions(listing_delay_ms=70_000),
    )
    number = count(1)
    found: set[bool] = set()

    def one(nth_of_first: int, nth_of_second: int) -> tuple[bool, bool]:
        who = debtor(next(number))
        batch_id = enqueue(here, tmp_path / f"{who.rut}.csv", [who], pacing=Pacing.CONTINUOUS)
        attempt_id = live_call(here, state="unknown")
        here.run_for(seconds=64)
        pair = (nth_of_first, poll(attempt_id)), (nth_of_second, poll(attempt_id))
        met, attempt, job = met_and_settled(here, batch_id, attempt_id, *pair, seconds=10)
        was_found = attempt.get("accepted_at") is not None
        found.add(was_found)
        assert attempt["outcome"] == ("conversation" if was_found else "unknown"), (nth_of_first, nth_of_second)
        assert (job["attempts"] == 1) is was_found, (nth_of_first, nth_of_second)
        return met.first_stopped, met.second_stopped

    through_all(one)
    # What was said in a call that nobody told of is in no counter.
    assert [one for one in here.violations() if one.found_by != "counters_agree"] == []
    assert found == {True, False}, "a look-up may come before and after its end was written"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_lists_may_reach_for_one_person_in_every_order(world: MakeWorld, tmp_path: Path) -> None:
    long_talk = {**TALK, "talk_ms": 90_000}
    here = world(
        MORNING,
        settings={**SETTINGS, "max_tries": 1, "sweep_interval_seconds": 300},
        script=OutcomeScript(endings={"": long_talk}),
    )
    number, held = count(1), list[PlaceCall]()
    send = here.send

    def hold(nudges: Nudges) -> None:
        held.extend(nudge for nudge in nudges if isinstance(nudge, PlaceCall))
        send([nudge for nudge in nudges if not isinstance(nudge, PlaceCall)])

    def place(message: PlaceCall) -> Operation:
        return lambda context: calling.place_call(context, message.job_id, message.ticket)

    def one(nth_of_first: int, nth_of_second: int) -> tuple[bool, bool]:
        people, accounts = next(number), ("one", "other")
        who = debtor(people)
        held.clear()
        here.send = hold  # type: ignore[method-assign]
        files = [tmp_path / f"{who.rut}-{account}.csv" for account in accounts]
        lists = [
            enqueue(here, file, [who], pacing=Pacing.CONTINUOUS, account_id=account)
            for file, account in zip(files, accounts, strict=True)
        ]
        while len(held) < 2:
            here.run_for(seconds=30)
        here.send = send  # type: ignore[method-assign]
        pair = (nth_of_first, place(held[0])), (nth_of_second, place(held[1]))
        met = meet(here.context, *pair, writes_only=True)
        here.send(met.nudges)
        for batch_id in lists:
            settle(here, batch_id)
        assert here.simulator.journal()["total_calls"] == 2 * people, (nth_of_first, nth_of_second)
        return met.first_stopped, met.second_stopped

    through_all(one)
    assert here.violations() == []


def met_and_settled(
    world: World,
    batch_id: str,
    attempt_id: str,
    first: tuple[int, Operation],
    second: tuple[int, Operation],
    *,
    seconds: float,
) -> tuple[Met, Mapping[str, Any], Mapping[str, Any]]:
    """Both run, with so many seconds between them; then the list comes to its end. The attempt and its job by then."""
    met = meet(world.context, first, second, between=lambda: world.run_for(seconds=seconds))
    world.send(met.nudges)
    settle(world, batch_id)
    (attempt,) = world.database.call_logs.find({"_id": attempt_id})
    (job,) = world.database.call_jobs.find({"batch_id": batch_id})
    return met, attempt, job


def live_call(world: World, state: str = "live") -> str:
    """Until the list's call is live, or in another state; returns its attempt."""
    for _ in range(300):
        world.run_for(seconds=1)
        if (attempt := world.database.call_logs.find_one({"state": state})) is not None:
            return str(attempt["_id"])
    waits = [job["reason"] for job in world.database.call_jobs.find({"status": "pending"})]
    raise AssertionError(f"nobody was called within five minutes: {waits}")


def through_all(one: Callable[[int, int], tuple[bool, bool]]) -> None:
    """Every request of the first with every write of the second, as long as they come so far."""
    for nth_of_first in count(1):
        for nth_of_second in count(1):
            first_stopped, second_stopped = one(nth_of_first, nth_of_second)
            if not first_stopped:
                return
            if not second_stopped:
                break
