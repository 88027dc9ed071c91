"""The tasks that beat starts: hand out due jobs, open waves, sweep up what was lost. All may run at any time."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from speechai.operation import dispatching, sweeping, waves
from speechai.operation.context import Context
from speechai.operation.nudges import Nudges
from speechai.store import liveness
from speechai.store.connection import is_away
from speechai.store.liveness import Scan
from tasks.app import app, context, send

log = structlog.get_logger(__name__)


@app.task(name="tasks.dispatch_due")
def dispatch_due() -> None:
    """Hand out the jobs whose time has come, as many as there are free lines, in turn over accounts and batches."""
    here = context()
    send(dispatching.dispatch_due(here))
    liveness.note(here.store, Scan.DISPATCH, here.clock())


@app.task(name="tasks.open_wave")
def open_wave() -> None:
    """Open the wave that every running wave batch should have open by now (9:00, 12:00, 15:00), once each."""
    send(waves.open_due_waves(context()))


@app.task(name="tasks.sweep")
def sweep() -> None:
    """Find again every wait whose message or worker was lost, release what leaked, close what is complete.

    A scan that fails is logged and fails the task, after the others have run.
    """
    here = context()
    failures = [failure for scan in sweeping.SCANS if (failure := _run(scan, here)) is not None]
    if failures:
        raise failures[0]
    liveness.note(here.store, Scan.SWEEP, here.clock())


def _run(scan: Callable[[Context], Nudges | None], here: Context) -> Exception | None:
    """What it failed with. Raises where MongoDB is away: each further scan would wait for it in vain."""
    try:
        send(scan(here) or ())
    except Exception as error:  # the boundary of the task
        if is_away(error):
            raise
        log.exception("a scan of the sweep failed", action="sweep", scan=scan.__name__.strip("_"))
        return error
    return None
