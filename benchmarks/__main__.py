"""Runs the benchmarks named on the command line, or all of them, in this order."""

from __future__ import annotations

import sys

from benchmarks import calls, due_scan, faults, ingest, memory, planning, recovery, safety, sweep, webhooks

BENCHMARKS = {
    "memory": memory.main,
    "calls": calls.main,
    "ingest": ingest.main,
    "due_scan": due_scan.main,
    "planning": planning.main,
    "webhooks": webhooks.main,
    "safety": safety.main,
    "faults": faults.main,
    "sweep": sweep.main,
    "recovery": recovery.main,
}


def main() -> int:
    names = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; known are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names:
        print(f"\n## {name}\n", flush=True)
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
