"""The indexes, in one table. Made by `speechai indexes` and at the start of every worker; making them twice is free.

Each is named with the question that it answers, so that a slow question and its index are found together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import ASCENDING, IndexModel

from speechai.store.connection import Store, reachable


def _index(*fields: str, name: str, **options: Any) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields], name=name, **options)


INDEXES: Mapping[str, tuple[IndexModel, ...]] = {
    "jobs": (
        # dispatch_due and open_wave: a range at the end of three equalities, so the cost follows what is due, not
        # what waits.
        _index("batch_id", "status", "admitted", "next_attempt_at", name="due"),
        _index("batch_id", "admitted_on", name="admitted_on_day"),
        _index("status", "reserved_until", name="claims_that_ran_out"),
        _index("batch_id", "person_id", name="one_job_a_person", unique=True),
    ),
    "attempts": (
        _index("state", "next_poll_at", name="waits_whose_message_was_lost"),
        _index("job_id", "number", name="attempts_of_a_job"),
        _index("batch_id", "placing_at", name="attempts_of_a_batch"),
        _index(
            "call_id", name="one_attempt_a_call", unique=True, partialFilterExpression={"call_id": {"$exists": True}}
        ),
    ),
    "batches": (
        _index("status", "created_at", name="batches_by_status"),
        _index(
            "file_key", name="one_batch_a_file", unique=True, partialFilterExpression={"file_key": {"$exists": True}}
        ),
    ),
    "waves": (_index("batch_id", name="waves_of_a_batch"),),
    "people": (_index("live_attempt_id", name="live_turns"),),
    "slots": (_index("attempt_id", "number", name="free_slots"),),
    "rejected": (_index("batch_id", "row", name="rejected_rows_of_a_batch"),),
}


def create_indexes(store: Store) -> dict[str, list[str]]:
    """Makes every index that is missing; returns their names by collection. Raises Unavailable."""
    with reachable():
        return {
            getattr(store, name).name: getattr(store, name).create_indexes(list(models))
            for name, models in INDEXES.items()
        }
