"""The questions of the reports, asked over the wire: exact sums, one batch, one period, and no transcript fetched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pymongo
import pytest
from pymongo import monitoring

from config.settings import Settings
from speechai.core.model import AttemptState, JobStatus
from speechai.errors import NotFound, UsageError
from speechai.operation.reports import ReportFormat, build_report, render
from speechai.store import attempts, jobs, statistics
from speechai.store.connection import Store, open_store
from speechai.store.statistics import AttemptGroup, JobGroup, Reach
from tests.store.making import batch_document, make_attempt, make_job

MONDAY = datetime(2026, 11, 9, 13, 0, tzinfo=UTC)  # 10:00 in Santiago
TUESDAY = MONDAY + timedelta(days=1)
SANTIAGO = ZoneInfo("America/Santiago")
TRANSCRIPT = "nobody reads this in a report"


def result(**changes: Any) -> dict[str, Any]:
    """What `finish` writes on an attempt, of a call that nobody answered."""
    return {
        "outcome": "no_answer",
        "reason": "dial_no_answer",
        "success": False,
        "contact": False,
        "counted": True,
        "phone_kind": "main",
        "local_hour": 10,
        "duration_ms": None,
        "cost_micros": None,
        "captured": {},
        "values": {},
        "promise": None,
        "product_costs": [],
        **changes,
    }


def promise(**changes: Any) -> dict[str, Any]:
    """What `finish` writes of a conversation with a promise, that cost 12.3457 cents."""
    return result(
        outcome="conversation",
        reason="agent_hangup",
        success=True,
        contact=True,
        duration_ms=61_000,
        cost_micros=123_457,
        captured={"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 45990},
        values={"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 45990, "habla_titular": True},
        promise={
            "kept_as": "promise",
            "paid_on": "2026-11-20",
            "amount_minor": 45990,
            "instalments": None,
            "faults": [],
        },
        product_costs=[{"product": "voice", "micros": 100_000}, {"product": "model", "micros": 23_457}],
        **changes,
    )


def add_call(store: Store, attempt_id: str, written: dict[str, Any] | None, **changes: Any) -> None:
    """An attempt made by the store's own writes: recorded, and with a result also ended and finished."""
    attempts.record(store, make_attempt(**{"id": attempt_id, "placing_at": MONDAY, **changes}))
    if written is not None:
        attempts.end(store, attempt_id, at=TUESDAY, retell={"transcript": TRANSCRIPT, "call_id": attempt_id})
        ended = attempts.get_attempt(store, attempt_id)
        assert ended is not None
        assert attempts.write_result(store, ended, written, at=TUESDAY)
        attempts.close(store, attempt_id, AttemptState.FINISHED, {})


@pytest.fixture
def filled(store: Store) -> Store:
    """Batch `b` with three people and five attempts over two days, batch `other` with one of each."""
    store.batches.insert_one(
        batch_document(
            status="running", counts={"rows": 5, "accepted": 3, "merged": 1, "duplicate": 0, "rejected": 1, "blank": 9}
        )
    )
    store.batches.insert_one(batch_document("other", file_key="main|def", status="completed", use_case="survey"))
    jobs.insert_jobs(
        store,
        [
            make_job(
                id="j1", person_id="p1", status=JobStatus.DONE, attempts=2, nombre="Ana Núñez", rut="12.345.678-5"
            ),
            make_job(id="j2", person_id="p2", status=JobStatus.PENDING, attempts=2, position=1),
            make_job(id="j3", person_id="p3", position=2),
            make_job(id="k1", batch_id="other", person_id="p1", status=JobStatus.DONE, attempts=1),
        ],
    )
    add_call(store, "a1", result(), job_id="j1")
    add_call(store, "a2", promise(), job_id="j1", number=2, placing_at=TUESDAY)
    add_call(store, "a3", result(), job_id="j2")
    add_call(store, "a4", result(outcome="voicemail", phone_kind="alternative"), job_id="j2", placing_at=TUESDAY)
    add_call(store, "a5", None, job_id="j3", placing_at=TUESDAY)
    add_call(store, "z1", promise(), job_id="k1", batch_id="other", use_case="survey")
    return store


def test_attempts_that_agree_in_all_sides_are_one_group(filled: Store) -> None:
    groups = {(g.state, g.outcome, g.phone_kind, g.local_on): g for g in statistics.attempt_groups(filled, "b")}
    assert groups[AttemptState.FINISHED, "no_answer", "main", date(2026, 11, 9)] == AttemptGroup(
        use_case="debt_collection",
        state=AttemptState.FINISHED,
        attempts=2,
        outcome="no_answer",
        counted=True,
        phone_kind="main",
        local_on=date(2026, 11, 9),
        local_hour=10,
        first_at=MONDAY,
        last_at=MONDAY,
    )
    talked = groups[AttemptState.FINISHED, "conversation", "main", date(2026, 11, 10)]
    assert (talked.timed, talked.duration_ms, talked.costed, talked.cost_micros) == (1, 61_000, 1, 123_457)
    assert talked.contact
    assert talked.success
    opened = groups[AttemptState.PLACING, None, None, date(2026, 11, 10)]
    assert (opened.attempts, opened.counted, opened.local_hour) == (1, False, None)
    assert len(groups) == 4


def test_money_beyond_32_bits_is_added_exactly(store: Store) -> None:
    for number in range(5):
        add_call(store, f"a{number}", {**promise(), "cost_micros": 2**31 - 1}, job_id=f"j{number}")
    (group,) = statistics.attempt_groups(store, "b")
    assert group.cost_micros == 5 * (2**31 - 1)
    assert isinstance(group.cost_micros, int)


def test_jobs_are_counted_by_state_and_attempts(filled: Store) -> None:
    assert sorted(statistics.job_groups(filled, "b"), key=lambda g: (g.status, g.attempts)) == [
        JobGroup(status=JobStatus.DONE, attempts=2, jobs=1),
        JobGroup(status=JobStatus.PENDING, attempts=0, jobs=1),
        JobGroup(status=JobStatus.PENDING, attempts=2, jobs=1),
    ]


def test_a_contact_is_tried_and_reached_once_however_often_it_was_called(filled: Store) -> None:
    assert statistics.reach(filled, "b") == Reach(tried=2, reached=1, succeeded=1)
    assert statistics.reach(filled, "nobody") == Reach()


def test_a_period_takes_its_start_and_leaves_its_end(filled: Store) -> None:
    def tried(since: datetime | None, until: datetime | None) -> int:
        return sum(g.attempts for g in statistics.attempt_groups(filled, "b", since=since, until=until) if g.counted)

    assert tried(MONDAY, TUESDAY) == 2
    assert tried(TUESDAY, None) == 2
    assert tried(None, MONDAY) == 0
    assert statistics.reach(filled, "b", until=TUESDAY) == Reach(tried=2, reached=0, succeeded=0)
    assert statistics.product_costs(filled, "b", until=TUESDAY) == {}
    assert list(statistics.promised_calls(filled, "b", until=TUESDAY)) == []


def test_product_costs_are_of_one_batch(filled: Store) -> None:
    assert statistics.product_costs(filled, "b") == {"voice": 100_000, "model": 23_457}


def test_promised_calls_come_the_oldest_first_and_only_finished_ones(filled: Store) -> None:
    add_call(filled, "a0", promise(), job_id="j3", placing_at=MONDAY - timedelta(hours=1))
    live = attempts.get_attempt(filled, "a5")
    assert live is not None
    assert not attempts.write_result(filled, live, {"promise": {"kept_as": "promise"}}, at=TUESDAY)
    found = list(statistics.promised_calls(filled, "b"))
    assert [call.attempt_id for call in found] == ["a0", "a2"]
    assert found[1].promise["amount_minor"] == 45990
    assert found[1].captured == {"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 45990}
    assert (found[1].outcome, found[1].currency) == ("conversation", None)


def test_a_promise_is_told_in_the_currency_of_its_offer(store: Store) -> None:
    add_call(store, "a1", promise(), job_id="j1", offer={"currency": "ARS", "bucket": "1-30"})
    (call,) = statistics.promised_calls(store, "b")
    assert call.currency == "ARS"


def test_who_spoke_divides_the_groups_only_where_it_is_asked_for(store: Store) -> None:
    for number, spoke in enumerate([True, True, False, "perhaps"]):
        add_call(store, f"a{number}", {**promise(), "values": {"habla_titular": spoke}}, job_id=f"j{number}")
    add_call(store, "a9", result(outcome="conversation", contact=True), job_id="j9")
    asked = statistics.attempt_groups(store, "b", right_person="habla_titular")
    counted = {spoke: sum(g.attempts for g in asked if g.right_person is spoke) for spoke in (True, False, None)}
    assert counted == {True: 2, False: 1, None: 2}
    assert {g.right_person for g in statistics.attempt_groups(store, "b")} == {None}


def test_variants_divide_the_groups(store: Store) -> None:
    for number, variant in enumerate(["a", "a", "b", None]):
        add_call(store, f"a{number}", promise(), job_id=f"j{number}", variant=variant)
    groups = statistics.attempt_groups(store, "b")
    assert {g.variant: g.attempts for g in groups} == {"a": 2, "b": 1, None: 1}


def test_names_are_found_for_more_jobs_than_one_question_takes(store: Store) -> None:
    ids = [f"j{number}" for number in range(1203)]
    jobs.insert_jobs(store, [make_job(id=job_id, person_id=job_id, nombre=job_id.upper()) for job_id in ids])
    names = statistics.names_of(store, [*ids, "gone"])
    assert len(names) == 1203
    assert names["j1202"] == ("J1202", None)


@pytest.fixture
def replies(mongo_uri: str, filled: Store) -> Iterator[tuple[Store, list[str]]]:
    """The same database through a client whose answers are kept."""
    kept: list[str] = []

    class Keeper(monitoring.CommandListener):
        def started(self, event: monitoring.CommandStartedEvent) -> None:
            """Only answers matter."""

        def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
            kept.append(str(event.reply))

        def failed(self, event: monitoring.CommandFailedEvent) -> None:
            """A failed command raises by itself."""

    settings = Settings(mongo_uri=mongo_uri, mongo_db=filled.database.name)
    with pymongo.MongoClient[dict[str, Any]](mongo_uri, tz_aware=True, event_listeners=[Keeper()]) as client:
        yield open_store(client, settings), kept


def test_no_transcript_leaves_the_database(replies: tuple[Store, list[str]]) -> None:
    store, kept = replies
    build_report(store, batch_id=None, now=TUESDAY, zone=SANTIAGO, contact_list=True)
    assert any("Ana Núñez" in reply for reply in kept)
    assert not any(TRANSCRIPT in reply for reply in kept)


def test_the_report_of_one_batch(filled: Store) -> None:
    made = build_report(filled, batch_id="b", now=TUESDAY, zone=SANTIAGO, contact_list=True)
    assert [line.batch_id for line in made.batches] == ["b"]
    assert (made.contacts, made.tried, made.reached, made.calls_open) == (3, 2, 1, 1)
    assert (made.total.attempts, made.total.contacts, made.total.successes) == (4, 1, 1)
    assert made.costs.total_micros == 123_457
    assert made.costs.not_itemised_micros == 0
    assert (made.rows.rows, made.rows.unaccounted) == (5, 0)
    assert (made.total.right_party, made.total.unconfirmed) == (1, 0)
    (promised,) = made.promises
    assert (promised.nombre, promised.rut, promised.amount) == ("Ana Núñez", "12.345.678-5", Decimal(45990))
    assert promised.called_at.isoformat() == "2026-11-10T10:00:00-03:00"
    assert [(line.position, line.phone) for line in made.contact_list] == [
        (0, "+569****1111"),
        (1, "+569****1111"),
        (2, "+569****1111"),
    ]
    assert made.contact_list[0].rut == "****78-5"


def test_the_report_of_all_batches(filled: Store) -> None:
    made = build_report(filled, batch_id=None, now=TUESDAY, zone=SANTIAGO)
    assert {line.batch_id: line.tally.attempts for line in made.batches} == {"b": 4, "other": 1}
    assert made.costs.total_micros == 2 * 123_457
    assert len(made.promises) == 2
    assert made.contact_list == ()
    for form in ReportFormat:
        assert render(made, form)


def test_a_report_on_an_empty_database(store: Store) -> None:
    made = build_report(store, batch_id=None, now=TUESDAY, zone=SANTIAGO)
    assert (made.batches, made.contacts, made.total.attempts) == ((), 0, 0)


def test_an_unknown_batch_is_named(store: Store) -> None:
    with pytest.raises(NotFound, match="'nobody'"):
        build_report(store, batch_id="nobody", now=TUESDAY, zone=SANTIAGO)


def test_a_period_that_ends_before_it_begins_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="before it begins"):
        build_report(store, batch_id=None, now=TUESDAY, zone=SANTIAGO, since=TUESDAY, until=MONDAY)
