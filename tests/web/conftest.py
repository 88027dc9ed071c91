"""The web service as a process of its own, on a real database and a real broker."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from config.settings import load_settings
from speechai.store.connection import open_store
from speechai.store.indexes import create_indexes
from tests.web.serving import KEY, OLD_KEY, Service, serving


@pytest.fixture(scope="module")
def environ(
    mongo_client: pymongo.MongoClient[dict[str, Any]],
    mongo_uri: str,
    redis_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """A service's settings; the database is the module's own."""
    name = f"web_{uuid.uuid4().hex[:12]}"
    yield {
        **os.environ,
        "MONGO_URI": mongo_uri,
        "MONGO_DB": name,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path_factory.mktemp("web")),
        "RETELL_WEBHOOK_KEYS": f"{KEY},{OLD_KEY}",
    }
    mongo_client.drop_database(name)


@pytest.fixture(scope="module")
def service(environ: dict[str, str], mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[Service]:
    """One service for the module's tests; each makes attempts of its own."""
    store = open_store(mongo_client, load_settings(environ))
    create_indexes(store)
    log = Path(environ["DATA_DIR"]) / "web.log"
    with serving(environ, store=store, redis_url=environ["REDIS_URL"], log=log) as one:
        yield one
