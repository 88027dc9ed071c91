"""A running web service, what is sent to it, and what it publishes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import requests

from speechai.core.model import AttemptState
from speechai.retell.signature import SIGNATURE_HEADER, sign
from speechai.store import attempts
from speechai.store.connection import Store
from tests.ports import quiet_port
from tests.store.making import make_attempt

KEY, OLD_KEY = "key_with_the_webhook_badge", "key_that_had_it_before"
AT_ONCE = 3.0
"""Seconds: a second is promised; a machine that runs other tests beside this one gets two more. Nothing that is
unbounded comes back so soon: the broker's own time-out is 10 s, the database's 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """A message of `tasks.poll_call` in the broker; `eta` is None for one that is due at once."""

    attempt_id: str
    number: int
    eta: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service; `store` and `redis_url` are those behind it, reached directly."""

    url: str
    store: Store
    redis_url: str
    log: Path
    metrics_url: str
    process: subprocess.Popen[bytes]

    def send(
        self, body: bytes | Mapping[str, Any], *, key: str = KEY, age_seconds: float = 0.0, **headers: str
    ) -> requests.Response:
        """Posts an event as Retell does, signed `age_seconds` ago."""
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        signature = sign(content, key=key, timestamp_ms=round((time.time() - age_seconds) * 1000))
        return self.post(content, {SIGNATURE_HEADER: signature, **headers})

    def post(self, body: Any, headers: Mapping[str, str]) -> requests.Response:
        return requests.post(
            f"{self.url}/webhooks/retell",
            data=body,
            headers={"Content-Type": "application/json", **headers},
            timeout=20,
        )

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=20)

    def attempt(self, state: AttemptState = AttemptState.LIVE, **changes: Any) -> str:
        """The id of a new attempt in `state`; its call is `call_of` that id, where Retell has told it."""
        attempt_id = uuid.uuid4().hex
        attempts.record(self.store, make_attempt(id=attempt_id, **changes))
        fields: dict[str, Any] = {"state": state.value}
        if state not in (AttemptState.PLACING, AttemptState.UNKNOWN):
            fields["call_id"] = call_of(attempt_id)
        self.store.attempts.update_one({"_id": attempt_id}, {"$set": fields})
        return attempt_id

    def polls(self, attempt_id: str) -> list[Poll]:
        """The messages for one attempt that wait in the broker, the first first."""
        with redis.Redis.from_url(self.redis_url) as broker:
            messages = [json.loads(raw) for raw in reversed(broker.lrange("poll", 0, -1))]
        found = []
        for message in messages:
            assert message["headers"]["task"] == "tasks.poll_call"
            (about, number), _, _ = json.loads(base64.b64decode(message["body"]))
            found.append(Poll(attempt_id=about, number=number, eta=message["headers"]["eta"]))
        return [poll for poll in found if poll.attempt_id == attempt_id]

    def said(self) -> str:
        """What it has logged so far."""
        return self.log.read_text()


def call_of(attempt_id: str) -> str:
    return f"call_{attempt_id}"


def event(name: str, attempt_id: str, *, call_id: str | None = None, **call: Any) -> dict[str, Any]:
    """A webhook's body as Retell sends it; what it says of the call's state is wrong on purpose."""
    told = {"call_id": call_id or call_of(attempt_id), "call_status": "registered", **call}
    return {"event": name, "call": {**told, "metadata": {"attempt_id": attempt_id}}, "event_timestamp": 1}


@contextmanager
def serving(
    environ: Mapping[str, str], *, store: Store, redis_url: str, log: Path, port: int | None = None
) -> Iterator[Service]:
    """The process `python -m speechai.web`, from its first answer to the end of the context; `port` None: any."""
    port = port or quiet_port()
    metrics_port = environ.get("METRICS_PORT", "0")  # 0: none
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "speechai.web"],
            env={**environ, "WEB_PORT": str(port), "METRICS_PORT": metrics_port},
            stdout=output,
            stderr=output,
        )
    service = Service(
        url=f"http://127.0.0.1:{port}",
        store=store,
        redis_url=redis_url,
        log=log,
        metrics_url=f"http://127.0.0.1:{metrics_port}/metrics",
        process=process,
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                service.get("/health")
            except requests.ConnectionError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the service does not answer"
                time.sleep(0.05)
            else:
                break
        yield service
    finally:
        process.terminate()
        process.wait(30)
