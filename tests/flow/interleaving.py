"""Two operations at once, in the orders of their requests that one switch of each allows.

The first runs to a request and stops; the second runs to one of its writes and stops, having read what it reads; the
first goes on to its end, then the second. Each has a thread, of which only one ever moves: the same numbers give the
same run.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

from speechai.operation.context import Context
from speechai.operation.nudges import Nudges

from .mortal import Fuse, mortal_retell, mortal_store

LONGEST_SECONDS = 60.0
Operation = Callable[[Context], Nudges]


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """What came of it: what both send, and whether each came as far as the request at which it was to stop."""

    nudges: Nudges
    first_stopped: bool
    second_stopped: bool


class _Stopping:
    """An operation that stops in front of its n-th request, or write."""

    def __init__(
        self, threads: ThreadPoolExecutor, context: Context, operation: Operation, nth: int, *, writes_only: bool
    ) -> None:
        self._stopped, self._go_on = Event(), Event()
        fuse = Fuse()
        fuse.arm(nth, self._stop, writes_only=writes_only)
        own = replace(context, store=mortal_store(context.store, fuse), retell=mortal_retell(context.retell, fuse))
        self._result: Future[Nudges] = threads.submit(operation, own)
        self._result.add_done_callback(lambda _: self._stopped.set())
        assert self._stopped.wait(LONGEST_SECONDS)
        self.has_stopped = fuse.is_armed is False and not self._result.done()

    def end(self) -> Nudges:
        """Goes on to the end; what the operation raises comes through."""
        self._go_on.set()
        return self._result.result(LONGEST_SECONDS)

    def _stop(self) -> None:
        self._stopped.set()
        assert self._go_on.wait(LONGEST_SECONDS)


def meet(
    context: Context,
    first: tuple[int, Operation],
    second: tuple[int, Operation],
    *,
    between: Callable[[], None] = lambda: None,
    writes_only: bool = False,
) -> Met:
    """Runs both: the first to the request (or with `writes_only` the write) of the number given with it, from 1; the
    second to its write. `between` happens once the first stands still.
    """
    with ThreadPoolExecutor(2) as threads:
        one = _Stopping(threads, context, first[1], first[0], writes_only=writes_only)
        try:
            between()
            two = _Stopping(threads, context, second[1], second[0], writes_only=True)
        except BaseException:
            one.end()
            raise
        try:
            nudges = list(one.end())
        finally:
            further = two.end()
    return Met(nudges=[*nudges, *further], first_stopped=one.has_stopped, second_stopped=two.has_stopped)
