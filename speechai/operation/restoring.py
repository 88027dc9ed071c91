"""Backups and restores of a whole installation, so that going on afterwards is safe.

A backup is taken while workers run. A restore refuses a database that holds something, writes what was saved, makes
whole what the copy lacks of the calls that it knows (`mending`), gives a record to the calls that Retell lists since
(`adopting`), and leaves every list that was running paused. A restore that died is begun again by the same command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from speechai import __version__
from speechai.core.model import BatchStatus
from speechai.errors import NotAllowed, RetellError
from speechai.operation.adopting import Adopted, adopt_calls
from speechai.operation.archive import Manifest, check_archive, read_archive, write_archive
from speechai.operation.context import Context
from speechai.operation.mending import make_whole
from speechai.store import backup, batches, mending
from speechai.store.indexes import create_indexes

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore did."""

    manifest: Manifest
    mended: int
    """Calls that were open when the backup was taken, or closed while it was."""
    calls: Adopted | None
    """What Retell listed since; None where it was not asked."""
    not_asked: str | None
    """Why it was not."""
    paused: tuple[str, ...]
    """Lists that wait to be resumed."""
    resumed: tuple[str, ...]


def back_up(context: Context, target: Path) -> Manifest:
    """Writes everything into the new file `target`. Raises NotAllowed where it exists, Unavailable, OSError."""

    def copy(write: Callable[[str, Iterable[bytes]], None]) -> None:
        backup.copy_out(context.store, write, now=context.clock())

    manifest = write_archive(target, copy, version=__version__, clock=context.clock)
    log.info("a backup was written", action="backup", parts=len(manifest.parts))
    return manifest


def restore(
    context: Context,
    path: Path,
    *,
    replace: bool = False,
    resume: bool = False,
    ask_retell: bool = True,
    only_known_lists: bool = False,
) -> Restored:
    """Makes the database what it was when the backup `path` was taken, with the calls made since.

    No worker may run meanwhile. The whole file is read and checked before anything is written. `replace` removes what
    is there. Lists that were running are paused, unless `resume` and Retell has listed its calls.

    Raises InputError for a damaged file, NotAllowed for a database that holds something or a `resume` without asking.
    """
    store = context.store
    if resume and not ask_retell:
        raise NotAllowed("lists are resumed only once Retell was asked for the calls placed since the backup")
    manifest = check_archive(path)
    if not replace and backup.holds_data(store) and not backup.is_half_restored(store):
        raise NotAllowed("this database holds data: give --replace to remove it, or set MONGO_DB to another one")
    _write(context, path, manifest)
    mended = make_whole(context, since=manifest.begun_at)
    calls, not_asked = _adopt(context, manifest, only_known_lists) if ask_retell else (None, "it was not to be asked")
    _pause_what_waits(context)
    paused = mending.paused_by_restore(store)
    resumed = tuple(paused) if resume and calls is not None else ()
    for batch_id in resumed:
        _resume(context, batch_id)
    backup.end_restore(store, now=context.clock())
    log.info("a backup was restored", action="restore", mended=mended, resumed=len(resumed))
    return Restored(
        manifest=manifest,
        mended=mended,
        calls=calls,
        not_asked=not_asked,
        paused=tuple(one for one in paused if one not in resumed),
        resumed=resumed,
    )


def _write(context: Context, path: Path, manifest: Manifest) -> None:
    store, now = context.store, context.clock()
    because = f"restored from a backup of {manifest.begun_at:%Y-%m-%d %H:%M} UTC: resume it when its calls are known"
    backup.begin_restore(store, manifest.digest, taken_at=manifest.begun_at, now=now)
    create_indexes(store)  # before the documents: the embedded server takes minutes to index what is there
    for part, documents in read_archive(path):
        backup.write_part(store, part.name, documents, paused_because=because, now=now)


def _adopt(context: Context, manifest: Manifest, only_known_lists: bool) -> tuple[Adopted | None, str | None]:
    try:
        return adopt_calls(context, since=manifest.begun_at, only_known_lists=only_known_lists), None
    except (RetellError, NotAllowed) as error:
        log.warning("Retell was not asked for calls since the backup", action="restore", why=str(error))
        return None, str(error)


def _pause_what_waits(context: Context) -> None:
    """A list that was closed while its contacts had been read as waiting would be opened again by the sweep."""
    for batch in batches.batches_in(context.store, BatchStatus.COMPLETED):
        if batches.has_open_jobs(context.store, batch.id):
            reason = "restored: a contact of it still waits"
            batches.move_batch(
                context.store,
                batch.id,
                expected=[BatchStatus.COMPLETED],
                to=BatchStatus.PAUSED,
                reason=reason,
                now=context.clock(),
            )


def _resume(context: Context, batch_id: str) -> None:
    batches.move_batch(
        context.store,
        batch_id,
        expected=[BatchStatus.PAUSED],
        to=BatchStatus.RUNNING,
        reason=None,
        now=context.clock(),
    )
