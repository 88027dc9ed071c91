"""`speechai enqueue`: dry runs that touch nothing, lists that are loaded, recognised, refused, followed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from openpyxl import load_workbook

from speechai.operation import campaigns
from speechai.operation.context import Context
from tests.cli.conftest import CLOSED, EXAMPLES, HEADER, PEOPLE, Command, csv, loaded, loader

ORDER = ("--use-case", "debt_collection", "--pacing", "continuous", "--policy", "always")


def test_a_dry_run_touches_no_server_and_writes_nothing(alone: Command, people: Path) -> None:
    done = alone(
        "enqueue", people, "--use-case", "debt_collection", "--dry-run", "--json",
        MONGO_URI=f"mongodb://{CLOSED}", REDIS_URL=f"redis://{CLOSED}", RETELL_BASE_URL=f"http://{CLOSED}",
    )  # fmt: skip
    assert done.code == 0
    assert [path.name for path in alone.folder.iterdir()] == ["people.csv"]
    assert done.json["counts"] == {
        "rows": 3, "accepted": 2, "merged": 0, "duplicate": 0, "rejected": 1, "blank": 0, "contacts": 2,
    }  # fmt: skip
    assert done.json["columns"]["phone"] == ["TELEFONO"]
    [rejection] = done.json["rejections"]
    assert (rejection["reason"], rejection["row"], rejection["column"], rejection["value"]) == (
        "phone_too_short", 4, "TELEFONO", "123",
    )  # fmt: skip


def test_a_dry_run_shows_contacts_without_their_phones_and_ids(alone: Command, people: Path) -> None:
    done = alone("enqueue", people, "--use-case", "debt_collection", "--dry-run")
    assert done.code == 0
    assert "Ana Soto" in done.out
    assert "15759500" not in done.out
    assert "988164510" not in done.out


def test_rejected_rows_come_back_as_a_workbook_that_can_be_sent_again(alone: Command, tmp_path: Path) -> None:
    list_ = EXAMPLES / "rechazos.xlsx"
    done = alone("enqueue", list_, "--use-case", "debt_collection", "--dry-run", "--json", "--rejects", "out.xlsx")
    again = alone("enqueue", tmp_path / "out.xlsx", "--use-case", "debt_collection", "--dry-run", "--json")
    counts = done.json["counts"]
    assert counts["rows"] == sum(counts[name] for name in ("accepted", "merged", "duplicate", "rejected"))
    assert again.json["counts"]["rows"] == counts["rejected"] > 0
    assert sum(rejection["rows"] for rejection in done.json["rejections"]) == counts["rejected"]


def test_a_column_without_a_known_name_is_mapped(alone: Command, tmp_path: Path) -> None:
    list_ = csv(tmp_path / "odd.csv", ("RUT", "NOMBRE", "donde llamo", "MONTO"), *PEOPLE)
    order = ("enqueue", list_, "--use-case", "debt_collection", "--dry-run", "--json")
    assert alone(*order).code == 1
    assert alone(*order, "--map", "phone=donde llamo").json["counts"]["contacts"] == 2


def test_a_list_becomes_a_batch_and_the_same_file_is_recognised(served: Command, people: Path) -> None:
    with loader(served):
        first = served("enqueue", people, *ORDER, "--name", "Marzo", "--rejects", "out.xlsx", "--json")
        second = served("enqueue", people, *ORDER, "--json")
        third = served("enqueue", people, *ORDER, "--again", "--json")
    assert (first.code, second.code, third.code) == (0, 0, 0)
    assert first.json["is_new"]
    assert first.json["name"] == "Marzo"
    assert first.json["counts"]["contacts"] == first.json["jobs"]["pending"] == 2
    assert [rejection["row"] for rejection in first.json["rejections"]] == [4]
    assert (second.json["is_new"], second.json["batch_id"]) == (False, first.json["batch_id"])
    assert "--again" not in second.out
    assert third.json["batch_id"] != first.json["batch_id"]
    sheet = load_workbook(served.folder / "out.xlsx").active
    assert sheet is not None
    assert [cell.value for cell in sheet[2]][:3] == ["19714001-1", "Eva Díaz", "123"]


def test_the_operator_reads_which_batch_a_known_file_is(served: Command, people: Path) -> None:
    batch_id = loaded(served, people)
    done = served("enqueue", people, *ORDER)
    assert done.code == 0
    assert batch_id in done.out
    assert "--again" in done.err


def test_a_list_that_no_worker_takes_is_safely_stored(served: Command, people: Path) -> None:
    code = (
        "from speechai.cli import sending; sending.UNTAKEN_SECONDS = 0.5\n"
        f"from speechai.cli.main import run; run({['enqueue', str(people), *ORDER]!r})"
    )
    done = _python(served, code)
    assert done.returncode == 0
    assert "no worker has taken it yet" in done.stderr
    [batch] = served("batches", "--json").json
    assert (batch["status"], batch["jobs"]) == ("received", {})


def test_a_list_that_the_worker_refuses_fails_and_leaves_nothing(served: Command, people: Path) -> None:
    against_retell = {name: value for name, value in served.settings.items() if name != "RETELL_BASE_URL"}
    with loader(Command(folder=served.folder, settings=against_retell)):
        done = served("enqueue", people, *ORDER)
    assert (done.code, done.out) == (1, "")
    assert "the policy 'always' is for a simulator" in done.message()
    store = served.context().store
    assert [batch["status"] for batch in store.batches.find()] == ["refused"]
    assert store.jobs.find_one() is None
    assert store.database["uploads.files"].find_one() is None


def test_waiting_ends_with_0_when_every_contact_is_final(served: Command, people: Path) -> None:
    with loader(served, campaigns.cancel):
        done = served("enqueue", people, *ORDER, "--wait", "--json")
    assert done.code == 0
    assert (done.json["status"], done.json["result"]["jobs"]["cancelled"]) == ("cancelled", 2)


def test_waiting_ends_with_1_and_the_reason_when_the_batch_is_paused(served: Command, people: Path) -> None:
    with loader(served, campaigns.pause):
        done = served("enqueue", people, *ORDER, "--wait")
    assert done.code == 1
    assert "paused by an operator" in done.out


def _suspend_all(context: Context, batch_id: str) -> None:
    context.store.jobs.update_many({"batch_id": batch_id}, {"$set": {"status": "suspended", "reason": "no credit"}})


def test_waiting_does_not_last_for_ever_on_suspended_contacts(served: Command, people: Path) -> None:
    with loader(served, _suspend_all):
        done = served("enqueue", people, *ORDER, "--wait")
    assert done.code == 1
    assert "suspended 2" in done.out


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MONGO_URI": f"mongodb://me:s3cret@{CLOSED}/"}, "MongoDB does not answer"),
        ({"REDIS_URL": f"redis://:s3cret@{CLOSED}/0"}, "Redis does not answer at redis://***@127.0.0.1:9"),
        ({"RETELL_BASE_URL": f"http://{CLOSED}"}, f"Retell does not answer at http://{CLOSED}"),
        ({"RETELL_API_KEY": "key_s3cret_and_wrong"}, "key"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_stored(
    served: Command, people: Path, settings: dict[str, str], said: str
) -> None:
    done = served("enqueue", people, *ORDER, **settings)
    assert (done.code, done.out) == (1, "")
    assert said in done.message()
    assert "s3cret" not in done.err
    store = served.context().store
    assert store.batches.find_one() is None
    assert store.database["uploads.files"].find_one() is None


def test_a_machine_without_the_key_sends_a_list_to_workers_that_have_it(served: Command, people: Path) -> None:
    with loader(served):
        done = served(
            "enqueue", people, "--use-case", "debt_collection", "--json", RETELL_API_KEY="", RETELL_BASE_URL=""
        )
    assert done.code == 0
    assert done.json["counts"]["contacts"] == 2


def test_a_list_of_which_no_row_can_be_used_fails(served: Command, tmp_path: Path) -> None:
    with loader(served):
        done = served("enqueue", csv(tmp_path / "bad.csv", HEADER, PEOPLE[2]), *ORDER)
    assert done.code == 1
    assert "no row could be used" in done.message()
    assert "phone_too_short" in done.out


def _python(command: Command, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=command.folder, env=command.environ({}), capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
