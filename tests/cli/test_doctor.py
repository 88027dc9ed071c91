"""`speechai doctor`: a line a check, what to do where something is wrong, and never a secret."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.settings import Settings
from speechai.cli.doctor_work import scans
from speechai.store import liveness
from speechai.store.liveness import Scan
from tests.cli.conftest import CLOSED, HEADER, PEOPLE, Command, Result, csv, loaded


def grades(done: Result) -> dict[str, str]:
    return {check["subject"]: check["grade"] for check in done.json}


def test_all_is_well_where_only_the_workers_are_not_started(served: Command) -> None:
    done = served("doctor", "--json")
    assert done.code == 0
    found = grades(done)
    assert (found["MongoDB"], found["indexes"], found["clock"], found["Redis"]) == ("ok",) * 4
    assert (found["Retell"], found["Retell lines"], found["workers"]) == ("ok", "ok", "warning")
    assert not {"scans", "web"} & found.keys(), "nothing has to run, and no call asks for webhooks"
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


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def ended(*, swept: float | None, dispatched: float | None) -> dict[str, datetime]:
    """The last ends of the scans, in seconds before NOW."""
    ages = {"last_swept_at": swept, "last_dispatched_at": dispatched}
    return {name: NOW - timedelta(seconds=age) for name, age in ages.items() if age is not None}


@pytest.mark.parametrize(
    ("last", "workers_answer", "grade", "words"),
    [
        pytest.param(ended(swept=140, dispatched=50), True, "ok", "last sweep 2 minutes ago", id="in time"),
        pytest.param(ended(swept=160, dispatched=2), True, "WRONG", "last sweep 3 minutes ago", id="no sweep"),
        pytest.param(ended(swept=10, dispatched=70), True, "WRONG", "last dispatch 70 s ago", id="no dispatch"),
        pytest.param(ended(swept=None, dispatched=2), True, "WRONG", "no sweep yet", id="never swept"),
        pytest.param({}, True, "warning", "no sweep yet, no dispatch yet", id="just started"),
        pytest.param(ended(swept=7_300, dispatched=7_300), False, "WRONG", "2 hours ago", id="nothing runs"),
        pytest.param({}, False, "WRONG", "lists that are called: 1", id="nothing ever ran"),
        pytest.param(ended(swept=10, dispatched=2), False, "ok", "10 s ago", id="they do not answer and work"),
        pytest.param(ended(swept=-5, dispatched=-5), True, "ok", "last sweep 0 s ago", id="a clock that is ahead"),
    ],
)
def test_scans_that_came_to_no_end_for_some_intervals_are_wrong(
    last: dict[str, datetime], workers_answer: bool, grade: str, words: str
) -> None:
    settings = Settings(sweep_interval_seconds=30, dispatch_interval_seconds=5)
    check = scans(settings, last, running=1, workers_answer=workers_answer, now=NOW)
    assert (check.subject, check.grade) == ("scans", grade)
    assert words in check.finding
    assert bool(check.remedy) is (grade != "ok")


def test_lists_that_nobody_calls_are_told(served: Command, tmp_path: Path) -> None:
    store = served.context().store
    people = csv(tmp_path / "people.csv", HEADER, *PEOPLE)
    loaded(served, people, "--use-case", "debt_collection", "--pacing", "continuous")
    liveness.note(store, Scan.SWEEP, datetime.now(UTC) - timedelta(hours=3))
    done = served("doctor", "--json")
    assert done.code == 1
    [found] = [check for check in done.json if check["subject"] == "scans"]
    assert "the last sweep 3 hours ago, no dispatch yet" in found["finding"]


def test_a_web_service_that_does_not_answer_is_a_warning_where_calls_ask_for_webhooks(served: Command) -> None:
    webhooks = {"WEBHOOK_URL": "https://calls.example.com/webhooks/retell", "WEB_PORT": CLOSED.partition(":")[2]}
    done = served("doctor", "--json", **webhooks)
    assert done.code == 0
    assert grades(done)["web"] == "warning"


class _NotReady(BaseHTTPRequestHandler):
    """Somebody who answers as the web service does while the broker is away."""

    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/ready" else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "unavailable", "mongodb": "ok", "broker": "unavailable"}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


def test_a_web_service_that_is_not_ready_is_told_with_the_part_that_is_away(served: Command) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _NotReady) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = served(
            "doctor", "--json", WEBHOOK_URL="https://calls.example.com/hook", WEB_PORT=str(server.server_port)
        )
        server.shutdown()
    [found] = [check for check in done.json if check["subject"] == "web"]
    assert found["grade"] == "warning"
    assert found["finding"].endswith("is not ready: broker is away")


def test_the_table_says_how_to_mend_it(served: Command) -> None:
    done = served("doctor", REDIS_URL=f"redis://{CLOSED}/0")
    assert done.code == 1
    assert "correct REDIS_URL" in done.out
