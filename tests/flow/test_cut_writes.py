"""The connection to MongoDB is cut in the middle of every write of placing, following and finishing one call.

The worker is told of a broken connection and cannot know what became of its write: the server has done it, never got
it, or does it minutes later, when others have taken over. Whatever it was, the sweeps must bring the contact to its
end, and the laws must hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pymongo
import pytest
from pymongo.errors import AutoReconnect

from speechai.core.model import Pacing
from speechai.operation import sweeping
from speechai.operation.nudges import Finish, Nudge, Nudges, PlaceCall, PollCall
from speechai.retell.simulator import Fault, FaultKind, OutcomeScript
from speechai.store.connection import open_store
from tests.flow.test_money_at_work import account_of, pays

from .conftest import MakeWorld
from .lists import debtor
from .mortal import Died, mortal_store
from .test_days import MISSED, PROMISE, enqueue
from .test_deaths import MORNING
from .virtual import World
from .wire import Fate, Wire, wire_to

SETTINGS = {
    "dispatch_interval_seconds": 60,
    "sweep_interval_seconds": 90,
    "max_tries": 2,
    "retell_concurrency": 200,
    "retell_calls_per_second": 4,
}
TAKEN_OVER = timedelta(seconds=150)
"""Longer than a lease and a sweep: by then somebody else has the contact."""


@dataclass(kw_only=True)
class Worker:
    """Performs messages behind a wire that breaks in the first of each person that is called `name`."""

    world: World
    wire: Wire
    address: str
    inner: Callable[[Nudge], Nudges]
    name: str
    ruts: Mapping[str, tuple[int, Fate]]
    met: set[str] = field(default_factory=set)
    struck: set[tuple[int, Fate]] = field(default_factory=set)

    def perform(self, nudge: Nudge) -> Nudges:
        """As a worker does it: what MongoDB makes the task raise ends the task, and its messages are never sent."""
        rut = self._rut(nudge) if type(nudge).__name__ == self.name else None
        if rut is None or rut in self.met:
            return self.inner(nudge)
        self.met.add(rut)
        nth, fate = self.ruts[rut]
        own = self.world.context
        # A new client each time: one that met a broken connection looks for the server for half a second.
        with pymongo.MongoClient[dict[str, Any]](self.address, tz_aware=True) as client:
            store = mortal_store(open_store(client, self.world.settings), self.world.fuse)
            self.world.context = replace(own, store=store)
            self.wire.cut(nth, fate)
            try:
                return self.inner(nudge)
            except AutoReconnect:
                assert self.wire.is_cut, "the connection broke by itself"
                self.struck.add((nth, fate))
                if fate is Fate.LATE:
                    self.world.at(self.world.now + TAKEN_OVER, self.wire.deliver)
                raise Died from None
            finally:
                self.wire.mend()
                self.world.context = own

    def _rut(self, nudge: Nudge) -> str | None:
        database = self.world.database
        job_id = nudge.job_id if isinstance(nudge, PlaceCall) else None
        if isinstance(nudge, PollCall | Finish):
            attempt = database.call_logs.find_one({"_id": nudge.attempt_id})
            job_id = attempt["job_id"] if attempt else None
        job = database.call_jobs.find_one({"_id": job_id})
        return job["rut"] if job else None


@pytest.fixture
def wire(mongo_uri: str) -> Iterator[tuple[Wire, str]]:
    """A wire, and the address of its near end."""
    with wire_to(mongo_uri) as found:
        yield found


UNTOLD = (Fate.DONE, Fate.LATE)
"""Without the fate that equals a death in front of the write, which other tests have."""
OPERATIONS = [
    pytest.param("PlaceCall", PROMISE, None, range(1, 13), Fate, id="placing"),
    pytest.param("PlaceCall", PROMISE, FaultKind.SERVER_ERROR_AFTER, range(9, 11), UNTOLD, id="a placing in doubt"),
    pytest.param("PlaceCall", PROMISE, FaultKind.RATE_LIMITED, range(10, 16), UNTOLD, id="a refused placing"),
    pytest.param("PollCall", MISSED, None, range(1, 5), Fate, id="polling"),
    pytest.param("PollCall", PROMISE, FaultKind.SERVER_ERROR_AFTER, range(1, 7), UNTOLD, id="looking up"),
    pytest.param("Finish", PROMISE, None, range(1, 11), Fate, id="finishing"),
]
"""The message, how the call ends, what Retell's first answer suffers, which of its writes are cut."""


@pytest.mark.parametrize(("name", "outcome", "fault", "writes", "fates"), OPERATIONS)
def test_a_connection_may_break_in_every_write_of_one_call(
    world: MakeWorld,
    wire: tuple[Wire, str],
    tmp_path: Path,
    name: str,
    outcome: Any,
    fault: FaultKind | None,
    writes: range,
    fates: Iterable[Fate],
) -> None:
    faults = (Fault(kind=fault, endpoint="create-phone-call", nth=(1,), each_number=True),) if fault else ()
    here = world(MORNING, settings=SETTINGS, script=OutcomeScript(endings={"": outcome}), faults=faults)
    # Of each person the connection breaks in another write; of the last ones in a write that does not come.
    ways = list(product((*writes, writes.stop, writes.stop + 1), fates))
    people = [debtor(n) for n in range(len(ways))]
    places = {one.rut: way for one, way in zip(people, ways, strict=True)}
    worker = Worker(world=here, wire=wire[0], address=wire[1], inner=here.perform, name=name, ruts=places)
    here.perform = worker.perform  # type: ignore[method-assign]
    shop = pays(here, paid=900_000_000)
    enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS, account_id=shop)
    settle(here)
    assert worker.struck >= set(product(writes, fates))
    assert (writes.stop + 1, Fate.DONE) not in worker.struck, "it makes more writes than are cut here"
    assert here.violations() == []
    assert {job["status"] for job in here.database.call_jobs.find()} <= {"done", "failed"}
    assert account_of(here)["reservations"] == {}


def settle(world: World) -> None:
    """Until nothing waits and nothing is held: what no slot leads to is given back after an hour."""
    for _ in range(20):
        world.run_for(minutes=10)
        world.send(sweeping.sweep(world.context))
        waits = world.database.call_jobs.find_one({"status": {"$nin": ["done", "failed"]}})
        if waits is None and not world.is_busy() and not account_of(world)["reservations"]:
            return
    raise AssertionError("the list has not come to its end after three hours")
