"""The store over the wire, on an empty database with its indexes: embedded, or real through TEST_MONGO_URI."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database

from config.settings import Settings
from speechai.store.connection import Store, open_store
from speechai.store.indexes import create_indexes


@pytest.fixture
def store(database: Database[dict[str, Any]], mongo_uri: str) -> Store:
    """A store on a database of its own."""
    opened = open_store(database.client, Settings(mongo_uri=mongo_uri, mongo_db=database.name))
    create_indexes(opened)
    return opened
