"""Running the Procfile: together, in order, to a clean end, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from config.settings import Settings, load_settings
from speechai.embedded import crew as crews
from speechai.embedded import restarts
from speechai.embedded.processes import environ_for, run_procfile, running_procfile
from speechai.errors import ConfigurationError, Unavailable

ROOT = Path(__file__).parents[2]
UP = """
import os, sys
from pathlib import Path
from speechai.embedded import restarts
from speechai.embedded.processes import run_procfile
restarts.FIRST_WAIT_SECONDS = float(os.environ.get("FIRST_WAIT", "1"))
extra = {"extra": "python -c 'import time; time.sleep(60)'"}
losses = {"polite": "Something is lost."}
sys.exit(run_procfile(Path(sys.argv[1]), os.environ, extra, losses=losses))
"""
POLITE = """
import os, pathlib, signal, sys, time
place = pathlib.Path(sys.argv[1])
def leave(*_):
    place.joinpath("said-goodbye").touch()
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
child = os.fork()
if not child:
    signal.signal(signal.SIGTERM, lambda *_: place.joinpath("child-was-signalled").touch())
    time.sleep(60)
place.joinpath("ready").touch()
print("ready with", os.environ["DATA_DIR"])
time.sleep(60)
"""


def environ_in(folder: Path) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}


def procfile_of(folder: Path, **commands: str) -> Path:
    path = folder / "Procfile"
    path.write_text("".join(f"{name}: {command}\n" for name, command in commands.items()))
    return path


def polite(folder: Path) -> str:
    (folder / "polite.py").write_text(POLITE)
    return f"python {folder / 'polite.py'} {folder}"


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def alive(folder: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["cwd"]) if p.info["cwd"] == str(folder)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """A command that runs a Procfile, as an operator's; what it prints goes to `out`."""

    process: subprocess.Popen[bytes]
    out: Path

    def printed(self) -> str:
        return self.out.read_text()

    def wait_for(self, text: str) -> None:
        wait_for(lambda: text in self.printed())

    def stop(self) -> int:
        """SIGINT, and the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


@contextmanager
def up_in(folder: Path, **commands: str) -> Iterator[Up]:
    """The command on a Procfile of these commands."""
    command = [sys.executable, "-c", UP, str(procfile_of(folder, **commands))]
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(command, env=environ_in(folder), stdout=out)
    try:
        yield Up(process=process, out=folder / "out")
    finally:
        process.terminate()
        process.wait(40)
    assert alive(folder) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_with_exit_code_0(tmp_path: Path, signum: int) -> None:
    procfile = procfile_of(tmp_path, polite=polite(tmp_path))
    command = [sys.executable, "-c", UP, str(procfile)]
    with subprocess.Popen(command, env=environ_in(tmp_path), stdout=subprocess.PIPE, text=True) as up:
        wait_for((tmp_path / "ready").exists)
        assert len(alive(tmp_path)) == 3, "the extra process, the polite one and its child"
        up.send_signal(signum)
        printed = up.communicate(timeout=60)[0]
    assert up.returncode == 0
    assert f"ready with {tmp_path / 'data'}" in printed
    assert (tmp_path / "said-goodbye").exists(), "SIGTERM, not SIGKILL"
    assert not (tmp_path / "child-was-signalled").exists(), "the children of a prefork worker keep their task"
    assert alive(tmp_path) == []


def test_one_that_ends_by_itself_is_started_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    mortal = f"sh -c 'echo run >> {runs}; test $(wc -l < {runs}) -ge 3 && exec sleep 60; exit 3'"
    with up_in(tmp_path, good="sleep 60", mortal=mortal) as up:
        up.wait_for("(restart 2)")
        wait_for(lambda: runs.read_text().count("run") == 3)
        assert up.printed().count("mortal ended by itself with exit code 3; it is started again in") == 2
        assert "started again in 1 s (restart 1)" in up.printed()
        assert "started again in 2 s (restart 2)" in up.printed()
        assert "good ended" not in up.printed()
        assert up.stop() == 0


def test_one_that_is_killed_is_followed_by_another_without_the_children_that_it_left(tmp_path: Path) -> None:
    with up_in(tmp_path, polite=polite(tmp_path)) as up:
        wait_for((tmp_path / "ready").exists)
        before = {process.pid for process in alive(tmp_path)}
        (tmp_path / "ready").unlink()
        polite_one = min(
            (process for process in alive(tmp_path) if "polite.py" in " ".join(process.cmdline())),
            key=lambda process: process.create_time(),
        )
        polite_one.kill()
        up.wait_for("polite ended by itself with exit code -9 (SIGKILL)")
        assert "Something is lost." in up.printed()
        wait_for((tmp_path / "ready").exists)
        after = {process.pid for process in alive(tmp_path)}
        assert len(after) == len(before) == 3, "the extra process, the polite one and its child"
        assert len(after & before) == 1, "of the killed one nothing is left, not even its child"
        assert up.stop() == 0
    assert (tmp_path / "said-goodbye").exists()


def test_one_that_cannot_even_start_ends_all_with_exit_code_1_and_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(restarts, "FIRST_WAIT_SECONDS", 0.01)
    procfile = procfile_of(tmp_path, good="sleep 60", bad="python -c 'print(\"cannot go on\"); raise SystemExit(3)'")
    started: list[bool] = []
    assert run_procfile(procfile, environ_in(tmp_path), on_started=lambda: started.append(True)) == 1
    assert started == [True]
    printed = capsys.readouterr().out
    assert printed.count("(restart ") == restarts.MOST_FAILED_STARTS - 1
    assert "bad cannot be kept running: 5 times in a row" in printed
    assert printed.rpartition("at last with exit code 3.")[2].count("cannot go on") == 1
    assert alive(tmp_path) == []


def test_ctrl_c_ends_the_wait_for_a_restart_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_WAIT", "30")
    with up_in(tmp_path, mortal="sh -c 'exit 3'") as up:
        up.wait_for("in 30 s (restart 1)")
        began = time.monotonic()
        assert up.stop() == 0
        assert time.monotonic() - began < 15


def test_in_the_background_their_output_is_in_files_and_they_end_with_the_context(tmp_path: Path) -> None:
    procfile = procfile_of(tmp_path, polite=polite(tmp_path))
    logs = tmp_path / "logs"
    with running_procfile(procfile, environ_in(tmp_path), logs, is_ready=(tmp_path / "ready").exists) as crew:
        crew.check()
        wait_for(lambda: "ready with" in (logs / "polite.log").read_text())
        crew.members[0].process.kill()
        crew.members[0].process.wait()
        with pytest.raises(Unavailable, match=r"polite ended by itself[\s\S]*ready with"):
            crew.check()
    assert alive(tmp_path) == [], "also the child of the one that was killed"


def test_one_that_dies_while_starting_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    procfile = procfile_of(tmp_path, good="sleep 60", bad="echo no such module; exit 5")
    with (
        pytest.raises(Unavailable, match=r"bad ended by itself.*[\s\S]*(no such module|not found)"),
        running_procfile(procfile, environ_in(tmp_path), tmp_path / "logs", is_ready=lambda: False),
    ):
        pytest.fail("the context must not open")
    assert alive(tmp_path) == []


def test_a_second_crew_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    procfile = procfile_of(tmp_path, one="sleep 60")
    with running_procfile(procfile, environ_in(tmp_path), tmp_path / "logs"):
        with (
            pytest.raises(Unavailable, match=rf"Process {os.getpid()} already runs the workers.*DATA_DIR"),
            running_procfile(procfile, environ_in(tmp_path), tmp_path / "logs"),
        ):
            pytest.fail("the context must not open")
        assert len(alive(tmp_path)) == 1


def test_what_a_killed_command_left_running_is_stopped_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crews, "GRACE_SECONDS", 3.0)
    procfile = procfile_of(tmp_path, polite=polite(tmp_path))
    command = [sys.executable, "-c", UP, str(procfile)]
    with subprocess.Popen(command, env=environ_in(tmp_path), stdout=subprocess.DEVNULL) as up:
        wait_for((tmp_path / "ready").exists)
        up.kill()
    assert len(alive(tmp_path)) == 3
    procfile = procfile_of(tmp_path, other="sleep 60")
    with running_procfile(procfile, environ_in(tmp_path), tmp_path / "logs"):
        # Its shell becomes it: on a busy machine a moment later.
        wait_for(lambda: [process.name() for process in alive(tmp_path)] == ["sleep"])
    assert (tmp_path / "said-goodbye").exists()


@pytest.mark.parametrize("content", [None, "", "no colon here\n", "one: sleep 1\none: sleep 2\n"])
def test_a_procfile_that_cannot_be_used_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "Procfile"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigurationError, match=str(path)):
        run_procfile(path, environ_in(tmp_path))


def test_the_processes_see_the_same_settings_as_the_command(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "data_dir": tmp_path,
            "redis_url": "redis://127.0.0.1:1/0",
            "retell_api_key": "key_0123456789abcdef",
            "retell_from_number": "+56223456789,+56223456780",
            "retell_webhook_keys": "key_of_today,key_of_tomorrow",
            "call_polling_interval": 0.25,
        }
    )
    written = environ_for(settings, {"PATH": "/bin", "CALL_POLLING_INTERVAL": "15"})
    assert written["PATH"] == "/bin"
    assert load_settings(written) == settings
