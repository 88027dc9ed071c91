"""What is struck when, drawn from a seed: kills, stops, pauses, wiped data, cut connections.

Enters a seed and how many strikes of each kind; leaves them in order, each with its target and how long it lasts. The
same seed gives the same strikes in the same order; what the processes do in between is theirs.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is done to a process or a connection; the values are those of --only."""

    WORKER_KILL = "worker-kill"
    WORKER_STOP = "worker-stop"
    WORKER_PAUSE = "worker-pause"
    BEAT_KILL = "beat-kill"
    BEAT_PAUSE = "beat-pause"
    REDIS_KILL = "redis-kill"
    REDIS_WIPE = "redis-wipe"
    REDIS_PAUSE = "redis-pause"
    REDIS_FULL = "redis-full"
    MONGO_KILL = "mongo-kill"
    MONGO_PAUSE = "mongo-pause"
    MONGO_SLOW = "mongo-slow"
    MONGO_CUT = "mongo-cut"
    RETELL_PAUSE = "retell-pause"


class Moment(StrEnum):
    """Where a connection to MongoDB is cut: before the write arrives, or once it is done and not yet answered."""

    BEFORE = "before"
    AFTER = "after"


WORKERS = ("dial", "dial", "dial", "poll", "poll", "poll", "work", "files", "follow", "web")
"""Those that calls depend on most are struck most."""
BEATS = ("beat", "beat-2")
TARGETS: dict[Kind, Sequence[str]] = {
    Kind.WORKER_KILL: WORKERS,
    Kind.WORKER_STOP: WORKERS,
    Kind.WORKER_PAUSE: WORKERS,
    Kind.BEAT_KILL: BEATS,
    Kind.BEAT_PAUSE: BEATS,
    Kind.REDIS_KILL: ("redis",),
    Kind.REDIS_WIPE: ("redis",),
    Kind.REDIS_PAUSE: ("redis",),
    Kind.REDIS_FULL: ("redis",),
    Kind.MONGO_KILL: ("mongo",),
    Kind.MONGO_PAUSE: ("mongo",),
    Kind.MONGO_SLOW: ("mongo",),
    Kind.MONGO_CUT: tuple(Moment),
    Kind.RETELL_PAUSE: ("retell",),
}
SECONDS: dict[Kind, tuple[float, float]] = {
    Kind.WORKER_KILL: (0.0, 1.0),
    Kind.WORKER_STOP: (0.0, 0.5),
    Kind.WORKER_PAUSE: (0.3, 12.0),
    Kind.BEAT_KILL: (0.0, 3.0),
    Kind.BEAT_PAUSE: (0.5, 6.0),
    Kind.REDIS_KILL: (0.0, 1.0),
    Kind.REDIS_WIPE: (0.0, 1.0),
    Kind.REDIS_PAUSE: (0.2, 4.0),
    Kind.REDIS_FULL: (0.5, 5.0),
    Kind.MONGO_KILL: (0.0, 1.0),
    Kind.MONGO_PAUSE: (0.2, 4.0),
    Kind.MONGO_SLOW: (0.5, 5.0),
    Kind.MONGO_CUT: (0.0, 0.0),
    Kind.RETELL_PAUSE: (0.2, 5.0),
}
"""How long the target stays down or paused: longer than a worker's lease and than a request's timeout at times."""
LONGEST_PAUSE_SECONDS = max(most for _, most in SECONDS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """One blow. `seconds` is how long the target stays down or paused, `gap_seconds` the wait before the next blow."""

    kind: Kind
    target: str
    seconds: float
    gap_seconds: float


def schedule_of(seed: int, *, each: int, kinds: Collection[Kind] = tuple(Kind), gap_seconds: float) -> list[Strike]:
    """`each` strikes of every kind in mixed order, on average `gap_seconds` apart."""
    chance = random.Random(f"{seed}|strikes")
    order = [kind for kind in Kind if kind in kinds for _ in range(each)]
    chance.shuffle(order)
    return [
        Strike(
            kind=kind,
            target=chance.choice(TARGETS[kind]),
            seconds=_drawn(chance, *SECONDS[kind]),
            gap_seconds=chance.uniform(0.0, 2 * gap_seconds),
        )
        for kind in order
    ]


def _drawn(chance: random.Random, least: float, most: float) -> float:
    """Mostly short, seldom near `most`: long outages would leave no time to call."""
    return least + (most - least) * chance.random() ** 2
