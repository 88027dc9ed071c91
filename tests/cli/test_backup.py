"""`speechai backup`, `restore` and `adopt-calls`: what they say, what they refuse, and how a restore is begun again."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pymongo
import pytest

from speechai.retell.call_request import PLACED_KEY, CallRequest
from speechai.store import backup
from speechai.store.statistics import job_lines
from tests.cli.conftest import Command, loaded

PHONE = "+56988164510"


@pytest.fixture
def archive(served: Command, people: Path) -> Path:
    """A backup of an installation with one running list of two contacts."""
    loaded(served, people)
    done = served("backup", "b.tar.gz", "--json")
    assert done.code == 0, done.err
    assert done.json["documents"]["jobs"] == 2
    return served.folder / "b.tar.gz"


@pytest.fixture
def elsewhere(mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[str]:
    """The name of an empty database."""
    name = f"cli_{uuid.uuid4().hex[:12]}"
    yield name
    mongo_client.drop_database(name)


def test_a_backup_is_restored_elsewhere_with_its_lists_paused(served: Command, archive: Path, elsewhere: str) -> None:
    done = served("restore", archive, "--json", MONGO_DB=elsewhere)
    assert done.code == 0, done.err
    [batch_id] = done.json["paused"]
    assert f"speechai resume ID` for each of: {batch_id}" in done.err
    [batch] = served("batches", "--json", MONGO_DB=elsewhere).json
    assert (batch["status"], batch["jobs"]) == ("paused", {"pending": 2})
    assert served("batches", "--json").json[0]["status"] == "running"
    assert served("resume", batch_id, MONGO_DB=elsewhere).code == 0
    [batch] = served("batches", "--json", MONGO_DB=elsewhere).json
    assert (batch["status"], batch["jobs"]) == ("running", {"pending": 2})


def test_data_is_replaced_only_where_that_is_asked_for(served: Command, archive: Path, people: Path) -> None:
    [before] = served("batches", "--json").json
    refused = served("restore", archive)
    assert refused.code == 1
    assert "--replace" in refused.message()
    assert served("batches", "--json").json == [before]
    loaded(served, people, "--again")
    assert len(served("batches", "--json").json) == 2
    done = served("restore", archive, "--replace", "--resume", "--json")
    assert (done.json["resumed"], done.json["paused"]) == ([before["batch_id"]], [])
    [after] = served("batches", "--json").json
    assert (after["batch_id"], after["status"]) == (before["batch_id"], "running")


def test_a_damaged_backup_changes_nothing(served: Command, archive: Path) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    done = served("restore", archive, "--replace")
    assert done.code == 1
    assert "b.tar.gz is damaged" in done.message()
    assert served("batches", "--json").json[0]["jobs"] == {"pending": 2}


def test_a_restore_that_was_cut_short_is_begun_again_by_the_same_command(
    served: Command, archive: Path, elsewhere: str
) -> None:
    store = Command(folder=served.folder, settings={**served.settings, "MONGO_DB": elsewhere}).context().store
    now = datetime.now(UTC)
    backup.begin_restore(store, "of this or another backup", taken_at=now, now=now)
    store.jobs.insert_one({"_id": "half of it"})
    assert served("restore", archive, MONGO_DB=elsewhere).code == 0
    assert store.jobs.count_documents({}) == 2
    assert not backup.is_half_restored(store)
    assert served("restore", archive, MONGO_DB=elsewhere).code == 1


def test_lists_are_resumed_only_once_retell_was_asked(served: Command, archive: Path, elsewhere: str) -> None:
    done = served("restore", archive, "--without-retell", "--resume", MONGO_DB=elsewhere)
    assert done.code == 1
    assert "only once Retell was asked" in done.message()
    closed = {"MONGO_DB": elsewhere, "RETELL_BASE_URL": "http://127.0.0.1:9"}
    done = served("restore", archive, "--resume", "--json", **closed)
    assert done.code == 0
    assert (len(done.json["paused"]), done.json["resumed"], done.json["calls_since"]) == (1, [], None)
    assert "speechai adopt-calls --since" in done.err


def test_a_call_that_this_database_does_not_know_is_adopted(served: Command, people: Path) -> None:
    batch_id = loaded(served, people)
    context = served.context()
    job_id = next(line.job_id for line in job_lines(context.store, batch_id) if line.position == 0)
    at = datetime.now(UTC)
    metadata = {"job_id": job_id, "batch_id": batch_id, "account_id": "main", PLACED_KEY: at.isoformat()}
    attempt_id = uuid.uuid4().hex
    request = CallRequest(
        attempt_id=attempt_id, metadata=metadata, from_number=context.from_numbers[0], to_number=PHONE
    )
    placed = context.retell.create_call(request)
    asked = ("adopt-calls", "--since", (at - timedelta(seconds=1)).isoformat(), "--only-known-lists", "--json")
    first, second = served(*asked), served(*asked)
    assert first.code == 0, first.err
    assert (first.json["adopted"], second.json["adopted"]) == (1, 0)
    events = {event["what"]: event for event in served("trace", job_id, "--json").json["events"]}
    assert events["accepted"]["facts"]["call_id"] == placed.call_id
    assert "adopted" in events
    person, phone = context.store.people.find_one({}), context.store.phones.find_one({"_id": PHONE})
    for document in (person, phone):
        assert [made["attempt_id"] for made in (document or {})["tries"]] == [attempt_id]


@pytest.mark.parametrize("since", ["yesterday", "2026-11-22T09:00:00", ""])
def test_an_instant_without_a_zone_is_refused(served: Command, since: str) -> None:
    done = served("adopt-calls", "--since", since)
    assert done.code == 2
    assert "write 2026-11-22T09:00:00-03:00" in done.message()


@contextmanager
def a_worker(command: Command) -> Iterator[None]:
    """A worker of the queue `work` that answers."""
    line = [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "solo", "-Q", "work", "-l", "info"]
    with subprocess.Popen(
        line, cwd=command.folder, env=command.environ({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            assert any("ready" in said for said in process.stderr), "the worker ended before it was ready"
            yield
        finally:
            process.kill()


def test_nothing_is_restored_while_a_worker_is_at_work(served: Command, archive: Path) -> None:
    with a_worker(served):
        for command in (("restore", archive, "--replace"), ("adopt-calls", "--since", "2026-11-22T09:00:00-03:00")):
            done = served(*command)
            assert done.code == 1
            assert "stop them and beat first" in done.message()
