"""Throughput of calls with 5 % of all requests to Retell failing, against the same run without a fault.

Ten kinds of fault, half a per cent of the requests each: refused, reset, answered 5xx or unreadably before or after the
call was placed. The list is given at once; measured is the time until 95 % of its contacts are done, since the last
ones wait by the settings (look-up, deadline, retry) and not for the machine; and what requests a contact needed.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from benchmarks.harness import Simulator, cpu_seconds, server_pids, servers, simulator, wait_until, workers
from benchmarks.lists import fill
from config.settings import load_settings
from speechai.logs import configure_logs
from speechai.operation.context import open_context
from speechai.operation.dispatching import dispatch_due
from speechai.operation.sweeping import sweep
from speechai.store.connection import Store

CALLS = int(os.environ.get("BENCH_CALLS", "1500"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
SHARE = float(os.environ.get("BENCH_FAULTY_SHARE", "0.05"))
KINDS = (
    "server_error", "unavailable", "reset_before", "rate_limited", "request_timeout",
    "server_error_after", "reset_after", "truncated_json", "html", "hang_after",
)  # fmt: skip
SHARES = (0.5, 0.95, 0.99)
ENDPOINTS = ("create-phone-call", "get-call", "list-calls")
THREADS = {"dial": 8, "poll": 8}
SETTINGS = {
    "RETELL_CONCURRENCY": "400",
    "RETELL_CALLS_PER_SECOND": "1000",
    "RETELL_CONNECT_TIMEOUT_SECONDS": "1",
    "RETELL_READ_TIMEOUT_SECONDS": "2",
    "CALL_POLLING_INTERVAL": "0.5",
    "LOOKUP_DELAY_SECONDS": "2",
    "UNKNOWN_DEADLINE_MINUTES": "0.2",
    "CAPACITY_RETRY_SECONDS": "2",
    "RETRY_DELAY_MINUTES": "0.02",
    "NO_ANSWER_RETRY_MINUTES": "0.02",
    "LOG_LEVEL": "ERROR",
}
SCENARIO: Mapping[str, Any] = {
    "clock_factor": 60.0,
    "limits": {"base_concurrency": 1_000_000, "calls_per_second": 1_000_000},
    "durations": {"create_answer": 0, "pick_up": 100, "talk": 1_000, "analysis": 100},
    "weights": {"promise": 1},
}


def main() -> None:
    print(", ".join(f"{name}={value}" for name, value in SETTINGS.items()))
    faulty = [{"kind": kind, "rate": SHARE / len(KINDS)} for kind in KINDS]
    with servers() as environ:
        environ |= SETTINGS
        os.environ.update(environ)
        ratios = []
        for turn in range(ROUNDS):
            without = _run(environ, f"without {turn}", [])
            ratios.append(_run(environ, f"{SHARE:.0%} faulty {turn}", faulty) / without)
    print(f"median ratio: {statistics.median(ratios):.2f}")


def _run(environ: Mapping[str, str], name: str, faults: Sequence[Mapping[str, Any]]) -> float:
    """Contacts done a second until 95 % of them are."""
    database = [pid for server, pid in server_pids(environ).items() if server == "mongo"]
    with simulator(SCENARIO) as retell:
        environ = {**environ, "RETELL_BASE_URL": retell.url}
        context = open_context(load_settings(environ))
        configure_logs(context.settings)
        from tasks.app import send  # its broker is the one that this process's environment names

        with workers("tasks", THREADS, environ) as processes:
            time.sleep(4)
            fill(context, name, CALLS)
            retell.set_faults(faults)
            pids = [process.pid for process in processes]
            started, used, asked = time.monotonic(), cpu_seconds(pids), cpu_seconds(database)

            def is_done(share: float) -> bool:
                send([*dispatch_due(context), *sweep(context)])
                done = context.store.jobs.count_documents({"batch_id": name, "status": "done"})
                return bool(done >= share * CALLS)

            marks = {}
            for share in SHARES:
                wait_until(partial(is_done, share))
                marks[share] = time.monotonic() - started
            spent = (cpu_seconds(pids) - used, cpu_seconds(database) - asked)
            _report(name, marks, spent, retell, context.store)
    return 0.95 * CALLS / marks[0.95]


def _report(
    name: str, marks: Mapping[float, float], spent: tuple[float, float], retell: Simulator, store: Store
) -> None:
    requests = retell.journal()["requests"]
    attempts = list(store.attempts.find({"batch_id": name}, {"doubt": 1}))
    doubted = sum("doubt" in attempt for attempt in attempts)
    asked = ", ".join(f"{requests.get(kind, 0) / CALLS:.3f} {kind}" for kind in ENDPOINTS)
    workers_ms, database_ms = (seconds / CALLS * 1000 for seconds in spent)
    print(
        f"{name:12} {0.95 * CALLS / marks[0.95]:6.1f} contacts done a second "
        f"(half after {marks[0.5]:.0f} s, 95 % after {marks[0.95]:.0f} s, 99 % after {marks[0.99]:.0f} s); a contact: "
        f"processor of workers {workers_ms:.1f} ms, of the database {database_ms:.1f} ms, "
        f"{len(attempts) / CALLS:.3f} attempts, {asked}; {doubted / CALLS:.1%} had a call in doubt",
        flush=True,
    )


if __name__ == "__main__":
    main()
