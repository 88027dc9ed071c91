"""Waves: one document an opening, under the key (batch, local day, wave), so that two beats open it once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time

from pymongo.errors import DuplicateKeyError

from speechai.store.connection import Document, Store


def wave_key(batch_id: str, day: date, wave: time) -> str:
    """The unique name of one opening."""
    return f"{batch_id}|{day.isoformat()}|{wave:%H:%M}"


def is_complete(store: Store, batch_id: str, day: date, wave: time) -> bool:
    """True where the wave was opened and its contacts admitted, or was passed over for a later one."""
    document = store.waves.find_one({"_id": wave_key(batch_id, day, wave)})
    return document is not None and document["state"] != "opening"


def cohort(store: Store, batch_id: str, day: date) -> set[str]:
    """Ids of the jobs that waves of the local `day` have chosen so far. Index `waves_of_a_day`."""
    found = store.waves.find({"batch_id": batch_id, "day": day.isoformat()}, {"chosen": 1})
    return {job_id for document in found for job_id in document["chosen"]}


def start_opening(
    store: Store, batch_id: str, day: date, wave: time, *, chosen: Sequence[str], now: datetime
) -> list[str]:
    """Records the wave and whom it admits, before anybody is admitted; returns whom it admits.

    That is `chosen`, or what an earlier call recorded: an opening that died is finished with its own choice.
    """
    key = wave_key(batch_id, day, wave)
    try:
        store.waves.insert_one(
            {
                "_id": key,
                "batch_id": batch_id,
                "day": day.isoformat(),
                "wave": f"{wave:%H:%M}",
                "state": "opening",
                "chosen": list(chosen),
                "opened_at": now,
            }
        )
    except DuplicateKeyError:
        recorded = store.waves.find_one({"_id": key}) or {"chosen": []}
        return list(recorded["chosen"])
    return list(chosen)


def complete_opening(store: Store, batch_id: str, day: date, wave: time, *, admitted: int) -> bool:
    """Records that the wave is open; True for the one that completed it."""
    result = store.waves.update_one(
        {"_id": wave_key(batch_id, day, wave), "state": "opening"}, {"$set": {"state": "open", "admitted": admitted}}
    )
    return result.modified_count == 1


def waves_of(store: Store, batch_id: str) -> list[Document]:
    """Every opening of a batch in order, without the list of whom it admits. Index `waves_of_a_day`."""
    hidden = {"_id": 0, "batch_id": 0, "chosen": 0}
    return sorted(store.waves.find({"batch_id": batch_id}, hidden), key=lambda wave: (wave["day"], wave["wave"]))


def pass_over(store: Store, batch_id: str, day: date, wave: time, now: datetime) -> None:
    """Records a wave that was missed while nothing ran and that a later wave of the day replaces."""
    start_opening(store, batch_id, day, wave, chosen=[], now=now)
    store.waves.update_one(
        {"_id": wave_key(batch_id, day, wave), "state": "opening"}, {"$set": {"state": "passed over"}}
    )
