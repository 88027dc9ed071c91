"""A customer's receiver of follow-ups: checks every signature, takes some requests at the second try only.

A real HTTP server in a thread; `taken` is what it has taken, as the checker of law 8 reads it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

SECRET = "a secret of the month"
REFUSED_FIRST = 7
"""Every so-maniest request is answered with 503 the first time."""
BROKEN_OFF = 0
"""In place of a status: the connection ends without an answer."""


class Receiver:
    """What came in. `tries` counts the requests by key, `unsigned` those whose signature was wrong."""

    def __init__(self) -> None:
        self.url = ""
        self.taken: list[dict[str, Any]] = []
        self.tries: Counter[str] = Counter()
        self.unsigned = 0

    def answer(self, key: str, signature: str, body: bytes) -> int:
        """The status for one request."""
        fields = dict(part.split("=", 1) for part in signature.split(","))
        expected = hmac.new(SECRET.encode(), f"{fields['t']}.".encode() + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, fields["v1"]):
            self.unsigned += 1
            return 401
        self.tries[key] += 1
        return self.decide(key, body)

    def decide(self, key: str, body: bytes) -> int:
        """The status for a request whose signature is right."""
        if self.tries[key] == 1 and len(self.tries) % REFUSED_FIRST == 0:
            return 503
        return self.take(key, body)

    def take(self, key: str, body: bytes) -> int:
        """Notes that the request was taken."""
        content = json.loads(body)
        digest = hashlib.sha256(body).hexdigest()
        self.taken.append(
            {"key": key, "attempt_id": content["attempt_id"], "action": content["action"], "body": digest}
        )
        return 204


@contextmanager
def running_receiver(receiver: Receiver | None = None) -> Iterator[Receiver]:
    """The receiver (a new one if none is given) answers for the length of a `with` block."""
    receiver = receiver or Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.answer(self.headers["Idempotency-Key"], self.headers["X-SpeechAI-Signature"], body)
            if status == BROKEN_OFF:
                self.close_connection = True
                return
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/follow-ups"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
