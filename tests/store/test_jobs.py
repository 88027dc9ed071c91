"""Jobs: tickets, claims, the point of no return and steps, each moved by exactly one of those who race for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from speechai.core.after_call import NextStep
from speechai.core.model import Job, JobStatus, Phase
from speechai.store import batch_jobs, jobs
from speechai.store.connection import Store
from tests.store.making import LATER, NOW, THREADS, add_jobs, claim, make_job, race

MAIN = "+56911111111"
RETRY = NextStep(status=JobStatus.PENDING, reason="busy", next_attempt_at=LATER)


def job_of(store: Store, job_id: str = "j") -> Job:
    job = jobs.get_job(store, job_id)
    assert job is not None
    return job


def give_back(store: Store, attempt_id: str = "a", *, job_id: str = "j", **changes: Any) -> bool:
    arguments = {"status": JobStatus.PENDING, "next_attempt_at": LATER, "admitted": True, "reason": "why", "now": NOW}
    return jobs.give_back(store, job_id, attempt_id, **{**arguments, **changes})


@pytest.fixture
def waiting(store: Store) -> Store:
    """A store with the job `j`, that waits."""
    jobs.insert_jobs(store, [make_job()])
    return store


@pytest.fixture
def claimed(waiting: Store) -> Store:
    """A store with the job `j`, claimed for the attempt `a`."""
    assert claim(waiting)
    return waiting


def test_of_many_threads_that_claim_the_same_jobs_exactly_one_wins_each(store: Store) -> None:
    ids = add_jobs(store, 10)
    won = race([partial(claim_all, store, ids, f"worker{n}") for n in range(THREADS)])
    assert sorted(job_id for mine in won for job_id in mine) == ids
    for worker, mine in enumerate(won):
        assert {job_of(store, job_id).attempt_id for job_id in mine} <= {f"worker{worker}|{i}" for i in mine}


def claim_all(store: Store, ids: list[str], worker: str) -> list[str]:
    return [i for i in ids if claim(store, i, attempt_id=f"{worker}|{i}", worker=worker)]


CLAIMER = """
import sys
from config.settings import Settings
from speechai.store.connection import connect
from tests.store.test_jobs import claim_all
store = connect(Settings(mongo_uri=sys.argv[1], mongo_db=sys.argv[2]))
store.ping()
print("ready", flush=True)
sys.stdin.readline()
print(*claim_all(store, sys.argv[4:], sys.argv[3]), flush=True)
"""


def test_of_several_processes_that_claim_the_same_jobs_exactly_one_wins_each(store: Store, mongo_uri: str) -> None:
    ids = add_jobs(store, 40)
    claimers = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIMER, mongo_uri, store.database.name, f"process{n}", *ids],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for n in range(4)
    ]
    won: list[list[str]] = []
    try:
        for claimer in claimers:
            assert claimer.stdout is not None
            assert claimer.stdout.readline() == "ready\n"
        for claimer in claimers:
            assert claimer.stdin is not None
            claimer.stdin.write("\n")
            claimer.stdin.flush()
        for claimer in claimers:
            out, _ = claimer.communicate(timeout=60)
            assert claimer.returncode == 0
            won.append(out.split())
    finally:
        for claimer in claimers:
            claimer.kill()
            claimer.wait()
    assert sorted(job_id for mine in won for job_id in mine) == ids


def test_of_many_dispatchers_exactly_one_issues_each_ticket(waiting: Store) -> None:
    won = race([partial(jobs.issue_ticket, waiting, "j", 0, until=LATER) for _ in range(THREADS)])
    assert won.count(True) == 1
    assert (job_of(waiting).ticket, job_of(waiting).next_attempt_at) == (1, LATER)


def test_a_job_that_was_handed_out_is_due_again_only_when_its_lease_is_over(waiting: Store) -> None:
    assert jobs.issue_ticket(waiting, "j", 0, until=LATER)
    assert jobs.due_jobs(waiting, "b", LATER - timedelta(milliseconds=1), 10) == []
    assert jobs.due_jobs(waiting, "b", LATER, 10) == [("j", 1)]


def test_a_message_whose_ticket_was_issued_again_claims_nothing(waiting: Store) -> None:
    jobs.issue_ticket(waiting, "j", 0, until=LATER)
    jobs.issue_ticket(waiting, "j", 1, until=LATER)
    assert not claim(waiting, ticket=1)
    assert claim(waiting, ticket=2)


@pytest.mark.parametrize("status", [status for status in JobStatus if status is not JobStatus.PENDING], ids=str)
def test_only_a_waiting_job_is_claimed_or_handed_out(store: Store, status: JobStatus) -> None:
    jobs.insert_jobs(store, [make_job(status=status)])
    assert not claim(store)
    assert not jobs.issue_ticket(store, "j", 0, until=LATER)


def test_a_message_that_comes_again_after_its_call_does_not_end_the_rest_of_the_contact(claimed: Store) -> None:
    jobs.pass_the_point_of_no_return(claimed, "j", "a", MAIN)
    assert jobs.take_step(claimed, "j", "a", RETRY, phone=MAIN, admitted=True, result={}, now=NOW)
    assert job_of(claimed).status is JobStatus.PENDING
    assert not claim(claimed, ticket=0, attempt_id="again")


def test_a_message_that_comes_again_after_its_claim_was_given_back_is_stale(claimed: Store) -> None:
    assert give_back(claimed)
    assert not claim(claimed, ticket=0, attempt_id="again")


@pytest.mark.parametrize("attempt", range(15))
def test_a_call_is_either_sent_or_given_back_and_never_both(claimed: Store, attempt: int) -> None:
    callers: list[Callable[[], bool]] = [
        partial(jobs.pass_the_point_of_no_return, claimed, "j", "a", MAIN),
        partial(give_back, claimed),
    ]
    if attempt % 2:
        callers.reverse()
    won = race(callers)
    assert won.count(True) == 1
    expected = (JobStatus.IN_PROGRESS, Phase.PLACING) if won[attempt % 2] else (JobStatus.PENDING, None)
    assert (job_of(claimed).status, job_of(claimed).phase) == expected


def test_the_point_of_no_return_is_passed_once_and_only_by_the_claims_own_attempt(claimed: Store) -> None:
    assert not jobs.pass_the_point_of_no_return(claimed, "j", "other", MAIN)
    assert jobs.pass_the_point_of_no_return(claimed, "j", "a", MAIN)
    assert not jobs.pass_the_point_of_no_return(claimed, "j", "a", MAIN)
    assert not jobs.pass_the_point_of_no_return(claimed, "j", "a", "+56922222222")
    assert job_of(claimed).last_phone_tried == MAIN
    assert not give_back(claimed)
    assert not give_back(claimed, "other")


def test_a_job_given_back_holds_nothing_of_its_claim(claimed: Store) -> None:
    assert give_back(claimed, status=JobStatus.FAILED, next_attempt_at=None, admitted=False)
    job = job_of(claimed)
    assert (job.status, job.attempt_id, job.phase, job.reserved_until) == (JobStatus.FAILED, None, None, None)
    assert (job.attempts, job.admitted, job.reason, job.last_phone_tried) == (0, False, "why", None)


def test_a_call_that_belongs_to_an_earlier_attempt_is_not_noted(claimed: Store) -> None:
    jobs.note_call(claimed, "j", "other", "call_other", NOW)
    assert job_of(claimed).call_id is None


def test_a_step_taken_twice_counts_once(claimed: Store) -> None:
    jobs.pass_the_point_of_no_return(claimed, "j", "a", MAIN)
    won = race(
        [partial(jobs.take_step, claimed, "j", "a", RETRY, phone=MAIN, admitted=False, result={}, now=NOW)] * THREADS
    )
    assert won.count(True) == 1
    job = job_of(claimed)
    assert (job.attempts, job.status, job.next_attempt_at, job.admitted) == (1, JobStatus.PENDING, LATER, False)


@pytest.mark.parametrize("counts", [True, False])
@pytest.mark.parametrize("retires", [True, False])
def test_a_step_counts_and_retires_what_it_says(claimed: Store, counts: bool, retires: bool) -> None:
    step = NextStep(
        status=JobStatus.PENDING, reason="r", next_attempt_at=LATER, counts_as_attempt=counts, retire_phone=retires
    )
    assert jobs.take_step(claimed, "j", "a", step, phone=MAIN, admitted=True, result={}, now=NOW)
    job = job_of(claimed)
    assert (job.attempts, job.bad_phones) == (int(counts), (MAIN,) if retires else ())


def test_a_step_of_an_attempt_that_the_job_has_let_go_changes_nothing(claimed: Store) -> None:
    give_back(claimed)
    before = job_of(claimed)
    assert not jobs.take_step(claimed, "j", "a", RETRY, phone=MAIN, admitted=True, result={"call_id": "x"}, now=NOW)
    assert job_of(claimed) == before


def test_claims_run_out_at_their_lease_and_only_before_the_point_of_no_return(store: Store) -> None:
    add_jobs(store, 5)
    for n in range(4):
        claim(store, f"j{n:05}", attempt_id=f"a{n}")
    jobs.pass_the_point_of_no_return(store, "j00000", "a0", MAIN)  # its time is null, which is no early date
    give_back(store, "a3", job_id="j00003")
    add_jobs(store, 1, id="elsewhere", batch_id="other")
    claim(store, "elsewhere")
    assert jobs.claims_that_ran_out(store, "b", LATER - timedelta(milliseconds=1), 10) == []
    found = jobs.claims_that_ran_out(store, "b", LATER, 10)
    assert [(job.id, job.attempt_id) for job in sorted(found, key=lambda job: job.id)] == [
        ("j00001", "a1"),
        ("j00002", "a2"),
    ]
    assert [job.id for job in jobs.claims_that_ran_out(store, "other", LATER, 10)] == ["elsewhere"]


def test_a_claim_by_hand_of_a_contact_that_no_wave_has_admitted_runs_out_like_any_other(store: Store) -> None:
    ids = [*add_jobs(store, 2), *add_jobs(store, 1, id="by hand", person_id="q", admitted=False)]
    for job_id in ids:
        assert claim(store, job_id, attempt_id=f"a of {job_id}")
    assert {job.id for job in jobs.claims_that_ran_out(store, "b", LATER, 10)} == set(ids)
    for limit in (1, 2, 3):
        assert len(jobs.claims_that_ran_out(store, "b", LATER, limit)) == limit


def test_a_claim_is_due_to_nobody_else_while_it_lasts_and_after(claimed: Store) -> None:
    """Its time is the lease's end, under the same index that the due scan reads."""
    assert job_of(claimed).next_attempt_at == LATER
    assert jobs.due_jobs(claimed, "b", LATER, 10) == []
    assert batch_jobs.waiting_for_a_wave(claimed, "b", LATER) == []
    jobs.pass_the_point_of_no_return(claimed, "j", "a", MAIN)
    assert job_of(claimed).next_attempt_at is None


def test_due_jobs_are_those_whose_time_has_come_the_longest_waiting_first(store: Store) -> None:
    minutes = {"late": -30, "latest": -60, "now": 0, "early": 1}
    new = [make_job(id=name, person_id=name, next_attempt_at=NOW + timedelta(minutes=m)) for name, m in minutes.items()]
    new += [
        make_job(id="elsewhere", person_id="1", batch_id="other"),
        make_job(id="no wave yet", person_id="2", admitted=False),
        make_job(id="no time", person_id="3", next_attempt_at=None),
        make_job(id="done", person_id="4", status=JobStatus.DONE),
    ]
    jobs.insert_jobs(store, new)
    assert jobs.due_jobs(store, "b", NOW, 10) == [("latest", 0), ("late", 0), ("now", 0)]
    assert jobs.due_jobs(store, "b", NOW, 2) == [("latest", 0), ("late", 0)]


def test_a_wave_admits_each_waiting_job_once_whoever_opens_it(store: Store) -> None:
    ids = add_jobs(store, 30, admitted=False)
    day = date(2026, 11, 25)
    admitted = race([partial(batch_jobs.admit, store, "b", ids[:20], day=day, now=NOW) for _ in range(4)])
    assert sum(admitted) == 20
    assert {document["_id"] for document in store.jobs.find({"admitted_on": day.isoformat()})} == set(ids[:20])
    assert batch_jobs.postpone(store, "b", ids, until=LATER, reason="the day is full") == 10
    assert batch_jobs.waiting_for_a_wave(store, "b", NOW) == []
    assert {job.id for job in batch_jobs.waiting_for_a_wave(store, "b", LATER)} == set(ids[20:])
    assert len(jobs.due_jobs(store, "b", NOW, 100)) == 20


def test_admitting_a_choice_again_leaves_those_to_rest_whom_a_call_did_not_reach_meanwhile(store: Store) -> None:
    """An opening that died before it was complete is repeated with its own choice, some of whom were dialled."""
    ids, day = add_jobs(store, 2, admitted=False), date(2026, 11, 25)
    assert batch_jobs.admit(store, "b", ids[:1], day=day, now=NOW) == 1  # it died here
    claim(store, ids[0])
    jobs.pass_the_point_of_no_return(store, ids[0], "a", MAIN)
    assert jobs.take_step(store, ids[0], "a", RETRY, phone=MAIN, admitted=False, result={}, now=NOW)
    before = job_of(store, ids[0])
    assert batch_jobs.admit(store, "b", ids, day=day, now=LATER - timedelta(milliseconds=1)) == 1
    assert job_of(store, ids[0]) == before
    assert (job_of(store, ids[1]).admitted, job_of(store, ids[1]).admitted_on) == (True, day)
    assert batch_jobs.admit(store, "b", ids, day=day, now=LATER) == 1  # its rest is over


def test_no_ids_admit_nobody(store: Store) -> None:
    add_jobs(store, 2, admitted=False)
    assert batch_jobs.admit(store, "b", [], day=date(2026, 11, 25), now=NOW) == 0
