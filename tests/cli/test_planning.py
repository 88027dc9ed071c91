"""`speechai plan` and `speechai why` as an operator runs them."""

from __future__ import annotations

import csv as csv_format
from pathlib import Path

import pytest

from speechai.core.planning import SEED
from speechai.operation import campaigns
from speechai.store.statistics import job_lines
from tests.cli.conftest import CLOSED, EXAMPLES, Command, Result, loaded

CLOSED_SERVERS = {
    "MONGO_URI": f"mongodb://{CLOSED}", "REDIS_URL": f"redis://{CLOSED}", "RETELL_BASE_URL": f"http://{CLOSED}",
}  # fmt: skip


def plan(command: Command, *arguments: object) -> Result:
    """A plan of a file, with every server closed."""
    done = command("plan", *arguments, "--use-case", "debt_collection", **CLOSED_SERVERS)
    assert done.code == 0, done.err
    return done


def test_a_file_is_planned_without_any_server_and_nothing_is_written(alone: Command, people: Path) -> None:
    done = plan(alone, people, "--days", "9", "--json").json
    assert [path.name for path in alone.folder.iterdir()] == ["people.csv"]
    assert len(done["days"]) == 9
    assert done["people_in_list"] == 2  # the third row is rejected
    assert sum(day["attempts"] for day in done["days"]) == done["attempts"] > 0
    assert sum(day["expected_cost_usd_micros"] for day in done["days"]) == done["expected_cost_usd_micros"]
    assert sum(done["states_at_the_end"].values()) == 2
    assert any(not day["is_open"] for day in done["days"])  # a Sunday at least
    assert all(not day["attempts"] for day in done["days"] if not day["is_open"])
    assert any("--with-history" in warning for warning in done["warnings"])
    assert "no measurement" in done["odds"]


def test_a_plan_is_told_as_tables_with_its_assumptions(alone: Command) -> None:
    done = plan(alone, EXAMPLES / "cartera.xlsx", "--policy", "cl-ley-21320", "--pacing", "continuous", "--days", "8")
    for words in ("Days", "Blocked", "week_cap", "not before", "closed"):
        assert words in done.out
    assert "Warning: cl-ley-21320 v1: nobody has confirmed" in done.err
    assert "Assumed: calls end as in:" in done.err


def test_each_person_s_calls_are_written_without_phones_and_ids(alone: Command, people: Path, tmp_path: Path) -> None:
    plan(alone, people, "--days", "9", "--people", "out.csv")
    text = (tmp_path / "out.csv").read_text(encoding="utf-8-sig")
    rows = list(csv_format.DictReader(text.splitlines()))
    assert [(row["place"], row["name"]) for row in rows] == [("1", "Ana Soto"), ("2", "Luis Rojas")]
    assert "988164510" not in text
    assert "15759500" not in text
    for row in rows:
        calls = [call for call in row["all_calls"].split("; ") if call]
        assert int(row["calls"]) == len(calls) > 0
        assert row["first_call"] == calls[0]
        assert row["time_zone"] == "America/Santiago"


def test_a_seed_is_told_with_the_plan_that_it_gave(alone: Command, people: Path) -> None:
    usual, chosen = plan(alone, people, "--json").json, plan(alone, people, "--seed", "5", "--json").json
    assert (usual["seed"], chosen["seed"]) == (SEED, 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("people.csv",), "needs --use-case"),
        (("nothing.csv", "--use-case", "debt_collection"), "does not exist"),
        (("no/folder", "--use-case", "debt_collection"), "does not exist"),
        (("people.csv", "--use-case", "theft"), "there is no use case 'theft'"),
        (("people.csv", "--use-case", "debt_collection", "--days", "0"), "--days"),
        (("people.csv", "--use-case", "debt_collection", "--people", "no/out.csv"), "does not exist"),
        (("people.csv", "--use-case", "debt_collection", "--policy", "none"), "there is no policy 'none'"),
        (
            ("people.csv", "--use-case", "debt_collection", "--policy", "us-tcpa-regf", "--override", "quiet_days=0"),
            "loosens it: quiet_days",
        ),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused(
    alone: Command, people: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = alone("plan", *arguments, **CLOSED_SERVERS)
    assert (done.code, done.out) == (2, "")
    assert said in done.message()


@pytest.fixture
def batch_id(served: Command, people: Path) -> str:
    """A running batch of two contacts that wait."""
    return loaded(served, people)


def test_a_batch_is_planned_from_the_database(served: Command, batch_id: str) -> None:
    store = served.context().store
    store.jobs.update_one({"batch_id": batch_id, "position": 1}, {"$set": {"nombre": "=HYPERLINK(1)"}})
    done = served("plan", batch_id, "--days", "2", "--people", "out.csv", "--json")
    assert done.code == 0, done.err
    assert (done.json["target"], done.json["people_in_list"], done.json["people_called"]) == (batch_id, 2, 2)
    assert "2 people were written to out.csv" in done.err
    assert [job["status"] for job in store.jobs.find()] == ["pending", "pending"]
    rows = list(csv_format.DictReader((served.folder / "out.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert [row["name"] for row in rows] == ["Ana Soto", "'=HYPERLINK(1)"]
    assert {row["job"] for row in rows} == {job["_id"] for job in store.jobs.find()}
    unknown = served("plan", "20261122-nobody")
    assert (unknown.code, unknown.out) == (1, "")
    assert "there is no batch 20261122-nobody" in unknown.message()


def test_why_is_told_in_both_languages_and_as_json(served: Command, batch_id: str) -> None:
    store = served.context().store
    job_id = next(line.job_id for line in job_lines(store, batch_id) if line.position == 0)
    facts = served("why", job_id, "--json")
    assert facts.code == 0, facts.err
    assert (facts.json["standing"], facts.json["denied"], facts.json["last_call"]) == ("due", {}, None)
    assert "waits for a free line" in served("why", job_id).out
    campaigns.pause(served.context(), batch_id)
    paused = served("why", job_id, "--lang", "es")
    assert "la lista está en pausa: paused by an operator" in paused.out
    assert "988164510" not in paused.out
    unknown = served("why", "nobody")
    assert unknown.code == 1
    assert "there is no job nobody" in unknown.message()
