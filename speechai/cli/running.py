"""`speechai up` and `speechai simulator`: the processes that stay up until Ctrl-C."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from speechai.cli.output import note
from speechai.errors import ConfigurationError

if TYPE_CHECKING:
    from config.settings import Settings

SIMULATOR_PORT = 8900
SIMULATOR = "simulator"
LOST_WITH_THE_SIMULATOR = (
    "It keeps its calls in memory: they are lost, and those that were live hold their lines until they are closed as "
    "unknown after CALL_MAX_DURATION_MINUTES."
)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=SIMULATOR_PORT, show_default=True, help="0: any free.")
@click.option("--factor", type=float, help="How many times as fast as the wall clock its time runs.")
@click.option("--seed", type=int, help="Of its chances: the same seed gives the same outcomes.")
@click.option("--script", type=click.Path(dir_okay=False, path_type=Path), help="Scenario file, TOML or JSON.")
@click.option("--journal", type=click.Path(dir_okay=False, path_type=Path), help="Append every real call as JSON.")
def simulator(
    host: str, port: int, factor: float | None, seed: int | None, script: Path | None, journal: Path | None
) -> None:
    """A Retell of one's own: the same HTTP API, no phone rings. Runs until Ctrl-C."""
    from config.settings import get_settings
    from speechai.retell.simulator import DEFAULT_AGENT_ID, DEFAULT_API_KEY, DEFAULT_FROM_NUMBER, run

    settings = get_settings()
    # The key of a real Retell is for Retell alone: only one that was set for a simulator is accepted here.
    key = settings.retell_api_key
    own_key = [key.get_secret_value()] if key and not settings.retell_is_production else []
    agents = [settings.retell_agent_id] if settings.retell_agent_id else []
    run(
        host=host,
        port=port,
        clock_factor=factor,
        seed=seed,
        script=script,
        journal_file=journal,
        api_keys=[*own_key, DEFAULT_API_KEY],
        agent_ids=[*agents, DEFAULT_AGENT_ID],
        from_numbers=[*settings.retell_from_number, DEFAULT_FROM_NUMBER],
        on_ready=lambda base_url: click.echo(f"The simulator listens: RETELL_BASE_URL={base_url}"),
    )


@click.command()
@click.option("--no-simulator", is_flag=True, help="Start none: RETELL_BASE_URL points to Retell or to a simulator.")
@click.option("--factor", type=float, default=1.0, show_default=True, help="Clock factor of the simulator.")
def up(no_simulator: bool, factor: float) -> None:
    """Keep everything running: workers, beat, Flower, embedded servers; Ctrl-C stops it all.

    What ends by itself is started again, after a growing wait; what cannot even start ends this command with exit code
    1. With RETELL_API_KEY set, calls are real. Without a key and without a RETELL_BASE_URL of your own, a simulator
    takes Retell's place and nobody's phone rings.
    """
    from config.settings import get_settings
    from speechai.cli.session import load, procfile, publish, require_redis
    from speechai.embedded import addresses_for, posts_of
    from speechai.embedded.processes import environ_for, run_procfile
    from speechai.store.connection import get_store
    from speechai.store.indexes import create_indexes

    load()
    settings = get_settings()  # without the note of another `up`: this one starts its own simulator
    with addresses_for(settings) as settings, _retell(settings, no_simulator, factor) as (settings, extra):
        publish(settings)
        require_redis(settings)
        create_indexes(get_store(settings))
        code = run_procfile(
            procfile(),
            environ_for(settings, os.environ),
            extra,
            losses={SIMULATOR: LOST_WITH_THE_SIMULATOR},
            servers=posts_of(settings),
            on_started=lambda: _say_where(settings, bool(extra)),
        )
    raise click.exceptions.Exit(code)


@contextmanager
def _retell(settings: Settings, no_simulator: bool, factor: float) -> Iterator[tuple[Settings, dict[str, str]]]:
    """The settings with the Retell to use, and the simulator as a process where one is needed."""
    from speechai.retell.simulator_note import SIMULATOR_NOTE

    if settings.retell_api_key is not None or not settings.retell_is_production:
        yield settings, {}
        return
    if no_simulator:
        raise ConfigurationError(
            f"--no-simulator: RETELL_API_KEY is not set and RETELL_BASE_URL is {settings.retell_base_url}. Set the key "
            "to call for real, or point RETELL_BASE_URL at a simulator, or leave --no-simulator away."
        )
    port = free_port(SIMULATOR_PORT)
    base_url = f"http://127.0.0.1:{port}"
    try:
        simulated = settings.model_copy(update={"retell_base_url": base_url, **_webhooks_of_a_simulator(settings)})
        yield simulated, {SIMULATOR: simulator_command(port, factor)}
    finally:
        note_file = settings.data_dir / SIMULATOR_NOTE
        if note_file.is_file() and json.loads(note_file.read_text())["pid"] == os.getpid():
            note_file.unlink()


def _webhooks_of_a_simulator(settings: Settings) -> dict[str, Any]:
    """Settings by which simulated calls send their webhooks to the web service beside them, and to nobody else."""
    from pydantic import SecretStr

    from speechai.retell.simulator import DEFAULT_API_KEY

    port = free_port(settings.web_port)
    return {
        "web_port": port,
        "webhook_url": webhook_url_here(settings.web_address, port),
        "retell_webhook_keys": (SecretStr(DEFAULT_API_KEY),),
    }


def webhook_url_here(address: str, port: int) -> str:
    """WEBHOOK_URL for a Retell on this machine; a service that listens everywhere is reached on the loopback."""
    from speechai.web import RETELL_WEBHOOKS

    return f"{here(address, port)}{RETELL_WEBHOOKS}"


def here(address: str, port: int) -> str:
    """Where a service of this machine is reached that listens at `address`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def simulator_command(port: int, factor: float, *, journal: Path | None = None) -> str:
    """The command line of a simulator as a process of the crew."""
    command = [sys.executable, "-m", "speechai", "simulator", "--port", str(port), "--factor", f"{factor:g}"]
    return shlex.join([*command, *(["--journal", str(journal.absolute())] if journal else [])])


def free_port(wanted: int = 0) -> int:
    """`wanted` if nobody listens there, else a port that is free at this moment."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ConfigurationError("no free port on 127.0.0.1")


def _say_where(settings: Settings, simulated: bool) -> None:
    from config.settings import mask
    from speechai.retell.simulator_note import SIMULATOR_NOTE

    if simulated:
        # Only now: a second `up` on this folder is refused before it starts, and must not touch the note of the first.
        found = {"base_url": settings.retell_base_url, "pid": os.getpid()}
        (settings.data_dir / SIMULATOR_NOTE).write_text(json.dumps(found) + "\n")
        note(f"Retell: a simulator at {settings.retell_base_url}; nobody's phone rings")
    else:
        note(f"Retell: {settings.retell_base_url}" + ("; calls are REAL" if settings.retell_is_production else ""))
    note(f"MongoDB: {mask('mongo_uri', settings.mongo_uri)}, database {settings.mongo_db}")
    note(f"Redis: {mask('redis_url', settings.redis_url)}")
    login = (
        "user and password of FLOWER_BASIC_AUTH"
        if settings.flower_basic_auth
        else f"user operator, password in {settings.data_dir / 'flower-password'}"
    )
    note(f"Flower: http://{settings.flower_address}:{settings.flower_port} ({login})")
    port = settings.web_port or "(a free port, which its log tells)"
    asked = "calls send their webhooks there" if simulated else _who_sends_webhooks(settings)
    note(f"Web: http://{settings.web_address}:{port}; {asked}")
    if settings.metrics_port:
        note(f"Metrics: http://{settings.metrics_address}:{settings.metrics_port}/metrics, for Prometheus")
    note("In another terminal: speechai enqueue examples/cartera.xlsx --use-case debt_collection")


def _who_sends_webhooks(settings: Settings) -> str:
    from config.settings import mask

    if settings.webhook_url is None:
        return "calls ask for no webhooks: WEBHOOK_URL is not set"
    return f"calls send their webhooks to {mask('webhook_url', settings.webhook_url)}"


COMMANDS = (up, simulator)
