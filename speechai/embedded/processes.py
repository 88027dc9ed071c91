"""Runs every process of the Procfile: in the foreground for `up`, with their output in files for `demo` and tests.

Enters: the Procfile, the environment, processes that are not in the file (the simulator). Leaves: an exit code, or a
context in which all of them run. The Procfile's format and the printed lines are honcho's; starting and stopping are
not, because honcho sends SIGTERM to whole process groups, which kills the children of a prefork worker in their task,
and kills what is left after 5 s, which is shorter than a worker's own shutdown.

One crew a data folder: a second one is refused, and processes that a killed command left behind are stopped first.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from honcho.colour import get_colours
from honcho.environ import parse_procfile
from honcho.printer import Message, Printer
from pydantic import SecretStr

from config.settings import Settings
from speechai.embedded import leash
from speechai.errors import ConfigurationError, Unavailable

GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL: above the workers' own soft shutdown (20 s)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One running process of the crew; `log` is None where its output is printed."""

    name: str
    process: subprocess.Popen[bytes]
    state: Path
    log: Path | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Crew:
    """All running processes."""

    members: tuple[Member, ...]

    def check(self) -> None:
        """Raises Unavailable, with the end of its log, when a process has ended by itself."""
        for member in self.members:
            if (code := member.process.poll()) is not None:
                said = f"\nThe end of {member.log}:\n{leash.tail(member.log)}" if member.log else ""
                raise Unavailable(f"The process {member.name} ended by itself with exit code {code}.{said}")


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
    on_started: Callable[[], None] | None = None,
    check: Callable[[], None] | None = None,
) -> int:
    """Run all until SIGINT or SIGTERM (0) or until one ends by itself (1); a second signal ends the grace.

    Call it in the main thread. Every command is one simple command (the shell is replaced by it). `extra` are further
    processes, name to command; they start first. `on_started` is called once, when all have been started (not: when
    they are ready). `check` is called again and again and may raise Unavailable, which counts as one that ended.

    Raises:
        ConfigurationError: the Procfile cannot be read.
        Unavailable: another command runs the processes of this data folder.
    """
    commands = _read(procfile, extra or {})
    lines = _Lines(width=max(len(name) for name in commands))
    with _interrupts() as (asked, hurry), _crew(commands, environ, procfile.parent, hurry=hurry) as crew:
        lines.follow(crew)
        lines.say(f"started {', '.join(member.name for member in crew.members)}")
        if on_started:
            on_started()
        try:
            while not asked.wait(0.1):
                crew.check()
                if check:
                    check()
        except Unavailable as error:
            lines.say(f"{error} Stopping the others.")
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
    with _crew(commands, environ, procfile.parent, log_dir=log_dir) as crew:
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


@contextmanager
def _crew(
    commands: Mapping[str, str],
    environ: Mapping[str, str],
    cwd: Path,
    *,
    log_dir: Path | None = None,
    hurry: threading.Event | None = None,
) -> Iterator[Crew]:
    data_dir = Path(environ.get("DATA_DIR") or ".data").absolute()
    # The interpreter's own folder first: `python` and `celery` are this environment's, activated or not.
    path = os.pathsep.join([str(Path(sys.executable).parent), environ.get("PATH", os.defpath)])
    environ = {**environ, "DATA_DIR": str(data_dir), "PATH": path, "PYTHONUNBUFFERED": "1"}
    members: list[Member] = []
    with _sole_crew(data_dir):
        _stop_leftovers(data_dir)
        try:
            for name, command in commands.items():
                members.append(_start(name, command, environ, cwd, data_dir, log_dir))
            yield Crew(members=tuple(members))
        finally:
            _stop(members, hurry or threading.Event())


def _start(
    name: str, command: str, environ: Mapping[str, str], cwd: Path, data_dir: Path, log_dir: Path | None
) -> Member:
    state, log = data_dir / "locks" / f"crew-{name}", log_dir / f"{name}.log" if log_dir else None
    with ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else subprocess.PIPE
        # The shell is replaced by the process, so that SIGTERM reaches the worker and not only its shell.
        shell = ["/bin/sh", "-c", f"exec {command}"]
        process = leash.launch(shell, state, output=output, cwd=cwd.absolute(), environ=environ, facts={})
    return Member(name=name, process=process, state=state, log=log)


def _stop(members: list[Member], hurry: threading.Event) -> None:
    try:
        for member in members:
            if member.process.poll() is None:
                member.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        while any(member.process.poll() is None for member in members) and time.monotonic() < deadline:
            if hurry.wait(0.05):
                break
    finally:
        # Also the children of a worker that has died without them, and everything after a second Ctrl-C.
        for member in members:
            leash.end(member.state, member.process.pid, grace_seconds=0)
            with suppress(subprocess.TimeoutExpired):
                member.process.wait(timeout=leash.KILL_SECONDS)


@contextmanager
def _sole_crew(data_dir: Path) -> Iterator[None]:
    lock = data_dir / "locks" / "crew"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Unavailable(
                f"Process {file.read().strip()} already runs the workers of {data_dir}. "
                "Stop it first, or set DATA_DIR to another folder."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _stop_leftovers(data_dir: Path) -> None:
    """End what a killed command has left running: it would hold ports and work with old settings."""
    left = [state for state in (data_dir / "locks").glob("crew-*") if leash.is_held(state)]
    with_pid = [(state, facts["pid"]) for state in left if (facts := leash.facts_of(state))]
    for _, pid in with_pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    for state, pid in with_pid:
        leash.end(state, pid, grace_seconds=GRACE_SECONDS)


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

    def follow(self, crew: Crew) -> None:
        for member, colour in zip(crew.members, islice(get_colours(), len(crew.members)), strict=True):
            threading.Thread(target=self._copy, args=(member, colour), daemon=True).start()

    def say(self, text: str) -> None:
        self._write(text, "up", None)

    def _copy(self, member: Member, colour: Any) -> None:
        assert member.process.stdout
        for line in member.process.stdout:
            self._write(line, member.name, colour)

    def _write(self, data: str | bytes, name: str, colour: Any) -> None:
        # Local wall-clock time without a zone, for the eye only.
        message = Message(type="line", data=data, time=datetime.now().astimezone(), name=name, colour=colour)
        with self._lock:
            self._printer.write(message)
