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
from tests.store.making import CAP, DAY, NOW, SEEN, TOMORROW, person_of, race, settle, take


def test_asking_again_with_the_same_attempt_finds_the_turn_taken_and_counts_once(either: Store) -> None:
    assert race([partial(take, either, "a")] * 4) == [Turn.TAKEN] * 4
    assert person_of(either).attempts_today == 1


def test_a_call_that_lasts_over_midnight_keeps_the_person_busy_on_the_new_day(either: Store) -> None:
    assert take(either, "a", day=DAY) is Turn.TAKEN
    assert take(either, "b", day=TOMORROW) is Turn.BUSY
    assert person_of(either).day_on == DAY
    settle(either, "a", silent=True)
    assert take(either, "b", day=TOMORROW) is Turn.TAKEN
    person = person_of(either)
    assert (person.day_on, person.attempts_today, person.silent_on) == (TOMORROW, 1, (DAY,))


def test_a_person_counted_in_two_zones_keeps_the_later_day(either: Store) -> None:
    """In the hours in which it is tomorrow in Santiago already, Easter Island still lives today."""
    for n in range(CAP):
        assert take(either, f"easter{n}", day=DAY) is Turn.TAKEN
        settle(either, f"easter{n}")
    assert take(either, "santiago", day=TOMORROW) is Turn.TAKEN
    settle(either, "santiago")
    assert take(either, "easter's fourth", day=DAY) is Turn.CAPPED
    person = person_of(either)
    assert (person.day_on, person.attempts_today) == (TOMORROW, 1)


@pytest.mark.parametrize("seed", range(3))
def test_attempts_in_two_zones_never_pass_the_cap_of_either_day(known: Store, seed: int) -> None:
    chance = random.Random(seed)
    days = [chance.choice((DAY, TOMORROW)) if n > 3 else DAY for n in range(14)]
    made: dict[date, int] = {DAY: 0, TOMORROW: 0}
    for n, day in enumerate(days):
        if take(known, f"a{n}", day=day) is Turn.TAKEN:
            made[day] += 1
            settle(known, f"a{n}")
    assert made == {DAY: CAP, TOMORROW: CAP}


def test_a_turn_given_back_does_not_count(either: Store) -> None:
    for n in range(CAP + 2):
        assert take(either, f"a{n}") is Turn.TAKEN
        people.give_turn_back(either, "p", f"a{n}")
    person = person_of(either)
    assert (person.attempts_today, person.live_attempt_id) == (0, None)


def test_giving_back_and_settling_twice_is_harmless(either: Store) -> None:
    take(either, "a")
    race([partial(people.give_turn_back, either, "p", "a")] * 4)
    assert person_of(either).attempts_today == 0
    take(either, "b")
    race([partial(settle, either, "b", silent=True)] * 4)
    people.give_turn_back(either, "p", "b")
    person = person_of(either)
    assert (person.attempts_today, person.silent_on, person.live_attempt_id) == (1, (DAY,), None)


def test_an_end_that_comes_late_does_not_touch_the_next_attempts_turn(either: Store) -> None:
    take(either, "a")
    settle(either, "a")
    take(either, "b")
    settle(either, "a", silent=True)
    people.give_turn_back(either, "p", "a")
    person = person_of(either)
    assert (person.attempts_today, person.live_attempt_id, person.silent_on) == (2, "b", ())


@pytest.mark.parametrize(
    ("calls", "silent_on"),
    [
        ([("silent", 0)], (DAY,)),
        ([("silent", 0), ("silent", 0)], (DAY,)),
        ([("silent", 0), ("silent", 1)], (DAY, TOMORROW)),
        ([("silent", 0), ("contact", 0)], ()),
        ([("contact", 0), ("silent", 0)], ()),  # silence on a day with a conversation is none
        ([("silent", 0), ("silent", 1), ("contact", 2)], ()),
        ([("contact", 0), ("silent", 1)], (TOMORROW,)),
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


def test_a_wish_not_to_be_called_is_kept(either: Store) -> None:
    take(either, "a")
    settle(either, "a", contact=True, do_not_call=True)
    settle(either, "a")
    assert person_of(either).do_not_call


def test_whoever_had_read_the_person_before_the_wish_gets_no_turn_after_it(either: Store) -> None:
    take(either, "a")
    assert not person_of(either).do_not_call
    settle(either, "a", contact=True, do_not_call=True)
    assert take(either, "b") is Turn.CAPPED
    assert take(either, "c", day=TOMORROW) is Turn.CAPPED
    assert person_of(either).live_attempt_id is None


def test_a_person_is_made_at_the_first_call_with_that_call_counted(store: Store) -> None:
    assert take(store, "a") is Turn.TAKEN
    assert person_of(store) == Person(id="p", day_on=DAY, attempts_today=1, live_attempt_id="a")
    assert (store.people.find_one({"_id": "p"}) or {})["last_attempt_at"] == NOW


def test_the_end_of_a_call_makes_nobody_known(store: Store) -> None:
    people.give_turn_back(store, "p", "a")
    settle(store, "a", contact=True, silent=True, do_not_call=True)
    assert store.people.count_documents({}) == 0


def test_people_do_not_share_a_turn(store: Store) -> None:
    assert take(store, "a", person_id="p") is Turn.TAKEN
    assert take(store, "b", person_id="q") is Turn.TAKEN
    settle(store, "a", person_id="p")
    assert (person_of(store, "p").live_attempt_id, person_of(store, "q").live_attempt_id) == (None, "b")


@pytest.mark.parametrize("day", [DAY, TOMORROW])
def test_a_wish_that_an_operator_wrote_down_before_any_call_is_kept(store: Store, day: date) -> None:
    store.people.insert_one({"_id": "p", "do_not_call": True})
    assert take(store, "a", day=day) is Turn.CAPPED
    assert store.people.find_one({"_id": "p"}) == {"_id": "p", "do_not_call": True}


def test_a_person_whom_an_operator_wrote_down_without_counters_is_called_like_any_other(store: Store) -> None:
    store.people.insert_one({"_id": "p", "do_not_call": False, "note": "asked to be called again"})
    for n in range(CAP):
        assert take(store, f"a{n}") is Turn.TAKEN
        settle(store, f"a{n}")
    assert take(store, "one more") is Turn.CAPPED
    assert (store.people.find_one({"_id": "p"}) or {})["note"] == "asked to be called again"


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.day_on}, {seen.attempts_today}")
def test_what_the_caller_has_seen_of_the_person_decides_nothing(either: Store, seen: Person) -> None:
    for n in range(CAP):
        assert take(either, f"a{n}", seen=seen) is Turn.TAKEN
        assert take(either, f"a{n}", seen=seen) is Turn.TAKEN
        assert take(either, "too early", seen=seen) is Turn.BUSY
        settle(either, f"a{n}")
    assert take(either, "one more", seen=seen) is Turn.CAPPED
    assert take(either, "next day", day=TOMORROW, seen=seen) is Turn.TAKEN
    settle(either, "next day", day=TOMORROW)
    assert take(either, "the day before again", seen=seen) is Turn.CAPPED
    assert (person_of(either).day_on, person_of(either).attempts_today) == (TOMORROW, 1)
