"""Opening the 9:00, 12:00 and 15:00 waves of every running wave batch, once each, late where nothing ran at the hour.

Called by beat at each hour and by the sweep, in any number; the record of the opening under (batch, local day, wave)
and the choice of the cohort make a repetition harmless, also one that finds an opening half done.
"""

from __future__ import annotations

import structlog

from speechai.catalogue.policies import Policy
from speechai.core.model import Batch, BatchStatus, Pacing
from speechai.core.waves import DueWave, choose_cohort, due_wave, next_day_wave
from speechai.errors import UsageError
from speechai.operation.context import Context, policy_for
from speechai.operation.nudges import DispatchDue, Nudges
from speechai.store import accounts, batch_jobs, batches, waves

log = structlog.get_logger(__name__)


def open_due_waves(context: Context) -> Nudges:
    """Opens the wave that each running wave batch should have open by now; one that is open already is left alone."""
    opened = 0
    # A suspended account's wave is opened late, once the account is active again: now it would find nobody waiting.
    active = {account.id: account for account in accounts.list_accounts(context.store) if account.is_active}
    for batch in batches.batches_in(context.store, BatchStatus.RUNNING):
        if batch.pacing is not Pacing.WAVES or batch.account_id not in active:
            continue
        try:
            opened += _open_wave_of(context, batch, policy_for(context, batch, active[batch.account_id]))
        except UsageError as error:  # its policy is not in the catalogue any more: the other batches go on
            log.error("a wave cannot be opened", action="open_wave", batch_id=batch.id, why=str(error))
    return [DispatchDue()] if opened else []


def _open_wave_of(context: Context, batch: Batch, policy: Policy) -> bool:
    store, now = context.store, context.clock()
    due = due_wave(policy, batch, now)
    if due is None or waves.is_complete(store, batch.id, due.day, due.wave):
        return False
    for missed in due.missed:
        waves.pass_over(store, batch.id, due.day, missed, now)
    admitted = _admit(context, batch, policy, due)
    waves.complete_opening(store, batch.id, due.day, due.wave, admitted=admitted)
    log.info("a wave was opened", action="open_wave", batch_id=batch.id, day=str(due.day), admitted=admitted)
    return True


def _admit(context: Context, batch: Batch, policy: Policy, due: DueWave) -> int:
    store, now = context.store, context.clock()
    batch_jobs.resume_for_account(store, batch.id, now=now)  # whoever resumed the account may have died before this
    batch_jobs.end_earlier_waves(store, batch.id, day=due.day, now=now)
    waiting = batch_jobs.waiting_for_a_wave(store, batch.id, now)
    chosen, _ = choose_cohort(waiting, waves.cohort(store, batch.id, due.day), policy.people_a_day)
    admitted = waves.start_opening(store, batch.id, due.day, due.wave, chosen=chosen, now=now)
    batch_jobs.postpone(
        store,
        batch.id,
        # Whom an opening that died had not seen, and for whom the day has a place, the next wave takes.
        {job.id for job in waiting}.difference(admitted, chosen),
        until=next_day_wave(policy, batch, due.day),
        reason=f"the day's {policy.people_a_day} people are chosen already",
    )
    return batch_jobs.admit(store, batch.id, admitted, day=due.day, now=now)
