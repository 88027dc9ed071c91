"""Structured logs for every process: one line an event, with ids, without phones, national ids or keys.

Called once at the start of a worker or a command. LOG_FORMAT chooses between a line for people and JSON for machines;
what other libraries log through the standard library goes the same way.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

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
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def mask_event(_logger: Any, _method: str, event: Any) -> Any:
    """The last line of defence: what looks like a phone or a national id in any text of an event is masked."""
    for key, value in event.items():
        if isinstance(value, str) and key not in _IDS:
            event[key] = mask_text(value)
    return event


_IDS = frozenset({"timestamp", "level", "logger", "batch_id", "job_id", "attempt_id", "call_id", "action"})
"""Our own ids hold digits and are no one's phone; they must stay whole to be searched for."""
