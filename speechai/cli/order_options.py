"""What an operator asks for with a list, as options of `enqueue` and `plan`: texts in, the fields of an `Order` out.

Only the spelling is checked here; what the policy, the account and the catalogue say of it is checked with the order.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from speechai.core.model import Variant

F = TypeVar("F", bound=Callable[..., Any])
_VARIANT = re.compile(r"(?P<name>[\w-]+)(=(?P<agent_id>[\w-]+))?(:(?P<weight>[1-9]\d?))?")
_DOLLARS = re.compile(r"\d{1,9}(\.\d{1,6})?")


def _mapping(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """`phone=Celular 2` as {"phone": ("Celular 2",)}; a meaning may be given several times."""
    mapping: dict[str, tuple[str, ...]] = {}
    for text in given:
        meaning, equals, column = (part.strip() for part in text.partition("="))
        if not (meaning and equals and column):
            raise click.BadParameter(f"{text!r} is not MEANING=COLUMN, for example phone='Celular 2'")
        mapping[meaning] = (*mapping.get(meaning, ()), column)
    return mapping


def read_overrides(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """`attempts_a_day=2` as {"attempts_a_day": 2}: values as TOML writes them, a bare word as a text."""
    overrides: dict[str, Any] = {}
    for text in given:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (name and equals and value):
            raise click.BadParameter(f"{text!r} is not FIELD=VALUE, for example attempts_a_day=2")
        try:
            overrides[name] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            overrides[name] = value
    return overrides


def _variants(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> tuple[Variant, ...]:
    from speechai.core.model import Variant

    found = []
    for text in given:
        match = _VARIANT.fullmatch(text.strip())
        if match is None:
            raise click.BadParameter(f"{text!r} is not NAME[=AGENT_ID][:WEIGHT], for example amable=agent_1a2b:2")
        weight = int(match["weight"] or 1)
        found.append(Variant(name=match["name"], agent_id=match["agent_id"], weight=weight))
    return tuple(found)


def read_micros(given: str) -> int:
    """US dollars such as 25 or 25.50 as USD micros. Raises BadParameter."""
    if _DOLLARS.fullmatch(given) is None or Decimal(given) == 0:
        raise click.BadParameter(f"{given!r} is not an amount of US dollars such as 25 or 25.50")
    return int(Decimal(given) * 1_000_000)


def _micros(_context: click.Context, _option: click.Parameter, given: str | None) -> int | None:
    return None if given is None else read_micros(given)


_OPTIONS = (
    click.option("--use-case", required=True, help="debt_collection, marketing, survey, reminder or notification."),
    click.option("--account", "account_id", default="main", show_default=True, help="Who pays for the calls."),
    click.option("--name", help="The batch's name; the file's name where it is left away."),
    click.option(
        "--pacing",
        type=click.Choice(["waves", "continuous"]),
        default="waves",
        show_default=True,
        help="60 people a day at 9:00, 12:00 and 15:00, or everybody as soon as the hours allow.",
    ),
    click.option("--policy", help="Hours and caps; the account's, else DEFAULT_POLICY where it is left away."),
    click.option(
        "--override",
        "overrides",
        metavar="FIELD=VALUE",
        multiple=True,
        callback=read_overrides,
        help="A field of the policy for this list alone, e.g. attempts_a_day=2. Repeatable.",
    ),
    click.option("--because", metavar="TEXT", help="Why an override may loosen a legal preset; kept with the batch."),
    click.option(
        "--priority",
        type=click.IntRange(1, 9),
        default=5,
        show_default=True,
        help="Turns among the account's lists: 9 has nine for one of a list with 1.",
    ),
    click.option(
        "--negotiation", metavar="TABLE", help="What may be offered, by days overdue; the use case's where left away."
    ),
    click.option(
        "--variant",
        "variants",
        metavar="NAME[=AGENT][:WEIGHT]",
        multiple=True,
        callback=_variants,
        help="An arm of an A/B test; a person stays with one. Repeatable.",
    ),
    click.option("--budget", "budget_micros", metavar="USD", callback=_micros, help="Most that the list may cost."),
    click.option(
        "--map",
        "mapping",
        metavar="MEANING=COLUMN",
        multiple=True,
        callback=_mapping,
        help="A column by its meaning, where its header is not recognised, e.g. phone='Celular 2'. Repeatable.",
    ),
    click.option("--sheet", help="The sheet to read, where the right one is not found."),
)


def order_options(command: F) -> F:
    """Adds the options of an `Order` to a command, in the order of its help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
