"""Concurrency and calls per second of the workspace.

Enters the calls that are accepted and stopped, leaves how many are live and whether one more may start. The server
asks before it accepts a create request.
"""

from __future__ import annotations

import heapq
from collections import deque

from speechai.retell.simulator.assumptions import Assumptions
from speechai.retell.simulator.calls import CallRecord, is_live
from speechai.retell.simulator.config import Limits


class LineUsage:
    """Which calls hold a line. Every instant given must not be before the one given last."""

    def __init__(self, limits: Limits, assumptions: Assumptions) -> None:
        self.limits = limits
        self._assumptions = assumptions
        self._open: dict[int, CallRecord] = {}
        self._ends: list[tuple[int, int]] = []
        self._starts: dict[str, deque[int]] = {}
        self.highest = 0

    def live(self, now_ms: int) -> int:
        """How many calls count against the limit."""
        self._drop_finished(now_ms)
        if self._assumptions.concurrency_counts_registered:
            return len(self._open)
        return sum(is_live(record, now_ms, self._assumptions) for record in self._open.values())

    def has_free_line(self, now_ms: int, *, kept_free: int = 0) -> bool:
        """Whether one more outbound call fits; `kept_free` slots are left to others (a batch's reservation)."""
        return self.live(now_ms) < self.limits.outbound_limit - kept_free

    def has_free_second(self, path: str, rate_now_ms: int) -> bool:
        """Whether the calls per second of a telephony path allow one more."""
        allowed = self.limits.calls_per_second
        if allowed is None:
            return True
        starts = self._starts.setdefault(path, deque())
        while starts and starts[0] <= rate_now_ms - 1_000:
            starts.popleft()
        return len(starts) < allowed

    def opened(self, record: CallRecord, *, path: str, rate_now_ms: int) -> None:
        """Count an accepted call."""
        if self.limits.calls_per_second is not None:
            self._starts.setdefault(path, deque()).append(rate_now_ms)
        self._open[record.sequence] = record
        self.schedule_end(record)
        self.highest = max(self.highest, len(self._open))

    def schedule_end(self, record: CallRecord) -> None:
        """Note the end of a call, again after stop-call moved it."""
        if record.timeline.ended_ms is not None:
            heapq.heappush(self._ends, (record.timeline.ended_ms, record.sequence))

    def _drop_finished(self, now_ms: int) -> None:
        while self._ends and self._ends[0][0] <= now_ms:
            _, sequence = heapq.heappop(self._ends)
            self._open.pop(sequence, None)
