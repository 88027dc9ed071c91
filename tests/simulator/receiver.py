"""A small webhook receiver that keeps what it got."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    path: str
    body: str
    signature: str | None

    @property
    def event(self) -> str:
        return str(self.content["event"])

    @property
    def content(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.body)
        return loaded


@dataclass(kw_only=True)
class Receiver:
    """`statuses` are answered in turn, then 204; `pause_seconds` goes before each answer."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    pause_seconds: float = 0.0
    received: list[Received] = field(default_factory=list)

    def wait_for(self, count: int) -> list[Received]:
        wait_until(lambda: len(self.received) >= count)
        return self.received

    def events(self, count: int) -> list[str]:
        return [one.event for one in self.wait_for(count)]


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened in time"
        time.sleep(0.002)


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    turn = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            with turn:
                status = receiver.statuses.pop(0) if receiver.statuses else 204
                receiver.received.append(
                    Received(path=self.path, body=body, signature=self.headers.get("X-Retell-Signature"))
                )
            time.sleep(receiver.pause_seconds)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
