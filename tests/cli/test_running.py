"""Processes that stay up: the simulator alone, and everything, from the first line to Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from speechai.cli.running import webhook_url_here
from tests.cli.conftest import HEADER, PEOPLE, Command, csv
from tests.flow.lists import debtor, write_list
from tests.ports import quiet_port

FAST = {
    "CALL_POLLING_INTERVAL": "0.5",
    "RETRY_DELAY_MINUTES": "0.02",
    "NO_ANSWER_RETRY_MINUTES": "0.02",
    "DISPATCH_INTERVAL_SECONDS": "0.5",
    "SWEEP_INTERVAL_SECONDS": "1",
    "ANALYSIS_WAIT_SECONDS": "1",
    "RETELL_CALLS_PER_SECOND": "10",
    "WORKER_COUNT": "2",
}


@contextmanager
def staying_up(command: Command, *arguments: object, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A command in the background, its output in `out`; killed where the test has not ended it."""
    with (command.folder / "out").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "speechai", *map(str, arguments)],
            cwd=command.folder,
            env=command.environ(settings),
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def said(command: Command, text: str, seconds: float = 60) -> str:
    """The output, once `text` stands in it."""
    deadline = time.monotonic() + seconds
    while text not in (output := (command.folder / "out").read_text()):
        assert time.monotonic() < deadline, output
        time.sleep(0.05)
    return output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_simulator_answers_and_ends_cleanly(alone: Command, number: signal.Signals) -> None:
    with staying_up(alone, "simulator", "--port", "0", "--factor", "60", "--seed", "1") as process:
        base_url = said(alone, "RETELL_BASE_URL=").partition("RETELL_BASE_URL=")[2].split()[0]
        with urlopen(f"{base_url}/simulator/clock", timeout=10) as answer:
            assert json.load(answer)["factor"] == 60
        process.send_signal(number)
        assert process.wait(20) == 0


def test_the_simulator_says_that_its_port_is_taken(alone: Command) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = alone("simulator", "--port", other.getsockname()[1])
    assert done.code == 1
    assert "cannot listen" in done.message()


@pytest.mark.timeout(240)
def test_up_calls_lists_to_their_end_whatever_dies_and_leaves_nothing_running(alone: Command, tmp_path: Path) -> None:
    people = csv(tmp_path / "people.csv", HEADER, *PEOPLE)
    settings = {**FAST, "FLOWER_PORT": str(quiet_port()), "WEB_PORT": str(quiet_port())}
    with staying_up(alone, "up", "--factor", "120", **settings) as up:
        output = said(alone, "Flower: http://127.0.0.1:")
        assert "nobody's phone rings" in output
        said(alone, f"Web: http://127.0.0.1:{settings['WEB_PORT']}; calls send their webhooks there")
        done = alone(
            "enqueue", people, "--use-case", "debt_collection", "--pacing", "continuous", "--policy", "always",
            "--wait", "--json", **settings,
        )  # fmt: skip
        assert done.code == 0, done.err
        assert done.json["result"]["jobs"]["done"] + done.json["result"]["jobs"]["failed"] == 2
        assert done.json["result"]["calls"] >= 2
        said(alone, "a webhook: the call is looked at now", 10)
        examined = alone("doctor", "--json", WEBHOOK_URL="https://calls.example.com/webhooks/retell", **settings)
        doctor = {check["subject"]: check["grade"] for check in examined.json}
        assert [doctor[f"queue {name}"] for name in ("dial", "poll", "work", "files")] == ["ok"] * 4
        assert (doctor["beat"], doctor["embedded servers"], doctor["Retell"]) == ("ok", "ok", "ok")
        assert (doctor["scans"], doctor["web"]) == ("ok", "ok")
        second = alone("up", **settings)
        assert second.code == 1
        assert "already runs the workers" in second.message()
        assert alone("batches", "--json", **settings).code == 0  # the first one's servers and note are untouched
        assert (tmp_path / ".data" / "simulator.json").is_file()
        for name, called in (("mongo", "The embedded MongoDB (SecantusDB)"), ("crew-dial", "dial")):
            os.kill(json.loads((tmp_path / ".data" / "locks" / name).read_text())["pid"], signal.SIGKILL)
            said(
                alone, f"{called} ended by itself with exit code -9 (SIGKILL); it is started again in 1 s (restart 1)."
            )
        others = write_list(tmp_path / "others.csv", [debtor(1), debtor(2)])
        later = alone(
            "enqueue", others, "--use-case", "debt_collection", "--pacing", "continuous", "--policy", "always",
            "--wait", "--json", **settings,
        )  # fmt: skip
        assert later.code == 0, later.err
        assert later.json["result"]["jobs"]["done"] + later.json["result"]["jobs"]["failed"] == 2
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == 0
    assert not (tmp_path / ".data" / "simulator.json").exists()
    assert not _processes_of(tmp_path)


@pytest.mark.parametrize(
    ("address", "host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("box", "box")],
)
def test_the_simulator_finds_the_web_service_wherever_it_listens(address: str, host: str) -> None:
    assert webhook_url_here(address, 8000) == f"http://{host}:8000/webhooks/retell"


def _processes_of(folder: Path) -> list[str]:
    """Processes that still work in the folder: servers, workers, the simulator."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and str(folder) in " ".join([*process.cmdline(), process.cwd()]):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found
