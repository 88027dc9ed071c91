"""The agenda of callbacks: who is called first, who is looked at again, who leaves it; nobody blocks the others."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechai.core.model import JobStatus
from speechai.store import batch_jobs, callbacks, jobs
from speechai.store.callbacks import AGAIN_AFTER, LOOK, due, expect
from speechai.store.connection import Store
from tests.store.making import LATER, NOW, THREADS, claim, make_job, race

MINUTE = timedelta(minutes=1)
OPEN = {"b"}
"""The batches that may call."""


def ask(store: Store, number: int, *, at: datetime = NOW, **job: Any) -> str:
    """A job that waits for its callback `at`, and its entry."""
    job_id = f"j{number}"
    wish = {"callback_at": job.pop("callback_at", at), "suspended_by": job.pop("suspended_by", None)}
    jobs.insert_jobs(store, [make_job(**{"id": job_id, "person_id": f"p{number}", "next_attempt_at": at, **job})])
    store.jobs.update_one({"_id": job_id}, {"$set": wish})  # no new contact has one
    expect(store, job_id, at)
    return job_id


def look(store: Store, *, now: datetime = NOW) -> list[str]:
    return [job_id for _, job_id, _ in due(store, now, batch_ids=OPEN)]


def agenda(store: Store) -> dict[str, datetime]:
    return {entry["_id"]: entry["at"] for entry in store.callbacks.find()}


def test_the_earliest_wish_comes_first_and_none_before_its_time(store: Store) -> None:
    for number, minutes in enumerate((-5, -20, 0, 1, -10)):
        ask(store, number, at=NOW + minutes * MINUTE)
    assert look(store) == ["j1", "j4", "j0", "j2"]
    assert look(store, now=NOW + MINUTE)[-1] == "j3"
    assert due(store, NOW, batch_ids=OPEN)[0] == ("b", "j1", 0)
    assert due(store, NOW, batch_ids={"paused"}) == []
    assert agenda(store).keys() == {f"j{number}" for number in range(5)}


def test_a_second_wish_moves_the_entry(store: Store) -> None:
    ask(store, 1)
    expect(store, "j1", LATER)
    assert look(store) == []
    assert agenda(store) == {"j1": LATER}


@pytest.mark.parametrize("status", [JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED])
def test_an_entry_of_a_job_that_has_ended_goes(store: Store, status: JobStatus) -> None:
    ask(store, 1, status=status, next_attempt_at=None)
    assert look(store) == []
    assert agenda(store) == {}


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.SUSPENDED])
def test_an_entry_of_a_job_that_asks_for_no_callback_any_more_goes(store: Store, status: JobStatus) -> None:
    ask(store, 1, status=status, callback_at=None, next_attempt_at=NOW)
    assert look(store) == []
    assert agenda(store) == {}


def test_an_entry_of_a_job_that_is_gone_goes(store: Store) -> None:
    expect(store, "nobody's", NOW)
    assert look(store) == []
    assert agenda(store) == {}


def test_a_wish_that_is_being_written_while_its_call_ends_is_not_thrown_away(store: Store) -> None:
    """The entry comes before the job: in between it stands there for a job that asks for nothing."""
    ask(store, 1, callback_at=None, next_attempt_at=NOW)
    assert claim(store, "j1")
    assert look(store) == []
    assert agenda(store) == {"j1": NOW + AGAIN_AFTER}
    jobs.give_back(
        store, "j1", "a", status=JobStatus.PENDING, next_attempt_at=NOW, admitted=True, reason="", now=NOW
    )  # fmt: skip
    store.jobs.update_one({"_id": "j1"}, {"$set": {"callback_at": NOW}})
    assert look(store, now=NOW + AGAIN_AFTER) == ["j1"]


@pytest.mark.parametrize(
    "held",
    [
        {"status": JobStatus.IN_PROGRESS},
        {"status": JobStatus.SUSPENDED, "suspended_by": "account"},
        {"batch_id": "paused"},
    ],
    ids=["on the line", "of a suspended account", "of a paused list"],
)
def test_those_who_cannot_be_called_now_keep_nobody_else_waiting(store: Store, held: dict[str, Any]) -> None:
    for number in range(20):
        ask(store, number, at=NOW - MINUTE, **held)
    ask(store, 50)
    assert look(store) == ["j50"]
    assert set(agenda(store).values()) == {NOW, NOW + AGAIN_AFTER}
    assert look(store) == ["j50"]


def test_more_of_them_than_one_look_reads_are_out_of_the_way_at_the_next(store: Store) -> None:
    new = [make_job(id=f"s{n}", person_id=f"p{n}", batch_id="paused") for n in range(LOOK + 5)]
    jobs.insert_jobs(store, new)
    store.jobs.update_many({}, {"$set": {"callback_at": NOW}})
    store.callbacks.insert_many([{"_id": job.id, "at": NOW - MINUTE} for job in new])
    ask(store, 1)
    assert look(store) == []
    assert look(store) == ["j1"]


def test_whom_a_rule_makes_wait_is_looked_at_when_that_is_over(store: Store) -> None:
    """A law's week, a lease, a rest: the job has a later time than the wish."""
    ask(store, 1, next_attempt_at=LATER)
    assert look(store) == []
    assert agenda(store) == {"j1": LATER}
    assert look(store, now=LATER) == ["j1"]


def test_a_callback_without_a_time_of_its_own_keeps_nobody_from_being_called(store: Store) -> None:
    """None should ever be so; where it is, every look at the agenda would fail with it."""
    ask(store, 1, at=NOW - MINUTE)
    store.jobs.update_one({"_id": "j1"}, {"$set": {"next_attempt_at": None}})
    ask(store, 2)
    assert look(store) == ["j1", "j2"]


def test_a_suspended_accounts_callback_is_first_again_within_a_minute_of_the_resume(store: Store) -> None:
    ask(store, 1, at=NOW - MINUTE)
    batch_jobs.suspend_for_account(store, "b", reason="no credit", now=NOW)
    assert look(store) == []
    batch_jobs.resume_for_account(store, "b", now=NOW + 5 * MINUTE)
    assert look(store, now=NOW + 5 * MINUTE) == ["j1"]


def test_a_ticket_takes_the_callback_from_the_next_look_until_its_lease_is_over(store: Store) -> None:
    ask(store, 1)
    [(_, job_id, ticket)] = due(store, NOW, batch_ids=OPEN)
    assert jobs.issue_ticket(store, job_id, ticket, until=LATER)
    assert look(store) == []
    assert due(store, LATER, batch_ids=OPEN) == [("b", "j1", ticket + 1)]


def test_many_dispatchers_find_everybody_and_one_hands_each_out(store: Store) -> None:
    ids = [ask(store, number, at=NOW - number * MINUTE) for number in range(6)]

    def hand_out() -> list[str]:
        found = due(store, NOW, batch_ids=OPEN)
        return [job_id for _, job_id, ticket in found if jobs.issue_ticket(store, job_id, ticket, until=LATER)]

    handed = race([hand_out] * THREADS)
    assert sorted(job_id for mine in handed for job_id in mine) == sorted(ids)


def test_a_wish_that_is_moved_while_it_is_looked_at_is_never_lost(store: Store) -> None:
    ids = [ask(store, number, status=JobStatus.SUSPENDED) for number in range(8)]
    race(
        [partial(expect, store, job_id, LATER) for job_id in ids]
        + [partial(callbacks.due, store, NOW, batch_ids=OPEN)] * 4
    )
    assert agenda(store).keys() == set(ids)
    store.jobs.update_many({}, {"$set": {"status": JobStatus.PENDING, "suspended_by": None}})
    assert sorted(look(store, now=LATER + AGAIN_AFTER)) == sorted(ids)


STATES = st.fixed_dictionaries(
    {
        "status": st.sampled_from(list(JobStatus)),
        "batch_id": st.sampled_from(["b", "paused"]),
        "wish": st.none() | st.integers(-30, 30),
        "next": st.integers(-30, 30),
        "entry": st.integers(-30, 30),
    }
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STATES, max_size=5))
def test_a_look_returns_whoever_waits_and_loses_nobody_who_asks(store: Store, states: list[dict[str, Any]]) -> None:
    store.jobs.delete_many({})
    store.callbacks.delete_many({})
    ready, asking = set(), set()
    for number, state in enumerate(states):
        at = None if state["wish"] is None else NOW + state["wish"] * MINUTE
        next_at = NOW + state["next"] * MINUTE
        ask(store, number, status=state["status"], batch_id=state["batch_id"], callback_at=at, next_attempt_at=next_at)
        expect(store, f"j{number}", NOW + state["entry"] * MINUTE)
        waits = state["status"] is JobStatus.PENDING and next_at <= NOW and state["entry"] <= 0
        if at is not None and not state["status"].is_final:
            asking.add(f"j{number}")
            ready |= {f"j{number}"} if waits and state["batch_id"] == "b" else set()
    assert set(look(store)) == ready
    assert asking <= agenda(store).keys()
    assert all(at > NOW for job_id, at in agenda(store).items() if job_id not in ready)
