"""The whole flow with real worker processes, a real broker and database, and the simulator over HTTP, in real time.

Slower than virtual time, and for what only processes can show: kills at any instant, a broker that forgets everything,
the commands that start tasks. Each list is small; the laws are checked by the outside checker.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from config.settings import load_settings
from speechai.core.model import Pacing
from speechai.operation.context import Context, open_context
from speechai.operation.submitting import Order, submit
from speechai.retell.simulator import DEFAULT_API_KEY, Fault, FaultKind, Simulator, SimulatorConfig, running_simulator
from speechai.retell.simulator import Limits as SimulatorLimits
from speechai.store import batches
from speechai.store.indexes import create_indexes
from tests.flow.evidence import collect
from tests.flow.fleet import Fleet, wait_for
from tests.flow.laws import Limits, violations

EXAMPLES = Path(__file__).parents[2] / "examples"
IN_REAL_TIME = (1, 2, 7, 9)
"""Laws that hold whatever the clock: one call an attempt, nobody lost, nothing leaked, every row accounted for."""

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("workers")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One installation: its processes, its broker, its simulator, and a context to look at it."""

    fleet: Fleet
    simulator: Simulator
    context: Context
    environ: dict[str, str]

    def enqueue(self, name: str, *, use_case: str = "debt_collection") -> str:
        """Sends a list of the examples, as the operator's command does; returns the batch."""
        asked = Order(use_case=use_case, pacing=Pacing.CONTINUOUS, policy="always")
        submitted = submit(self.context, EXAMPLES / name, asked)
        self.call_task("tasks.load_batch", submitted.batch_id)
        return submitted.batch_id

    def call_task(self, name: str, *args: str) -> None:
        """Sends one task as `celery -A tasks call` does."""
        command = [sys.executable, "-m", "celery", "-A", "tasks", "call", name, "--args", json.dumps(args)]
        subprocess.run(command, env=self.environ, check=True, capture_output=True, timeout=60)

    def is_complete(self, batch_id: str) -> bool:
        document = batches.get_batch_document(self.context.store, batch_id)
        return document is not None and document["status"] == "completed"

    def broken_laws(self) -> list[str]:
        evidence = collect(self.simulator.journal(), self.context.store.database, datetime.now(UTC))
        limits = Limits(concurrency=20, starts_a_second=1_000)
        return [f"law {v.law}: {v.what}" for v in violations(evidence, limits) if v.law in IN_REAL_TIME]


@pytest.fixture
def site(mongo_uri: str, redis_url: str, database: object, tmp_path: Path) -> Iterator[Site]:
    config = SimulatorConfig(clock_factor=60, limits=SimulatorLimits(base_concurrency=100, calls_per_second=None))
    with ExitStack() as running:
        simulator = running.enter_context(running_simulator(config))
        environ = {
            **os.environ,
            "MONGO_URI": mongo_uri,
            "MONGO_DB": database.name,  # type: ignore[attr-defined]
            "REDIS_URL": redis_url,
            "DATA_DIR": str(tmp_path),
            "RETELL_BASE_URL": simulator.base_url,
            "RETELL_API_KEY": DEFAULT_API_KEY,
            "RETELL_CALLS_PER_SECOND": "30",
            "RETELL_READ_TIMEOUT_SECONDS": "1",
            "RETELL_CONNECT_TIMEOUT_SECONDS": "1",
            "LEASE_SECONDS": "8",
            "CALL_POLLING_INTERVAL": "0.5",
            "ANALYSIS_WAIT_SECONDS": "1",
            "RETRY_DELAY_MINUTES": "0.02",
            "NO_ANSWER_RETRY_MINUTES": "0.02",
            "LOOKUP_DELAY_SECONDS": "1",
            "UNKNOWN_DEADLINE_MINUTES": "0.2",
            "DISPATCH_INTERVAL_SECONDS": "0.5",
            "SWEEP_INTERVAL_SECONDS": "1",
            "MAX_TRIES": "3",
        }
        context = open_context(load_settings(environ))
        create_indexes(context.store)
        fleet = Fleet(environ, tmp_path)
        running.callback(fleet.stop)
        yield Site(fleet=fleet, simulator=simulator, context=context, environ=environ)


def test_a_list_is_called_to_its_end(site: Site):
    site.fleet.start()
    batch_id = site.enqueue("deudores.xlsx")
    wait_for(lambda: site.is_complete(batch_id), site.fleet)

    assert site.broken_laws() == []
    states = batches.job_counts(site.context.store, batch_id)
    assert sum(states.values()) == 58  # two of the 60 rows hold a phone that does not exist
    assert all(status.is_final for status in states)
    journal = site.simulator.journal()
    attempts = list(site.context.store.attempts.find())
    assert journal["total_calls"] == len(attempts) == sum(1 for a in attempts if a["state"] == "finished")
    done = site.context.store.jobs.find_one({"status": "done"})
    assert done is not None
    assert done["call_result"]["success"] is True
    assert done["call_result"]["summary"]["transcript"]
    assert done["fecha_pago_cliente"]


@pytest.mark.long
def test_workers_killed_in_the_middle_dial_nobody_twice_and_lose_nobody(site: Site):
    site.fleet.start()
    batch_id = site.enqueue("deudores.xlsx")
    wait_for(lambda: site.simulator.journal()["total_calls"] >= 3, site.fleet)
    chance, killed = random.Random(20261122), Counter[str]()
    for _ in range(6):
        time.sleep(chance.uniform(0.5, 2.0))  # the kill must find the workers at work, whatever they do at the time
        killed[site.fleet.kill_and_restart(chance)] += 1
    wait_for(lambda: site.is_complete(batch_id), site.fleet)

    assert site.broken_laws() == []
    assert set(killed) == {"dial", "poll"}
    assert sum(batches.job_counts(site.context.store, batch_id).values()) == 58


@pytest.mark.long
def test_a_broker_that_forgets_everything_costs_no_contact(site: Site):
    site.fleet.start()
    batch_id = site.enqueue("generic.xlsx", use_case="survey")
    wait_for(lambda: site.simulator.journal()["total_calls"] >= 5, site.fleet)
    with redis.Redis.from_url(site.environ["REDIS_URL"]) as broker:
        for _ in range(3):
            broker.flushdb()
            time.sleep(1.5)
    wait_for(lambda: site.is_complete(batch_id), site.fleet)

    assert site.broken_laws() == []


@pytest.mark.long
def test_answers_that_are_lost_are_looked_up_and_never_dialled_again(site: Site):
    kinds = (FaultKind.HANG_AFTER, FaultKind.RESET_AFTER, FaultKind.SERVER_ERROR_AFTER, FaultKind.RESET_BEFORE)
    site.simulator.set_faults(*(Fault(kind=kind, endpoint="create-phone-call", rate=0.12) for kind in kinds))
    site.fleet.start()
    batch_id = site.enqueue("generic.xlsx", use_case="survey")
    wait_for(lambda: site.is_complete(batch_id), site.fleet)

    assert site.broken_laws() == []


def test_a_task_called_from_the_shell_makes_a_batch_of_a_file_on_the_worker(site: Site):
    site.fleet.start("files")
    path = str(EXAMPLES / "marketing.xlsx")
    site.call_task("tasks.enqueue_batch", path, "marketing")

    def loaded() -> bool:
        return [b["status"] for b in batches.list_batches(site.context.store)] == ["running"]

    wait_for(loaded, site.fleet)
    (batch,) = batches.list_batches(site.context.store)
    assert batch["counts"]["contacts"] == 40
    assert batch["use_case"] == "marketing"
