"""Counts of many processes in one folder: they add up, whoever dies, and never stop whoever counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = """
import json, os, sys
from pathlib import Path
from speechai import metrics
from speechai.metrics import CallStep, count_call, counts_of_all, share_counts, time_request

def total():
    found = [s.value for f in counts_of_all().collect() for s in f.samples if s.name == "speechai_calls_total"]
    return sum(found)

folder = Path(sys.argv[1])
"""


def run(folder: Path, code: str, *, ends_with: int = 0) -> list[str]:
    """What `code` prints in a process of its own that begins with COUNT; `folder` is its data folder."""
    done = subprocess.run(
        [sys.executable, "-c", COUNT + code, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == ends_with, done.stderr
    return done.stdout.split()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "metrics").glob("*.db"))


def test_totals_go_on_after_every_death_and_a_file_is_never_left_behind(tmp_path: Path) -> None:
    dies = "share_counts(folder); count_call(CallStep.PLACED); count_call(CallStep.REFUSED)\n"
    for _ in range(3):
        run(tmp_path, dies + f"os.kill(os.getpid(), {signal.SIGKILL:d})", ends_with=-signal.SIGKILL)
    assert run(tmp_path, "share_counts(folder); count_call(CallStep.PLACED); print(total())") == ["7.0"]
    assert files(tmp_path) == ["counter_0.db", "histogram_0.db"]


def test_processes_at_the_same_time_have_a_file_each_and_one_sum(tmp_path: Path) -> None:
    code = """
share_counts(folder)
count_call(CallStep.PLACED)
pids = []
for _ in range(3):
    pid = os.fork()
    if pid == 0:
        for _ in range(1_000):
            count_call(CallStep.PLACED)
            time_request("get-call", "2xx", 0.3)
        os.read(0, 1)  # until all have counted
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
count_call(CallStep.PLACED)
print(total())
samples = [s for f in counts_of_all().collect() for s in f.samples]
print(sum(s.value for s in samples if s.name == "speechai_retell_request_seconds_count"))
"""
    assert run(tmp_path, code) == ["3002.0", "3000.0"]
    assert 4 <= len(files(tmp_path)) <= 8


def test_a_parent_that_dies_gives_its_seat_up_while_its_child_lives(tmp_path: Path) -> None:
    """The child has inherited the lock of its parent's seat."""
    code = """
share_counts(folder)
count_call(CallStep.PLACED)
told, tell = os.pipe()
if os.fork() == 0:
    count_call(CallStep.PLACED)
    os.write(tell, b".")
    sys.stdout.close()
    import time
    time.sleep(20)
    os._exit(0)
os.read(told, 1)
os._exit(0)
"""
    command = [sys.executable, "-c", COUNT + code, str(tmp_path)]
    parent = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        assert parent.wait(30) == 0
        assert run(tmp_path, "share_counts(folder); count_call(CallStep.PLACED); print(total())") == ["3.0"]
        assert files(tmp_path) == ["counter_0.db", "counter_1.db", "histogram_0.db", "histogram_1.db"]
    finally:
        os.killpg(parent.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "trouble",
    [
        "folder.write_text('')",  # a file stands where the folder should be
        "(folder / 'metrics').mkdir(parents=True); (folder / 'metrics' / 'seat-0.lock').mkdir()",
        # A full disk, as far as a test can make one.
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))",
    ],
    ids=["no folder", "no lock", "no space"],
)
def test_a_folder_that_cannot_be_used_costs_the_sum_and_nothing_else(tmp_path: Path, trouble: str) -> None:
    code = f"{trouble}\nprint(share_counts(folder)); count_call(CallStep.PLACED); print(total())"
    assert run(tmp_path / "data", code)[-2:] == ["False", "1.0"]


def test_a_folder_that_goes_away_stops_nobody(tmp_path: Path) -> None:
    code = """
import shutil
share_counts(folder)
count_call(CallStep.PLACED)
shutil.rmtree(folder)
count_call(CallStep.PLACED)
if os.fork() == 0:
    count_call(CallStep.PLACED)
    print("alive", flush=True)
    os._exit(0)
os.wait()
print("alive")
"""
    assert [word for word in run(tmp_path / "data", code) if word == "alive"] == ["alive", "alive"]


@pytest.mark.parametrize("content", [b"\xff" * 4096, b"\x40\x00\x00\x00" + b"\x07" * 4000, b"\x01"])
def test_a_file_that_a_power_cut_has_spoilt_is_begun_anew_and_hides_no_other(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    for name in ("counter_0.db", "counter_7.db"):  # the first is taken by the next process, the other by nobody
        (folder / name).write_bytes(content)
    told = run(tmp_path, "print(share_counts(folder)); count_call(CallStep.PLACED); print(total())")
    assert told[-2:] == ["True", "1.0"]


def test_known_series_begin_at_zero_so_that_the_first_event_is_an_increase(tmp_path: Path) -> None:
    code = """
share_counts(folder)
metrics.declare(outcomes=["busy"], use_cases=["survey"], tasks=["tasks.sweep"], webhooks=[("call_ended", "passed_on")])
print(json.dumps([[s.name, s.value] for f in counts_of_all().collect() for s in f.samples]))
"""
    told = json.loads(" ".join(run(tmp_path, code)))
    assert {value for _, value in told} == {0.0}
    names = {name for name, _ in told}
    assert {"speechai_outcomes_total", "speechai_finds_total", "speechai_messages_unsent_total"} <= names
