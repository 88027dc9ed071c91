"""The simulator's time: runs `factor` times as fast as the wall clock, or stands still until a test moves it.

Everything the simulator does is planned on this clock in milliseconds since the epoch (UTC). The server asks `now_ms`
and turns simulated waits into real ones with `real_seconds`; nothing else in the package reads a clock.
"""

from __future__ import annotations

import time
from datetime import datetime

from speechai.errors import ConfigurationError


def real_now_ms() -> int:
    """Milliseconds since the epoch on the wall clock."""
    return time.time_ns() // 1_000_000


class SimulatorClock:
    """Simulated milliseconds since the epoch.

    `start_at` (aware) is the simulated instant at construction, None is the present. A manual clock only moves by
    `advance`. A running clock can be advanced too: it jumps ahead and runs on.

    Raises:
        ConfigurationError: a factor that is not positive, or a start without time zone.
    """

    def __init__(self, *, factor: float = 1.0, start_at: datetime | None = None, manual: bool = False) -> None:
        if factor <= 0:
            raise ConfigurationError(f"clock factor {factor}: must be above 0 (1 is real time, 60 a minute a second)")
        if start_at is not None and start_at.tzinfo is None:
            raise ConfigurationError(f"clock start {start_at.isoformat()}: needs a time zone")
        self.factor = factor
        self.manual = manual
        self._start_ms = real_now_ms() if start_at is None else round(start_at.timestamp() * 1000)
        self._started = time.monotonic()
        self._advanced_ms = 0

    def now_ms(self) -> int:
        if self.manual:
            return self._start_ms + self._advanced_ms
        elapsed = (time.monotonic() - self._started) * 1000 * self.factor
        return self._start_ms + self._advanced_ms + int(elapsed)

    def advance(self, milliseconds: int) -> int:
        """Move ahead by simulated milliseconds; returns the new instant.

        Raises:
            ConfigurationError: a negative step; the clock never goes back.
        """
        if milliseconds < 0:
            raise ConfigurationError(f"advance_ms {milliseconds}: the clock only moves ahead")
        self._advanced_ms += milliseconds
        return self.now_ms()

    def real_seconds(self, milliseconds: float) -> float:
        """How long a simulated wait lasts on the wall clock, in seconds; a manual clock has no pace, so factor 1."""
        return milliseconds / 1000 / self.factor
