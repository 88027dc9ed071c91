"""A gate in front of a server: open, frozen (connections stand and nothing passes) or shut (refused and broken)."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Gate:
    """Forwards TCP to `host:port`. Each change holds for connections that stand as well as for new ones."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._open, self._closing = threading.Event(), threading.Event()
        self._pairs: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self.port = 0
        self.open()

    def open(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()
        self._open.set()

    def freeze(self) -> None:
        self._open.clear()

    def shut(self) -> None:
        if self._listener is not None:
            # Closing alone does not wake the thread that accepts.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for end in self._pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def close(self) -> None:
        self._closing.set()
        self._open.set()
        self.shut()

    def _accept(self, listener: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(self._target)
            self._pairs += [near, far]
            threading.Thread(target=self._forward, args=(near, far), daemon=True).start()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, selectors.DefaultSelector() as ready, suppress(OSError):
            ready.register(near, selectors.EVENT_READ, far)
            ready.register(far, selectors.EVENT_READ, near)
            while not self._closing.is_set():
                for key, _ in ready.select(0.2):
                    self._open.wait()
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                    if not data:
                        return
                    key.data.sendall(data)


@contextmanager
def gate(host: str, port: int) -> Iterator[Gate]:
    one = Gate(host, port)
    try:
        yield one
    finally:
        one.close()
