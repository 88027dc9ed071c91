"""The metrics page, on a listener of its own: the public port tells nothing, and a full one does not hide the figures.

Enters the outside world; leaves Prometheus's text at http://METRICS_ADDRESS:METRICS_PORT/metrics. A scrape is answered
within two seconds whatever is away: counts come from files, gauges from MongoDB and Redis with a deadline each, and
`speechai_up` says which of them has not answered. Started by `python -m speechai.web`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import structlog
from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from config.celery import ROUTES
from speechai import metrics
from speechai.catalogue.outcomes import Outcome
from speechai.catalogue.use_cases import load_use_cases
from speechai.operation.watching import GAUGES, Reading, read_all
from speechai.operation.webhooks import COUNTED
from speechai.store.connection import within
from speechai.web.outside import Outside
from tasks.waiting import waiting

log = structlog.get_logger(__name__)

STORE_SECONDS = 1.2
"""For all that one scrape asks of MongoDB."""
BROKER_SECONDS = 0.5
"""For connecting to Redis, and for its answer."""
SCRAPE_SECONDS = 1.6
"""For both, should one of them overrun its own bound."""
FRESH_SECONDS = 1.0
"""Scrapes that come closer together are told the same: many of them are no more work to MongoDB than one."""
IDLE_SECONDS = 5.0
"""For which a connection may say nothing."""


class Watch(Collector):
    """The gauges, asked for at most once a second."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside
        self._asks: dict[str, Callable[[], Iterable[Reading]]] = {"mongodb": self._database, "redis": self._broker}
        # A thread each: what hangs in one holds up neither the other nor a second thread at the next scrape.
        self._threads = {server: ThreadPoolExecutor(1, thread_name_prefix=f"watch-{server}") for server in self._asks}
        self._lock = threading.Lock()
        self._read: list[Reading] = []
        self._read_at = float("-inf")

    def collect(self) -> Iterable[Metric]:
        """Every gauge that is known, also of a server that failed half way."""
        with self._lock:
            if time.monotonic() - self._read_at > FRESH_SECONDS:
                self._read = list(self._ask())
                self._read_at = time.monotonic()
            read = self._read
        return [_family(name, [one for one in read if one.name == name]) for name in GAUGES]

    def _ask(self) -> Iterator[Reading]:
        deadline, asked = time.monotonic() + SCRAPE_SECONDS, []
        for server, ask in self._asks.items():
            found: list[Reading] = []
            asked.append((server, found, self._threads[server].submit(_fill, found, ask)))
        for server, found, done in asked:
            is_read = _is_read(server, done, deadline)
            # One that is too slow for the last questions is slow, not away.
            yield Reading(name="speechai_up", value=float(is_read or bool(found)), labels={"server": server})
            yield from tuple(found)

    def _database(self) -> Iterator[Reading]:
        outside = self._outside
        with within(STORE_SECONDS):
            yield from read_all(outside.store, outside.settings, outside.clock())

    def _broker(self) -> Iterator[Reading]:
        now = waiting(self._outside.settings.redis_url or "", timeout_seconds=BROKER_SECONDS)
        for queue, length in now.lengths.items():
            yield Reading(name="speechai_queue_length", value=length, labels={"queue": queue})
        yield Reading(name="speechai_unacknowledged", value=now.held)
        age = (self._outside.clock() - now.held_since).total_seconds() if now.held_since else 0.0
        yield Reading(name="speechai_unacknowledged_age_seconds", value=max(0.0, age))


def declare_known() -> None:
    """Every count whose labels are known begins at 0. After `metrics.share_counts`."""
    metrics.declare(
        outcomes=[outcome.value for outcome in Outcome], use_cases=load_use_cases(), tasks=ROUTES, webhooks=COUNTED
    )


def registry(outside: Outside) -> CollectorRegistry:
    """What a scrape tells: the counts of all processes of this host, and the gauges."""
    told = CollectorRegistry()
    told.register(metrics.counts_of_all())
    told.register(Watch(outside))
    return told


@contextmanager
def exposed(outside: Outside) -> Iterator[None]:
    """The metrics page, for the length of the context; none where METRICS_PORT is 0.

    A port that is taken (by another web process of this host, which tells the same) is logged and no more: webhooks
    are worth more than figures.
    """
    settings = outside.settings
    if not settings.metrics_port:
        yield
        return
    try:
        server = make_server(
            settings.metrics_address,
            settings.metrics_port,
            make_wsgi_app(registry(outside)),
            _Server6 if ":" in settings.metrics_address else _Server,
            _Handler,
        )
    except OSError as error:
        where = f"{settings.metrics_address}:{settings.metrics_port}"
        log.warning("this process shows no metrics", action="metrics", where=where, why=str(error))
        yield
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def server_bind(self) -> None:
        """Without the library's question to the DNS for its own name, which may hang."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = IDLE_SECONDS

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a scrape every few seconds is no news."""


def _fill(found: list[Reading], ask: Callable[[], Iterable[Reading]]) -> None:
    """One by one: what was read before a failure stands."""
    for reading in ask():
        found.append(reading)


def _is_read(server: str, done: Future[None], deadline: float) -> bool:
    try:
        done.result(max(0.0, deadline - time.monotonic()))
    except Exception as error:  # noqa: BLE001 - the boundary of the scrape: counts are told whatever a gauge meets
        done.cancel()
        why = str(error) or "no answer in time"
        log.warning("a server was not read for the metrics", action="scrape", server=server, why=why)
        return False
    return True


def _family(name: str, readings: Iterable[Reading]) -> Metric:
    gauge = GAUGES[name]
    family = GaugeMetricFamily(name, gauge.says, labels=list(gauge.labels))
    for reading in readings:
        family.add_metric([reading.labels[label] for label in gauge.labels], reading.value)
    return family
