"""Alerts: what a person has to look at. Raised by the operations, listed and acknowledged by `speechai alerts`.

Raising is cheap and may be done for every call: one document a kind, subject and UTC day counts them, and the log is
told of it once a minute at most.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from speechai.errors import NotFound
from speechai.operation.context import Context
from speechai.store import alerts
from speechai.store.alerts import Alert

log = structlog.get_logger(__name__)

TOLD_EVERY = timedelta(minutes=1)


def raise_alert(context: Context, kind: str, subject: str, words: str, now: datetime) -> None:
    """Keeps that something happened at `now` (aware UTC) which a person has to look at.

    `kind` is a lower_snake word (`caller_rested`), `subject` what it is about (an account, a batch, a caller number;
    never a contact's phone or national id), `words` what happened and what to do. Where the store cannot keep it, the
    log is told and the store's own error leaves: an alert is never lost in silence.
    """
    is_news = True
    try:
        is_news = alerts.add_alert(context.store, kind, subject, words, now=now.astimezone(UTC), told_every=TOLD_EVERY)
    finally:
        if is_news:
            log.error(words, action="alert", kind=kind, subject=subject)


def open_alerts(context: Context, *, days: int = 30, acknowledged: bool = False) -> list[Alert]:
    """What nobody acknowledged of the last `days` UTC days, today included, the latest first; or all of it."""
    first = (context.clock().astimezone(UTC) - timedelta(days=days - 1)).date()
    return alerts.alerts_since(context.store, first, acknowledged=acknowledged)


def acknowledge(context: Context, alert_id: str, *, by: str) -> bool:
    """Somebody has seen the alert; it is open again when it is raised once more. False where it was acknowledged.

    Raises NotFound.
    """
    if alerts.acknowledge_alert(context.store, alert_id, by=by, at=context.clock()):
        return True
    if alerts.get_alert(context.store, alert_id) is None:
        raise NotFound(f"there is no alert {alert_id!r}: `speechai alerts list` shows the open ones")
    return False
