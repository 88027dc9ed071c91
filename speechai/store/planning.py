"""What a plan reads: a whole batch with the people and telephones behind it, many at a time.

Enter a batch, or ids; leave values. Nothing is written. Called by `operation.planning` for a hundred thousand contacts,
so the heavy parts of a job's document stay in the database and counters are fetched in chunks by `_id`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from speechai.core.model import Job, Person, Phone
from speechai.store.connection import Store
from speechai.store.documents import job_from, person_from, phone_from

_AT_ONCE = 1_000
_NOT_NEEDED = {"call_result": 0, "variables": 0, "debt": 0}

T = TypeVar("T")


def jobs_of_batch(store: Store, batch_id: str) -> Iterator[Job]:
    """Every job of the batch, without what the agent is told, in no order that is promised. Index `due`."""
    return map(job_from, store.jobs.find({"batch_id": batch_id}, _NOT_NEEDED))


def known_people(store: Store, ids: Iterable[str]) -> dict[str, Person]:
    """Those of the people of whom something is known: who was never called, and asked for nothing, is missing."""
    return {
        document["_id"]: person_from(document)
        for some in _chunks(ids)
        for document in store.people.find({"_id": {"$in": some}})
    }


def known_phones(store: Store, numbers: Iterable[str]) -> dict[str, Phone]:
    """As `known_people`, for telephones by their E.164 number."""
    return {
        document["_id"]: phone_from(document)
        for some in _chunks(numbers)
        for document in store.phones.find({"_id": {"$in": some}})
    }


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(dict.fromkeys(items))
    while chunk := list(islice(iterator, _AT_ONCE)):
        yield chunk
