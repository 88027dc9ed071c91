"""A person's turn: at most the cap a local day, one live call, and what a call says about silence."""

from __future__ import annotations

import random
from datetime import date, timedelta
from functools import partial

import pytest

from speechai.core.model import Person
from speechai.store import people
from speechai.store.connection import Store
from speechai.store.people import Turn
from tests.store.making import NOW, THREADS, race

DAY = date(2026, 11, 25)
CAP = 3


def take(store: Store, attempt_id: str, *, day: date = DAY, cap: int = CAP, person_id: str = "p") -> Turn:
    return people.take_turn(store, person_id, attempt_id, f"job of {attempt_id}", today=day, cap=cap, now=NOW)


def settle(store: Store, attempt_id: str, *, day: date = DAY, contact: bool = False, silent: bool = False) -> None:
    people.settle_turn(store, "p", attempt_id, day=day, contact=contact, silent=silent, do_not_call=False)


def person_of(store: Store, person_id: str = "p") -> Person:
    return people.get_person(store, person_id)


@pytest.fixture
def known(store: Store) -> Store:
    """A store that knows the person `p`."""
    people.remember(store, [("p", "12345678-5", ["+56911111111"])])
    return store


def test_of_many_who_want_to_call_a_person_one_gets_the_turn(known: Store) -> None:
    turns = race([partial(take, known, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert turns.count(Turn.BUSY) == THREADS - 1
    person = person_of(known)
    assert (person.attempts_today, person.live_attempt_id) == (1, f"a{turns.index(Turn.TAKEN)}")


def test_a_person_raced_for_all_day_is_never_called_more_than_the_cap(known: Store) -> None:
    def try_all_day(worker: int) -> int:
        made = 0
        for n in range(8):
            attempt_id = f"worker{worker}|{n}"
            if take(known, attempt_id) is Turn.TAKEN:
                assert person_of(known).live_attempt_id == attempt_id
                made += 1
                settle(known, attempt_id, silent=True)
        return made

    assert sum(race([partial(try_all_day, n) for n in range(6)])) == CAP
    assert person_of(known).attempts_today == CAP
    assert take(known, "one more") is Turn.CAPPED


def test_the_turn_is_taken_at_most_cap_times_when_a_new_day_is_raced_for(known: Store) -> None:
    for n in range(CAP):
        assert take(known, f"yesterday{n}", day=DAY - timedelta(days=1)) is Turn.TAKEN
        settle(known, f"yesterday{n}")
    turns = race([partial(take, known, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert (person_of(known).day_on, person_of(known).attempts_today) == (DAY, 1)


def test_asking_again_with_the_same_attempt_finds_the_turn_taken_and_counts_once(known: Store) -> None:
    assert race([partial(take, known, "a")] * 4) == [Turn.TAKEN] * 4
    assert person_of(known).attempts_today == 1


def test_a_call_that_lasts_over_midnight_keeps_the_person_busy_on_the_new_day(known: Store) -> None:
    assert take(known, "a", day=DAY) is Turn.TAKEN
    assert take(known, "b", day=DAY + timedelta(days=1)) is Turn.BUSY
    assert person_of(known).day_on == DAY
    settle(known, "a", silent=True)
    assert take(known, "b", day=DAY + timedelta(days=1)) is Turn.TAKEN
    person = person_of(known)
    assert (person.day_on, person.attempts_today, person.silent_on) == (DAY + timedelta(days=1), 1, (DAY,))


def test_a_person_counted_in_two_zones_keeps_the_later_day(known: Store) -> None:
    """In the hours in which it is tomorrow in Santiago already, Easter Island still lives today."""
    tomorrow = DAY + timedelta(days=1)
    for n in range(CAP):
        assert take(known, f"easter{n}", day=DAY) is Turn.TAKEN
        settle(known, f"easter{n}")
    assert take(known, "santiago", day=tomorrow) is Turn.TAKEN
    settle(known, "santiago")
    assert take(known, "easter's fourth", day=DAY) is Turn.CAPPED
    person = person_of(known)
    assert (person.day_on, person.attempts_today) == (tomorrow, 1)


@pytest.mark.parametrize("seed", range(3))
def test_attempts_in_two_zones_never_pass_the_cap_of_either_day(known: Store, seed: int) -> None:
    tomorrow = DAY + timedelta(days=1)
    chance = random.Random(seed)
    days = [chance.choice((DAY, tomorrow)) if n > 3 else DAY for n in range(14)]
    made: dict[date, int] = {DAY: 0, tomorrow: 0}
    for n, day in enumerate(days):
        if take(known, f"a{n}", day=day) is Turn.TAKEN:
            made[day] += 1
            settle(known, f"a{n}")
    assert made == {DAY: CAP, tomorrow: CAP}


def test_a_turn_given_back_does_not_count(known: Store) -> None:
    for n in range(CAP + 2):
        assert take(known, f"a{n}") is Turn.TAKEN
        people.give_turn_back(known, "p", f"a{n}")
    person = person_of(known)
    assert (person.attempts_today, person.live_attempt_id) == (0, None)


def test_giving_back_and_settling_twice_is_harmless(known: Store) -> None:
    take(known, "a")
    race([partial(people.give_turn_back, known, "p", "a")] * 4)
    assert person_of(known).attempts_today == 0
    take(known, "b")
    race([partial(settle, known, "b", silent=True)] * 4)
    people.give_turn_back(known, "p", "b")
    person = person_of(known)
    assert (person.attempts_today, person.silent_on, person.live_attempt_id) == (1, (DAY,), None)


def test_an_end_that_comes_late_does_not_touch_the_next_attempts_turn(known: Store) -> None:
    take(known, "a")
    settle(known, "a")
    take(known, "b")
    settle(known, "a", silent=True)
    people.give_turn_back(known, "p", "a")
    person = person_of(known)
    assert (person.attempts_today, person.live_attempt_id, person.silent_on) == (2, "b", ())


@pytest.mark.parametrize(
    ("calls", "silent_on"),
    [
        ([("silent", 0)], (DAY,)),
        ([("silent", 0), ("silent", 0)], (DAY,)),
        ([("silent", 0), ("silent", 1)], (DAY, DAY + timedelta(days=1))),
        ([("silent", 0), ("contact", 0)], ()),
        ([("contact", 0), ("silent", 0)], ()),  # silence on a day with a conversation is none
        ([("silent", 0), ("silent", 1), ("contact", 2)], ()),
        ([("contact", 0), ("silent", 1)], (DAY + timedelta(days=1),)),
        ([("neither", 0)], ()),
        ([("silent", 0), ("neither", 1)], (DAY,)),  # a technical failure says nothing about the person
    ],
)
def test_silent_days_are_counted_since_the_last_conversation(
    known: Store, calls: list[tuple[str, int]], silent_on: tuple[date, ...]
) -> None:
    for n, (kind, later) in enumerate(calls):
        day = DAY + timedelta(days=later)
        assert take(known, f"a{n}", day=day) is Turn.TAKEN
        settle(known, f"a{n}", day=day, contact=kind == "contact", silent=kind == "silent")
    assert person_of(known).silent_on == silent_on


def test_a_wish_not_to_be_called_is_kept(known: Store) -> None:
    take(known, "a")
    people.settle_turn(known, "p", "a", day=DAY, contact=True, silent=False, do_not_call=True)
    settle(known, "a")
    assert person_of(known).do_not_call


def test_whoever_had_read_the_person_before_the_wish_gets_no_turn_after_it(known: Store) -> None:
    take(known, "a")
    assert not person_of(known).do_not_call
    people.settle_turn(known, "p", "a", day=DAY, contact=True, silent=False, do_not_call=True)
    assert take(known, "b") is Turn.CAPPED
    assert take(known, "c", day=DAY + timedelta(days=1)) is Turn.CAPPED
    assert person_of(known).live_attempt_id is None


def test_a_person_who_is_not_known_has_no_turn(store: Store) -> None:
    assert take(store, "a", person_id="nobody") is Turn.CAPPED
    assert people.held_turns(store) == []


def test_held_turns_are_those_of_live_attempts_alone(known: Store) -> None:
    people.remember(known, [("q", None, [])])
    take(known, "a")
    take(known, "b", person_id="q")
    settle(known, "a")
    assert people.held_turns(known) == [("q", "b", "job of b")]


def test_remembering_a_person_again_adds_phones_and_leaves_the_counters(known: Store) -> None:
    take(known, "a")
    before = person_of(known)
    people.remember(known, [("p", None, ["+56911111111", "+56922222222"]), ("q", None, ["+56933333333"])])
    assert person_of(known) == before
    document = known.people.find_one({"_id": "p"}) or {}
    assert (document["national_id"], document["phones"]) == ("12345678-5", ["+56911111111", "+56922222222"])
    assert take(known, "b", person_id="q") is Turn.TAKEN


def test_two_loaders_may_remember_the_same_people_at_once(store: Store) -> None:
    both = [(f"p{n}", None, [f"+5691111{n:04}"]) for n in range(60)]
    race([partial(people.remember, store, both)] * 6)
    assert store.people.count_documents({}) == 60
    assert all(len(document["phones"]) == 1 for document in store.people.find())


def test_remembering_nobody_is_harmless(store: Store) -> None:
    people.remember(store, [])
