"""`speechai do-not-call`: the people and telephones that nobody calls, over all batches and accounts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from speechai.cli.output import json_option, local, note, print_json, print_result, print_table

if TYPE_CHECKING:
    from speechai.operation.do_not_call import Changed, Meant

_SHOWN_FAULTS = 50
"""Cells that could not be read, in the table; --json shows all."""
_FAILED = 1

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _about(command: Decorated) -> Decorated:
    """The options of every change."""
    for option in (
        click.option("--country", type=click.Choice(["CL", "AR"]), help="Of ids and of phones without a code."),
        click.option("--by", default="operator", show_default=True, help="Who does it; kept for good."),
        click.option("--because", "why", required=True, metavar="TEXT", help="Why; kept for good."),
    ):
        command = option(command)
    return command


def _who(command: Decorated) -> Decorated:
    """Phones and national ids, and what they are where both are possible."""
    for option in (
        click.option("--id", "meant", flag_value="id", help="They are national ids."),
        click.option("--phone", "meant", flag_value="phone", help="They are phones."),
        click.argument("texts", metavar="PHONE|ID...", nargs=-1, required=True),
    ):
        command = option(command)
    return command


@click.group("do-not-call")
def do_not_call() -> None:
    """Whom nobody calls: phones and national ids. It holds at once, in every batch and account."""


@do_not_call.command()
@_who
@_about
@json_option
def add(texts: tuple[str, ...], meant: Meant | None, why: str, by: str, country: str | None, as_json: bool) -> None:
    """Put phones or national ids on the list."""
    from speechai.operation import do_not_call as operation

    changed = _change(operation.add, texts, meant, why, by, country)
    print_result(as_json, asdict(changed), f"Added: {_counts(changed)}.")


@do_not_call.command()
@_who
@_about
@json_option
def lift(texts: tuple[str, ...], meant: Meant | None, why: str, by: str, country: str | None, as_json: bool) -> None:
    """Take phones or national ids off the list. Contacts that ended because of it stay ended; see `retry`."""
    from speechai.operation import do_not_call as operation

    changed = _change(operation.lift, texts, meant, why, by, country)
    print_result(as_json, asdict(changed), f"Lifted: {_counts(changed)}.")


@do_not_call.command()
@click.argument("path", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_about
@json_option
def load(path: Path, why: str, by: str, country: str | None, as_json: bool) -> None:
    """Put everybody of a workbook or CSV on the list, by its columns of phones, national ids or both.

    Ends with 1 where a cell could not be read: whoever stands there is not on the list. The rest is.
    """
    from speechai.cli.session import opened
    from speechai.operation.do_not_call import load_file

    with opened() as context:
        loaded = load_file(context, path, country=country or context.settings.country, why=why, by=by)
    if as_json:
        faults = [{**fault.to_document(), "row": fault.row} for fault in loaded.faults]
        print_json({"file": path.name, "rows": loaded.rows, **asdict(loaded.changed), "faults": faults})
    else:
        click.echo(f"{loaded.rows} rows. Added: {_counts(loaded.changed)}.")
        if loaded.faults:
            rows = [(fault.row, fault.column, fault.value, fault.english) for fault in loaded.faults[:_SHOWN_FAULTS]]
            print_table("Not read, and so not on the list", ["row", "column", "value", "what to do"], rows)
    if loaded.faults:
        note(f"{len(loaded.faults)} cells could not be read: correct them and load the file again.")
        raise click.exceptions.Exit(_FAILED)


@do_not_call.command("list")
@click.option("--full", is_flag=True, help="Show phones and national ids whole.")
@json_option
def list_(full: bool, as_json: bool) -> None:
    """Everybody on the list, with the latest word about them."""
    from speechai.cli.session import opened
    from speechai.operation.do_not_call import listed

    with opened() as context:
        found, zone = list(listed(context, full=full)), context.settings.timezone
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        click.echo("Nobody is on the do-not-call list.")
        return
    rows = [(one.kind, one.who, _since(one.since, zone), one.by, one.why) for one in found]
    print_table("Do not call", ["", "who", "since", "by", "why"], rows)


def _change(
    change: Callable[..., Changed], texts: Sequence[str], meant: Meant | None, why: str, by: str, country: str | None
) -> Changed:
    """All of them or none: every word is understood before anything is written."""
    from speechai.cli.session import load as load_settings
    from speechai.cli.session import opened
    from speechai.operation.do_not_call import subject_of

    settings = load_settings()
    subjects = [subject_of(text, country=country or settings.country, meant=meant) for text in texts]
    with opened(settings) as context:
        return change(context, subjects, why=why, by=by)


def _counts(changed: Changed) -> str:
    before = changed.named - changed.people - changed.phones
    people = f"{changed.people} {'person' if changed.people == 1 else 'people'}"
    phones = f"{changed.phones} {'phone' if changed.phones == 1 else 'phones'}"
    return f"{people}, {phones}" + (f"; {before} as before" if before else "")


def _since(since: datetime | str | None, zone: str) -> str | None:
    return local(since, zone) if isinstance(since, datetime) else since


COMMANDS = (do_not_call,)
