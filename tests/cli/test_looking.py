"""Commands on a list that is loaded: what they print, what they change, and what they refuse."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.store import accounts as store_accounts
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


def test_a_job_tells_its_callback_and_its_last_refusal_in_words(served: Command, batch_id: str, job_id: str) -> None:
    facts = {"next_at": "2026-11-23T08:00:00-03:00", "now_at": "2026-11-21T20:10:00-03:00", "zone": "America/Santiago"}
    kept = {
        "code": "outside_hours",
        "facts": {**facts, "policy": "cl-ley-21320 v1"},
        "next_at": datetime(2026, 11, 23, 11, 0, tzinfo=UTC),
        "at": datetime(2026, 11, 21, 23, 10, tzinfo=UTC),
    }
    changes = {"denied": kept, "callback_at": datetime(2026, 11, 23, 20, 0, tzinfo=UTC)}
    served.context().store.jobs.update_one({"_id": job_id}, {"$set": changes})
    shown, told = served("job", job_id).out, served("job", job_id, "--json").json
    words = "not before Monday 2026-11-23 08:00: Saturday 2026-11-21 20:10 in Santiago"
    assert f"2026-11-21 20:10:00 America/Santiago: {words}" in shown
    assert "2026-11-23 17:00:00 America/Santiago" in shown
    assert told["denied"]["words"]["en"].startswith(words)
    assert told["denied"]["words"]["es"].startswith("no antes del lunes 2026-11-23 08:00")
    assert (told["denied"]["code"], told["callback_at"]) == ("outside_hours", "2026-11-23T20:00:00+00:00")


def test_a_job_that_nobody_refused_and_that_promised_nothing_says_so(
    served: Command, batch_id: str, job_id: str
) -> None:
    told = served("job", job_id, "--json").json
    assert (told["denied"], told["callback_at"], told["promise"]) == (None, None, None)
    assert "promise" not in served("job", job_id).out


@pytest.mark.parametrize(
    ("promise", "written", "words", "check"),
    [
        (
            {"kept_as": "promise", "paid_on": "2026-11-30", "amount_minor": 10_000, "instalments": 1, "faults": []},
            {"fecha_pago_cliente": "30 de noviembre", "monto_pago_cliente": "10 lucas"},
            "10,000 CLP, on 2026-11-30",
            "it stands",
        ),
        (
            {
                "kept_as": "flagged",
                "paid_on": None,
                "amount_minor": 2_500,
                "instalments": 4,
                "faults": [
                    {"code": "no_date", "en": "no date was promised", "es": "no se prometió una fecha"},
                    {"code": "too_many_instalments", "en": "4 payments are too many", "es": "4 cuotas son demasiadas"},
                ],
            },
            {"fecha_pago_cliente": "cuando pueda", "monto_pago_cliente": 2_500},
            "2,500 CLP, date 'cuando pueda', which is not certain, in 4 payments",
            "to review: no date was promised; 4 payments are too many",
        ),
    ],
    ids=["stands", "flagged"],
)
def test_a_job_tells_its_promise_and_what_the_check_said(
    served: Command,
    batch_id: str,
    job_id: str,
    promise: dict[str, Any],
    written: dict[str, Any],
    words: str,
    check: str,
) -> None:
    served.context().store.jobs.update_one({"_id": job_id}, {"$set": {"promise": promise, **written}})
    shown, told = served("job", job_id).out, served("job", job_id, "--json").json["promise"]
    assert words in shown
    assert check in shown
    assert told == {**promise, "words": words, "check": check}


def test_what_the_agent_wrote_down_of_a_talk_is_shown_only_in_full(served: Command, batch_id: str, job_id: str) -> None:
    served.context().store.jobs.update_one({"_id": job_id}, {"$set": {"observaciones": "vive con su hermana"}})
    assert "hermana" not in served("job", job_id, "--json").out
    assert served("job", job_id, "--full", "--json").json["observaciones"] == "vive con su hermana"


def test_each_call_of_a_job_tells_policy_variant_and_offer(served: Command, batch_id: str, job_id: str) -> None:
    offered = {"policy": "cl-ley-21320 v1", "variant": "amable", "offer": {"bucket": "31-60", "debt_minor": 10_000}}
    store = served.context().store
    store.attempts.insert_one({**_attempt(batch_id, job_id), **offered})
    store.attempts.insert_one({**_attempt(batch_id, job_id), "_id": "a2", "number": 2, "call_id": "call_2"})
    shown, told = served("job", job_id), served("job", job_id, "--json").json["calls"]
    for word in ("cl-ley-21320 v1", "amable", "31-60"):
        assert word in shown.out
    assert [(c["policy"], c["variant"], c["offer_bucket"]) for c in told] == [
        ("cl-ley-21320 v1", "amable", "31-60"),
        (None, None, None),
    ]
    assert "offer" not in told[0]
    assert served("job", job_id, "--full", "--json").json["calls"][0]["offer"] == offered["offer"]


def test_a_batch_tells_who_pays_and_what_it_was_sent_with(served: Command, people: Path) -> None:
    served("account", "create", "acme", "--plan", "unlimited")
    batch_id = loaded(
        served, people, "--account", "acme", "--priority", 7, "--override", "attempts_a_day=2", "--because", "a pilot",
        "--negotiation", "standard", "--variant", "amable=agent_1:2", "--variant", "seco", "--budget", "25.50",
    )  # fmt: skip
    served("account", "suspend", "acme", "--because", "contract ended")
    shown, told = served("batch", batch_id).out, served("batch", batch_id, "--json").json
    for line in (
        r"account +acme, suspended: contract ended \(operator\)",
        r"budget +US\$ 25.50 left of US\$ 25.50",
        r"priority +7",
        r"negotiation +standard",
        r"variants +amable \(weight 2, agent agent_1\); seco \(weight 1\)",
        r"overrides +attempts_a_day=2",
        r"because +a pilot",
    ):
        assert re.search(line, shown), (line, shown)
    assert (told["account_id"], told["account_status"], told["account_reason"]) == (
        "acme",
        "suspended",
        "contract ended (operator)",
    )
    assert told["budget"] == {"unit": "usd_micros", "most": 25_500_000, "free": 25_500_000}
    store = served.context().store
    store_accounts.set_batch_budget(store, "acme", batch_id, 25_500_000)
    store.accounts.update_one({"_id": "acme"}, {"$inc": {f"budgets.{batch_id}.free": -26_000_000}})
    assert re.search(r"budget +-US\$ 0.50 left of US\$ 25.50", served("batch", batch_id).out)
    assert (told["priority"], told["negotiation"], told["policy_overrides"]) == (7, "standard", {"attempts_a_day": 2})
    assert told["override_because"] == "a pilot"
    assert [(arm["name"], arm["weight"]) for arm in told["variants"]] == [("amable", 2), ("seco", 1)]


def test_a_batch_without_a_budget_tells_only_the_state_of_its_account(served: Command, batch_id: str) -> None:
    told = served("batch", batch_id, "--json").json
    assert (told["account_status"], told["account_reason"], told["budget"]) == ("active", None, None)
    assert re.search(r"account +main, active", served("batch", batch_id).out)


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


def test_a_batch_s_budget_and_priority_are_changed_and_the_change_is_kept(served: Command, batch_id: str) -> None:
    assert "budget 80 and priority 9" in served("change", batch_id, "--budget", "80", "--priority", "9").out
    told = served.context().store.batches.find_one({"_id": batch_id})
    assert told is not None
    assert (told["budget_micros"], told["priority"]) == (80_000_000, 9)
    assert "budget_micros=80000000, priority=9" in told["history"][-1]["changed"]
    assert served("change", batch_id, "--budget", "none").code == 0
    assert (served.context().store.batches.find_one({"_id": batch_id}) or {})["budget_micros"] is None
    assert served("change", batch_id).code == served("change", batch_id, "--budget", "a lot").code == 2
    assert served("change", "nowhere", "--priority", "1").code == 1


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
    assert served("cleanup", "--older-than-days", "30", "--yes", "--json").json == {}, "two contacts wait after all"
    store.jobs.update_many({"batch_id": batch_id}, {"$set": {"status": "done"}})
    removed = served("cleanup", "--older-than-days", "30", "--yes", "--json").json
    assert removed == {"jobs": 2, "rejected_rows": 1, "waves": 0, "batches": 1}
    assert store.attempts.count_documents({}) == 1
    assert "no batch yet" in served("batches").err


def test_a_report_counts_who_spoke_what_stands_and_the_variants(served: Command, batch_id: str, job_id: str) -> None:
    store, finished = served.context().store, _attempt(batch_id, job_id)
    promise = {"kept_as": "promise", "paid_on": "2026-11-30", "amount_minor": 9_000, "instalments": None, "faults": []}
    said = {"values": {"habla_titular": True}, "variant": "amable", "promise": promise, "captured": {}}
    store.attempts.insert_one({**finished, **said})
    other = {"outcome": "third_party", "values": {"habla_titular": False}, "variant": "seco"}
    store.attempts.insert_one({**finished, **other, "_id": "a2", "call_id": "call_2"})
    told = served("report", batch_id, "--json").json
    assert (told["total"]["contacts"], told["total"]["right_party"], told["total"]["unconfirmed"]) == (2, 1, 0)
    assert told["promise_rate"]["fraction"] == 1.0
    assert [(line["key"], line["tally"]["attempts"]) for line in told["variants"]] == [("amable", 1), ("seco", 1)]
    shown = served("report", batch_id).out
    for words in ("third party · tercero", "Variants (A/B)", "stands · vigente", "CLP 9,000 in 1 promises that stand"):
        assert words in shown


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
