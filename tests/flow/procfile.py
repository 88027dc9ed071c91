"""One process of the Procfile for a test, stopped as a supervisor stops it; and a stand-in for all that do not run.

The stand-in takes messages out of the broker as a worker does and calls the operations that their tasks call, so that a
test can watch one real process without starting the other seven.
"""

from __future__ import annotations

import base64
import heapq
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import redis
from celery import Celery
from honcho.environ import parse_procfile

from config.celery import celery_settings
from config.settings import get_settings, load_settings
from speechai.operation import (
    calling,
    dispatching,
    finishing,
    following_up,
    late_costs,
    loading,
    polling,
    sweeping,
    waves,
)
from speechai.operation.context import Context, open_context
from speechai.operation.nudges import Nudges

ROOT = Path(__file__).parents[2]
GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL, as `speechai up` has it."""
OPERATIONS: Mapping[str, Callable[..., Nudges]] = {
    "tasks.place_call": calling.place_call,
    "tasks.poll_call": polling.poll_call,
    "tasks.finish": finishing.finish,
    "tasks.ask_cost": late_costs.ask_cost,
    "tasks.deliver_action": following_up.deliver_action,
    "tasks.load_batch": loading.load_batch,
    "tasks.dispatch_due": dispatching.dispatch_due,
    "tasks.open_wave": waves.open_due_waves,
    "tasks.sweep": sweeping.sweep,
}


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Message:
    """What waits in a queue; `due_at` is None for one that may run at once."""

    task: str
    args: tuple[Any, ...]
    due_at: datetime | None


class Process:
    """A running process of the Procfile."""

    def __init__(self, name: str, environ: Mapping[str, str], log: Path) -> None:
        command = parse_procfile((ROOT / "Procfile").read_text()).processes[name]
        path = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])
        self.name, self.log = name, log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                env={**environ, "PATH": path, "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def said(self, text: str) -> bool:
        """Whether its log holds `text`."""
        return text in self.log.read_text()

    def ask_to_stop(self) -> None:
        """SIGTERM, to the process alone."""
        self._process.send_signal(signal.SIGTERM)

    def exit_code(self) -> int:
        """After it has ended within the grace; fails with its log where it does not."""
        try:
            return self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not stop\n{self.log.read_text()[-3_000:]}") from None

    def kill(self) -> None:
        if self.runs:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Site:
    """An installation of which a test starts what it wants to watch. The rest is done here, by `work_until`."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self.environ, self.folder = dict(environ), folder
        self.context: Context = open_context(load_settings(environ))
        self.broker = redis.Redis.from_url(environ["REDIS_URL"])
        self._app = Celery("stand-in")
        self._app.conf.update(celery_settings(self.context.settings))
        self._held: list[tuple[datetime, int, Message]] = []
        self._order = count()
        self._running: list[Process] = []

    def start(self, name: str, **changes: str) -> Process:
        """A process of the Procfile, with other settings where `changes` names some."""
        process = Process(name, {**self.environ, **changes}, self.folder / f"{name}.log")
        self._running.append(process)
        return process

    def close(self) -> None:
        for process in self._running:
            process.kill()
        self.broker.close()
        self._app.close()

    def send(self, nudges: Nudges) -> None:
        for nudge in nudges:
            name, args, options = _message_of()(nudge)
            self._app.send_task(name, args=args, **options)

    def send_task(self, name: str) -> None:
        """As beat does."""
        self._app.send_task(name)

    def waiting(self, queue: str) -> list[Message]:
        """What lies in a queue, without what a worker has taken out of it."""
        return sorted(map(_read, self.broker.lrange(queue, 0, -1)), key=repr)

    def unacknowledged(self) -> int:
        """How many messages workers have taken and not acknowledged, of all queues."""
        return int(self.broker.hlen("unacked"))

    def work_until(self, done: Callable[[], bool], *queues: str, beat: bool = True, seconds: float = 40.0) -> None:
        """Works on `queues` in this process, and as beat, until `done`; fails with the logs where that takes longer."""
        end, next_dispatch, next_sweep = time.monotonic() + seconds, 0.0, 0.0
        while not done():
            now = time.monotonic()
            assert now < end, f"not done after {seconds:g} s\n{self.logs()}"
            if beat and now >= next_dispatch:
                next_dispatch = now + self.context.settings.dispatch_interval_seconds
                self.send(dispatching.dispatch_due(self.context))
            if beat and now >= next_sweep:
                next_sweep = now + self.context.settings.sweep_interval_seconds
                self.send(sweeping.sweep(self.context))
            if not self._take(queues):
                time.sleep(0.02)

    def _take(self, queues: tuple[str, ...]) -> bool:
        now = datetime.now(UTC)
        for queue in queues:
            while (raw := self.broker.rpop(queue)) is not None:
                message = _read(raw)
                heapq.heappush(self._held, (message.due_at or now, next(self._order), message))
        if not self._held or self._held[0][0] > now:
            return False
        message = heapq.heappop(self._held)[2]
        self.send(OPERATIONS[message.task](self.context, *message.args))
        return True

    def logs(self) -> str:
        """The end of every log, and what lies in the queues, for the message of a failed test."""
        queues = Counter({queue: self.broker.llen(queue) for queue in ("dial", "poll", "work", "files", "follow")})
        ends = (f"--- {log.name}\n{log.read_text()[-2_000:]}" for log in sorted(self.folder.glob("*.log")))
        return "\n".join([repr(queues), *ends])


def _read(raw: bytes) -> Message:
    message = json.loads(raw)
    args, _, _ = json.loads(base64.b64decode(message["body"]))
    eta = message["headers"]["eta"]
    due_at = datetime.fromisoformat(eta).astimezone(UTC) if eta else None
    return Message(task=message["headers"]["task"], args=tuple(args), due_at=due_at)


def _message_of() -> Callable[..., tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """The product's own way from a nudge to a message. Its module reads the environment as it is imported."""
    from tasks.app import message_of

    return message_of


@contextmanager
def running_site(environ: Mapping[str, str], folder: Path) -> Iterator[Site]:
    """A site for the length of the context; whatever still runs at its end is killed."""
    import pytest

    with pytest.MonkeyPatch.context() as patch:
        for name in ("MONGO_URI", "REDIS_URL"):
            patch.setenv(name, environ[name])
        get_settings.cache_clear()
        _message_of()
        site = Site(environ, folder)
        try:
            yield site
        finally:
            site.close()
            get_settings.cache_clear()


def wait_for(done: Callable[[], bool], site: Site, *, seconds: float = 30.0) -> None:
    """Waits until `done()`, without any work here; fails with the logs where that takes longer."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"not done after {seconds:g} s\n{site.logs()}"
        time.sleep(0.02)
