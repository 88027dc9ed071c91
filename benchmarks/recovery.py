"""How long it takes to recover from each fault, under the product's own settings and with real processes.

Each fault strikes an installation of its own (rig.py) in which a contact falls due every two seconds, several times and
at moments that are drawn. From the end of the fault (the process is started again, the server answers again) it is
measured when the next call is placed, and when the last contact that was under way has its call finished. The floor is
the same installation without a fault: how long a next call, and the end of all that is under way, take anyway.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.harness import wait_until
from benchmarks.lists import batch_document, contact
from benchmarks.rig import Rig, rig
from config.settings import Settings
from speechai.cli.running import free_port
from speechai.store.accounts import ensure_main
from speechai.store.indexes import create_indexes
from speechai.store.jobs import insert_jobs

REPETITIONS = int(os.environ.get("BENCH_REPETITIONS", "5"))
LONGEST_SERIES = float(os.environ.get("BENCH_SECONDS", "1800"))
"""After so many seconds no further repetition of a fault is begun."""
AT_ONCE = int(os.environ.get("BENCH_AT_ONCE", "4"))
"""Installations that run side by side: nearly all of their time is waiting."""
FASTER = float(os.environ.get("BENCH_FASTER", "1"))
"""Divides every time of the settings and of the calls, to try this file; figures of 1 are those of production."""
CHOSEN = [name for name in os.environ.get("BENCH_FAULTS", "").split(",") if name]

DUE_EVERY_SECONDS = 2.0 / FASTER
AWAY_SECONDS, BEAT_AWAY_SECONDS, RETELL_AWAY_SECONDS = 5.0 / FASTER, 60.0 / FASTER, 20.0 / FASTER
LONGEST_SECONDS = 1_500.0
CONTACTS = 3_000
TIMES = (
    "lease_seconds",
    "dispatch_interval_seconds",
    "sweep_interval_seconds",
    "call_polling_interval",
    "retell_connect_timeout_seconds",
    "retell_read_timeout_seconds",
    "capacity_retry_seconds",
    "analysis_wait_seconds",
    "lookup_delay_seconds",
    "unknown_deadline_minutes",
    "breaker_rest_seconds",
    "breaker_longest_rest_seconds",
    "pace_recovery_seconds",
)
SCENARIO: Mapping[str, Any] = {
    "clock_factor": FASTER,
    "limits": {"base_concurrency": 20, "calls_per_second": 1_000},
    "durations": {"create_answer": 1_000, "pick_up": 2_000, "talk": 10_000, "analysis": 1_000},
    "weights": {"promise": 1},
}
"""Short calls that all succeed: what takes longer is not the call. A request takes a second, so that kills hit some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """`strike` returns at the end of the fault; `bound` says what its figures hang on."""

    name: str
    strike: Callable[[Rig], None]
    bound: str


def _server_away(name: str, *, wiped: bool = False) -> Callable[[Rig], None]:
    def strike(here: Rig) -> None:
        server = {"mongo": here.mongo, "redis": here.redis}[name]
        server.kill()
        if wiped:
            server.wipe()
        time.sleep(AWAY_SECONDS)
        server.start()

    return strike


def _beat_away(here: Rig) -> None:
    here.processes["beat"].kill()
    time.sleep(BEAT_AWAY_SECONDS)
    here.processes["beat"].start()


def _retell_refuses(here: Rig) -> None:
    here.retell.set_faults([{"kind": "unavailable"}])
    time.sleep(RETELL_AWAY_SECONDS)
    here.retell.set_faults([])


FAULTS = (
    Fault(name="none", strike=lambda _: None, bound="CALL_POLLING_INTERVAL"),
    Fault(name="dial", strike=lambda here: here.restart("dial"), bound="LEASE_SECONDS + SWEEP_INTERVAL_SECONDS"),
    Fault(name="poll", strike=lambda here: here.restart("poll"), bound="2 CALL_POLLING_INTERVAL + 2 SWEEP_INTERVAL"),
    Fault(
        name="workers",
        strike=lambda here: here.restart("dial", "poll", "work"),
        bound="LEASE_SECONDS + SWEEP_INTERVAL_SECONDS",
    ),
    Fault(name="redis", strike=_server_away("redis"), bound="the workers' start; as poll"),
    Fault(
        name="redis-wiped", strike=_server_away("redis", wiped=True), bound="LEASE_SECONDS + DISPATCH_INTERVAL_SECONDS"
    ),
    Fault(name="mongo", strike=_server_away("mongo"), bound="LEASE_SECONDS + SWEEP_INTERVAL_SECONDS"),
    Fault(name="beat", strike=_beat_away, bound="DISPATCH_INTERVAL_SECONDS"),
    Fault(name="retell-503", strike=_retell_refuses, bound="BREAKER_REST_SECONDS; UNKNOWN_DEADLINE_MINUTES"),
    Fault(
        name="retell-hangs",
        strike=lambda here: here.pause_retell(RETELL_AWAY_SECONDS),
        bound="RETELL_READ_TIMEOUT_SECONDS",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """Seconds from the end of one fault."""

    placed_after: float
    attended_after: float
    under_way: int
    """Contacts that were under way when the fault ended."""


def main() -> None:
    settings = _settings()
    print(f"{REPETITIONS} repetitions, {AT_ONCE} installations side by side, load {os.getloadavg()[0]:.1f}")
    print(", ".join(f"{name.upper()}={value}" for name, value in settings.items()))
    known = {fault.name: fault for fault in FAULTS}
    chosen = [known[name] for name in CHOSEN or known]
    with tempfile.TemporaryDirectory(prefix="speechai-bench-") as folder, ThreadPoolExecutor(AT_ONCE) as side_by_side:
        jobs = {side_by_side.submit(measure, fault, settings, Path(folder) / fault.name): fault for fault in chosen}
        failed = []
        for measured in as_completed(jobs):
            if (error := measured.exception()) is not None:
                failed.append(f"{jobs[measured].name}: {error}")
                continue
            _report(jobs[measured], measured.result())
    for words in failed:  # one that did not recover does not take the others' figures with it
        print(words)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


def _settings() -> dict[str, str]:
    defaults = Settings()
    times = {name: f"{getattr(defaults, name) / FASTER:g}" for name in TIMES}
    return {**times, "retell_calls_per_second": f"{defaults.retell_calls_per_second * FASTER:g}"}


def measure(fault: Fault, settings: Mapping[str, str], folder: Path) -> list[Recovered]:
    """REPETITIONS of one fault on one installation, each once all that was under way has come to its end."""
    chance = random.Random(fault.name)
    environ = {name.upper(): value for name, value in settings.items()}
    with rig(folder, environ, SCENARIO, (free_port(), free_port())) as here:
        _fill(here)
        wait_until(lambda: len(here.placed_since(0)) >= 5, timeout_seconds=LONGEST_SECONDS)
        found, begun_at = list[Recovered](), time.monotonic()
        while len(found) < REPETITIONS and (not found or time.monotonic() < begun_at + LONGEST_SERIES):
            time.sleep(chance.uniform(10, 20) / FASTER)  # until calls in every state are under way again
            fault.strike(here)
            found.append(_recover(here))
        return found


def _recover(here: Rig) -> Recovered:
    ended_at = time.time()
    under_way = here.under_way()
    left, attended_after = under_way, 0.0
    while left or not here.placed_since(ended_at):
        if time.time() > ended_at + LONGEST_SECONDS:
            raise TimeoutError(f"after {LONGEST_SECONDS:.0f} s these have had no call: {here.told(left)}")
        time.sleep(0.25)
        here.tend()
        if left:
            left, attended_after = here.without_a_call(left), time.time() - ended_at
    return Recovered(
        placed_after=here.placed_since(ended_at)[0] - ended_at,
        attended_after=attended_after,
        under_way=len(under_way),
    )


def _fill(here: Rig) -> None:
    """Contacts that fall due one after the other, so that whoever waits again is not behind a queue."""
    context = here.context
    create_indexes(context.store)
    ensure_main(context.store, now=context.clock())
    now: datetime = context.clock()
    due = [now + timedelta(seconds=n * DUE_EVERY_SECONDS) for n in range(CONTACTS)]
    insert_jobs(context.store, [contact("list", n, due_at=at) for n, at in enumerate(due)])
    context.store.batches.insert_one(batch_document("list", created_at=now))


def _report(fault: Fault, found: list[Recovered]) -> None:
    placed = [one.placed_after for one in found]
    attended = [one.attended_after for one in found]
    under_way = statistics.mean(one.under_way for one in found)
    print(
        f"{fault.name:13} placed again: median {statistics.median(placed):6.1f} s, worst {max(placed):6.1f} s; "
        f"nobody left: median {statistics.median(attended):6.1f} s, worst {max(attended):6.1f} s "
        f"({len(found)} times, {under_way:.0f} under way); bounded by {fault.bound}",
        flush=True,
    )


if __name__ == "__main__":
    main()
