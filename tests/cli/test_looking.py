"""Commands on a list that is loaded: what they print, what they change, and what they refuse."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.store import waves
from speechai.store.statistics import job_lines
from tests.cli.conftest import CLOSED, Command, loaded


@pytest.fixture
def batch_id(served: Command, people: Path) -> str:
    """A running batch of two contacts that wait."""
    return loaded(served, people)


@pytest.fixture
def job_id(served: Command, batch_id: str) -> str:
    """The first contact's job."""
    return next(line.job_id for line in job_lines(served.context().store, batch_id) if line.position == 0)


def test_batches_and_a_batch_are_told_as_json_and_as_tables(served: Command, batch_id: str, job_id: str) -> None:
    [line] = served("batches", "--json").json
    whole = served("batch", batch_id, "--jobs", "--json").json
    assert (line["batch_id"], line["jobs"]) == (batch_id, {"pending": 2})
    assert (whole["batch_id"], whole["status"], whole["calls"], whole["waves"]) == (batch_id, "running", 0, [])
    assert [contact["name"] for contact in whole["contacts"]] == ["Ana Soto", "Luis Rojas"]
    assert whole["contacts"][0]["job_id"] == job_id
    assert "file_id" not in whole
    for arguments in (("batches",), ("batch", batch_id), ("batch", batch_id, "--jobs")):
        done = served(*arguments)
        assert done.code == 0
        assert batch_id in done.out
        assert "15759500" not in done.out


def test_a_batch_shows_its_waves(served: Command, batch_id: str) -> None:
    store, day, nine = served.context().store, date(2026, 11, 23), time(9)
    waves.start_opening(
        store, batch_id, day, nine, chosen=["a job", "another"], now=datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    )
    waves.complete_opening(store, batch_id, day, nine, admitted=2)
    [wave] = served("batch", batch_id, "--json").json["waves"]
    assert (wave["wave"], wave["state"], wave["admitted"]) == ("09:00", "open", 2)
    assert "chosen" not in wave
    assert "2026-11-23 09:00:00 America/Santiago" in served("batch", batch_id).out


def test_a_job_is_masked_unless_it_is_asked_for_in_full(served: Command, batch_id: str, job_id: str) -> None:
    masked = served("job", job_id, "--json")
    full = served("job", job_id, "--full", "--json")
    assert (masked.json["to_number"], masked.json["rut"]) == ("+569****4510", "****00-8")
    assert "15759500" not in masked.out
    assert "988164510" not in masked.out
    assert full.json["to_number"] == "+56988164510"
    assert full.json["status"] == "pending"


def test_a_job_says_why_it_waits_in_its_own_zone_and_in_utc(served: Command, batch_id: str, job_id: str) -> None:
    served.context().store.jobs.update_one(
        {"_id": job_id},
        {"$set": {"next_attempt_at": datetime(2026, 11, 23, 12, 30, tzinfo=UTC), "reason": "busy (dial_busy)"}},
    )
    shown = served("job", job_id).out
    assert "2026-11-23 09:30:00 America/Santiago (2026-11-23 12:30:00 UTC)" in shown
    assert "busy (dial_busy)" in shown


def _attempt(batch_id: str, job_id: str) -> dict[str, Any]:
    at = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
    return {
        "_id": "a1", "job_id": job_id, "batch_id": batch_id, "account_id": "main", "person_id": "p",
        "use_case": "debt_collection", "number": 1, "to_number": "+56988164510", "from_number": "+56221234567",
        "agent_id": None, "state": "finished", "placing_at": at, "time_zone": "America/Santiago", "call_id": "call_1",
        "outcome": "conversation", "cost_micros": 123_400, "duration_ms": 61_000, "counted": True, "contact": True,
        "retell": {
            "call_id": "call_1", "call_status": "ended", "disconnection_reason": "user_hangup", "duration_ms": 61_000,
            "call_cost": {"combined_cost": 12.34}, "transcript": "a secret talk",
        },
    }  # fmt: skip


def test_a_job_s_calls_are_told_with_outcome_and_cost_and_without_the_talk(
    served: Command, batch_id: str, job_id: str
) -> None:
    served.context().store.attempts.insert_one(_attempt(batch_id, job_id))
    done = served("job", job_id, "--json")
    [call] = done.json["calls"]
    assert (call["outcome"], call["reason"], call["duration_seconds"]) == ("conversation", "user_hangup", 61)
    assert call["cost_usd_micros"] == 123_400
    assert "a secret talk" not in done.out
    assert "US$ 0.1234" in served("job", job_id).out
    assert "a secret talk" in served("job", job_id, "--full", "--json").out
    assert served("batch", batch_id, "--json").json["outcomes"] == {"conversation": 1}


def test_a_batch_is_paused_resumed_and_cancelled(served: Command, batch_id: str) -> None:
    assert served("pause", batch_id).code == 0
    assert served("batch", batch_id, "--json").json["status"] == "paused"
    assert served("resume", batch_id, "--json").json == {
        "batch_id": batch_id, "status": "running", "resumed_jobs": 0,
    }  # fmt: skip
    assert served("cancel", batch_id, "--json").json["cancelled_jobs"] == 2
    refused = served("resume", batch_id)
    assert refused.code == 1
    assert "cancelled" in refused.message()


def test_ended_contacts_are_retried_and_reset(served: Command, batch_id: str, job_id: str) -> None:
    store = served.context().store
    ended = {"status": "failed", "reason": "no phone left", "status_at": datetime.now(UTC)}
    store.jobs.update_many({"batch_id": batch_id}, {"$set": ended})
    assert served("retry", job_id, "--json").json["jobs"] == 1
    assert served("retry", batch_id, "--json").json["jobs"] == 1
    waits = served("retry", job_id)
    assert (waits.code, "only a failed or suspended" in waits.message()) == (1, True)
    store.jobs.update_many({"batch_id": batch_id}, {"$set": ended})
    done = served("reset-jobs", "--status", "failed", "--max-age-hours", "1", "--batch", batch_id, "--json")
    assert done.json == {"status": "failed", "jobs": 2}
    assert served("reset-jobs", "--status", "pending").code == 2


def test_cleanup_removes_what_ended_long_ago_and_keeps_the_call_log(
    served: Command, batch_id: str, job_id: str
) -> None:
    store, long_ago = served.context().store, datetime.now(UTC) - timedelta(days=40)
    store.batches.update_one({"_id": batch_id}, {"$set": {"status": "completed", "created_at": long_ago}})
    store.attempts.insert_one(_attempt(batch_id, job_id))
    assert served("cleanup", "--older-than-days", "50", "--yes", "--json").json == {}
    removed = served("cleanup", "--older-than-days", "30", "--yes", "--json").json
    assert removed == {"jobs": 2, "rejected_rows": 1, "waves": 0, "batches": 1}
    assert store.attempts.count_documents({}) == 1
    assert "no batch yet" in served("batches").err


def test_a_report_comes_in_every_form(served: Command, batch_id: str) -> None:
    assert served("report", batch_id, "--json").code == 0
    assert "people" in served("report", batch_id).out
    assert served("report", "--format", "markdown").out.startswith("# ")
    done = served("report", batch_id, "--format", "excel", "--output", "out.xlsx")
    assert (done.code, done.out) == (0, "")
    assert (served.folder / "out.xlsx").read_bytes()[:2] == b"PK"
    assert served("report", batch_id, "--format", "markdown", "--output", "out.md").code == 0
    assert (served.folder / "out.md").read_text(encoding="utf-8").startswith("# ")


def test_indexes_are_made_and_made_again(served: Command) -> None:
    first, second = served("indexes", "--json"), served("indexes", "--json")
    assert "due" in first.json["call_jobs"]
    assert first.json == second.json


@pytest.mark.parametrize("command", ["batch", "job", "pause", "resume", "cancel", "retry", "report"])
def test_an_unknown_id_is_a_failure_that_names_it(served: Command, command: str) -> None:
    done = served(command, "20260101-000000")
    assert (done.code, done.out) == (1, "")
    assert "20260101-000000" in done.message()


@pytest.mark.parametrize(
    "arguments",
    [("batches",), ("report",), ("cleanup", "--older-than-days=1", "--yes")],
)
def test_an_unreachable_database_is_one_message(served: Command, arguments: tuple[str, ...]) -> None:
    done = served(*arguments, "--json", MONGO_URI=f"mongodb://me:s3cret@{CLOSED}/")
    assert (done.code, done.out) == (1, "")
    assert "MongoDB does not answer" in done.message()
    assert "s3cret" not in done.err
