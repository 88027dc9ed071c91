"""Alerts: one document for each kind, subject and UTC day, with a count; whatever is raised is in it until seen.

The id starts with the day, so that the alerts of some days are one range of the ids and need no index of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pymongo.errors import DuplicateKeyError

from speechai.store.connection import Document, Store

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Something that a person has to look at, as often as it was raised on one UTC day."""

    id: str
    """`2026-11-25/caller_rested/+56222222222`."""
    kind: str
    subject: str
    words: str
    """As it was raised last."""
    count: int
    first_at: datetime
    last_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None


def add_alert(store: Store, kind: str, subject: str, words: str, *, now: datetime, told_every: timedelta) -> bool:
    """Counts one more. True where it is to be told now: the first of its day, the first since it was acknowledged, or
    `told_every` after it was told last, over all processes.

    One that was acknowledged is open again: what happens after somebody looked has not been looked at.
    """
    alert_id = f"{now.date().isoformat()}/{kind}/{subject}"
    changes: Document = {"last_at": now, "words": words, "acknowledged_at": None, "acknowledged_by": None}
    count: Document = {"$inc": {"count": 1}, "$set": changes}
    told: Document = {**count, "$set": {**changes, "told_at": now}}
    overdue = {"_id": alert_id, "told_at": {"$lte": now - told_every}}
    if store.alerts.update_one(overdue, told).modified_count == 1:
        return True
    made: Document = {"$setOnInsert": {"kind": kind, "subject": subject, "first_at": now, "told_at": now}}
    try:
        result = store.alerts.update_one({"_id": alert_id}, {**count, **made}, upsert=True)
    except DuplicateKeyError:  # made by another process a moment ago
        result = store.alerts.update_one({"_id": alert_id}, count)
    return result.upserted_id is not None


def alerts_since(store: Store, first: date, *, acknowledged: bool = False) -> list[Alert]:
    """The alerts of the UTC days from `first` on, the latest first: those that nobody acknowledged, or all."""
    documents = store.alerts.find({"_id": {"$gte": first.isoformat()}})
    found = [alert for alert in map(_alert_from, documents) if acknowledged or alert.acknowledged_at is None]
    return sorted(found, key=lambda alert: (alert.last_at, alert.id), reverse=True)


def acknowledge_alert(store: Store, alert_id: str, *, by: str, at: datetime) -> bool:
    """Somebody has seen it; False where there is no such alert, or none that is open."""
    changes = {"acknowledged_at": at, "acknowledged_by": by, "told_at": _LONG_AGO}
    return store.alerts.update_one({"_id": alert_id, "acknowledged_at": None}, {"$set": changes}).modified_count == 1


def get_alert(store: Store, alert_id: str) -> Alert | None:
    """One alert by its id."""
    document = store.alerts.find_one({"_id": alert_id})
    return _alert_from(document) if document else None


def _alert_from(document: Document) -> Alert:
    return Alert(
        id=document["_id"],
        kind=document["kind"],
        subject=document["subject"],
        words=document["words"],
        count=document["count"],
        first_at=document["first_at"],
        last_at=document["last_at"],
        acknowledged_at=document.get("acknowledged_at"),
        acknowledged_by=document.get("acknowledged_by"),
    )
