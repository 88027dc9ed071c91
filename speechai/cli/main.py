"""The command itself: its group, and the one place where an error becomes a message and an exit code.

Enters the command line; leaves 0 (done), 1 (failed), 2 (wrong usage or settings) or 130 (Ctrl-C). A traceback is shown
only for a fault of the program itself.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from speechai import __version__
from speechai.cli import (
    accounts,
    alerts,
    backup,
    batches,
    checking,
    demonstration,
    do_not_call,
    enqueueing,
    jobs,
    numbers,
    planning,
    provider,
    reporting,
    running,
    trace,
    why,
)
from speechai.errors import SpeechAIError

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="speechai")
def speechai() -> None:
    """Automated voice calls with Retell AI: a list of contacts becomes calls, results and a report.

    Settings come from the environment and from the file .env; `speechai settings` shows them. Where MONGO_URI or
    REDIS_URL is not set, servers of SpeechAI's own are started in DATA_DIR.

    Exit codes: 0 done, 1 failed, 2 wrong usage or settings.
    """


_MODULES = (
    enqueueing, planning, batches, jobs, why, trace, do_not_call, accounts, numbers, provider, alerts, reporting,
    checking, running, backup, demonstration,
)  # fmt: skip

for _module in _MODULES:
    for _command in _module.COMMANDS:
        speechai.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command line (None: the process's own) and ends the process with its exit code."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    code = exit_code_of(arguments)
    logging.shutdown()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _reader_left()
    sys.stderr.flush()
    # Not by way of the interpreter's end: there the database driver waits most of a second for threads that sleep.
    os._exit(code)


def exit_code_of(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line; every error becomes a message on standard error and the number that is returned."""
    try:
        code = speechai.main(args=arguments, prog_name="speechai", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:  # noqa: BLE001 - the boundary of the process: nothing is above it
        return _explain(error)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    if isinstance(error, SpeechAIError):
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    # Asked for only where it was imported: the settings' library is the slowest import of a plain `--help`.
    settings = sys.modules.get("config.settings")
    if settings is not None and isinstance(error, settings.SettingsError):
        click.echo(f"Error: {error}", err=True)
        return WRONG_USAGE
    if isinstance(error, OSError) and error.filename is not None:
        click.echo(f"Error: {error.filename}: {error.strerror}", err=True)
        return FAILED
    traceback.print_exception(error)
    click.echo(
        f"This is a fault in SpeechAI {__version__} and not in what you typed. Report the lines above, with the "
        "command and what `speechai doctor` prints.",
        err=True,
    )
    return FAILED


def _reader_left() -> int:
    """`speechai batches | head`: what is still buffered would raise again when the interpreter ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    click.echo("Error: the program that read this output ended before it was complete", err=True)
    return FAILED


def _end(number: int, _frame: FrameType | None) -> NoReturn:
    """SIGTERM and a closed terminal end a command as Ctrl-C does: what it has started is stopped."""
    raise SystemExit(128 + number)
