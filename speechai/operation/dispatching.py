"""Which jobs are dialled next: as many as there are free slots, in turn over accounts and their batches.

Enters nothing but the time; leaves tickets and the nudges that carry them. Called by beat every few seconds. A job
handed out is due again when its lease is over, so a message that was lost is followed by another.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import islice

from speechai.core.model import Batch, BatchStatus
from speechai.errors import UsageError
from speechai.operation.context import Context, allowed_policy
from speechai.operation.nudges import Nudges, PlaceCall
from speechai.store import batches, capacity, jobs


def dispatch_due(context: Context) -> Nudges:
    """Tickets for the jobs whose time has come, no more than can be dialled before the next look."""
    store, settings, now = context.store, context.settings, context.clock()
    capacity.ensure_slots(store, settings.retell_concurrency)
    starts = math.ceil(settings.retell_calls_per_second * settings.dispatch_interval_seconds)
    room = min(capacity.free_slots(store, settings.retell_concurrency), starts)
    if room <= 0:
        return []
    running = [batch for batch in batches.batches_in(store, BatchStatus.RUNNING) if _may_dial(context, batch)]
    # With every line busy there is room for one at a time: were the oldest list first at each look, it would get all.
    random.shuffle(running)
    until = now + timedelta(seconds=settings.lease_seconds)
    due = in_turn(running, {batch.id: jobs.due_jobs(store, batch.id, now, room) for batch in running})
    return [
        PlaceCall(job_id, ticket + 1)
        for job_id, ticket in islice(due, room)
        if jobs.issue_ticket(store, job_id, ticket, until=until)
    ]


def _may_dial(context: Context, batch: Batch) -> bool:
    """False, and the batch paused, where its policy is not for this Retell: it was loaded against a simulator."""
    try:
        allowed_policy(context.settings, batch.policy)
    except UsageError as error:
        batches.move_batch(
            context.store,
            batch.id,
            expected=[BatchStatus.RUNNING],
            to=BatchStatus.PAUSED,
            reason=str(error),
            now=context.clock(),
        )
        return False
    return True


def in_turn(running: Iterable[Batch], due: dict[str, list[tuple[str, int]]]) -> Iterator[tuple[str, int]]:
    """The due jobs, one of each account in turn and within an account one of each batch.

    A list of 50,000 does not starve one of 40 beside it, nor one account another.
    """
    accounts: dict[str, list[list[tuple[str, int]]]] = defaultdict(list)
    for batch in running:
        accounts[batch.account_id].append(due[batch.id])
    return _round_robin([_round_robin(queues) for queues in accounts.values()])


def _round_robin(queues: Iterable[Iterable[tuple[str, int]]]) -> Iterator[tuple[str, int]]:
    waiting = [iter(queue) for queue in queues]
    while waiting:
        still = []
        for queue in waiting:
            for item in islice(queue, 1):
                yield item
                still.append(queue)
        waiting = still


def ticket_of(context: Context, job_id: str) -> int | None:
    """Hands out one job by hand, whatever its time; None where it does not wait."""
    job = jobs.get_job(context.store, job_id)
    until = context.clock() + timedelta(seconds=context.settings.lease_seconds)
    if job is None or not jobs.issue_ticket(context.store, job.id, job.ticket, until=until):
        return None
    return job.ticket + 1
