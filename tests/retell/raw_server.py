"""A socket that misbehaves on purpose: it reads whole HTTP requests, counts them, and lets the test write the answer.

A behaviour takes the connection and returns whether to keep it open for the next request. The simulator is the honest
Retell; this is everything that can stand between it and us.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Behaviour = Callable[[socket.socket], bool]


@dataclass(slots=True)
class Received:
    """One request that arrived whole."""

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class RawServer:
    """The nth request gets the nth behaviour, later ones the last."""

    behaviours: tuple[Behaviour, ...]
    port: int = 0
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(connection, self.connections), daemon=True).start()

    def talk(self, connection: socket.socket, number: int) -> None:
        """Serve one connection to its end."""
        stream = connection.makefile("rb")
        try:
            while True:
                line = stream.readline().decode().strip()
                if not line:
                    break
                headers = {}
                while text := stream.readline().decode().strip():
                    name, _, value = text.partition(":")
                    headers[name.lower()] = value.strip()
                body = stream.read(int(headers.get("content-length", 0)))
                self.received.append(Received(number, line, headers, body))
                behave = self.behaviours[min(len(self.received), len(self.behaviours)) - 1]
                if not behave(connection):
                    break
        except OSError:
            pass
        finally:
            stream.close()
            connection.close()


@contextmanager
def raw_server(*behaviours: Behaviour) -> Iterator[RawServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = RawServer(behaviours, port=listener.getsockname()[1])
    threading.Thread(target=server.serve, args=(listener,), daemon=True).start()
    try:
        yield server
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def answer(
    status: int,
    body: Any = b"",
    *,
    headers: Mapping[str, str] | None = None,
    keep: bool = True,
    missing_bytes: int = 0,
) -> Behaviour:
    """A proper answer; with `missing_bytes` it promises more than it sends, and closes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(connection: socket.socket) -> bool:
        lines = {
            "Content-Type": "application/json",
            "Content-Length": str(len(data) + missing_bytes),
            **(headers or {}),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        connection.sendall(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + data)
        return keep and not missing_bytes

    return behave


def reset(connection: socket.socket) -> bool:
    """RST instead of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def hang_up(_connection: socket.socket) -> bool:
    """An orderly close instead of an answer."""
    return False


def silence(seconds: float) -> Behaviour:
    def behave(_connection: socket.socket) -> bool:
        time.sleep(seconds)
        return False

    return behave


def drip(head: bytes, *, every_seconds: float, total_seconds: float) -> Behaviour:
    """`head` at once, then one byte at a time: each read succeeds, the whole never ends."""

    def behave(connection: socket.socket) -> bool:
        connection.sendall(head)
        for _ in range(round(total_seconds / every_seconds)):
            time.sleep(every_seconds)
            connection.sendall(b"x")
        return False

    return behave
