"""Keeps running what should run: whatever ends by itself is started again, after a growing wait.

Enters what can be asked whether it ended, and be started again: the processes of a crew, the embedded servers. Leaves
them running, or Unavailable with the last words of one that cannot even start. `processes.py` looks through it every
tenth of a second while `speechai up` runs; no wait blocks, so that Ctrl-C ends one at once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from speechai.embedded.restarts import MOST_FAILED_STARTS, START_SECONDS, Life, after_end
from speechai.errors import Unavailable


class Supervised(Protocol):
    """Something that should run until it is stopped."""

    @property
    def name(self) -> str:
        """How the operator knows it."""

    @property
    def loss(self) -> str:
        """What its end has cost, as a sentence; empty where nothing is lost."""

    def ended(self) -> str | None:
        """How it ended, e.g. "exit code 3"; None while it runs. Raises Unavailable where no start would mend it."""

    def start_again(self, is_wanted: Callable[[], bool], /) -> bool:
        """A new run in place of the one that ended; False where that cannot be tried at this moment.

        Stops waiting for its first answer as soon as `is_wanted` says no. Raises Unavailable where it runs and cannot
        be used.
        """

    def last_words(self) -> str:
        """The end of what it said, indented."""


@dataclass(kw_only=True, slots=True)
class _Watched:
    what: Supervised
    life: Life
    due_at: float | None = None
    """When it is started again; None while it runs."""


class Supervisor:
    """Starts again what ends. Instants are seconds on a clock of the caller's that never goes back."""

    def __init__(self, running: Iterable[Supervised], *, now: float, say: Callable[[str], None]) -> None:
        self._watched = [_Watched(what=what, life=Life(started_at=now)) for what in running]
        self._say = say

    def look(self, now: float, *, is_wanted: Callable[[], bool] = lambda: True) -> None:
        """One look at everything. Raises Unavailable where something cannot even start, or runs in vain."""
        for watched in self._watched:
            if watched.due_at is None:
                self._note_end(watched, now)
            elif now >= watched.due_at and watched.what.start_again(is_wanted):
                watched.life, watched.due_at = watched.life.again(now), None

    def _note_end(self, watched: _Watched, now: float) -> None:
        how = watched.what.ended()
        if how is None:
            return
        verdict = after_end(watched.life, at=now)
        name, watched.life = watched.what.name, verdict.life
        if verdict.wait_seconds is None:
            raise Unavailable(
                f"{name} cannot be kept running: {MOST_FAILED_STARTS} times in a row it ended within "
                f"{START_SECONDS:g} s of its start, at last with {how}.\n"
                f"The end of what it said:\n{watched.what.last_words()}"
            )
        watched.due_at = now + verdict.wait_seconds
        self._say(
            f"{name} ended by itself with {how}; it is started again in {verdict.wait_seconds:g} s "
            f"(restart {verdict.life.restarts + 1}). {watched.what.loss}".rstrip()
        )


def in_words(code: int | None) -> str:
    """An exit code as `Popen.returncode` tells it; None where only another process could know it."""
    if code is None:
        return "an exit code that is not known here"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"exit code {code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"exit code {code}"
