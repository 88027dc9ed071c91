"""Messages delivered twice at every request, workers that stall and return, two lists that reach for one person.

In front of each request of an operation in turn another worker does all of its own work; the laws must hold whatever
the first one finds when it goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Pacing
from speechai.operation import submitting
from speechai.operation.nudges import LoadBatch, Nudge, Nudges, PlaceCall, PollCall
from speechai.retell.simulator import OutcomeScript

from .conftest import MakeWorld
from .evidence import attempt_of, instant_of
from .lists import debtor, write_list
from .mortal import die
from .test_days import MISSED, PROMISE, TALK, enqueue, job_of, local
from .test_deaths import MORNING, SPARSE, at, blows, next_day, one_more, status_of, what_was_loaded

DOUBLED: list[Any] = [
    pytest.param("PlaceCall", 1, PROMISE, id="place_call"),
    pytest.param("PollCall", 1, MISSED, id="poll_call"),
    pytest.param("Finish", 1, TALK, id="finish"),
]


@pytest.mark.parametrize(("name", "run", "outcome"), DOUBLED)
def test_a_message_may_be_worked_on_by_two_workers_at_every_request(
    world: MakeWorld, tmp_path: Path, name: str, run: int, outcome: Any
) -> None:
    here = world(MORNING, settings=SPARSE, script=OutcomeScript(endings={"": outcome}))
    message: list[Nudge] = []

    def other_worker() -> None:
        here.send(here.perform(message[0]))

    def watch(nudges: Nudges) -> None:
        message[:] = [nudge for nudge in nudges if type(nudge).__name__ == name] or message
        send(nudges)

    send, here.send = here.send, watch  # type: ignore[method-assign]
    for nth in blows(here, name, other_worker, run=run, writes_only=False):
        one_more(here, tmp_path, nth)
        assert here.violations() == [], nth
        journal = here.simulator.journal()
        assert journal["total_calls"] == nth, nth
        assert journal["requests"]["get-call"] == nth, nth  # one look at each call: the chain was not forked


@pytest.mark.parametrize("seconds", [0, 60], ids=["at once", "a minute later"])
@pytest.mark.parametrize("name", ["PlaceCall", "PollCall", "Finish"])
def test_the_next_poll_may_come_and_finish_the_call_at_every_request(
    world: MakeWorld, tmp_path: Path, name: str, seconds: int
) -> None:
    """A webhook brings a poll forward while another message of the same attempt is worked on."""
    here = world(MORNING, settings=SPARSE, script=OutcomeScript(endings={"": PROMISE}))

    def next_poll() -> None:
        if seconds:
            here.context.sleep(seconds)
        for attempt in list(here.database.call_logs.find({"state": {"$in": ["placing", "unknown", "live", "ended"]}})):
            nudges = here.perform(PollCall(attempt["_id"], attempt["poll_number"]))
            while finishes := [nudge for nudge in nudges if not isinstance(nudge, PollCall)]:
                here.send([nudge for nudge in nudges if isinstance(nudge, PollCall)])
                nudges = [further for nudge in finishes for further in here.perform(nudge)]
            here.send(nudges)

    for nth in blows(here, name, next_poll, writes_only=False):
        batch_id = one_more(here, tmp_path, nth)
        (job,) = here.database.call_jobs.find({"batch_id": batch_id})
        assert (job["status"], job["attempts"]) == ("done", 1), nth
    assert here.violations() == []


def test_two_lists_may_reach_for_one_person_at_every_request(world: MakeWorld, tmp_path: Path) -> None:
    long_talk = {**TALK, "talk_ms": 90_000}
    here = world(
        MORNING, settings={**SPARSE, "call_polling_interval": 60}, script=OutcomeScript(endings={"": long_talk})
    )
    messages: list[PlaceCall] = []

    def other_worker() -> None:
        here.send(here.perform(messages[1]))

    def watch(nudges: Nudges) -> None:
        messages.extend(nudge for nudge in nudges if isinstance(nudge, PlaceCall))
        send(nudges)

    send, here.send = here.send, watch  # type: ignore[method-assign]
    for nth in blows(here, "PlaceCall", other_worker):
        messages.clear()
        lists = [
            enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], pacing=Pacing.CONTINUOUS, account_id=account)
            for account in ("one", "other")
        ]
        here.run_for(minutes=10)
        assert len({message.job_id for message in messages[:2]}) == 2
        assert here.violations() == [], nth
        assert {status_of(here, batch_id) for batch_id in lists} == {"completed"}, nth
        assert here.simulator.journal()["total_calls"] == 2 * nth, nth
        if here.now > at(here, 18, 0):
            next_day(here)


@pytest.mark.long
def test_the_days_last_attempt_is_given_once_to_two_lists_that_reach_for_it(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MORNING, settings=SPARSE, script=OutcomeScript(endings={"": TALK}))
    messages: list[PlaceCall] = []

    def other_worker_and_its_call() -> None:
        here.send(here.perform(messages[1]))
        here.run_for(seconds=35)  # shorter than the lease

    def watch(nudges: Nudges) -> None:
        messages.extend(nudge for nudge in nudges if isinstance(nudge, PlaceCall))
        send(nudges)

    send, here.send = here.send, watch  # type: ignore[method-assign]
    for nth in blows(here, "PlaceCall", other_worker_and_its_call, run=3):
        for account in ("first", "second"):
            enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], pacing=Pacing.CONTINUOUS, account_id=account)
            here.run_for(minutes=2)
        messages.clear()
        for account in ("third", "fourth"):
            enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], pacing=Pacing.CONTINUOUS, account_id=account)
        here.run_for(minutes=5)
        assert here.violations() == [], nth
        assert here.simulator.journal()["by_number"][debtor(nth).phones[0]] == 3
        here.database.batches.update_many({"status": "running"}, {"$set": {"status": "paused"}})


@pytest.mark.long
@pytest.mark.parametrize("name", ["PlaceCall", "PollCall", "Finish"])
def test_a_worker_may_stall_at_every_request_until_others_have_taken_over(
    world: MakeWorld, tmp_path: Path, name: str
) -> None:
    here = world(MORNING, settings={**SPARSE, "max_tries": 2}, script=OutcomeScript(endings={"": [MISSED, PROMISE]}))

    def stall() -> None:
        here.run_for(seconds=100)  # the lease and a sweep

    for nth in blows(here, name, stall, writes_only=False):
        one_more(here, tmp_path, nth)
        assert here.violations() == [], nth
        assert job_of(here, debtor(nth))["status"] in ("done", "failed"), nth
        if here.now > at(here, 18, 0):
            next_day(here)


def test_a_worker_that_stands_still_until_its_attempt_was_closed_sends_nothing(
    world: MakeWorld, tmp_path: Path
) -> None:
    """Shortly in front of any write, so that it asks the rules again; then for longer than an unknown call waits."""
    here = world(MORNING, settings={**SPARSE, "max_tries": 2}, script=OutcomeScript(endings={"": PROMISE}))
    here.count_only_the_store()

    def stall_twice() -> None:
        here.run_for(seconds=3)
        here.fuse.arm(3, lambda: here.run_for(minutes=12), writes_only=False)

    for nth in blows(here, "PlaceCall", stall_twice):
        one_more(here, tmp_path, nth)
        seen = here.evidence()
        closed_at = {one["_id"]: one["finished_at"] for one in seen.attempts if one["state"] == "finished"}
        assert [one for one in seen.calls if instant_of(one) > closed_at[attempt_of(one)]] == [], nth
        if here.now > at(here, 18, 0):
            next_day(here)
    assert here.violations() == []


@pytest.mark.long
def test_a_worker_may_stall_until_its_slot_is_gone_and_then_die(world: MakeWorld, tmp_path: Path) -> None:
    """Nothing leads to what it takes after that but the next worker that wants it."""
    here = world(MORNING, settings={**SPARSE, "max_tries": 2}, script=OutcomeScript(endings={"": PROMISE}))

    def stall_and_die_soon() -> None:
        here.run_for(seconds=65)
        here.fuse.arm(2, die)

    for nth in blows(here, "PlaceCall", stall_and_die_soon):
        one_more(here, tmp_path, nth)
        assert here.violations() == [], nth
        assert job_of(here, debtor(nth))["status"] in ("done", "failed"), nth
        if here.now > at(here, 18, 0):
            next_day(here)


def test_two_loaders_of_one_list_give_its_jobs_once(world: MakeWorld, tmp_path: Path) -> None:
    here = world(local(2026, 11, 23, 6, 0))
    people = [debtor(n) for n in range(3)]

    def slow() -> None:
        here.run_for(minutes=3)  # longer than a loader's lease

    for nth in blows(here, "LoadBatch", slow, writes_only=False):
        path = write_list(tmp_path / "list.csv", people)
        submitted = submitting.submit(here.context, path, submitting.Order(use_case="debt_collection", again=True))
        here.send([LoadBatch(submitted.batch_id)])
        here.run_for(minutes=5)
        assert len(what_was_loaded(here, submitted.batch_id)) == 3
        assert here.violations() == [], nth
