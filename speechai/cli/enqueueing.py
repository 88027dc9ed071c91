"""`speechai enqueue`: a file of contacts becomes a batch of jobs, or is refused before anything is stored."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speechai.cli.order_options import order_options
from speechai.cli.output import json_option, named_counts, note, print_facts, print_json, row_counts

if TYPE_CHECKING:
    from speechai.cli.following import Look
    from speechai.cli.rejections import Rejection
    from speechai.cli.sending import Sent
    from speechai.operation.context import Context


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=False, path_type=Path))
@order_options
@click.option("--again", is_flag=True, help="Load a file that was loaded before as a batch of its own.")
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.xlsx",
    help="Write the rejected rows with their reasons to this workbook.",
)
@click.option("--dry-run", is_flag=True, help="Show what would happen; nothing is stored.")
@click.option("--wait", is_flag=True, help="Follow the batch until every contact is final; fails if it is paused.")
@json_option
def enqueue(
    file: Path, rejects: Path | None, dry_run: bool, wait: bool, as_json: bool, pacing: str, **asked: Any
) -> None:
    """Send a list of contacts (xlsx, xls, csv) to be called.

    The file travels through MongoDB, so the workers may run on other machines. A list is loaded whole or not at all;
    rows that cannot be used are kept apart with their reasons. The same file is recognised.
    """
    from speechai.cli.dry_run import dry_run as show_dry_run
    from speechai.cli.sending import check_order, send_file
    from speechai.cli.session import load, opened
    from speechai.core.model import Pacing
    from speechai.operation.submitting import Order, advice_on, policy_of

    order = Order(pacing=Pacing(pacing), **asked)
    _check_output(rejects)
    settings = load()
    check_order(settings, file, order)
    for advice in advice_on(policy_of(settings, order), order, country=settings.country):
        note(f"Note: {advice}")
    if dry_run:
        show_dry_run(settings, file, order, rejects=rejects, as_json=as_json)
        return
    with opened(settings) as context:
        sent = send_file(context, file, order)
        rejections = _rejections(context, sent, rejects)
        seen = _followed(context, sent) if wait else None
        if as_json:
            print_json(_facts(sent, rejections, seen))
        else:
            _print(sent, rejections, seen)
    is_useless = sent.document["status"] == "refused" or sent.document.get("counts", {}).get("contacts") == 0
    if is_useless or (seen is not None and seen.is_stuck):
        raise click.exceptions.Exit(1)


def _check_output(path: Path | None) -> None:
    """A folder that is not there is found before the list is loaded, not after."""
    if path is not None and not path.parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} does not exist", param_hint="'--rejects'")


def _rejections(context: Context, sent: Sent, rejects: Path | None) -> list[Rejection]:
    from speechai.cli.rejections import summed_up, write_workbook
    from speechai.operation.ingest import RejectedRow
    from speechai.store.batches import rejected_rows

    if "counts" not in sent.document:
        return []
    if rejects is not None:
        stored = map(RejectedRow.from_document, rejected_rows(context.store, sent.batch_id))
        write_workbook(rejects, sent.document["header"], stored)
    return summed_up(map(RejectedRow.from_document, rejected_rows(context.store, sent.batch_id)))


def _followed(context: Context, sent: Sent) -> Look | None:
    """The batch when nothing of it moves any more; None where there is nothing to follow."""
    from speechai.cli.following import follow

    if sent.document["status"] == "refused":
        return None
    return follow(
        context,
        sent.batch_id,
        # A list that no worker has loaded yet has no jobs, and is not over.
        until=lambda seen: seen.status not in ("received", "loading") and (seen.is_over or seen.is_stuck),
    )


def _facts(sent: Sent, rejections: list[Rejection], seen: Look | None) -> dict[str, Any]:
    document = sent.document
    return {
        "batch_id": sent.batch_id,
        "is_new": sent.is_new,
        "status": str(seen.status if seen else document["status"]),
        "reason": seen.reason if seen else document.get("reason"),
        "name": document["name"],
        "use_case": document["use_case"],
        "pacing": str(document["pacing"]),
        "policy": document["policy"],
        "policy_overrides": document.get("policy_overrides"),
        "negotiation": document.get("negotiation"),
        "priority": document.get("priority"),
        "columns": document.get("columns"),
        "counts": document.get("counts"),
        "warnings": document.get("warnings"),
        "jobs": document["jobs"],
        "rejections": [asdict(rejection) for rejection in rejections],
        **({"result": seen.facts()} if seen else {}),
    }


def _print(sent: Sent, rejections: list[Rejection], seen: Look | None) -> None:
    from speechai.cli.rejections import print_rejections

    document = sent.document
    if document["status"] == "refused":
        note(f"Error: the list was refused and nothing of it is kept: {document['reason']}")
        return
    print_facts(
        {
            "batch": sent.batch_id,
            "name": document["name"],
            "status": seen.status if seen else document["status"],
            "reason": seen.reason if seen else document.get("reason"),
            "rows": row_counts(document["counts"]) if "counts" in document else None,
            "contacts": document["counts"]["contacts"] if "counts" in document else None,
            "warnings": named_counts(document["warnings"]) if document.get("warnings") else None,
            "result": seen.line() if seen else None,
        }
    )
    print_rejections(rejections)
    if not sent.is_new:
        note("This file was sent before: it is the batch above, and nothing was added. --again loads it once more.")
    elif document.get("counts", {}).get("contacts") == 0:
        note("Error: no row could be used, so nobody will be called. Correct the rows and send them again.")
    elif sent.is_waiting and seen is None:
        note(
            "The list is stored safely, but no worker has taken it yet. Start the workers (`make up` or `speechai up`) "
            f"and look at it with `speechai batch {sent.batch_id}`."
        )


COMMANDS = (enqueue,)
