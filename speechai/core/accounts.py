"""Who pays for a call: an account as a value, what a call reserves and costs, why it may not start, what is left.

Enters the account as the store read it, leaves amounts and decisions; called by `speechai.operation.accounts` before
and after every call. Amounts are integers of one unit an account: USD micros (a millionth of a dollar; one US cent is
10,000) for credit and unlimited plans, whole seconds for a minutes plan. Nothing here is ever a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from speechai.core.decision import Denial, Denied, Fact
from speechai.errors import UsageError

MAIN = "main"
"""The account that exists by itself, so that a first list needs no set-up."""
MICROS_A_DOLLAR = 1_000_000
DEFAULT_PRICE_MICROS_PER_MINUTE = 150_000
"""US$ 0.15 a minute. Ours, not Retell's: set an account's own from what its calls are billed."""
_AMOUNT = re.compile(r"(?P<sign>-?)(?P<whole>\d{1,9})(?:\.(?P<part>\d{1,6}))?", re.ASCII)


class Plan(StrEnum):
    """How an account pays."""

    CREDIT = "credit"
    """Dollars paid in advance; without credit there is no call."""
    MINUTES = "minutes"
    """Talking time paid in advance, kept in whole seconds."""
    UNLIMITED = "unlimited"
    """Never refused for credit; what it costs is recorded, and its balance is what it owes (below zero)."""


class AccountStatus(StrEnum):
    """Whether an account's people are called."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class SuspendedBy(StrEnum):
    """Who suspended an account: the later in this order overrules the earlier, and only its like resumes it."""

    NO_CREDIT = "no_credit"
    """By itself; a top-up resumes it."""
    RETELL = "retell"
    """Retell refuses the account's calls; an operator resumes it."""
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What one live call holds of its account."""

    amount: int
    at: datetime
    on: date
    """The day (of TIMEZONE) whose budget and count it belongs to, also where the call ends on the next."""
    batch_id: str
    holds_line: bool = True
    in_batch_budget: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchBudget:
    """How much one batch may cost its account. `free` is neither spent nor reserved; below zero where overspent."""

    most: int | None
    free: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who pays. A limit that is None does not exist, and then its `_free` counter is None too.

    A `_free` counter may be below zero: where a limit was lowered under live calls, or a call cost more than reserved.
    """

    id: str
    name: str
    plan: Plan
    status: AccountStatus = AccountStatus.ACTIVE
    reason: str | None = None
    """Why it is suspended."""
    suspended_by: SuspendedBy | None = None
    needed: int = 0
    """What the call that found no credit would have reserved: a suspension for no credit ends at this much."""
    balance: int = 0
    """The sum of its ledger."""
    reserved: int = 0
    day_on: date | None = None
    """The day (of TIMEZONE) that the day's counters belong to; None before the first call."""
    day_budget: int | None = None
    day_free: int | None = None
    concurrency: int | None = None
    lines_free: int | None = None
    calls_a_day: int | None = None
    calls_free: int | None = None
    budgets: Mapping[str, BatchBudget] = field(default_factory=dict)
    reservations: Mapping[str, Reservation] = field(default_factory=dict)
    """By attempt id: the calls that are not settled yet."""
    from_numbers: tuple[str, ...] = ()
    """Caller numbers of its own; () for those of the settings."""
    countries: tuple[str, ...] = ()
    """ISO 3166 alpha-2 codes that it may call; () for all."""
    policy: str | None = None
    policy_overrides: Mapping[str, Any] = field(default_factory=dict)
    override_because: str | None = None
    price_micros_per_minute: int = DEFAULT_PRICE_MICROS_PER_MINUTE
    """What a call is reserved at, and charged at where Retell tells no cost."""
    revision: int = 0

    @property
    def is_active(self) -> bool:
        """Whether its people may be called, credit and limits aside."""
        return self.status is AccountStatus.ACTIVE

    @property
    def free(self) -> int:
        """What further calls may reserve."""
        return self.balance - self.reserved

    def on_day(self, on: date) -> Account:
        """The account with the counters of the day `on`: full ones where no call has asked on that day yet."""
        if self.day_on is not None and self.day_on >= on:
            return self
        return replace(self, day_on=on, day_free=self.day_budget, calls_free=self.calls_a_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a call costs its account; `estimated` where Retell did not say."""

    amount: int
    estimated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long a balance lasts: `a_day` is spent a day, `hours_left` whole hours, None where that has no end."""

    a_day: int
    hours_left: int | None


def estimate(account: Account, max_minutes: float) -> int:
    """What a call of at most `max_minutes` reserves: the whole of it, so that live calls do not overdraw."""
    seconds = -(-round(max_minutes * 60_000) // 1000)
    return _cost_of(account, seconds)


def charge(account: Account, *, cost_micros: int | None, duration_ms: int | None) -> Charge:
    """What a call that is over costs: Retell's own cost, else one by duration and price.

    A minutes plan pays the seconds that it took, each begun one whole. Without a cost and a duration nothing is
    charged yet: what Retell says later is charged then.
    """
    seconds = -(-(duration_ms or 0) // 1000)
    if account.plan is Plan.MINUTES:
        return Charge(amount=seconds, estimated=duration_ms is None)
    if cost_micros is not None:
        return Charge(amount=cost_micros, estimated=False)
    return Charge(amount=_cost_of(account, seconds), estimated=True)


def _cost_of(account: Account, seconds: int) -> int:
    return seconds if account.plan is Plan.MINUTES else -(-seconds * account.price_micros_per_minute // 60)


def budget_in_units(account: Account, micros: int) -> int | None:
    """A batch's budget in USD micros as an amount of the account; seconds at its price, None where talk is free."""
    if account.plan is not Plan.MINUTES:
        return micros
    return micros * 60 // account.price_micros_per_minute if account.price_micros_per_minute else None


def why_not(
    account: Account, *, amount: int, batch_id: str, on: date, next_day_at: datetime, soon_at: datetime
) -> Denied | None:
    """Why a call that reserves `amount` may not start on the day `on`; None where nothing of the account forbids it.

    What lasts longest is named first. Where live calls hold what is missing (of the credit, the batch's budget or the
    day's) the refusal is CREDIT_RESERVED until `soon_at`; a used day ends at `next_day_at`; a top-up, a resume or
    another budget is waited for without an instant. Both instants are aware; a fact says them in the zone they have.
    """
    today, held = account.on_day(on), account.reservations.values()
    if account.status is AccountStatus.SUSPENDED:
        return suspension(account, amount)
    if account.plan is not Plan.UNLIMITED and account.free < amount:
        facts = _sums(account, amount, account.free)
        if account.reserved > 0:
            return Denied(code=Denial.CREDIT_RESERVED, facts=facts, next_at=soon_at)
        return Denied(code=Denial.NO_CREDIT, facts=facts)
    batch = account.budgets.get(batch_id)
    if batch is not None and batch.free is not None and batch.free < amount:
        if any(one.amount for one in held if one.batch_id == batch_id):
            return Denied(code=Denial.CREDIT_RESERVED, facts=_sums(account, amount, batch.free), next_at=soon_at)
        facts = {"batch": batch_id, **_sums(account, amount, batch.free, budget=batch.most)}
        return Denied(code=Denial.BATCH_BUDGET, facts=facts)
    if today.day_free is not None and today.day_free < amount:
        if any(one.amount for one in held if one.on == today.day_on):
            return Denied(code=Denial.CREDIT_RESERVED, facts=_sums(account, amount, today.day_free), next_at=soon_at)
        facts = _sums(account, amount, today.day_free, budget=account.day_budget)
        return _tomorrow(Denial.DAY_BUDGET, facts, next_day_at)
    if today.calls_free is not None and today.calls_free < 1:
        facts = {"account": account.id, "limit": account.calls_a_day or 0}
        return _tomorrow(Denial.ACCOUNT_CALLS_A_DAY, facts, next_day_at)
    if account.lines_free is not None and account.lines_free < 1:
        facts = {"account": account.id, "limit": account.concurrency or 0}
        return Denied(code=Denial.ACCOUNT_LINES, facts=facts, next_at=soon_at)
    return None


def suspension(account: Account, amount: int) -> Denied:
    """Why a suspended account denies a call that reserves `amount`."""
    if account.suspended_by is SuspendedBy.NO_CREDIT:
        return Denied(code=Denial.NO_CREDIT, facts=_sums(account, amount, account.free))
    return Denied(code=Denial.ACCOUNT_SUSPENDED, facts={"account": account.id, "why": account.reason or ""})


def _sums(account: Account, needed: int, free: int, budget: int | None = None) -> dict[str, Fact]:
    amounts = {"needed": needed, "free": free, "budget": budget}
    said = {name: amount_text(account.plan, amount) for name, amount in amounts.items() if amount is not None}
    return {"account": account.id, **said}


def _tomorrow(code: Denial, facts: Mapping[str, Fact], at: datetime) -> Denied:
    return Denied(code=code, facts={**facts, "next_at": at.isoformat(timespec="minutes")}, next_at=at.astimezone(UTC))


def forecast(account: Account, *, last_day: int, last_week: int) -> Forecast:
    """How long the balance lasts at today's rate: what was settled in the last 24 hours, else a seventh of the week's.

    `last_day` and `last_week` are what was spent (above zero) in the last 24 hours and 7 days. A balance of nothing
    lasts 0 hours; an unlimited plan, or one that spends nothing, has no end.
    """
    a_day = last_day if last_day > 0 else -(-max(last_week, 0) // 7)
    if account.plan is Plan.UNLIMITED or not a_day:
        return Forecast(a_day=a_day, hours_left=None)
    return Forecast(a_day=a_day, hours_left=max(account.balance, 0) * 24 // a_day)


def parse_amount(text: str, plan: Plan) -> int:
    """`25`, `25.50` or `-3.2` as an amount: US dollars, or minutes for a minutes plan.

    Raises UsageError for anything else (a comma, a currency sign, more than six decimals, part of a second).
    """
    is_time = plan is Plan.MINUTES
    match = _AMOUNT.fullmatch(text.strip())
    if match is None:
        what = "minutes" if is_time else "US dollars"
        raise UsageError(f"{text!r} is not an amount in {what}: write 25 or 25.50, with a point and without a currency")
    value = Decimal(match[0]) * (60 if is_time else MICROS_A_DOLLAR)
    if value != int(value):
        raise UsageError(f"{text!r} minutes are no whole seconds: a minutes plan counts seconds, 0.25 is 15 of them")
    return int(value)


def amount_text(plan: Plan, amount: int) -> str:
    """`US$ 25.50`, `-US$ 0.1234`, or `12 min 30 s`: exact, whatever the plan."""
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if plan is Plan.MINUTES:
        return f"{sign}{size // 60} min" + (f" {size % 60} s" if size % 60 else "")
    whole, part = divmod(size, MICROS_A_DOLLAR)
    return f"{sign}US$ {whole}.{f'{part:06d}'.rstrip('0').ljust(2, '0')}"
