"""One pair of embedded servers for all commands on one data folder: the first starts them, the last stops them.

Enters: a data folder, or settings without addresses. Leaves: addresses, for as long as the context is open, and the
note `embedded.json` from which `config.settings` of other commands reads them. The command line and the tests' fixtures
call this.

Two lock files do it. `locks/change` is held exclusively while somebody starts or stops servers, so these never
overlap. `locks/users` is held shared by everybody who uses them; whoever can turn it into an exclusive one is the
last. The kernel releases both when a command is killed, so that servers left behind are found by the next command,
which goes on with them. A server that dies while somebody uses it is started again at its own port, on its own data, by
`speechai up` or by whatever command comes first: those who know its address go on.
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
from speechai.embedded import leash, servers
from speechai.embedded.servers import MONGO, REDIS, Kind, Running
from speechai.embedded.supervising import in_words
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
            are_known = not _is_alone(users)
            # Before anything is started: a start that fails finds out on leaving whether others need the rest.
            fcntl.flock(users, fcntl.LOCK_SH)
            live |= {server.kind.name: server for server in _found(data_dir)}
            for kind in wanted:
                port = servers.port_of(kind, data_dir) if are_known else None
                live[kind.name] = _usable(kind, live.get(kind.name), data_dir, port)
            addresses = _write_note(data_dir, live.values(), are_known=are_known)
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


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerPost:
    """An embedded server that others know at `port`, whichever run of it: what a supervisor watches
    (`supervising.Supervised`)."""

    kind: Kind
    data_dir: Path
    port: int
    loss: str = ""
    """Both keep what they have acknowledged when their process is killed."""

    @property
    def name(self) -> str:
        return self.kind.title

    def ended(self) -> str | None:
        """Raises Unavailable where another command had to start it at another port."""
        if not servers.lives(self.kind, self.data_dir):
            return in_words(servers.exit_code(self.kind, self.data_dir))
        # None: its starter is about to write it down.
        if servers.port_of(self.kind, self.data_dir) not in (self.port, None):
            raise Unavailable(
                f"{self.name} ended by itself, and its port {self.port} was taken by others: it runs at another one "
                "now, which the processes do not know. Start again: nothing is lost."
            )
        return None

    def start_again(self, is_wanted: Callable[[], bool], /) -> bool:
        """On its own data and at its own port; False while another command starts or stops servers."""
        if not (self.data_dir / self.kind.name).is_dir():
            raise Unavailable(f"The data of {self.name} are gone: there is no folder {self.data_dir / self.kind.name}.")
        with _lock_files(self.data_dir) as (change, _):
            try:
                fcntl.flock(change, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if not servers.lives(self.kind, self.data_dir):
                servers.start_again(self.kind, self.data_dir, self.port, is_wanted)
                _write_note(self.data_dir, _found(self.data_dir), are_known=True)
            return True

    def last_words(self) -> str:
        return leash.tail(self.data_dir / "logs" / f"{self.kind.name}.log")


def posts_of(settings: Settings) -> list[ServerPost]:
    """The embedded servers that `settings` name, for a supervisor. Call it where they run."""
    noted = _noted(settings.data_dir)
    own = [kind for kind in KINDS if noted.get(SETTING[kind.name]) == getattr(settings, SETTING[kind.name]) is not None]
    posts = []
    for kind in own:
        port = servers.port_of(kind, settings.data_dir)
        if port is not None:
            posts.append(ServerPost(kind=kind, data_dir=settings.data_dir.absolute(), port=port))
    return posts


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


def _is_alone(users: TextIO) -> bool:
    """Whether nobody else uses the servers. The caller holds the change lock, and this one's state is then his own."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _usable(kind: Kind, running: Running | None, data_dir: Path, port: int | None) -> Running:
    """The live server if it answers; one that hangs is stopped and replaced, at `port` if it may be."""
    if running is not None:
        if any(kind.answers(running.address) for _ in range(3)):
            return running
        servers.stop(running, data_dir)
    return servers.start(kind, data_dir, port=port)


def _found(data_dir: Path) -> list[Running]:
    return [server for kind in KINDS if (server := servers.find(kind, data_dir)) is not None]


def _leave(change: TextIO, users: TextIO, data_dir: Path, known: Mapping[str, Running]) -> None:
    """Stop the servers if nobody else uses them. Runs also after a start that failed or was interrupted."""
    _take(change, data_dir)
    if not _is_alone(users):
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


def _write_note(data_dir: Path, running: Collection[Running], *, are_known: bool) -> Addresses:
    """Where the live servers are. `are_known`: others use them, so that one which has just died keeps its address."""
    addresses = {SETTING[server.kind.name]: server.address for server in running}
    before = _noted(data_dir) if are_known else {}
    kept = {setting: before[setting] for setting in SETTING.values() if setting in before}
    pids = {server.kind.name: server.pid for server in running}
    draft = data_dir / f"{EMBEDDED_NOTE}.{os.getpid()}"
    draft.write_text(json.dumps({**kept, **addresses, "pids": pids}, indent=2) + "\n")
    draft.replace(data_dir / EMBEDDED_NOTE)
    return Addresses(mongo_uri=addresses.get("mongo_uri"), redis_url=addresses.get("redis_url"))


def _noted(data_dir: Path) -> dict[str, str]:
    try:
        note = json.loads((data_dir / EMBEDDED_NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
