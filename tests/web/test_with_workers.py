"""Everything as real processes: the simulator's webhooks end calls long before their next poll."""

from __future__ import annotations

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.settings import load_settings
from speechai.cli.running import free_port, webhook_url_here
from speechai.core.model import Pacing
from speechai.operation import loading, submitting
from speechai.operation.context import open_context
from speechai.retell.simulator import DEFAULT_API_KEY, Limits, OutcomeScript, SimulatorConfig, running_simulator
from speechai.store import batches
from speechai.store.indexes import create_indexes
from tests.flow import laws
from tests.flow.evidence import collect
from tests.flow.fleet import Fleet, wait_for
from tests.flow.lists import debtor, write_list
from tests.web.serving import serving

POLLING_SECONDS = 85
CONTACTS = 20
IN_REAL_TIME = (1, 2, 7, 9)
"""Laws that hold whatever the clock: one call an attempt, nobody lost, nothing leaked, every row accounted for."""

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("workers")]


def test_a_list_is_done_before_its_first_poll_would_come(environ: dict[str, str], tmp_path: Path) -> None:
    script = OutcomeScript(endings={"": {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 60_000}})
    limits = Limits(base_concurrency=100, calls_per_second=None)
    with ExitStack() as running:
        simulator = running.enter_context(
            running_simulator(SimulatorConfig(clock_factor=60, limits=limits, script=script))
        )
        port = free_port()
        settings = {
            **environ,
            "DATA_DIR": str(tmp_path),
            "WEB_PORT": str(port),
            "WEBHOOK_URL": webhook_url_here("127.0.0.1", port),
            "RETELL_WEBHOOK_KEYS": DEFAULT_API_KEY,
            "RETELL_API_KEY": DEFAULT_API_KEY,
            "RETELL_BASE_URL": simulator.base_url,
            "RETELL_CALLS_PER_SECOND": "30",
            "CALL_POLLING_INTERVAL": str(POLLING_SECONDS),
            "DISPATCH_INTERVAL_SECONDS": "0.5",
            "SWEEP_INTERVAL_SECONDS": "1",
        }
        context = open_context(load_settings(settings))
        create_indexes(context.store)
        log = tmp_path / "web.log"
        running.enter_context(
            serving(settings, store=context.store, redis_url=environ["REDIS_URL"], log=log, port=port)
        )
        fleet = Fleet(settings, tmp_path)
        running.callback(fleet.stop)
        fleet.start("dial", "poll", "beat")
        order = submitting.Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS, policy="always")
        path = write_list(tmp_path / "list.csv", [debtor(n) for n in range(CONTACTS)])
        batch_id = submitting.submit(context, path, order).batch_id
        loading.load_batch(context, batch_id)

        def is_complete() -> bool:
            document = batches.get_batch_document(context.store, batch_id)
            return document is not None and document["status"] == "completed"

        wait_for(lambda: simulator.journal()["total_calls"] >= 1, fleet)
        started = time.monotonic()
        wait_for(is_complete, fleet, seconds=POLLING_SECONDS - 5)
        assert time.monotonic() - started < POLLING_SECONDS

        evidence = collect(simulator.journal(), context.store.database, datetime.now(UTC))
        broken = laws.violations(evidence, laws.Limits(concurrency=20, starts_a_second=1_000))
        assert [violation for violation in broken if violation.law in IN_REAL_TIME] == []
        attempts = list(context.store.attempts.find())
        assert len(attempts) == CONTACTS
        assert all((one["ended_at"] - one["accepted_at"]).total_seconds() < POLLING_SECONDS / 2 for one in attempts)
        assert simulator.journal()["webhooks"]["call_ended delivered"] >= CONTACTS
