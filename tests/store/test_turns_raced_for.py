"""Many want to call one person or one telephone at once: never more than the cap of a day, never two at a time."""

from __future__ import annotations

import multiprocessing
import random
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial

import pymongo
import pytest

from config.settings import Settings
from speechai.core.decision import Denied
from speechai.core.model import Person
from speechai.store import people
from speechai.store.connection import Document, Store, open_store
from speechai.store.do_not_call import mark_do_not_call
from speechai.store.people import Turn
from tests.store.making import (
    CAP,
    DAY,
    NUMBER,
    PERSON,
    PHONE,
    SEEN,
    THREADS,
    TOMORROW,
    Kind,
    is_capped,
    made_on,
    meanwhile,
    person_of,
    phone_of,
    race,
    settle,
    take,
    take_phone,
)

both = pytest.mark.parametrize("kind", [PERSON, PHONE], ids=lambda kind: kind.name)


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


def call_all_day(
    store: Store, kind: Kind, lines: Lines, worker: int, *, tries: int, days: tuple[date, ...] = (DAY,)
) -> None:
    """Asks for the turn again and again; of the calls that it gets, some are given back as never sent."""
    chance = random.Random(worker)
    for n in range(tries):
        attempt_id, day, happens = f"worker{worker}|{n}", chance.choice(days), chance.random() < 0.7
        if kind.take(store, attempt_id, day=day) is not Turn.TAKEN:
            continue
        lines.begin(attempt_id, day)
        assert kind.read(store).live_attempt_id == attempt_id
        lines.end(attempt_id, day, happened=happens)
        if happens:
            kind.settle(store, attempt_id, day=day)
        else:
            kind.give_back(store, kind.key, attempt_id)


@both
def test_of_many_who_want_to_call_one_gets_the_turn(either: Store, kind: Kind) -> None:
    turns = race([partial(kind.take, either, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert turns.count(Turn.BUSY) == THREADS - 1
    assert made_on(kind.read(either)) == 1
    assert kind.read(either).live_attempt_id == f"a{turns.index(Turn.TAKEN)}"


@pytest.mark.parametrize("seen", SEEN.values(), ids=SEEN)
def test_of_many_with_the_same_old_view_of_a_person_one_gets_the_turn(either: Store, seen: Person) -> None:
    turns = race([partial(take, either, f"a{n}", seen=seen) for n in range(THREADS)])
    assert Counter(turns) == {Turn.TAKEN: 1, Turn.BUSY: THREADS - 1}
    assert made_on(person_of(either)) == 1


def test_each_of_many_people_who_were_never_called_is_raced_for_and_made_once(store: Store) -> None:
    """The threads go through the same new people in the same order, so that they meet at each of them."""
    names = [f"p{n}" for n in range(40)]

    def take_all(worker: int) -> list[Turn | Denied]:
        return [take(store, f"{worker}|{name}", person_id=name) for name in names]

    for turns in zip(*race([partial(take_all, n) for n in range(THREADS)]), strict=True):
        assert Counter(turns) == {Turn.TAKEN: 1, Turn.BUSY: THREADS - 1}
    assert store.people.count_documents({}) == len(names)
    assert {len(document["tries"]) for document in store.people.find()} == {1}


@both
def test_one_raced_for_all_day_is_called_cap_times_and_by_one_at_a_time(either: Store, kind: Kind) -> None:
    lines = Lines()
    race([partial(call_all_day, either, kind, lines, n, tries=12) for n in range(THREADS)])
    while (turn := kind.take(either, f"last {lines.calls.total()}")) is Turn.TAKEN:  # what the race may have left
        kind.settle(either, f"last {lines.calls.total()}")
        lines.calls[DAY] += 1
    assert is_capped(turn)
    assert (lines.calls, lines.most_live) == ({DAY: CAP}, 1)
    assert (made_on(kind.read(either)), kind.read(either).live_attempt_id) == (CAP, None)


def test_a_person_raced_for_by_two_zones_has_no_more_than_the_cap_of_either_day(either: Store) -> None:
    lines = Lines()
    race([partial(call_all_day, either, PERSON, lines, n, tries=12, days=(DAY, TOMORROW)) for n in range(THREADS)])
    assert max(lines.calls.values()) <= CAP
    assert lines.most_live == 1
    assert Counter(made.on for made in person_of(either).tries if made.on >= DAY) == +lines.calls


def test_the_turn_is_taken_once_when_a_new_day_is_raced_for(known: Store) -> None:
    for n in range(CAP):
        assert take(known, f"yesterday{n}", day=DAY - timedelta(days=1)) is Turn.TAKEN
        settle(known, f"yesterday{n}", day=DAY - timedelta(days=1))
    turns = race([partial(take, known, f"a{n}") for n in range(THREADS)])
    assert turns.count(Turn.TAKEN) == 1
    assert made_on(person_of(known)) == 1


def test_a_telephone_that_many_people_share_rings_no_more_often_than_one_may(store: Store) -> None:
    """Each debtor of the household has a turn of their own; who finds the telephone busy or done gives it back."""
    rung, lock = Counter[str](), threading.Lock()

    def call(worker: int) -> None:
        person_id = f"p{worker % 6}"
        for n in range(8):
            attempt_id = f"{worker}|{n}"
            if take(store, attempt_id, person_id=person_id, cap=99) is not Turn.TAKEN:
                continue
            if take_phone(store, attempt_id) is not Turn.TAKEN:
                people.give_turn_back(store, person_id, attempt_id)
                continue
            with lock:
                rung[person_id] += 1
            settle(store, attempt_id, person_id=person_id)
            people.settle_phone_turn(store, NUMBER, attempt_id, on=DAY, talked=False, do_not_call=False)

    race([partial(call, n) for n in range(THREADS)])
    assert rung.total() == made_on(phone_of(store)) == CAP
    assert {name: made_on(person_of(store, name)) for name in rung} == rung
    assert sum(len(document.get("tries", ())) for document in store.people.find()) == CAP


def ask_in_a_process(mongo_uri: str, name: str, worker: int, rounds: int) -> list[str]:
    """The attempts that got the turn, of those that this process asked for; each is settled at once."""
    client: pymongo.MongoClient[Document]
    with pymongo.MongoClient(mongo_uri, tz_aware=True) as client:
        store = open_store(client, Settings(mongo_uri=mongo_uri, mongo_db=name))
        got = []
        for n in range(rounds):
            attempt_id = f"{worker}|{n}"
            if take(store, attempt_id) is Turn.TAKEN:
                got.append(attempt_id)
                settle(store, attempt_id)
        return got


def test_processes_that_race_for_a_person_call_cap_times_together(store: Store, mongo_uri: str) -> None:
    workers = 4
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(ask_in_a_process, mongo_uri, store.database.name, n, 40) for n in range(workers)]
        got = [attempt_id for job in jobs for attempt_id in job.result(timeout=60)]
    assert len(got) == CAP
    assert sorted(made.attempt_id for made in person_of(store).tries) == sorted(got)


@pytest.mark.parametrize(
    ("seen", "command"),
    [
        ("never called", "insert"),
        ("never called", "update"),
        ("never called", "find"),
        ("called long ago", "update"),
        ("called long ago", "find"),
        ("had the day", "find"),
        ("on the line", "find"),
        ("not to be called", "find"),
    ],
)
def test_a_call_that_ends_while_the_turn_is_asked_for_does_not_cost_the_contact_its_day(
    known: Store, mongo_uri: str, command: str, seen: str
) -> None:
    """Whenever it ends: the turn is free then, or it is asked for again in a moment, but the day is not over."""
    assert take(known, "a") is Turn.TAKEN
    with meanwhile(mongo_uri, known, command, partial(settle, known, "a")) as asking:
        turn = take(asking, "b", seen=SEEN[seen])
    assert turn in (Turn.TAKEN, Turn.BUSY)
    assert take(known, "b") is Turn.TAKEN
    assert made_on(person_of(known)) == 2


@pytest.mark.parametrize("nth", [1, 2])
def test_whoever_had_asked_the_rules_before_a_wish_gets_no_turn_after_it(
    known: Store, mongo_uri: str, nth: int
) -> None:
    """The wish comes between the rules and the write, or in front of the read that follows a lost write."""

    def wish() -> None:
        mark_do_not_call(known, person_ids=["p"], why="by letter", by="test", at=person_of(known).tries[0].at)

    seen = person_of(known)
    with meanwhile(mongo_uri, known, "update" if nth == 1 else "find", wish) as asking:
        turn = take(asking, "b", seen=seen if nth == 1 else SEEN["on the line"])
    assert isinstance(turn, Denied)
    assert turn.code == "do_not_call"
    assert person_of(known).live_attempt_id is None
