"""Everything as real processes, one list: webhooks end calls long before their next poll, the figures that a scrape
tells are the database's, and the logs tell a call's whole way."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from config.settings import load_settings
from speechai.cli.running import webhook_url_here
from speechai.core.model import Pacing
from speechai.operation import loading, submitting
from speechai.operation.context import Context, open_context
from speechai.retell.simulator import (
    DEFAULT_API_KEY,
    Limits,
    OutcomeScript,
    Simulator,
    SimulatorConfig,
    running_simulator,
)
from speechai.store import batches
from speechai.store.indexes import create_indexes
from tests.flow import laws
from tests.flow.evidence import collect
from tests.flow.fleet import Fleet, wait_for
from tests.flow.lists import debtor, write_list
from tests.ports import quiet_port
from tests.web.serving import Service, serving

POLLING_SECONDS = 85
CONTACTS = 20
IN_REAL_TIME = (1, 2, 7, 9)
"""Laws that hold whatever the clock: one call an attempt, nobody lost, nothing leaked, every row accounted for."""

pytestmark = [pytest.mark.timeout(180), pytest.mark.xdist_group("workers")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """A list that was called to its end by processes that still run."""

    context: Context
    simulator: Simulator
    service: Service
    fleet: Fleet
    folder: Path
    seconds: float
    """From the first call to the last."""

    @property
    def attempts(self) -> list[dict[str, Any]]:
        return list(self.context.store.attempts.find())

    def lines(self, *names: str) -> list[dict[str, Any]]:
        """What the named processes have logged."""
        return [json.loads(line) for name in names for line in (self.folder / f"{name}.log").read_text().splitlines()]


@pytest.fixture(scope="module")
def campaign(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    folder = tmp_path_factory.mktemp("campaign")
    script = OutcomeScript(endings={"": {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 60_000}})
    limits = Limits(base_concurrency=100, calls_per_second=None)
    with ExitStack() as running:
        simulator = running.enter_context(
            running_simulator(SimulatorConfig(clock_factor=60, limits=limits, script=script))
        )
        port = quiet_port()
        settings = {
            **environ,
            "DATA_DIR": str(folder),
            "WEB_PORT": str(port),
            "METRICS_PORT": str(quiet_port()),
            "WEBHOOK_URL": webhook_url_here("127.0.0.1", port),
            "RETELL_WEBHOOK_KEYS": DEFAULT_API_KEY,
            "RETELL_API_KEY": DEFAULT_API_KEY,
            "RETELL_BASE_URL": simulator.base_url,
            "RETELL_CALLS_PER_SECOND": "30",
            "CALL_POLLING_INTERVAL": str(POLLING_SECONDS),
            "DISPATCH_INTERVAL_SECONDS": "0.5",
            "SWEEP_INTERVAL_SECONDS": "1",
            "LOG_FORMAT": "json",
        }
        context = open_context(load_settings(settings))
        create_indexes(context.store)
        log = folder / "web.log"
        service = running.enter_context(
            serving(settings, store=context.store, redis_url=environ["REDIS_URL"], log=log, port=port)
        )
        fleet = Fleet(settings, folder)
        running.callback(fleet.stop)
        fleet.start("dial", "poll", "beat")
        order = submitting.Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS, policy="always")
        path = write_list(folder / "list.csv", [debtor(n) for n in range(CONTACTS)])
        batch_id = submitting.submit(context, path, order).batch_id
        loading.load_batch(context, batch_id)

        def is_complete() -> bool:
            document = batches.get_batch_document(context.store, batch_id)
            return document is not None and document["status"] == "completed"

        wait_for(lambda: simulator.journal()["total_calls"] >= 1, fleet)
        started = time.monotonic()
        wait_for(is_complete, fleet, seconds=POLLING_SECONDS - 5)
        yield Campaign(
            context=context,
            simulator=simulator,
            service=service,
            fleet=fleet,
            folder=folder,
            seconds=time.monotonic() - started,
        )


def test_a_list_is_done_before_its_first_poll_would_come(campaign: Campaign) -> None:
    assert campaign.seconds < POLLING_SECONDS
    evidence = collect(campaign.simulator.journal(), campaign.context.store.database, datetime.now(UTC))
    broken = laws.violations(evidence, laws.Limits(concurrency=20, starts_a_second=1_000))
    assert [violation for violation in broken if violation.law in IN_REAL_TIME] == []
    attempts = campaign.attempts
    assert len(attempts) == CONTACTS
    assert all((one["ended_at"] - one["accepted_at"]).total_seconds() < POLLING_SECONDS / 2 for one in attempts)
    assert campaign.simulator.journal()["webhooks"]["call_ended delivered"] >= CONTACTS


def test_a_scrape_tells_what_the_database_and_the_journal_hold(campaign: Campaign) -> None:
    attempts, journal = campaign.attempts, campaign.simulator.journal()
    told = scrape(campaign)
    assert told["speechai_calls_total", "placed"] == journal["total_calls"] == CONTACTS
    assert told["speechai_calls_total", "refused"] == 0
    finished = Counter((one["outcome"], "yes" if one["success"] else "no", one["use_case"]) for one in attempts)
    assert finished == {key[1:]: n for key, n in told.items() if key[0] == "speechai_outcomes_total" and n}
    assert told["speechai_cost_usd_micros_total", "debt_collection"] == sum(one["cost_micros"] for one in attempts) > 0
    assert told["speechai_retell_request_seconds_count", "2xx", "create-phone-call"] == CONTACTS
    assert told["speechai_retell_request_seconds_count", "2xx", "get-call"] >= CONTACTS
    assert told["speechai_task_seconds_count", "success", "tasks.finish"] >= CONTACTS
    assert told["speechai_webhooks_total", "call_ended", "passed_on"] >= 1
    assert told["speechai_messages_unsent_total", "tasks.poll_call"] == 0
    assert (told["speechai_up", "mongodb"], told["speechai_up", "redis"]) == (1, 1)
    assert (told["speechai_lines_live",], told["speechai_lines_limit",]) == (0, 20)
    assert told["speechai_scan_age_seconds", "sweep"] < 30
    assert told["speechai_open_attempts", "live"] == told["speechai_queue_length", "dial"] == 0
    assert told["speechai_account_reserved", "main", "usd_micros"] == 0
    assert (told["speechai_provider_state", "closed"], told["speechai_provider_rate_share",]) == (1, 1)


def test_an_id_in_the_logs_tells_a_calls_whole_way(campaign: Campaign) -> None:
    lines = campaign.lines("dial", "poll", "beat", "web")  # each of them JSON, whoever has written it
    (attempt_id, job_id) = next((one["_id"], one["job_id"]) for one in campaign.attempts)
    about = [line for line in lines if line.get("attempt_id") == attempt_id]
    assert {"create_call", "place_call", "webhook", "finish"} <= {line.get("action") for line in about}
    assert {"tasks.place_call", "tasks.poll_call", "tasks.finish"} <= {line.get("task") for line in about}

    (placed,) = [line for line in about if line["event"] == "the call was placed"]
    assert placed["job_id"] == job_id
    # Dispatch handed it out: a task of beat's, whose own id is the cause of all that follows.
    causes = [line for line in lines if line.get("correlation_id") == placed["correlation_id"]]
    assert {"tasks.dispatch_due", "tasks.place_call"} <= {line.get("task") for line in causes}
    (finished,) = [line for line in about if line["event"] == "the call is finished"]
    web = [line for line in about if line.get("action") == "webhook" and "state" in line]
    assert finished["correlation_id"] in {line["correlation_id"] for line in web}, "the webhook was its cause"


def test_no_line_of_a_task_has_another_tasks_ids(campaign: Campaign) -> None:
    """Threads are used again and again."""
    by_task: dict[str, set[tuple[Any, Any]]] = defaultdict(set)
    for line in campaign.lines("dial", "poll"):
        if "task_id" in line:
            by_task[line["task_id"]].add((line["task"], line["correlation_id"]))
    assert len(by_task) > CONTACTS * 3
    assert all(len(seen) == 1 for seen in by_task.values())


def scrape(campaign: Campaign) -> dict[tuple[str, ...], float]:
    """Every sample of the metrics page by its name and its labels' values, in the order of the labels' names."""
    text = requests.get(campaign.service.metrics_url, timeout=5).text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
