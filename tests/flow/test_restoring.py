"""A backup in the middle of a working day, restored into another database, and calls going on from it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest

from speechai.core.model import Pacing
from speechai.operation import campaigns, restoring
from speechai.operation.archive import write_archive
from speechai.retell.client import RetellClient
from speechai.retell.simulator import DEFAULT_API_KEY, Fault, FaultKind, OutcomeScript
from speechai.store import backup
from speechai.store.connection import open_store

from .conftest import MakeWorld
from .laws import Limits, violations
from .lists import debtor
from .mortal import die
from .receiver import SECRET, Receiver, running_receiver
from .test_days import MISSED, PROMISE, TALK, calls_by_number, enqueue, local
from .test_deaths import NO_MORE
from .virtual import World

MORNING = local(2026, 11, 23, 8, 0)
SETTINGS = {"max_tries": 20, "retell_concurrency": 6, "dispatch_interval_seconds": 10, "retell_calls_per_second": 1}
PEOPLE = [debtor(n, phones=1 + n % 2) for n in range(24)]
ENDINGS: list[Any] = [
    [MISSED, PROMISE],
    [PROMISE],
    [TALK, TALK, TALK, TALK, PROMISE],
    [MISSED],
    ["dial_busy", MISSED, TALK, PROMISE],
    ["voicemail_reached", PROMISE],
    ["invalid_destination"],
    ["user_declined", PROMISE],
]
SCRIPT = OutcomeScript(
    endings={"": [MISSED, PROMISE]},
    numbers={number: ENDINGS[n % len(ENDINGS)] for n, one in enumerate(PEOPLE) for number in one.phones},
)


@pytest.fixture
def elsewhere(mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[Callable[[World], World]]:
    """Makes a world of the same moment and the same Retell, on an empty database of its own."""
    names: list[str] = []

    def make(before: World) -> World:
        names.append(f"test_{uuid.uuid4().hex[:16]}")
        settings = before.settings.model_copy(update={"mongo_db": names[-1]})
        client = RetellClient(
            base_url=before.simulator.base_url,
            api_key=DEFAULT_API_KEY,
            connect_timeout_seconds=settings.retell_connect_timeout_seconds,
            read_timeout_seconds=settings.retell_read_timeout_seconds,
        )
        store = open_store(mongo_client, settings)
        return World(store=store, database=store.database, simulator=before.simulator, client=client, settings=settings)

    yield make
    for name in names:
        mongo_client.drop_database(name)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    one = Receiver()
    with running_receiver(one):
        yield one


def resume_all(world: World) -> None:
    for batch in list(world.database.batches.find({"status": "paused"}, {"_id": 1})):
        campaigns.resume(world.context, batch["_id"])


@pytest.mark.parametrize(
    ("pacing", "minutes"),
    [
        pytest.param(Pacing.WAVES, 0, id="at once", marks=pytest.mark.long),
        pytest.param(Pacing.CONTINUOUS, 1, id="a minute later"),
        pytest.param(Pacing.WAVES, 100, id="a hundred minutes later", marks=pytest.mark.long),
    ],
)
def test_calls_go_on_from_a_backup_of_a_day_at_work(
    world: MakeWorld, elsewhere: Callable[[World], World], tmp_path: Path, pacing: Pacing, minutes: int
) -> None:
    """Between backup and loss the old installation goes on calling; no law is broken for anybody."""
    here = world(MORNING, settings=SETTINGS, script=SCRIPT)
    enqueue(here, tmp_path / "list.csv", PEOPLE, pacing=pacing)
    here.run_until(MORNING + timedelta(minutes=61 if pacing is Pacing.WAVES else 1))
    assert here.is_busy()
    restoring.back_up(here.context, tmp_path / "b.tar.gz")
    here.run_for(minutes=minutes, seconds=20)

    there = elsewhere(here)
    done = restoring.restore(there.context, tmp_path / "b.tar.gz")
    assert done.calls is not None
    assert done.calls.adopted > 0 or minutes == 0
    assert len(done.paused) == 1
    assert there.database.call_jobs.count_documents({}) == len(PEOPLE)
    calls = sum(map(len, calls_by_number(there).values()))
    there.run_for(minutes=30)
    assert sum(map(len, calls_by_number(there).values())) == calls, "a paused list was dialled"
    assert there.violations() == []
    resume_all(there)
    there.run_for(days=6)
    assert there.violations() == []
    assert there.database.batches.find_one({})["status"] == "completed"  # type: ignore[index]


def test_a_restore_soon_after_a_restore_counts_and_says_nothing_twice(
    world: MakeWorld, elsewhere: Callable[[World], World], receiver: Receiver, tmp_path: Path
) -> None:
    """The second backup holds calls that the first restore has finished again, later than their contacts moved on."""
    one = world(
        MORNING,
        settings={
            **SETTINGS,
            "unknown_deadline_minutes": 1,
            "follow_up_url": receiver.url,
            "follow_up_secret": SECRET,
            "retry_delay_minutes": 600,
        },
        script=SCRIPT,
        faults=(Fault(kind=FaultKind.RESET_BEFORE, endpoint="create-phone-call", rate=0.3),),
    )
    enqueue(one, tmp_path / "list.csv", PEOPLE, pacing=Pacing.CONTINUOUS)
    one.run_for(seconds=20)
    for number, (lost, after) in enumerate(((120, 240), (30, 60), (30, 60))):
        restoring.back_up(one.context, tmp_path / f"{number}.tar.gz")
        one.run_for(seconds=lost)
        one = elsewhere(one)
        done = restoring.restore(one.context, tmp_path / f"{number}.tar.gz")
        assert done.mended > 3
        resume_all(one)
        one.run_for(seconds=after)
    one.run_for(days=1)
    evidence = one.evidence()
    evidence.deliveries = receiver.taken
    assert violations(evidence, Limits(concurrency=6, starts_a_second=1.0)) == []
    bodies = {(delivery["key"], delivery["body"]) for delivery in receiver.taken}
    assert len(receiver.taken) > len(bodies) == len({key for key, _ in bodies}) > 5


def test_a_turn_that_was_copied_before_its_call_was_sent_counts_for_nobody(
    world: MakeWorld, elsewhere: Callable[[World], World], tmp_path: Path
) -> None:
    """The worker dies after the backup, at each of its writes; the person is called by another before the loss."""
    here = world(
        MORNING,
        settings={
            **SETTINGS,
            "dispatch_interval_seconds": 40,
            "sweep_interval_seconds": 50,
            "default_policy": "always",
        },
        script=OutcomeScript(endings={"": PROMISE}),
    )

    def back_up_and_die() -> None:
        restoring.back_up(here.context, tmp_path / f"{nth}.tar.gz")
        die()

    for nth in range(1, NO_MORE):
        here.doom("PlaceCall", nth=nth, action=back_up_and_die)
        enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], pacing=Pacing.CONTINUOUS)
        here.run_for(minutes=6)
        if not here.doom_struck:
            break
        here = elsewhere(here)
        restoring.restore(here.context, tmp_path / f"{nth}.tar.gz")
        resume_all(here)
        here.run_for(minutes=30)
        assert here.violations() == [], nth
    assert nth > 9


@pytest.mark.long
def test_a_backup_that_takes_minutes_under_full_work_is_mended(
    world: MakeWorld, elsewhere: Callable[[World], World], tmp_path: Path
) -> None:
    """Calls start and end between any two documents that are copied, so that no two collections fit together."""
    here = world(MORNING, settings={**SETTINGS, "retell_concurrency": 15}, script=SCRIPT)
    many = [*PEOPLE, *(debtor(n) for n in range(100, 140))]
    enqueue(here, tmp_path / "list.csv", many, pacing=Pacing.CONTINUOUS)
    here.run_for(seconds=10)
    before = sum(map(len, calls_by_number(here).values()))

    def copy(write: backup.Write) -> None:
        def slowly(part: str, documents: Iterable[bytes]) -> None:
            write(part, slow(documents))
            here.run_for(seconds=4)

        backup.copy_out(here.context.store, slowly, now=here.now)

    def slow(documents: Iterable[bytes]) -> Iterator[bytes]:
        for n, raw in enumerate(documents):
            if n % 10 == 5:
                here.run_for(seconds=2)
            yield raw

    manifest = write_archive(tmp_path / "b.tar.gz", copy, version="a test", clock=lambda: here.now)
    assert manifest.ended_at - manifest.begun_at > timedelta(minutes=1)
    assert sum(map(len, calls_by_number(here).values())) > before + 5
    there = elsewhere(here)
    done = restoring.restore(there.context, tmp_path / "b.tar.gz")
    assert done.mended > 5
    there.run_for(minutes=30)
    assert there.violations() == []
    resume_all(there)
    there.run_for(days=6)
    assert there.violations() == []
    assert there.database.batches.find_one({})["status"] == "completed"  # type: ignore[index]
