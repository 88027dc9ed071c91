"""`speechai doctor`, `indexes`, `settings`: what is set, what is reachable, and how to mend what is not."""

from __future__ import annotations

from typing import Any

import click

from speechai.cli.output import json_option, print_facts, print_json, print_table


@click.command()
@json_option
def indexes(as_json: bool) -> None:
    """Create the database's indexes; doing it again changes nothing."""
    from speechai.cli.session import opened
    from speechai.store.indexes import create_indexes

    with opened() as context:
        made = create_indexes(context.store)
    if as_json:
        print_json(made)
    else:
        print_table("Indexes", ["collection", "indexes"], [(name, ", ".join(found)) for name, found in made.items()])


@click.command()
@json_option
def settings(as_json: bool) -> None:
    """Print the settings that are in force, without secrets."""
    from speechai.cli.session import load

    masked: dict[str, Any] = {name.upper(): value for name, value in load().masked().items()}
    if as_json:
        print_json(masked)
    else:
        print_facts({name: "(not set)" if value in (None, []) else value for name, value in masked.items()})


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check everything that calling needs, and say how to mend what is wrong.

    Fails (1) where something must be mended; warnings do not.
    """
    from speechai.cli.doctor import examine
    from speechai.cli.findings import Grade

    found = examine()
    if as_json:
        print_json([check.facts() for check in found])
    else:
        rows = [(check.grade.value, check.subject, check.finding, check.remedy) for check in found]
        print_table("", ["", "what", "found", "how to mend it"], rows)
    if any(check.grade is Grade.WRONG for check in found):
        raise click.exceptions.Exit(1)


COMMANDS = (doctor, indexes, settings)
