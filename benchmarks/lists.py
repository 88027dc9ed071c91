"""Lists that are dialled at once, written as the loader writes them, and one call of such a list from ticket to end."""

from __future__ import annotations

import itertools
import time
from datetime import datetime, timedelta
from typing import Any

from benchmarks.counting import Commands
from speechai.core.model import Job, JobStatus
from speechai.operation import calling, finishing, polling
from speechai.operation.context import Context
from speechai.operation.nudges import Finish, PlaceCall, PollCall
from speechai.store import capacity, jobs
from speechai.store.accounts import ensure_main
from speechai.store.indexes import create_indexes

AT_ONCE = 10_000
"""Documents in one insert."""
_telephones = itertools.count(10_000_000)
"""No two contacts share one: a telephone has its own caps."""


def fill(context: Context, batch_id: str, count: int, *, due_at: datetime | None = None) -> None:
    """A running batch of `count` contacts that are due now, or at `due_at`."""
    create_indexes(context.store)
    ensure_main(context.store, now=context.clock())
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count)
        new = [contact(batch_id, n, due_at=due_at or context.clock()) for n in range(first, last)]
        jobs.insert_jobs(context.store, new)
    context.store.batches.insert_one(batch_document(batch_id, created_at=context.clock()))


def contact(batch_id: str, number: int, *, due_at: datetime) -> Job:
    return Job(
        id=f"{batch_id}-{number:07d}",
        batch_id=batch_id,
        account_id="main",
        person_id=f"{batch_id}-{number}",
        use_case="debt_collection",
        status=JobStatus.PENDING,
        nombre="Ana",
        to_number=f"+569{next(_telephones)}",
        position=number,
        next_attempt_at=due_at,
    )


def batch_document(batch_id: str, *, created_at: datetime) -> dict[str, Any]:
    return {
        "_id": batch_id,
        "account_id": "main",
        "name": batch_id,
        "use_case": "debt_collection",
        "pacing": "continuous",
        "policy": "always",
        "status": "running",
        "time_zone": "America/Santiago",
        "country": "CL",
        "created_at": created_at,
    }


def one_call(context: Context, commands: Commands, batch_id: str = "once") -> None:
    """Walks one call as the workers would, naming the step to `commands`: place, poll, finish; one poll sees its end.

    A call before it makes what is made once (slots, the pace, the caller number), which is no part of a call.
    """
    fill(context, batch_id, 2)
    capacity.ensure_slots(context.store, context.settings.retell_concurrency)  # as dispatch_due has done long before
    for job_id in (f"{batch_id}-0000000", f"{batch_id}-0000001"):
        commands.clear()
        commands.step = "place"
        jobs.issue_ticket(context.store, job_id, 0, until=context.clock() + timedelta(minutes=2))
        _walk(context, commands, PlaceCall(job_id, 1))
    commands.step = ""
    context.store.batches.update_one({"_id": batch_id}, {"$set": {"status": "completed"}})


def _walk(context: Context, commands: Commands, first: PlaceCall) -> None:
    nudges: list[Any] = [first]
    while nudges:
        match nudges.pop():
            case PlaceCall(job_id, ticket):
                nudges += calling.place_call(context, job_id, ticket)
            case PollCall(attempt_id, number):
                time.sleep(0.5)
                commands.step = "poll"
                nudges += polling.poll_call(context, attempt_id, number)
            case Finish(attempt_id):
                commands.step = "finish"
                nudges += finishing.finish(context, attempt_id)
