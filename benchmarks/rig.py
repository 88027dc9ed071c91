"""An installation of its own that a benchmark may strike: servers, simulator, workers and beat, each to be killed.

Enters a folder, the environment of the product's settings and a scenario of the simulator; leaves processes that run as
in the Procfile, and what the benchmark asks of database and journal. For `recovery`.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.harness import Simulator, simulator, wait_until
from config.settings import load_settings
from speechai.embedded.servers import MONGO, REDIS, Kind
from speechai.operation.context import Context, open_context
from tests.chaos.processes import Process, stop_all

QUEUES = {"dial": 8, "poll": 8, "work": 2}
"""Threads by queue, as in the Procfile."""


class Server:
    """An embedded server on one port, with or without what it had stored."""

    def __init__(self, kind: Kind, folder: Path, port: int) -> None:
        self._kind, self._folder = kind, folder / kind.name
        self._folder.mkdir(parents=True)
        self.address = kind.address.format(port=port)
        command = kind.command(self._folder, port)
        self._process = Process(kind.name, command, environ=os.environ, log=folder / f"{kind.name}.log", cwd=folder)

    def start(self) -> None:
        """Returns once it answers."""
        self._process.start()
        wait_until(lambda: self._kind.answers(self.address), timeout_seconds=60, interval_seconds=0.05)

    def kill(self) -> None:
        self._process.kill()

    def wipe(self) -> None:
        """All that it stored is gone; not while it runs."""
        shutil.rmtree(self._folder)
        self._folder.mkdir()


class Rig:
    """What is struck, and what tells how it is afterwards."""

    def __init__(
        self, context: Context, retell: Simulator, servers: Mapping[str, Server], processes: Mapping[str, Process]
    ):
        self.context, self.retell = context, retell
        self.mongo, self.redis = servers["mongo"], servers["redis"]
        self.processes = processes

    def restart(self, *names: str) -> None:
        """Killed all at once, then started again at once, as a supervisor does."""
        for name in names:
            self.processes[name].kill()
        for name in names:
            self.processes[name].start()

    def tend(self) -> None:
        """Starts again what ended by itself, as a supervisor does: losing Redis can end a Celery worker."""
        for process in self.processes.values():
            process.tend()

    def pause_retell(self, seconds: float) -> None:
        """It answers nobody for a while, and goes on where it was."""
        self.retell.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.retell.process.send_signal(signal.SIGCONT)

    def under_way(self) -> dict[str, int]:
        """Jobs that are being called, and those that were handed out and wait for their message to be worked; each
        with its calls so far. One that waits for its next attempt has had one, and is not among them."""
        jobs, now = self.context.store.jobs, datetime.now(UTC)
        waiting = {"status": "pending", "ticket": {"$gte": 1}, "attempts": 0, "next_attempt_at": {"$gt": now}}
        found = [*jobs.find({"status": "in_progress"}), *jobs.find(waiting)]
        return {job["_id"]: job["attempts"] for job in found}

    def without_a_call(self, jobs: Mapping[str, int]) -> dict[str, int]:
        """Those of `jobs` whose call has not come to its end: they had so many before, and have no more."""
        found = self.context.store.jobs.find({"_id": {"$in": list(jobs)}}, {"attempts": 1})
        return {job["_id"]: jobs[job["_id"]] for job in found if job["attempts"] <= jobs[job["_id"]]}

    def told(self, jobs: Collection[str]) -> list[dict[str, Any]]:
        """What a job says of itself, for a benchmark that has to give up."""
        fields = {"status": 1, "reason": 1, "phase": 1, "next_attempt_at": 1}
        return list(self.context.store.jobs.find({"_id": {"$in": list(jobs)}}, fields))

    def placed_since(self, at: float) -> list[float]:
        """When calls were accepted after the instant `at`, in seconds since 1970 by the clock of this machine."""
        calls = self.retell.journal(limit=1_000_000)["calls"]
        return [call["real_accepted_ms"] / 1000 for call in calls if call["real_accepted_ms"] / 1000 > at]


@contextmanager
def rig(
    folder: Path, settings: Mapping[str, str], scenario: Mapping[str, Any], ports: tuple[int, int]
) -> Iterator[Rig]:
    """Everything started and answering; ended with the context."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        servers = {kind.name: Server(kind, folder, port) for kind, port in zip((MONGO, REDIS), ports, strict=True)}
        for server in servers.values():
            stack.callback(server.kill)
            server.start()
        retell = stack.enter_context(simulator(scenario))
        environ = {
            **os.environ,
            **settings,
            "MONGO_URI": servers["mongo"].address,
            "REDIS_URL": servers["redis"].address,
            "DATA_DIR": str(folder),
            "RETELL_BASE_URL": retell.url,
            "LOG_LEVEL": "WARNING",
        }
        processes = {name: _celery(name, folder, environ) for name in (*QUEUES, "beat")}
        stack.callback(lambda: stop_all(list(processes.values())))
        for process in processes.values():
            process.start()
        yield Rig(open_context(load_settings(environ)), retell, servers, processes)


def _celery(name: str, folder: Path, environ: Mapping[str, str]) -> Process:
    command = [sys.executable, "-m", "celery", "-A", "tasks"]
    if name == "beat":
        command += ["beat", "-s", str(folder / "beat"), "--pidfile="]
    else:
        command += ["worker", "-n", f"{name}@rig", "-Q", name, "-P", "threads", "-c", str(QUEUES[name])]
    return Process(
        name, [*command, "--loglevel", "WARNING"], environ=environ, log=folder / f"{name}.log", cwd=Path.cwd()
    )
