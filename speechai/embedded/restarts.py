"""When what ended by itself is started again, and when it is given up.

Enters the life of one process so far and the instant of its end, on any clock that never goes back; leaves the wait
before its next start, or the finding that it cannot even start. `supervising.py` has the processes and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 30.0
"""Each wait is twice the one before, up to this: what ends again and again must not take the machine for itself."""
STEADY_SECONDS = 60.0
"""Whatever stayed up so long is taken to be well: the waits begin anew."""
START_SECONDS = 5.0
"""Whatever ends sooner did not start: a wrong setting, a port that is taken. A worker that looks for a MongoDB that is
away takes longer, so that an outage is waited for."""
MOST_FAILED_STARTS = 5
"""In a row: then somebody has to read why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """One process over all its runs. `started_at`: seconds on the caller's clock."""

    started_at: float
    restarts: int = 0
    short_runs: int = 0
    """In a row, each below STEADY_SECONDS: they lengthen the wait."""
    failed_starts: int = 0
    """In a row, each below START_SECONDS."""

    def again(self, at: float) -> Life:
        """The life with a run that begins at `at`."""
        return replace(self, started_at=at, restarts=self.restarts + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What follows from an end: the life with that run counted, and the wait; None: it cannot even start."""

    life: Life
    wait_seconds: float | None


def after_end(life: Life, *, at: float) -> Verdict:
    """Judges the run of `life` that has ended by itself at `at`, whatever its exit code."""
    lasted = at - life.started_at
    earlier = 0 if lasted >= STEADY_SECONDS else life.short_runs
    counted = replace(
        life,
        short_runs=earlier + 1,
        failed_starts=life.failed_starts + 1 if lasted < START_SECONDS else 0,
    )
    if counted.failed_starts >= MOST_FAILED_STARTS:
        return Verdict(life=counted, wait_seconds=None)
    # The exponent is bounded too: after months of short runs two to its power would be no float.
    wait = min(FIRST_WAIT_SECONDS * 2 ** min(earlier, 10), LONGEST_WAIT_SECONDS)
    return Verdict(life=counted, wait_seconds=wait)
