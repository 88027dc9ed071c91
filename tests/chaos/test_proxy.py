"""The proxy in front of MongoDB: it cuts one write, before or after it was done, and leaves everything else alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pymongo
import pytest
from pymongo.errors import AutoReconnect

from .proxy import running_proxy
from .schedule import Moment

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif("TEST_MONGO_URI" in os.environ, reason="forwards to a server on this machine")


@pytest.mark.parametrize(("moment", "is_written"), [(Moment.BEFORE, False), (Moment.AFTER, True)])
def test_a_cut_write_fails_and_is_done_only_where_the_cut_came_after_it(
    mongo_uri: str, database: pymongo.database.Database[dict[str, object]], moment: Moment, is_written: bool
) -> None:
    port = urlsplit(mongo_uri).port
    assert port is not None
    with running_proxy(port) as proxy:
        address = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&retryWrites=false"
        with pymongo.MongoClient[dict[str, object]](address) as client:
            notes = client[database.name]["notes"]
            notes.insert_one({"_id": "before"})
            proxy.cut_next(moment)
            assert notes.count_documents({}) == 1  # a read is no write
            assert not proxy.has_cut()
            with pytest.raises(AutoReconnect):
                notes.insert_one({"_id": "cut"})
            assert proxy.has_cut()
            notes.insert_one({"_id": "after"})
            assert {note["_id"] for note in notes.find()} == {"before", "after"} | ({"cut"} if is_written else set())


def test_a_worker_whose_connection_is_cut_as_it_starts_says_so_and_ends(
    mongo_uri: str, database: pymongo.database.Database[dict[str, object]], tmp_path: Path
) -> None:
    with running_proxy(urlsplit(mongo_uri).port or 0) as proxy:
        environ = {
            "PATH": os.environ["PATH"],
            "MONGO_URI": f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&retryWrites=false",
            "MONGO_DB": database.name,
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "RETELL_BASE_URL": "http://127.0.0.1:1",
            "DATA_DIR": str(tmp_path),
        }
        proxy.cut_next(Moment.BEFORE)
        started = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-Q", "work", "-P", "threads"],
            env=environ, cwd=ROOT, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert proxy.has_cut()
    assert started.returncode == 1
    assert "the worker does not start: the connection to MongoDB broke" in started.stderr
