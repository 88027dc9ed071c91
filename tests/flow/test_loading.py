"""Files become lists: the samples of the repository, the same file again, refused files, commands at the wrong time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from speechai.core.accounts import Account, Plan
from speechai.core.model import Pacing
from speechai.errors import NotAllowed
from speechai.operation import campaigns, submitting
from speechai.operation.nudges import LoadBatch
from speechai.operation.submitting import Order
from speechai.retell.simulator import OutcomeScript
from speechai.store import accounts

from .conftest import MakeWorld
from .lists import debtor, write_list
from .mortal import Died, die
from .test_days import PROMISE, enqueue, local, waves_of
from .virtual import World

EXAMPLES = Path(__file__).parents[2] / "examples"
EARLY = local(2026, 11, 23, 6, 0)


def batch_of(world: World, batch_id: str) -> dict[str, Any]:
    batch = world.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    return batch


def load(world: World, path: Path, **order: Any) -> str:
    submitted = submitting.submit(world.context, path, Order(**{"use_case": "debt_collection", **order}))
    world.send(submitted.nudges)
    world.run_for(minutes=1)
    return submitted.batch_id


def left_behind(world: World) -> dict[str, int]:
    """Documents by collection; the batch itself is to stay, with its reason."""
    names = ("batches", "call_jobs", "rejected_rows", "people", "call_logs", "uploads.files", "uploads.chunks")
    return {name: count for name in names if (count := world.database[name].count_documents({}))}


def test_the_sample_portfolio_is_planned_sixty_people_a_day(world: MakeWorld) -> None:
    here = world(EARLY)
    batch_id = load(here, EXAMPLES / "cartera.xlsx", name="Cartera de noviembre")
    batch = batch_of(here, batch_id)
    assert (batch["status"], batch["name"]) == ("running", "Cartera de noviembre")
    people = batch["counts"]["contacts"]
    assert batch["counts"]["rows"] == 339
    assert 130 <= people <= 150  # some of the 150 have no telephone that could be theirs
    planned = Counter(job["next_attempt_at"] for job in here.database.call_jobs.find({"batch_id": batch_id}))
    nine = [local(2026, 11, day, 9, 0) for day in (23, 24, 25)]
    assert planned == {nine[0]: 60, nine[1]: 60, nine[2]: people - 120}
    assert "uploads.files" not in left_behind(here)
    assert here.violations() == []


@pytest.mark.parametrize(
    ("name", "use_case"),
    [
        ("deudores.xlsx", "debt_collection"),
        ("deudores-latin1.csv", "debt_collection"),
        ("generic.xlsx", "notification"),
        ("marketing.xlsx", "marketing"),
        ("rechazos.xlsx", "debt_collection"),
    ],
)
def test_every_sample_is_accounted_for_row_by_row(world: MakeWorld, name: str, use_case: str) -> None:
    here = world(EARLY)
    batch_id = load(here, EXAMPLES / name, use_case=use_case)
    counts = batch_of(here, batch_id)["counts"]
    assert counts["contacts"] > 0
    assert counts["rejected"] >= (5 if name == "rechazos.xlsx" else 0)
    assert here.violations() == []


def test_the_same_file_is_recognised_and_sent_again_only_on_demand(world: MakeWorld, tmp_path: Path) -> None:
    here = world(EARLY)
    path = write_list(tmp_path / "list.csv", [debtor(n) for n in range(3)])
    first = submitting.submit(here.context, path, Order(use_case="debt_collection"))
    copy = tmp_path / "other-name.csv"
    copy.write_bytes(path.read_bytes())
    before = left_behind(here)
    second = submitting.submit(here.context, copy, Order(use_case="debt_collection", name="again"))
    assert (second.batch_id, second.is_new, second.nudges) == (first.batch_id, False, [])
    assert left_behind(here) == before
    here.send(first.nudges)
    here.run_for(minutes=1)
    accounts.create_account(here.context.store, Account(id="other", name="other", plan=Plan.UNLIMITED), now=here.now)
    third = submitting.submit(here.context, path, Order(use_case="debt_collection"))
    assert (third.batch_id, third.is_new) == (first.batch_id, False)
    other = submitting.submit(here.context, path, Order(use_case="debt_collection", account_id="other"))
    again = submitting.submit(here.context, path, Order(use_case="debt_collection", again=True))
    assert other.is_new
    assert again.is_new
    assert len({first.batch_id, other.batch_id, again.batch_id}) == 3


REFUSED = [
    pytest.param(b"", "empty", id="empty"),
    pytest.param(b"uno;dos;tres\n1;2;3\n", "column", id="no known columns"),
    pytest.param(b"PK\x03\x04 not a workbook", "", id="a broken workbook"),
    pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "", id="a picture"),
]


@pytest.mark.parametrize(("content", "words"), REFUSED)
def test_a_refused_file_leaves_nothing_but_its_reason(
    world: MakeWorld, tmp_path: Path, content: bytes, words: str
) -> None:
    here = world(EARLY)
    path = tmp_path / "list.xlsx"
    path.write_bytes(content)
    batch_id = load(here, path)
    batch = batch_of(here, batch_id)
    assert batch["status"] == "refused"
    assert batch["reason"]
    assert words in batch["reason"].lower()
    assert left_behind(here) == {"batches": 1}
    here.run_until(local(2026, 11, 23, 12, 0))
    assert batch_of(here, batch_id)["status"] == "refused"
    corrected = submitting.submit(here.context, path, Order(use_case="debt_collection"))
    assert corrected.is_new  # the file's key is free again
    assert here.violations() == []


def test_a_loader_that_dies_at_any_write_of_a_refusal_leaves_at_most_the_file_to_the_clean_up(
    world: MakeWorld, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(b"uno;dos\n1;2\n")
    here = world(EARLY)
    for nth in range(1, 30):
        submitted = submitting.submit(here.context, path, Order(use_case="debt_collection", again=True))
        here.doom("LoadBatch", nth=nth, action=die)
        here.send([LoadBatch(submitted.batch_id)])
        here.run_for(minutes=4)
        assert batch_of(here, submitted.batch_id)["status"] == "refused", nth
        assert left_behind(here).keys() <= {"batches", "uploads.files", "uploads.chunks"}, nth
        if not here.doom_struck:
            campaigns.clean_up(here.context, older_than_days=0)
            assert left_behind(here) == {}
            return
    raise AssertionError("a refusal makes more writes than that")


def test_a_submit_that_dies_at_any_write_shows_no_half_a_list(world: MakeWorld, tmp_path: Path) -> None:
    here = world(EARLY)
    path = write_list(tmp_path / "list.csv", [debtor(1)])
    for nth in range(1, 9):
        here.fuse.arm(nth, die)
        try:
            submitted = submitting.submit(here.context, path, Order(use_case="debt_collection"))
        except Died:
            here.run_for(minutes=5)
            assert here.database.batches.count_documents({}) == 0, nth
            assert here.violations() == []
            continue
        here.fuse.disarm()
        assert submitted.is_new
        here.run_for(minutes=2)  # its message was lost: the sweep finds it
        assert batch_of(here, submitted.batch_id)["status"] == "running"
        return
    raise AssertionError("submit makes more writes than that")


def test_a_list_whose_message_was_lost_is_found_by_the_sweep(world: MakeWorld, tmp_path: Path) -> None:
    here = world(EARLY)
    path = write_list(tmp_path / "list.csv", [debtor(1)])
    submitted = submitting.submit(here.context, path, Order(use_case="debt_collection"))
    here.run_for(minutes=2)
    assert batch_of(here, submitted.batch_id)["status"] == "running"


def test_a_list_that_is_loaded_over_the_hour_is_in_that_wave(world: MakeWorld, tmp_path: Path) -> None:
    """Loaded at 10:30 it waits for 12:00; the 9:00 wave of the day was never its own."""
    here = world(local(2026, 11, 23, 10, 30), script=OutcomeScript(endings={"": PROMISE}))
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(3)])
    here.run_until(local(2026, 11, 23, 11, 59))
    assert here.simulator.journal()["total_calls"] == 0
    here.run_until(local(2026, 11, 23, 12, 10))
    assert here.simulator.journal()["total_calls"] == 3
    assert waves_of(here, batch_id)["2026-11-23", "12:00"] == "open"
    assert here.violations() == []


def test_a_contact_of_an_unknown_country_is_suspended_with_the_reason(world: MakeWorld, tmp_path: Path) -> None:
    here = world(local(2026, 11, 23, 10, 0), script=OutcomeScript(endings={"": PROMISE}))
    path = tmp_path / "list.csv"
    path.write_text("nombre;telefono\nAna Soto;+56967000001\nJane Roe;+442079460958\n")
    batch_id = load(here, path, use_case="notification", pacing=Pacing.CONTINUOUS)
    here.run_for(hours=1)
    found = {job["nombre"]: job for job in here.database.call_jobs.find({"batch_id": batch_id})}
    rejected = here.database.rejected_rows.count_documents({"batch_id": batch_id})
    assert found["Ana Soto"]["status"] == "done"
    assert rejected + ("Jane Roe" in found) == 1
    if "Jane Roe" in found:
        assert found["Jane Roe"]["status"] == "suspended"
        assert "country" in found["Jane Roe"]["reason"]
    assert here.simulator.journal()["total_calls"] == 1
    assert here.violations() == []


def test_a_list_that_is_not_loaded_yet_is_not_paused_nor_cancelled_by_mistake(world: MakeWorld, tmp_path: Path) -> None:
    here = world(EARLY)
    path = write_list(tmp_path / "list.csv", [debtor(1)])
    batch_id = submitting.submit(here.context, path, Order(use_case="debt_collection")).batch_id
    for command in (campaigns.pause, campaigns.resume, campaigns.cancel):
        with pytest.raises(NotAllowed, match="received"):
            command(here.context, batch_id)
    here.run_for(minutes=2)
    assert batch_of(here, batch_id)["status"] == "running"
