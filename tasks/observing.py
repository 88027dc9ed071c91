"""What is seen of every message and task: its cause and its ids in each line of the logs, its time in the metrics.

The correlation id travels in a header of the message, so it survives redelivery; a task begins with it, and every
message that the task sends has the same. One that nobody has sent one with (beat's, a shell's) is named by its own task
id. Connected to Celery's signals by being imported.
"""

from __future__ import annotations

import inspect
import time
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

from celery import Task
from celery.signals import before_task_publish, task_postrun, task_prerun, task_revoked, worker_init

from config.settings import get_settings
from speechai import metrics
from speechai.logs import begin_work, correlation_id, end_work

HEADER = "speechai_correlation_id"
IDS = ("job_id", "attempt_id", "batch_id", "action_id")
"""Arguments of tasks that name what a task is about."""

_begun: ContextVar[float | None] = ContextVar("begun", default=None)


@before_task_publish.connect
def _name_the_cause(headers: dict[str, Any], **_: Any) -> None:
    headers.setdefault(HEADER, correlation_id() or headers["id"])


@task_prerun.connect
def _begin(task_id: str, task: Task, args: Any, kwargs: Any, **_: Any) -> None:
    begin_work(
        getattr(task.request, HEADER, None) or task_id, task=task.name, task_id=task_id, **ids_of(task, args, kwargs)
    )
    _begun.set(time.monotonic())


@task_postrun.connect
def _end(task: Task, state: str | None, **_: Any) -> None:
    begun = _begun.get()
    if begun is not None:
        metrics.time_task(task.name, (state or "lost").lower(), time.monotonic() - begun)
    _begun.set(None)
    end_work()  # the thread's next task is somebody else's


@task_revoked.connect
def _count_expired(sender: Task, expired: bool, **_: Any) -> None:
    if expired:
        metrics.count_expired(sender.name)


@worker_init.connect
def _share_counts(**_: Any) -> None:
    metrics.share_counts(get_settings().data_dir)


def ids_of(task: Task, args: Any, kwargs: Any) -> dict[str, Any]:
    """What the task is about, by the names of its parameters; a follow-up's id begins with its attempt's."""
    given = {**dict(zip(_parameters(task.run), args, strict=False)), **kwargs}
    ids = {name: given[name] for name in IDS if given.get(name) is not None}
    if "action_id" in ids:
        ids["attempt_id"] = str(ids["action_id"]).partition("|")[0]
    return ids


@lru_cache(maxsize=64)
def _parameters(run: Any) -> tuple[str, ...]:
    return tuple(inspect.signature(run).parameters)
