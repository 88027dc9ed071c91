"""The do-not-call list over the wire: marked before and between calls, lifted, and kept with its history."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from speechai.core.decision import Denial, Denied
from speechai.store.connection import Store
from speechai.store.do_not_call import do_not_call_list, lift_do_not_call, mark_do_not_call
from speechai.store.people import Turn
from tests.store.making import (
    NOW,
    NUMBER,
    PERSON,
    PHONE,
    THREADS,
    Kind,
    meanwhile,
    person_of,
    phone_of,
    race,
    settle,
    take,
    take_phone,
)

both = pytest.mark.parametrize("kind", [PERSON, PHONE], ids=lambda kind: kind.name)
LATER = NOW + timedelta(hours=1)


def mark(store: Store, kind: Kind = PERSON, *keys: str) -> int:
    """How many were not on the list before."""
    people, phones = (keys or (kind.key,), ()) if kind is PERSON else ((), keys or (kind.key,))
    return sum(mark_do_not_call(store, person_ids=people, numbers=phones, why="by letter", by="ana", at=NOW))


def lift(store: Store, kind: Kind = PERSON) -> int:
    people, phones = ((kind.key,), ()) if kind is PERSON else ((), (kind.key,))
    return sum(lift_do_not_call(store, person_ids=people, numbers=phones, why="a mistake", by="ana", at=LATER))


def is_refused(turn: Turn | Denied) -> bool:
    return isinstance(turn, Denied) and turn.code is Denial.DO_NOT_CALL


@both
def test_whoever_was_never_called_is_not_called_once_on_the_list(store: Store, kind: Kind) -> None:
    assert mark(store, kind) == 1
    assert kind.read(store).do_not_call
    assert is_refused(kind.take(store, "a"))
    assert kind.read(store).tries == ()


@both
def test_a_mark_keeps_the_counters_and_a_second_one_changes_nothing(store: Store, kind: Kind) -> None:
    kind.take(store, "a")
    kind.settle(store, "a", talked=True)
    assert (mark(store, kind), mark(store, kind)) == (1, 0)
    counted = kind.read(store)
    assert ([made.attempt_id for made in counted.tries], len(counted.talks_on), counted.revision) == (["a"], 1, 3)
    assert is_refused(kind.take(store, "b"))


@both
def test_a_lifted_mark_lets_calls_through_again_and_both_stay_in_the_history(store: Store, kind: Kind) -> None:
    mark(store, kind)
    assert (lift(store, kind), lift(store, kind)) == (1, 0)
    assert list(do_not_call_list(store)) == []
    assert kind.take(store, "a") is Turn.TAKEN
    history = (kind.documents(store).find_one({"_id": kind.key}) or {})["do_not_call_history"]
    assert history == [
        {"did": "add", "why": "by letter", "by": "ana", "at": NOW},
        {"did": "lift", "why": "a mistake", "by": "ana", "at": LATER},
    ]


def test_lifting_makes_nobody_known(store: Store) -> None:
    assert lift(store) == 0
    assert store.people.count_documents({}) == 0


def test_a_call_that_is_live_when_the_wish_comes_ends_as_any_other_and_is_the_last(store: Store) -> None:
    take(store, "a")
    assert mark(store) == 1
    assert person_of(store).live_attempt_id == "a"
    settle(store, "a", silent=True)
    person = person_of(store)
    assert (person.live_attempt_id, len(person.silent_on), person.do_not_call) == (None, 1, True)
    assert is_refused(take(store, "b"))


@pytest.mark.parametrize("command", ["insert", "find"])
def test_a_person_who_is_called_for_the_first_time_while_the_wish_is_written_is_marked(
    store: Store, mongo_uri: str, command: str
) -> None:
    """Between the look whether the person is known and the writing of a new record the first call makes one."""
    with meanwhile(mongo_uri, store, command, partial(take, store, "a")) as marking:
        assert mark(marking) == 1
    person = person_of(store)
    assert (person.do_not_call, person.live_attempt_id) == (True, "a")
    settle(store, "a")
    assert is_refused(take(store, "b"))


def test_a_wish_that_races_with_many_calls_is_never_lost(store: Store) -> None:
    """Whoever has the turn already calls; from the mark on nobody gets one."""

    def call(worker: int) -> list[str]:
        got = []
        for n in range(10):
            if take(store, f"{worker}|{n}", cap=99) is Turn.TAKEN:
                got.append(f"{worker}|{n}")
                settle(store, f"{worker}|{n}")
        return got

    def wish() -> list[str]:
        assert mark(store) == 1
        return [made.attempt_id for made in person_of(store).tries]

    everybody: list[Callable[[], list[str]]] = [wish, *(partial(call, n) for n in range(THREADS - 1))]
    before, *got = race(everybody)
    person = person_of(store)
    assert person.do_not_call
    assert [made.attempt_id for made in person.tries] == before
    assert sorted(before) == sorted(attempt_id for one in got for attempt_id in one)


def test_a_wish_written_down_by_many_at_once_is_counted_once(store: Store) -> None:
    assert sum(race([partial(mark, store)] * THREADS)) == 1
    assert len((store.people.find_one({"_id": "p"}) or {})["do_not_call_history"]) == 1


def test_a_long_list_with_repetitions_and_known_people_marks_each_once(store: Store) -> None:
    take(store, "a", person_id="p7")
    mark(store, PERSON, "p8")
    names = [f"p{n}" for n in range(210)]
    assert mark(store, PERSON, *names, *names) == 209
    assert store.people.count_documents({"do_not_call": True}) == 210
    assert person_of(store, "p7").live_attempt_id == "a"


def test_the_list_names_telephones_and_people_with_their_history(store: Store) -> None:
    mark(store, PERSON)
    mark(store, PHONE)
    take_phone(store, "a", number="+56922222222")
    take(store, "a", person_id="q")
    settle(store, "a", person_id="q", talked=True, do_not_call=True)
    entries = {(kind, key): [entry["why"] for entry in history] for kind, key, history in do_not_call_list(store)}
    assert entries == {
        ("phone", NUMBER): ["by letter"],
        ("person", "p"): ["by letter"],
        ("person", "q"): ["asked in the call"],
    }
    assert not phone_of(store, "+56922222222").do_not_call


@pytest.mark.parametrize("known", [True, False], ids=["called before", "never called"])
def test_a_wish_that_is_heard_again_does_not_undo_a_lift(store: Store, known: bool) -> None:
    """A call that was given up is looked up for days, and says the same each time."""
    if known:
        take(store, "before")

    def hear(attempt_id: str) -> int:
        told = {"why": "asked in a call", "by": attempt_id, "at": NOW, "once": True}
        return sum(mark_do_not_call(store, person_ids=[PERSON.key], **told))

    assert hear("a") == 1
    assert lift(store) == 1
    assert hear("a") == 0
    assert not person_of(store).do_not_call
    assert hear("another call") == 1
