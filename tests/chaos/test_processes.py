"""What the strikes rest on: a process that is killed stays down until it is started, one that ends is started again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from . import processes
from .processes import Process, stop_all
from .site import wait_until


def process_of(command: str, folder: Path) -> Process:
    return Process("one", ["/bin/sh", "-c", command], environ=os.environ, log=folder / "one.log", cwd=folder)


def test_a_killed_process_is_left_alone_and_one_that_ended_by_itself_is_started_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "RESTART_SECONDS", 0.0)
    one = process_of("echo started", tmp_path)

    def starts() -> int:
        one.tend()
        return (tmp_path / "one.log").read_text().count("started")

    one.start()
    wait_until(lambda: starts() >= 2, "its second start", seconds=10)
    assert one.ended_by_itself >= 1
    one.kill()
    before = starts()
    one.tend()
    assert (starts(), one.is_alive) == (before, False)


def test_a_process_that_does_not_hear_the_request_to_stop_is_killed_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.3)
    deaf = process_of("trap '' TERM; echo deaf; while :; do sleep 1; done", tmp_path)
    deaf.start()
    wait_until(lambda: "deaf" in (tmp_path / "one.log").read_text(), "the trap", seconds=10)
    assert stop_all([deaf]) == ["one"]
    assert not deaf.is_alive
