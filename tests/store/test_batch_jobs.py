"""Jobs of a list moved together: admitted, postponed, let go, suspended with their account, resumed, reset."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from speechai.core.after_call import NextStep
from speechai.core.model import Job, JobStatus
from speechai.store import batch_jobs, jobs
from speechai.store.connection import Store
from tests.store.making import DAY, LATER, NOW, THREADS, TOMORROW, add_jobs, claim, make_job, race

YESTERDAY = DAY - timedelta(days=1)
AHEAD, BEFORE = NOW + timedelta(hours=3), NOW - timedelta(hours=3)
ANOTHER = "another list"


def add(store: Store, **changes: Any) -> Job:
    later = {name: changes.pop(name) for name in ("callback_at", "suspended_by") if name in changes}
    jobs.insert_jobs(store, [make_job(**changes)])
    if later:  # no new contact has them
        store.jobs.update_one({"_id": "j"}, {"$set": later})
    return job_of(store)


def job_of(store: Store, job_id: str = "j") -> Job:
    job = jobs.get_job(store, job_id)
    assert job is not None
    return job


def told(job: Job, *fields: str) -> tuple[Any, ...]:
    return tuple(getattr(job, name) for name in fields)


# Waves


def test_a_wave_finds_whoever_waits_for_it_and_whose_time_has_come(store: Store) -> None:
    ids = add_jobs(store, 5, admitted=False)
    others: list[dict[str, Any]] = [
        {"next_attempt_at": LATER},
        {"admitted": True},
        {"status": JobStatus.SUSPENDED},
        {"batch_id": ANOTHER},
    ]
    for job_id, changes in zip(ids[1:], others, strict=True):
        store.jobs.update_one({"_id": job_id}, {"$set": changes})
    assert [job.id for job in batch_jobs.waiting_for_a_wave(store, "b", NOW)] == [ids[0]]


def test_admitting_twice_admits_once_and_leaves_whoever_rests_or_was_called_meanwhile(store: Store) -> None:
    ids = add_jobs(store, 4, admitted=False)
    store.jobs.update_one({"_id": ids[1]}, {"$set": {"next_attempt_at": LATER}})
    store.jobs.update_one({"_id": ids[2]}, {"$set": {"status": JobStatus.DONE}})
    assert batch_jobs.admit(store, "b", ids, day=DAY, now=NOW) == 2
    assert batch_jobs.admit(store, "b", ids, day=DAY, now=NOW) == 0
    assert [job_of(store, i).admitted for i in ids] == [True, False, False, True]
    assert told(job_of(store, ids[0]), "admitted_on", "next_attempt_at") == (DAY, NOW)


def test_postponing_leaves_whom_the_wave_admitted(store: Store) -> None:
    ids = add_jobs(store, 3, admitted=False)
    batch_jobs.admit(store, "b", ids[:1], day=DAY, now=NOW)
    assert batch_jobs.postpone(store, "b", ids, until=AHEAD, reason="the day is full") == 2
    assert [job_of(store, i).next_attempt_at for i in ids] == [NOW, AHEAD, AHEAD]
    assert batch_jobs.postpone(store, "b", [], until=AHEAD, reason="") == 0


LEFT = [
    pytest.param({"admitted_on": YESTERDAY}, True, id="admitted yesterday"),
    pytest.param({"admitted_on": DAY}, False, id="admitted today"),
    pytest.param({"admitted_on": TOMORROW}, False, id="admitted by a clock that is ahead"),
    pytest.param({"admitted_on": None}, False, id="dialled by hand"),
    pytest.param({"admitted_on": YESTERDAY, "callback_at": NOW}, False, id="asked for a call"),
    pytest.param({"admitted_on": YESTERDAY, "status": JobStatus.SUSPENDED}, False, id="is suspended"),
    pytest.param({"admitted_on": YESTERDAY, "status": JobStatus.DONE}, False, id="has ended"),
    pytest.param({"admitted_on": YESTERDAY, "admitted": False}, False, id="waits already"),
    pytest.param({"admitted_on": YESTERDAY, "batch_id": ANOTHER}, False, id="of another list"),
]


@pytest.mark.parametrize(("changes", "moved"), LEFT)
def test_whom_an_earlier_days_wave_admitted_waits_for_another(
    store: Store, changes: dict[str, Any], moved: bool
) -> None:
    before = add(store, next_attempt_at=BEFORE, **changes)
    assert batch_jobs.end_earlier_waves(store, "b", day=DAY, now=NOW) == moved
    assert batch_jobs.end_earlier_waves(store, "b", day=DAY, now=NOW) == 0
    after = job_of(store)
    if moved:
        assert told(after, "status", "admitted", "next_attempt_at") == (JobStatus.PENDING, False, NOW)
        assert [job.id for job in batch_jobs.waiting_for_a_wave(store, "b", NOW)] == ["j"]
    else:
        assert after == before


def test_a_message_from_before_cannot_dial_whom_the_wave_lets_go(store: Store) -> None:
    add(store, admitted_on=YESTERDAY)
    assert jobs.issue_ticket(store, "j", 0, until=LATER)
    batch_jobs.end_earlier_waves(store, "b", day=DAY, now=NOW)
    assert not claim(store, ticket=1)


def test_a_claim_and_the_end_of_an_earlier_wave_do_not_both_happen(store: Store) -> None:
    for number in range(10):
        add_jobs(store, 1, id=f"j{number}", person_id=f"p{number}", admitted_on=YESTERDAY)
        calls: list[Callable[[], object]] = [
            partial(claim, store, f"j{number}"),
            partial(batch_jobs.end_earlier_waves, store, "b", day=DAY, now=NOW),
        ]
        race(calls)
        job = job_of(store, f"j{number}")
        assert (job.status is JobStatus.IN_PROGRESS) is job.admitted


# The account's suspension


def test_a_suspension_holds_whoever_waits_and_a_resume_lets_them_go_with_their_own_time(store: Store) -> None:
    kept = {"next_attempt_at": AHEAD, "callback_at": AHEAD, "admitted": False, "admitted_on": YESTERDAY, "attempts": 2}
    before = add(store, **kept)
    assert batch_jobs.suspend_for_account(store, "b", reason="no credit", now=NOW) == 1
    assert batch_jobs.suspend_for_account(store, "b", reason="no credit", now=NOW) == 0
    held = job_of(store)
    assert told(held, "status", "suspended_by", "reason") == (JobStatus.SUSPENDED, "account", "no credit")
    assert told(held, *kept) == tuple(kept.values())
    assert batch_jobs.resume_for_account(store, "b", now=NOW) == 1
    assert batch_jobs.resume_for_account(store, "b", now=NOW) == 0
    freed = job_of(store)
    assert told(freed, "status", "suspended_by", *kept) == (JobStatus.PENDING, None, *kept.values())
    assert freed.ticket == before.ticket


@pytest.mark.parametrize(
    "status", [JobStatus.IN_PROGRESS, JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.SUSPENDED]
)
def test_a_suspension_leaves_whoever_does_not_wait(store: Store, status: JobStatus) -> None:
    before = add(store, status=status)
    assert batch_jobs.suspend_for_account(store, "b", reason="no credit", now=NOW) == 0
    assert batch_jobs.resume_for_account(store, "b", now=NOW) == 0
    assert job_of(store) == before


def test_a_resume_leaves_what_was_suspended_for_another_reason_and_other_lists(store: Store) -> None:
    add_jobs(store, 1, id="unclear", status=JobStatus.SUSPENDED)
    add_jobs(store, 1, id="elsewhere", status=JobStatus.SUSPENDED, batch_id=ANOTHER)
    store.jobs.update_one({"_id": "elsewhere"}, {"$set": {"suspended_by": "account"}})
    assert batch_jobs.resume_for_account(store, "b", now=NOW) == 0


def test_one_that_was_on_the_line_when_its_account_stopped_is_due_at_the_resume(store: Store) -> None:
    add(store)
    assert claim(store)
    assert jobs.pass_the_point_of_no_return(store, "j", "a", "+56911111111")
    trouble = NextStep(status=JobStatus.SUSPENDED, reason="402", counts_as_attempt=False, suspend_account=True)
    assert jobs.take_step(store, "j", "a", trouble, phone="+56911111111", admitted=True, result={}, now=NOW)
    assert told(job_of(store), "status", "suspended_by", "next_attempt_at") == (JobStatus.SUSPENDED, "account", None)
    assert batch_jobs.resume_for_account(store, "b", now=LATER) == 1
    assert told(job_of(store), "status", "next_attempt_at", "attempts") == (JobStatus.PENDING, LATER, 0)


def test_of_a_claim_and_a_suspension_at_one_moment_exactly_one_has_each_job(store: Store) -> None:
    ids = add_jobs(store, 12)
    held = race(
        [partial(batch_jobs.suspend_for_account, store, "b", reason="", now=NOW)]
        + [partial(claim, store, job_id, attempt_id=job_id) for job_id in ids[: THREADS - 1]]
    )
    states = [job_of(store, job_id).status for job_id in ids]
    assert states.count(JobStatus.SUSPENDED) == held[0]
    assert states.count(JobStatus.IN_PROGRESS) == sum(held[1:])
    assert held[0] + sum(held[1:]) == 12


# What an operator moves


def test_moving_a_list_leaves_calls_in_progress_and_forgets_why_the_contacts_waited(store: Store) -> None:
    ids = add_jobs(store, 3)
    store.jobs.update_many({}, {"$set": {"denied": {"code": "day_cap"}}})
    assert claim(store, ids[0])
    gone = partial(batch_jobs.move_jobs, store, "b", expected=JobStatus.PENDING, to=JobStatus.CANCELLED, now=NOW)
    assert gone(reason="over") == 2
    assert [job_of(store, i).status for i in ids] == [JobStatus.IN_PROGRESS, JobStatus.CANCELLED, JobStatus.CANCELLED]
    document = jobs.get_job_document(store, ids[1])
    assert document is not None
    assert (document["next_attempt_at"], document["denied"], document["reason"]) == (None, None, "over")
    assert gone(reason="over") == 0


CALLBACKS = [
    pytest.param(None, BEFORE, NOW, id="no callback"),
    pytest.param(None, AHEAD, NOW, id="no callback, a rest"),
    pytest.param(AHEAD, AHEAD, AHEAD, id="a callback ahead"),
    pytest.param(BEFORE, BEFORE, NOW, id="a callback whose time went by"),
    pytest.param(BEFORE, AHEAD, NOW, id="a callback that a rule made wait"),
    pytest.param(AHEAD, None, NOW, id="a callback ahead without a time"),
]


@pytest.mark.parametrize(("callback_at", "next_at", "expected"), CALLBACKS)
def test_who_is_resumed_is_due_at_once_but_a_callback_at_the_time_that_was_asked_for(
    store: Store, callback_at: datetime | None, next_at: datetime | None, expected: datetime
) -> None:
    add(store, status=JobStatus.SUSPENDED, callback_at=callback_at, next_attempt_at=next_at)
    moved = batch_jobs.move_jobs(
        store, "b", expected=JobStatus.SUSPENDED, to=JobStatus.PENDING, reason="resumed", now=NOW
    )
    assert moved == 1
    assert told(job_of(store), "status", "next_attempt_at", "callback_at") == (JobStatus.PENDING, expected, callback_at)


@pytest.mark.parametrize("admitted", [True, False])
@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.SUSPENDED, JobStatus.DONE, JobStatus.CANCELLED])
def test_a_reset_gives_all_attempts_back_and_is_recorded(store: Store, status: JobStatus, admitted: bool) -> None:
    add(store, status=status, attempts=3, bad_phones=("+56911111111",), callback_at=BEFORE, next_attempt_at=None)
    reset = partial(batch_jobs.reset_jobs, store, ["j"], expected=status, admitted=admitted, reason="again", now=NOW)
    assert reset() == 1
    assert reset() == 0
    job = job_of(store)
    assert told(job, "status", "attempts", "bad_phones", "callback_at") == (JobStatus.PENDING, 0, (), None)
    assert told(job, "admitted", "next_attempt_at") == (admitted, NOW)
    document = jobs.get_job_document(store, "j")
    assert document is not None
    assert [(entry["at"], entry["from"], entry["reason"]) for entry in document["resets"]] == [(NOW, status, "again")]


def test_a_retry_of_a_suspended_contact_keeps_the_callback_that_is_ahead(store: Store) -> None:
    add(store, status=JobStatus.SUSPENDED, attempts=3, callback_at=AHEAD, next_attempt_at=AHEAD)
    assert batch_jobs.reset_jobs(
        store, ["j"], expected=JobStatus.SUSPENDED, admitted=False, reason="again", now=NOW
    ) == 1  # fmt: skip
    kept = job_of(store)
    assert told(kept, "status", "attempts", "callback_at", "next_attempt_at") == (JobStatus.PENDING, 0, AHEAD, AHEAD)
    assert kept.admitted
    document = jobs.get_job_document(store, "j")
    assert document is not None
    assert len(document["resets"]) == 1


def test_jobs_are_found_by_state_and_by_since_when(store: Store) -> None:
    ids = add_jobs(store, 3)
    for job_id, minutes in zip(ids, (0, 30, 60), strict=True):
        at = NOW + timedelta(minutes=minutes)
        store.jobs.update_one({"_id": job_id}, {"$set": {"status": JobStatus.FAILED, "status_at": at}})
    assert sorted(batch_jobs.jobs_in(store, "b", JobStatus.FAILED)) == ids
    since = NOW + timedelta(minutes=30)
    assert sorted(batch_jobs.jobs_in(store, "b", JobStatus.FAILED, since=since)) == ids[1:]
    assert batch_jobs.jobs_in(store, "b", JobStatus.PENDING) == []


def test_a_resumed_batch_leaves_whom_its_account_holds_their_own_time(store: Store) -> None:
    """A sweep that still thinks the account suspended may come between an operator's two commands."""
    add_jobs(store, 2)
    store.jobs.update_many({}, {"$set": {"next_attempt_at": LATER}})
    batch_jobs.suspend_for_account(store, "b", reason="no credit", now=NOW)
    resume = partial(batch_jobs.move_jobs, store, "b", expected=JobStatus.SUSPENDED, to=JobStatus.PENDING, now=NOW)
    assert resume(reason="resumed by an operator") == 0
    batch_jobs.resume_for_account(store, "b", now=NOW)
    assert {job["next_attempt_at"] for job in store.jobs.find()} == {LATER}
