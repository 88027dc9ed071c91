"""What the server has to do at a simulated instant: deliver a webhook, place the next call of a batch.

A heap of callbacks and one timer of the event loop. A manual clock has no pace: after `advance` the server calls
`run_due`, which runs everything whose time has come in the order of its time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable

from speechai.retell.simulator.clock import SimulatorClock


class Agenda:
    """Callbacks by simulated instant; belongs to the thread of its event loop."""

    def __init__(self, clock: SimulatorClock, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = clock
        self._loop = loop
        self._entries: list[tuple[int, int, Callable[[], None]]] = []
        self._added = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0

    def at(self, due_ms: int, action: Callable[[], None]) -> None:
        """Run `action` once at a simulated instant, or as soon as possible after it."""
        self._added += 1
        heapq.heappush(self._entries, (due_ms, self._added, action))
        self._arm()

    def run_due(self) -> None:
        """Run what is due now; what that adds for a later instant waits."""
        now_ms = self._clock.now_ms()
        while self._entries and self._entries[0][0] <= now_ms:
            heapq.heappop(self._entries)[2]()
        self._arm()

    def clear(self) -> None:
        self._entries.clear()
        self._disarm()

    def _arm(self) -> None:
        if not self._entries:
            return
        due_ms = self._entries[0][0]
        wait_ms = due_ms - self._clock.now_ms()
        if self._clock.manual and wait_ms > 0:
            return
        if self._timer is not None and self._timer_ms <= due_ms:
            return
        self._disarm()
        self._timer_ms = due_ms
        # A millisecond more, because the loop's clock may fire a little early.
        self._timer = self._loop.call_later(max(self._clock.real_seconds(wait_ms), 0) + 0.001, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.run_due()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
