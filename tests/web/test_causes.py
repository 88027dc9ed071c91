"""A request's id: answered back, in the logs, in the message that it sends, and there still when that comes again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import redis
from celery import Celery

from tests.web.serving import Service, event, serving

if TYPE_CHECKING:
    from tasks.waiting import Waiting

OWN = "7f1c2d3e-aaaa-4000-8000-123456789012"


@pytest.fixture(autouse=True)
def empty_queue(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("REDIS_URL", service.redis_url)
    monkeypatch.setenv("MONGO_URI", "mongodb://127.0.0.1:1")
    with redis.Redis.from_url(service.redis_url) as broker:
        broker.delete("poll")
        yield
        broker.delete("poll")


def waiting_in(service: Service) -> Waiting:
    """What the metrics tell of the broker."""
    from tasks.waiting import waiting  # the package reads the environment

    return waiting(service.redis_url, timeout_seconds=5)


def cause_in_the_queue(service: Service) -> str:
    """What the one message of the queue names as its cause."""
    with redis.Redis.from_url(service.redis_url) as broker:
        (message,) = [json.loads(raw) for raw in broker.lrange("poll", 0, -1)]
    cause: str = message["headers"]["speechai_correlation_id"]
    return cause


def test_an_id_that_is_brought_goes_on_to_the_message_and_survives_its_redelivery(service: Service) -> None:
    answer = service.send(event("call_ended", service.attempt()), **{"X-Request-ID": OWN})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (204, OWN)
    assert cause_in_the_queue(service) == OWN
    with Celery(broker=service.redis_url).connection_for_read() as connection:
        message: Any = connection.channel().basic_get("poll")
        assert message.headers["task"] == "tasks.poll_call"
        before, now = waiting_in(service), datetime.now(UTC)
        assert (before.lengths["poll"], before.held) == (0, 1)
        assert before.held_since is not None
        assert abs(now - before.held_since) < timedelta(seconds=30)
        message.requeue()  # as for a worker that has died with it
    assert cause_in_the_queue(service) == OWN
    assert (waiting_in(service).lengths["poll"], waiting_in(service).held) == (1, 0)
    assert OWN in service.said()


@pytest.mark.parametrize("given", [None, "short", "56912345678", "a" * 65, "two words of it"])
def test_an_id_that_is_missing_or_malformed_is_made(service: Service, given: str | None) -> None:
    headers = {} if given is None else {"X-Request-ID": given}
    answer = service.send(event("call_ended", service.attempt()), **headers)
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-ID"])
    assert cause_in_the_queue(service) == answer.headers["X-Request-ID"]


def test_each_request_has_an_id_of_its_own_also_where_nothing_is_found(service: Service) -> None:
    answers = [service.get(path) for path in ("/health", "/health", "/ready", "/nowhere")]
    ids = {answer.headers["X-Request-ID"] for answer in answers}
    assert len(ids) == 4
    refused = service.send(event("call_ended", "a"), key="key_of_somebody_else")
    assert (refused.status_code, len(refused.headers["X-Request-ID"])) == (401, 32)


def test_the_public_port_tells_no_figures(service: Service) -> None:
    assert service.get("/metrics").status_code == 404


def test_a_port_that_is_taken_costs_the_figures_and_no_webhook(
    service: Service, environ: dict[str, str], tmp_path: Any
) -> None:
    taken = service.url.rpartition(":")[2]
    with serving(
        {**environ, "METRICS_PORT": taken}, store=service.store, redis_url=service.redis_url, log=tmp_path / "web.log"
    ) as second:
        assert second.send(event("call_ended", second.attempt())).status_code == 204
        assert "shows no metrics" in second.said()
