"""The tasks of a list: store a file as a batch, and load it.

What reads workbooks is imported by the task that needs it: openpyxl and numpy would add 25 MiB to every worker process,
most of which never see a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from speechai.core.model import Pacing
from tasks.app import app, context, send


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
    """Turn the stored file of a batch into jobs: whole or not at all. A batch that is loaded is left alone."""
    from speechai.operation import loading

    send(loading.load_batch(context(), batch_id))
