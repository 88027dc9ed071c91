"""Wrong usage and wrong settings: exit code 2 and one message, before any server is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from speechai.cli.main import speechai
from tests.cli.conftest import CLOSED, ROOT, Command

HEAVY = ("pandas", "pymongo", "celery", "rich", "pydantic", "requests", "structlog")


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys, speechai.cli.main; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [(), *((name,) for name in sorted(speechai.commands))])
def test_every_command_explains_itself(alone: Command, name: tuple[str, ...]) -> None:
    done = alone(*name, "--help")
    assert done.code == 0
    assert "Usage: speechai" in done.out


def test_the_issue_s_commands_are_all_there() -> None:
    asked = (
        "enqueue batches batch pause resume cancel job retry reset-jobs cleanup report indexes doctor simulator up demo"
    )
    assert set(asked.split()) <= set(speechai.commands)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dial",), "No such command"),
        (("enqueue", "people.csv"), "--use-case"),
        (("enqueue", "nothing.xlsx", "--use-case", "debt_collection"), "does not exist"),
        (("enqueue", ".", "--use-case", "debt_collection"), "is a directory"),
        (("enqueue", "people.csv", "--use-case", "theft"), "there is no use case 'theft'; known are: debt_collection"),
        (("enqueue", "people.csv", "--use-case", "debt_collection", "--policy", "none"), "none"),
        (("enqueue", "people.csv", "--use-case", "debt_collection", "--policy", "always"), "refused against https"),
        (("enqueue", "people.csv", "--use-case", "debt_collection", "--pacing", "fast"), "'waves', 'continuous'"),
        (("enqueue", "people.csv", "--use-case", "debt_collection", "--map", "phone"), "MEANING=COLUMN"),
        (("enqueue", "people.csv", "--use-case", "debt_collection", "--map", "fone=TELEFONO"), "meanings are"),
        (("enqueue", "people.csv", "--use-case", "debt_collection", "--rejects", "no/out.xlsx"), "does not exist"),
        (("reset-jobs", "--status", "lost"), "not one of"),
        (("cleanup", "--older-than-days", "30"), "--yes"),
        (("cleanup", "--older-than-days", "-1", "--yes"), "-1"),
        (("report", "--format", "pdf"), "pdf"),
        (("report", "--output", "no/report.md"), "does not exist"),
        (("up", "--no-simulator"), "RETELL_API_KEY is not set"),
        (("simulator", "--port", "0", "--factor", "0"), "factor"),
        (("simulator", "--port", "0", "--script", "none.toml"), "none.toml"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_message(
    alone: Command, people: Path, arguments: tuple[str, ...], said: str
) -> None:
    done = alone(*arguments, MONGO_URI=f"mongodb://{CLOSED}", REDIS_URL=f"redis://{CLOSED}")
    assert (done.code, done.out) == (2, "")
    assert said in done.message()


@pytest.mark.parametrize("arguments", [("settings",), ("batches",), ("doctor",), ("up",)])
def test_a_wrong_setting_is_named_with_its_value(alone: Command, arguments: tuple[str, ...]) -> None:
    done = alone(*arguments, WORKER_COUNT="many", TIMEZONE="Mars/Olympus")
    said = done.out + done.err
    assert done.code == (1 if arguments == ("doctor",) else 2)
    assert "WORKER_COUNT=many" in said
    assert "TIMEZONE=Mars/Olympus" in said
    assert "Traceback" not in said


def test_settings_are_printed_without_secrets(alone: Command) -> None:
    done = alone("settings", "--json", RETELL_API_KEY="key_0123456789abcdef", MONGO_URI="mongodb://me:secret@h/")
    assert done.code == 0
    assert done.json["RETELL_API_KEY"] == "***cdef"
    assert done.json["MONGO_URI"] == "mongodb://***@h/"
    assert "0123456789" not in done.out + done.err


def test_a_reader_that_leaves_early_gets_no_traceback(alone: Command) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "speechai", "settings"],
        cwd=alone.folder,
        env=alone.environ({}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    assert "Exception ignored" not in err
