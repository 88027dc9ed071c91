"""A batch of calls: queued, paced by the workspace's limits and kept to its time window.

Enters the orders of create-batch-call; leaves calls placed through the exchange like any other, carrying the batch's
id. Unlike single creates, a batch waits for a free line instead of being refused.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.orders import Order, Refusal

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_LAST_MINUTE = 1_440


@dataclass(frozen=True, kw_only=True, slots=True)
class CallWindow:
    """Half-open spans of minutes from local midnight, on the named days or on all."""

    spans: tuple[tuple[float, float], ...]
    zone: ZoneInfo
    days: frozenset[str]

    def is_open(self, at_ms: int) -> bool:
        local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        on_day = not self.days or _DAYS[local.weekday()] in self.days
        return on_day and any(start <= minute < end for start, end in self.spans)


def read_window(given: Any) -> CallWindow | Refusal | None:
    """The window of a batch request, None where it has none."""
    where = "request/body/call_time_window"
    if given is None:
        return None
    windows = given.get("windows") if isinstance(given, dict) else None
    if not isinstance(windows, list) or not windows:
        return Refusal(status=400, message=f"{where}/windows must NOT have fewer than 1 items", schema=True)
    try:
        spans = tuple((float(span["start"]), float(span["end"])) for span in windows)
        zone = ZoneInfo(given.get("timezone") or "America/Los_Angeles")
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError):
        return Refusal(status=400, message=f"{where} is invalid", schema=True)
    days = frozenset(given.get("day") or ())
    if not days <= set(_DAYS) or not all(0 <= start < end <= _LAST_MINUTE for start, end in spans):
        return Refusal(status=400, message=f"{where} is invalid", schema=True)
    return CallWindow(spans=spans, zone=zone, days=days)


class Batch:
    """The calls of one batch that are still to be placed."""

    def __init__(
        self, exchange: Exchange, orders: Iterable[Order], *, reserved: int, window: CallWindow | None
    ) -> None:
        self.batch_call_id = f"batch_call_{uuid.uuid4().hex[:20]}"
        self._exchange = exchange
        self._waiting = deque(orders)
        self._reserved = reserved
        self._window = window

    def place(self) -> None:
        """Place what the limits and the window allow now, and come back for the rest."""
        exchange = self._exchange
        now_ms = exchange.clock.now_ms()
        while self._waiting and (self._window is None or self._window.is_open(now_ms)):
            if exchange.over_limit(self._waiting[0], kept_free=self._reserved) is not None:
                break
            exchange.accept(self._waiting.popleft(), batch_call_id=self.batch_call_id)
        if self._waiting:
            exchange.agenda.at(now_ms + exchange.config.durations.batch_pause, self.place)
