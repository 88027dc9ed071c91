"""A file goes to the workers and its load is watched: for `enqueue` and for the demonstration.

Enters a file and an order; leaves what became of them. Before anything is stored the file's header is read here and
Redis and Retell are asked once, so that what cannot work is refused at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechai.cli.progress import LoadProgress, load_progress
from speechai.cli.session import require_redis, require_retell, send

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.operation.context import Context
    from speechai.operation.submitting import Order

UNTAKEN_SECONDS = 15.0
"""A file that no worker has taken by then lies there: no worker runs, or all are busy with other files."""
LOOK_SECONDS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of a file. `document` is the batch as it is stored; its status says how far the load came."""

    batch_id: str
    is_new: bool
    document: dict[str, Any]

    @property
    def is_waiting(self) -> bool:
        """No worker has taken the file yet, or the one that had taken it died."""
        return self.document["status"] in ("received", "loading")


def check_order(settings: Settings, path: Path, order: Order) -> None:
    """Refuses here and now what a worker would refuse: UsageError, InputError. Reads no more than the header."""
    from speechai.operation.ingest.aliases import load_aliases
    from speechai.operation.ingest.columns import find_layout
    from speechai.operation.ingest.reading import open_source
    from speechai.operation.submitting import policy_of, spec_of

    spec = spec_of(order, country=settings.country, time_zone=settings.timezone, max_upload_mb=settings.max_upload_mb)
    policy_of(settings, order)
    with open_source(path, spec.limits) as source:
        find_layout(source, spec, load_aliases())


def send_file(context: Context, path: Path, order: Order) -> Sent:
    """Stores the file, tells the workers, and waits until it is loaded, refused, or found to lie there.

    Raises Unavailable, AccountRefused before anything is stored.
    """
    from speechai.operation.submitting import submit

    require_redis(context.settings)
    require_retell(context)
    submitted = submit(context, path, order)
    send(submitted.nudges)
    with load_progress() as shown:
        document = _watch(context, submitted.batch_id, shown)
    return Sent(batch_id=submitted.batch_id, is_new=submitted.is_new, document=document)


def _watch(context: Context, batch_id: str, shown: LoadProgress) -> dict[str, Any]:
    from speechai.operation.campaigns import describe_batch

    deadline = time.monotonic() + UNTAKEN_SECONDS
    while True:
        document = describe_batch(context, batch_id)
        if document["status"] == "loading" and document["reserved_until"] > context.clock():
            progress = document.get("progress") or {}
            shown.show(progress.get("phase", "reading"), progress.get("rows", 0), progress.get("total"))
        elif document["status"] != "received" or time.monotonic() > deadline:
            return document
        else:
            shown.show("waiting for a worker")
        time.sleep(LOOK_SECONDS)
