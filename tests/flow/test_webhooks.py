"""Whole lists with Retell's webhooks: a call is finished when it is over; whatever becomes of an event, by polls."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn

import pytest

from speechai.core.model import CallFacts, Pacing
from speechai.operation.nudges import PollCall
from speechai.retell.call_request import CallRequest
from speechai.retell.simulator import Fault, FaultKind, OutcomeScript
from speechai.store import attempts
from tests.simulator.receiver import Receiver, receiving

from .conftest import MakeWorld
from .lists import debtor
from .mortal import Died
from .test_days import PROMISE, calls_by_number, enqueue, local
from .test_deaths import blows, one_more
from .virtual import Mischief, World
from .webhooks import Mail

MORNING = local(2026, 11, 23, 9, 0)
SETTINGS: dict[str, Any] = {
    "call_polling_interval": 90,
    "dispatch_interval_seconds": 1,
    "retell_calls_per_second": 4,
    "retell_read_timeout_seconds": 1,
}
"""The longest wait between two polls: what comes sooner came by a webhook."""
TALK = timedelta(seconds=14)
"""From acceptance to the end of a call that ends with PROMISE."""
SOON = timedelta(seconds=3)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def told(world: World) -> tuple[datetime, datetime, datetime]:
    """When the only call was accepted, when its end was known, and when its result was written."""
    (attempt,) = world.database.call_logs.find()
    (call,) = world.simulator.journal()["calls"]
    (job,) = world.database.call_jobs.find()
    assert (attempt["state"], job["status"]) == ("finished", "done"), (attempt, job)
    accepted_at = datetime.fromtimestamp(call["accepted_ms"] / 1000, world.now.tzinfo)
    return accepted_at, attempt["ended_at"], attempt["finished_at"]


def one_call(make: MakeWorld, receiver: Receiver, path: Path, **fields: Any) -> tuple[World, Mail]:
    here = make(
        MORNING,
        settings={**SETTINGS, "webhook_url": receiver.url},
        script=OutcomeScript(endings={"": PROMISE}),
        **fields,
    )
    mail = Mail(here, receiver)
    enqueue(here, path / "list.csv", [debtor(1)], pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=10)
    assert here.violations() == []
    return here, mail


def test_with_webhooks_a_call_is_finished_when_it_is_over(world: MakeWorld, receiver: Receiver, tmp_path: Path) -> None:
    here, mail = one_call(world, receiver, tmp_path)
    accepted_at, ended_at, finished_at = told(here)
    assert TALK <= ended_at - accepted_at <= TALK + SOON
    assert finished_at - accepted_at < timedelta(seconds=60), "its analysis was not waited for by polls"
    assert mail.taken == {"valid": 2, "poll": 2}, "only the two events that a call asks for"


def test_without_them_by_the_polls(world: MakeWorld, receiver: Receiver, tmp_path: Path) -> None:
    here, mail = one_call(world, receiver, tmp_path, faults=(Fault(kind=FaultKind.WEBHOOK_DROP),))
    accepted_at, ended_at, _ = told(here)
    assert timedelta(seconds=90) <= ended_at - accepted_at <= timedelta(seconds=95)
    assert mail.taken == {}
    assert here.simulator.journal()["webhooks"] == {"call_ended dropped": 1, "call_analyzed dropped": 1}


@pytest.mark.parametrize("fault", [FaultKind.WEBHOOK_WRONG_KEY, FaultKind.WEBHOOK_ALTERED_BODY])
def test_what_is_not_signed_by_retell_moves_nothing(
    world: MakeWorld, receiver: Receiver, tmp_path: Path, fault: FaultKind
) -> None:
    here, mail = one_call(world, receiver, tmp_path, faults=(Fault(kind=fault),))
    accepted_at, ended_at, _ = told(here)
    assert ended_at - accepted_at >= timedelta(seconds=90)
    assert mail.taken == {"wrong": 2}


@pytest.mark.parametrize("fault", [FaultKind.RESET_AFTER, FaultKind.HANG_AFTER, FaultKind.SERVER_ERROR_AFTER])
def test_a_call_whose_acceptance_was_never_heard_of_is_found_by_its_end(
    world: MakeWorld, receiver: Receiver, tmp_path: Path, fault: FaultKind
) -> None:
    """Sooner than by the look-up, which comes 45 seconds after the request."""
    faults = (Fault(kind=fault, endpoint="create-phone-call", times=1),)
    here, _ = one_call(world, receiver, tmp_path, faults=faults)
    accepted_at, ended_at, _ = told(here)
    assert ended_at - accepted_at <= TALK + SOON


def test_a_worker_that_died_with_its_request_on_the_way_is_made_up_for_at_the_end_of_the_call(
    world: MakeWorld, receiver: Receiver, tmp_path: Path
) -> None:
    """Sooner than by the sweep, which asks when the lease is over: the attempt is still `placing`."""
    here = world(
        MORNING,
        settings={**SETTINGS, "webhook_url": receiver.url, "lease_seconds": 600},
        script=OutcomeScript(endings={"": PROMISE}),
    )
    Mail(here, receiver)
    place = here.context.retell.create_call

    def place_and_die(request: CallRequest) -> NoReturn:
        place(request)
        raise Died

    here.context.retell.create_call = place_and_die  # type: ignore[method-assign]
    enqueue(here, tmp_path / "list.csv", [debtor(1)], pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=5)
    accepted_at, ended_at, _ = told(here)
    assert ended_at - accepted_at <= TALK + SOON
    assert here.done["death"] == 1
    assert here.violations() == []


def test_a_call_may_be_over_and_finished_before_retell_has_answered_the_worker_that_placed_it(
    world: MakeWorld, receiver: Receiver, tmp_path: Path
) -> None:
    """The poll that the webhook brings puts the attempt in doubt, finds the call, finishes it; the answer is late."""
    here = world(MORNING, settings=SETTINGS, script=OutcomeScript(endings={"": PROMISE}))
    place = here.context.retell.create_call
    polled: list[str] = []

    def answer_late(request: CallRequest) -> CallFacts:
        facts = place(request)
        here.context.sleep(60)
        (finish,) = here.perform(PollCall(request.attempt_id, 0))
        here.send(here.perform(finish))
        polled.append(request.attempt_id)
        return facts

    here.context.retell.create_call = answer_late  # type: ignore[method-assign]
    enqueue(here, tmp_path / "list.csv", [debtor(1)], pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=10)
    told(here)
    assert len(polled) == 1
    assert here.violations() == []


def test_two_polls_that_meet_at_the_end_of_a_call_lose_no_analysis(world: MakeWorld, tmp_path: Path) -> None:
    """One poll has asked before the analysis was there, and writes the end in front of any request of the next poll,
    which a webhook has brought forward."""
    here = world(MORNING, settings=SETTINGS, script=OutcomeScript(endings={"": PROMISE}))

    def earlier_poll() -> None:
        attempt = here.database.call_logs.find_one({"state": "live"})
        if attempt is None:
            return  # the next poll has written the end itself
        facts = here.context.retell.get_call(attempt["call_id"])
        assert facts is not None
        assert "call_analysis" in facts.raw
        early = {name: value for name, value in facts.raw.items() if name != "call_analysis"}
        attempts.end(here.context.store, attempt["_id"], at=here.now, retell=early)

    for nth in blows(here, "PollCall", earlier_poll, writes_only=False):
        one_more(here, tmp_path, nth)
        (job,) = here.database.call_jobs.find({"rut": debtor(nth).rut})
        assert (job["status"], job["attempts"]) == ("done", 1), nth
    assert here.violations() == []


def test_a_list_whose_events_and_messages_all_suffer_breaks_no_law(
    world: MakeWorld, receiver: Receiver, tmp_path: Path
) -> None:
    kinds = {
        FaultKind.WEBHOOK_DROP: {},
        FaultKind.WEBHOOK_DUPLICATE: {},
        FaultKind.WEBHOOK_REORDER: {},
        FaultKind.WEBHOOK_DELAY: {"delay_ms": 120_000},
        FaultKind.WEBHOOK_WRONG_KEY: {},
        FaultKind.WEBHOOK_ALTERED_BODY: {},
        FaultKind.WEBHOOK_MISSING_HEADER: {},
        FaultKind.WEBHOOK_NOT_JSON: {},
    }
    faults = tuple(Fault(kind=kind, rate=0.15, **fields) for kind, fields in kinds.items())
    here = world(
        MORNING,
        settings={**SETTINGS, "webhook_url": receiver.url, "dispatch_interval_seconds": 10},
        mischief=Mischief(seed=4, drop=0.1, double=0.2, late=0.2),
        script=OutcomeScript(endings={"": PROMISE, "3": "dial_busy", "7": "dial_no_answer"}),
        faults=faults,
    )
    mail = Mail(here, receiver)
    people = [debtor(n) for n in range(24)]
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_for(hours=8)
    assert here.violations() == []
    assert {job["status"] for job in here.database.call_jobs.find()} <= {"done", "failed"}
    assert len(calls_by_number(here)) == 24
    assert {"valid", "wrong", "missing"} <= set(mail.taken)
