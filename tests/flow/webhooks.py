"""Retell's webhooks in virtual time: what the simulator sends comes over HTTP, is checked, and becomes messages."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime

from speechai.operation.webhooks import note_event
from speechai.retell.events import read_event
from speechai.retell.signature import Verdict, judge
from speechai.retell.simulator import DEFAULT_API_KEY
from tests.simulator.receiver import Receiver

from .virtual import World


class Mail:
    """What the web service does with each delivery, in the world's own time; signatures carry the wall clock's."""

    def __init__(self, world: World, receiver: Receiver) -> None:
        self._world, self._receiver = world, receiver
        self.taken: Counter[str] = Counter()
        """Deliveries by the verdict on their signature, and polls that came forward as `poll`."""
        world.after_moving = self.collect

    def collect(self) -> None:
        """Waits for the answers to all that is due, then takes what came, in the order in which it came."""
        deadline = time.monotonic() + 20
        while self._world.simulator.webhooks_under_way():
            assert time.monotonic() < deadline, "a webhook is not delivered"
            time.sleep(0.001)
        while self._receiver.received:
            one = self._receiver.received.pop(0)
            body = one.body.encode()
            verdict = judge(body, one.signature, keys=[DEFAULT_API_KEY], now=datetime.now(UTC), window_seconds=300)
            self.taken[verdict] += 1
            event = read_event(body) if verdict is Verdict.VALID else None
            if event is not None:
                nudges = note_event(self._world.context.store, event)
                self.taken["poll"] += len(nudges)
                self._world.send(nudges)
