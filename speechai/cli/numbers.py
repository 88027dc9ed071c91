"""`speechai numbers`: the numbers that calls come from, how often they fail, which of them rest, and changing that."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from speechai.cli.output import json_option, local, print_json, print_result, print_table

if TYPE_CHECKING:
    from speechai.core.callers import CallerNumber


@click.group()
def numbers() -> None:
    """The caller numbers: RETELL_FROM_NUMBER and the accounts' own.

    A number whose calls fail too often rests by itself and wakes when its time is over; the thresholds stand in
    config/catalogue/callers.toml.
    """


@numbers.command("list")
@json_option
def list_numbers(as_json: bool) -> None:
    """Every number with its users, countries, state and rate of failures."""
    from speechai.cli.session import opened
    from speechai.operation.callers import known_callers

    with opened() as context:
        found, now, zone = known_callers(context), context.clock(), context.settings.timezone
    facts = [_facts(caller, users, now) for caller, users in found]
    if as_json:
        print_json(facts)
        return
    rows = [
        (
            f["number"],
            ", ".join("all" if user == "*" else user for user in f["used_by"]) or "nobody",
            "any" if f["countries"] is None else ", ".join(f["countries"]) or "none",
            f"rests until {local(f['rested_until'], zone)}" if f["state"] == "resting" else _STATES[f["state"]],
            f["rest_reason"],
            f["calls"],
            f["failures"],
            "" if f["failure_percent"] is None else f"{f['failure_percent']} %",
        )
        for f in facts
    ]
    columns = ["number", "used by", "may call", "state", "why", "latest calls", "failed", "rate"]
    print_table("Caller numbers", columns, rows, numbers=3)


_STATES = {"working": "works", "unlisted": "not listed by Retell"}


@numbers.command()
@click.argument("number")
@click.option("--minutes", type=click.IntRange(min=1), default=60, show_default=True, help="How long.")
@click.option("--because", required=True, help="Why; shown with the number.")
@json_option
def rest(number: str, minutes: int, because: str, as_json: bool) -> None:
    """Call from NUMBER no more for a while."""
    from speechai.cli.session import opened
    from speechai.operation.callers import rest_caller

    with opened() as context:
        until = rest_caller(context, number, minutes=minutes, because=because, by="operator")
        zone = context.settings.timezone
    print_result(as_json, {"number": number, "rested_until": until}, f"{number} rests until {local(until, zone)}.")


@numbers.command()
@click.argument("number")
@json_option
def wake(number: str, as_json: bool) -> None:
    """Call from NUMBER again now; what its calls were like before counts no more."""
    from speechai.cli.session import opened
    from speechai.operation.callers import wake_caller

    with opened() as context:
        woken = wake_caller(context, number, by="operator")
    print_result(
        as_json, {"number": number, "woken": woken}, f"{number} is awake." if woken else f"{number} did not rest."
    )


@numbers.command()
def refresh() -> None:
    """Ask Retell for its numbers and the countries that each may call. Workers do so every hour."""
    from speechai.cli.session import opened
    from speechai.operation.callers import ask_for_countries
    from speechai.operation.context import open_context

    with opened() as context:
        ask_for_countries(open_context(context.settings))  # other commands go without a key, this one needs it
    click.echo("Up to date: `speechai numbers list` shows them.")


def _facts(caller: CallerNumber, users: list[str], now: datetime) -> dict[str, Any]:
    failures, calls = caller.tally()
    resting = caller.is_resting(now)
    state = "unlisted" if caller.is_listed is False else "resting" if resting else "working"
    return {
        "number": caller.number,
        "used_by": users,
        "countries": None if caller.countries is None else sorted(caller.countries),
        "state": state,
        "rested_until": caller.rested_until if resting else None,
        "rest_reason": caller.rest_reason if resting else None,
        "calls": calls,
        "failures": failures,
        "failure_percent": round(100 * failures / calls) if calls else None,
    }


COMMANDS = (numbers,)
