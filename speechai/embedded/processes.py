"""Runs every process of the Procfile: in the foreground for `up`, with their output in files for `demo` and tests.

Enters: the Procfile, the environment, processes that are not in the file (the simulator). Leaves: an exit code, or a
context in which all of them run. In the foreground what ends by itself is started again; in the background it is an
error, for whoever asked for the context to judge. The Procfile's format and the printed lines are honcho's; starting
and stopping are not, because honcho sends SIGTERM to whole process groups, which kills the children of a prefork worker
in their task, and kills what is left after 5 s, which is shorter than a worker's own shutdown.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from pydantic import SecretStr

from config.settings import Settings
from speechai.embedded.crew import GRACE_SECONDS, Crew, Member, Place, Post, running_crew
from speechai.embedded.supervising import Supervised, Supervisor
from speechai.errors import ConfigurationError, Unavailable

LOOK_SECONDS = 0.1


def environ_for(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with every setting written out: the processes see the same ones, whatever folder they run in."""
    written = dict(environ)
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if value is not None and value != ():
            written[name.upper()] = ",".join(map(_text, value)) if isinstance(value, tuple) else _text(value)
    return written


def _text(value: Any) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value.absolute()) if isinstance(value, Path) else str(value)


def run_procfile(
    procfile: Path,
    environ: Mapping[str, str],
    extra: Mapping[str, str] | None = None,
    *,
    losses: Mapping[str, str] | None = None,
    servers: Sequence[Supervised] = (),
    on_started: Callable[[], None] | None = None,
) -> int:
    """Run all until SIGINT or SIGTERM (0), or until one cannot even start (1); a second signal ends the grace.

    Call it in the main thread. Every command is one simple command (the shell is replaced by it). `extra` are further
    processes, name to command; they start first. What ends by itself is started again, and so are `servers`, which
    run already and are not stopped here. `losses`, by name, says what an end of that process has cost. `on_started` is
    called once, when all have been started (not: when they are ready).

    Raises:
        ConfigurationError: the Procfile cannot be read.
        Unavailable: another command runs the processes of this data folder.
    """
    commands, losses = _read(procfile, extra or {}), losses or {}
    lines = _Lines(width=max(len(name) for name in commands))
    place = _place(environ, procfile.parent)
    crew = Crew(commands, place, on_start=lines.follow)
    with _interrupts() as (asked, hurry), running_crew(crew, commands, place.data_dir, hurry=hurry):
        lines.say(f"started {', '.join(commands)}")
        if on_started:
            on_started()
        posts = [Post(crew=crew, name=name, loss=losses.get(name, "")) for name in commands]
        # The servers first: a process is not started again before what it works with.
        supervisor = Supervisor([*servers, *posts], now=time.monotonic(), say=lines.say)
        try:
            while not asked.wait(LOOK_SECONDS):
                supervisor.look(time.monotonic(), is_wanted=lambda: not asked.is_set())
        except Unavailable as error:
            lines.say(f"{error}\nStopping the others.")
            return 1
        lines.say(f"stopping, at most {GRACE_SECONDS:g} s; once more to stop at once")
        return 0


@contextmanager
def running_procfile(
    procfile: Path,
    environ: Mapping[str, str],
    log_dir: Path,
    extra: Mapping[str, str] | None = None,
    *,
    is_ready: Callable[[], bool] | None = None,
    ready_seconds: float = 60.0,
) -> Iterator[Crew]:
    """The same processes in the background, each with its output in `<log_dir>/<name>.log`, for the context's length.

    With `is_ready` (for example: all workers answer a ping) the context opens when it says so.

    Raises:
        ConfigurationError: the Procfile cannot be read.
        Unavailable: one ended while starting (the message has the end of its log), they were not ready in time, or
            another command runs the processes of this data folder.
    """
    commands = _read(procfile, extra or {})
    log_dir.mkdir(parents=True, exist_ok=True)
    place = _place(environ, procfile.parent, log_dir=log_dir)
    with running_crew(Crew(commands, place), commands, place.data_dir, hurry=threading.Event()) as crew:
        deadline = time.monotonic() + ready_seconds
        while is_ready and not is_ready():
            crew.check()
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The processes were not ready after {ready_seconds:g} s; see their logs in {log_dir}."
                )
            time.sleep(0.05)
        crew.check()
        yield crew


def _read(procfile: Path, extra: Mapping[str, str]) -> dict[str, str]:
    try:
        found: dict[str, str] = dict(parse_procfile(procfile.read_text()).processes)
    except (OSError, UnicodeDecodeError, AssertionError) as error:
        raise ConfigurationError(f"The Procfile {procfile} cannot be read: {error}.") from None
    if not found:
        raise ConfigurationError(f"The Procfile {procfile} names no process (one 'name: command' a line).")
    return {**extra, **found}


def _place(environ: Mapping[str, str], cwd: Path, *, log_dir: Path | None = None) -> Place:
    data_dir = Path(environ.get("DATA_DIR") or ".data").absolute()
    # The interpreter's own folder first: `python` and `celery` are this environment's, activated or not.
    path = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])
    environ = {**environ, "DATA_DIR": str(data_dir), "PATH": path, "PYTHONUNBUFFERED": "1"}
    return Place(environ=environ, cwd=cwd, data_dir=data_dir, log_dir=log_dir)


@contextmanager
def _interrupts() -> Iterator[tuple[threading.Event, threading.Event]]:
    """Events for the first and the second SIGINT or SIGTERM; the handlers before are put back."""
    asked, hurry = threading.Event(), threading.Event()

    def note(_signum: int, _frame: FrameType | None) -> None:
        (hurry if asked.is_set() else asked).set()

    before = {signum: signal.signal(signum, note) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked, hurry
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


class _Lines:
    """Prints the crew's output line by line, each with the time and the process's name."""

    def __init__(self, *, width: int) -> None:
        self._printer = Printer(sys.stdout, width=width)
        self._lock = threading.Lock()
        self._unused = get_colours()
        self._colours: dict[str, Any] = {}

    def follow(self, member: Member) -> None:
        """From its first line to its last; every run of one process has the same colour."""
        if member.name not in self._colours:
            self._colours[member.name] = next(self._unused)
        threading.Thread(target=self._copy, args=(member,), daemon=True).start()

    def say(self, text: str) -> None:
        self._write(text, "up", None)

    def _copy(self, member: Member) -> None:
        assert member.process.stdout
        with member.process.stdout as output:
            for line in output:
                member.said.append(line.decode(errors="replace").rstrip())
                self._write(line, member.name, self._colours[member.name])
        member.heard.set()

    def _write(self, data: str | bytes, name: str, colour: Any) -> None:
        # Local wall-clock time without a zone, for the eye only.
        message = Message(type="line", data=data, time=datetime.now().astimezone(), name=name, colour=colour)
        with self._lock:
            self._printer.write(message)
