"""How the cost of the two scans, `sweep` and `dispatch_due`, grows with what lies in the database.

Three growths, each in a database of its own, up to a million jobs: contacts of one running list whose time has not
come; the same list with everybody due at once; finished contacts with their attempts in completed lists of 1,000, one
an hour, beside a small running list. The floor of a scan is one `ping`: what an answer of the same database costs.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

from benchmarks.counting import Commands, counted_context
from benchmarks.harness import cpu_seconds, server_pids, servers, simulator
from benchmarks.lists import AT_ONCE, batch_document, contact, fill
from config.settings import load_settings
from speechai.core.model import Attempt, AttemptState, JobStatus
from speechai.logs import configure_logs
from speechai.operation.context import Context
from speechai.operation.dispatching import dispatch_due
from speechai.operation.sweeping import sweep
from speechai.store.connection import Document, Documents
from speechai.store.documents import attempt_document, job_document

SIZES = [int(size) for size in os.environ.get("BENCH_JOBS", "1000,10000,100000,1000000").split(",")]
RUNS = int(os.environ.get("BENCH_RUNS", "10"))
LIST = 1_000
"""Contacts of a completed list."""
NOW = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
DUE_AT = NOW + timedelta(hours=1)


def main() -> None:
    with simulator() as retell:
        for size in SIZES:
            for growth in (_waiting_and_due, _finished):
                with servers() as environ:
                    settings = load_settings({**environ, "RETELL_BASE_URL": retell.url, "LOG_LEVEL": "ERROR"})
                    configure_logs(settings)
                    context, commands = counted_context(settings)
                    growth(context, commands, size, _mongo(environ))


def _waiting_and_due(context: Context, commands: Commands, size: int, mongo: Sequence[int]) -> None:
    fill(context, "list", size, due_at=DUE_AT)
    _measure(f"{size:>9,} waiting ", replace(context, clock=lambda: NOW), commands, mongo)
    _measure(f"{size:>9,} due     ", replace(context, clock=lambda: DUE_AT), commands, mongo)


def _finished(context: Context, commands: Commands, size: int, mongo: Sequence[int]) -> None:
    fill(context, "list", 100, due_at=DUE_AT)
    for number in range(0, size, LIST):
        closed_at = NOW - timedelta(hours=number // LIST + 1)
        closed = {"status": "completed", "changed_at": closed_at}
        batch_id = f"closed{number // LIST}"
        context.store.batches.insert_one({**batch_document(batch_id, created_at=closed_at), **closed})
    _insert(context.store.jobs, (_finished_job(n) for n in range(size)))
    _insert(context.store.attempts, (_finished_attempt(n) for n in range(size)))
    _measure(f"{size:>9,} finished", replace(context, clock=lambda: NOW), commands, mongo)


def _mongo(environ: Mapping[str, str]) -> list[int]:
    """The process of the embedded database; [] for one of MONGO_URI, whose processor is not measured."""
    return [pid for name, pid in server_pids(environ).items() if name == "mongo"]


def _finished_job(number: int) -> Document:
    job = replace(contact(f"closed{number // LIST}", number, due_at=NOW), next_attempt_at=None, status=JobStatus.DONE)
    return job_document(job)


def _finished_attempt(number: int) -> Document:
    """Its cost is known, so nobody looks for it any more; without the transcript, which no scan reads."""
    attempt = Attempt(
        id=f"attempt{number}",
        job_id=f"closed{number // LIST}-{number:07d}",
        batch_id=f"closed{number // LIST}",
        account_id="main",
        person_id=f"person{number}",
        use_case="debt_collection",
        number=1,
        to_number="+56911111111",
        from_number="+56222222222",
        agent_id=None,
        state=AttemptState.FINISHED,
        placing_at=NOW - timedelta(hours=number // LIST + 1),
        time_zone="America/Santiago",
        next_poll_at=None,
    )
    return {**attempt_document(attempt), "call_id": f"call{number}"}


def _insert(collection: Documents, documents: Iterator[Document]) -> None:
    while chunk := list(islice(documents, AT_ONCE)):
        collection.insert_many(chunk, ordered=False)


def _measure(what: str, context: Context, commands: Commands, mongo: Sequence[int]) -> None:
    """RUNS scans of each kind after one that makes what is made once (slots, the main account, the caller numbers)."""

    def ping() -> None:
        context.store.database.command("ping")

    scans: Iterable[tuple[str, Callable[[], object]]] = (
        ("ping", ping),
        ("dispatch_due", lambda: dispatch_due(context)),
        ("sweep", lambda: sweep(context)),
    )
    for name, scan in scans:
        scan()
        commands.clear()
        times, used = [], cpu_seconds(mongo)
        for _ in range(RUNS):
            started = time.perf_counter()
            scan()
            times.append((time.perf_counter() - started) * 1000)
        processor = (cpu_seconds(mongo) - used) / RUNS * 1000
        reads, writes = commands.reads.total() / RUNS, commands.writes.total() / RUNS
        print(
            f"{what} {name:12} p50 {statistics.median(times):9.2f} ms, worst {max(times):9.2f} ms, "
            f"processor of the database {processor:8.1f} ms, "
            f"{reads:6.1f} reads, {writes:5.1f} writes{_dearest(commands)}",
            flush=True,
        )


def _dearest(commands: Commands) -> str:
    """Which question took longest, for whoever looks for the one that grows."""
    if not commands.waited_ms:
        return ""
    (_, function, command), waited = commands.waited_ms.most_common(1)[0]
    return f"; dearest {function} ({command}) {waited / RUNS:.2f} ms"


if __name__ == "__main__":
    main()
