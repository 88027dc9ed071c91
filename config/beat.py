"""What beat starts, and when: the waves by the operator's clock, the scans by interval.

Enters `Settings` and the wave times of the policies' catalogue; leaves the schedule. Firing twice or late is harmless:
a wave is recorded under (batch, local day, wave), and the scans only look.
"""

from __future__ import annotations

import tomllib
from datetime import time, timedelta
from importlib.resources import files
from typing import Any

from celery.schedules import crontab

from config.settings import Settings


def beat_schedule(settings: Settings) -> dict[str, Any]:
    """Each entry expires before its successor comes: a worker that was away does not work through a backlog."""
    waves = {
        f"wave-{wave:%H:%M}": {
            "task": "tasks.open_wave",
            "schedule": crontab(hour=str(wave.hour), minute=str(wave.minute)),
            "options": {"expires": 900},
        }
        for wave in wave_times()
    }
    return {
        **waves,
        "dispatch-due": _every("tasks.dispatch_due", settings.dispatch_interval_seconds),
        "sweep": _every("tasks.sweep", settings.sweep_interval_seconds),
    }


def wave_times() -> list[time]:
    """The local times at which any policy of the catalogue opens a wave; most take those of the user's own rules."""
    text = files("config").joinpath("catalogue", "policies.toml").read_text(encoding="utf-8")
    return sorted(
        {time.fromisoformat(wave) for policy in tomllib.loads(text).values() for wave in policy.get("waves", ())}
    )


def _every(task: str, seconds: float) -> dict[str, Any]:
    return {"task": task, "schedule": timedelta(seconds=seconds), "options": {"expires": max(seconds, 1.0)}}
