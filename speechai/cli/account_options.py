"""The settings of an account as options of `account create` and `account set`: texts in, fields of `Account` out.

`none` takes a limit or a list away. Amounts are read in the unit of the account's plan: dollars, or minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from speechai.cli.order_options import read_overrides as read_overrides

if TYPE_CHECKING:
    from speechai.core.accounts import Plan

F = TypeVar("F", bound=Callable[..., Any])
_NONE = "none"

by_option = click.option("--by", default="operator", show_default=True, help="Who does it; kept for good.")


def _count(_context: click.Context, _option: click.Parameter, given: str | None) -> int | str | None:
    """A whole number; `none` as it is, nothing as None."""
    if given is None or given == _NONE:
        return given
    if not (given.isascii() and given.isdigit() and len(given) <= 9):
        raise click.BadParameter(f"{given!r} is neither a whole number nor none")
    return int(given)


def _overrides_or_none(
    context: click.Context, option: click.Parameter, given: tuple[str, ...]
) -> dict[str, Any] | None:
    """Fields by name; `none` takes all away, nothing given is None."""
    return {} if given == (_NONE,) else read_overrides(context, option, given) or None


_OPTIONS = (
    click.option("--name", help="What people call it."),
    click.option("--price", metavar="USD", help="What a minute is reserved at, and charged at where Retell is silent."),
    click.option("--day-budget", metavar="AMOUNT", help="Most that its calls may cost a day: US dollars, or minutes."),
    click.option("--calls-a-day", metavar="N", callback=_count, help="Most calls a day."),
    click.option("--concurrency", metavar="N", callback=_count, help="Most calls at once."),
    click.option("--from-number", "from_numbers", multiple=True, metavar="E.164", help="A caller number. Repeatable."),
    click.option("--country", "countries", multiple=True, metavar="CC", help="A country it may call. Repeatable."),
    click.option("--policy", help="Hours and caps of its lists, where a list names none."),
    click.option(
        "--override",
        "policy_overrides",
        metavar="FIELD=VALUE",
        multiple=True,
        callback=lambda context, option, given: (
            {} if given == (_NONE,) else read_overrides(context, option, given) or None
        ),
        help="A field of the policy for all its lists, e.g. attempts_a_day=2. Repeatable.",
    ),
    click.option("--because", "override_because", metavar="TEXT", help="Why an override may loosen a legal preset."),
)


def account_options(command: F) -> F:
    """Adds the settings of an account to a command, in the order of its help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_changes(given: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """The options that were given, as fields of `Account`. Raises UsageError for an amount that is none."""
    from speechai.core.accounts import Plan, parse_amount

    changes = {name: value for name, value in given.items() if value not in (None, ())}
    for name in ("from_numbers", "countries"):
        if name in changes:
            changes[name] = () if changes[name] == (_NONE,) else tuple(dict.fromkeys(changes[name]))
    for name in ("day_budget", "calls_a_day", "concurrency", "policy", "override_because"):
        if changes.get(name) == _NONE:
            changes[name] = None
    if changes.get("day_budget") is not None:
        changes["day_budget"] = parse_amount(changes["day_budget"], plan)
    if "price" in changes:
        changes["price_micros_per_minute"] = parse_amount(changes.pop("price"), Plan.CREDIT)
    return changes
