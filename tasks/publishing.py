"""Publishing for a process that has to answer somebody soon: the web service.

`tasks.app.send` is patient and then leaves the rest to the sweep. Here a broker that is away or hangs is an error
within a known time, so that the caller can say so and be asked again.
"""

from __future__ import annotations

from collections.abc import Iterable

import redis
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from kombu.pools import ProducerPool

from config.celery import celery_settings
from config.settings import Settings
from speechai import metrics
from speechai.errors import Unavailable
from speechai.operation.nudges import Nudge
from tasks.app import app, message_of


class Publisher:
    """Connections of its own to the broker, for so many threads at the same time.

    Each answer of the broker is waited for `timeout_seconds`, and nothing is repeated: a message takes one answer on a
    connection that stands and about three on a new one. Nothing is connected before the first message.
    """

    def __init__(self, settings: Settings, *, timeout_seconds: float, threads: int) -> None:
        celery = celery_settings(settings)
        options = {
            **celery["broker_transport_options"],
            "socket_timeout": timeout_seconds,
            "socket_connect_timeout": timeout_seconds,
            "max_retries": 0,
        }
        self._url, self._timeout_seconds = celery["broker_url"], timeout_seconds
        connections = Connection(self._url, transport_options=options).Pool(limit=threads)
        self._producers = ProducerPool(connections, limit=threads)

    def publish(self, nudges: Iterable[Nudge]) -> None:
        """Sends what should happen next. Raises Unavailable; some of it may have been sent all the same."""
        name = ""
        try:
            for nudge in nudges:
                name, args, options = message_of(nudge)
                with self._producers.acquire(block=True, timeout=self._timeout_seconds) as producer:
                    app.send_task(name, args=args, producer=producer, retry=False, **options)
        except (OperationalError, redis.RedisError, OSError) as error:
            metrics.count_unsent(name)
            raise Unavailable(f"the broker took no message: {error}") from None

    def ping(self) -> None:
        """Asks the broker for an answer. Raises Unavailable."""
        try:
            with redis.Redis.from_url(
                self._url,
                socket_timeout=self._timeout_seconds,
                socket_connect_timeout=self._timeout_seconds,
                retry=None,
            ) as client:
                client.ping()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"the broker does not answer: {error}") from None

    def close(self) -> None:
        """Gives the connections up."""
        self._producers.force_close_all()
        self._producers.connections.force_close_all()
