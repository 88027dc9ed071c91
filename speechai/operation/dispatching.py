"""Which jobs are dialled next: as many as there are free slots; callbacks first, then accounts and batches in turn.
While Retell rests it is none, and one when a trial call is due.

Enters nothing but the time; leaves tickets and the nudges that carry them. Called by beat every few seconds. A job
handed out is due again when its lease is over, so a message that was lost is followed by another.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import chain, islice

from speechai.core.accounts import Account
from speechai.core.model import Batch, BatchStatus
from speechai.core.provider import room_for_starts
from speechai.core.shares import in_turn
from speechai.errors import UsageError
from speechai.operation.context import Context, policy_for
from speechai.operation.nudges import Nudges, PlaceCall
from speechai.operation.taking import LONGEST_PACE_WAIT
from speechai.store import accounts, batches, callbacks, capacity, jobs


def dispatch_due(context: Context) -> Nudges:
    """Tickets for the jobs whose time has come, no more than can be dialled before the next look."""
    store, settings, now = context.store, context.settings, context.clock()
    capacity.ensure_slots(store, settings.retell_concurrency)
    starts = room_for_starts(
        capacity.get_provider(store),
        now,
        context.provider_rules,
        per_second=settings.retell_calls_per_second,
        longest_wait=LONGEST_PACE_WAIT,
        until_next_look=timedelta(seconds=settings.dispatch_interval_seconds),
    )
    room = min(capacity.free_slots(store, settings.retell_concurrency), starts) if starts else 0
    if room <= 0:
        return []
    active = {account.id: account for account in accounts.list_accounts(store) if account.is_active}
    running = [batch for batch in batches.batches_in(store, BatchStatus.RUNNING) if _may_dial(context, batch, active)]
    # With every line busy there is room for one at a time: were the turns begun anew at each look, one list got all.
    due = {batch.id: jobs.due_jobs(store, batch.id, now, room) for batch in running}
    payers = {batch.id: active[batch.account_id] for batch in running}
    asked = _within_lines(callbacks.due(store, now, batch_ids=payers.keys()), payers)
    others = in_turn(running, due, offset=random.getrandbits(32))
    until = now + timedelta(seconds=settings.lease_seconds)
    return [
        PlaceCall(job_id, ticket + 1)
        for job_id, ticket in islice(_each_once(chain(asked, others)), room)
        if jobs.issue_ticket(store, job_id, ticket, until=until)
    ]


def _within_lines(asked: Iterable[tuple[str, str, int]], payers: Mapping[str, Account]) -> Iterator[tuple[str, int]]:
    """Callbacks, of each account no more than it has free lines: the others could not be dialled, and would take the
    room of everybody else at every look."""
    handed: Counter[str] = Counter()
    for batch_id, job_id, ticket in asked:
        account = payers[batch_id]
        if account.lines_free is None or handed[account.id] < account.lines_free:
            handed[account.id] += 1
            yield job_id, ticket


def _each_once(due: Iterable[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    seen: set[str] = set()
    for job_id, ticket in due:
        if job_id not in seen:
            seen.add(job_id)
            yield job_id, ticket


def _may_dial(context: Context, batch: Batch, active: Mapping[str, Account]) -> bool:
    """False for a batch whose account may not call; also, and the batch paused, where its policy is not for this
    Retell: it was loaded against a simulator."""
    if batch.account_id not in active:
        return False
    try:
        policy_for(context, batch, active[batch.account_id])
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


def ticket_of(context: Context, job_id: str) -> int | None:
    """Hands out one job by hand, whatever its time; None where it does not wait."""
    job = jobs.get_job(context.store, job_id)
    until = context.clock() + timedelta(seconds=context.settings.lease_seconds)
    if job is None or not jobs.issue_ticket(context.store, job.id, job.ticket, until=until):
        return None
    return job.ticket + 1
