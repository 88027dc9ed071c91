"""Jobs of a list are written once each, whoever loads it and how often; what is refused otherwise is never lost."""

from __future__ import annotations

import traceback
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from speechai.core.model import Job, Pacing
from speechai.operation import loading, submitting
from speechai.operation.context import Context
from speechai.operation.loading import LOAD_LEASE
from speechai.operation.submitting import Order
from speechai.store import batches, jobs
from speechai.store.connection import Store
from speechai.store.jobs import WriteFault
from tests.store.making import NOW, add_jobs, claim, make_context, make_job, race


def test_a_load_that_is_repeated_adds_what_is_missing_and_leaves_the_rest(store: Store) -> None:
    add_jobs(store, 3)
    claim(store, "j00001")
    before = list(store.jobs.find(sort=[("_id", 1)]))
    add_jobs(store, 6, nombre="Berta")
    assert list(store.jobs.find(sort=[("_id", 1)], limit=3)) == before
    assert [document["nombre"] for document in store.jobs.find(sort=[("_id", 1)])] == ["Ana"] * 3 + ["Berta"] * 3


def test_two_loaders_of_the_same_list_make_each_job_once(store: Store) -> None:
    race([partial(add_jobs, store, 200)] * 4)
    assert store.jobs.count_documents({"batch_id": "b"}) == 200


def test_inserting_nothing_is_harmless(store: Store) -> None:
    jobs.insert_jobs(store, [])
    assert store.jobs.count_documents({}) == 0


def fault_of(store: Store, new: list[Job]) -> str:
    """What an operator or a log may see of the fault, with everything that Python prints of it."""
    with pytest.raises(WriteFault) as caught:
        jobs.insert_jobs(store, new)
    return "".join(traceback.format_exception(caught.value))


def test_a_job_that_another_unique_index_refuses_is_an_error_and_not_lost_silently(store: Store) -> None:
    store.jobs.create_index([("batch_id", 1), ("person_id", 1)], unique=True)
    jobs.insert_jobs(store, [make_job()])
    text = fault_of(store, [make_job(), make_job(id="j2"), make_job(id="j3", person_id="p3")])
    assert "call_jobs" in text
    assert store.jobs.count_documents({}) == 2  # unordered: what could be written was


def test_the_text_of_a_refusal_holds_nothing_of_the_documents(store: Store) -> None:
    store.jobs.create_index([("batch_id", 1), ("person_id", 1)], unique=True)
    secret = {"nombre": "Berta Rojas", "rut": "12345678-5", "to_number": "+56912345678", "person_id": "CL:12345678-5"}
    jobs.insert_jobs(store, [make_job(**secret)])
    text = fault_of(store, [make_job(id="j2", variables={"monto": "987654"}, **secret)])
    assert "MongoDB refused 1 documents of call_jobs" in text
    assert not [value for value in (*secret.values(), "987654") if value in text]


PEOPLE = [(rut, f"+569{8123456 + 1111 * n}0") for n, rut in enumerate(["12345678-5", "", "", "11000007-3", "", ""])]
"""National id, where the list has one, and phone."""


def phone_list(count: int) -> list[tuple[str, str]]:
    return [("", f"+569{67000000 + n}") for n in range(count)]


def write_list(path: Path, rows: list[tuple[str, str]]) -> Path:
    lines = ["rut;nombre;telefono", *(f"{rut};Ana Rojas;{phone}" for rut, phone in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def submit(context: Context, path: Path) -> str:
    return submitting.submit(context, path, Order(use_case="notification", pacing=Pacing.CONTINUOUS)).batch_id


def jobs_by_person(store: Store, batch_id: str) -> dict[str, str]:
    return {document["person_id"]: document["_id"] for document in store.jobs.find({"batch_id": batch_id})}


def test_a_jobs_id_follows_from_its_batch_and_its_person_alone(store: Store, tmp_path: Path) -> None:
    context = make_context(store)
    found = []
    for name, rows in (("one.csv", PEOPLE), ("two.csv", PEOPLE[::-1]), ("three.csv", PEOPLE[2:])):
        batch_id = submit(context, write_list(tmp_path / name, rows))
        loading.load_batch(context, batch_id)
        ids = jobs_by_person(store, batch_id)
        assert len(ids) == len(rows)
        assert all(job_id.startswith(f"{batch_id}-") for job_id in ids.values())
        found.append({person: job_id.removeprefix(f"{batch_id}-") for person, job_id in ids.items()})
    one, two, three = found
    assert one == two
    assert three.items() <= one.items()
    assert len(set(one.values())) == len(PEOPLE)
    assert {"CL:12345678-5", f"tel:{PEOPLE[1][1]}"} <= one.keys()


class Died(BaseException):
    """The loader's process is gone."""


def test_a_load_that_is_taken_over_leaves_the_jobs_of_the_dead_loader_and_adds_the_others(
    store: Store, tmp_path: Path
) -> None:
    rows = phone_list(loading.CHUNK + 30)

    def dies_after_the_first_chunk() -> datetime:
        if store.jobs.count_documents({}):
            raise Died
        return NOW

    batch_id = submit(make_context(store), write_list(tmp_path / "list.csv", rows))
    with pytest.raises(Died):
        loading.load_batch(make_context(store, dies_after_the_first_chunk), batch_id)
    first = jobs_by_person(store, batch_id)
    assert len(first) == loading.CHUNK
    later = NOW + LOAD_LEASE + timedelta(seconds=1)
    loading.load_batch(make_context(store, lambda: later), batch_id)
    both = jobs_by_person(store, batch_id)
    assert len(both) == store.jobs.count_documents({}) == len(rows)
    assert first.items() <= both.items()
    assert store.jobs.count_documents({"next_attempt_at": NOW}) == loading.CHUNK  # written by the first alone
    assert (batches.get_batch_document(store, batch_id) or {})["counts"]["contacts"] == len(rows)


def test_a_file_that_kills_every_loader_is_given_up_with_a_reason_and_leaves_no_job(
    store: Store, tmp_path: Path
) -> None:
    now = NOW

    def dies_with_jobs_written() -> datetime:
        if store.jobs.count_documents({}):
            raise Died
        return now

    batch_id = submit(make_context(store), write_list(tmp_path / "list.csv", phone_list(3)))
    for _ in range(loading.MOST_LOADS):
        store.jobs.delete_many({})  # so that the next loader comes as far as the last
        with pytest.raises(Died):
            loading.load_batch(make_context(store, dies_with_jobs_written), batch_id)
        now += LOAD_LEASE + timedelta(seconds=1)
    assert loading.load_batch(make_context(store, lambda: now), batch_id) == []
    document = batches.get_batch_document(store, batch_id) or {}
    assert (document["status"], store.jobs.count_documents({})) == ("refused", 0)
    assert f"{loading.MOST_LOADS} tries" in document["reason"]
    assert store.database["uploads.files"].count_documents({}) == 0
