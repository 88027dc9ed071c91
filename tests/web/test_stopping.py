"""SIGTERM while a webhook arrives: it is taken to its end and answered, and the process ends with 0."""

from __future__ import annotations

import json
import signal
import socket
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pymongo
import pytest

from config.settings import load_settings
from speechai.retell.signature import SIGNATURE_HEADER, sign
from speechai.store.connection import open_store
from speechai.store.indexes import create_indexes
from tests.web.serving import KEY, Poll, event, serving


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_webhook_that_is_under_way_is_answered_and_followed_by_its_poll(
    environ: dict[str, str],
    mongo_client: pymongo.MongoClient[dict[str, object]],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    store = open_store(mongo_client, load_settings(environ))
    create_indexes(store)
    with serving(environ, store=store, redis_url=environ["REDIS_URL"], log=tmp_path / "web.log") as service:
        attempt_id = service.attempt()
        body = json.dumps(event("call_ended", attempt_id)).encode()
        address = urlsplit(service.url)
        with closing(socket.create_connection((address.hostname, address.port))) as connection:
            head = [
                "POST /webhooks/retell HTTP/1.1",
                f"Host: {address.netloc}",
                f"Content-Length: {len(body)}",
                f"{SIGNATURE_HEADER}: {sign(body, key=KEY, timestamp_ms=round(time.time() * 1000))}",
            ]
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body[:20])
            time.sleep(0.3)
            service.process.send_signal(number)
            time.sleep(0.5)
            assert service.process.poll() is None, "it waits for the rest"
            connection.sendall(body[20:])
            connection.settimeout(20)
            answer = connection.recv(1_000)
        assert answer.startswith(b"HTTP/1.1 204")
        assert service.process.wait(20) == 0
        assert service.polls(attempt_id) == [Poll(attempt_id=attempt_id, number=0, eta=None)]
