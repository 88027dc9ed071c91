"""The indexes: made by command, any number of times, kept by the server, and used by the scans."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pymongo
import pymongo.monitoring
import pytest
from pymongo.errors import DuplicateKeyError, OperationFailure

from config.settings import Settings
from speechai.core.model import AttemptState, BatchStatus, Job, JobStatus
from speechai.errors import Unavailable
from speechai.store import attempts, batch_jobs, batches, jobs, waves
from speechai.store.connection import Document, Documents, Store, open_store
from speechai.store.indexes import INDEXES, create_indexes
from tests.store.making import NOW, add_jobs, make_job


def test_making_the_indexes_twice_changes_nothing(store: Store) -> None:
    first = {name: getattr(store, name).index_information() for name in INDEXES}
    create_indexes(store)
    assert {name: getattr(store, name).index_information() for name in INDEXES} == first


@pytest.mark.parametrize("collection", INDEXES)
def test_every_index_of_the_table_exists_with_its_fields(store: Store, collection: str) -> None:
    present = getattr(store, collection).index_information()
    for model in INDEXES[collection]:
        wanted = model.document
        assert [field for field, _ in present[wanted["name"]]["key"]] == list(wanted["key"])
        assert bool(present[wanted["name"]].get("unique")) is bool(wanted.get("unique"))


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("attempts", {"call_id": "c"}),
        ("batches", {"file_key": "k"}),
    ],
)
def test_unique_indexes_refuse_a_second_document(store: Store, collection: str, document: Document) -> None:
    documents: Documents = getattr(store, collection)
    documents.insert_one({"_id": "1", **document})
    with pytest.raises(DuplicateKeyError):
        documents.insert_one({"_id": "2", **document})


def test_jobs_have_one_index_besides_their_id(store: Store) -> None:
    """Each further one costs a load as much as the documents themselves."""
    assert store.jobs.index_information().keys() == {"_id_", "due"}
    store.jobs.insert_many([{"_id": n, "batch_id": "b", "person_id": "p"} for n in "12"])  # the id alone is unique


def test_documents_without_a_call_or_a_file_are_as_many_as_wanted(store: Store) -> None:
    for documents in (store.attempts, store.batches):
        documents.insert_many([{"_id": n} for n in range(3)])
        assert documents.count_documents({"_id": {"$in": [0, 1, 2]}}) == 3


def test_a_database_that_cannot_be_reached_says_so() -> None:
    uri = "mongodb://127.0.0.1:9/"
    client: pymongo.MongoClient[Document] = pymongo.MongoClient(uri, serverSelectionTimeoutMS=200)
    with client, pytest.raises(Unavailable, match="MONGO_URI"):
        create_indexes(open_store(client, Settings(mongo_uri=uri)))


class Listener(pymongo.monitoring.CommandListener):
    """Keeps the `find` commands that a client sends, so that the very question of the code is explained."""

    def __init__(self) -> None:
        self.finds: list[Document] = []

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        if event.command_name == "find":
            wanted = ("find", "filter", "sort", "projection", "limit")
            self.finds.append({name: event.command[name] for name in wanted if name in event.command})

    def succeeded(self, event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Not of interest."""

    def failed(self, event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Not of interest."""


def explain(store: Store, mongo_uri: str, ask: Callable[[Store], Any]) -> list[Document]:
    """What the server says of each `find` that `ask` sends, with the numbers of its run."""
    listener = Listener()
    client: pymongo.MongoClient[Document]
    with pymongo.MongoClient(mongo_uri, tz_aware=True, event_listeners=[listener]) as client:
        ask(open_store(client, Settings(mongo_uri=mongo_uri, mongo_db=store.database.name)))
    assert listener.finds
    try:
        return [
            dict(store.database.command("explain", command, verbosity="executionStats")) for command in listener.finds
        ]
    except OperationFailure as error:
        pytest.skip(f"the server explains nothing: {error}")


def indexes_in(plan: Any) -> set[str]:
    """Names of all indexes in a plan, whatever stages it is made of."""
    if isinstance(plan, list):
        return set().union(*(indexes_in(part) for part in plan)) if plan else set()
    if not isinstance(plan, dict):
        return set()
    own = {plan["indexName"]} if "indexName" in plan else set()
    return own.union(*(indexes_in(part) for part in plan.values()))


DUE, WAITING, KINDS = 10, 300, 5


@pytest.fixture
def many_waiting(store: Store) -> Store:
    """A few jobs that are due and a few whose claim ran out, and many times as many that wait or are being called."""
    add_jobs(store, DUE)
    for name, changes in (
        ("later", {"next_attempt_at": NOW + timedelta(days=1)}),
        ("no wave yet", {"admitted": False}),
        ("done", {"status": JobStatus.DONE, "next_attempt_at": None}),
        ("elsewhere", {"batch_id": "other"}),
        ("claimed", {"status": JobStatus.IN_PROGRESS, "next_attempt_at": NOW + timedelta(minutes=1)}),
    ):
        jobs.insert_jobs(store, made(name, changes, WAITING // KINDS))
    dead = {"status": JobStatus.IN_PROGRESS}
    jobs.insert_jobs(store, [*made("dead", dead, DUE), *made("by hand", {**dead, "admitted": False}, DUE)])
    return store


def made(name: str, changes: Document, count: int) -> list[Job]:
    return [make_job(id=f"{name}{n}", person_id=f"{name}{n}", **changes) for n in range(count)]


def test_the_due_scan_reads_what_is_due_and_not_what_waits(many_waiting: Store, mongo_uri: str) -> None:
    (told,) = explain(many_waiting, mongo_uri, lambda store: jobs.due_jobs(store, "b", NOW, DUE + 5))
    assert indexes_in(told["queryPlanner"]["winningPlan"]) == {"due"}
    stats = told["executionStats"]
    assert stats["nReturned"] == DUE
    assert stats["totalKeysExamined"] <= DUE + 2
    assert stats["totalDocsExamined"] <= DUE + 2


@pytest.mark.parametrize(
    ("ask", "expected"),
    [
        (lambda store: batch_jobs.waiting_for_a_wave(store, "b", NOW), WAITING // KINDS),
        (lambda store: jobs.claims_that_ran_out(store, "b", NOW, 10 * WAITING), 2 * DUE),
    ],
    ids=["waiting for a wave", "claims that ran out"],
)
def test_the_other_scans_of_jobs_read_what_they_find_by_the_same_index(
    many_waiting: Store, mongo_uri: str, ask: Callable[[Store], Any], expected: int
) -> None:
    found = 0
    for told in explain(many_waiting, mongo_uri, ask):
        assert indexes_in(told["queryPlanner"]["winningPlan"]) == {"due"}
        stats = told["executionStats"]
        assert stats["totalKeysExamined"] <= stats["nReturned"] + 2
        assert stats["totalDocsExamined"] <= stats["nReturned"] + 2
        found += stats["nReturned"]
    assert found == expected


def test_a_sweep_does_not_read_the_calls_that_nobody_has_to_look_at_any_more(store: Store, mongo_uri: str) -> None:
    finished = {"state": AttemptState.FINISHED, "job_id": "j", "batch_id": "b"}
    store.attempts.insert_many([{**finished, "_id": f"closed{n}", "next_poll_at": None} for n in range(WAITING)])
    store.attempts.insert_one({**finished, "_id": "cost to come", "next_poll_at": NOW + timedelta(hours=1)})
    (told,) = explain(store, mongo_uri, lambda store: attempts.overdue(store, AttemptState.FINISHED, NOW, 10))
    assert indexes_in(told["queryPlanner"]["winningPlan"]) == {"waits_whose_message_was_lost"}
    assert told["executionStats"]["totalDocsExamined"] == 0


def test_lists_that_closed_long_ago_are_not_read_for_those_that_closed_lately(store: Store, mongo_uri: str) -> None:
    for days in range(WAITING):
        closed_at = NOW - timedelta(days=days)
        store.batches.insert_one({"_id": f"{days}", "status": BatchStatus.COMPLETED, "changed_at": closed_at})
    week_ago = NOW - timedelta(days=7)
    (told,) = explain(store, mongo_uri, lambda store: batches.completed_since(store, week_ago))
    assert indexes_in(told["queryPlanner"]["winningPlan"]) == {"batches_closed_lately"}
    assert told["executionStats"]["totalDocsExamined"] == told["executionStats"]["nReturned"] == 8


def test_where_nobody_is_suspended_a_resume_asks_one_question_and_reads_no_job(
    many_waiting: Store, mongo_uri: str
) -> None:
    (told,) = explain(many_waiting, mongo_uri, lambda store: batch_jobs.resume_for_account(store, "b", now=NOW))
    assert indexes_in(told["queryPlanner"]["winningPlan"]) == {"due"}
    assert told["executionStats"]["totalDocsExamined"] == 0


def test_the_waves_of_a_day_are_found_by_their_index(store: Store, mongo_uri: str) -> None:
    for days in range(60):
        waves.start_opening(store, "b", NOW.date() + timedelta(days=days), time(9), chosen=["j"], now=NOW)
    (told,) = explain(store, mongo_uri, lambda store: waves.cohort(store, "b", NOW.date()))
    assert indexes_in(told["queryPlanner"]["winningPlan"]) == {"waves_of_a_day"}
    assert told["executionStats"]["totalDocsExamined"] == told["executionStats"]["nReturned"] == 1
