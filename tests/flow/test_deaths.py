"""Workers that die in front of every write, messages delivered twice at every request, workers that stall and return.

For each operation the point of the blow moves on from its first request to its last. Whatever it hits, the sweeps
must bring every contact to its end, and the laws must hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Pacing
from speechai.operation import accounts, submitting, sweeping, waves
from speechai.retell.simulator import Fault, FaultKind, OutcomeScript

from .conftest import MakeWorld
from .lists import debtor, write_list
from .mortal import Died, die
from .test_days import MISSED, PROMISE, enqueue, job_of, local
from .virtual import Mischief, World

MORNING = local(2026, 11, 23, 9, 30)
SPARSE = {"dispatch_interval_seconds": 40, "sweep_interval_seconds": 50, "max_tries": 1}
NO_MORE = 60
"""More requests than any operation makes."""


def blows(world: World, name: str, action: Callable[[], None], **options: Any) -> Iterator[int]:
    """1, 2, 3 ... as long as the operation called `name` comes to its n-th request; the last one comes after it."""
    for nth in range(1, NO_MORE):
        world.doom(name, nth=nth, action=action, **options)
        yield nth
        if not world.doom_struck:
            return
    raise AssertionError(f"{name} makes more than {NO_MORE} requests")


def one_more(world: World, path: Path, number: int) -> str:
    """A list of one new person, due at once, and the time that it takes to its end."""
    batch_id = enqueue(world, path / f"{number}.csv", [debtor(number)], pacing=Pacing.CONTINUOUS)
    settle(world, batch_id)
    return batch_id


def settle(world: World, batch_id: str) -> None:
    """Until the list has come to its end, or waits for an operator."""
    for _ in range(12):
        world.run_for(minutes=10)
        if (status_of(world, batch_id) == "completed" or account_is_suspended(world)) and not world.is_busy():
            return
    raise AssertionError(f"batch {batch_id} has not come to its end after two hours")


def account_is_suspended(world: World) -> bool:
    return world.database.accounts.find_one({"_id": "main", "status": "suspended"}) is not None


def status_of(world: World, batch_id: str) -> str:
    batch = world.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    return str(batch["status"])


DEADLY = [
    pytest.param("PlaceCall", 1, PROMISE, id="place_call"),
    pytest.param("PollCall", 1, MISSED, id="poll_call, the call is over"),
    pytest.param("PollCall", 2, {**PROMISE, "talk_ms": 40_000}, id="poll_call, the second look"),
    pytest.param("Finish", 1, PROMISE, id="finish of a success"),
    pytest.param("Finish", 1, MISSED, id="finish of a silence"),
    pytest.param("Finish", 1, "invalid_destination", id="finish that retires the number"),
    pytest.param("Finish", 1, "user_requested_dnc", id="finish of a wish not to be called"),
]


@pytest.mark.parametrize(("name", "run", "outcome"), DEADLY)
def test_a_worker_may_die_in_front_of_every_write_of_one_call(
    world: MakeWorld, tmp_path: Path, name: str, run: int, outcome: Any
) -> None:
    tries = 2 if name == "PlaceCall" else 1  # where it dies just before the request, the person needs another
    here = world(MORNING, settings={**SPARSE, "max_tries": tries}, script=OutcomeScript(endings={"": outcome}))
    for nth in blows(here, name, die, run=run):
        before = here.done["death"]
        batch_id = one_more(here, tmp_path, nth)
        assert here.done["death"] == before + 1
        assert here.violations() == [], nth
        assert status_of(here, batch_id) == "completed", nth
        assert here.simulator.journal()["total_calls"] == nth, nth  # nobody is left out, nobody is called twice
        if here.now > at(here, 18, 0):
            next_day(here)


LONG = pytest.mark.long
LOST_ANSWERS = [
    pytest.param("PlaceCall", 1, FaultKind.SERVER_ERROR_AFTER, id="place_call without an answer"),
    pytest.param("PollCall", 1, FaultKind.SERVER_ERROR_AFTER, id="look-up that finds the call"),
    pytest.param("PollCall", 1, FaultKind.SERVER_ERROR, id="look-up that finds nothing"),
    pytest.param("PlaceCall", 1, FaultKind.RATE_LIMITED, id="place_call that is refused for now", marks=LONG),
    pytest.param("PlaceCall", 1, FaultKind.DO_NOT_CALL, id="place_call whose number is refused"),
    pytest.param("PlaceCall", 1, FaultKind.PAYMENT_REQUIRED, id="place_call whose account is refused", marks=LONG),
]


@pytest.mark.parametrize(("name", "run", "fault"), LOST_ANSWERS)
def test_a_worker_may_die_in_front_of_every_write_after_a_bad_answer(
    world: MakeWorld, tmp_path: Path, name: str, run: int, fault: FaultKind
) -> None:
    here = world(
        MORNING,
        settings={**SPARSE, "max_tries": 2},
        script=OutcomeScript(endings={"": PROMISE}),
        faults=(Fault(kind=fault, endpoint="create-phone-call", nth=(1,), each_number=True),),
    )
    for nth in blows(here, name, die, run=run):
        batch_id = one_more(here, tmp_path, nth)
        if fault is FaultKind.PAYMENT_REQUIRED:
            assert here.violations() == [], nth
            accounts.resume_account(here.context, "main", by="a test", why="paid")
            settle(here, batch_id)
        assert here.violations() == [], nth
        ends = {"done", "failed"} if fault is FaultKind.DO_NOT_CALL else {"done"}
        assert job_of(here, debtor(nth))["status"] in ends, nth
        if here.now > at(here, 18, 0):
            next_day(here)


def test_a_worker_may_die_in_front_of_every_write_of_a_stop(world: MakeWorld, tmp_path: Path) -> None:
    here = world(
        MORNING,
        settings={"max_tries": 1, "call_max_duration_minutes": 1, "call_polling_interval": 60},
        script=OutcomeScript(endings={"": "stuck_ongoing"}),
    )
    for nth in blows(here, "PollCall", die, run=3):
        one_more(here, tmp_path, nth)
        assert here.violations() == [], nth
        assert job_of(here, debtor(nth))["status"] == "failed", nth
        if here.now > at(here, 18, 0):
            next_day(here)


def test_a_beat_may_die_in_front_of_every_write_of_an_opening(world: MakeWorld, tmp_path: Path) -> None:
    people = [debtor(n) for n in range(63)]
    here = world(local(2026, 11, 23, 8, 0))
    for day in blows(here, "open_wave", die):
        here.database.call_jobs.delete_many({})
        batch_id = enqueue(here, tmp_path / "list.csv", people, again=True)
        here.run_until(here.now + timedelta(minutes=5))
        here.is_down = True
        here.simulator.advance(round((at(here, 9, 0) - here.now) / timedelta(milliseconds=1)))
        here.now = at(here, 9, 0)
        here.fuse.arm(day, die)
        try:
            waves.open_due_waves(here.context)
            here.fuse.disarm()
        except Died:
            here.doom_struck = True
        sweeping.sweep(here.context)
        jobs = list(here.database.call_jobs.find({"batch_id": batch_id}, sort=[("position", 1)]))
        assert [job["admitted"] for job in jobs] == [True] * 60 + [False] * 3, day
        assert {job["admitted_on"] for job in jobs[:60]} == {here.now.date().isoformat()}
        assert all(job["next_attempt_at"] > here.now + timedelta(hours=20) for job in jobs[60:])
        wave = here.database.waves.find_one({"batch_id": batch_id})
        assert wave is not None
        assert (wave["state"], here.database.waves.count_documents({"batch_id": batch_id})) == ("open", 1)
        here.database.batches.update_one({"_id": batch_id}, {"$set": {"status": "cancelled"}})
        next_day(here)


def at(world: World, hour: int, minute: int) -> datetime:
    zone = MORNING.tzinfo
    return world.now.astimezone(zone).replace(hour=hour, minute=minute, second=0, microsecond=0)


def next_day(world: World) -> None:
    """To eight in the morning of the next day that is open."""
    tomorrow = at(world, 8, 0) + timedelta(days=1)
    while tomorrow.weekday() == 6 or f"{tomorrow:%m-%d}" == "12-08":
        tomorrow += timedelta(days=1)
    world.simulator.advance(round((tomorrow - world.now) / timedelta(milliseconds=1)))
    world.now, world.is_down = tomorrow, False


def test_a_load_may_die_in_front_of_every_write_and_gives_the_same_jobs(world: MakeWorld, tmp_path: Path) -> None:
    here = world(local(2026, 11, 23, 6, 0))
    path = write_list(tmp_path / "list.csv", [debtor(n) for n in range(5)])
    with path.open("a") as file:
        file.write("11111111-1;Sin Telefono;;;5000;Santiago\n22222222-2;Mal Rut;+56967111111;;x;Santiago\n")
    expected: list[dict[str, Any]] | None = None
    for nth in blows(here, "LoadBatch", die):
        submitted = submitting.submit(here.context, path, submitting.Order(use_case="debt_collection", again=True))
        before = here.now
        here.send(submitted.nudges)
        here.run_for(minutes=4)
        found = what_was_loaded(here, submitted.batch_id)
        expected = expected or found
        assert found == expected, nth
        assert here.now - before == timedelta(minutes=4)
        assert here.violations() == [], nth
    assert expected is not None
    assert len(expected) == 7


def what_was_loaded(world: World, batch_id: str) -> list[dict[str, Any]]:
    batch = world.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    assert batch["status"] == "running", batch.get("reason")
    found = [
        *world.database.call_jobs.find({"batch_id": batch_id}, {"batch_id": 0}, sort=[("position", 1)]),
        *world.database.rejected_rows.find({"batch_id": batch_id}, {"batch_id": 0}, sort=[("row", 1)]),
    ]
    return [{**one, "_id": one["_id"].removeprefix(batch_id)} for one in found]


SEEDS = range(int(os.environ.get("SPEECHAI_FLOW_SEEDS", "1")))


@pytest.mark.parametrize("seed", SEEDS)
def test_any_day_of_lost_doubled_late_messages_and_deaths_keeps_the_laws(
    world: MakeWorld, tmp_path: Path, seed: int
) -> None:
    here = world(
        local(2026, 11, 23, 8, 45),
        settings={"max_tries": 3, "retell_concurrency": 4},
        mischief=Mischief(seed=seed, drop=0.2, double=0.2, late=0.2, death=0.1),
        seed=seed,
        faults=(
            Fault(kind=FaultKind.SERVER_ERROR_AFTER, endpoint="create-phone-call", rate=0.08),
            Fault(kind=FaultKind.SERVER_ERROR, endpoint="create-phone-call", rate=0.08),
            Fault(kind=FaultKind.RATE_LIMITED, endpoint="create-phone-call", rate=0.08),
            Fault(kind=FaultKind.TRUNCATED_JSON, endpoint="*", rate=0.08),
            Fault(kind=FaultKind.STALE, endpoint="get-call", rate=0.1, delay_ms=40_000),
        ),
    )
    people = [debtor(n, phones=1 + n % 2) for n in range(8)]
    enqueue(here, tmp_path / "list.csv", people)
    enqueue(here, tmp_path / "list.csv", people[:5], account_id="other", pacing=Pacing.CONTINUOUS)
    here.run_until(local(2026, 11, 23, 20, 0))
    here.run_until(local(2026, 11, 23, 21, 0))
    assert here.done["death"] >= 5
    assert here.violations() == []
    assert here.simulator.journal()["total_calls"] >= 10
