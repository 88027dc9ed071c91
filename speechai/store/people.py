"""People and telephones over all batches and accounts of one owner: the turn to call them (law 3), and silence (law 4).

A turn is taken by one write whose condition is the revision that the rules were asked about: whatever changed since
(another call, a wish not to be called) makes the write miss, and the rules are asked again. It is tied to the
attempt's id, and whatever ends the attempt names that id, so that a repeated end changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

from pymongo.errors import DuplicateKeyError

from speechai.core.decision import Denied
from speechai.core.model import MEMORY_DAYS, Counted, Person, Phone, Try
from speechai.store.connection import Document, Documents, Store
from speechai.store.do_not_call import lift_do_not_call, mark_do_not_call, note_of_call
from speechai.store.documents import person_from, phone_from, try_document

__all__ = [
    "Turn",
    "get_person",
    "get_phones",
    "give_phone_turn_back",
    "give_turn_back",
    "lift_do_not_call",
    "mark_do_not_call",
    "phone_turn_holder",
    "settle_phone_turn",
    "settle_turn",
    "take_phone_turn",
    "take_turn",
    "turn_holder",
]

C = TypeVar("C", bound=Counted)
_MOST_TRIES = 20
"""A write that misses so often is raced for by many: one of them has the turn, and asking again costs a moment."""


class Turn(StrEnum):
    """What came of asking for a turn that no rule denies."""

    TAKEN = "taken"
    BUSY = "busy"
    """Another call to the same person or telephone is live, perhaps of another batch."""


def get_person(store: Store, person_id: str) -> Person:
    """The person's counters; one that is not known yet has none."""
    return person_from(store.people.find_one({"_id": person_id}) or {"_id": person_id})


def get_phones(store: Store, numbers: Sequence[str]) -> dict[str, Phone]:
    """The counters of those `numbers` (E.164) that were called or written down; the others are missing."""
    if len(numbers) == 1:  # the usual case, and a point read
        document = store.phones.find_one({"_id": numbers[0]})
        return {} if document is None else {numbers[0]: phone_from(document)}
    found = store.phones.find({"_id": {"$in": list(numbers)}})
    return {document["_id"]: phone_from(document) for document in found}


def take_turn(
    store: Store,
    person_id: str,
    attempt_id: str,
    *,
    on: date,
    now: datetime,
    decide: Callable[[Person], Denied | None],
    seen: Person | None = None,
) -> Turn | Denied:
    """Counts one attempt of the local day `on` against the person, one live at a time, where `decide` does not deny.

    `decide` is asked about the very counters that the write is conditional on. A person is made at the first call:
    whoever is only on a list has no record. A second call with the same attempt id finds the turn taken. `seen`, the
    person as read a moment ago, saves a read; where it is old the write misses and the person is read again.
    """
    return _take(store.people, person_from, person_id, attempt_id, on, now, decide, seen)


def take_phone_turn(
    store: Store,
    number: str,
    attempt_id: str,
    *,
    on: date,
    now: datetime,
    decide: Callable[[Phone], Denied | None],
    seen: Phone | None = None,
) -> Turn | Denied:
    """As `take_turn`, for the telephone with the E.164 `number`, whoever is called on it."""
    return _take(store.phones, phone_from, number, attempt_id, on, now, decide, seen)


def turn_holder(store: Store, person_id: str) -> tuple[str, datetime] | None:
    """The attempt that has the person's turn, and since when; None where nobody has it."""
    return _holder(get_person(store, person_id))


def phone_turn_holder(store: Store, number: str) -> tuple[str, datetime] | None:
    """As `turn_holder`, for a telephone."""
    phone = get_phones(store, [number]).get(number)
    return None if phone is None else _holder(phone)


def give_turn_back(store: Store, person_id: str, attempt_id: str) -> None:
    """Undoes `take_turn` where no call happened: the attempt is not counted. A second time nothing happens."""
    _give_back(store.people, person_id, attempt_id)


def give_phone_turn_back(store: Store, number: str, attempt_id: str) -> None:
    """Undoes `take_phone_turn` where no call happened."""
    _give_back(store.phones, number, attempt_id)


def settle_turn(
    store: Store,
    person_id: str,
    attempt_id: str,
    *,
    on: date,
    talked: bool,
    conversed: bool,
    silent: bool,
    do_not_call: bool,
) -> None:
    """Ends the turn of a call that happened on the local day `on`, with what it says of contacts and of silence.

    `talked` is an effective contact as the policy counts them, `conversed` a conversation with somebody: only that ends
    a row of silent days, and makes silence on its day none. A second time nothing happens.
    """
    changes = _settled(attempt_id, on=on, talked=talked, do_not_call=do_not_call)
    if conversed:
        changes["$set"].update(silent_on=[], conversed_on=on.isoformat())
    elif silent and get_person(store, person_id).conversed_on != on:  # nobody else writes it while the turn is held
        changes["$addToSet"] = {"silent_on": on.isoformat()}
    store.people.update_one({"_id": person_id, "live_attempt_id": attempt_id}, changes)


def settle_phone_turn(store: Store, number: str, attempt_id: str, *, on: date, talked: bool, do_not_call: bool) -> None:
    """As `settle_turn`, for the telephone that was dialled."""
    changes = _settled(attempt_id, on=on, talked=talked, do_not_call=do_not_call)
    store.phones.update_one({"_id": number, "live_attempt_id": attempt_id}, changes)


def _take(
    documents: Documents,
    read: Callable[[Document], C],
    key: str,
    attempt_id: str,
    on: date,
    now: datetime,
    decide: Callable[[C], Denied | None],
    seen: C | None,
) -> Turn | Denied:
    counted, is_fresh = (seen, False) if seen is not None else (_read(documents, read, key), True)
    for _ in range(_MOST_TRIES):
        if counted.live_attempt_id == attempt_id:
            return Turn.TAKEN
        denied = Turn.BUSY if counted.live_attempt_id is not None else decide(counted)
        # What an old view of the counters denies may be allowed by now, and the day must not be lost for it.
        if denied is None and _written(documents, counted, attempt_id, on, now):
            return Turn.TAKEN
        if denied is not None and is_fresh:
            return denied
        counted, is_fresh = _read(documents, read, key), True
    return Turn.BUSY


def _read(documents: Documents, read: Callable[[Document], C], key: str) -> C:
    return read(documents.find_one({"_id": key}) or {"_id": key})


def _written(documents: Documents, counted: Counted, attempt_id: str, on: date, now: datetime) -> bool:
    """Takes the turn from exactly these counters, and forgets what no window of a policy reaches any more."""
    first = on - timedelta(days=MEMORY_DAYS - 1)
    made = [*(known for known in counted.tries if known.on >= first), Try(attempt_id=attempt_id, at=now, on=on)]
    changes: Document = {
        "live_attempt_id": attempt_id,
        "tries": [try_document(one) for one in made],
        "talks_on": [day.isoformat() for day in counted.talks_on if day >= first],
    }
    if counted.revision == 0:  # nobody has written it yet, and only one can be the first
        with suppress(DuplicateKeyError):
            documents.insert_one({"_id": counted.id, **changes, "revision": 1})
            return True
    # One without a revision was written down by hand; so may a wish have been, which leaves the revision as it is.
    expected: Document = {"_id": counted.id, "revision": counted.revision or None, "live_attempt_id": None}
    expected["do_not_call"] = {"$ne": True}
    return documents.update_one(expected, {"$set": changes, "$inc": {"revision": 1}}).modified_count == 1


def _holder(counted: Counted) -> tuple[str, datetime] | None:
    held = (made for made in counted.tries if made.attempt_id == counted.live_attempt_id)
    return next(((made.attempt_id, made.at) for made in held), None)


def _give_back(documents: Documents, key: str, attempt_id: str) -> None:
    changes: Document = {
        "$set": {"live_attempt_id": None},
        "$pull": {"tries": {"attempt_id": attempt_id}},
        "$inc": {"revision": 1},
    }
    documents.update_one({"_id": key, "live_attempt_id": attempt_id}, changes)


def _settled(attempt_id: str, *, on: date, talked: bool, do_not_call: bool) -> dict[str, dict[str, Any]]:
    changes: dict[str, dict[str, Any]] = {"$set": {"live_attempt_id": None}, "$inc": {"revision": 1}, "$push": {}}
    if talked:
        changes["$push"]["talks_on"] = on.isoformat()
    if do_not_call:
        changes["$set"]["do_not_call"] = True
        changes["$push"]["do_not_call_history"] = note_of_call(attempt_id, on)
    if not changes["$push"]:
        del changes["$push"]
    return changes
