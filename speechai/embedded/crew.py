"""The processes of one data folder as a crew: started together, started again one by one, stopped together.

Enters a command line a process; leaves running processes, each with its output in a pipe or a file. `processes.py`
calls this, and decides what an end of one of them means.

One crew a data folder: a second one is refused, and processes that a killed command left behind are stopped first.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from speechai.embedded import leash
from speechai.embedded.supervising import in_words
from speechai.errors import Unavailable

GRACE_SECONDS = 30.0
"""Between SIGTERM and SIGKILL: above the workers' own soft shutdown (20 s)."""
LAST_LINES = 15
_HEARD_SECONDS = 1.0
"""For the rest of what a process said to be read, once it has ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One run of one process; `log` is None where its output is read from a pipe, by whoever fills `said`."""

    name: str
    process: subprocess.Popen[bytes]
    state: Path
    log: Path | None
    said: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    heard: threading.Event = field(default_factory=threading.Event)
    """Set once the pipe is read to its end."""

    def last_words(self) -> str:
        """The end of its output, indented."""
        if self.log is not None:
            return leash.tail(self.log, lines=LAST_LINES)
        self.heard.wait(_HEARD_SECONDS)
        return leash.indented(self.said)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where the processes run; `log_dir` None: their output is piped."""

    environ: Mapping[str, str]
    cwd: Path
    data_dir: Path
    log_dir: Path | None


class Crew:
    """All running processes. `on_start` is told of every new run."""

    def __init__(
        self, commands: Mapping[str, str], place: Place, *, on_start: Callable[[Member], None] = lambda _: None
    ) -> None:
        self._commands, self._place, self._on_start = commands, place, on_start
        self._members: dict[str, Member] = {}

    @property
    def members(self) -> tuple[Member, ...]:
        """The latest run of each."""
        return tuple(self._members.values())

    def __getitem__(self, name: str) -> Member:
        return self._members[name]

    def check(self) -> None:
        """Raises Unavailable, with the end of its log, when a process has ended by itself."""
        for member in self.members:
            if (code := member.process.poll()) is not None:
                said = f"\nThe end of {member.log}:\n{member.last_words()}" if member.log else ""
                raise Unavailable(f"The process {member.name} ended by itself with {in_words(code)}.{said}")

    def start(self, name: str) -> None:
        """A new run. What the one before has left behind, such as a dead worker's children, is ended first: it would
        hold ports, and go on with a task that the new run may take. Raises Unavailable where either is refused."""
        before = self._members.get(name)
        if before is not None:
            leash.end(before.state, before.process.pid, grace_seconds=0)
        place, state = self._place, self._place.data_dir / "locks" / f"crew-{name}"
        log = place.log_dir / f"{name}.log" if place.log_dir else None
        with ExitStack() as stack:
            output = stack.enter_context(log.open("wb")) if log else subprocess.PIPE
            # The shell is replaced by the process, so that SIGTERM reaches the worker and not only its shell.
            shell = ["/bin/sh", "-c", f"exec {self._commands[name]}"]
            try:
                process = leash.launch(
                    shell, state, output=output, cwd=place.cwd.absolute(), environ=place.environ, facts={}
                )
            except BlockingIOError:
                raise Unavailable(f"What is left of {name} cannot be ended: it holds {state}.") from None
            except OSError as error:
                raise Unavailable(f"{name} cannot be started: {error.strerror}.") from None
        self._members[name] = Member(name=name, process=process, state=state, log=log)
        self._on_start(self._members[name])

    def stop(self, hurry: threading.Event) -> None:
        """SIGTERM to all, a grace, SIGKILL to what is left; `hurry` ends the grace."""
        try:
            for member in self.members:
                if member.process.poll() is None:
                    member.process.terminate()
            deadline = time.monotonic() + GRACE_SECONDS
            while any(member.process.poll() is None for member in self.members) and time.monotonic() < deadline:
                if hurry.wait(0.05):
                    break
        finally:
            # Also the children of a worker that has died without them, and everything after a second Ctrl-C.
            for member in self.members:
                leash.end(member.state, member.process.pid, grace_seconds=0)
                with suppress(subprocess.TimeoutExpired):
                    member.process.wait(timeout=leash.KILL_SECONDS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """One process of a crew, whichever run of it: what a supervisor watches (`supervising.Supervised`)."""

    crew: Crew
    name: str
    loss: str = ""

    def ended(self) -> str | None:
        code = self.crew[self.name].process.poll()
        return None if code is None else in_words(code)

    def start_again(self, _is_wanted: Callable[[], bool], /) -> bool:
        """Waits for nothing: a process that is not ready yet gets its messages later."""
        self.crew.start(self.name)
        return True

    def last_words(self) -> str:
        return self.crew[self.name].last_words()


@contextmanager
def running_crew(crew: Crew, commands: Mapping[str, str], data_dir: Path, *, hurry: threading.Event) -> Iterator[Crew]:
    """All of `commands` for the length of the context.

    Raises Unavailable: another command runs the processes of this data folder.
    """
    with _sole_crew(data_dir):
        _stop_leftovers(data_dir)
        try:
            for name in commands:
                crew.start(name)
            yield crew
        finally:
            crew.stop(hurry)


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
