"""Lines of the log: whose work they are of, valid JSON whoever wrote them, ids whole and phones masked."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import structlog

from config.settings import Settings
from speechai.logs import begin_work, configure_logs, correlation_id, end_work, is_well_formed

SAYS = """
import logging, warnings
from config.settings import Settings
from speechai.logs import begin_work, configure_logs
import structlog
configure_logs(Settings(log_format="json"))
begin_work("0123456789ab", task="tasks.finish", attempt_id="12345678901")
structlog.get_logger("ours").warning("said", why="called +56912345678\\nand 12.345.678-5", odd={"a": object()})
logging.getLogger("kombu.connection").error("lost %s: %r", "it", ValueError("bad\\nvalue \\udc80"))
warnings.warn("old\\nnews")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("celery.app.trace").exception("raised %s", "here")
"""


@pytest.fixture(autouse=True)
def nothing_bound() -> Any:
    end_work()
    yield
    end_work()


def test_every_line_is_json_with_the_cause_whoever_wrote_it() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True, timeout=60, check=True)
    ours, library, warning, failure = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["correlation_id"] for line in (ours, library, warning, failure)} == {"0123456789ab"}
    assert ours["attempt_id"] == "12345678901", "an id is searched for whole"
    assert ours["why"] == "called +569****5678\nand ****78-5"
    assert library["event"].startswith("lost it: ValueError")
    assert (warning["logger"], failure["logger"]) == ("py.warnings", "celery.app.trace")
    assert "ZeroDivisionError" in failure["exception"]


def test_work_that_begins_forgets_the_work_before() -> None:
    first = begin_work(job_id="j1")
    second = begin_work(batch_id="b2")
    assert first != second == correlation_id()
    assert structlog.contextvars.get_contextvars() == {"correlation_id": second, "batch_id": "b2"}
    end_work()
    assert correlation_id() is None


def test_threads_that_are_used_again_have_no_memory() -> None:
    def work(n: int) -> dict[str, Any]:
        begin_work(f"cause-{n}", **({"job_id": f"j{n}"} if n % 2 else {"attempt_id": f"a{n}"}))
        try:
            return dict(structlog.contextvars.get_contextvars())
        finally:
            end_work()

    with ThreadPoolExecutor(3) as threads:
        seen = list(threads.map(work, range(60)))
        left = list(threads.map(lambda _: correlation_id(), range(10)))
    for n, bound in enumerate(seen):
        about = {"job_id": f"j{n}"} if n % 2 else {"attempt_id": f"a{n}"}
        assert bound == {"correlation_id": f"cause-{n}", **about}
    assert left == [None] * 10


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [
        ("7f1c2d3e-0000-4000-8000-123456789012", True),
        ("01HZX3J9K2M4N5P6Q7R8S9T0V1", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("short", False),
        ("56912345678", False),
        ("+56912345678", False),
        ("-starts-with-a-dash", False),
        ("with space in it", False),
        ("line\nbreak-in-it", False),
        ("ends-with-a-line\n", False),
        ("ñandú-ñandú", False),
        ("٣٣٣٣٣٣٣٣٣", False),
        ("", False),
    ],
)
def test_an_id_that_somebody_else_made_is_plain_and_no_telephone(given: str, is_taken: bool) -> None:
    assert is_well_formed(given) is is_taken


def test_configuring_twice_writes_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        for _ in range(2):
            configure_logs(Settings(log_format="json"))
        logging.getLogger("one").warning("once")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("also once", stacklevel=1)
        assert len(capsys.readouterr().err.splitlines()) == 2
    finally:
        logging.captureWarnings(False)
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
