"""`speechai account topup`, `adjust` and `ledger`: money in, corrections, and every movement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from speechai.cli.account_options import by_option
from speechai.cli.account_view import account_facts, amount, unit_of
from speechai.cli.output import json_option, local, note, print_facts, print_json, print_table

if TYPE_CHECKING:
    from speechai.core.accounts import Account
    from speechai.operation.accounts import Moved
    from speechai.operation.context import Context

_NEGATIVE = {"ignore_unknown_options": True}
"""Lets `-3.50` be an amount rather than an option."""


@click.command(context_settings=_NEGATIVE)
@click.argument("account_id", metavar="ID")
@click.argument("text", metavar="AMOUNT")
@click.option("--key", help="The payment's own number: giving it twice pays in once. One is made up if left away.")
@click.option("--note", "words", default="", help="A remark, kept in the ledger.")
@by_option
@json_option
def topup(account_id: str, text: str, key: str | None, words: str, by: str, as_json: bool) -> None:
    """Pay in. An account that was suspended for no credit is resumed once a call can be paid."""
    from speechai.cli.session import opened
    from speechai.operation.accounts import top_up

    with opened() as context:
        value, key = _parsed(context, account_id, text), key or _new_key()
        moved = top_up(context, account_id, value, key=key, by=by, note=words)
        wake(moved)
    _print_moved(moved, value, key, as_json)


@click.command(context_settings=_NEGATIVE)
@click.argument("account_id", metavar="ID")
@click.argument("text", metavar="AMOUNT")
@click.option("--because", "why", required=True, metavar="TEXT", help="The reason, kept in the ledger for good.")
@click.option("--key", help="Giving it twice adjusts once. One is made up if left away.")
@by_option
@json_option
def adjust(account_id: str, text: str, why: str, key: str | None, by: str, as_json: bool) -> None:
    """Correct the balance by an amount, above zero or below (-3.50)."""
    from speechai.cli.session import opened
    from speechai.operation import accounts

    with opened() as context:
        value, key = _parsed(context, account_id, text), key or _new_key()
        moved = accounts.adjust(context, account_id, value, key=key, by=by, why=why)
        wake(moved)
    _print_moved(moved, value, key, as_json)


@click.command()
@click.argument("account_id", metavar="ID")
@click.option("--days", type=click.IntRange(1, 3660), default=7, show_default=True, help="How far back to look.")
@click.option("--check", is_flag=True, help="Add up the whole ledger; fails where the sum is not the balance.")
@json_option
def ledger(account_id: str, days: int, check: bool, as_json: bool) -> None:
    """Every movement of the account's money, the newest last."""
    from datetime import timedelta

    from speechai.cli.session import opened
    from speechai.store import ledger as books
    from speechai.store.accounts import require

    with opened() as context:
        found, zone = require(context.store, account_id), context.settings.timezone
        books.flush_outbox(context.store, account_id)
        entries = books.entries_of(context.store, account_id, since=context.clock() - timedelta(days=days))
        sums = books.books(context.store, account_id) if check else None
    if as_json:
        document = [entry.document for entry in entries]
        print_json({"account_id": account_id, "unit": unit_of(found), "entries": document, **_check_facts(check, sums)})
    else:
        rows = [
            (
                local(entry.at, zone), entry.kind, entry.attempt_id or entry.by, entry.batch_id, entry.note,
                amount(found, entry.amount),
            )
            for entry in entries
        ]  # fmt: skip
        print_table("", ["when", "what", "call or person", "batch", "note", "amount"], rows, numbers=1)
        print_facts({"balance": amount(found, found.balance)})
    if check:
        _judge(found, sums)


def _judge(found: Account, sums: tuple[int, int] | None) -> None:
    if sums is None:
        note("Error: the account moves too fast to be added up; pause its lists and ask again.")
        raise click.exceptions.Exit(1)
    balance, total = sums
    if balance != total:
        note(f"Error: the balance is {amount(found, balance)}, but the ledger adds up to {amount(found, total)}.")
        raise click.exceptions.Exit(1)
    note("The ledger adds up to the balance.")


def _check_facts(check: bool, sums: tuple[int, int] | None) -> dict[str, Any]:
    if not check:
        return {}
    balance, total = sums or (None, None)
    return {"balance": balance, "sum": total, "is_right": sums is not None and balance == total}


def _parsed(context: Context, account_id: str, text: str) -> int:
    from speechai.core.accounts import parse_amount
    from speechai.store.accounts import require

    return parse_amount(text, require(context.store, account_id).plan)


def _new_key() -> str:
    from uuid import uuid4

    return uuid4().hex[:12]


def wake(moved: Moved) -> None:
    """Contacts that wait again are looked for at once."""
    if moved.jobs:
        from speechai.cli.session import send
        from speechai.operation.nudges import DispatchDue

        send([DispatchDue()])


def _print_moved(moved: Moved, value: int, key: str, as_json: bool) -> None:
    found = moved.account
    if as_json:
        facts = {"key": key, "amount": value, "is_new": moved.is_new, "is_resumed": moved.is_resumed}
        print_json({**account_facts(found), **facts, "jobs": moved.jobs})
        return
    done = (
        f"{amount(found, value)} moved under the key {key}"
        if moved.is_new
        else f"The key {key} was used before: nothing moved"
    )
    click.echo(f"{done}. The balance of {found.id} is {amount(found, found.balance)}.")
    if moved.is_resumed:
        click.echo(f"The account is active again; {moved.jobs} contacts wait to be called.")
    elif found.status == "suspended":
        note(f"The account stays suspended: {found.reason}")


MONEY = (topup, adjust, ledger)
