"""MongoDB or the broker away or hanging: 503 soon, so that Retell asks again, and all is well once they are back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pymongo
import pytest
import redis
import requests

from config.settings import load_settings
from speechai.store.connection import open_store
from speechai.store.indexes import create_indexes
from tests.ports import quiet_port
from tests.web.gate import Gate, gate
from tests.web.serving import AT_ONCE, Service, event, serving

SHUT, FREEZE = Gate.shut, Gate.freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class Fenced:
    """A service that reaches its two servers through gates."""

    service: Service
    gates: dict[str, Gate]

    @property
    def is_ready(self) -> bool:
        return self.service.get("/ready").status_code == 200


@pytest.fixture(scope="module")
def fenced(
    environ: dict[str, str], mongo_client: pymongo.MongoClient[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fenced]:
    mongo, broker = urlsplit(environ["MONGO_URI"]), urlsplit(environ["REDIS_URL"])
    store = open_store(mongo_client, load_settings(environ))
    create_indexes(store)
    with (
        gate(mongo.hostname or "", mongo.port or 27017) as to_mongo,
        gate(broker.hostname or "", broker.port or 6379) as to_broker,
    ):
        # A member of a replica set tells its own address, at which the driver would go around the gate.
        direct = "&directConnection=true" if mongo.query else "?directConnection=true"
        mongo_uri = environ["MONGO_URI"] + direct
        through = {
            "MONGO_URI": mongo_uri.replace(mongo.netloc.rpartition("@")[2], f"127.0.0.1:{to_mongo.port}"),
            "REDIS_URL": environ["REDIS_URL"].replace(broker.netloc.rpartition("@")[2], f"127.0.0.1:{to_broker.port}"),
        }
        log = Path(tmp_path_factory.mktemp("fenced")) / "web.log"
        shown = {"METRICS_PORT": str(quiet_port())}
        with serving({**environ, **through, **shown}, store=store, redis_url=environ["REDIS_URL"], log=log) as service:
            yield Fenced(service=service, gates={"mongodb": to_mongo, "broker": to_broker})


@pytest.fixture(autouse=True)
def mended(fenced: Fenced) -> Iterator[None]:
    """Every test begins and ends with both gates open and the service ready."""
    wait_until(lambda: fenced.is_ready)
    yield
    for one in fenced.gates.values():
        one.open()


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it has not come back"
        time.sleep(0.1)


@pytest.mark.parametrize("fail", [SHUT, FREEZE], ids=["away", "hanging"])
@pytest.mark.parametrize("part", ["mongodb", "broker"])
def test_a_server_that_does_not_answer_is_told_to_retell_at_once(
    fenced: Fenced, part: str, fail: Callable[[Gate], None]
) -> None:
    service, attempt_id = fenced.service, fenced.service.attempt()
    service.send(event("call_started", attempt_id))  # connections stand
    fail(fenced.gates[part])
    for _ in range(3):
        started = time.monotonic()
        answer = service.send(event("call_ended", attempt_id))
        assert time.monotonic() - started < AT_ONCE
        assert (answer.status_code, answer.content) == (503, b"")
    started = time.monotonic()
    ready = service.get("/ready")
    assert time.monotonic() - started < AT_ONCE
    other = {"mongodb": "broker", "broker": "mongodb"}[part]
    assert (ready.status_code, ready.json()) == (503, {"status": "unavailable", part: "unavailable", other: "ok"})
    assert service.get("/health").status_code == 200

    fenced.gates[part].open()
    wait_until(lambda: service.send(event("call_ended", attempt_id)).status_code == 204)
    assert {poll.number for poll in service.polls(attempt_id)} == {0}
    assert "Traceback" not in service.said()


@pytest.mark.parametrize("part", ["mongodb", "broker"])
def test_a_crowd_before_a_server_that_hangs_waits_no_longer_than_one(fenced: Fenced, part: str) -> None:
    """More requests than threads: those behind are told in time, and no thread is lost."""
    service, attempt_id = fenced.service, fenced.service.attempt()
    fenced.gates[part].freeze()

    def send() -> tuple[int, float]:
        started = time.monotonic()
        return service.send(event("call_ended", attempt_id)).status_code, time.monotonic() - started

    with ThreadPoolExecutor(60) as crowd:
        answers = list(crowd.map(lambda _: send(), range(120)))
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < AT_ONCE
    fenced.gates[part].open()
    wait_until(lambda: fenced.is_ready)
    with ThreadPoolExecutor(20) as crowd:
        assert {status for status, _ in crowd.map(lambda _: send(), range(60))} == {204}


def test_a_broker_that_is_full_is_told_to_retell_at_once(fenced: Fenced, redis_server: str) -> None:
    service, attempt_id = fenced.service, fenced.service.attempt()
    with redis.Redis.from_url(redis_server) as broker:
        broker.config_set("maxmemory", 1)
        try:
            started = time.monotonic()
            answer = service.send(event("call_ended", attempt_id))
            assert time.monotonic() - started < AT_ONCE
            assert (answer.status_code, answer.content) == (503, b"")
        finally:
            broker.config_set("maxmemory", 0)
    assert service.send(event("call_ended", attempt_id)).status_code == 204
    assert "Traceback" not in service.said()


def test_a_refused_signature_needs_no_server(fenced: Fenced) -> None:
    for one in fenced.gates.values():
        one.shut()
    assert fenced.service.send(event("call_ended", "a"), key="key_of_somebody_else").status_code == 401


@pytest.mark.parametrize("fail", [SHUT, FREEZE], ids=["away", "hanging"])
@pytest.mark.parametrize("part", ["mongodb", "broker"])
def test_a_scrape_tells_at_once_who_is_away_and_what_is_known(
    fenced: Fenced, part: str, fail: Callable[[Gate], None]
) -> None:
    server = {"mongodb": "mongodb", "broker": "redis"}[part]
    wait_until(lambda: f'speechai_up{{server="{server}"}} 1.0' in scrape(fenced))
    fail(fenced.gates[part])
    time.sleep(1.1)  # beyond what a scrape remembers
    for _ in range(2):
        started = time.monotonic()
        told = scrape(fenced)
        assert time.monotonic() - started < AT_ONCE
        assert f'speechai_up{{server="{server}"}} 0.0' in told
        assert 'speechai_calls_total{result="placed"}' in told, "counts need no server"
        assert ("speechai_lines_limit" in told) is (part == "broker")
        assert ("speechai_queue_length" in told) is (part == "mongodb")
        time.sleep(1.1)
    other = {"mongodb": "redis", "redis": "mongodb"}[server]
    assert f'speechai_up{{server="{other}"}} 1.0' in told

    fenced.gates[part].open()
    wait_until(lambda: f'speechai_up{{server="{server}"}} 1.0' in scrape(fenced))


def scrape(fenced: Fenced) -> str:
    """The samples of the metrics page, without what describes them."""
    text = requests.get(fenced.service.metrics_url, timeout=20).text
    return "\n".join(line for line in text.splitlines() if not line.startswith("#"))
