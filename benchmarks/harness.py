"""What the benchmarks share: servers of their own, a simulator in its own process, worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from speechai.embedded import embedded_servers

SIMULATOR = """
import sys
from speechai.retell.simulator import Durations, Limits, OutcomeScript, SimulatorConfig, serve_forever
at_once = (0, 0)
serve_forever(
    SimulatorConfig(
        clock_factor=10_000.0,
        limits=Limits(base_concurrency=1_000_000, calls_per_second=None),
        durations=Durations(create_answer=at_once),
        script=OutcomeScript(weights={"promise": 1}),
    ),
    lambda url: print(url, flush=True),
)
"""
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


@contextmanager
def simulator() -> Iterator[str]:
    """The address of a simulator in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", SIMULATOR], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


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


def cpu_seconds(processes: list[subprocess.Popen[bytes]]) -> float:
    """User and system time of running processes so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for process in processes:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


def wait_until(done: object, *, timeout_seconds: float = 600.0, interval_seconds: float = 1.0) -> float:
    """Seconds until `done()` is true. Raises TimeoutError."""
    started = time.monotonic()
    while not done():  # type: ignore[operator]
        if time.monotonic() - started > timeout_seconds:
            raise TimeoutError(f"not done after {timeout_seconds:.0f} s")
        time.sleep(interval_seconds)
    return time.monotonic() - started
