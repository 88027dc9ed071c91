"""Every document of an installation as BSON, out of a database that is at work and into another one.

Enters a `Store`; leaves parts: a name and the documents of one collection, byte for byte as MongoDB keeps them. One
node has no snapshot over collections, so the order of reading is what makes a copy mendable: whatever follows
from a call is read before the calls themselves, so that no effect is in the copy whose call is not. What a call has not
left yet in the copy, `speechai.operation.mending` does again after a restore. Called by `speechai.operation.restoring`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from speechai.core.model import BatchStatus
from speechai.errors import InputError, Unavailable
from speechai.store.connection import Document, Documents, Store

Write = Callable[[str, Iterable[bytes]], None]
"""Takes one part whole. A part that is given again replaces what was given before."""

_FILES = ("uploads.files", "uploads.chunks")
_FIRST = ("rejected", "jobs", "callbacks", "waves", "slots", "alerts", "callers", "people", "phones", "actions")
"""Waves after jobs: an opening that is not in the copy would let the day choose its people twice. Callbacks after jobs:
an entry too many is put in order by the next look."""
_LAST = "attempts"
_OTHER = "+"
"""Before the name of a collection that this version has no name of its own for."""
_PART = re.compile(r"\+?[A-Za-z][A-Za-z0-9_.-]{0,99}")
_KEPT_HERE = "restores"
"""What was restored into a database belongs to that database."""
_RESTED = timedelta(minutes=10)
"""A ledger entry is copied out of its account's outbox long before it is so old."""
_TRIES = 50
_CHUNK = 500
_LONGEST = 16 * 1024 * 1024 + 16 * 1024
"""Of a document, in bytes: MongoDB's own limit."""


def copy_out(store: Store, write: Write, *, now: datetime) -> None:
    """Gives every collection to `write`, in the order that keeps the laws. Raises Unavailable."""
    _copy_lists(store, write)
    for part in _FIRST:
        write(part, _raw(_collection(store, part)))
    _copy_money(store, write, now)
    known = {_collection(store, part).name for part in ("batches", *_FILES, *_FIRST, "accounts", "ledger", _LAST)}
    for name in sorted(store.database.list_collection_names()):
        if name not in known and name != _KEPT_HERE and not name.startswith("system."):
            write(_OTHER + name, _raw(store.database[name]))
    write(_LAST, _raw(_collection(store, _LAST)))


def is_part(name: str) -> bool:
    """Whether a part may have this name: one of an archive that somebody else made is not trusted."""
    roles = {"batches", *_FILES, *_FIRST, "accounts", "ledger", _LAST}
    if name in roles:
        return True
    plain = name.removeprefix(_OTHER)
    return name.startswith(_OTHER) and _PART.fullmatch(name) is not None and not plain.startswith("system.")


def check_document(raw: bytes) -> None:
    """Raises InputError for bytes that are no document with an `_id`."""
    try:
        document = bson.decode(raw)
    except (BSONError, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise InputError(f"a document in the backup cannot be read: {error}") from None
    if "_id" not in document:
        raise InputError("a document in the backup has no _id")


def write_part(store: Store, part: str, documents: Iterable[bytes], *, paused_because: str, now: datetime) -> int:
    """Adds the documents to the collection of `part`; returns how many. Raises InputError where MongoDB refuses one.

    Batches that were running are written as paused: nothing of them is dialled before somebody resumes them.
    """
    collection, count = _collection(store, part), 0
    chunk: list[Any] = []
    for raw in documents:
        chunk.append(
            _paused(bson.decode(raw, _AWARE), paused_because, now) if part == "batches" else RawBSONDocument(raw)
        )
        count += 1
        if len(chunk) == _CHUNK:
            _insert(collection, chunk)
            chunk = []
    if chunk:
        _insert(collection, chunk)
    return count


def documents_in(read: Callable[[int], bytes], size: int) -> Iterator[bytes]:
    """The documents in `size` bytes of a stream. Raises InputError where they do not come out even."""
    left = size
    while left > 0:
        head = read(4)
        length = int.from_bytes(head, "little", signed=True) if len(head) == 4 else 0
        if not 5 <= length <= min(left, _LONGEST):
            raise InputError("the backup is damaged: a document has an impossible length")
        rest = read(length - 4)
        if len(rest) != length - 4 or rest[-1] != 0:
            raise InputError("the backup is damaged: a document is cut off")
        left -= length
        yield head + rest


def holds_data(store: Store) -> bool:
    """Whether anything here would be lost. Workers that ran on an empty database leave `main`, slots and the pace."""
    kept = (store.batches, store.jobs, store.attempts, store.people, store.phones, store.ledger, store.actions)
    if any(collection.find_one({}, {"_id": 1}) is not None for collection in kept):
        return True
    return any(account["_id"] != "main" for account in store.accounts.find({}, {"_id": 1}))


def is_half_restored(store: Store) -> bool:
    """Whether a restore began here and did not come to its end."""
    return store.database[_KEPT_HERE].find_one({"state": "writing"}) is not None


def begin_restore(store: Store, digest: str, *, taken_at: datetime, now: datetime) -> None:
    """Remembers that the backup with this digest is being written, and removes everything else that is here."""
    record: Document = {"state": "writing", "taken_at": taken_at, "begun_at": now, "done_at": None}
    restores = store.database[_KEPT_HERE]
    restores.update_one({"_id": digest}, {"$set": record}, upsert=True)
    for name in store.database.list_collection_names():
        if name != _KEPT_HERE and not name.startswith("system."):
            store.database[name].delete_many({})
            store.database.drop_collection(name)


def end_restore(store: Store, *, now: datetime) -> None:
    """The database is whole: workers may start."""
    store.database[_KEPT_HERE].update_many({"state": "writing"}, {"$set": {"state": "done", "done_at": now}})


_AWARE: CodecOptions[Document] = CodecOptions(document_class=dict, tz_aware=True)
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


def _collection(store: Store, part: str) -> Documents:
    if part.startswith(_OTHER) or part in _FILES:
        return store.database[part.removeprefix(_OTHER)]
    found: Documents = getattr(store, part)
    return found


def _raw(collection: Documents, wanted: Document | None = None) -> Iterator[bytes]:
    found: Collection[Any] = collection.with_options(codec_options=_RAW)
    return (document.raw for document in found.find(wanted or {}))


def _copy_lists(store: Store, write: Write) -> None:
    """Batches and the files of those that are not loaded yet: a file goes once its batch runs, and a batch that still
    waited for it would be refused, so both are read again until they fit."""
    for _ in range(_TRIES):
        batches = list(_raw(store.batches))
        for part in _FILES:
            write(part, _raw(store.database[part]))
        there = {file["_id"] for file in store.database[_FILES[0]].find({}, {"_id": 1})}
        if all(_file_of(raw) in {None, *there} for raw in batches):
            write("batches", batches)
            return
    raise Unavailable("lists are being loaded faster than they can be copied: try again in a minute")


def _file_of(raw: bytes) -> Any:
    """The file that the batch still needs; None where it was loaded."""
    batch = bson.decode(raw)
    return batch.get("file_id") if batch["status"] in (BatchStatus.RECEIVED, BatchStatus.LOADING) else None


def _copy_money(store: Store, write: Write, now: datetime) -> None:
    """Accounts, then the ledger: of each account exactly those entries that its balance holds (law 7)."""
    since, accounts, recent = now - _RESTED, [], []
    for account in store.accounts.find({}, {"_id": 1}).sort("_id", 1):
        document, entries = _books(store, account["_id"], since)
        accounts.append(document)
        recent += entries
    write("accounts", accounts)

    def ledger() -> Iterator[bytes]:
        # After the accounts: an old entry that a dead process left in an outbox is in one of the two.
        yield from _raw(store.ledger, {"at": {"$lt": since}})
        yield from recent

    write("ledger", ledger())


def _books(store: Store, account_id: str, since: datetime) -> tuple[bytes, list[bytes]]:
    """The account and its entries from `since` on, at one moment: nothing moved between the two readings of it."""
    for _ in range(_TRIES):
        before = next(_raw(store.accounts, {"_id": account_id}))
        entries = list(_raw(store.ledger, {"account_id": account_id, "at": {"$gte": since}}))
        if next(_raw(store.accounts, {"_id": account_id})) == before:
            return before, entries
    raise Unavailable(f"account {account_id} moves faster than it can be copied: try again when fewer calls are live")


def _paused(batch: Document, because: str, now: datetime) -> Document:
    if batch["status"] != BatchStatus.RUNNING:
        return batch
    entry = {"at": now, "status": BatchStatus.PAUSED.value, "reason": because}
    changed = {"status": BatchStatus.PAUSED.value, "reason": because, "changed_at": now, "paused_by_restore": True}
    return {**batch, **changed, "history": [*batch.get("history", ()), entry]}


def _insert(collection: Documents, documents: list[Any]) -> None:
    try:
        collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        codes = {fault["code"] for fault in error.details["writeErrors"]}
        # Its own text holds whole documents, names and phones included.
        raise InputError(f"MongoDB refuses a document of {collection.name}: codes {codes}") from None
