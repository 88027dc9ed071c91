"""Doctor's checks of the machine, the settings, MongoDB, Redis, the workers and beat."""

from __future__ import annotations

import json
import platform
import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from speechai import __version__
from speechai.cli.doctor_work import work_checks
from speechai.cli.findings import Check, fine, warning, wrong
from speechai.cli.session import require_redis
from speechai.errors import SpeechAIError, Unavailable

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.store.connection import Store

_PACKAGES = ("celery", "kombu", "redis", "pymongo", "requests", "pandas", "flower")
_LEAST_DISK_BYTES = 1024**3
_CLOCK_SKEW_SECONDS = 2.0
"""Leases and waits are instants: hosts that disagree by seconds take each other's work."""
_PING_SECONDS = 2.0
_BEAT_SECONDS = 12.0
"""Longest that beat is listened for; with the default interval it speaks every 5 s."""


def machine() -> list[Check]:
    """Python and the packages that matter."""
    running = f"Python {platform.python_version()}, SpeechAI {__version__}"
    checks = [
        fine("Python", running)
        if (3, 11) <= sys.version_info[:2] <= (3, 13)
        else warning("Python", running, "use Python 3.11 to 3.13: other versions are not tested")
    ]
    found: list[str] = []
    missing: list[str] = []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    checks.append(
        wrong("packages", f"missing: {', '.join(missing)}", "pip install -r requirements.txt")
        if missing
        else fine("packages", ", ".join(found))
    )
    return checks


def settings_checks(settings: Settings) -> list[Check]:
    """The settings are valid here; the folder for data has room."""
    data_dir = settings.data_dir.absolute()
    existing = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    room = f"{free / 1024**3:.1f} GiB free for {data_dir}"
    return [
        fine("settings", f"valid; TIMEZONE={settings.timezone}, COUNTRY={settings.country}"),
        fine("disk", room)
        if free >= _LEAST_DISK_BYTES
        else wrong("disk", room, "free some space or set DATA_DIR to another disk: full databases lose calls"),
    ]


def server_checks(settings: Settings) -> list[Check]:
    """MongoDB, Redis and, where Redis answers, the workers, beat and what they do."""
    mongo = [*_embedded(settings), *_mongo(settings)]
    try:
        require_redis(settings)
    except Unavailable as error:
        return [*mongo, wrong("Redis", str(error), "start Redis, correct REDIS_URL, or unset it for an embedded one")]
    workers = _workers(settings)
    answer = any(check.subject.startswith("queue ") for check in workers)
    return [*mongo, *_redis(settings), *workers, *work_checks(settings, workers_answer=answer)]


def _embedded(settings: Settings) -> list[Check]:
    """Which of the two servers are SpeechAI's own."""
    from config.settings import EMBEDDED_NOTE

    try:
        noted = json.loads((settings.data_dir / EMBEDDED_NOTE).read_text())
    except (OSError, ValueError):
        return []
    own = {
        "MongoDB": settings.mongo_uri == noted.get("mongo_uri"),
        "Redis": settings.redis_url == noted.get("redis_url"),
    }
    names = " and ".join(name for name, is_own in own.items() if is_own)
    said = f"{names} in {settings.data_dir}: for one machine and lists below 20,000 contacts, not for production"
    return [fine("embedded servers", said)] if names else []


def _mongo(settings: Settings) -> list[Check]:
    from speechai.store.connection import connect, reachable

    try:
        store = connect(settings)
        info = store.ping()
        with reachable():
            return [_mongo_version(settings, info), _clock(store), _indexes(store)]
    except SpeechAIError as error:
        remedy = "start MongoDB, correct MONGO_URI, or unset it for an embedded one"
        return [wrong("MongoDB", str(error), remedy)]


def _mongo_version(settings: Settings, info: Any) -> Check:
    from config.settings import mask

    where = f"version {info.get('version')} at {mask('mongo_uri', settings.mongo_uri)}, database {settings.mongo_db}"
    major = int(str(info.get("version", "0")).split(".")[0])
    return fine("MongoDB", where) if major >= 6 else wrong("MongoDB", where, "use MongoDB 6 or later")


def _clock(store: Store) -> Check:
    before = datetime.now(UTC)
    theirs = store.client.admin.command("hello").get("localTime")
    after = datetime.now(UTC)
    if theirs is None:
        return warning("clock", "MongoDB does not tell its time", "check that all hosts run NTP")
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)
    # Its instant lies somewhere within the question: only what is outside of it is skew.
    skew = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    said = f"{skew:.1f} s apart from MongoDB's"
    return fine("clock", said) if skew <= _CLOCK_SKEW_SECONDS else wrong("clock", said, "run NTP on all hosts")


def _indexes(store: Store) -> Check:
    from speechai.store.indexes import INDEXES

    missing = [
        f"{getattr(store, name).name}.{model.document['name']}"
        for name, models in INDEXES.items()
        for model in models
        if model.document["name"] not in getattr(store, name).index_information()
    ]
    count = sum(map(len, INDEXES.values()))
    if missing:
        remedy = "speechai indexes (workers do it when they start)"
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        return warning("indexes", f"{len(missing)} of {count} are missing: {shown}", remedy)
    return fine("indexes", f"all {count} are there")


def _redis(settings: Settings) -> list[Check]:
    import redis

    with redis.Redis.from_url(settings.redis_url or "", socket_timeout=_PING_SECONDS, decode_responses=True) as client:
        info: Any = client.info()
        where = f"version {info.get('redis_version')}, {info.get('used_memory_human')} used"
        parts = [int(part) for part in str(info.get("redis_version", "0.0")).split(".")[:2]]
        old = parts < [6, 2]
        return [
            warning("Redis", where, "use Redis 6.2 or later") if old else fine("Redis", where),
            _memory_policy(info),
            _persistence(info),
        ]


def _memory_policy(info: Any) -> Check:
    policy = info.get("maxmemory_policy", "unknown")
    if policy == "noeviction" or not info.get("maxmemory"):
        return fine("Redis memory", f"maxmemory-policy {policy}, maxmemory {info.get('maxmemory_human', '0B')}")
    remedy = "CONFIG SET maxmemory-policy noeviction: a full Redis would throw messages away"
    return wrong("Redis memory", f"maxmemory-policy {policy}", remedy)


def _persistence(info: Any) -> Check:
    if info.get("aof_enabled"):
        return fine("Redis persistence", "append-only file")
    remedy = "CONFIG SET appendonly yes: without it a restart forgets every message, and the sweep must find all again"
    return warning("Redis persistence", "no append-only file", remedy)


def _workers(settings: Settings) -> list[Check]:
    from kombu.exceptions import OperationalError

    from config.celery import QUEUES
    from tasks.app import app

    try:
        answers = app.control.inspect(timeout=_PING_SECONDS).active_queues() or {}
    except (OperationalError, OSError) as error:
        return [wrong("workers", f"cannot be asked: {error}", "see the line of Redis")]
    if not answers:
        return [warning("workers", "none runs on this Redis", "make up (python -m speechai up)")]
    queues = {name: _readers(answers, name) for name in QUEUES}
    checks = [
        fine(f"queue {name}", ", ".join(readers))
        if readers
        else wrong(f"queue {name}", "no worker reads it", f"start the process of the Procfile that has -Q {name}")
        for name, readers in queues.items()
    ]
    return [*checks, _beat(settings)]


def _readers(answers: dict[str, Any], queue: str) -> Iterable[str]:
    return [worker for worker, queues in answers.items() if any(one["name"] == queue for one in queues)]


def _beat(settings: Settings) -> Check:
    """Beat leaves no trace of its own, but everything that it sends is announced: one `dispatch_due` is waited for."""
    from tasks.app import app

    seconds = min(settings.dispatch_interval_seconds + 2, _BEAT_SECONDS)
    heard: list[Any] = []
    begun = time.monotonic()
    with app.connection_for_read() as connection:

        def note_sent(event: dict[str, Any]) -> None:
            if event.get("name") == "tasks.dispatch_due":
                heard.append(event)
                receiver.should_stop = True

        receiver = app.events.Receiver(connection, handlers={"task-sent": note_sent})
        with suppress(TimeoutError):
            receiver.capture(limit=None, timeout=seconds, wakeup=False)
    if heard:
        return fine("beat", f"sent dispatch_due within {time.monotonic() - begun:.0f} s")
    remedy = "start the Procfile's beat: without it no wave opens, no due contact is called and nothing is recovered"
    return wrong("beat", f"sent nothing within {seconds:.0f} s", remedy)
