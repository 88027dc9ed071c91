"""Progress of a load on standard error: a bar on a terminal, on a pipe a plain line now and then.

Enters what the ingest reports (phase, rows, estimate of all rows), in this process or from the batch's document.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from speechai.cli.output import note, notes_console

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

LINE_SECONDS = 5.0
"""Between two plain lines."""


class LoadProgress:
    """Shows how far a load is. `show` may be called as often as wanted."""

    def __init__(self, bar: Bar | None) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._phase = ""
        self._said_at = time.monotonic()

    def show(self, phase: str, rows: int = 0, total: int | None = None) -> None:
        """`total` None: the number of rows is not known."""
        if self._bar is not None:
            if phase != self._phase or self._task is None:
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._task = self._bar.add_task(phase, total=total)
            self._bar.update(self._task, completed=rows, total=total)
        elif time.monotonic() - self._said_at >= LINE_SECONDS:
            self._said_at = time.monotonic()
            far = f": {rows} rows" + (f" of about {total}" if total else "") if rows else " ..."
            note(f"{phase}{far}")
        self._phase = phase


@contextmanager
def load_progress() -> Iterator[LoadProgress]:
    """The bar for the length of the context; it is gone afterwards."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = notes_console()
    if not console.is_terminal:
        yield LoadProgress(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield LoadProgress(bar)
