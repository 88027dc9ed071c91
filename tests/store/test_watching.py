"""The gauges say what the database holds at that moment, in the words that the alert rules use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent

from config.settings import Settings
from speechai.core.accounts import Plan
from speechai.core.model import AttemptState, BatchStatus
from speechai.core.provider import BreakerState
from speechai.operation.watching import GAUGES, read_all
from speechai.store import alerts, attempts, callers, capacity, liveness
from speechai.store.connection import Store, open_store
from tests.store.making import NOW, add_jobs, batch_document, make_attempt
from tests.store.money import new_account, reserve

MINUTE = timedelta(minutes=1)
Told = dict[tuple[str, ...], float]


def told(store: Store, **settings: Any) -> Told:
    """Every reading by its name and its labels' values."""
    readings = read_all(store, Settings(**settings), NOW)
    return {(one.name.removeprefix("speechai_"), *one.labels.values()): one.value for one in readings}


def test_an_empty_database_has_no_scan_no_wait_and_no_money(store: Store) -> None:
    figures = told(store)
    assert figures["scan_age_seconds", "sweep"] == figures["scan_age_seconds", "dispatch"] == float("inf")
    assert figures["provider_state", "closed"] == figures["provider_rate_share",] == 1
    assert figures["lines_limit",] == 20
    rest = [value for key, value in figures.items() if key[0] not in ("scan_age_seconds", "provider_state")]
    assert sum(rest) == 20 + 1


def test_each_reading_is_a_gauge_that_is_described_with_its_labels_and_their_values(store: Store) -> None:
    new_account(store, money=5)
    alerts.add_alert(store, "no_credit", "acme", "words", now=NOW, told_every=MINUTE)
    readings = list(read_all(store, Settings(), NOW))
    for one in readings:
        labels = GAUGES[one.name].labels
        assert list(one.labels) == list(labels)
        assert all(value in labels[label] for label, value in one.labels.items() if labels[label])
    of_the_broker = {"speechai_up", "speechai_queue_length", "speechai_unacknowledged"}
    assert set(GAUGES) - {one.name for one in readings} == {*of_the_broker, "speechai_unacknowledged_age_seconds"}
    keys = [(one.name, *one.labels.values()) for one in readings]
    assert len(set(keys)) == len(keys)


def test_scans_lines_and_the_breaker(store: Store) -> None:
    liveness.note(store, liveness.Scan.SWEEP, NOW - 7 * MINUTE)
    capacity.ensure_slots(store, 4)
    for n in range(3):
        assert capacity.take_slot(store, f"a{n}", f"j{n}", 4, phone="+56911111111")
    store.database["pace"].update_one(
        {"_id": "retell"}, {"$set": {"state": BreakerState.OPEN, "share": 0.25, "share_at": NOW}}, upsert=True
    )
    figures = told(store, retell_concurrency=4)
    assert figures["scan_age_seconds", "sweep"] == 420
    assert (figures["lines_live",], figures["lines_limit",]) == (3, 4)
    assert [figures["provider_state", state] for state in ("closed", "open", "half_open")] == [0, 1, 0]
    assert figures["provider_rate_share",] == 0.25


def test_open_attempts_by_state_with_the_age_of_the_oldest(store: Store) -> None:
    for n, minutes in enumerate((1, 40, 5)):
        attempts.record(store, make_attempt(id=f"live{n}", placing_at=NOW - minutes * MINUTE))
        attempts.accept(store, f"live{n}", f"call_{n}", at=NOW, next_poll_at=NOW)
    attempts.record(store, make_attempt(id="placing", placing_at=NOW - 2 * MINUTE))
    attempts.record(store, make_attempt(id="over", placing_at=NOW - 90 * MINUTE))
    attempts.close(store, "over", AttemptState.REFUSED, {})
    figures = told(store)
    assert [figures["open_attempts", state] for state in ("placing", "unknown", "live", "ended")] == [1, 0, 3, 0]
    assert figures["open_attempt_age_seconds", "live"] == 2400
    assert figures["open_attempt_age_seconds", "placing"] == 120


def test_money_by_account_in_its_own_unit(store: Store) -> None:
    new_account(store, money=100, concurrency=2)
    new_account(store, "hours", money=3600, plan=Plan.MINUTES, suspended=True)
    new_account(store, "open", plan=Plan.UNLIMITED)
    assert reserve(store, 1, amount=30)
    store.accounts.update_one({"_id": "acme"}, {"$push": {"outbox": {"_id": "acme|x", "at": NOW - 9 * MINUTE}}})
    figures = told(store)
    assert (figures["account_free", "acme", "usd_micros"], figures["account_reserved", "acme", "usd_micros"]) == (
        70,
        30,
    )
    assert figures["account_free", "hours", "seconds"] == 3600
    assert ("account_free", "open", "usd_micros") not in figures
    assert [figures["account_suspended", name] for name in ("acme", "hours", "open")] == [0, 1, 0]
    assert figures["outbox_age_seconds",] == 540


def test_only_contacts_of_running_lists_that_are_due_are_waited_for(store: Store) -> None:
    for batch_id, status in (("b", BatchStatus.RUNNING), ("c", BatchStatus.RUNNING), ("held", BatchStatus.PAUSED)):
        store.batches.insert_one({**batch_document(batch_id, status=status, created_at=NOW), "file_key": batch_id})
    add_jobs(store, 2, next_attempt_at=NOW - 3 * MINUTE)
    for name, batch_id, minutes, admitted in (
        ("earlier", "c", 8, True), ("paused", "held", 60, True), ("a wave's", "c", 70, False), ("later", "b", -5, True)
    ):  # fmt: skip
        add_jobs(store, 1, batch_id=batch_id, next_attempt_at=NOW - minutes * MINUTE, admitted=admitted, id=name)
    figures = told(store)
    assert figures["due_job_age_seconds",] == 480
    assert (figures["batches", "running"], figures["batches", "paused"], figures["batches", "received"]) == (2, 1, 0)


def test_alerts_that_are_open_and_numbers_that_rest(store: Store) -> None:
    for n, kind in enumerate(("no_credit", "no_credit", "caller_rested")):
        alerts.add_alert(store, kind, f"about{n}", "words", now=NOW, told_every=MINUTE)
    alerts.acknowledge_alert(store, f"{NOW.date()}/no_credit/about1", by="me", at=NOW)
    callers.rest(store, "+56222222222", NOW + MINUTE, "why", by="rules", at=NOW)
    callers.rest(store, "+56233333333", NOW - MINUTE, "why", by="rules", at=NOW - 2 * MINUTE)
    figures = told(store)
    assert (figures["open_alerts", "no_credit"], figures["open_alerts", "caller_rested"]) == (1, 1)
    assert (figures["callers", "serving"], figures["callers", "resting"]) == (1, 1)


def test_no_label_holds_a_phone_a_name_or_an_id_of_a_contact(store: Store) -> None:
    store.batches.insert_one(batch_document(status=BatchStatus.RUNNING))
    add_jobs(store, 1, nombre="Ana", rut="12345678-5", to_number="+56911111111")
    attempts.record(store, make_attempt())
    callers.rest(store, "+56222222222", NOW + MINUTE, "why", by="rules", at=NOW)
    alerts.add_alert(store, "caller_rested", "+56222222222", "words", now=NOW, told_every=MINUTE)
    words = " ".join(value for one in read_all(store, Settings(), NOW) for value in one.labels.values())
    assert not any(secret in words for secret in ("569", "562", "12345678", "Ana"))


class Asked(CommandListener):
    """The commands that a client sends."""

    def __init__(self) -> None:
        self.commands: list[CommandStartedEvent] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(event)

    def succeeded(self, event: object) -> None:
        """Not of interest."""

    def failed(self, event: object) -> None:
        """Not of interest."""


def test_what_a_scrape_asks_does_not_grow_with_the_list(store: Store, mongo_uri: str) -> None:
    store.batches.insert_one(batch_document(status=BatchStatus.RUNNING))
    add_jobs(store, 400, next_attempt_at=NOW - MINUTE)  # more than a first answer brings
    settings, asked = Settings(mongo_uri=mongo_uri, mongo_db=store.database.name), Asked()
    with MongoClient[dict[str, Any]](mongo_uri, tz_aware=True, event_listeners=[asked]) as client:
        list(read_all(open_store(client, settings), settings, NOW))
    questions = [one for one in asked.commands if one.command_name != "endSessions"]
    assert {one.command_name for one in questions} == {"find"}, "no aggregation, no count, no second answer"
    assert len(questions) < 30
    (jobs,) = [one.command for one in questions if one.command["find"] == store.jobs.name]
    assert jobs["limit"] == 1
