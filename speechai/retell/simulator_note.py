"""The simulator that `speechai up` runs beside its workers: the note that says where it listens, and its own pages.

Enters settings that name no Retell of their own; leaves them pointed at that simulator. Called by the command and by
workers that are started by hand.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from config.settings import Settings

SIMULATOR_NOTE = "simulator.json"
"""Name of the note in the data folder that says where the simulator of `speechai up` listens."""


STARTING_SECONDS = 10.0
"""How long a simulator that does not answer yet is waited for: `up` says where it listens before it does."""


def with_simulator(settings: Settings) -> Settings:
    """`settings` pointed at the simulator that runs on this data folder, where they name no Retell of their own.

    Waits for one that is only starting.
    """
    if settings.retell_api_key is not None or not settings.retell_is_production:
        return settings
    try:
        note = json.loads((settings.data_dir / SIMULATOR_NOTE).read_text())
        base_url, pid = str(note["base_url"]), int(note["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return settings
    end = time.monotonic() + STARTING_SECONDS
    while not (answers := simulator_answers(base_url)) and _runs(pid) and time.monotonic() < end:
        time.sleep(0.1)
    return settings.model_copy(update={"retell_base_url": base_url}) if answers else settings


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def simulator_answers(base_url: str) -> bool:
    """Whether a simulator listens there."""
    from http.client import HTTPException

    try:
        return bool(ask_simulator(base_url, "health", timeout_seconds=1)["status"] == "ok")
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False


def ask_simulator(base_url: str, page: str, *, timeout_seconds: float) -> Any:
    """One of its own pages (`health`, `journal`) as JSON values.

    Raises OSError, HTTPException or ValueError where no simulator answers there.
    """
    from urllib.request import ProxyHandler, build_opener

    # Never through a proxy, which could not reach an address of this machine.
    with build_opener(ProxyHandler({})).open(f"{base_url}/simulator/{page}", timeout=timeout_seconds) as answer:
        return json.load(answer)
