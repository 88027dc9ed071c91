"""The opening of a wave is recorded once, whoever opens it and however often."""

from __future__ import annotations

from datetime import date, time, timedelta
from functools import partial

from speechai.catalogue.policies import get_policy
from speechai.core.waves import choose_cohort
from speechai.store import jobs, waves
from speechai.store.connection import Store
from tests.store.making import NOW, THREADS, add_jobs, race

DAY = date(2026, 11, 25)
NINE, NOON = time(9), time(12)


def open_wave(store: Store, wave: time = NINE) -> bool:
    waves.start_opening(store, "b", DAY, wave, NOW)
    return waves.complete_opening(store, "b", DAY, wave, admitted=60)


def test_of_many_openers_exactly_one_completes_the_wave(store: Store) -> None:
    assert race([partial(open_wave, store)] * THREADS).count(True) == 1
    assert store.waves.count_documents({}) == 1
    assert waves.is_complete(store, "b", DAY, NINE)


def test_a_wave_is_told_apart_by_batch_day_and_hour(store: Store) -> None:
    open_wave(store)
    assert not waves.is_complete(store, "b", DAY, NOON)
    assert not waves.is_complete(store, "b", DAY + timedelta(days=1), NINE)
    assert not waves.is_complete(store, "b2", DAY, NINE)


def test_an_opening_that_was_cut_short_is_not_complete_and_goes_on(store: Store) -> None:
    waves.start_opening(store, "b", DAY, NINE, NOW)
    assert not waves.is_complete(store, "b", DAY, NINE)
    waves.start_opening(store, "b", DAY, NINE, NOW + timedelta(minutes=1))
    assert (store.waves.find_one({}) or {})["opened_at"] == NOW
    assert open_wave(store)
    assert not open_wave(store)


def test_a_missed_wave_is_passed_over_once_and_one_that_was_open_stays_open(store: Store) -> None:
    waves.pass_over(store, "b", DAY, NINE, NOW)
    waves.pass_over(store, "b", DAY, NINE, NOW)
    assert waves.is_complete(store, "b", DAY, NINE)
    assert not open_wave(store)
    open_wave(store, NOON)
    waves.pass_over(store, "b", DAY, NOON, NOW)
    assert (store.waves.find_one({"wave": "12:00"}) or {})["state"] == "open"


def test_openers_that_race_admit_sixty_people_and_no_more(store: Store) -> None:
    """The steps of an opening as `operation.waves` takes them, by several openers at once."""
    add_jobs(store, 150, admitted=False)
    people_a_day = get_policy("default").people_a_day

    def admit_cohort() -> int:
        waves.start_opening(store, "b", DAY, NINE, NOW)
        waiting = jobs.waiting_for_a_wave(store, "b", NOW)
        cohort = jobs.admitted_on(store, "b", DAY)
        chosen, left = choose_cohort(waiting, cohort, people_a_day)
        jobs.postpone(store, "b", left, until=NOW + timedelta(days=1), reason="the day is full")
        return jobs.admit(store, "b", chosen, day=DAY, now=NOW)

    assert sum(race([admit_cohort] * 6)) == people_a_day
    assert jobs.admitted_on(store, "b", DAY) == {f"j{n:05}" for n in range(people_a_day)}
    assert len(jobs.waiting_for_a_wave(store, "b", NOW + timedelta(days=1))) == 150 - people_a_day
