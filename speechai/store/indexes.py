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
        # dispatch_due, open_wave and the sweep: a range at the end of three equalities, so the cost follows what is
        # due, not what waits. It is the only one on jobs: each further index costs a load as much as the documents.
        # That a batch has one job a person is kept by the job's id, which is made of both.
        _index("batch_id", "status", "admitted", "next_attempt_at", name="due"),
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
        _index("status", "changed_at", name="batches_closed_lately"),
        _index(
            "file_key", name="one_batch_a_file", unique=True, partialFilterExpression={"file_key": {"$exists": True}}
        ),
    ),
    "callbacks": (_index("at", name="callbacks_by_time"),),
    "actions": (_index("state", "next_try_at", name="due_actions"),),
    "ledger": (_index("account_id", "at", name="ledger_of_an_account"),),
    "waves": (_index("batch_id", "day", name="waves_of_a_day"),),
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
