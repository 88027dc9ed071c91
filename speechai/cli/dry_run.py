"""`enqueue --dry-run`: what the file would become. Reads the file as a worker would and touches no server.

Enters a file and an order; leaves the facts on standard output and, where asked, the workbook of rejected rows.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechai.cli.output import named_counts, note, print_facts, print_json, print_table, row_counts
from speechai.cli.progress import load_progress
from speechai.cli.rejections import print_rejections, summed_up, write_workbook

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.operation.ingest import Contact, Ingested
    from speechai.operation.submitting import Order

EXAMPLES = 5
"""Contacts that are shown."""


def dry_run(settings: Settings, path: Path, order: Order, *, rejects: Path | None, as_json: bool) -> None:
    """Prints what would happen. Raises InputError, UsageError as the real load would refuse."""
    from speechai.operation.ingest import Progress, ingest_file
    from speechai.operation.submitting import spec_of

    with load_progress() as shown:

        def report(progress: Progress) -> None:
            shown.show(progress.phase, progress.rows, progress.total)

        ingested = ingest_file(
            path,
            spec=spec_of(
                order, country=settings.country, time_zone=settings.timezone, max_upload_mb=settings.max_upload_mb
            ),
            now=datetime.now(UTC),
            progress=report,
        )
    with ingested:
        facts = _facts(path, ingested)
        rejections = summed_up(ingested.rejected())
        if as_json:
            print_json({**facts, "rejections": [asdict(rejection) for rejection in rejections]})
        else:
            _print(facts)
            print_rejections(rejections)
        write_workbook(rejects, ingested.header, ingested.rejected())
    note("Dry run: nothing was stored and nobody will be called.")


def _facts(path: Path, ingested: Ingested) -> dict[str, Any]:
    return {
        "file": path.name,
        "dry_run": True,
        "sheet": ingested.layout.sheet.name,
        "header_row": ingested.layout.header_row,
        "columns": ingested.layout.described(),
        "variables": sorted(ingested.layout.variables.values()),
        "counts": asdict(ingested.counts),
        "warnings": dict(ingested.warnings),
        "first_contacts": [_contact(contact) for contact in islice(ingested.contacts(), EXAMPLES)],
    }


def _contact(contact: Contact) -> dict[str, Any]:
    """A contact as it may be shown: its phones and its id masked."""
    from speechai.core.masking import mask_national_id, mask_phone

    return {
        "row": contact.first_row,
        "name": contact.name,
        "national_id": mask_national_id(contact.national_id),
        "phones": [mask_phone(phone) for phone in contact.phones],
        "amount": contact.amount_minor,
        "currency": contact.currency,
        "titles": contact.titles,
        "due_on": contact.due_on,
        "days_overdue": contact.days_overdue,
    }


def _print(facts: dict[str, Any]) -> None:
    print_facts(
        {
            "file": facts["file"],
            "sheet": facts["sheet"],
            "header in row": facts["header_row"],
            "rows": row_counts(facts["counts"]),
            "contacts to call": facts["counts"]["contacts"],
            "warnings": named_counts(facts["warnings"]) if facts["warnings"] else None,
            "told to the agent": ", ".join(facts["variables"]),
        }
    )
    print_table("Columns", ["meaning", "column"], [(m, ", ".join(found)) for m, found in facts["columns"].items()])
    print_table(
        f"First contacts of {facts['counts']['contacts']}",
        ["row", "name", "id", "phones", "due on", "currency", "titles", "days overdue", "amount"],
        [
            (c["row"], c["name"], c["national_id"], ", ".join(c["phones"]), c["due_on"], c["currency"], c["titles"],
             c["days_overdue"], c["amount"])
            for c in facts["first_contacts"]
        ],
        numbers=3,
    )  # fmt: skip
