"""Caller numbers in the store: results counted once under races, rests that one worker makes and none shortens."""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial

import pytest

from speechai.core.callers import CallerNumber, CallResult
from speechai.store import callers
from speechai.store.connection import Store
from tests.store.making import NOW, THREADS, race

NUMBER, OTHER = "+56222222222", "+56233333333"
HOUR = NOW + timedelta(hours=1)


def result(n: int, *, failure: str | None = None, seconds: float | None = None) -> CallResult:
    """The result of the n-th attempt, placed `seconds` (as a rule n) after NOW."""
    return CallResult(
        attempt_id=f"a{n:04}", placed_at=NOW + timedelta(seconds=n if seconds is None else seconds), failure=failure
    )


def note(store: Store, *results: CallResult, keep: int = 20) -> None:
    for one in results:
        callers.note_result(store, NUMBER, one, keep=keep)


def get(store: Store, number: str = NUMBER) -> CallerNumber:
    caller = callers.get_caller(store, number)
    assert caller is not None
    return caller


def rest(store: Store, seen: CallerNumber | None = None, *, minutes: int = 60, by: str = "rules") -> bool:
    until = NOW + timedelta(minutes=minutes)
    return callers.rest(store, NUMBER, until, "it fails", by=by, at=NOW, seen=seen)


@pytest.mark.parametrize("known", [False, True])
def test_results_noted_by_many_at_once_are_all_there(store: Store, known: bool) -> None:
    if known:
        callers.keep_countries(store, NUMBER, ["CL"], NOW)
    race([partial(note, store, result(n), result(100 + n)) for n in range(THREADS)])
    numbers = [*range(THREADS), *range(100, 100 + THREADS)]
    assert get(store).results == tuple(result(n) for n in sorted(numbers))[-20:]


def test_a_call_noted_by_many_at_once_counts_once(store: Store) -> None:
    race([partial(note, store, result(1, failure="dial_failed")) for _ in range(THREADS)])
    assert get(store).results == (result(1, failure="dial_failed"),)


@pytest.mark.parametrize("seed", range(5))
def test_the_latest_calls_are_kept_in_whatever_order_and_how_often_they_are_noted(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    # Several calls placed in the same second: their order is by id, so that it is the same everywhere.
    placed = [result(n, seconds=chance.randrange(15)) for n in range(30)]
    noted = [*placed, *chance.choices(placed, k=20)]
    chance.shuffle(noted)
    note(store, *noted, keep=8)
    assert get(store).results == tuple(sorted(placed, key=lambda one: (one.placed_at, one.attempt_id))[-8:])


def test_a_number_that_was_never_called_from_is_blank_and_the_order_is_the_callers(store: Store) -> None:
    note(store, result(1))
    callers.keep_countries(store, NUMBER, ["CL", "AR", "CL"], NOW)
    blank, known = callers.get_callers(store, [OTHER, NUMBER])
    assert blank == CallerNumber(number=OTHER)
    assert known == CallerNumber(number=NUMBER, countries=frozenset({"AR", "CL"}), is_listed=True)
    assert callers.get_caller(store, OTHER) is None


def test_of_many_workers_that_see_the_same_failures_one_makes_the_rest(store: Store) -> None:
    note(store, result(1, failure="dial_failed"))
    seen = get(store)
    made = race([partial(rest, store, seen, minutes=60 + n) for n in range(THREADS)])
    assert made.count(True) == 1
    assert get(store).rested_until == NOW + timedelta(minutes=60 + made.index(True))
    assert get(store).counts_from == get(store).rested_until


def test_a_rest_by_the_rules_does_not_shorten_the_operators(store: Store) -> None:
    note(store, result(1, failure="dial_failed"))
    seen = get(store)
    assert rest(store, minutes=10_000, by="operator")
    assert not rest(store, seen)
    assert get(store).rested_until == NOW + timedelta(minutes=10_000)


def test_a_rest_by_the_rules_does_not_undo_a_waking_that_came_meanwhile(store: Store) -> None:
    rest(store)
    seen = get(store)
    assert callers.wake(store, NUMBER, by="operator", at=NOW)
    assert not rest(store, seen)
    assert (get(store).rested_until, get(store).counts_from) == (None, NOW)


def test_an_operator_may_rest_a_number_that_was_never_called_from(store: Store) -> None:
    assert rest(store, minutes=5, by="operator")
    assert get(store).is_resting(NOW)


def test_only_a_number_that_rests_is_woken_and_by_one(store: Store) -> None:
    assert not callers.wake(store, NUMBER, by="operator", at=NOW)
    rest(store)
    assert race([partial(callers.wake, store, NUMBER, by="operator", at=NOW) for _ in range(6)]).count(True) == 1
    rest(store)
    assert not callers.wake(store, NUMBER, by="operator", at=HOUR)  # it woke by itself


def test_a_number_that_retell_lists_again_may_be_called_from_again(store: Store) -> None:
    callers.note_unlisted(store, [NUMBER, OTHER], NOW)
    assert [caller.is_listed for caller in callers.list_callers(store)] == [False, False]
    callers.keep_countries(store, NUMBER, None, HOUR)
    assert [(c.is_listed, c.countries) for c in callers.list_callers(store)] == [(True, None), (False, None)]


def test_retell_is_asked_by_one_process_an_hour(store: Store) -> None:
    def ask(minutes: float) -> bool:
        return callers.claim_listing(store, now=NOW + timedelta(minutes=minutes), every=timedelta(hours=1))

    assert race([partial(ask, 0) for _ in range(THREADS)]).count(True) == 1
    assert not ask(59.9)
    assert race([partial(ask, 60) for _ in range(THREADS)]).count(True) == 1
    assert not ask(119.9)


def test_after_an_asking_that_failed_retell_is_asked_sooner(store: Store) -> None:
    assert callers.claim_listing(store, now=NOW, every=timedelta(hours=1))
    callers.postpone_listing(store, until=NOW + timedelta(minutes=5))
    assert not callers.claim_listing(store, now=NOW + timedelta(minutes=4), every=timedelta(hours=1))
    assert callers.claim_listing(store, now=NOW + timedelta(minutes=5), every=timedelta(hours=1))
