"""A wire to MongoDB that breaks in the middle of a chosen write, whose fate the writer then does not know.

Enters the wire protocol, message by message; leaves it unchanged but for the n-th write of those counted, after which
the writer's connection is reset. A proxy around the store could only die before a write or after it; here the driver
itself meets the broken connection, with its pool and its repetitions.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from urllib.parse import urlsplit

import bson

WRITES = frozenset({"insert", "update", "delete", "findAndModify"})
_OP_MSG = 2013
_HEADER = 16
_FIRST_SECTION = 21
"""Behind the header, four bytes of flags and the kind of the section, which is 0: the command itself."""
_RESET = struct.pack("ii", 1, 0)


class Fate(StrEnum):
    """What became of the write that nobody was told of."""

    DONE = "done"
    LOST = "lost"
    """Half of the request arrived."""
    LATE = "late"
    """The request lies on the way until it is delivered, as where the server or the network stood still."""


class Wire:
    """Forwards to the MongoDB at `host:port`. One write after the other: it is for a single worker's thread."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._left, self._fate = 0, Fate.LOST
        self._on_the_way: list[tuple[socket.socket, bytes]] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, nth: int, fate: Fate) -> None:
        """The connection breaks at the `nth` write from now on, counted from 1."""
        self._left, self._fate = nth, fate

    @property
    def is_cut(self) -> bool:
        """Whether the write has come, and the connection is broken."""
        return self._left == 0

    def mend(self) -> None:
        """Nothing is cut any more."""
        self._left = 0

    def deliver(self) -> None:
        """What is longest on the way arrives, and the server has done it when this returns."""
        far, request = self._on_the_way.pop(0)
        with far:
            far.sendall(request)
            _message(far)

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone does not wake the thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        far = socket.create_connection(self._target)
        with near, suppress(OSError):
            while (request := _message(near)) is not None:
                if self._strikes(request):
                    self._break(near, far, request)
                    return
                far.sendall(request)
                near.sendall(_message(far) or b"")
        far.close()

    def _strikes(self, request: bytes) -> bool:
        if self._left <= 0 or _command(request) not in WRITES:
            return False
        self._left -= 1
        return self._left == 0

    def _break(self, near: socket.socket, far: socket.socket, request: bytes) -> None:
        if self._fate is Fate.LATE:
            self._on_the_way.append((far, request))
        else:
            with far:
                far.sendall(request if self._fate is Fate.DONE else request[: len(request) // 2])
                if self._fate is Fate.DONE:
                    _message(far)
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        near.close()


def _message(end: socket.socket) -> bytes | None:
    """One whole message; None where the other side has gone."""
    head = _exactly(end, _HEADER)
    rest = _exactly(end, struct.unpack_from("<i", head)[0] - _HEADER) if head else b""
    return head + rest if rest else None


def _exactly(end: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = end.recv(size - len(found))
        if not part:
            return b""
        found += part
    return found


def _command(request: bytes) -> str | None:
    if struct.unpack_from("<i", request, 12)[0] != _OP_MSG or request[_FIRST_SECTION - 1] != 0:
        return None
    (size,) = struct.unpack_from("<i", request, _FIRST_SECTION)
    return str(next(iter(bson.decode(request[_FIRST_SECTION : _FIRST_SECTION + size]))))


@contextmanager
def wire_to(mongo_uri: str) -> Iterator[tuple[Wire, str]]:
    """A wire to the server of `mongo_uri`, and the address at which its near end is."""
    parts = urlsplit(mongo_uri)
    wire = Wire(parts.hostname or "127.0.0.1", parts.port or 27017)
    # A member of a replica set tells its own address, at which the driver would go around the wire; and a server that
    # tells of itself unasked would speak out of turn.
    options = "directConnection=true&serverMonitoringMode=poll"
    query = f"{parts.query}&{options}" if parts.query else options
    netloc = parts.netloc.replace(parts.netloc.rpartition("@")[2], f"127.0.0.1:{wire.port}")
    try:
        yield wire, parts._replace(netloc=netloc, path=parts.path or "/", query=query).geturl()
    finally:
        wire.close()
