"""Waves: one document an opening, under the key (batch, local day, wave), so that two beats open it once."""

from __future__ import annotations

import contextlib
from datetime import date, datetime, time

from pymongo.errors import DuplicateKeyError

from speechai.store.connection import Store


def wave_key(batch_id: str, day: date, wave: time) -> str:
    """The unique name of one opening."""
    return f"{batch_id}|{day.isoformat()}|{wave:%H:%M}"


def is_complete(store: Store, batch_id: str, day: date, wave: time) -> bool:
    """True where the wave was opened and its contacts admitted, or was passed over for a later one."""
    document = store.waves.find_one({"_id": wave_key(batch_id, day, wave)})
    return document is not None and document["state"] != "opening"


def start_opening(store: Store, batch_id: str, day: date, wave: time, now: datetime) -> None:
    """Records that the wave is being opened; a second call leaves the first record as it is."""
    with contextlib.suppress(DuplicateKeyError):
        store.waves.insert_one(
            {
                "_id": wave_key(batch_id, day, wave),
                "batch_id": batch_id,
                "day": day.isoformat(),
                "wave": f"{wave:%H:%M}",
                "state": "opening",
                "opened_at": now,
            }
        )


def complete_opening(store: Store, batch_id: str, day: date, wave: time, *, admitted: int) -> bool:
    """Records that the wave is open; True for the one that completed it."""
    result = store.waves.update_one(
        {"_id": wave_key(batch_id, day, wave), "state": "opening"}, {"$set": {"state": "open", "admitted": admitted}}
    )
    return result.modified_count == 1


def pass_over(store: Store, batch_id: str, day: date, wave: time, now: datetime) -> None:
    """Records a wave that was missed while nothing ran and that a later wave of the day replaces."""
    start_opening(store, batch_id, day, wave, now)
    store.waves.update_one(
        {"_id": wave_key(batch_id, day, wave), "state": "opening"}, {"$set": {"state": "passed over"}}
    )
