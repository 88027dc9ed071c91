"""Doctor's checks of what goes on while processes run: the scans behind every wait, the breaker, the web service.

A process may be up, answer a ping and never get a turn: only the end of what it does shows that it does it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

from speechai.cli.findings import Check, fine, warning, wrong
from speechai.errors import SpeechAIError

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.core.provider import Provider

_LATE_INTERVALS = 5
_LEAST_LATE = timedelta(minutes=1)
"""However short the interval: a worker that is being started again is not worth a word."""
_READY_SECONDS = 3.0


def work_checks(settings: Settings, *, workers_answer: bool) -> list[Check]:
    """The scans, where something should be scanning; the breaker, where it is not closed; and the web service, where
    calls ask for webhooks."""
    from speechai.core.model import BatchStatus
    from speechai.store import batches, capacity, liveness
    from speechai.store.connection import connect, reachable

    web = _web(settings)
    try:
        with reachable():
            store = connect(settings)
            running = len(batches.batches_in(store, BatchStatus.RUNNING))
            last, known = liveness.last(store), capacity.get_provider(store)
    except SpeechAIError:
        return web  # MongoDB's own line says it
    found = [*breaker(known), *web]
    if not (workers_answer or running):
        return found
    return [scans(settings, last, running=running, workers_answer=workers_answer, now=datetime.now(UTC)), *found]


def breaker(known: Provider) -> list[Check]:
    """A warning while Retell is left alone: contacts that are due wait, and nothing is broken here."""
    from speechai.core.provider import BreakerState

    if known.state is BreakerState.CLOSED:
        return []
    since = f" since {known.changed_at:%Y-%m-%d %H:%M} UTC" if known.changed_at else ""
    said = f"Retell is left alone{since} after {known.failures} failures in a row ({known.why})"
    return [warning("breaker", said, "nothing: a trial call ends it; `speechai provider show` tells when")]


def scans(
    settings: Settings, last: Mapping[str, datetime], *, running: int, workers_answer: bool, now: datetime
) -> Check:
    """Judges the instants at which sweep and dispatch `last` came to their end, while `running` lists are called."""
    every = {
        "sweep": ("last_swept_at", settings.sweep_interval_seconds),
        "dispatch": ("last_dispatched_at", settings.dispatch_interval_seconds),
    }
    ages = {name: now - last[field] for name, (field, _) in every.items() if field in last}
    said = ", ".join(
        f"the last {name} {_words(ages[name])} ago" if name in ages else f"no {name} yet" for name in every
    )
    said += f"; lists that are called: {running}"
    late = [
        name
        for name, (_, seconds) in every.items()
        if name not in ages or ages[name] > max(_LATE_INTERVALS * timedelta(seconds=seconds), _LEAST_LATE)
    ]
    if not late:
        return fine("scans", said)
    if not workers_answer:
        return wrong("scans", said, "make up (python -m speechai up): nobody is called and no call is followed")
    if not ages:
        return warning("scans", said, "ask again in a minute; then see the lines of beat and of queue work")
    remedy = "start the process of the Procfile that has -Q work again, and beat; its log tells why it got no turn"
    return wrong("scans", said, remedy)


def _words(age: timedelta) -> str:
    seconds = max(age.total_seconds(), 0.0)
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _web(settings: Settings) -> list[Check]:
    from speechai.cli.running import here

    if settings.webhook_url is None or not settings.web_port:
        return []
    where = here(settings.web_address, settings.web_port)
    # Its own address, not WEBHOOK_URL: the proxy before it lets only the webhooks through, and need not be reached
    # from here.
    try:
        with build_opener(ProxyHandler({})).open(f"{where}/ready", timeout=_READY_SECONDS):
            return [fine("web", f"{where} is ready for webhooks")]
    except HTTPError as error:
        away = " and ".join(_away(error)) or f"it answers {error.code}"
        return [warning("web", f"{where} is not ready: {away}", "see the lines of MongoDB and Redis, and its log")]
    except (OSError, HTTPException):
        remedy = "start the process web of the Procfile, or ask GET /ready on the host that runs it; polls go on"
        return [warning("web", f"nothing answers at {where}, and WEBHOOK_URL is set", remedy)]


def _away(error: HTTPError) -> list[str]:
    """The parts that do not answer, as /ready names them; of whoever else answers there, nothing is repeated."""
    try:
        parts: Any = json.loads(error.read(10_000))
    except (OSError, HTTPException, ValueError):
        return []
    known = ("mongodb", "broker")
    return [f"{name} is away" for name in known if isinstance(parts, dict) and parts.get(name) == "unavailable"]
