"""SIGTERM in the middle of work: each process of the Procfile finishes or hands back what it holds, and ends with 0.

One real process a test, the one that is asked to stop; the others' work is done by the test. Nothing is lost or done
twice, by the outside checker's judgement; the leases are so long that nothing lost would be found again in time. The
web service has its own test beside its others.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import pytest

from speechai.core.model import Pacing
from speechai.operation import calling, dispatching, loading
from speechai.operation.nudges import DeliverAction, LoadBatch, PlaceCall, PollCall
from speechai.operation.submitting import Order, submit
from speechai.retell.simulator import (
    DEFAULT_API_KEY,
    Fault,
    FaultKind,
    Limits,
    OutcomeScript,
    Simulator,
    SimulatorConfig,
    running_simulator,
)
from speechai.store import batches, liveness
from speechai.store.indexes import create_indexes
from tests.flow import laws
from tests.flow.evidence import collect
from tests.flow.lists import debtor, write_list
from tests.flow.procfile import Process, Site, running_site, wait_for
from tests.flow.receiver import SECRET, Receiver, running_receiver
from tests.web.gate import gate

FACTOR = 60
CONTACTS = 6
HELD_SECONDS = 6.0
IN_REAL_TIME = (1, 2, 7, 8, 9)
"""Laws that hold whatever the clock: one call an attempt, nobody lost, nothing leaked, follow-ups, every row."""

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("workers")]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """Every call is answered after 4 s and ends with a promise a minute later, which is a second here."""
    script = OutcomeScript(endings={"": {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 60_000}})
    limits = Limits(base_concurrency=100, calls_per_second=None)
    with running_simulator(SimulatorConfig(clock_factor=FACTOR, limits=limits, script=script)) as one:
        yield one


class Gatekeeper(Receiver):
    """A receiver that refuses nothing, and answers nobody while `is_open` is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = Event()
        self.is_open.set()

    def decide(self, key: str, body: bytes) -> int:
        self.is_open.wait()
        return self.take(key, body)

    @property
    def under_way(self) -> int:
        """How many requests wait for their answer."""
        return self.tries.total() - len(self.taken)


@pytest.fixture
def receiver() -> Iterator[Gatekeeper]:
    with running_receiver(Gatekeeper()) as one:
        assert isinstance(one, Gatekeeper)
        yield one


@pytest.fixture
def environ(
    simulator: Simulator, receiver: Gatekeeper, mongo_uri: str, redis_url: str, database: Any, tmp_path: Path
) -> dict[str, str]:
    return {
        **os.environ,
        "MONGO_URI": mongo_uri,
        "MONGO_DB": database.name,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path),
        "RETELL_BASE_URL": simulator.base_url,
        "RETELL_API_KEY": DEFAULT_API_KEY,
        "RETELL_CALLS_PER_SECOND": "100",
        "RETELL_READ_TIMEOUT_SECONDS": "15",
        "LEASE_SECONDS": "100",
        "CALL_POLLING_INTERVAL": "0.5",
        "ANALYSIS_WAIT_SECONDS": "1",
        "DISPATCH_INTERVAL_SECONDS": "0.5",
        "SWEEP_INTERVAL_SECONDS": "1",
        "WORKER_COUNT": "3",
        "FOLLOW_UP_URL": receiver.url,
        "FOLLOW_UP_SECRET": SECRET,
    }


@pytest.fixture
def site(environ: dict[str, str], tmp_path: Path) -> Iterator[Site]:
    with running_site(environ, tmp_path) as one:
        one.broker.flushdb()
        create_indexes(one.context.store)
        yield one


def loaded(site: Site, contacts: int = CONTACTS) -> str:
    """A list that is ready to be called; the batch."""
    path = write_list(site.folder / "list.csv", [debtor(n) for n in range(contacts)])
    order = Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS, policy="always")
    batch_id = submit(site.context, path, order).batch_id
    loading.load_batch(site.context, batch_id)
    return batch_id


def complete(site: Site, batch_id: str, *queues: str, beat: bool = True) -> None:
    """The test does the work of `queues` until the list is called and all its follow-ups are delivered."""

    def is_complete() -> bool:
        document = batches.get_batch_document(site.context.store, batch_id)
        assert document is not None
        return document["status"] == "completed" and all(
            action["state"] == "delivered" for action in site.context.store.actions.find({}, {"state": 1})
        )

    site.work_until(is_complete, *queues, beat=beat)


def broken_laws(site: Site, simulator: Simulator, receiver: Gatekeeper) -> list[str]:
    evidence = collect(simulator.journal(), site.context.store.database, datetime.now(UTC))
    evidence.deliveries = receiver.taken
    found = laws.violations(evidence, laws.Limits(concurrency=20, starts_a_second=1_000))
    return [f"law {v.law}: {v.what}" for v in found if v.law in IN_REAL_TIME]


def stopped(process: Process) -> int:
    process.ask_to_stop()
    return process.exit_code()


def assert_goes_on(process: Process) -> None:
    """Half a second after SIGTERM it still waits for whom it has asked."""
    time.sleep(0.5)
    assert process.runs


def states(site: Site) -> Counter[str]:
    return Counter(attempt["state"] for attempt in site.context.store.attempts.find({}, {"state": 1}))


def test_calls_that_are_being_placed_are_placed_and_known_and_the_others_wait(
    site: Site, simulator: Simulator, receiver: Gatekeeper
) -> None:
    slow = Fault(kind=FaultKind.SLOW, endpoint="create-phone-call", times=3, delay_ms=1_500 * FACTOR)
    simulator.set_faults(slow)
    batch_id = loaded(site)
    site.send(dispatching.dispatch_due(site.context))
    dial = site.start("dial")
    wait_for(lambda: simulator.journal()["total_calls"] == 3, site)
    assert states(site) == {"placing": 3}, "Retell has them, and has not answered"

    assert stopped(dial) == 0
    assert states(site) == {"live": 3}
    assert simulator.journal()["total_calls"] == 3, "nothing further was begun"
    assert site.context.store.jobs.count_documents({"status": "in_progress"}) == 3
    assert [message.task for message in site.waiting("poll")] == ["tasks.poll_call"] * 3
    assert len(site.waiting("dial")) == CONTACTS - 3
    assert site.unacknowledged() == 0

    site.start("dial")
    complete(site, batch_id, "poll", "follow")
    assert broken_laws(site, simulator, receiver) == []
    assert simulator.journal()["total_calls"] == CONTACTS


def test_polls_that_are_held_go_back_with_their_time_and_one_under_way_is_finished(
    site: Site, simulator: Simulator, receiver: Gatekeeper
) -> None:
    batch_id = loaded(site)
    placed = [
        following
        for nudge in dispatching.dispatch_due(site.context)
        if isinstance(nudge, PlaceCall)
        for following in calling.place_call(site.context, nudge.job_id, nudge.ticket)
    ]
    assert len(placed) == CONTACTS
    attempt_ids = [nudge.attempt_id for nudge in placed if isinstance(nudge, PollCall)]
    poll = site.start("poll", CALL_POLLING_INTERVAL=str(HELD_SECONDS))
    wait_for(lambda: poll.said("ready."), site)
    site.send([PollCall(attempt_id, 0, HELD_SECONDS) for attempt_id in attempt_ids[1:]])
    wait_for(lambda: site.unacknowledged() == CONTACTS - 1 and not site.waiting("poll"), site)
    simulator.set_faults(Fault(kind=FaultKind.SLOW, endpoint="get-call", times=1, delay_ms=1_000 * FACTOR))
    site.send([PollCall(attempt_ids[0], 0)])
    one = {"_id": attempt_ids[0]}
    wait_for(lambda: site.context.store.attempts.find_one(one)["poll_number"] == 1, site)  # type: ignore[index]

    assert stopped(poll) == 0
    held = site.waiting("poll")
    assert site.unacknowledged() == 0
    assert {(message.args[0], message.args[1]) for message in held if message.task == "tasks.poll_call"} >= {
        (attempt_id, 0) for attempt_id in attempt_ids[1:]
    }
    followed = [message for message in held if message.args[0] == attempt_ids[0]]
    assert len(followed) == 1, "the look that was under way has said what follows it"
    assert len(held) == CONTACTS
    assert all(message.due_at is not None for message in held if message not in followed)

    site.start("poll")
    complete(site, batch_id, "dial", "follow")
    assert broken_laws(site, simulator, receiver) == []
    assert simulator.journal()["total_calls"] == CONTACTS


def test_files_that_are_being_loaded_are_loaded_whole_and_the_next_one_waits(site: Site) -> None:
    sizes = {}
    for n in range(3):
        people = [debtor(number) for number in range(10_000 * n, 10_000 * n + 500)]
        path = write_list(site.folder / f"{n}.csv", people)
        order = Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS, policy="always")
        sizes[submit(site.context, path, order).batch_id] = len(people)
    site.send([LoadBatch(batch_id) for batch_id in sizes])
    store = site.context.store
    files = site.start("files")
    wait_for(lambda: store.batches.find_one({"status": "loading"}) is not None, site)

    assert stopped(files) == 0
    found = Counter(batch["status"] for batch in store.batches.find())
    assert set(found) == {"running", "received"}, "two are loaded at a time, none stays half loaded"
    assert [message.task for message in site.waiting("files")] == ["tasks.load_batch"] * found["received"]
    assert site.unacknowledged() == 0

    site.start("files")
    wait_for(lambda: store.batches.count_documents({"status": "running"}) == len(sizes), site)
    for batch in store.batches.find():
        assert batch["counts"]["contacts"] == batch["counts"]["rows"] == sizes[batch["_id"]]
        assert store.jobs.count_documents({"batch_id": batch["_id"]}) == sizes[batch["_id"]]
        assert batch["load_tries"] == 1, "nothing was loaded twice"


def test_a_load_that_cannot_be_finished_in_time_is_handed_back_and_is_no_try(site: Site) -> None:
    path = write_list(site.folder / "list.csv", [debtor(n) for n in range(1_200)])
    order = Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS, policy="always")
    batch_id = submit(site.context, path, order).batch_id
    store, asked, seconds = site.context.store, count(1), count()
    began = datetime.now(UTC)
    hasty = replace(site.context, clock=lambda: began + timedelta(seconds=2 * next(seconds)))

    def must_end() -> bool:
        return next(asked) > 1 and store.jobs.find_one({"batch_id": batch_id}) is not None

    assert loading.load_batch(hasty, batch_id, must_end=must_end) == [LoadBatch(batch_id)]
    handed_back = batches.get_batch_document(store, batch_id)
    assert handed_back is not None
    assert (handed_back["status"], handed_back["load_tries"]) == ("received", 0)
    assert 0 < store.jobs.count_documents({"batch_id": batch_id}) < 1_200, "half of it was written"
    loading.load_batch(site.context, batch_id)
    assert store.jobs.count_documents({"batch_id": batch_id}) == 1_200
    assert store.batches.count_documents({"status": "running", "load_tries": 1}) == 1


def test_a_receiver_that_is_slow_is_waited_for_and_gets_nothing_twice(
    site: Site, simulator: Simulator, receiver: Gatekeeper
) -> None:
    batch_id = loaded(site, contacts=5)
    actions = site.context.store.actions
    site.work_until(lambda: actions.count_documents({}) == 5, "dial", "poll")
    site.broker.delete("follow")  # the sweeps of this test have sent some of them again
    receiver.is_open.clear()
    follow = site.start("follow")
    site.send([DeliverAction(action["_id"], 0) for action in actions.find()])
    wait_for(lambda: receiver.under_way == 4, site)
    follow.ask_to_stop()
    assert_goes_on(follow)
    receiver.is_open.set()

    assert follow.exit_code() == 0
    assert len(receiver.taken) == 4
    assert actions.count_documents({"state": "delivered"}) == 4
    assert [message.task for message in site.waiting("follow")] == ["tasks.deliver_action"]
    assert site.unacknowledged() == 0

    site.start("follow")
    complete(site, batch_id, "dial", "poll")
    assert broken_laws(site, simulator, receiver) == []
    assert Counter(receiver.tries.values()) == {1: 5}


def test_a_sweep_is_finished_and_what_it_found_is_sent(
    site: Site, simulator: Simulator, receiver: Gatekeeper, environ: dict[str, str]
) -> None:
    server = urlsplit(environ["MONGO_URI"])
    store = site.context.store
    with ExitStack() as open_gates:
        door = open_gates.enter_context(gate(server.hostname or "127.0.0.1", server.port or 27017))
        # The server calls itself a member of a set at its own address, where the driver would go around the gate.
        behind = f"mongodb://127.0.0.1:{door.port}/?retryWrites=false&directConnection=true"
        work = site.start("work", MONGO_URI=behind)
        site.send_task("tasks.dispatch_due")
        wait_for(lambda: "last_dispatched_at" in liveness.last(store), site)
        path = write_list(site.folder / "list.csv", [debtor(n) for n in range(CONTACTS)])
        order = Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS, policy="always")
        batch_id = submit(site.context, path, order).batch_id
        store.batches.update_one({"_id": batch_id}, {"$set": {"created_at": datetime(2026, 1, 1, tzinfo=UTC)}})
        door.freeze()
        site.send_task("tasks.sweep")
        wait_for(lambda: site.unacknowledged() == 1 and not site.waiting("work"), site)
        work.ask_to_stop()
        assert_goes_on(work)
        assert "last_swept_at" not in liveness.last(store)
        door.open()
        assert work.exit_code() == 0
    assert "last_swept_at" in liveness.last(store)
    assert [message.args for message in site.waiting("files")] == [(batch_id,)], "the message that was lost"
    assert site.unacknowledged() == 0
    complete(site, batch_id, "files", "dial", "poll", "follow")
    assert broken_laws(site, simulator, receiver) == []


def test_beat_stops_in_the_middle_of_a_list_and_goes_on_with_it(
    site: Site, simulator: Simulator, receiver: Gatekeeper
) -> None:
    batch_id = loaded(site)
    beat = site.start("beat", DISPATCH_INTERVAL_SECONDS="0.2")
    queues = ("dial", "poll", "work", "follow")
    site.work_until(lambda: simulator.journal()["total_calls"] >= 1, *queues, beat=False)
    assert stopped(beat) == 0
    site.broker.delete("work")
    beat = site.start("beat")
    complete(site, batch_id, *queues, beat=False)
    assert stopped(beat) == 0
    assert broken_laws(site, simulator, receiver) == []
