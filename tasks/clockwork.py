"""The tasks that beat starts: hand out due jobs, open waves, sweep up what was lost. All may run at any time."""

from __future__ import annotations

from speechai.operation import dispatching, sweeping, waves
from speechai.store import liveness
from speechai.store.liveness import Scan
from tasks.app import app, context, send


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
    """Find again every wait whose message or worker was lost, release what leaked, close what is complete."""
    here = context()
    send(sweeping.sweep(here))
    liveness.note(here.store, Scan.SWEEP, here.clock())
