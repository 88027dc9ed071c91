"""Shared fixtures: a real broker and a real database over the wire for the tests that ask for them.

Every pytest process (with xdist: every worker) starts its own pair of embedded servers at the first test that needs
one, so that a test may flush or load its broker without disturbing another process. TEST_MONGO_URI and TEST_REDIS_URL
run the same suite on real servers; a test never touches what it has not made: databases have random names, and the
numbers 0-15 of a real Redis are divided among the workers (use an instance that holds nothing else: they are flushed).
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import hypothesis
import pymongo
import pytest
import redis
from pymongo.database import Database

from speechai.embedded import embedded_servers

REDIS_DATABASES = 16
MEMORY, ENOUGH_BYTES = Path("/dev/shm"), 2 * 1024**3

# The deadline measures the machine, not the rule: two test processes share two cores.
hypothesis.settings.register_profile("speechai", deadline=None, print_blob=True)
hypothesis.settings.load_profile("speechai")

_modules = count()


@contextmanager
def _folder(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """For a server's data: in memory where the system has a folder there, since no test cuts the power.

    A quarter of a database's time is otherwise spent on writes that reach the disk. Containers often have 64 MB.
    """
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH_BYTES:
        with tempfile.TemporaryDirectory(prefix="speechai-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    else:
        yield tmp_path_factory.mktemp(name)


@pytest.fixture(scope="session")
def mongo_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a MongoDB that is this process's own, or TEST_MONGO_URI."""
    if given := os.environ.get("TEST_MONGO_URI"):
        yield given
        return
    with _folder(tmp_path_factory, "mongo") as folder, embedded_servers(folder, redis=False) as addresses:
        assert addresses.mongo_uri
        yield addresses.mongo_uri


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address, without a database number, of a Redis that is this process's own, or TEST_REDIS_URL."""
    if given := os.environ.get("TEST_REDIS_URL"):
        yield given.rstrip("/")
        return
    with _folder(tmp_path_factory, "redis") as folder, embedded_servers(folder, mongo=False) as addresses:
        assert addresses.redis_url
        yield addresses.redis_url.removesuffix("/0")


@pytest.fixture(scope="module")
def redis_url(redis_server: str) -> Iterator[str]:
    """Address of an empty Redis database that is this test module's own."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = max(1, REDIS_DATABASES // workers)
    url = f"{redis_server}/{(worker * share + next(_modules) % share) % REDIS_DATABASES}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()


@pytest.fixture(scope="session")
def mongo_client(mongo_uri: str) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    """One client for the whole session; instants come back as aware UTC."""
    with pymongo.MongoClient[dict[str, Any]](mongo_uri, tz_aware=True, serverSelectionTimeoutMS=10_000) as client:
        yield client


@pytest.fixture
def database(mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """An empty database under a fresh random name, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    yield mongo_client[name]
    mongo_client.drop_database(name)
