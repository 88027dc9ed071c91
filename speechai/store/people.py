"""People: one human being over all batches of one owner. Holds the day's turn (law 3) and the silent days (law 4).

A turn is taken by one conditional write before the call and is tied to the attempt's id; whatever ends the attempt
names that id, so that a repeated end changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pymongo.errors import DuplicateKeyError

from speechai.core.model import Person
from speechai.store.connection import Document, Store
from speechai.store.documents import person_from


class Turn(StrEnum):
    """What came of asking for a person's turn."""

    TAKEN = "taken"
    BUSY = "busy"
    """Another call to the same person is live, perhaps of another batch."""
    CAPPED = "capped"


def get_person(store: Store, person_id: str) -> Person:
    """The person's counters; one that is not known yet has none."""
    return person_from(store.people.find_one({"_id": person_id}) or {"_id": person_id})


def take_turn(store: Store, person: Person, attempt_id: str, *, today: date, cap: int, now: datetime) -> Turn:
    """Counts one attempt of the local day `today` against the person, at most `cap` of them, one live at a time.

    `person` is as the caller read it and only says which write to try first; each write asks again by itself. A person
    is made at the first call: whoever is only on a list has no record. A second call with the same attempt id finds the
    turn taken. A person counted in two zones keeps the later day, and has no turn any more on the earlier one: its
    count is gone, and a fourth call could not be told from a first.
    """
    text = today.isoformat()
    # The call that ended since the caller read the person may have brought the wish not to be called.
    free: Document = {"_id": person.id, "live_attempt_id": None, "do_not_call": {"$ne": True}}
    holder: Document = {"live_attempt_id": attempt_id, "last_attempt_at": now}
    first: Document = {**holder, "day_on": text, "attempts_today": 1}
    again: Document = {"$inc": {"attempts_today": 1}, "$set": holder}
    tries: list[Callable[[], bool]] = [
        lambda: _changed(store, {**free, "day_on": text, "attempts_today": {"$lt": cap}}, again),
        lambda: _changed(store, {**free, "day_on": {"$not": {"$gte": text}}}, {"$set": first}),
        lambda: _inserted(store, {"_id": person.id, **first}),
    ]
    likely = 2 if person.day_on is None else (0 if person.day_on == today else 1)
    for attempt in (tries[likely], *tries):
        if attempt():
            return Turn.TAKEN
    current = get_person(store, person.id)
    if current.live_attempt_id == attempt_id:
        return Turn.TAKEN
    if current.live_attempt_id is None and (current.do_not_call or _has_had_the_day(current, today, cap)):
        return Turn.CAPPED
    # Also where a call has begun and ended between the tries: asking again costs a moment, "capped" costs the day.
    return Turn.BUSY


def _has_had_the_day(person: Person, today: date, cap: int) -> bool:
    if person.day_on is None or person.day_on < today:
        return False
    return person.day_on > today or person.attempts_today >= cap


def _changed(store: Store, expected: Document, changes: Document) -> bool:
    return store.people.update_one(expected, changes).modified_count == 1


def _inserted(store: Store, document: Document) -> bool:
    with suppress(DuplicateKeyError):
        store.people.insert_one(document)
        return True
    return False


def turn_holder(store: Store, person_id: str) -> tuple[str, datetime] | None:
    """The attempt that has the person's turn, and since when; None where nobody has it."""
    document = store.people.find_one({"_id": person_id, "live_attempt_id": {"$gt": ""}})
    return (document["live_attempt_id"], document["last_attempt_at"]) if document else None


def give_turn_back(store: Store, person_id: str, attempt_id: str) -> None:
    """Undoes `take_turn` where no call happened."""
    store.people.update_one(
        {"_id": person_id, "live_attempt_id": attempt_id},
        {"$inc": {"attempts_today": -1}, "$set": {"live_attempt_id": None}},
    )


def settle_turn(
    store: Store, person_id: str, attempt_id: str, *, day: date, contact: bool, silent: bool, do_not_call: bool
) -> None:
    """Ends the turn of a call that happened on the local `day`, with what it says about silence.

    A conversation ends a row of silent days; silence on a day with a conversation is none.
    """
    changes: dict[str, Any] = {"$set": {"live_attempt_id": None}}
    if do_not_call:
        changes["$set"]["do_not_call"] = True
    if contact:
        changes["$set"].update(contact_on=day.isoformat(), silent_on=[])
    elif silent and get_person(store, person_id).contact_on != day:
        changes["$addToSet"] = {"silent_on": day.isoformat()}
    store.people.update_one({"_id": person_id, "live_attempt_id": attempt_id}, changes)
