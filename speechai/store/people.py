"""People: one human being over all batches of one owner. Holds the day's turn (law 3) and the silent days (law 4).

A turn is taken by one conditional write before the call and is tied to the attempt's id; whatever ends the attempt
names that id, so that a repeated end changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from pymongo import UpdateOne

from speechai.core.model import Person
from speechai.store.connection import Store
from speechai.store.documents import person_from
from speechai.store.jobs import insert_missing


class Turn(StrEnum):
    """What came of asking for a person's turn."""

    TAKEN = "taken"
    BUSY = "busy"
    """Another call to the same person is live, perhaps of another batch."""
    CAPPED = "capped"


def remember(store: Store, people: Sequence[tuple[str, str | None, Sequence[str]]]) -> None:
    """Makes sure that each person (id, national id, phones) is known; of known ones only the phones are added to."""
    # `day_on` is text, "" before the first call, so that the conditional writes below can compare it.
    known = insert_missing(
        store.people,
        [
            {
                "_id": person_id,
                "national_id": national_id,
                "phones": list(phones),
                "day_on": "",
                "attempts_today": 0,
                "live_attempt_id": None,
            }
            for person_id, national_id, phones in people
        ],
    )
    if known:
        phones_of = {person_id: phones for person_id, _, phones in people}
        store.people.bulk_write(
            [UpdateOne({"_id": key}, {"$addToSet": {"phones": {"$each": list(phones_of[key])}}}) for key in known],
            ordered=False,
        )


def get_person(store: Store, person_id: str) -> Person:
    """The person's counters; one that is not known yet has none."""
    return person_from(store.people.find_one({"_id": person_id}) or {"_id": person_id})


def take_turn(
    store: Store, person_id: str, attempt_id: str, job_id: str, *, today: date, cap: int, now: datetime
) -> Turn:
    """Counts one attempt of the local day `today` against the person, at most `cap` of them, one live at a time.

    A second call with the same attempt id finds the turn taken. A person counted in two zones keeps the later day, and
    has no turn any more on the earlier one: its count is gone, and a fourth call could not be told from a first.
    """
    text = today.isoformat()
    store.people.update_one(
        {"_id": person_id, "live_attempt_id": None, "day_on": {"$lt": text}},
        {"$set": {"day_on": text, "attempts_today": 0}},
    )
    taken = store.people.update_one(
        {
            "_id": person_id,
            "live_attempt_id": None,
            "day_on": text,
            "attempts_today": {"$lt": cap},
            # The caller read the person before: the call that ended since may have brought this wish.
            "do_not_call": {"$ne": True},
        },
        {
            "$inc": {"attempts_today": 1},
            "$set": {"live_attempt_id": attempt_id, "live_job_id": job_id, "last_attempt_at": now},
        },
    )
    if taken.modified_count == 1:
        return Turn.TAKEN
    person = get_person(store, person_id)
    if person.live_attempt_id == attempt_id:
        return Turn.TAKEN
    return Turn.BUSY if person.live_attempt_id else Turn.CAPPED


def held_turns(store: Store) -> list[tuple[str, str, str]]:
    """The (person, attempt, job) of every turn that is taken. Index `live_turns`."""
    found = store.people.find({"live_attempt_id": {"$gt": ""}}, {"live_attempt_id": 1, "live_job_id": 1})
    return [(document["_id"], document["live_attempt_id"], document["live_job_id"]) for document in found]


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
    person = get_person(store, person_id)
    changes: dict[str, Any] = {"$set": {"live_attempt_id": None}}
    if do_not_call:
        changes["$set"]["do_not_call"] = True
    if contact:
        changes["$set"].update(contact_on=day.isoformat(), silent_on=[])
    elif silent and person.contact_on != day:
        changes["$addToSet"] = {"silent_on": day.isoformat()}
    store.people.update_one({"_id": person_id, "live_attempt_id": attempt_id}, changes)
