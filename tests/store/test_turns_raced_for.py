"""Many want to call one person at once, known or not: never more than the cap of a day, never two at a time."""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import pytest

from speechai.core.model import Person
from speechai.store import people
from speechai.store.connection import Store
from speechai.store.people import Turn
from tests.store.making import CAP, DAY, SEEN, THREADS, TOMORROW, meanwhile, person_of, race, settle, take


@dataclass(kw_only=True)
class Lines:
    """What really happens to one person while many want to call: who is on the line, and how many calls a day had."""

    calls: Counter[date] = field(default_factory=Counter)
    live: set[str] = field(default_factory=set)
    most_live: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, attempt_id: str, day: date) -> None:
        with self.lock:
            self.live.add(attempt_id)
            self.calls[day] += 1
            self.most_live = max(self.most_live, len(self.live))

    def end(self, attempt_id: str, day: date, *, happened: bool) -> None:
        with self.lock:
            self.live.remove(attempt_id)
            self.calls[day] -= not happened


def call_all_day(store: Store, lines: Lines, worker: int, *, tries: int, days: tuple[date, ...] = (DAY,)) -> None:
    """Asks for the turn again and again; of the calls that it gets, some are given back as never sent."""
    chance = random.Random(worker)
    for n in range(tries):
        attempt_id, day, happens = f"worker{worker}|{n}", chance.choice(days), chance.random() < 0.7
        if take(store, attempt_id, day=day) is not Turn.TAKEN:
            continue
        lines.begin(attempt_id, day)
        assert person_of(store).live_attempt_id == attempt_id
        lines.end(attempt_id, day, happened=happens)
        if happens:
            settle(store, attempt_id, day=day, silent=True)
        else:
            people.give_turn_back(store, "p", attempt_id)


def test_of_many_who_want_to_call_a_person_one_gets_the_turn(either: Store) -> None:
    turns = race([partial(take, either, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert turns.count(Turn.BUSY) == THREADS - 1
    person = person_of(either)
    assert (person.attempts_today, person.live_attempt_id) == (1, f"a{turns.index(Turn.TAKEN)}")


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.day_on}, {seen.attempts_today}")
def test_of_many_with_the_same_old_view_of_a_person_one_gets_the_turn(either: Store, seen: Person) -> None:
    turns = race([partial(take, either, f"a{n}", seen=seen) for n in range(THREADS)])
    assert Counter(turns) == {Turn.TAKEN: 1, Turn.BUSY: THREADS - 1}
    assert person_of(either).attempts_today == 1


def test_each_of_many_people_who_were_never_called_is_raced_for_and_made_once(store: Store) -> None:
    """The threads go through the same new people in the same order, so that they meet at each of them."""
    names = [f"p{n}" for n in range(40)]

    def take_all(worker: int) -> list[Turn]:
        return [take(store, f"{worker}|{name}", person_id=name) for name in names]

    for turns in zip(*race([partial(take_all, n) for n in range(THREADS)]), strict=True):
        assert Counter(turns) == {Turn.TAKEN: 1, Turn.BUSY: THREADS - 1}
    assert store.people.count_documents({}) == len(names)
    assert {document["attempts_today"] for document in store.people.find()} == {1}


def test_a_person_raced_for_all_day_is_called_cap_times_and_by_one_at_a_time(either: Store) -> None:
    lines = Lines()
    race([partial(call_all_day, either, lines, n, tries=12) for n in range(THREADS)])
    while (turn := take(either, f"last {lines.calls.total()}")) is Turn.TAKEN:  # what the race may have left
        settle(either, f"last {lines.calls.total()}")
        lines.calls[DAY] += 1
    assert turn is Turn.CAPPED
    assert (lines.calls, lines.most_live) == ({DAY: CAP}, 1)
    assert (person_of(either).attempts_today, person_of(either).live_attempt_id) == (CAP, None)


def test_a_person_raced_for_by_two_zones_has_no_more_than_the_cap_of_either_day(either: Store) -> None:
    lines = Lines()
    race([partial(call_all_day, either, lines, n, tries=12, days=(DAY, TOMORROW)) for n in range(THREADS)])
    assert max(lines.calls.values()) <= CAP
    assert lines.most_live == 1
    person = person_of(either)
    assert (person.day_on, person.attempts_today) == (TOMORROW, lines.calls[TOMORROW])


def test_the_turn_is_taken_at_most_cap_times_when_a_new_day_is_raced_for(known: Store) -> None:
    for n in range(CAP):
        assert take(known, f"yesterday{n}", day=DAY - timedelta(days=1)) is Turn.TAKEN
        settle(known, f"yesterday{n}")
    turns = race([partial(take, known, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert (person_of(known).day_on, person_of(known).attempts_today) == (DAY, 1)


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.day_on}, {seen.attempts_today}")
@pytest.mark.parametrize("command", ["update", "insert", "find"])
def test_a_call_that_ends_while_the_turn_is_asked_for_does_not_cost_the_contact_its_day(
    known: Store, mongo_uri: str, command: str, seen: Person
) -> None:
    """Whenever it ends: the turn is free then, or it is asked for again in a moment, but the day is not over."""
    assert take(known, "a") is Turn.TAKEN
    with meanwhile(mongo_uri, known, command, partial(settle, known, "a")) as asking:
        turn = take(asking, "b", seen=seen)
    assert turn in (Turn.TAKEN, Turn.BUSY)
    assert take(known, "b") is Turn.TAKEN
    assert person_of(known).attempts_today == 2
