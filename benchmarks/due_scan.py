"""What a due scan costs as the list behind it grows: 100 due jobs among 10,000, 100,000 and 1,000,000 waiting ones.

Uses index `due` (batch_id, status, admitted, next_attempt_at): three equalities and a range, so that what waits is
never looked at.
"""

from __future__ import annotations

import os
import statistics
import time
from datetime import UTC, datetime, timedelta

from benchmarks.harness import servers

SIZES = [int(size) for size in os.environ.get("BENCH_WAITING", "10000,100000,1000000").split(",")]
DUE = 100


def main() -> None:
    with servers() as environ:
        os.environ.update(environ)
        from config.settings import load_settings
        from speechai.store.connection import connect
        from speechai.store.indexes import create_indexes

        store = connect(load_settings(environ))
        create_indexes(store)
        now = datetime.now(UTC).replace(microsecond=0)
        for size in SIZES:
            batch_id = f"waiting-{size}"
            fill(store, batch_id, size, now)
            print(f"{size:>9,} waiting: {scan_ms(store, batch_id, now):6.2f} ms a scan (median of 50)", flush=True)


def fill(store: object, batch_id: str, size: int, now: datetime) -> None:
    """`size` jobs that wait for tomorrow and DUE that are due, as bare documents with what the index needs."""
    jobs = store.jobs  # type: ignore[attr-defined]
    due, later = now - timedelta(minutes=1), now + timedelta(days=1)
    for start in range(0, size, 10_000):
        jobs.insert_many(
            [
                {
                    "_id": f"{batch_id}-{number}",
                    "batch_id": batch_id,
                    "status": "pending",
                    "admitted": True,
                    "ticket": 0,
                    "next_attempt_at": due if number < DUE else later + timedelta(seconds=number),
                }
                for number in range(start, min(start + 10_000, size))
            ],
            ordered=False,
        )


def scan_ms(store: object, batch_id: str, now: datetime) -> float:
    from speechai.store.jobs import due_jobs

    times = []
    for _ in range(50):
        started = time.perf_counter()
        found = due_jobs(store, batch_id, now, 20)  # type: ignore[arg-type]
        times.append((time.perf_counter() - started) * 1000)
        assert len(found) == 20
    return statistics.median(times)


if __name__ == "__main__":
    main()
