"""When the scans behind every wait last came to their end: one document, which says that beat and workers go on.

Enters the instant at which a scan has done its work and sent its messages; leaves the latest of each. The tasks note
them, `speechai doctor` and the metrics read them: a process may be up and never get a turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from pymongo.errors import DuplicateKeyError

from speechai.store.connection import Store

_LIVENESS = "liveness"


class Scan(StrEnum):
    """What is noted; the value is its field."""

    SWEEP = "last_swept_at"
    DISPATCH = "last_dispatched_at"


def note(store: Store, what: Scan, now: datetime) -> None:
    """Keeps that `what` came to its end at `now`. Of two at the same time either may stay.

    Whatever stood there is replaced, also a later instant: a clock that was ahead and was put right must not make a
    scan look alive for hours.
    """
    # Two first notes at once: the other's instant is as good as this one.
    with suppress(DuplicateKeyError):
        store.database["pace"].update_one({"_id": _LIVENESS}, {"$set": {what.value: now}}, upsert=True)


def last(store: Store) -> Mapping[str, datetime]:
    """The latest end of each scan, aware UTC, by `last_swept_at` and `last_dispatched_at`; none for one never noted."""
    found = store.database["pace"].find_one({"_id": _LIVENESS}) or {}
    return {what.value: found[what.value] for what in Scan if what.value in found}
