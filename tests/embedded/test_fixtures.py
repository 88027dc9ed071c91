"""The shared fixtures give each test servers and databases of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from pymongo.database import Database

seen: list[str] = []


@pytest.mark.parametrize("turn", [1, 2])
def test_every_test_gets_an_empty_database_of_its_own(database: Database[dict[str, Any]], turn: int) -> None:
    assert database.list_collection_names() == []
    assert database.name not in seen
    seen.append(database.name)
    moment = datetime(2026, 3, 2, 12, tzinfo=UTC)
    database.things.insert_one({"_id": turn, "at": moment})
    assert database.things.find_one({"_id": turn}) == {"_id": turn, "at": moment}


def test_the_broker_is_empty_at_the_start_of_a_module(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
