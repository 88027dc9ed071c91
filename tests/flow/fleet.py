"""Real worker processes for a test: started, killed and started again, as a supervisor and bad luck would."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

GROUPS = {
    "dial": ("-Q", "dial", "-P", "threads", "-c", "6"),
    "poll": ("-Q", "poll,work", "-P", "threads", "-c", "6"),
    "files": ("-Q", "files", "-P", "prefork", "-c", "1"),
}


class Fleet:
    """The processes of the Procfile, in fewer groups. Output goes to a file each in `folder`."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self._environ, self._folder = dict(environ), folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        """Starts the named groups, or all and beat."""
        for name in names or (*GROUPS, "beat"):
            command = [sys.executable, "-m", "celery", "-A", "tasks"]
            if name == "beat":
                command += ["beat", "-s", str(self._folder / "beat"), "--pidfile=", "--loglevel", "WARNING"]
            else:
                command += ["worker", "-n", f"{name}@test", *GROUPS[name], "--loglevel", "WARNING"]
            with (self._folder / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    command, env=self._environ, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
                )

    def kill(self, name: str) -> None:
        """SIGKILL, in the middle of whatever it does; the children of a prefork group die with it."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """SIGTERM to all, and the end of each."""
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def kill_and_restart(self, chance: random.Random) -> str:
        """Kills one of the calling groups and starts it again, as a supervisor does; returns which."""
        name = chance.choice(("dial", "poll"))
        self.kill(name)
        self.start(name)
        return name

    def logs(self) -> str:
        """The end of every log, for the message of a failed test."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-2_000:]}" for log in sorted(self._folder.glob("*.log")))


def wait_for(done: Callable[[], bool], fleet: Fleet, *, seconds: float = 90.0) -> None:
    """Waits until `done()`; fails with the workers' logs when it takes too long."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise AssertionError(f"not done after {seconds:.0f} s\n{fleet.logs()}")
        time.sleep(0.25)
