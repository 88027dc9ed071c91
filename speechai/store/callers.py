"""Caller numbers: one document a number, with the countries it may call, its rest, and its latest results.

Every write is one conditional update of one document: workers that end calls of the same number at the same moment
need no lock. The results are the latest N by the time of placing, whatever the order in which calls ended and however
often an end was noted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from speechai.core.callers import CallerNumber, CallResult
from speechai.store.connection import Document, Documents, Store

_LISTING = "caller_numbers"
"""The document of `pace` that says when Retell may be asked for its numbers again."""


def get_callers(store: Store, numbers: Sequence[str]) -> tuple[CallerNumber, ...]:
    """The numbers in the given order, without their results: what choosing among them needs. Unknown ones are blank."""
    found = {
        document["_id"]: document for document in store.callers.find({"_id": {"$in": list(numbers)}}, {"results": 0})
    }
    return tuple(_caller_from(found.get(number, {"_id": number})) for number in numbers)


def get_caller(store: Store, number: str) -> CallerNumber | None:
    """The number with its results; None for one that is not known."""
    document = store.callers.find_one({"_id": number})
    return _caller_from(document) if document else None


def list_callers(store: Store) -> list[CallerNumber]:
    """Every number that is known, with its results, by number."""
    return sorted(map(_caller_from, store.callers.find({})), key=lambda caller: caller.number)


def note_result(store: Store, number: str, result: CallResult, *, keep: int) -> None:
    """Keeps what one call said, among the latest `keep` by placing. Noting a call again changes nothing."""
    entry = {"id": result.attempt_id, "at": result.placed_at, "failure": result.failure}
    # Sorted and cut by the placing, not by the noting: a call noted again after N others falls off again at once.
    changes = {"$push": {"results": {"$each": [entry], "$sort": {"at": 1, "id": 1}, "$slice": -keep}}}
    for _ in range(2):
        try:
            store.callers.update_one({"_id": number, "results.id": {"$ne": result.attempt_id}}, changes, upsert=True)
            return
        except DuplicateKeyError:
            # Noted before, or another worker made the document a moment ago: then the second time finds it.
            continue


def rest(
    store: Store, number: str, until: datetime, why: str, *, by: str, at: datetime, seen: CallerNumber | None = None
) -> bool:
    """Lets the number rest until `until`; calls placed before then never count against it again.

    With `seen` only where no other rest and no waking came since it was read: of many workers that see the same
    failures one makes the rest, and none shortens an operator's. False where that was so.
    """
    changes: Document = {
        "$set": {
            "rested_until": until,
            "rest_reason": why,
            "rested_by": by,
            "rested_at": at,
            "counts_from": until,
        }
    }
    if seen is None:
        store.callers.update_one({"_id": number}, changes, upsert=True)
        return True
    expected = {"_id": number, "counts_from": seen.counts_from}
    return store.callers.update_one(expected, changes).modified_count == 1


def wake(store: Store, number: str, *, by: str, at: datetime) -> bool:
    """Ends a rest before its time; False where the number does not rest. Calls placed before `at` count no more."""
    changes = {"rested_until": None, "rest_reason": None, "counts_from": at, "woken_by": by, "woken_at": at}
    expected = {"_id": number, "rested_until": {"$gt": at}}
    return store.callers.update_one(expected, {"$set": changes}).modified_count == 1


def keep_countries(store: Store, number: str, countries: Iterable[str] | None, at: datetime) -> None:
    """Keeps what Retell said of a number that it listed: the countries that it may call, None for every one."""
    kept = None if countries is None else sorted(set(countries))
    store.callers.update_one(
        {"_id": number}, {"$set": {"countries": kept, "listed": True, "listed_at": at}}, upsert=True
    )


def note_unlisted(store: Store, numbers: Collection[str], at: datetime) -> None:
    """Keeps that Retell listed the workspace's numbers and these were not among them."""
    for number in numbers:
        store.callers.update_one({"_id": number}, {"$set": {"listed": False, "listed_at": at}}, upsert=True)


def claim_listing(store: Store, *, now: datetime, every: timedelta) -> bool:
    """True for the one process that asks Retell for its numbers now; the next may in `every`."""
    later = {"next_at": now + every}
    if _pace(store).update_one({"_id": _LISTING, "next_at": {"$lte": now}}, {"$set": later}).modified_count == 1:
        return True
    with suppress(DuplicateKeyError):
        _pace(store).insert_one({"_id": _LISTING, **later})
        return True
    return False


def postpone_listing(store: Store, *, until: datetime) -> None:
    """Lets Retell be asked again at `until`, after an asking that failed."""
    _pace(store).update_one({"_id": _LISTING}, {"$set": {"next_at": until}})


def _pace(store: Store) -> Documents:
    return store.database["pace"]


def _caller_from(document: Document) -> CallerNumber:
    countries = document.get("countries")
    return CallerNumber(
        number=document["_id"],
        countries=None if countries is None else frozenset(countries),
        is_listed=document.get("listed"),
        rested_until=document.get("rested_until"),
        rest_reason=document.get("rest_reason"),
        counts_from=document.get("counts_from"),
        results=tuple(
            CallResult(attempt_id=entry["id"], placed_at=entry["at"], failure=entry["failure"])
            for entry in document.get("results", ())
        ),
    )
