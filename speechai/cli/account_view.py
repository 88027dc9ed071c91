"""How an account is shown: as JSON facts in whole units, and as lines for people. Called by the `account` commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from speechai.cli.output import local, print_facts, print_table

if TYPE_CHECKING:
    from speechai.core.accounts import Account, Forecast


def unit_of(account: Account) -> str:
    """What the whole numbers of the account's JSON count."""
    return "seconds" if account.plan == "minutes" else "usd_micros"


def amount(account: Account, value: int | None) -> str | None:
    """`value` in the words of the account's plan; None for a limit that does not exist."""
    from speechai.core.accounts import amount_text

    return None if value is None else amount_text(account.plan, value)


def account_facts(account: Account) -> dict[str, Any]:
    """The account as JSON; amounts are whole numbers of `unit`, limits that do not exist are null."""
    return {
        "account_id": account.id,
        "name": account.name,
        "plan": account.plan,
        "unit": unit_of(account),
        "status": account.status,
        "reason": account.reason,
        "suspended_by": account.suspended_by,
        "balance": account.balance,
        "reserved": account.reserved,
        "free": account.free,
        "live_calls": len(account.reservations),
        "day_on": account.day_on,
        "day_budget": account.day_budget,
        "day_free": account.day_free,
        "calls_a_day": account.calls_a_day,
        "calls_free": account.calls_free,
        "concurrency": account.concurrency,
        "lines_free": account.lines_free,
        "batch_budgets": {key: {"most": one.most, "free": one.free} for key, one in account.budgets.items()},
        "price_usd_micros_per_minute": account.price_micros_per_minute,
        "from_numbers": account.from_numbers,
        "countries": account.countries,
        "policy": account.policy,
        "policy_overrides": account.policy_overrides,
        "override_because": account.override_because,
    }


def forecast_facts(coming: Forecast) -> dict[str, Any]:
    """How long the balance lasts, as JSON."""
    days = None if coming.hours_left is None else coming.hours_left // 24
    return {"a_day": coming.a_day, "hours_left": coming.hours_left, "days_left": days}


def print_account(account: Account, coming: Forecast, changes: Sequence[Mapping[str, Any]], zone: str) -> None:
    """The account for people; instants in `zone`."""
    from speechai.core.accounts import Plan, amount_text

    print_facts(
        {
            "account": account.id,
            "name": account.name,
            "plan": account.plan,
            "status": account.status,
            "reason": account.reason,
            "balance": amount(account, account.balance),
            "reserved": f"{amount(account, account.reserved)} by {len(account.reservations)} calls",
            "free": amount(account, account.free),
            "lasts": _lasting(account, coming),
            "a minute": amount_text(Plan.CREDIT, account.price_micros_per_minute),
            "day": account.day_on,
            "day's budget": _left(amount(account, account.day_free), amount(account, account.day_budget)),
            "calls a day": _left(account.calls_free, account.calls_a_day),
            "calls at once": _left(account.lines_free, account.concurrency),
            "caller numbers": ", ".join(account.from_numbers),
            "countries": ", ".join(account.countries),
            "policy": account.policy,
            "overrides": ", ".join(f"{name}={value}" for name, value in account.policy_overrides.items()),
            "because": account.override_because,
        }
    )
    budgets = [(key, amount(account, one.most), amount(account, one.free)) for key, one in account.budgets.items()]
    if budgets:
        print_table("Budgets of its lists", ["batch", "most", "left"], budgets, numbers=2)
    if changes:
        rows = [(local(one["at"], zone), one["by"], one["what"], one["why"]) for one in changes]
        print_table("Changes", ["when", "by", "what", "why"], rows)


def _left(free: object, limit: object) -> str | None:
    return None if limit is None else f"{free} left of {limit}"


def _lasting(account: Account, coming: Forecast) -> str | None:
    if coming.hours_left is None:
        return f"{amount(account, coming.a_day)} a day are spent" if coming.a_day else None
    days, hours = divmod(coming.hours_left, 24)
    return f"{days} days {hours} hours at {amount(account, coming.a_day)} a day"
