"""The sweep's task: a scan that cannot read what it finds keeps none of the others from their work."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis

from speechai.core.model import AttemptState
from speechai.retell.simulator import DEFAULT_API_KEY
from speechai.store import attempts, liveness
from speechai.store.connection import Store
from tests.store.making import make_attempt

LONG_AGO = datetime.now(UTC) - timedelta(hours=1)


def run_sweep(store: Store, mongo_uri: str, redis_url: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the task in a process of its own, as a worker would."""
    settings = {
        "MONGO_URI": mongo_uri,
        "MONGO_DB": store.database.name,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(folder),
        "RETELL_BASE_URL": "http://127.0.0.1:9",
        "RETELL_API_KEY": DEFAULT_API_KEY,
        "FOLLOW_UP_URL": "http://127.0.0.1:9/follow-ups",
        "FOLLOW_UP_SECRET": "a secret of the tests",
    }
    program = (
        "from config.settings import get_settings\n"
        "from speechai.logs import configure_logs\n"
        "from tasks.clockwork import sweep\n"
        "configure_logs(get_settings())\n"
        "sweep()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60
    )


def test_a_scan_that_fails_is_told_and_the_others_go_on(
    store: Store, mongo_uri: str, redis_url: str, tmp_path: Path
) -> None:
    live = make_attempt(state=AttemptState.LIVE, call_id="call", accepted_at=LONG_AGO, next_poll_at=LONG_AGO)
    attempts.record(store, live)
    store.actions.insert_one({"_id": "spoilt", "state": "waiting", "next_try_at": LONG_AGO})
    spoilt = run_sweep(store, mongo_uri, redis_url, tmp_path)
    with redis.Redis.from_url(redis_url) as broker:
        assert broker.llen("poll") == 1
    assert spoilt.returncode == 1
    assert "a scan of the sweep failed" in spoilt.stderr
    assert "overdue_actions" in spoilt.stderr
    assert liveness.last(store) == {}

    store.actions.delete_one({"_id": "spoilt"})
    assert run_sweep(store, mongo_uri, redis_url, tmp_path).returncode == 0
    assert list(liveness.last(store)) == [liveness.Scan.SWEEP]
