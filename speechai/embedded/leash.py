"""Child processes that are found again after their starter was killed.

Enters: a command and a state file. Leaves: a process that holds an flock on that file for as long as it, or a child of
its own, lives: the descriptor is inherited, so the kernel lets go whatever the process dies of. That tells a live
process from a dead one without trusting a process number that may have been given to somebody else. `servers.py` and
`processes.py` start everything this way.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

KILL_SECONDS = 5.0
"""How long a killed process may take to disappear."""
REPEAT_SECONDS = 0.5


def launch(
    command: Sequence[str],
    state: Path,
    *,
    output: int | IO[bytes],
    cwd: Path,
    environ: Mapping[str, str],
    facts: Mapping[str, int],
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C in the terminal does not reach it.

    The state file then holds its process number and `facts`. Raises OSError, BlockingIOError where the file is held.
    """
    state.parent.mkdir(parents=True, exist_ok=True)
    with state.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        file.truncate(0)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=environ,
            start_new_session=True,
            pass_fds=[file.fileno()],
        )
        json.dump({"pid": process.pid, **facts}, file)
    return process


def is_held(state: Path) -> bool:
    """Whether the process lives. Asked with a shared lock, so that two who ask at once do not see each other."""
    try:
        with state.open() as probe:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def facts_of(state: Path) -> dict[str, int] | None:
    """What the state file holds (`pid` and the facts), None where its writer was killed before it wrote."""
    try:
        facts = json.loads(state.read_text())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and "pid" in facts else None


def end(state: Path, pid: int, *, grace_seconds: float, is_deaf: Callable[[], bool] = lambda: False) -> None:
    """SIGTERM, a grace, SIGKILL to its whole session. Does nothing for a process that is already gone.

    SIGTERM goes to the process alone: a prefork worker's children would lose their task to it. `is_deaf` is asked while
    waiting; as long as it says yes, SIGTERM is repeated.
    """
    for kill, signum, seconds in ((os.kill, signal.SIGTERM, grace_seconds), (os.killpg, signal.SIGKILL, KILL_SECONDS)):
        if not is_held(state):
            return
        with suppress(ProcessLookupError):
            kill(pid, signum)
        started = heard_at = time.monotonic()
        while is_held(state) and time.monotonic() < started + seconds:
            time.sleep(0.02)
            if is_deaf() and time.monotonic() > heard_at + REPEAT_SECONDS:
                heard_at = time.monotonic()
                with suppress(ProcessLookupError):
                    kill(pid, signum)


def tail(log: Path, *, start: int = 0, lines: int = 15) -> str:
    """The last `lines` lines that were written after byte `start`, indented; a remark where there are none."""
    try:
        with log.open("rb") as written:
            written.seek(start)
            text = written.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        text = []
    return indented(text[-lines:])


def indented(lines: Iterable[str]) -> str:
    """What a process said, as it is shown inside a message."""
    return "\n".join(f"  {line}" for line in lines) or "  (nothing)"
