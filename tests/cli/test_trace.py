"""`speechai trace`: a contact's story in order, at its own clock, with nothing in it that identifies the person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Try
from speechai.store import batches, ledger, mending
from speechai.store.jobs import get_job
from speechai.store.ledger import Entry, Kind
from speechai.store.statistics import job_lines
from tests.cli.conftest import Command, loaded

AT = datetime(2030, 11, 25, 12, 30, tzinfo=UTC)
"""After everything that the command itself has written."""


@pytest.fixture
def job_id(served: Command, people: Path) -> str:
    """A contact that was called once, promised to pay, and has a follow-up whose first try failed."""
    batch_id = loaded(served, people)
    store = served.context().store
    [job_id] = [line.job_id for line in job_lines(store, batch_id) if line.position == 0]
    job = get_job(store, job_id)
    assert job is not None
    mending.hold_person(store, job.person_id, Try(attempt_id="a1", at=AT, on=AT.date()))
    elsewhere = Try(attempt_id="of another list", at=AT - timedelta(hours=1), on=AT.date())
    mending.hold_phone(store, job.to_number, elsewhere)
    store.attempts.insert_one(_attempt(batch_id, job_id, job.person_id))
    store.actions.insert_one(_action(batch_id, job_id))
    ledger.move(
        store,
        Entry(
            account_id="main", key="settle:a1", kind=Kind.SETTLE, amount=-123_400, at=AT + timedelta(seconds=91),
            attempt_id="a1", batch_id=batch_id,
        ),
    )  # fmt: skip
    refused = {"code": "outside_hours", "facts": {"policy": "always v1"}, "next_at": AT, "at": AT - timedelta(hours=2)}
    resets = [{"at": AT + timedelta(hours=1), "from": "failed", "reason": "reset by an operator"}]
    changes = {"denied": refused, "resets": resets, "status_at": AT + timedelta(hours=1)}
    store.jobs.update_one({"_id": job_id}, {"$set": changes})
    return job_id


def _attempt(batch_id: str, job_id: str, person_id: str) -> dict[str, Any]:
    ms = int(AT.timestamp() * 1000)
    return {
        "_id": "a1", "job_id": job_id, "batch_id": batch_id, "account_id": "main", "person_id": person_id,
        "use_case": "debt_collection", "number": 1, "to_number": "+56988164510", "from_number": "+56221234567",
        "agent_id": None, "state": "finished", "placing_at": AT, "local_on": "2030-11-25",
        "time_zone": "America/Santiago", "call_id": "call_1", "accepted_at": AT + timedelta(seconds=1),
        "ended_at": AT + timedelta(seconds=80), "finished_at": AT + timedelta(seconds=90), "poll_number": 5,
        "stop_asked_at": None, "outcome": "conversation", "success": True, "counted": True, "contact": True,
        "cost_micros": 123_400, "policy": "always v1", "variant": None, "offer": {"bucket": "1-30"},
        "values": {"fecha_pago_cliente": "2030-12-01"}, "next_poll_at": None,
        "retell": {
            "call_id": "call_1", "call_status": "ended", "disconnection_reason": "user_hangup", "duration_ms": 61_000,
            "start_timestamp": ms + 10_000, "end_timestamp": ms + 71_000, "transcript": "a secret talk",
        },
    }  # fmt: skip


def _action(batch_id: str, job_id: str) -> dict[str, Any]:
    noted = AT + timedelta(seconds=90)
    tries = [
        {"number": 0, "at": noted + timedelta(seconds=1), "answer": "500 for +56988164510"},
        {"number": 1, "at": noted + timedelta(seconds=30), "answer": "204"},
    ]
    return {
        "_id": "a1|payment_link", "attempt_id": "a1", "job_id": job_id, "batch_id": batch_id, "account_id": "main",
        "name": "payment_link", "state": "delivered", "payload": {"to_number": "+56988164510"}, "noted_at": noted,
        "number": 2, "next_try_at": None, "tries": tries, "delivered_at": tries[1]["at"],
    }  # fmt: skip


def test_the_story_of_a_contact_is_told_in_order(served: Command, job_id: str) -> None:
    told = served("trace", job_id, "--json").json
    assert [event["what"] for event in told["events"]] == [
        "list_sent", "next_attempt", "list_loaded", "denied", "called_elsewhere", "placing", "accepted", "connected",
        "retell_ended", "ended", "follow_up", "finished", "charged", "follow_up_try", "follow_up_try",
        "follow_up_delivered", "reset", "state",
    ]  # fmt: skip
    by_name = {event["what"]: event for event in told["events"]}
    assert by_name["placing"]["local_at"] == "2030-11-25T09:30:00-03:00"
    assert by_name["placing"]["facts"]["policy"] == "always v1"
    assert by_name["charged"]["facts"]["amount"] == -123_400
    finished = by_name["finished"]["facts"]
    assert (finished["counts_for_person"], finished["counts_for_phone"]) == (True, False)
    assert by_name["called_elsewhere"]["facts"]["counts_for"] == ["phone"]
    assert by_name["list_sent"]["facts"]["position"] == 1


def test_the_story_identifies_nobody_unless_it_is_asked_for_in_full(served: Command, job_id: str) -> None:
    masked, shown, full = served("trace", job_id, "--json"), served("trace", job_id), served("trace", job_id, "--full")
    for done in (masked, shown):
        assert done.code == 0
        for secret in ("988164510", "15759500", "a secret talk", "2030-12-01", "Ana"):
            assert secret not in done.out, secret
    assert "+569****4510" in masked.out
    assert "+56988164510" in full.out
    assert "2030-12-01" in full.out


def test_the_table_has_the_contact_s_clock_beside_utc_and_says_what_is_to_come(served: Command, job_id: str) -> None:
    shown = served("trace", job_id).out
    assert "Mon 2030-11-25 09:30:00" in shown
    assert "2030-11-25 12:30:00" in shown
    assert "to come: call 1 was" in " ".join(shown.split())
    assert "US$ 0.1234" in shown


def test_pauses_of_the_list_and_suspensions_of_the_account_stand_in_the_story(served: Command, job_id: str) -> None:
    context = served.context()
    job = get_job(context.store, job_id)
    assert job is not None
    served("pause", job.batch_id)
    served("account", "suspend", "main", "--because", "an audit")
    events = {event["what"]: event for event in served("trace", job_id, "--json").json["events"]}
    assert events["list_moved"]["words"] == "the list became paused"
    assert events["account_changed"]["facts"]["why"] == "an audit (operator)"
    batches.delete_batch(context.store, job.batch_id, with_calls=False)
    assert served("trace", job_id).code == 1


def test_a_job_that_is_not_there_is_said_so(served: Command) -> None:
    assert "there is no job nobody" in served("trace", "nobody").message()
