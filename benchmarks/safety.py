"""What the safety of one call costs: attempt record, fences, slot, turns, money, against a dialler that has none.

The naive dialler is a bare Celery task with one POST and the three writes that it needs (the call, its id, its result),
a GET and the same messages; it would dial twice after a crash, call at night and over any limit. Beside the throughput:
every command that one call of the product sends to MongoDB, by the function of the store that asks.
"""

from __future__ import annotations

import os
import statistics
from collections import defaultdict

from benchmarks.calls import against_floor, installation
from benchmarks.counting import WRITES, Commands, counted_context
from benchmarks.lists import one_call

NAIVE_WRITES = (2, 0, 0)
"""In place: an insert, and the update with the id of the call; the poll writes none; finish the result (floor.py)."""
STEPS = ("place", "poll", "finish")
REPEATED = int(os.environ.get("BENCH_RUNS", "20"))


def main() -> None:
    with installation() as environ:
        commands = profile()
        writes, reads = (sum(counts[step] for step in STEPS) for counts in (commands.writes, commands.reads))
        print(f"database commands a call: {writes} writes, {reads} reads")
        against_floor(environ, NAIVE_WRITES)


def profile() -> Commands:
    """Counts one call and prints who asked what, and the median time of each answer over REPEATED calls."""
    from config.settings import get_settings

    context, commands = counted_context(get_settings())
    waits = defaultdict[tuple[str, str, str], list[float]](list)
    for turn in range(REPEATED):
        one_call(context, commands, batch_id=f"profile{turn}")
        for asker, waited in commands.waited_ms.items():
            waits[asker].append(waited)
    for (step, function, command), count in commands.askers.items():
        if step not in STEPS:
            continue
        kind = "write" if command in WRITES else "read"
        took = statistics.median(waits[step, function, command])
        print(f"{step:7} {count} {kind:5} {took:6.2f} ms  {function} ({command})")
    return commands


if __name__ == "__main__":
    main()
