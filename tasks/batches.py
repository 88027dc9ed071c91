"""The tasks of a list: store a file as a batch, and load it.

What reads workbooks is imported by the task that needs it: openpyxl and numpy would add 25 MiB to every worker process,
most of which never see a file.
"""

from __future__ import annotations

import time
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

from celery.signals import worker_shutting_down

from speechai.core.model import Pacing
from tasks.app import app, context, send

FINISH_SECONDS = 15.0
"""For a load that is under way when its worker is told to stop: half of the grace that `speechai up` gives."""

_told_to_stop_at = RawValue("d", 0.0)
"""On the host's clock that never goes back; 0 while nobody has. Made before the fork: the children of a prefork worker
see it, and it is their parent that is told."""


@app.task(name="tasks.enqueue_batch")
def enqueue_batch(
    path: str,
    use_case: str,
    account_id: str = "main",
    name: str | None = None,
    pacing: str = "waves",
    policy: str | None = None,
    mapping: dict[str, list[str]] | None = None,
    sheet: str | None = None,
    again: bool = False,
    priority: int = 5,
    overrides: dict[str, Any] | None = None,
    because: str | None = None,
    negotiation: str | None = None,
) -> None:
    """Make a batch of a workbook or CSV that lies on the worker's own machine.

    path: the file there; `speechai enqueue FILE` sends one from anywhere. use_case: debt_collection, marketing, survey,
    reminder, notification. pacing: waves or continuous. policy: a name of the catalogue. mapping: columns by meaning,
    e.g. {"phone": ["Celular 2"]}. The same file for the same account is recognised unless `again`. priority: 1 to 9.
    overrides: fields of the policy for this list alone; because: why one may loosen a legal preset. negotiation: a
    table of the catalogue.

        celery -A tasks call tasks.enqueue_batch --args '["/data/cartera.xlsx", "debt_collection"]'
    """
    from speechai.operation import submitting

    order = submitting.Order(
        use_case=use_case,
        account_id=account_id,
        name=name,
        pacing=Pacing(pacing),
        policy=policy,
        mapping={meaning: tuple(columns) for meaning, columns in (mapping or {}).items()},
        sheet=sheet,
        again=again,
        priority=priority,
        overrides=overrides or {},
        because=because,
        negotiation=negotiation,
    )
    send(submitting.submit(context(), Path(path), order).nudges)


@app.task(name="tasks.load_batch", soft_time_limit=3_600, time_limit=3_660)
def load_batch(batch_id: str) -> None:
    """Turn the stored file of a batch into jobs: whole or not at all. A batch that is loaded is left alone.

    One that is being loaded when its worker is stopped is finished, or handed back before the worker would be killed.
    """
    from speechai.operation import loading

    send(loading.load_batch(context(), batch_id, must_end=_must_end))


def _must_end() -> bool:
    told_at = float(_told_to_stop_at.value)
    return told_at > 0 and time.monotonic() > told_at + FINISH_SECONDS


@worker_shutting_down.connect
def _note_stop(**_: Any) -> None:
    _told_to_stop_at.value = time.monotonic()
