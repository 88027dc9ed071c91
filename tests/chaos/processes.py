"""One process that is started, struck and started again, as a supervisor and bad luck would.

Enters a command with its environment and log; leaves signals sent and processes started. Each has a session of its own,
so that a kill takes its children with it and Ctrl-C in the terminal reaches none of them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 60.0
"""After SIGTERM, as docs/settings.md asks of a supervisor."""
RESTART_SECONDS = 1.0
"""Before a process that ended by itself is started again."""


class Process:
    """A command that should be running from `start` on. Not for two threads at once."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        log: Path,
        cwd: Path,
        ready_words: bytes = b"",
    ) -> None:
        self.name = name
        self.is_wanted = False
        self.ended_by_itself = 0
        self._command, self._environ, self._log, self._cwd = list(command), dict(environ), log, cwd
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_at: float | None = None
        self._ready_words, self._is_ready, self._log_at = ready_words, False, 0

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def is_ready(self) -> bool:
        """Whether it lives, and has said its `ready_words` since it was started."""
        if not self._is_ready and self.is_alive:
            with self._log.open("rb") as log:
                log.seek(self._log_at)
                self._is_ready = self._ready_words in log.read()
        return self._is_ready and self.is_alive

    def start(self) -> None:
        """Starts it; what is left of an earlier one is killed first."""
        self.kill()
        self.is_wanted, self._is_ready = True, False
        self._log_at = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL to it and its children; nothing happens where it is gone."""
        self.is_wanted = False
        self._send(signal.SIGKILL, to_children=True)
        if self._process is not None:
            self._process.wait()
            # The children of one that ended before them.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """SIGTERM to the process alone; its children are its own to stop."""
        self.is_wanted = False
        self._send(signal.SIGTERM)

    def pause(self) -> None:
        self._send(signal.SIGSTOP, to_children=True)

    def go_on(self) -> None:
        self._send(signal.SIGCONT, to_children=True)

    def tend(self) -> None:
        """Starts it again where it ended although nobody asked it to."""
        if not self.is_wanted or self.is_alive:
            self._ended_at = None
        elif self._ended_at is None:
            self._ended_at = time.monotonic()
            self.ended_by_itself += 1
        elif time.monotonic() > self._ended_at + RESTART_SECONDS:
            self._ended_at = None
            self.start()

    def _send(self, signum: signal.Signals, *, to_children: bool = False) -> None:
        if self._process is not None and self._process.poll() is None:
            with suppress(ProcessLookupError):
                (os.killpg if to_children else os.kill)(self._process.pid, signum)


def stop_all(processes: Sequence[Process]) -> list[str]:
    """SIGTERM to all, and the end of each; names those that had to be killed."""
    for process in processes:
        process.ask_to_stop()
    end = time.monotonic() + STOP_SECONDS
    while any(process.is_alive for process in processes) and time.monotonic() < end:
        time.sleep(0.05)
    late = [process.name for process in processes if process.is_alive]
    for process in processes:
        process.kill()
    return late
