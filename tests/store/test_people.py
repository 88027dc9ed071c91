"""A person's turn: at most the cap a local day, one live call, and what a call says about silence."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import pymongo
import pymongo.monitoring
import pytest

from config.settings import Settings
from speechai.core.model import Person
from speechai.store import people
from speechai.store.connection import Document, Store, open_store
from speechai.store.people import Turn
from tests.store.making import NOW, THREADS, race

DAY = date(2026, 11, 25)
TOMORROW = DAY + timedelta(days=1)
CAP = 3


def take(
    store: Store, attempt_id: str, *, day: date = DAY, cap: int = CAP, person_id: str = "p", seen: Person | None = None
) -> Turn:
    """Asks for the turn with the person as read now, or as `seen` before."""
    return people.take_turn(store, seen or person_of(store, person_id), attempt_id, today=day, cap=cap, now=NOW)


def settle(
    store: Store,
    attempt_id: str,
    *,
    day: date = DAY,
    contact: bool = False,
    silent: bool = False,
    do_not_call: bool = False,
    person_id: str = "p",
) -> None:
    people.settle_turn(store, person_id, attempt_id, day=day, contact=contact, silent=silent, do_not_call=do_not_call)


def person_of(store: Store, person_id: str = "p") -> Person:
    return people.get_person(store, person_id)


@pytest.fixture
def known(store: Store) -> Store:
    """A store that knows the person `p` from a call of two days ago."""
    assert take(store, "long ago", day=DAY - timedelta(days=2)) is Turn.TAKEN
    settle(store, "long ago", day=DAY - timedelta(days=2))
    return store


@pytest.fixture(params=["never called", "called before"])
def either(request: pytest.FixtureRequest, store: Store) -> Store:
    """A store on which the person `p` has no record yet, and one on which it has."""
    if request.param == "called before":
        request.getfixturevalue("known")
    return store


def test_of_many_who_want_to_call_a_person_one_gets_the_turn(either: Store) -> None:
    turns = race([partial(take, either, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert turns.count(Turn.BUSY) == THREADS - 1
    person = person_of(either)
    assert (person.attempts_today, person.live_attempt_id) == (1, f"a{turns.index(Turn.TAKEN)}")


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


def test_each_of_many_people_who_were_never_called_is_raced_for_and_made_once(store: Store) -> None:
    """The threads go through the same new people in the same order, so that they meet at each of them."""
    names = [f"p{n}" for n in range(40)]

    def take_all(worker: int) -> list[Turn]:
        return [take(store, f"{worker}|{name}", person_id=name) for name in names]

    for turns in zip(*race([partial(take_all, n) for n in range(THREADS)]), strict=True):
        assert Counter(turns) == {Turn.TAKEN: 1, Turn.BUSY: THREADS - 1}
    assert store.people.count_documents({}) == len(names)
    assert {document["attempts_today"] for document in store.people.find()} == {1}


def test_the_turn_is_taken_at_most_cap_times_when_a_new_day_is_raced_for(known: Store) -> None:
    for n in range(CAP):
        assert take(known, f"yesterday{n}", day=DAY - timedelta(days=1)) is Turn.TAKEN
        settle(known, f"yesterday{n}")
    turns = race([partial(take, known, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert (person_of(known).day_on, person_of(known).attempts_today) == (DAY, 1)


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


SEEN = [
    Person(id="p"),
    Person(id="p", day_on=DAY - timedelta(days=2), attempts_today=1),
    Person(id="p", day_on=DAY),
    Person(id="p", day_on=DAY, attempts_today=CAP),
    Person(id="p", day_on=TOMORROW, attempts_today=1),
    Person(id="p", day_on=DAY, attempts_today=1, live_attempt_id="of another batch"),
]


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


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.day_on}, {seen.attempts_today}")
def test_of_many_with_the_same_old_view_of_a_person_one_gets_the_turn(either: Store, seen: Person) -> None:
    turns = race([partial(take, either, f"a{n}", seen=seen) for n in range(THREADS)])
    assert Counter(turns) == {Turn.TAKEN: 1, Turn.BUSY: THREADS - 1}
    assert person_of(either).attempts_today == 1


class Meanwhile(pymongo.monitoring.CommandListener):
    """Does something once, in front of the next command of a kind that the client sends."""

    def __init__(self, command: str, action: Callable[[], object]) -> None:
        self._command, self._action = command, action
        self.is_done = False

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if event.command_name == self._command and not self.is_done:
            self.is_done = True
            self._action()

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Not of interest."""

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Not of interest."""


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.day_on}, {seen.attempts_today}")
@pytest.mark.parametrize("command", ["update", "insert", "find"])
def test_a_call_that_ends_while_the_turn_is_asked_for_does_not_cost_the_contact_its_day(
    known: Store, mongo_uri: str, command: str, seen: Person
) -> None:
    """Whenever it ends: the turn is free then, or it is asked for again in a moment, but the day is not over."""
    assert take(known, "a") is Turn.TAKEN
    listener = Meanwhile(command, partial(settle, known, "a"))
    client: pymongo.MongoClient[Document]
    with pymongo.MongoClient(mongo_uri, tz_aware=True, event_listeners=[listener]) as client:
        asking = open_store(client, Settings(mongo_uri=mongo_uri, mongo_db=known.database.name))
        turn = take(asking, "b", seen=seen)
    assert listener.is_done
    assert turn in (Turn.TAKEN, Turn.BUSY)
    assert take(known, "b") is Turn.TAKEN
    assert person_of(known).attempts_today == 2
