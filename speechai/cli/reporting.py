"""`speechai report`: what came of one batch, or of all, in the terminal, as a workbook or as Markdown."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from speechai.cli.output import facts_console, json_option, note, print_json

if TYPE_CHECKING:
    from speechai.operation.reports.model import Report

SUFFIXES = {"excel": "xlsx", "markdown": "md"}


@click.command()
@click.argument("batch_id", metavar="[ID]", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["terminal", "excel", "markdown"]),
    default="terminal",
    show_default=True,
    help="excel is a workbook with charts.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to write it.")
@json_option
def report(batch_id: str | None, form: str, output: Path | None, as_json: bool) -> None:
    """What came of a batch, or of all batches: states, hours, success, costs, phones, promises.

    A workbook goes to report-ID.xlsx where no --output names another file; Markdown to standard output.
    """
    from speechai.cli.session import load, opened
    from speechai.operation.reports.as_json import to_json
    from speechai.operation.reports.build import build_report

    if output is not None and not output.parent.is_dir():
        raise click.BadParameter(f"the folder {output.parent} does not exist", param_hint="'--output'")
    settings = load()
    with opened(settings) as context:
        built = build_report(
            context.store,
            batch_id=batch_id,
            now=datetime.now(UTC),
            zone=settings.zone,
            contact_list=form == "excel" and not as_json,
        )
    if form == "excel" and output is None and not as_json:
        output = Path(f"report-{batch_id or 'all'}.xlsx")
    if output is not None:
        save(built, form, output)
        note(f"The report was written to {output}.")
    if as_json:
        print_json(to_json(built))
    elif output is None:
        _print(built, form)


def save(built: Report, form: str, path: Path) -> None:
    """Writes the report in one of the forms; an older file of that name is replaced."""
    from speechai.operation.reports.markdown import to_markdown
    from speechai.operation.reports.workbook import write_workbook

    if form == "excel":
        write_workbook(built, path)
    elif form == "markdown":
        path.write_text(to_markdown(built), encoding="utf-8")
    else:
        from rich.console import Console

        with path.open("w", encoding="utf-8") as file:
            show(built, Console(file=file, width=120))


def _print(built: Report, form: str) -> None:
    from speechai.operation.reports.markdown import to_markdown

    if form == "markdown":
        sys.stdout.write(to_markdown(built))
    else:
        show(built, facts_console())


def show(built: Report, console: object) -> None:
    """The report on a rich console."""
    from rich.console import Console

    from speechai.operation.reports.terminal import print_report

    assert isinstance(console, Console)
    print_report(built, console)


COMMANDS = (report,)
