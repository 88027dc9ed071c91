"""Live calls never exceed the limit and starts never the rate, over all threads, with clocks that are wrong."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest

from speechai.core.provider import ProviderRules
from speechai.store import capacity
from speechai.store.connection import Store
from tests.store.making import NOW, THREADS, race

HELD = capacity.HeldSlot(attempt_id="a", job_id="job of a", phone="phone of a")


def take(store: Store, attempt_id: str, limit: int) -> bool:
    return capacity.take_slot(store, attempt_id, f"job of {attempt_id}", limit, phone=f"phone of {attempt_id}")


def test_of_many_who_want_a_slot_no_more_than_the_limit_get_one(store: Store) -> None:
    capacity.ensure_slots(store, 5)
    taken = race([partial(take, store, f"a{n}", 5) for n in range(THREADS)])
    assert taken.count(True) == 5
    assert capacity.free_slots(store, 5) == 0
    assert {held.attempt_id for held in capacity.held_slots(store)} == {f"a{n}" for n, got in enumerate(taken) if got}


def test_slots_taken_and_released_by_many_never_pass_the_limit_and_never_leak(store: Store) -> None:
    limit, live, most, lock = 3, 0, 0, threading.Lock()
    capacity.ensure_slots(store, limit)

    def work(worker: int) -> int:
        nonlocal live, most
        made = 0
        for n in range(10):
            attempt_id = f"worker{worker}|{n}"
            if take(store, attempt_id, limit):
                with lock:
                    live += 1
                    most = max(most, live)
                made += 1
                with lock:
                    live -= 1
                assert capacity.release_slot(store, attempt_id)
        return made

    assert sum(race([partial(work, n) for n in range(6)])) > 0
    assert most <= limit
    assert capacity.free_slots(store, limit) == limit


def test_a_slot_is_released_once_and_only_by_its_attempt(store: Store) -> None:
    capacity.ensure_slots(store, 2)
    assert take(store, "a", 2)
    assert not capacity.release_slot(store, "other")
    assert capacity.held_slots(store) == [HELD]
    assert race([partial(capacity.release_slot, store, "a")] * 4).count(True) == 1
    assert capacity.held_slots(store) == []


def test_every_slot_can_be_used_when_all_are_free(store: Store) -> None:
    capacity.ensure_slots(store, 20)
    assert all(take(store, f"a{n}", 20) for n in range(20))
    assert not take(store, "one more", 20)


def test_without_slots_nothing_is_live(store: Store) -> None:
    assert not take(store, "a", 3)
    assert capacity.free_slots(store, 3) == 0


def test_making_slots_is_repeatable_mends_missing_ones_and_leaves_held_ones(store: Store) -> None:
    race([partial(capacity.ensure_slots, store, 4)] * 4)
    take(store, "a", 4)
    store.slots.delete_one({"attempt_id": None})
    capacity.ensure_slots(store, 4)
    assert store.slots.count_documents({}) == 4
    assert capacity.held_slots(store) == [HELD]
    capacity.ensure_slots(store, 6)
    assert capacity.free_slots(store, 6) == 5


def test_under_a_lowered_limit_nothing_starts_before_enough_has_ended(store: Store) -> None:
    capacity.ensure_slots(store, 8)
    for n in range(8):
        assert take(store, f"a{n}", 8)
    held = [held.attempt_id for held in capacity.held_slots(store)]
    random.Random(7).shuffle(held)
    for n, attempt_id in enumerate(held):
        assert not take(store, f"new{n}", 3) or len(capacity.held_slots(store)) <= 3
        capacity.release_slot(store, attempt_id)
    assert len(capacity.held_slots(store)) <= 3


@pytest.mark.parametrize("seed", range(4))
def test_calls_above_a_lowered_limit_count_towards_it(store: Store, seed: int) -> None:
    """The limit falls from 8 to 3 with any set of slots held: 3 is reached from above and never passed again."""
    chance = random.Random(seed)
    capacity.ensure_slots(store, 8)
    live = [f"old{n}" for n in range(8) if take(store, f"old{n}", 8) and chance.random() < 0.7]
    for attempt_id in [held.attempt_id for held in capacity.held_slots(store)]:
        if attempt_id not in live:
            capacity.release_slot(store, attempt_id)
    for n in range(25):
        room = capacity.free_slots(store, 3)
        assert room == 0 or room + len(live) <= 3
        if take(store, f"new{n}", 3):
            live.append(f"new{n}")
            assert len(live) <= 3
        elif live:
            capacity.release_slot(store, live.pop(chance.randrange(len(live))))
    assert len(live) in (2, 3)  # the limit is used, not only kept


WAIT = timedelta(seconds=5)


def reserve(store: Store, now: datetime = NOW, *, per_second: float = 10, wait: timedelta = WAIT) -> datetime | None:
    start = capacity.reserve_start(store, "a", now=now, per_second=per_second, longest_wait=wait, rules=ProviderRules())
    return start.at if isinstance(start, capacity.Start) else None


@pytest.mark.parametrize("per_second", [0.5, 3.0, 7.0, 10.0, 333.0, 5000.0])
def test_starts_raced_for_are_at_least_the_gap_of_the_rate_apart(store: Store, per_second: float) -> None:
    # A `now` between two milliseconds: MongoDB would cut it and let the next start come too early.
    instants = [NOW + timedelta(microseconds=900 + n * 1_111) for n in range(8)]
    found = race([partial(reserve, store, now, per_second=per_second, wait=timedelta(minutes=5)) for now in instants])
    starts = sorted(start for start in found if start is not None)
    assert len(starts) == len(instants)
    gaps = [(later - earlier) / timedelta(microseconds=1) for earlier, later in pairwise(starts)]
    assert min(gaps) >= int(1_000_000 / per_second)


def test_a_start_is_never_before_its_caller_asked(store: Store) -> None:
    for later in (0, 1, 30, 31):
        now = NOW + timedelta(seconds=later)
        start = reserve(store, now)
        assert start is not None
        assert start >= now


def test_an_idle_provider_is_called_at_once(store: Store) -> None:
    assert reserve(store) == NOW
    assert reserve(store, NOW + timedelta(seconds=9)) == NOW + timedelta(seconds=9)


def test_a_queue_longer_than_the_longest_wait_is_full_and_moves_nothing(store: Store) -> None:
    given = [reserve(store, per_second=2, wait=timedelta(seconds=1)) for _ in range(5)]
    assert given[:3] == [NOW, NOW + timedelta(seconds=0.5), NOW + timedelta(seconds=1)]
    assert given[3:] == [None, None]
    after = NOW + timedelta(seconds=1)
    assert reserve(store, after, per_second=2, wait=timedelta(seconds=1)) == NOW + timedelta(seconds=1.5)


def test_a_host_whose_clock_is_a_little_behind_waits_its_turn(store: Store) -> None:
    assert reserve(store, NOW) == NOW
    behind = NOW - timedelta(seconds=3)
    start = reserve(store, behind)
    assert start == NOW + timedelta(seconds=0.1)


def test_a_clock_that_was_hours_ahead_does_not_stop_the_calls_for_hours(store: Store) -> None:
    assert reserve(store, NOW + timedelta(hours=3)) is not None
    assert reserve(store, NOW) == NOW
    assert reserve(store, NOW) == NOW + timedelta(seconds=0.1)


def test_a_slow_rate_is_no_wrong_clock(store: Store) -> None:
    """One start in ten minutes: the next free instant is far ahead, and rightly so."""
    assert reserve(store, per_second=1 / 600) == NOW
    assert reserve(store, NOW + timedelta(seconds=1), per_second=1 / 600) is None
    assert reserve(store, NOW + timedelta(seconds=600), per_second=1 / 600) == NOW + timedelta(seconds=600)
