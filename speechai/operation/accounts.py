"""Who pays for a call, at the moment of dialling and when it is over; and what an operator does to an account.

Before a call `reserve_for` takes its money, line and place in the day, or says why not; `settle_for` charges it,
`release_for` gives everything back where no call happened; `sweep_accounts` mends what a process that died has left.
Top-ups, adjustments and suspensions come from the `account` commands, and from Retell where it refuses the account.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import structlog

from speechai import metrics
from speechai.core.accounts import (
    MAIN,
    Account,
    AccountStatus,
    Charge,
    Forecast,
    SuspendedBy,
    amount_text,
    budget_in_units,
    charge,
    estimate,
    forecast,
    suspension,
    why_not,
)
from speechai.core.calendar import local_instant
from speechai.core.decision import Denial, Denied
from speechai.core.model import Attempt, AttemptState, Batch, BatchStatus, CallFacts
from speechai.errors import NotAllowed, UsageError
from speechai.operation.alerts import raise_alert
from speechai.operation.context import Context
from speechai.retell.answers import read_call
from speechai.store import account_changes, accounts, attempts, batch_jobs, batches, ledger
from speechai.store.ledger import Entry, Kind

log = structlog.get_logger(__name__)

LEAKED_AFTER = timedelta(hours=1)
"""A reservation so old whose attempt was never recorded belongs to nobody: longer than any claim lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a top-up, an adjustment or a resume has done: the account then, and how many contacts wait again by it."""

    account: Account
    is_new: bool
    """False where its key had been used: nothing was moved a second time."""
    is_resumed: bool
    jobs: int


def reserve_for(context: Context, account_id: str, attempt_id: str, batch: Batch, now: datetime) -> Denied | None:
    """Takes what one call of `batch` may cost at most, a line and a place in the day; None where it has them.

    An account that has no credit, and no live call that could bring some back, is suspended and an alert is raised.
    Repeatable for one attempt.
    """
    store, settings = context.store, context.settings
    account = _known(context, account_id, now)
    if account is None:
        return Denied(code=Denial.ACCOUNT_UNKNOWN, facts={"account": account_id})
    account = _with_budget(context, account, batch)
    on, amount = _day(context, now), estimate(account, settings.call_max_duration_minutes)
    soon_at = now + timedelta(seconds=settings.capacity_retry_seconds)
    if accounts.reserve(store, account.id, attempt_id, amount=amount, batch_id=batch.id, on=on, now=now, seen=account):
        return None
    account = accounts.require(store, account.id)
    next_day_at = local_instant(on + timedelta(days=1), 0, settings.zone).astimezone(settings.zone)
    denied = why_not(account, amount=amount, batch_id=batch.id, on=on, next_day_at=next_day_at, soon_at=soon_at)
    if denied is None:  # something came back between the writing and the reading
        return Denied(code=Denial.CREDIT_RESERVED, facts={"account": account.id}, next_at=soon_at)
    if denied.code is Denial.NO_CREDIT and account.status is AccountStatus.ACTIVE:
        return _without_credit(context, account, amount, denied, soon_at, now)
    if denied.code is Denial.BATCH_BUDGET:
        raise_alert(context, "batch_budget", batch.id, f"batch {batch.id} is not called: {denied.reason}", now)
    return denied


def denied_by_suspension(context: Context, account_id: str) -> Denied | None:
    """What denies a call that has its reservation already: the account was suspended, or deleted, meanwhile."""
    account = accounts.get_account(context.store, account_id)
    if account is None:
        return Denied(code=Denial.ACCOUNT_UNKNOWN, facts={"account": account_id})
    if account.is_active:
        return None
    return suspension(account, estimate(account, context.settings.call_max_duration_minutes))


def _known(context: Context, account_id: str, now: datetime) -> Account | None:
    account = accounts.get_account(context.store, account_id)
    if account is None and account_id == MAIN:
        accounts.ensure_main(context.store, now=now)
        account = accounts.get_account(context.store, account_id)
    return account


def _with_budget(context: Context, account: Account, batch: Batch) -> Account:
    """The account that knows the batch's budget as it is now, before a call of the batch reserves."""
    most = None if batch.budget_micros is None else budget_in_units(account, batch.budget_micros)
    known = account.budgets.get(batch.id)
    if most == (known.most if known else None):
        return account
    accounts.set_batch_budget(context.store, account.id, batch.id, most)
    return accounts.require(context.store, account.id)


def _day(context: Context, at: datetime) -> date:
    return at.astimezone(context.settings.zone).date()


def _without_credit(
    context: Context, account: Account, amount: int, denied: Denied, soon_at: datetime, now: datetime
) -> Denied:
    reason = (
        f"no credit: {amount_text(account.plan, account.free)} left, a call needs {amount_text(account.plan, amount)}"
    )
    if account_changes.suspend_without_credit(context.store, account.id, needed=amount, reason=reason, now=now):
        words = f"account {account.id} is suspended, {reason}: `speechai account topup {account.id} AMOUNT`"
        raise_alert(context, "no_credit", account.id, words, now)
        return denied
    again = accounts.require(context.store, account.id)
    if again.status is AccountStatus.SUSPENDED:
        return denied
    return Denied(code=Denial.CREDIT_RESERVED, facts={"account": account.id}, next_at=soon_at)  # a top-up came


def settle_for(context: Context, attempt: Attempt, facts: CallFacts | None, now: datetime) -> None:
    """Charges the attempt's account for a call that is over, once; repeatable.

    `facts` None, or a call that was not connected and has no cost, is charged nothing. A call without a cost is
    charged by its duration, and put right where a later call of this brings the cost.
    """
    account = accounts.get_account(context.store, attempt.account_id)
    if account is None:
        log.error(
            "a call has no account to charge", action="settle", attempt_id=attempt.id, account_id=attempt.account_id
        )
        return
    due, on = _charge(account, facts), _day(context, attempt.placing_at)
    settled = accounts.settle(
        context.store,
        account.id,
        attempt.id,
        cost=due.amount,
        on=on,
        now=now,
        note="estimated by its duration: Retell told no cost" if due.estimated and due.amount else "",
        batch_id=attempt.batch_id,
        estimated=due.estimated,
        seen=account,
    )
    if not settled and not due.estimated:
        ledger.correct(context.store, account.id, attempt.id, cost=due.amount, on=on, now=now)
    held = account.reservations.get(attempt.id)
    if settled and held is not None and due.amount > held.amount:
        log.warning(
            "a call cost more than it had reserved",
            action="settle",
            attempt_id=attempt.id,
            cost=due.amount,
            reserved=held.amount,
        )


def _charge(account: Account, facts: CallFacts | None) -> Charge:
    if facts is None or (facts.status == "not_connected" and facts.cost_micros is None):
        return Charge(amount=0, estimated=facts is None)
    return charge(account, cost_micros=facts.cost_micros, duration_ms=facts.duration_ms)


def release_for(context: Context, account_id: str, attempt_id: str) -> None:
    """Gives back all that `reserve_for` took where no call happened; what was not taken is left alone."""
    account = accounts.get_account(context.store, account_id)
    if account is not None:
        accounts.release(context.store, account_id, attempt_id, seen=account)


def sweep_accounts(context: Context, is_open: Callable[[str], bool]) -> None:
    """Mends every account: entries that wait for the ledger, reservations of nobody, credit that came unseen.

    `is_open` says whether an attempt, by its id, may still be live: its reservation is left alone.
    """
    now = context.clock()
    accounts.ensure_main(context.store, now=now)
    for account in accounts.list_accounts(context.store):
        metrics.count_find(metrics.Find.UNPOSTED_ENTRY, ledger.flush_outbox(context.store, account.id))
        for attempt_id, held in account.reservations.items():
            age = now - held.at
            if age > timedelta(seconds=context.settings.lease_seconds) and not is_open(attempt_id):
                _mend_reservation(context, account.id, attempt_id, age, now)
        if account.suspended_by is SuspendedBy.NO_CREDIT:
            _resume_with_credit(context, account.id, by="sweep", now=now)


def _mend_reservation(context: Context, account_id: str, attempt_id: str, age: timedelta, now: datetime) -> None:
    """One whose attempt is closed, or was never recorded and is too old to be recorded any more."""
    attempt = attempts.get_attempt(context.store, attempt_id)
    if attempt is None and age <= LEAKED_AFTER:
        return
    if attempt is not None and attempt.state not in (AttemptState.REFUSED, AttemptState.ABANDONED):
        settle_for(context, attempt, read_call(attempt.retell) if attempt.retell is not None else None, now)
    else:
        accounts.release(context.store, account_id, attempt_id)
    metrics.count_find(metrics.Find.LEAKED_RESERVATION)
    log.warning("a leaked reservation was ended", action="sweep", account_id=account_id, attempt_id=attempt_id)


def top_up(context: Context, account_id: str, amount: int, *, key: str, by: str, note: str = "") -> Moved:
    """Adds `amount` under `key`, once: a second call with both changes nothing. Resumes an account without credit.

    Raises UsageError for an amount of nothing or less, NotFound, and NotAllowed for a key that was used for another
    amount.
    """
    if amount <= 0:
        raise UsageError("a top-up is more than nothing; `speechai account adjust` takes money away")
    now = context.clock()
    return _move(context, Entry(
        account_id=account_id, key=f"topup:{key}", kind=Kind.TOP_UP, amount=amount, at=now, by=by, note=note
    ))  # fmt: skip


def adjust(context: Context, account_id: str, amount: int, *, key: str, by: str, why: str) -> Moved:
    """Corrects the balance by `amount`, above or below zero, under `key`, once, and keeps the reason.

    Raises UsageError for an amount of nothing or no reason, NotFound, NotAllowed for a key used for another amount.
    """
    if not amount or not why.strip():
        raise UsageError("an adjustment has an amount and a reason: both stand in the ledger for good")
    now = context.clock()
    return _move(context, Entry(
        account_id=account_id, key=f"adjust:{key}", kind=Kind.ADJUST, amount=amount, at=now, by=by, note=why
    ))  # fmt: skip


def _move(context: Context, entry: Entry) -> Moved:
    store = context.store
    is_new = ledger.move(store, entry)
    if not is_new:
        before = ledger.get_entry(store, entry.account_id, entry.key)
        if before is not None and before.amount != entry.amount:
            plan = accounts.require(store, entry.account_id).plan
            raise NotAllowed(
                f"the key {entry.key.partition(':')[2]!r} was used on {before.at:%Y-%m-%d %H:%M} UTC for "
                f"{amount_text(plan, before.amount)}: give another one"
            )
    # Also for a key that was used: whoever moved the money may have died before this.
    resumed, freed = _resume_with_credit(context, entry.account_id, by=entry.by, now=context.clock())
    account = accounts.require(store, entry.account_id)
    return Moved(account=account, is_new=is_new, is_resumed=resumed, jobs=freed)


def _resume_with_credit(context: Context, account_id: str, *, by: str, now: datetime) -> tuple[bool, int]:
    account = accounts.require(context.store, account_id)
    if account.suspended_by is not SuspendedBy.NO_CREDIT:
        return False, 0
    if not account_changes.resume_with_credit(context.store, account, by=by, now=now):
        return False, 0
    log.info("the account has credit again", action="resume_account", account_id=account_id)
    return True, _free_jobs(context, account_id, now)


def _free_jobs(context: Context, account_id: str, now: datetime) -> int:
    """Contacts that were suspended with the account wait again; whom this does not see, the sweep does."""
    return sum(
        batch_jobs.resume_for_account(context.store, batch.id, now=now)
        for batch in batches.batches_in(context.store, BatchStatus.RUNNING, BatchStatus.PAUSED)
        if batch.account_id == account_id
    )


def suspend_account(context: Context, account_id: str, *, reason: str, by: str) -> bool:
    """No further call of the account starts; live ones go on to their end. False where it is suspended already.

    `by` is a value of SuspendedBy; `retell` raises an alert. Raises NotFound.
    """
    hand, now = SuspendedBy(by), context.clock()
    accounts.require(context.store, account_id)
    if hand is SuspendedBy.RETELL:
        words = (
            f"Retell refuses the calls of account {account_id}: {reason}. Mend it, then `account resume {account_id}`"
        )
        raise_alert(context, "account_refused", account_id, words, now)
    return account_changes.suspend(context.store, account_id, reason=reason, by=hand, now=now)


def resume_account(context: Context, account_id: str, *, by: str, why: str) -> Moved:
    """Calls may start again, whoever suspended the account; an active one is left as it is. Raises NotFound."""
    now = context.clock()
    is_resumed = account_changes.resume(context.store, account_id, by=by, why=why, now=now)
    account = accounts.require(context.store, account_id)
    # Also of an active one: whoever resumed it may have died before this.
    return Moved(account=account, is_new=is_resumed, is_resumed=is_resumed, jobs=_free_jobs(context, account_id, now))


def outlook(context: Context, account: Account) -> Forecast:
    """How long the account's balance lasts at today's rate."""
    now = context.clock()
    day = ledger.spent(context.store, account.id, since=now - timedelta(days=1))
    week = day or ledger.spent(context.store, account.id, since=now - timedelta(days=7))
    return forecast(account, last_day=day, last_week=week)
