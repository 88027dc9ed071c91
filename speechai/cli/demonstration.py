"""`speechai demo`: the whole product on a sample list, in a data folder of its own, with nobody's phone ringing."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from speechai.cli.output import facts_console, note
from speechai.errors import InputError, Unavailable

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.cli.following import Look
    from speechai.embedded.crew import Crew
    from speechai.operation.context import Context

LIST = "cartera.xlsx"
DEADLINE_SECONDS = 150.0
"""For the calls: the whole demonstration is promised within 3 minutes."""
FACTOR = 60
"""Simulated seconds a second: a call of a minute takes one."""
PACE: Mapping[str, str] = {
    "CALL_POLLING_INTERVAL": "1",
    "RETRY_DELAY_MINUTES": "0.05",
    "NO_ANSWER_RETRY_MINUTES": "0.1",
    "DISPATCH_INTERVAL_SECONDS": "1",
    "SWEEP_INTERVAL_SECONDS": "3",
    "ANALYSIS_WAIT_SECONDS": "2",
    "CAPACITY_RETRY_SECONDS": "2",
    "RETELL_CONCURRENCY": "20",
    "RETELL_CALLS_PER_SECOND": "20",
    "LOG_FORMAT": "console",
    "LOG_LEVEL": "INFO",
}
"""A day's waits in seconds."""


@click.command()
@click.option("--factor", type=click.FloatRange(1, 600), default=FACTOR, show_default=True, help="Simulator's clock.")
def demo(factor: float) -> None:
    """Show everything at work on examples/cartera.xlsx: calls, polls, retries, results and a report.

    Uses a simulator and a data folder of its own (.data/demo, emptied first): real data is never touched and no phone
    rings. The report is saved in the folder reports.
    """
    from speechai.cli.journal import compare
    from speechai.cli.reporting import save, show
    from speechai.cli.running import free_port
    from speechai.cli.session import opened, procfile
    from speechai.operation.reports.build import build_report

    path = _list()
    port, begun = free_port(), time.monotonic()
    with _alone(Path(".data", "demo").absolute()) as data_dir, _environment(data_dir, port) as settings:
        note("Starting MongoDB, Redis, the simulator and the workers ...")
        with opened(settings) as context, _crew(context.settings, procfile(), port, factor) as crew:
            note(f"They run after {time.monotonic() - begun:.0f} s. Sending {path} ...")
            seen = _call_everybody(context, crew, path)
            batch_id = seen[0]
            report = build_report(
                context.store, batch_id=batch_id, now=context.clock(), zone=settings.zone, contact_list=True
            )
            show(report, facts_console())
            folder = Path("reports")
            folder.mkdir(exist_ok=True)
            saved = [folder / f"demo-{batch_id}.{suffix}" for suffix in ("xlsx", "md")]
            for form, file in zip(("excel", "markdown"), saved, strict=True):
                save(report, form, file)
            verdict = compare(context, settings.retell_base_url)
    click.echo(f"Report saved: {', '.join(map(str, saved))}. Logs of all processes: {data_dir / 'logs'}")
    click.echo(verdict.line())
    click.echo(f"Everything is stopped after {time.monotonic() - begun:.0f} s. {seen[1].line()}")
    if not (verdict.is_clean and seen[1].is_over):
        raise click.exceptions.Exit(1)


def _list() -> Path:
    for folder in (Path("examples"), Path(__file__).parents[2] / "examples"):
        if (folder / LIST).is_file():
            return folder / LIST
    raise InputError(f"the sample list examples/{LIST} is not here: run the demonstration in the project's folder")


@contextmanager
def _alone(data_dir: Path) -> Iterator[Path]:
    """The data folder, empty, for one demonstration at a time; what a killed one left running is stopped first."""
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with data_dir.with_name("demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(f"another demonstration runs in {data_dir}: wait for its end") from None
        _end_leftovers(data_dir)
        shutil.rmtree(data_dir, ignore_errors=True)
        data_dir.mkdir()
        yield data_dir


def _end_leftovers(data_dir: Path) -> None:
    from speechai.embedded import leash

    for state in (data_dir / "locks").glob("*"):
        if (facts := leash.facts_of(state)) and leash.is_held(state):
            leash.end(state, facts["pid"], grace_seconds=3)


@contextmanager
def _environment(data_dir: Path, port: int) -> Iterator[Settings]:
    """The demonstration's own settings, over everything that the operator has set for real work."""
    from config.settings import Settings, load_settings
    from speechai.cli.running import free_port, webhook_url_here
    from speechai.logs import configure_logs
    from speechai.retell.simulator.config import DEFAULT_AGENT_ID, DEFAULT_API_KEY, DEFAULT_FROM_NUMBER

    # Empty, not absent: an empty variable also covers one of the file .env.
    nothing = {name.upper(): "" for name in Settings.model_fields}
    web_port = free_port()
    own = {
        **PACE,
        "DATA_DIR": str(data_dir),
        "RETELL_BASE_URL": f"http://127.0.0.1:{port}",
        "RETELL_API_KEY": DEFAULT_API_KEY,
        "RETELL_AGENT_ID": DEFAULT_AGENT_ID,
        "RETELL_FROM_NUMBER": DEFAULT_FROM_NUMBER,
        "FLOWER_PORT": str(free_port()),
        "WEB_PORT": str(web_port),
        "METRICS_PORT": "0",  # the counts are kept, and nobody scrapes a demonstration
        "WEBHOOK_URL": webhook_url_here("127.0.0.1", web_port),
    }
    before = dict(os.environ)
    os.environ.update({**nothing, **own})
    try:
        settings = load_settings(os.environ)
        configure_logs(settings.model_copy(update={"log_level": "WARNING"}))
        yield settings
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _crew(settings: Settings, procfile: Path, port: int, factor: float) -> Iterator[Crew]:
    """The Procfile's processes and the simulator, ready to work."""
    from config.celery import QUEUES
    from speechai.cli.running import simulator_command
    from speechai.embedded.processes import environ_for, running_procfile
    from speechai.retell.simulator_note import simulator_answers
    from tasks.app import app

    def is_ready() -> bool:
        workers_answer = len(app.control.ping(timeout=0.5)) >= len(QUEUES)
        return workers_answer and simulator_answers(settings.retell_base_url) and _listens(settings.web_port)

    with running_procfile(
        procfile,
        environ_for(settings, os.environ),
        settings.data_dir / "logs",
        {"simulator": simulator_command(port, factor, journal=settings.data_dir / "simulator-journal.jsonl")},
        is_ready=is_ready,
    ) as crew:
        yield crew


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _call_everybody(context: Context, crew: Crew, path: Path) -> tuple[str, Look]:
    """The list is sent and followed to its end; raises Unavailable where a process dies or time runs out."""
    from speechai.cli.following import follow
    from speechai.cli.sending import check_order, send_file
    from speechai.core.model import Pacing
    from speechai.operation.submitting import Order

    order = Order(
        use_case="debt_collection", name="Demo", pacing=Pacing.CONTINUOUS, policy="always", negotiation="standard"
    )
    check_order(context.settings, path, order)
    sent = send_file(context, path, order)
    logs = context.settings.data_dir / "logs"
    if "counts" not in sent.document:
        reason = sent.document.get("reason") or "no worker took it"
        raise Unavailable(f"the list was not loaded: {reason}; see the logs in {logs}")
    counts = sent.document["counts"]
    note(f"{counts['rows']} rows became {counts['contacts']} contacts; {counts['rejected']} rows were rejected.")
    deadline = time.monotonic() + DEADLINE_SECONDS

    def watch_the_crew() -> None:
        crew.check()
        if time.monotonic() > deadline:
            raise Unavailable(f"after {DEADLINE_SECONDS:g} s calls are still open; see the logs in {logs}")

    # Until the sweep has closed the batch too, so that the report is of a finished one.
    return sent.batch_id, follow(
        context,
        sent.batch_id,
        until=lambda seen: seen.is_stuck or (seen.is_over and seen.status == "completed"),
        between=watch_the_crew,
    )


COMMANDS = (demo,)
