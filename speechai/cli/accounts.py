"""`speechai account`: who pays for the calls; money in, limits, suspension, and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from speechai.cli.account_money import MONEY, wake
from speechai.cli.account_options import account_options, by_option, read_changes
from speechai.cli.account_view import account_facts, amount, forecast_facts, print_account
from speechai.cli.output import json_option, note, print_json, print_result, print_table

if TYPE_CHECKING:
    from speechai.core.accounts import Account
    from speechai.operation.context import Context


@click.group()
def account() -> None:
    """Who pays for the calls: credit, limits and the ledger.

    Amounts are US dollars such as 25 or 25.50; for an account on the minutes plan they are minutes of talk.
    """


@account.command()
@click.argument("account_id", metavar="ID")
@click.option(
    "--plan",
    type=click.Choice(["credit", "minutes", "unlimited"]),
    default="credit",
    show_default=True,
    help="Dollars or minutes paid in advance, or no end: what it costs is recorded and nothing is refused for it.",
)
@account_options
@json_option
def create(account_id: str, plan: str, as_json: bool, **given: Any) -> None:
    """Make an account, without money yet."""
    from speechai.cli.session import opened
    from speechai.core.accounts import Plan
    from speechai.operation.account_settings import create_account

    changes = read_changes(given, Plan(plan))
    with opened() as context:
        made = create_account(context, account_id, Plan(plan), changes)
        _warn(context, made)
    to_do = "" if plan == "unlimited" else f" `speechai account topup {account_id} AMOUNT` pays in."
    print_result(as_json, account_facts(made), f"Account {account_id} ({plan}) is made.{to_do}")


@account.command("set")
@click.argument("account_id", metavar="ID")
@click.option("--plan", type=click.Choice(["credit", "unlimited"]), help="Change between credit and unlimited.")
@account_options
@by_option
@json_option
def set_(account_id: str, plan: str | None, by: str, as_json: bool, **given: Any) -> None:
    """Change an account's limits and settings; `none` takes one away.

    Calls that are live stay: under a lowered limit nothing starts before enough has ended.
    """
    from speechai.cli.session import opened
    from speechai.core.accounts import Plan
    from speechai.operation.account_settings import change_account
    from speechai.store.accounts import require

    with opened() as context:
        changes = read_changes(given, require(context.store, account_id).plan)
        if plan is not None:
            changes["plan"] = Plan(plan)
        changed = change_account(context, account_id, changes, by=by)
        _warn(context, changed)
    print_result(as_json, account_facts(changed), f"Account {account_id} is changed: {', '.join(sorted(changes))}.")


@account.command("list")
@json_option
def list_(as_json: bool) -> None:
    """All accounts with their money and state."""
    from speechai.cli.session import opened
    from speechai.store.accounts import list_accounts

    with opened() as context:
        found = list_accounts(context.store)
    if as_json:
        print_json([account_facts(one) for one in found])
        return
    if not found:
        note("There is no account yet: `main` comes with the first list, `speechai account create ID` makes another.")
        return
    rows = [
        (
            one.id, one.name, one.plan, one.status, one.reason, len(one.reservations),
            amount(one, one.balance), amount(one, one.reserved), amount(one, one.free),
        )
        for one in found
    ]  # fmt: skip
    columns = ["account", "name", "plan", "status", "reason", "live calls", "balance", "reserved", "free"]
    print_table("", columns, rows, numbers=4)


@account.command()
@click.argument("account_id", metavar="ID")
@json_option
def show(account_id: str, as_json: bool) -> None:
    """One account: money, limits, budgets, how long it lasts, and what was changed of late."""
    from speechai.cli.session import opened
    from speechai.operation.accounts import outlook
    from speechai.store.account_changes import history
    from speechai.store.accounts import require

    with opened() as context:
        found, zone = require(context.store, account_id), context.settings.timezone
        coming, changes = outlook(context, found), history(context.store, account_id)
    if as_json:
        print_json({**account_facts(found), "forecast": forecast_facts(coming), "history": changes})
        return
    print_account(found, coming, changes, zone)


@account.command()
@click.argument("account_id", metavar="ID")
@click.option("--because", "why", required=True, metavar="TEXT", help="The reason, shown wherever a call is denied.")
@by_option
@json_option
def suspend(account_id: str, why: str, by: str, as_json: bool) -> None:
    """Stop the account's calls until `account resume`; live ones go on to their end."""
    from speechai.cli.session import opened
    from speechai.core.accounts import SuspendedBy
    from speechai.operation.accounts import suspend_account
    from speechai.store.accounts import require

    with opened() as context:
        is_new = suspend_account(context, account_id, reason=f"{why} ({by})", by=SuspendedBy.OPERATOR)
        found = require(context.store, account_id)
    text = f"Account {account_id} is suspended." if is_new else f"Account {account_id} was suspended before."
    print_result(as_json, {**account_facts(found), "is_new": is_new}, text)


@account.command()
@click.argument("account_id", metavar="ID")
@click.option("--because", "why", default="resumed by an operator", metavar="TEXT", help="Kept with the account.")
@by_option
@json_option
def resume(account_id: str, why: str, by: str, as_json: bool) -> None:
    """Let the account's calls start again, whatever suspended it."""
    from speechai.cli.session import opened
    from speechai.operation.accounts import resume_account

    with opened() as context:
        moved = resume_account(context, account_id, by=by, why=why)
        wake(moved)
    text = f"Account {account_id} is active; {moved.jobs} contacts wait to be called again."
    print_result(as_json, {**account_facts(moved.account), "is_new": moved.is_new, "jobs": moved.jobs}, text)


def _warn(context: Context, found: Account) -> None:
    """A limit below what one call reserves lets nobody be called, and no number says so by itself."""
    from speechai.core.accounts import estimate

    one_call = estimate(found, context.settings.call_max_duration_minutes)
    if found.day_budget is not None and found.day_budget < one_call:
        note(
            f"Warning: one call reserves {amount(found, one_call)}, more than the day's budget: nobody will be called."
        )


for _command in MONEY:
    account.add_command(_command)

COMMANDS = (account,)
