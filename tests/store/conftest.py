"""The store over the wire, on an empty database with its indexes: embedded, or real through TEST_MONGO_URI."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from config.settings import Settings
from speechai.operation.context import Context
from speechai.store.connection import Store, open_store
from speechai.store.indexes import create_indexes
from speechai.store.people import Turn
from tests.store.making import DAY, make_context, settle, take


@pytest.fixture
def store(database: Database[dict[str, Any]], mongo_uri: str) -> Store:
    """A store on a database of its own."""
    opened = open_store(database.client, Settings(mongo_uri=mongo_uri, mongo_db=database.name))
    create_indexes(opened)
    return opened


@pytest.fixture
def known(store: Store) -> Store:
    """A store that knows the person `p` from a call of two days ago."""
    assert take(store, "long ago", day=DAY - timedelta(days=2)) is Turn.TAKEN
    settle(store, "long ago", day=DAY - timedelta(days=2))
    return store


@pytest.fixture(params=["never called", "called before"])
def either(request: pytest.FixtureRequest, store: Store) -> Store:
    """A store on which the person `p` has no record yet, and one on which it has."""
    if request.param == "called before":
        request.getfixturevalue("known")
    return store


@pytest.fixture
def context(store: Store) -> Context:
    """What an operation works with, without a Retell: at `NOW`, unless a module makes one of its own."""
    return make_context(store)
