"""Calls completed a second through real broker, database, simulator and worker processes, against the floor.

The floor (floor.py) does the same number of messages, HTTP requests and bare pymongo writes with bare Celery tasks in
the same run; the writes of each step are counted on one real call first. Both are given all their work at the start, so
what is measured is throughput, not latency.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from pymongo import MongoClient

from benchmarks.counting import counted_context
from benchmarks.harness import cpu_seconds, server_pids, servers, simulator, wait_until, workers
from benchmarks.lists import fill, one_call
from config.settings import load_settings
from speechai.logs import configure_logs

CALLS = int(os.environ.get("BENCH_CALLS", "1500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
THREADS = {"dial": 8, "poll": 8}
SETTINGS = {
    "RETELL_CONCURRENCY": "400",
    "RETELL_CALLS_PER_SECOND": "1000",
    "CALL_POLLING_INTERVAL": "0.5",
    "LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One round of one side."""

    calls_a_second: float
    worker_ms: float
    """Processor of the workers, a call."""
    database_ms: float | None
    """Processor of the embedded database, a call; None where MONGO_URI was given."""

    def __str__(self) -> str:
        database = "" if self.database_ms is None else f", database {self.database_ms:.1f} ms"
        return f"{self.calls_a_second:6.1f} calls/s (a call: workers {self.worker_ms:.1f} ms{database})"


def main() -> None:
    with installation() as environ:
        writes = count_writes()
        print(f"writes a call: ticket and placing {writes[0]}, poll {writes[1]}, finish {writes[2]}")
        against_floor(environ, writes)


@contextmanager
def installation() -> Iterator[dict[str, str]]:
    """The environment of servers and a simulator in no time, also as this process's own."""
    with servers() as environ, simulator() as retell:
        environ |= {"RETELL_BASE_URL": retell.url, **SETTINGS}
        os.environ.update(environ)
        configure_logs(load_settings(environ))
        yield environ


def against_floor(environ: Mapping[str, str], floor_writes: tuple[int, int, int]) -> None:
    """Rounds of both sides, and the median of their ratios; the floor writes so often in place, poll and finish."""
    environ = {**environ, "FLOOR_WRITES": ",".join(str(n) for n in floor_writes)}
    ratios, processor_ratios = [], []
    for turn in range(ROUNDS):
        floor, product = run_floor(environ, turn), run_product(environ, turn)
        ratios.append(product.calls_a_second / floor.calls_a_second)
        processor_ratios.append(floor.worker_ms / product.worker_ms)
        print(f"round {turn + 1}: product {product}, floor {floor}, ratio {ratios[-1]:.2f}", flush=True)
    if not ratios:
        return
    print(
        f"median ratio to the floor: {statistics.median(ratios):.2f} "
        f"(by the workers' processor {statistics.median(processor_ratios):.2f})"
    )


def count_writes() -> tuple[int, int, int]:
    """The write commands of one call: from ticket to acceptance, its one poll, its finish."""
    from config.settings import get_settings

    context, commands = counted_context(get_settings())
    one_call(context, commands)
    return commands.writes["place"], commands.writes["poll"], commands.writes["finish"]


def run_product(environ: Mapping[str, str], turn: int) -> Measured:
    """One round of the product: CALLS contacts that are due at once."""
    from config.settings import get_settings
    from speechai.operation.context import open_context
    from speechai.operation.dispatching import dispatch_due
    from tasks.app import send

    context, batch_id = open_context(get_settings()), f"product{turn}"
    with workers("tasks", THREADS, environ) as processes:
        time.sleep(4)
        fill(context, batch_id, CALLS)
        stop = _stopwatch(environ, processes)

        def finished() -> bool:
            send(dispatch_due(context))
            return context.store.jobs.count_documents({"batch_id": batch_id, "status": "done"}) >= CALLS

        wait_until(finished)
        measured = stop()
    context.store.batches.update_one({"_id": batch_id}, {"$set": {"status": "completed"}})
    return measured


def run_floor(environ: Mapping[str, str], turn: int) -> Measured:
    """One round of the bare tasks."""
    from benchmarks.floor import app
    from config.settings import get_settings

    settings = get_settings()
    collection = MongoClient(settings.mongo_uri)[settings.mongo_db]["floor"]
    first = turn * CALLS
    with workers("benchmarks.floor", THREADS, environ) as processes:
        time.sleep(4)
        collection.create_index("done")
        stop = _stopwatch(environ, processes)
        for number in range(first, first + CALLS):
            app.send_task("floor.place", args=(number,))
        wait_until(lambda: collection.count_documents({"done": True}) >= first + CALLS)
        return stop()


def _stopwatch(environ: Mapping[str, str], processes: Sequence[subprocess.Popen[bytes]]) -> Callable[[], Measured]:
    """Starts measuring; what it returns tells the round once it is over."""
    database = [pid for name, pid in server_pids(environ).items() if name == "mongo"]
    pids = [process.pid for process in processes]
    started, workers_before, database_before = time.monotonic(), cpu_seconds(pids), cpu_seconds(database)

    def stop() -> Measured:
        return Measured(
            calls_a_second=CALLS / (time.monotonic() - started),
            worker_ms=(cpu_seconds(pids) - workers_before) / CALLS * 1000,
            database_ms=(cpu_seconds(database) - database_before) / CALLS * 1000 if database else None,
        )

    return stop


if __name__ == "__main__":
    main()
