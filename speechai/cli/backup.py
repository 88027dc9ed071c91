"""`speechai backup`, `restore`, `adopt-calls`: a copy of the installation in one file, and going on from it safely."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speechai.cli.output import json_option, note, print_facts, print_json

if TYPE_CHECKING:
    from speechai.operation.archive import Manifest
    from speechai.operation.context import Context
    from speechai.operation.restoring import Restored

_ANSWER_SECONDS = 2.0


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def backup(file: Path, as_json: bool) -> None:
    """Write everything that the database holds into a new file, e.g. backup-2026-11-22.tar.gz.

    Workers may run meanwhile. The file holds names, phones and conversations: keep it where only operators can read.
    """
    from speechai.cli.session import opened
    from speechai.operation.restoring import back_up

    with opened() as context:
        manifest = back_up(context, file)
    facts = {"file": str(file), "bytes": file.stat().st_size, **_facts(manifest)}
    if as_json:
        print_json(facts)
    else:
        print_facts({**facts, "documents": _in_words(manifest)})


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="Remove what the database holds.")
@click.option("--resume", is_flag=True, help="Let the lists that were running go on, once Retell has listed its calls.")
@click.option("--without-retell", is_flag=True, help="Do not ask Retell for the calls placed since the backup.")
@click.option("--only-known-lists", is_flag=True, help="Leave out calls of lists that are not in the backup.")
@json_option
def restore(
    file: Path, replace: bool, resume: bool, without_retell: bool, only_known_lists: bool, as_json: bool
) -> None:
    """Put the database back to what FILE holds, with the calls that Retell has placed since.

    No worker may run. Lists that were running wait paused. The whole file is checked before anything is written; a
    restore that was cut short is begun again by the same command.
    """
    from speechai.cli.session import opened
    from speechai.operation import restoring

    with opened() as context:
        _require_nobody_works(context)
        done = restoring.restore(
            context,
            file,
            replace=replace,
            resume=resume,
            ask_retell=not without_retell,
            only_known_lists=only_known_lists,
        )
    if as_json:
        print_json(_restored(done))
    else:
        print_facts({**_restored(done), "documents": _in_words(done.manifest)})
    if done.calls is None:
        note(
            f"Retell was not asked for calls placed since the backup: {done.not_asked}. Until "
            f"`speechai adopt-calls --since {done.manifest.begun_at.isoformat(timespec='seconds')}` has run, "
            "resuming a list may call somebody again."
        )
    if done.paused:
        note(f"Start the workers, then `speechai resume ID` for each of: {', '.join(done.paused)}")


@click.command("adopt-calls")
@click.option("--since", required=True, help="An instant in ISO 8601 with its zone, e.g. 2026-11-22T09:00:00-03:00.")
@click.option("--only-known-lists", is_flag=True, help="Leave out calls of lists that are not here.")
@json_option
def adopt_calls(since: str, only_known_lists: bool, as_json: bool) -> None:
    """Give a record to calls that Retell lists and this database does not know.

    For a database that was restored or lost: people and telephones are counted, accounts charged, contacts moved on.
    No worker may run. Doing it again changes nothing.
    """
    from speechai.cli.session import opened
    from speechai.operation import adopting

    instant = _instant(since)
    with opened() as context:
        _require_nobody_works(context)
        done = adopting.adopt_calls(context, since=instant, only_known_lists=only_known_lists)
    if as_json:
        print_json(asdict(done))
    else:
        click.echo(
            f"Retell lists {done.listed} calls since; {done.adopted} were not known here and are now, "
            f"{done.strangers} of them of lists that are not here."
        )


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise click.BadParameter(
            f"{text!r} is no instant with a zone: write 2026-11-22T09:00:00-03:00", param_hint="'--since'"
        )
    return at.astimezone(UTC)


def _require_nobody_works(context: Context) -> None:
    """Raises NotAllowed where a worker answers. Without Redis none can work."""
    from kombu.exceptions import OperationalError

    from speechai.errors import NotAllowed
    from tasks.app import app

    if not context.settings.redis_url:
        return
    try:
        answers = app.control.inspect(timeout=_ANSWER_SECONDS).ping() or {}
    except (OperationalError, OSError) as error:
        note(f"Redis does not answer, so no worker can be at work: {error}")
        return
    if answers:
        raise NotAllowed(f"workers are at work ({', '.join(sorted(answers))}): stop them and beat first")


def _facts(manifest: Manifest) -> dict[str, Any]:
    return {
        "version": manifest.version,
        "begun_at": manifest.begun_at,
        "ended_at": manifest.ended_at,
        "digest": manifest.digest,
        "documents": {part.name: part.documents for part in manifest.parts},
    }


def _restored(done: Restored) -> dict[str, Any]:
    return {
        **_facts(done.manifest),
        "mended": done.mended,
        "calls_since": asdict(done.calls) if done.calls else None,
        "not_asked": done.not_asked,
        "paused": list(done.paused),
        "resumed": list(done.resumed),
    }


def _in_words(manifest: Manifest) -> str:
    return ", ".join(f"{part.name} {part.documents}" for part in manifest.parts if part.documents)


COMMANDS = (backup, restore, adopt_calls)
