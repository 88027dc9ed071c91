"""How facts are printed: JSON or tables on standard output, everything else on standard error.

Texts of contacts and files are never read as rich's markup. Instants are shown in a named zone, money as US dollars.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import click

if TYPE_CHECKING:
    from rich.console import Console

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
_PIPE_COLUMNS = 160
"""Width of tables on a pipe, where no terminal tells its own and 80 columns would cut ids."""


def json_option(command: Decorated) -> Decorated:
    """`--json` for a command that prints facts."""
    return click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON, and nothing else.")(command)


def facts_console() -> Console:
    """Standard output."""
    return _console(stderr=False)


def notes_console() -> Console:
    """Standard error: progress, notes, what to do next."""
    return _console(stderr=True)


def note(text: str) -> None:
    """One remark for the operator."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    """`value` as one JSON document on standard output; instants in ISO 8601."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def print_result(as_json: bool, facts: Mapping[str, Any], text: str) -> None:
    """What a command has changed: `facts` as JSON where that is asked for, else `text`."""
    if as_json:
        print_json(facts)
    else:
        click.echo(text)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0) -> None:
    """A table on standard output; the last `numbers` columns stand to the right."""
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place >= len(columns) - numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    facts_console().print(table)


def print_facts(facts: Mapping[str, object]) -> None:
    """Name and value, a line each; what is None or empty is left out."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if value not in (None, "", (), [], {}):
            table.add_row(name, str(value))
    facts_console().print(table)


def local(instant: datetime | None, zone: str) -> str:
    """`2026-11-22 09:00:00 America/Santiago`, "" for None."""
    return f"{instant.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S} {zone}" if instant else ""


def dollars(micros: int | None) -> str:
    """USD micros as `US$ 0.1234`, "" for None."""
    return "" if micros is None else f"US$ {micros // 1_000_000}.{micros % 1_000_000 // 100:04d}"


def named_counts(counts: Mapping[str, int]) -> str:
    """`done 12, failed 3`, without the zeros."""
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"


def row_counts(counts: Mapping[str, int]) -> str:
    """What became of a list's rows, as one line."""
    parts = {name: counts[name] for name in ("accepted", "merged", "duplicate", "rejected")}
    return f"{counts['rows']}: {named_counts(parts)}; blank {counts['blank']}"


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    return (
        console
        if console.is_terminal
        else Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=_PIPE_COLUMNS)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
