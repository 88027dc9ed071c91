"""Values through the database and back: nothing is lost, states are plain text, instants are aware UTC milliseconds."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest

from speechai.core.after_call import NextStep
from speechai.core.model import (
    Attempt,
    AttemptState,
    Batch,
    BatchStatus,
    Debt,
    Job,
    JobStatus,
    Pacing,
    Person,
    Phase,
    Try,
    Variant,
)
from speechai.store import attempts, batches, jobs, people
from speechai.store.connection import Documents, Store
from tests.store.making import LATER, NOW, batch_document, claim, make_attempt, make_job


def types_of(collection: Documents, field: str) -> set[str]:
    """The BSON types that the server itself sees in a field."""
    rows = collection.aggregate([{"$group": {"_id": {"$type": f"${field}"}}}])
    return {row["_id"] for row in rows}


FULL_JOB = make_job(
    rut="12.345.678-5",
    try_phones=("+56922222222", "+56933333333"),
    bad_phones=("+56933333333",),
    attempts=2,
    max_attempts=5,
    position=7,
    admitted=False,
    admitted_on=date(2026, 11, 25),
    ticket=4,
    time_zone="America/Santiago",
    other_zones=("America/Punta_Arenas",),
    country="CL",
    region="NB",
    debt=Debt(amount_minor=125_000, currency="CLP", stated_on=date(2026, 11, 20), due_on=date(2026, 9, 1)),
    variables={"nombre": "Ana Ñandú", "Monto. total": "1.234.567", "$x": "", "vacío": " "},
    reason="busy",
)


@pytest.mark.parametrize(
    "job", [make_job(), FULL_JOB, make_job(next_attempt_at=None, nombre="")], ids=["plain", "full", "bare"]
)
def test_a_new_job_comes_back_as_it_went(store: Store, job: Job) -> None:
    jobs.insert_jobs(store, [job])
    assert jobs.get_job(store, job.id) == job


def test_a_new_attempt_comes_back_as_it_went(store: Store) -> None:
    attempts.record(store, make_attempt(agent_id=None, poll_number=3))
    assert attempts.get_attempt(store, "a") == make_attempt(agent_id=None, poll_number=3)


def test_a_finished_attempt_comes_back_with_everything_that_was_written(store: Store) -> None:
    retell = {"call_id": "c", "transcript": "Hola. Ñ", "nested": {"a.b": [1, 2.5, None, True]}}
    told = {"policy": "default v1", "variant": "amable", "offer": {"bucket": "31-60", "least_minor": 5_000}}
    attempts.record(store, make_attempt(**told))
    attempts.accept(store, "a", "c", at=NOW, next_poll_at=LATER)
    attempts.note_stop(store, "a", LATER)
    attempts.end(store, "a", at=LATER, retell=retell)
    ended = attempts.get_attempt(store, "a")
    assert ended is not None
    assert attempts.write_result(store, ended, {"outcome": "busy"}, at=LATER)
    expected = make_attempt(
        state=AttemptState.ENDED,
        call_id="c",
        accepted_at=NOW,
        ended_at=LATER,
        stop_asked_at=LATER,
        outcome="busy",
        retell=retell,
        answers=1,
        **told,
    )
    assert attempts.get_attempt(store, "a") == expected
    # A field that is added to the value later must be added to this test too.
    kept_by_default = {f.name for f in fields(Attempt) if getattr(expected, f.name) is None}
    assert kept_by_default == set()


def test_a_batch_comes_back_as_it_went(store: Store) -> None:
    told: dict[str, Any] = {
        "priority": 9,
        "policy_overrides": {"attempts_a_day": 2},
        "override_because": "asked for",
        "negotiation": "standard",
        "budget_micros": 5_000_000,
    }
    arm = {"name": "amable", "agent_id": "agent_1", "weight": 2}
    store.batches.insert_one({**batch_document(), "status": BatchStatus.RUNNING, **told, "variants": [arm]})
    assert batches.get_batch(store, "b") == Batch(
        id="b",
        account_id="main",
        name="list",
        use_case="debt_collection",
        pacing=Pacing.WAVES,
        policy="default",
        status=BatchStatus.RUNNING,
        time_zone="America/Santiago",
        variants=(Variant(name="amable", agent_id="agent_1", weight=2),),
        **told,
    )


def test_a_person_comes_back_with_the_counters(store: Store) -> None:
    day = date(2026, 11, 25)
    people.take_turn(store, "p", "a", on=day, now=NOW, decide=lambda _: None)
    expected = Person(id="p", revision=1, live_attempt_id="a", tries=(Try(attempt_id="a", at=NOW, on=day),))
    assert people.get_person(store, "p") == expected
    people.settle_turn(store, "p", "a", on=day, talked=False, conversed=False, silent=True, do_not_call=True)
    settled = replace(expected, revision=2, live_attempt_id=None, silent_on=(day,), do_not_call=True)
    assert people.get_person(store, "p") == settled


def test_a_person_who_is_not_known_has_no_counters(store: Store) -> None:
    assert people.get_person(store, "nobody") == Person(id="nobody")


@pytest.mark.parametrize("status", JobStatus, ids=str)
def test_every_state_of_a_job_is_stored_as_plain_text_and_found_by_it(store: Store, status: JobStatus) -> None:
    jobs.insert_jobs(store, [make_job(status=status)])
    assert types_of(store.jobs, "status") == {"string"}
    assert store.jobs.find_one({"status": status.value}) is not None
    assert store.jobs.find_one({"status": status}) is not None


def test_enumerations_are_plain_text_wherever_they_are_written(store: Store) -> None:
    jobs.insert_jobs(store, [make_job()])
    claim(store)
    jobs.pass_the_point_of_no_return(store, "j", "a", "+56911111111")
    attempts.record(store, make_attempt())
    attempts.doubt(store, "a", next_poll_at=LATER, why="timeout")
    store.batches.insert_one({**batch_document(), "status": BatchStatus.RUNNING})
    batches.move_batch(store, "b", expected=[BatchStatus.RUNNING], to=BatchStatus.PAUSED, reason=None, now=NOW)
    read: list[Any] = [
        *(store.jobs.find_one({}) or {}).values(),
        *(store.attempts.find_one({}) or {}).values(),
        *(store.batches.find_one({}) or {}).values(),
    ]
    assert not [value for value in read if isinstance(value, StrEnum)]
    for collection, field in (
        (store.jobs, "status"),
        (store.jobs, "phase"),
        (store.attempts, "state"),
        (store.batches, "status"),
        (store.batches, "pacing"),
    ):
        assert types_of(collection, field) == {"string"}
    job = jobs.get_job(store, "j")
    assert job is not None
    assert (job.status, job.phase) == (JobStatus.IN_PROGRESS, Phase.PLACING)


def test_instants_are_cut_to_the_millisecond_and_come_back_aware(store: Store) -> None:
    exact = datetime(2026, 11, 25, 15, 0, 0, 123_999, tzinfo=UTC)
    jobs.insert_jobs(store, [make_job(next_attempt_at=exact)])
    job = jobs.get_job(store, "j")
    assert job is not None
    assert job.next_attempt_at == exact.replace(microsecond=123_000)
    assert job.next_attempt_at.utcoffset() == timedelta(0)
    # The cut is downwards, so a job is never found a moment before its own scan asks for it.
    assert jobs.due_jobs(store, "b", exact, 1) == [("j", 0)]
    assert jobs.due_jobs(store, "b", exact - timedelta(milliseconds=1), 1) == []


def test_a_job_has_the_seeds_fields_from_the_start(store: Store) -> None:
    jobs.insert_jobs(store, [make_job()])
    document = store.jobs.find_one({"_id": "j"}) or {}
    seed = (
        "status rut nombre to_number try_phones attempts max_attempts worker_id call_id call_started_at reserved_until "
        "is_calling call_duration_seconds fecha_pago_cliente monto_pago_cliente last_phone_tried call_result "
        "account_id batch_id use_case person_id next_attempt_at variables reason"
    )
    assert set(seed.split()) <= document.keys()


def test_after_a_call_the_seeds_fields_are_filled(store: Store) -> None:
    jobs.insert_jobs(store, [make_job()])
    claim(store)
    jobs.pass_the_point_of_no_return(store, "j", "a", "+56911111111")
    jobs.note_call(store, "j", "a", "call_1", NOW)
    document = store.jobs.find_one({"_id": "j"}) or {}
    assert (document["is_calling"], document["call_id"], document["call_started_at"]) == (True, "call_1", NOW)
    assert document["last_phone_tried"] == "+56911111111"
    result = {"call_result": {"success": True, "summary": {"transcript": "x"}}, "fecha_pago_cliente": "2026-12-01"}
    step = NextStep(status=JobStatus.DONE, reason="conversation")
    assert jobs.take_step(store, "j", "a", step, phone="+56911111111", admitted=True, result=result, now=NOW)
    document = store.jobs.find_one({"_id": "j"}) or {}
    assert (document["is_calling"], document["worker_id"], document["attempt_id"]) == (False, None, None)
    assert (document["attempts"], document["fecha_pago_cliente"]) == (1, "2026-12-01")
    assert document["call_result"]["summary"] == {"transcript": "x"}
