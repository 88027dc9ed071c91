"""What waits in the broker: how long each queue is, and what workers hold.

Enters the broker's address; leaves figures by one round trip. Called at every scrape by the web process. The keys are
those of kombu's Redis transport.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import redis

from config.celery import QUEUES
from speechai.errors import Unavailable

_HELD, _HELD_SINCE = "unacked", "unacked_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Messages at one moment."""

    lengths: Mapping[str, int]
    """By queue."""
    held: int
    """Taken by a worker and not acknowledged: at work, or counting down."""
    held_since: datetime | None
    """When the oldest of them was taken (aware UTC)."""


def waiting(url: str, *, timeout_seconds: float) -> Waiting:
    """What waits now; connecting and asking are bounded by `timeout_seconds` each. Raises Unavailable."""
    try:
        with redis.Redis.from_url(
            url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=None
        ) as client:
            asked = client.pipeline(transaction=False)
            for queue in QUEUES:
                asked.llen(queue)
            asked.hlen(_HELD)
            asked.zrange(_HELD_SINCE, 0, 0, withscores=True)
            *lengths, held, oldest = asked.execute()
    except (redis.RedisError, OSError) as error:
        raise Unavailable(f"the broker does not answer: {error}") from None
    since = datetime.fromtimestamp(oldest[0][1], UTC) if oldest else None
    return Waiting(lengths=dict(zip(QUEUES, lengths, strict=True)), held=held, held_since=since)
