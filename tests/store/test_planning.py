"""Plans from the database: a batch from where it stands, its own odds, and a file with what is known of its people."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.settings import Settings
from speechai.catalogue.odds import load_odds
from speechai.core.accounts import Account, Plan
from speechai.core.decision import Denial
from speechai.core.model import AttemptState, Job, JobStatus, Pacing
from speechai.errors import NotAllowed, NotFound, UsageError
from speechai.operation.context import Context
from speechai.operation.loading import load_batch
from speechai.operation.own_odds import LEAST_HISTORY, odds_of
from speechai.operation.planning import Planned, plan_batch, plan_file
from speechai.operation.submitting import Order, submit
from speechai.store import accounts, jobs, people, waves
from speechai.store import planning as stored
from speechai.store.connection import Store
from speechai.store.statistics import AttemptGroup
from tests.store.making import add_jobs, batch_document, make_attempt, make_context, make_job

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
"""A Wednesday, 9:00 in Santiago."""
SANTIAGO = ZoneInfo("America/Santiago")
ROWS = (
    ("RUT", "NOMBRE", "TELEFONO", "MONTO"),
    ("15759500-8", "Ana Soto", "+56988164510", "10000"),
    ("8557277-6", "Luis Rojas", "+56977319671", "25000"),
)


def running(store: Store, **changes: Any) -> None:
    """A running, continuous batch `b`."""
    store.batches.insert_one(batch_document(**{"status": "running", "pacing": "continuous", **changes}))


def planned(store: Store, *, days: int = 2, now: datetime = NOW) -> Planned:
    return plan_batch(make_context(store), "b", days=days, now=now)


def called(made: Planned) -> dict[str, int]:
    """Calls by job."""
    return {course.job.id: len(course.calls) for course in made.plan.courses}


def first_calls(made: Planned) -> dict[str, datetime]:
    """Whoever is called, by job."""
    return {course.job.id: course.calls[0].at for course in made.plan.courses if course.calls}


def test_a_batch_is_planned_from_where_its_contacts_stand(store: Store) -> None:
    running(store)
    states: dict[str, dict[str, Any]] = {
        "waits": {"next_attempt_at": NOW},
        "rests": {"next_attempt_at": NOW + timedelta(days=5)},
        "done": {"status": JobStatus.DONE},
        "held": {"status": JobStatus.SUSPENDED},
        "unwanted": {"next_attempt_at": NOW},
    }
    new = [
        make_job(id=name, person_id=name, position=n, to_number=f"+5690000000{n}", try_phones=(), **changes)
        for n, (name, changes) in enumerate(states.items())
    ]
    jobs.insert_jobs(store, new)
    people.mark_do_not_call(store, person_ids=["unwanted"], why="by mail", by="ana", at=NOW)
    made = planned(store)
    assert called(made)["waits"] >= 1
    assert {name: count for name, count in called(made).items() if name != "waits"} == {
        "rests": 0, "done": 0, "held": 0, "unwanted": 0,
    }  # fmt: skip
    assert [(b.code, b.people) for b in made.plan.blocked] == [(Denial.DO_NOT_CALL, 1)]
    assert made.odds == load_odds()
    assert any("1 people are suspended" in warning for warning in made.warnings)


def test_a_plan_reads_and_writes_nothing(store: Store) -> None:
    running(store)
    add_jobs(store, 3)
    before = {name: list(store.database[name].find()) for name in sorted(store.database.list_collection_names())}
    assert planned(store) == planned(store)
    after = {name: list(store.database[name].find()) for name in sorted(store.database.list_collection_names())}
    assert before == after


def test_the_waves_of_the_day_that_are_open_already_are_not_opened_again(store: Store) -> None:
    running(store, pacing="waves", policy_overrides={"people_a_day": 2})
    ids = add_jobs(store, 3, admitted=False, next_attempt_at=NOW)
    later = NOW + timedelta(hours=1)
    day = date(2026, 11, 25)
    before = planned(store, days=1, now=later)
    assert [course.calls[0].at for course in before.plan.courses if course.calls] == [
        later,
        later + timedelta(seconds=1),
    ]
    waves.start_opening(store, "b", day, time(9), chosen=[ids[2]], now=NOW)
    waves.complete_opening(store, "b", day, time(9), admitted=1)
    made = planned(store, days=1, now=later)
    first = {
        course.job.id: course.calls[0].at.astimezone(SANTIAGO).hour for course in made.plan.courses if course.calls
    }
    assert first == {ids[0]: 12, ids[2]: 12}  # the cohort's own member, and one more for the free place


def history(store: Store, *ends: tuple[str, int, dict[str, Any]]) -> None:
    """Finished calls of batch `b`: outcome, how many, further fields."""
    documents = []
    for outcome, count, fields in ends:
        for n in range(count):
            attempt = make_attempt(id=f"{outcome}-{fields.get('success', '')}-{n}", state=AttemptState.FINISHED)
            document = {
                "_id": attempt.id, "batch_id": "b", "job_id": "old", "state": "finished", "outcome": outcome,
                "use_case": "debt_collection", "placing_at": NOW, "counted": True, "contact": False, "success": False,
                "phone_kind": "main", "local_on": "2026-11-24", "local_hour": 9, "duration_ms": None,
                "cost_micros": None, **fields,
            }  # fmt: skip
            documents.append(document)
    store.attempts.insert_many(documents)


def test_a_batch_with_a_history_is_planned_by_its_own_odds(store: Store) -> None:
    running(store)
    add_jobs(store, 2, next_attempt_at=NOW)
    talk = {"contact": True, "duration_ms": 60_000, "cost_micros": 130_000}
    history(
        store,
        ("no_answer", 70, {"duration_ms": 30_000}),
        ("conversation", 20, talk),
        ("conversation", 10, {**talk, "success": True, "duration_ms": 120_000, "cost_micros": 260_000}),
        ("capacity", 50, {"counted": False}),
        ("account_trouble", 30, {"counted": False}),
    )
    made = planned(store)
    assert made.odds.source == "100 finished calls of batch b"
    by_outcome = {chance.row.outcome.value: chance for chance in made.odds.chances}
    assert {name: chance.weight for name, chance in by_outcome.items()} == {"no_answer": 70, "conversation": 30}
    talked = by_outcome["conversation"]
    assert (talked.success_permille, talked.line_seconds, talked.cost_micros) == (333, 80, 173_333)
    assert (by_outcome["no_answer"].line_seconds, by_outcome["no_answer"].cost_micros) == (30, 0)
    assert made.odds.contact_share == 0.3


def test_a_short_history_says_nothing() -> None:
    group = AttemptGroup(
        use_case="survey", state=AttemptState.FINISHED, attempts=LEAST_HISTORY - 1, outcome="busy", counted=True
    )
    assert odds_of([group], "b") is None
    assert odds_of([replace(group, attempts=LEAST_HISTORY)], "b") is not None
    assert odds_of([replace(group, attempts=LEAST_HISTORY, state=AttemptState.LIVE)], "b") is None


def test_a_paused_batch_is_planned_as_if_it_ran(store: Store) -> None:
    running(store, status="paused", reason="paused by an operator")
    add_jobs(store, 1, next_attempt_at=NOW)
    made = planned(store)
    assert called(made) != {"j00000": 0}
    assert made.warnings[0] == "the batch is paused (paused by an operator): planned as if it were resumed now"


@pytest.mark.parametrize("status", ["received", "loading", "cancelled", "completed", "refused"])
def test_a_batch_that_nobody_calls_is_not_planned(store: Store, status: str) -> None:
    running(store, status=status)
    with pytest.raises(NotAllowed, match=f"batch b is {status}"):
        planned(store)


def test_an_unknown_batch_and_a_plan_without_days_are_refused(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no batch b"):
        planned(store)
    running(store)
    for days in (0, 367):
        with pytest.raises(UsageError, match=f"a plan of {days} days"):
            planned(store, days=days)


def test_an_account_s_limits_are_told_and_its_lines_kept(store: Store) -> None:
    running(store, account_id="acme")
    add_jobs(store, 5, account_id="acme", next_attempt_at=NOW, try_phones=())
    limits = {"concurrency": 1, "lines_free": 1, "calls_a_day": 2, "calls_free": 2, "day_budget": 1, "day_free": 1}
    account = Account(id="acme", name="Acme", plan=Plan.CREDIT, **limits)  # type: ignore[arg-type]
    accounts.create_account(store, account, now=NOW)
    made = planned(store, days=1)
    told = " | ".join(made.warnings)
    for words in ("may make 2 calls a day", "may spend US$ 0.000001 a day", "has US$ 0.00, the plan costs about"):
        assert words in told
    begun = sorted(call.at for course in made.plan.courses for call in course.calls)
    assert all(after - before >= timedelta(seconds=15) for before, after in itertools.pairwise(begun))


def test_a_law_is_told_with_what_nobody_has_confirmed_of_it(store: Store) -> None:
    running(store, policy="cl-ley-21320")
    add_jobs(store, 1)
    told = " | ".join(planned(store).warnings)
    assert "no legal advice" in told
    assert "nobody has confirmed attempts_a_week" in told


def list_of(folder: Path) -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join(";".join(row) for row in ROWS) + "\n", encoding="utf-8")
    return path


ORDER = Order(use_case="debt_collection", pacing=Pacing.CONTINUOUS)


def test_a_file_is_planned_with_what_is_known_of_its_people_only_where_that_is_asked(
    store: Store, tmp_path: Path
) -> None:
    people.mark_do_not_call(store, person_ids=["CL:15759500-8"], why="by mail", by="ana", at=NOW)
    context, path = make_context(store), list_of(tmp_path)
    new = plan_file(context, path, ORDER, days=1, now=NOW)
    known = plan_file(context, path, ORDER, days=1, now=NOW, with_history=True)
    assert [bool(course.calls) for course in new.plan.courses] == [True, True]
    assert [bool(course.calls) for course in known.plan.courses] == [False, True]
    assert any("nobody was looked up" in warning for warning in new.warnings)
    assert not any("nobody was looked up" in warning for warning in known.warnings)


def test_a_file_becomes_in_a_plan_what_a_load_makes_of_it(store: Store, tmp_path: Path) -> None:
    context, path = make_context(store, clock=lambda: NOW), list_of(tmp_path)
    batch_id = submit(context, path, ORDER).batch_id
    load_batch(context, batch_id)
    thought = plan_file(context, path, ORDER, days=1, now=NOW).plan.courses
    real = sorted(stored.jobs_of_batch(store, batch_id), key=lambda job: job.position)
    for course, job in zip(thought, real, strict=True):
        assert _decisive(course.job) == _decisive(job)


def _decisive(job: Job) -> Job:
    return replace(job, id="", batch_id="", variables={}, debt=None)


def test_without_history_no_store_is_needed(tmp_path: Path) -> None:
    context = Context(settings=Settings(), store=None, retell=None)  # type: ignore[arg-type]
    assert plan_file(context, list_of(tmp_path), ORDER, days=1, now=NOW).plan.people == 2


def test_people_and_phones_are_found_over_many_chunks(store: Store) -> None:
    ids = [f"p{n}" for n in range(2_500)]
    store.people.insert_many([{"_id": one, "do_not_call": True} for one in ids[::2]])
    store.phones.insert_many([{"_id": one, "do_not_call": True} for one in ids[::5]])
    assert set(stored.known_people(store, [*ids, *ids])) == set(ids[::2])
    assert set(stored.known_phones(store, iter(ids))) == set(ids[::5])
