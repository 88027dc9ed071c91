"""The do-not-call list: people and telephones whom nobody calls, over all batches and accounts of one owner.

It is no collection of its own: the mark stands on the counters that every call has to take its turn from, so that it
holds from the next write on, for calls that are being prepared as well. Why, by whom and when stay in the document's
history, a lifted mark's too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice

from pymongo.errors import BulkWriteError

from speechai.store.connection import Document, Documents, Store

_CHUNK = 200
"""Marks that are looked up and made together."""
_DUPLICATE_KEY = 11000


def mark_do_not_call(
    store: Store,
    *,
    person_ids: Iterable[str] = (),
    numbers: Iterable[str] = (),
    why: str,
    by: str,
    at: datetime,
    once: bool = False,
) -> tuple[int, int]:
    """Puts people and telephones on the list, whether they were ever called or not.

    Returns how many people and how many telephones were not on it before. A second call changes nothing; with `once`
    also where somebody took them off it since: `by` has been heard.
    """
    entry: Document = {"did": "add", "why": why, "by": by, "at": at}
    unheard: Document = {"do_not_call_history.by": {"$ne": by}} if once else {}
    return _mark(store.people, person_ids, entry, unheard), _mark(store.phones, numbers, entry, unheard)


def lift_do_not_call(
    store: Store, *, person_ids: Iterable[str] = (), numbers: Iterable[str] = (), why: str, by: str, at: datetime
) -> tuple[int, int]:
    """Takes people and telephones off the list. Returns how many of each were on it."""
    entry: Document = {"did": "lift", "why": why, "by": by, "at": at}
    return _lift(store.people, person_ids, entry), _lift(store.phones, numbers, entry)


def do_not_call_list(store: Store) -> Iterator[tuple[str, str, list[Document]]]:
    """Everybody on the list as ("person" or "phone", id, history); phones first. Reads every document: no index."""
    for kind, documents in (("phone", store.phones), ("person", store.people)):
        for document in documents.find({"do_not_call": True}, {"do_not_call_history": 1}):
            yield kind, document["_id"], document.get("do_not_call_history", [])


def note_of_call(attempt_id: str, on: date) -> Document:
    """What the history keeps of a wish that was said in a call of the local day `on`."""
    return {"did": "add", "why": "asked in the call", "by": attempt_id, "on": on.isoformat()}


def _mark(documents: Documents, keys: Iterable[str], entry: Document, unheard: Document) -> int:
    changes: Document = {
        "$set": {"do_not_call": True},
        "$push": {"do_not_call_history": entry},
        "$inc": {"revision": 1},
    }
    count = 0
    for chunk in _chunks(keys):
        known = {document["_id"] for document in documents.find({"_id": {"$in": chunk}}, {"_id": 1})}
        made = _inserted(documents, [key for key in chunk if key not in known], entry)
        there = (key for key in chunk if key not in made)
        expected: Document = {"do_not_call": {"$ne": True}, **unheard}
        changed = (documents.update_one({"_id": key, **expected}, changes) for key in there)
        count += len(made) + sum(result.modified_count for result in changed)
    return count


def _inserted(documents: Documents, keys: Sequence[str], entry: Document) -> set[str]:
    """Makes those that are not there, and says which: a first call may be making one too."""
    if not keys:
        return set()
    new = [{"_id": key, "do_not_call": True, "do_not_call_history": [entry], "revision": 1} for key in keys]
    try:
        documents.insert_many(new, ordered=False)
    except BulkWriteError as error:
        faults = error.details["writeErrors"]
        if any(fault["code"] != _DUPLICATE_KEY for fault in faults):
            raise
        return set(keys) - {keys[fault["index"]] for fault in faults}
    return set(keys)


def _lift(documents: Documents, keys: Iterable[str], entry: Document) -> int:
    changes: Document = {
        "$set": {"do_not_call": False},
        "$push": {"do_not_call_history": entry},
        "$inc": {"revision": 1},
    }
    unique = dict.fromkeys(keys)
    return sum(documents.update_one({"_id": key, "do_not_call": True}, changes).modified_count for key in unique)


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """Each key once, some at a time."""
    rest = iter(dict.fromkeys(keys))
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
