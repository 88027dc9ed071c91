"""Resident memory of each process of the Procfile at rest, ten seconds after its start."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.harness import servers, workers

GROUPS = {"dial": 8, "poll": 8, "work": 2}


def main() -> None:
    with servers() as environ:
        environ |= {"RETELL_BASE_URL": "http://127.0.0.1:1", "LOG_LEVEL": "WARNING"}
        with workers("tasks", GROUPS, environ) as processes:
            time.sleep(10)
            for name, process in zip(GROUPS, processes, strict=True):
                print(f"{name:6} {resident_mib(process.pid):6.1f} MiB")


def resident_mib(pid: int) -> float:
    """VmRSS of a process, from /proc."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


if __name__ == "__main__":
    main()
