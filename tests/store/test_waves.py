"""The opening of a wave is recorded once with whom it admits, whoever opens it, however often, and wherever it died."""

from __future__ import annotations

import random
from datetime import date, time, timedelta
from functools import partial

import pytest

from speechai.catalogue.policies import get_policy
from speechai.core.after_call import NextStep
from speechai.core.model import BatchStatus, JobStatus
from speechai.operation.waves import open_due_waves
from speechai.store import batch_jobs, jobs, waves
from speechai.store.accounts import ensure_main
from speechai.store.connection import Store
from tests.store.making import (
    DAY,
    NOW,
    THREADS,
    TOMORROW,
    add_jobs,
    batch_document,
    claim,
    make_context,
    meanwhile,
    race,
)

NINE, NOON, THREE = time(9), time(12), time(15)  # NOW is noon of DAY in Santiago
THREE_O_CLOCK = NOW + timedelta(hours=3)
NEXT_NINE = NOW + timedelta(hours=21)
A_DAY = get_policy("default").people_a_day


def start(store: Store, wave: time = NINE, *chosen: str, day: date = DAY, batch_id: str = "b") -> list[str]:
    return waves.start_opening(store, batch_id, day, wave, chosen=chosen, now=NOW)


def complete(store: Store, wave: time = NINE) -> bool:
    return waves.complete_opening(store, "b", DAY, wave, admitted=60)


def test_of_many_openers_with_choices_of_their_own_all_get_the_one_that_was_recorded(store: Store) -> None:
    choices = [[f"j{n}", f"j{n + 1}"] for n in range(THREADS)]
    given = race([partial(start, store, NINE, *choice) for choice in choices])
    assert given == [given[0]] * THREADS
    assert given[0] in choices
    assert store.waves.count_documents({}) == 1
    assert waves.cohort(store, "b", DAY) == set(given[0])


def test_of_many_openers_exactly_one_completes_the_wave(store: Store) -> None:
    def open_wave() -> bool:
        start(store)
        return complete(store)

    assert race([open_wave] * THREADS).count(True) == 1
    assert store.waves.count_documents({}) == 1
    assert waves.is_complete(store, "b", DAY, NINE)


def test_a_wave_is_told_apart_by_batch_day_and_hour(store: Store) -> None:
    start(store, NINE, "j")
    complete(store)
    for batch_id, day, wave in (("b", DAY, NOON), ("b", TOMORROW, NINE), ("b2", DAY, NINE)):
        assert not waves.is_complete(store, batch_id, day, wave)
        assert start(store, wave, f"{batch_id} {day} {wave}", day=day, batch_id=batch_id) != ["j"]


def test_the_cohort_of_a_day_are_all_whom_its_waves_chose_and_nobody_else(store: Store) -> None:
    assert waves.cohort(store, "b", DAY) == set()
    start(store, NINE, "j1", "j2")
    complete(store)
    start(store, NOON, "j2", "j3")  # not complete: chosen is chosen
    start(store, NINE, "j4", day=TOMORROW)
    start(store, NINE, "j5", batch_id="b2")
    assert waves.cohort(store, "b", DAY) == {"j1", "j2", "j3"}


def test_an_opening_that_was_cut_short_is_not_complete_and_goes_on_with_its_own_choice(store: Store) -> None:
    assert start(store, NINE, "j1", "j2") == ["j1", "j2"]
    before = store.waves.find_one({})
    assert not waves.is_complete(store, "b", DAY, NINE)
    later = NOW + timedelta(minutes=1)
    assert waves.start_opening(store, "b", DAY, NINE, chosen=["j3"], now=later) == ["j1", "j2"]
    assert store.waves.find_one({}) == before
    assert complete(store)
    assert not complete(store)
    assert start(store, NINE, "j3") == ["j1", "j2"]


def test_a_missed_wave_is_passed_over_once_and_one_that_was_open_stays_open(store: Store) -> None:
    waves.pass_over(store, "b", DAY, NINE, NOW)
    waves.pass_over(store, "b", DAY, NINE, NOW)
    assert waves.is_complete(store, "b", DAY, NINE)
    assert start(store, NINE, "j") == []  # whoever opens it too late admits nobody
    assert not complete(store)
    start(store, NOON)
    complete(store, NOON)
    waves.pass_over(store, "b", DAY, NOON, NOW)
    assert (store.waves.find_one({"wave": "12:00"}) or {})["state"] == "open"


def test_a_wave_that_died_after_its_choice_and_is_passed_over_leaves_its_people_in_the_cohort(store: Store) -> None:
    start(store, NINE, "j1")
    waves.pass_over(store, "b", DAY, NINE, NOW)
    assert waves.is_complete(store, "b", DAY, NINE)
    assert waves.cohort(store, "b", DAY) == {"j1"}


def admitted(store: Store) -> set[str]:
    return {document["_id"] for document in store.jobs.find({"admitted": True})}


@pytest.fixture
def running(store: Store) -> Store:
    """A store with the wave batch `b`, which runs, and 150 people who wait for a wave."""
    ensure_main(store, now=NOW)
    store.batches.insert_one({**batch_document(), "status": BatchStatus.RUNNING})
    add_jobs(store, 150, admitted=False)
    return store


def in_order(first: int, last: int) -> set[str]:
    return {f"j{n:05}" for n in range(first, last)}


def test_openers_that_race_admit_sixty_people_and_no_more(running: Store) -> None:
    race([partial(open_due_waves, make_context(running)) for _ in range(6)])
    assert admitted(running) == waves.cohort(running, "b", DAY) == in_order(0, A_DAY)
    assert waves.is_complete(running, "b", DAY, NOON)
    assert running.jobs.count_documents({"admitted": False, "next_attempt_at": NEXT_NINE}) == 150 - A_DAY
    assert open_due_waves(make_context(running)) == []


def test_openers_that_race_with_different_views_of_who_waits_admit_sixty_people_and_no_more(running: Store) -> None:
    """Some have read the waiting before, some after others came: each brings a choice of its own."""

    def admit(opener: int) -> int:
        mine = random.Random(opener).sample(sorted(in_order(0, 150)), A_DAY)
        return batch_jobs.admit(running, "b", start(running, NOON, *mine), day=DAY, now=NOW)

    assert sum(race([partial(admit, n) for n in range(8)])) == A_DAY
    assert admitted(running) == waves.cohort(running, "b", DAY)
    open_due_waves(make_context(running))
    assert len(admitted(running)) == A_DAY


def test_an_opener_that_another_one_forestalls_follows_the_others_choice(running: Store, mongo_uri: str) -> None:
    """The other records its choice after this one has read who waits and has chosen."""
    theirs = in_order(90, 150)
    forestall = partial(start, running, NOON, *theirs)
    with meanwhile(mongo_uri, running, "insert", forestall, nth=2) as mine:  # the first passes nine o'clock over
        open_due_waves(make_context(mine))
    assert admitted(running) == waves.cohort(running, "b", DAY) == theirs


@pytest.mark.parametrize("done", [0, 20, A_DAY])
def test_an_opening_that_died_is_finished_with_its_own_choice_however_far_it_came(running: Store, done: int) -> None:
    """The choice is another than the one that would be made now, so that a second one would show."""
    chosen = sorted(in_order(80, 80 + A_DAY))
    start(running, NOON, *chosen)
    batch_jobs.admit(running, "b", chosen[:done], day=DAY, now=NOW)
    open_due_waves(make_context(running, lambda: NOW + timedelta(minutes=1)))
    assert admitted(running) == set(chosen)
    assert waves.is_complete(running, "b", DAY, NOON)


def test_a_wave_that_died_after_its_choice_is_made_up_for_by_the_next_of_the_day(running: Store) -> None:
    start(running, NINE, *in_order(100, 110))
    open_due_waves(make_context(running))
    assert admitted(running) == in_order(100, 110) | in_order(0, A_DAY - 10)
    assert len(waves.cohort(running, "b", DAY)) == A_DAY


def test_the_next_wave_of_a_full_day_takes_its_own_people_again_and_nobody_new(running: Store) -> None:
    open_due_waves(make_context(running))
    not_reached, missing = sorted(in_order(0, 15)), sorted(in_order(15, A_DAY))
    for job_id in not_reached:
        assert claim(running, job_id)
        step = NextStep(status=JobStatus.PENDING, reason="busy", next_attempt_at=THREE_O_CLOCK)
        assert jobs.take_step(running, job_id, "a", step, phone="+56911111111", admitted=False, result={}, now=NOW)
    add_jobs(running, 1, id="new", person_id="new", admitted=False)
    open_due_waves(make_context(running, lambda: THREE_O_CLOCK))
    assert admitted(running) == {*not_reached, *missing}
    assert waves.cohort(running, "b", DAY) == in_order(0, A_DAY)
    assert (jobs.get_job(running, "new") or pytest.fail("lost")).next_attempt_at == NEXT_NINE


def test_who_came_after_the_choice_of_an_opening_that_died_has_the_days_free_places_at_the_next_wave(
    running: Store,
) -> None:
    """The choice was of 40, one of the day's own people and 20 more could have been in it: the record stands."""
    start(running, NINE, "j00149")
    start(running, NOON, *in_order(100, 139))
    open_due_waves(make_context(running, lambda: NOW + timedelta(minutes=1)))
    assert admitted(running) == in_order(100, 139)
    open_due_waves(make_context(running, lambda: THREE_O_CLOCK))
    assert admitted(running) == in_order(100, 139) | {"j00149"} | in_order(0, A_DAY - 40)
    assert waves.cohort(running, "b", DAY) == admitted(running)
    assert running.jobs.count_documents({"admitted": False, "next_attempt_at": NEXT_NINE}) == 150 - A_DAY


def test_the_openings_of_a_batch_are_told_in_order_without_whom_they_admit(store: Store) -> None:
    for day, wave in ((TOMORROW, NINE), (DAY, THREE), (DAY, NINE)):
        start(store, wave, "j", day=day)
    start(store, NOON, "j", batch_id="b2")
    told = waves.waves_of(store, "b")
    assert [(one["day"], one["wave"]) for one in told] == [
        (DAY.isoformat(), "09:00"),
        (DAY.isoformat(), "15:00"),
        (TOMORROW.isoformat(), "09:00"),
    ]
    assert all(one["state"] == "opening" and "chosen" not in one for one in told)
