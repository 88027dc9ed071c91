"""One pair of embedded servers for all commands on one data folder: the first starts them, the last stops them.

Enters: a data folder, or settings without addresses. Leaves: addresses, for as long as the context is open, and the
note `embedded.json` from which `config.settings` of other commands reads them. The command line and the tests' fixtures
call this.

Two lock files do it. `locks/change` is held exclusively while somebody starts or stops servers, so these never
overlap. `locks/users` is held shared by everybody who uses them; whoever can turn it into an exclusive one is the
last. The kernel releases both when a command is killed, so that servers left behind are found by the next command,
which goes on with them.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from config.settings import EMBEDDED_NOTE, Settings
from speechai.embedded import servers
from speechai.embedded.servers import MONGO, REDIS, Kind, Running
from speechai.errors import Unavailable

CHANGE_SECONDS = 2 * (servers.START_SECONDS + servers.STOP_SECONDS)
"""How long to wait for another command that is starting or stopping servers."""
KINDS = (MONGO, REDIS)
SETTING = {"mongo": "mongo_uri", "redis": "redis_url"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Addresses:
    """Where the servers listen; None for one that was not asked for and does not run."""

    mongo_uri: str | None
    redis_url: str | None


@contextmanager
def embedded_servers(data_dir: Path, *, mongo: bool = True, redis: bool = True) -> Iterator[Addresses]:
    """Servers for the length of the context, shared with every other context on the same folder, of any process.

    Raises:
        Unavailable: a server cannot be started, or the folder cannot be written; nothing is left running then,
            except what others use.
    """
    data_dir = data_dir.absolute()
    wanted = [kind for kind, asked in ((MONGO, mongo), (REDIS, redis)) if asked]
    live: dict[str, Running] = {}
    with _lock_files(data_dir) as (change, users):
        _take(change, data_dir)
        try:
            # Before anything is started: a start that fails finds out on leaving whether others need the rest.
            fcntl.flock(users, fcntl.LOCK_SH)
            live |= {server.kind.name: server for server in _found(data_dir)}
            for kind in wanted:
                live[kind.name] = _usable(kind, live.get(kind.name), data_dir)
            addresses = _write_note(data_dir, live.values())
            fcntl.flock(change, fcntl.LOCK_UN)
            yield addresses
        finally:
            _leave(change, users, data_dir, live)


@contextmanager
def addresses_for(settings: Settings) -> Iterator[Settings]:
    """`settings` with both addresses, from embedded servers where none is given.

    An address that comes from the note of another command counts as not given: this command then takes part in the
    sharing, and a note that a killed command left behind is replaced.

    Raises:
        Unavailable: as `embedded_servers`.
    """
    noted = _noted(settings.data_dir)
    missing = {name: getattr(settings, setting) in (None, noted.get(setting)) for name, setting in SETTING.items()}
    if not any(missing.values()):
        yield settings
        return
    with embedded_servers(settings.data_dir, mongo=missing["mongo"], redis=missing["redis"]) as addresses:
        yield settings.model_copy(
            update={SETTING[name]: getattr(addresses, SETTING[name]) for name, needed in missing.items() if needed}
        )


def watch_over(settings: Settings) -> Callable[[], None]:
    """A check for those whose children work with the servers: it raises Unavailable once one that `settings` name has
    ended by itself, also where another command has started it anew meanwhile, on another port."""
    noted = _noted(settings.data_dir)
    own = {kind: noted[name] for kind in KINDS if (name := SETTING[kind.name]) in noted}
    used = {kind: address for kind, address in own.items() if address == getattr(settings, SETTING[kind.name])}

    def check() -> None:
        for kind, address in used.items():
            now_noted = _noted(settings.data_dir).get(SETTING[kind.name])
            if not servers.lives(kind, settings.data_dir) or now_noted != address:
                log = settings.data_dir / "logs" / f"{kind.name}.log"
                raise Unavailable(f"{kind.title} has ended by itself; its log is {log}. Start again: nothing is lost.")

    return check


@contextmanager
def _lock_files(data_dir: Path) -> Iterator[tuple[TextIO, TextIO]]:
    """Both lock files, open for the whole use: leaving works even if somebody has deleted the folder meanwhile."""
    try:
        (data_dir / "locks").mkdir(parents=True, exist_ok=True)
        change = (data_dir / "locks" / "change").open("w")
    except OSError as error:
        raise Unavailable(
            f"The data folder {data_dir} cannot be used: {error.strerror}. "
            "Set DATA_DIR to a folder that can be written."
        ) from None
    with change, (data_dir / "locks" / "users").open("w") as users:
        yield change, users


def _take(change: TextIO, data_dir: Path) -> None:
    deadline = time.monotonic() + CHANGE_SECONDS
    while True:
        try:
            fcntl.flock(change, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Another command has been starting or stopping the servers of {data_dir} for more than "
                    f"{CHANGE_SECONDS:g} s. End it and try again."
                ) from None
            time.sleep(0.02)
        else:
            return


def _usable(kind: Kind, running: Running | None, data_dir: Path) -> Running:
    """The live server if it answers; one that hangs is stopped and replaced."""
    if running is not None:
        if any(kind.answers(running.address) for _ in range(3)):
            return running
        servers.stop(running, data_dir)
    return servers.start(kind, data_dir)


def _found(data_dir: Path) -> list[Running]:
    return [server for kind in KINDS if (server := servers.find(kind, data_dir)) is not None]


def _leave(change: TextIO, users: TextIO, data_dir: Path, known: Mapping[str, Running]) -> None:
    """Stop the servers if nobody else uses them. Runs also after a start that failed or was interrupted."""
    _take(change, data_dir)
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if not _is_still_ours(users, data_dir):
        # Somebody deleted the folder while the servers ran; what is in it now belongs to a later command.
        for server in known.values():
            servers.kill_child(server)
        return
    for server in _found(data_dir):
        servers.stop(server, data_dir)
    (data_dir / EMBEDDED_NOTE).unlink(missing_ok=True)


def _is_still_ours(users: TextIO, data_dir: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(users.fileno()), (data_dir / "locks" / "users").stat())
    except FileNotFoundError:
        return False


def _write_note(data_dir: Path, running: Collection[Running]) -> Addresses:
    addresses = {SETTING[server.kind.name]: server.address for server in running}
    pids = {server.kind.name: server.pid for server in running}
    draft = data_dir / f"{EMBEDDED_NOTE}.{os.getpid()}"
    draft.write_text(json.dumps({**addresses, "pids": pids}, indent=2) + "\n")
    draft.replace(data_dir / EMBEDDED_NOTE)
    return Addresses(mongo_uri=addresses.get("mongo_uri"), redis_url=addresses.get("redis_url"))


def _noted(data_dir: Path) -> dict[str, str]:
    try:
        note = json.loads((data_dir / EMBEDDED_NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
