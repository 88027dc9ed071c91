"""Batches: a file is one batch, loaded by one worker at a time, and appears whole or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from speechai.core.model import BatchStatus, JobStatus
from speechai.store import batch_jobs, batches, jobs
from speechai.store.connection import Store
from tests.store.making import LATER, NOW, THREADS, add_jobs, batch_document, claim, race, set_status

FACTS = {"counts": {"rows": 3}}


def create(store: Store, batch_id: str = "b", content: bytes = b"abc", **changes: Any) -> str | None:
    return batches.create_batch(store, batch_document(batch_id, **changes), io.BytesIO(content))


def load(store: Store, owner: str = "w1", *, at: timedelta = timedelta(0)) -> bool:
    return batches.claim_load(store, "b", owner, until=LATER + at, now=NOW + at)


def open_batch(store: Store, owner: str = "w1") -> bool:
    return batches.open_batch(store, "b", owner, facts=FACTS, now=NOW)


def status_of(store: Store, batch_id: str = "b") -> BatchStatus:
    batch = batches.get_batch(store, batch_id)
    assert batch is not None
    return batch.status


def files_of(store: Store) -> int:
    return store.database["uploads.files"].count_documents({}) + store.database["uploads.chunks"].count_documents({})


def test_a_file_travels_through_the_database_as_it_is(store: Store) -> None:
    content = bytes(range(256)) * 3_000  # more than one chunk
    assert create(store, content=content) is None
    stream = batches.open_file(store, "b")
    assert stream is not None
    assert stream.read() == content
    batches.delete_file(store, "b")
    batches.delete_file(store, "b")
    assert batches.open_file(store, "b") is None
    assert files_of(store) == 0


def test_the_same_file_again_names_the_first_batch_and_keeps_nothing(store: Store) -> None:
    assert create(store) is None
    assert create(store, "b2") == "b"
    assert store.batches.count_documents({}) == 1
    assert files_of(store) == 2


def test_the_same_file_sent_many_times_at_once_becomes_one_batch(store: Store) -> None:
    results = race([partial(create, store, f"b{n}") for n in range(THREADS)])
    assert results.count(None) == 1
    winner = f"b{results.index(None)}"
    assert {result for result in results if result} == {winner}
    assert [document["_id"] for document in store.batches.find()] == [winner]
    assert files_of(store) == 2


def test_the_same_file_of_another_account_is_another_batch(store: Store) -> None:
    assert create(store) is None
    assert create(store, "b2", file_key="other|abc") is None


def test_of_many_loaders_exactly_one_gets_the_batch(store: Store) -> None:
    create(store)
    assert race([partial(load, store, f"w{n}") for n in range(THREADS)]).count(True) == 1
    assert status_of(store) is BatchStatus.LOADING


def test_a_dead_loaders_batch_is_taken_over_once_its_lease_is_over(store: Store) -> None:
    create(store)
    assert load(store, "w1")
    assert not load(store, "w2", at=timedelta(minutes=2) - timedelta(milliseconds=1))
    taken = race([partial(load, store, f"v{n}", at=timedelta(minutes=2)) for n in range(6)])
    assert taken.count(True) == 1
    winner = f"v{taken.index(True)}"
    assert not batches.extend_load(store, "b", "w1", until=LATER, progress={})
    assert not open_batch(store, "w1")
    assert batches.extend_load(store, "b", winner, until=LATER, progress={"rows": 1})
    assert open_batch(store, winner)


def test_a_load_is_counted_by_the_loader_that_gets_it_alone(store: Store) -> None:
    create(store)
    for tries in (1, 2):
        at = (tries - 1) * timedelta(minutes=2)
        assert race([partial(load, store, f"w{n}", at=at) for n in range(4)]).count(True) == 1
        assert (batches.get_batch_document(store, "b") or {})["load_tries"] == tries


def test_a_loader_that_renews_its_lease_keeps_the_batch(store: Store) -> None:
    create(store)
    load(store)
    assert batches.extend_load(store, "b", "w1", until=LATER + timedelta(minutes=5), progress={"rows": 500})
    assert not load(store, "w2", at=timedelta(minutes=3))
    assert (batches.get_batch_document(store, "b") or {})["progress"] == {"rows": 500}
    # Renewing to the same instant changes nothing in the database and is no loss of the lease.
    assert batches.extend_load(store, "b", "w1", until=LATER + timedelta(minutes=5), progress={"rows": 500})


def test_a_batch_is_opened_once_and_then_no_longer_loaded_or_refused(store: Store) -> None:
    create(store)
    load(store)
    add_jobs(store, 3)
    assert race([partial(open_batch, store)] * 4).count(True) == 1
    assert status_of(store) is BatchStatus.RUNNING
    assert not load(store, "w2", at=timedelta(hours=1))
    assert not batches.extend_load(store, "b", "w1", until=LATER, progress={})
    batches.refuse_batch(store, "b", reason="late", now=NOW)
    assert status_of(store) is BatchStatus.RUNNING
    assert store.jobs.count_documents({"batch_id": "b"}) == 3


@pytest.mark.parametrize("attempt", range(6))
def test_a_batch_is_opened_whole_or_refused_and_empty_and_never_both(store: Store, attempt: int) -> None:
    create(store)
    load(store)
    add_jobs(store, 5)
    callers: list[Callable[[], bool | None]] = [
        partial(open_batch, store),
        partial(batches.refuse_batch, store, "b", reason="no", now=NOW),
    ]
    opened, _ = race(callers)
    assert status_of(store) is (BatchStatus.RUNNING if opened else BatchStatus.REFUSED)
    assert store.jobs.count_documents({"batch_id": "b"}) == (5 if opened else 0)


def test_refusing_removes_everything_of_the_batch_and_nothing_of_others(store: Store) -> None:
    create(store)
    create(store, "b2", file_key="other")
    load(store)
    add_jobs(store, 3)
    jobs_of_others = add_jobs(store, 2, batch_id="b2", id="x", person_id="y")
    batches.keep_rejected(store, "b", [{"row": 7, "reasons": ["no phone"]}])
    batches.keep_rejected(store, "b2", [{"row": 7, "reasons": ["no phone"]}])
    batches.refuse_batch(store, "b", reason="no column with a phone", now=NOW)
    batch = batches.get_batch(store, "b")
    assert batch is not None
    assert (batch.status, batch.reason) == (BatchStatus.REFUSED, "no column with a phone")
    assert store.jobs.count_documents({"batch_id": "b"}) == 0
    assert list(batches.rejected_rows(store, "b")) == []
    assert batches.open_file(store, "b") is None
    assert store.jobs.count_documents({"batch_id": "b2"}) == len(set(jobs_of_others))
    assert len(list(batches.rejected_rows(store, "b2"))) == 1
    assert batches.open_file(store, "b2") is not None
    assert not load(store, at=timedelta(hours=1))
    # The same bytes may be sent again: perhaps the settings were wrong and not the file.
    assert create(store, "b3") is None


def test_refusing_again_removes_what_a_refusal_that_was_cut_short_has_left(store: Store) -> None:
    create(store)
    batches.refuse_batch(store, "b", reason="first", now=NOW)
    add_jobs(store, 3)  # written by a loader that had lost the batch
    batches.refuse_batch(store, "b", reason="second", now=NOW)
    assert store.jobs.count_documents({"batch_id": "b"}) == 0
    batch = batches.get_batch(store, "b")
    assert batch is not None
    assert batch.reason == "first"


def test_rejected_rows_are_kept_once_in_the_order_of_the_sheet(store: Store) -> None:
    rows = [{"row": n, "reasons": [f"r{n}"]} for n in (30, 4, 200)]
    race([partial(batches.keep_rejected, store, "b", rows)] * 3)
    batches.keep_rejected(store, "b", [])
    assert [row["row"] for row in batches.rejected_rows(store, "b")] == [4, 30, 200]


def test_loads_that_were_lost_or_died_are_found(store: Store) -> None:
    for name, key in (("lost", "1"), ("fresh", "2"), ("dead", "3"), ("busy", "4")):
        created = NOW if name == "fresh" else NOW - timedelta(minutes=5)
        create(store, name, file_key=key, created_at=created)
    for name, until in (("dead", NOW), ("busy", LATER)):
        assert batches.claim_load(store, name, "w", until=until, now=NOW)
    found = batches.loads_that_ran_out(store, received_before=NOW - timedelta(minutes=1), now=NOW)
    assert sorted(found) == ["dead", "lost"]


def test_a_status_moves_only_from_what_is_expected_and_leaves_a_record(store: Store) -> None:
    create(store)
    running, paused = [BatchStatus.RUNNING], BatchStatus.PAUSED
    assert not batches.move_batch(store, "b", expected=running, to=paused, reason="r", now=NOW)
    set_status(store, "b", BatchStatus.RUNNING)
    pause = partial(batches.move_batch, store, "b", expected=running, to=paused, reason="credit", now=NOW)
    assert race([pause] * 6).count(True) == 1
    document = batches.get_batch_document(store, "b") or {}
    assert document["history"][-1] == {"at": NOW, "status": "paused", "reason": "credit"}
    assert [entry["status"] for entry in document["history"]] == ["running", "paused"]


def test_batches_are_listed_by_status_in_the_order_of_their_arrival(store: Store) -> None:
    for n, status in enumerate([BatchStatus.RUNNING, BatchStatus.PAUSED, BatchStatus.RUNNING]):
        create(store, f"b{n}", file_key=str(n), created_at=NOW + timedelta(minutes=n))
        set_status(store, f"b{n}", status)
    assert [batch.id for batch in batches.batches_in(store, BatchStatus.RUNNING)] == ["b0", "b2"]
    assert [document["_id"] for document in batches.list_batches(store)] == ["b2", "b1", "b0"]
    assert [d["_id"] for d in batches.list_batches(store, statuses=[BatchStatus.PAUSED])] == ["b1"]


def test_jobs_of_a_batch_are_counted_by_state(store: Store) -> None:
    add_jobs(store, 3)
    claim(store, "j00000")
    add_jobs(store, 1, id="x", person_id="x", status=JobStatus.DONE)
    add_jobs(store, 1, id="y", person_id="y", batch_id="other")
    assert batches.job_counts(store, "b") == {JobStatus.PENDING: 2, JobStatus.IN_PROGRESS: 1, JobStatus.DONE: 1}
    assert batches.job_counts(store, "none") == {}


def test_moving_the_jobs_of_a_batch_leaves_those_that_are_being_called(store: Store) -> None:
    add_jobs(store, 3)
    claim(store, "j00000")
    moved = batch_jobs.move_jobs(
        store, "b", expected=JobStatus.PENDING, to=JobStatus.CANCELLED, reason="the batch was cancelled", now=NOW
    )
    assert moved == 2
    assert batches.job_counts(store, "b") == {JobStatus.CANCELLED: 2, JobStatus.IN_PROGRESS: 1}
    job = jobs.get_job(store, "j00001")
    assert job is not None
    assert (job.reason, job.next_attempt_at) == ("the batch was cancelled", None)
    assert not claim(store, "j00001")


def test_a_list_that_was_let_go_on_since_it_was_found_is_not_removed(store: Store) -> None:
    store.batches.insert_one({"_id": "x", "status": BatchStatus.COMPLETED, "created_at": NOW})
    assert batches.move_batch(
        store, "x", expected=[BatchStatus.COMPLETED], to=BatchStatus.RUNNING, reason="retried", now=NOW
    )
    assert not batches.take_for_removal(store, "x", now=NOW)
    assert batches.move_batch(
        store, "x", expected=[BatchStatus.RUNNING], to=BatchStatus.COMPLETED, reason=None, now=NOW
    )
    assert batches.take_for_removal(store, "x", now=NOW)
    assert not batches.move_batch(
        store, "x", expected=[BatchStatus.COMPLETED], to=BatchStatus.RUNNING, reason="retried", now=NOW
    )
    assert batches.take_for_removal(store, "x", now=LATER), "a removal that was cut short is begun again"
