"""The strikes themselves: signals, wiped folders, a full Redis, a slow or cut MongoDB, and what mends each.

Enters a strike of the schedule; leaves its target struck, and at work again after its time. Called by `run`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from .processes import STOP_SECONDS, Process
from .schedule import Kind, Moment, Strike
from .site import SERVERS, Site

PAUSES = frozenset({Kind.WORKER_PAUSE, Kind.BEAT_PAUSE, Kind.REDIS_PAUSE, Kind.MONGO_PAUSE, Kind.RETELL_PAUSE})
SLOW_SECONDS = 0.2
"""By which every answer of a slow MongoDB is held up: a call takes some thirty."""


@dataclass(slots=True)
class _Mend:
    """What ends a strike, and when: at an instant, and once the process has ended where that is waited for."""

    at: float
    action: Callable[[], None]
    ended: Process | None = None
    is_done: bool = False


@dataclass(slots=True)
class Blows:
    """The strikes under way: what each does, and when it is mended. `counts` are strikes by kind, and other events."""

    site: Site
    counts: Counter[str] = field(default_factory=Counter)
    mends: dict[str, _Mend] = field(default_factory=dict)

    def is_free(self, strike: Strike) -> bool:
        """Whether the target runs and has had the time to get to its work, or the last cut has found its write."""
        if strike.kind is Kind.MONGO_CUT:
            return "mongo" not in self.mends and (self.site.proxy.has_cut() or not self.counts[strike.kind])
        return strike.target not in self.mends and self.site.processes[strike.target].is_ready

    def strike(self, strike: Strike) -> None:
        """Does what the strike says; `tend` mends it later."""
        self.counts[strike.kind] += 1
        if strike.kind is Kind.MONGO_CUT:
            self.site.proxy.cut_next(Moment(strike.target))
            return
        process = self.site.processes[strike.target]
        mend = _Mend(at=time.monotonic() + strike.seconds, action=process.start)
        if strike.kind in PAUSES:
            process.pause()
            mend.action = process.go_on
        elif strike.kind is Kind.WORKER_STOP:
            process.ask_to_stop()
            mend.ended = process
        elif strike.kind is Kind.REDIS_FULL:
            self.site.fill_redis(is_full=True)
            mend.action = lambda: self.site.fill_redis(is_full=False)
        elif strike.kind is Kind.MONGO_SLOW:
            self.site.proxy.delay_seconds = SLOW_SECONDS
            mend.action = self.site.proxy.at_full_speed
        else:
            process.kill()
            if strike.kind is Kind.REDIS_WIPE:
                self.site.wipe("redis")
        self.mends[strike.target] = mend

    def tend(self) -> None:
        """Mends what is due, and starts again whatever ended by itself."""
        now = time.monotonic()
        for target, mend in list(self.mends.items()):
            if not mend.is_done and mend.at <= now and self._has_ended(mend, now):
                mend.action()
                mend.is_done = True
            elif mend.is_done and self._is_at_work(target):
                del self.mends[target]
        for name, process in self.site.processes.items():
            if name not in self.mends or self.mends[name].is_done:
                process.tend()

    def _is_at_work(self, target: str) -> bool:
        return self.site.processes[target].is_ready and (target not in SERVERS or self.site.is_up(target))

    def _has_ended(self, mend: _Mend, now: float) -> bool:
        if mend.ended is None or not mend.ended.is_alive:
            return True
        if now > mend.at + STOP_SECONDS:
            self.counts["SIGTERM that had to be followed by SIGKILL"] += 1
            return True
        return False
