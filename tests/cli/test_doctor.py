"""`speechai doctor`: a line a check, what to do where something is wrong, and never a secret."""

from __future__ import annotations

import pytest

from tests.cli.conftest import CLOSED, Command, Result


def grades(done: Result) -> dict[str, str]:
    return {check["subject"]: check["grade"] for check in done.json}


def test_all_is_well_where_only_the_workers_are_not_started(served: Command) -> None:
    done = served("doctor", "--json")
    assert done.code == 0
    found = grades(done)
    assert (found["MongoDB"], found["indexes"], found["clock"], found["Redis"]) == ("ok",) * 4
    assert (found["Retell"], found["Retell lines"], found["workers"]) == ("ok", "ok", "warning")
    assert "key_simulator" not in done.out


@pytest.mark.parametrize(
    ("settings", "subject"),
    [
        ({"MONGO_URI": f"mongodb://me:s3cret@{CLOSED}/"}, "MongoDB"),
        ({"REDIS_URL": f"redis://:s3cret@{CLOSED}/0"}, "Redis"),
        ({"RETELL_BASE_URL": f"http://{CLOSED}"}, "Retell"),
        ({"RETELL_API_KEY": "key_s3cret_and_wrong"}, "Retell"),
        ({"RETELL_AGENT_ID": "agent_nobody"}, "Retell agent"),
        ({"RETELL_FROM_NUMBER": "+56229999999"}, "caller number"),
        ({"WORKER_COUNT": "many"}, "settings"),
    ],
)
def test_what_is_wrong_is_named_with_a_remedy(served: Command, settings: dict[str, str], subject: str) -> None:
    done = served("doctor", "--json", **settings)
    assert done.code == 1
    [wrong] = [check for check in done.json if check["grade"] == "wrong"]
    assert wrong["subject"] == subject
    assert wrong["remedy"]
    assert "s3cret" not in done.out + done.err
    assert "Traceback" not in done.err


def test_more_lines_than_retell_gives_are_a_warning(served: Command) -> None:
    done = served("doctor", "--json", RETELL_CONCURRENCY="500")
    assert done.code == 0
    assert grades(done)["Retell lines"] == "warning"


def test_the_table_says_how_to_mend_it(served: Command) -> None:
    done = served("doctor", REDIS_URL=f"redis://{CLOSED}/0")
    assert done.code == 1
    assert "correct REDIS_URL" in done.out
