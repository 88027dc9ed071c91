"""Calls completed a second through real broker, database, simulator and worker processes, against the floor.

The floor (floor.py) does the same number of messages, HTTP requests and bare pymongo writes with bare Celery tasks in
the same run; the writes of each step are counted on one real call first. Both are given all their work at the start, so
what is measured is throughput, not latency.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from pymongo import MongoClient, monitoring

from benchmarks.harness import cpu_seconds, servers, simulator, wait_until, workers

CALLS = int(os.environ.get("BENCH_CALLS", "1500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
THREADS = {"dial": 8, "poll": 8}
WRITES = ("insert", "update", "delete")


class WriteCounter(monitoring.CommandListener):
    """Counts write commands under whatever step is named at the time."""

    def __init__(self) -> None:
        self.step, self.counts = "", Counter[str]()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command_name in WRITES:
            self.counts[self.step] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...

    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


def main() -> None:
    with servers() as environ, simulator() as url:
        environ |= {
            "RETELL_BASE_URL": url,
            "RETELL_CONCURRENCY": "400",
            "RETELL_CALLS_PER_SECOND": "1000",
            "CALL_POLLING_INTERVAL": "0.5",
            "LOG_LEVEL": "WARNING",
        }
        os.environ.update(environ)
        writes = count_writes()
        environ["FLOOR_WRITES"] = ",".join(str(n) for n in writes)
        print(f"writes a call: ticket and placing {writes[0]}, poll {writes[1]}, finish {writes[2]}")
        ratios, cpu_ratios = [], []
        for turn in range(ROUNDS):
            floor, floor_cpu = run_floor(environ, turn)
            product, product_cpu = run_product(environ, turn)
            ratios.append(product / floor)
            cpu_ratios.append(floor_cpu / product_cpu)
            print(
                f"round {turn + 1}: product {product:6.1f} calls/s ({product_cpu * 1000:.1f} ms worker CPU a call), "
                f"floor {floor:6.1f} calls/s ({floor_cpu * 1000:.1f} ms), ratio {ratios[-1]:.2f}",
                flush=True,
            )
        print(
            f"median ratio to the floor: {sorted(ratios)[len(ratios) // 2]:.2f} "
            f"(by worker CPU {sorted(cpu_ratios)[len(cpu_ratios) // 2]:.2f})"
        )


def count_writes() -> tuple[int, int, int]:
    """The write commands of one call: from ticket to acceptance, its one poll, its finish."""
    from config.settings import get_settings
    from speechai.operation import calling, dispatching, finishing, polling
    from speechai.operation.context import open_context
    from speechai.operation.nudges import Finish, PlaceCall, PollCall
    from speechai.store.connection import open_store

    settings, counter = get_settings(), WriteCounter()
    client: MongoClient[dict[str, Any]] = MongoClient(settings.mongo_uri, event_listeners=[counter], tz_aware=True)
    context = replace(open_context(settings), store=open_store(client, settings))
    fill(context, "count", 1)
    dispatching.dispatch_due(context)  # makes the slots, which is not part of a call
    context.store.jobs.update_many({}, {"$set": {"next_attempt_at": context.clock()}})
    counter.counts.clear()
    counter.step = "place"
    nudges = dispatching.dispatch_due(context)
    while nudges:
        match nudges.pop():
            case PlaceCall(job_id, ticket):
                nudges += calling.place_call(context, job_id, ticket)
            case PollCall(attempt_id, number):
                time.sleep(0.5)
                counter.step = "poll"
                nudges += polling.poll_call(context, attempt_id, number)
            case Finish(attempt_id):
                counter.step = "finish"
                nudges += finishing.finish(context, attempt_id)
    return counter.counts["place"], counter.counts["poll"], counter.counts["finish"]


def fill(context: Any, batch_id: str, count: int) -> None:
    """A running batch of `count` contacts that are due now."""
    from speechai.core.model import Job, JobStatus
    from speechai.store import jobs
    from speechai.store.indexes import create_indexes

    create_indexes(context.store)
    new = [
        Job(
            id=f"{batch_id}-{n:05d}",
            batch_id=batch_id,
            account_id="main",
            person_id=f"{batch_id}-{n}",
            use_case="debt_collection",
            status=JobStatus.PENDING,
            nombre="Ana",
            to_number=f"+569{70000000 + n}",
            position=n,
            next_attempt_at=context.clock(),
        )
        for n in range(count)
    ]
    jobs.insert_jobs(context.store, new)
    context.store.batches.insert_one(
        {
            "_id": batch_id,
            "account_id": "main",
            "name": batch_id,
            "use_case": "debt_collection",
            "pacing": "continuous",
            "policy": "always",
            "status": "running",
            "time_zone": "America/Santiago",
            "country": "CL",
            "created_at": context.clock(),
        }
    )


def run_product(environ: dict[str, str], turn: int) -> tuple[float, float]:
    """(calls a second, worker CPU seconds a call)."""
    from config.settings import get_settings
    from speechai.operation.context import open_context
    from speechai.operation.dispatching import dispatch_due
    from tasks.app import send

    context, batch_id = open_context(get_settings()), f"product{turn}"
    with workers("tasks", THREADS, environ) as processes:
        time.sleep(4)
        fill(context, batch_id, CALLS)
        before, started = cpu_seconds(processes), time.monotonic()

        def finished() -> bool:
            send(dispatch_due(context))
            return context.store.jobs.count_documents({"batch_id": batch_id, "status": "done"}) >= CALLS

        wait_until(finished)
        elapsed, used = time.monotonic() - started, cpu_seconds(processes) - before
    context.store.batches.update_one({"_id": batch_id}, {"$set": {"status": "completed"}})
    return CALLS / elapsed, used / CALLS


def run_floor(environ: dict[str, str], turn: int) -> tuple[float, float]:
    """(calls a second, worker CPU seconds a call) of the bare tasks."""
    from benchmarks.floor import app
    from config.settings import get_settings

    settings = get_settings()
    collection = MongoClient(settings.mongo_uri)[settings.mongo_db]["floor"]
    first = turn * CALLS
    with workers("benchmarks.floor", THREADS, environ) as processes:
        time.sleep(4)
        collection.create_index("done")
        before, started = cpu_seconds(processes), time.monotonic()
        for number in range(first, first + CALLS):
            app.send_task("floor.place", args=(number,))
        wait_until(lambda: collection.count_documents({"done": True}) >= first + CALLS)
        return CALLS / (time.monotonic() - started), (cpu_seconds(processes) - before) / CALLS


if __name__ == "__main__":
    main()
