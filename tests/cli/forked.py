"""The command as a process of its own, without the second or two that every interpreter needs for its imports.

Enters a command line with its folder and environment; leaves exit code and output. A process that has imported what
commands import (`SERVER`) is forked for each of them: memory, environment, folder and exit code are the command's own.
Nothing that reads the environment while it is imported may be imported before the fork: `tasks` is not. What a real
start does beside that (`python -m speechai`, lazy imports, the first line of the output) is tested in `test_usage`,
`test_running` and `test_enqueue` by real starts.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 100.0
IMPORTED = (
    "celery",
    "kombu.transport.redis",
    "redis",
    "rich.console",
    "speechai.cli.main",
    "speechai.cli.session",
    "speechai.embedded.processes",
    "speechai.operation.explaining",
    "speechai.operation.ingest",
    "speechai.operation.loading",
    "speechai.operation.planning",
    "speechai.operation.reports",
    "speechai.operation.restoring",
    "speechai.operation.submitting",
    "speechai.retell.simulator",
    "speechai.store.indexes",
)


class Forks:
    """One server process, started at the first command."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[str] | None = None

    def run(
        self, arguments: Sequence[str], *, folder: Path, environ: Mapping[str, str], output: Path
    ) -> tuple[int, str, str]:
        """Runs one command line in `folder`; exit code (negative: the signal that ended it), standard output, error.

        Raises TimeoutError after SECONDS; the command is killed then.
        """
        server = self._server or self._start()
        assert server.stdin is not None
        assert server.stdout is not None
        out, err = output / "out", output / "err"
        order = {"arguments": list(arguments), "folder": str(folder), "environ": dict(environ), "out": str(out)}
        server.stdin.write(json.dumps({**order, "err": str(err)}) + "\n")
        server.stdin.flush()
        if not select.select([server.stdout], [], [], SECONDS)[0]:
            os.killpg(server.pid, 9)
            self._server = None
            raise TimeoutError(f"{arguments} took more than {SECONDS:g} s; it said: {err.read_text()}")
        return int(server.stdout.readline()), out.read_text("utf-8"), err.read_text("utf-8")

    def close(self) -> None:
        """Ends the server."""
        if self._server is not None:
            self._server.communicate(timeout=SECONDS)

    def _start(self) -> subprocess.Popen[str]:
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.cli.forked"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self._server


def serve() -> None:
    """The server: an order a line, answered by the exit code of its process; ends with its input."""
    for name in IMPORTED:
        __import__(name)
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


def _become(order: Mapping[str, Any]) -> None:
    from speechai.cli.main import run

    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environ"])
    time.tzset()
    for number, path, mode in ((0, os.devnull, "r"), (1, order["out"], "w"), (2, order["err"], "w")):
        with open(path, mode) as file:  # noqa: PTH123 - a descriptor is wanted
            os.dup2(file.fileno(), number)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
    run(order["arguments"])


if __name__ == "__main__":
    serve()
