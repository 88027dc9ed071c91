"""Structured logs for every process: one line an event, with ids, without phones, national ids or keys.

Called once at the start of a worker or a command. LOG_FORMAT chooses between a line for people and JSON for machines;
what other libraries log or warn through the standard library goes the same way.

A correlation id names the cause: one command, one web request, one beat of the clock. It is bound to the thread, so
that every line has it, and travels with each message to the tasks that follow (`tasks.observing`).
"""

from __future__ import annotations

import logging
import re
import sys
import uuid
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars, get_contextvars

from config.settings import Settings
from speechai.core.masking import mask_text

_QUIET = ("pymongo", "urllib3", "charset_normalizer", "kombu.pidbox")


def configure_logs(settings: Settings) -> None:
    """Sends everything to standard error at LOG_LEVEL. A second call replaces the first."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        mask_event,
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    render: Any = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    logging.captureWarnings(True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def mask_event(_logger: Any, _method: str, event: Any) -> Any:
    """The last line of defence: what looks like a phone or a national id in any text of an event is masked."""
    for key, value in event.items():
        if isinstance(value, str) and key not in _IDS:
            event[key] = mask_text(value)
    return event


def begin_work(correlation_id: str | None = None, **ids: Any) -> str:
    """From here on every line of this thread (or request) has the correlation id, a new one without a given, and `ids`.

    What was bound before is forgotten: a thread of a pool has worked for somebody else. Returns the correlation id.
    """
    clear_contextvars()
    correlation_id = correlation_id or uuid.uuid4().hex
    bind_contextvars(correlation_id=correlation_id, **ids)
    return correlation_id


def end_work() -> None:
    """Nothing is bound any more."""
    clear_contextvars()


def correlation_id() -> str | None:
    """The cause of what is done now, None where nobody has begun any work."""
    found: str | None = get_contextvars().get("correlation_id")
    return found


def is_well_formed(given: str) -> bool:
    """Whether an id that somebody else made may stand in our logs: 8 to 64 plain characters, and no telephone.

    Ids are not masked there, so one that consists of digits alone is none.
    """
    return _GIVEN_ID.fullmatch(given) is not None and not given.isdigit()


_GIVEN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}", re.ASCII)
_IDS = frozenset({
    "timestamp", "level", "logger", "action", "task", "correlation_id", "task_id",
    "batch_id", "job_id", "attempt_id", "call_id", "action_id",
})  # fmt: skip
"""Our own ids hold digits and are no one's phone; they must stay whole to be searched for."""
