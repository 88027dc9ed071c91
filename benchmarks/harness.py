"""What the benchmarks share: servers of their own, a simulator in its own process, worker processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from config.settings import EMBEDDED_NOTE
from speechai.embedded import embedded_servers

SIMULATOR = """
import json, sys
from speechai.retell.simulator import serve_forever
from speechai.retell.simulator.scenario import config_from_table
serve_forever(config_from_table(json.loads(sys.argv[1])), lambda url: print(url, flush=True))
"""
IN_NO_TIME: Mapping[str, Any] = {
    "clock_factor": 10_000.0,
    "limits": {"base_concurrency": 1_000_000, "calls_per_second": 1_000_000},
    "durations": {"create_answer": 0},
    "weights": {"promise": 1},
}
"""Calls that are answered, talked and analysed within milliseconds: what is measured is our side."""


@contextmanager
def servers() -> Iterator[dict[str, str]]:
    """The environment of fresh embedded servers (or of MONGO_URI and REDIS_URL) with a database of its own."""
    with tempfile.TemporaryDirectory(prefix="speechai-bench-") as folder:
        database = {"MONGO_DB": f"bench_{uuid4().hex[:8]}", "DATA_DIR": folder}
        if os.environ.get("MONGO_URI") and os.environ.get("REDIS_URL"):
            yield {**os.environ, **database}
            return
        with embedded_servers(Path(folder)) as addresses:
            yield {**os.environ, **database, "MONGO_URI": addresses.mongo_uri, "REDIS_URL": addresses.redis_url}


def server_pids(environ: Mapping[str, str]) -> dict[str, int]:
    """The processes of the embedded servers, `mongo` and `redis`; {} where MONGO_URI and REDIS_URL were given."""
    note = Path(environ["DATA_DIR"]) / EMBEDDED_NOTE
    return dict(json.loads(note.read_text())["pids"]) if note.exists() else {}


@contextmanager
def simulator(scenario: Mapping[str, Any] = IN_NO_TIME) -> Iterator[Simulator]:
    """A simulator in a process of its own; `scenario` as in a scenario file (docs/simulator.md)."""
    command = [sys.executable, "-c", SIMULATOR, json.dumps(scenario)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Simulator(url=process.stdout.readline().strip(), process=process)
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulator:
    """A running simulator, as its own doors tell of it."""

    url: str
    process: subprocess.Popen[str]

    def journal(self, *, limit: int = 0) -> dict[str, Any]:
        """The counts, and up to `limit` calls (docs/simulator.md, "The journal")."""
        answer = requests.get(f"{self.url}/simulator/journal", params={"limit": limit}, timeout=60)
        answer.raise_for_status()
        page: dict[str, Any] = answer.json()
        return page

    def set_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """The rules in force from now on; [] for none."""
        body = {"faults": list(faults), "add": False}
        requests.post(f"{self.url}/simulator/faults", json=body, timeout=60).raise_for_status()


@contextmanager
def workers(app: str, queues: Mapping[str, int], environ: Mapping[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """One threads worker for each queue, with so many threads, as in the Procfile."""
    log = Path(environ["DATA_DIR"]) / f"{app}.log"
    processes = []
    with log.open("ab") as output:
        for queue, threads in queues.items():
            command = [sys.executable, "-m", "celery", "-A", app, "worker", "-n", f"{queue}@bench", "-Q", queue]
            command += ["-P", "threads", "-c", str(threads), "--loglevel", "WARNING"]
            processes.append(subprocess.Popen(command, env=dict(environ), stdout=output, stderr=output))
        try:
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of running processes so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def wait_until(done: Callable[[], bool], *, timeout_seconds: float = 600.0, interval_seconds: float = 1.0) -> float:
    """Seconds until `done()` is true. Raises TimeoutError."""
    started = time.monotonic()
    while not done():
        if time.monotonic() - started > timeout_seconds:
            raise TimeoutError(f"not done after {timeout_seconds:.0f} s")
        time.sleep(interval_seconds)
    return time.monotonic() - started
