"""One process's connection to MongoDB, as the collections that the product uses.

Enters `Settings`; leaves a `Store`. A client is made after the fork and never shared over one: `get_store` keeps one
for each process. pymongo's own errors for an unreachable server leave as `Unavailable`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import gridfs
import pymongo
from bson.codec_options import CodecOptions
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import (
    AutoReconnect,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
)
from pymongo.errors import (
    ConfigurationError as MongoConfigurationError,
)

from config.settings import Settings, mask
from speechai.errors import ConfigurationError, Unavailable

Document = dict[str, Any]
Documents = Collection[Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The collections (design, section 5). Instants come back as aware UTC."""

    client: MongoClient[Document]
    database: Database[Document]
    batches: Documents
    jobs: Documents
    attempts: Documents
    people: Documents
    phones: Documents
    accounts: Documents
    ledger: Documents
    callers: Documents
    actions: Documents
    alerts: Documents
    callbacks: Documents
    waves: Documents
    slots: Documents
    rejected: Documents
    files: gridfs.GridFS

    def ping(self) -> Mapping[str, Any]:
        """The server's build information. Raises Unavailable."""
        with reachable():
            return self.client.server_info()


def connect(settings: Settings, *, timeout_seconds: float = 5.0) -> Store:
    """A new client for this process; nothing is sent yet.

    `timeout_seconds` bounds the search for a server. Raises ConfigurationError for an address that is not usable, or
    where there is none.
    """
    if not settings.mongo_uri:
        raise ConfigurationError(
            "there is no MongoDB: set MONGO_URI, or start the embedded servers with `make up` (python -m speechai up)"
        )
    try:
        client: MongoClient[Document] = MongoClient(
            settings.mongo_uri,
            appname="speechai",
            serverSelectionTimeoutMS=int(timeout_seconds * 1000),
            connectTimeoutMS=int(timeout_seconds * 1000),
            socketTimeoutMS=30_000,  # a server that hangs must not hold a worker thread for ever
            maxPoolSize=max(100, settings.worker_count * 2),
            tz_aware=True,
            tzinfo=UTC,
        )
    except (InvalidURI, MongoConfigurationError, ValueError) as error:
        address = mask("mongo_uri", settings.mongo_uri)
        raise ConfigurationError(f"MONGO_URI={address} cannot be used: {error}") from None
    return open_store(client, settings)


def open_store(client: MongoClient[Document], settings: Settings) -> Store:
    """The collections named by `settings` (MONGO_DB, MONGO_COLL_JOBS, MONGO_COLL_LOGS) on `client`."""
    database = client.get_database(
        settings.mongo_db, codec_options=CodecOptions(document_class=dict, tz_aware=True, tzinfo=UTC)
    )
    return Store(
        client=client,
        database=database,
        batches=database["batches"],
        jobs=database[settings.mongo_coll_jobs],
        attempts=database[settings.mongo_coll_logs],
        people=database["people"],
        phones=database["phones"],
        accounts=database["accounts"],
        ledger=database["ledger"],
        callers=database["caller_numbers"],
        actions=database["actions"],
        alerts=database["alerts"],
        callbacks=database["callbacks"],
        waves=database["waves"],
        slots=database["slots"],
        rejected=database["rejected_rows"],
        files=gridfs.GridFS(database, collection="uploads"),
    )


_stores: dict[tuple[int, Settings], Store] = {}


def get_store(settings: Settings) -> Store:
    """This process's store, connected once; a child made by a fork connects anew."""
    key = (os.getpid(), settings)
    if key not in _stores:
        _stores[key] = connect(settings)
    return _stores[key]


@contextmanager
def reachable() -> Iterator[None]:
    """Turns "the server cannot be reached or refuses us" into `Unavailable` with what to do."""
    try:
        yield
    except ServerSelectionTimeoutError as error:
        raise Unavailable(f"MongoDB does not answer: is it running, is MONGO_URI right? ({_short(error)})") from None
    except AutoReconnect as error:
        raise Unavailable(f"the connection to MongoDB broke: {_short(error)}") from None
    except OperationFailure as error:
        if error.code in (13, 18):  # Unauthorized, AuthenticationFailed
            raise Unavailable("MongoDB refuses the user or password of MONGO_URI") from None
        raise


def is_away(error: Exception) -> bool:
    """Whether MongoDB could not be reached, so that whatever is asked next will fail too."""
    return isinstance(error, ConnectionFailure | Unavailable)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bounds all that this thread asks of MongoDB in the block, the search for a server included.

    For whoever has to answer somebody soon. Raises Unavailable where the time is over, or as `reachable`; what was
    asked last may have been done all the same.
    """
    try:
        with reachable(), pymongo.timeout(seconds):
            yield
    except PyMongoError as error:
        if not error.timeout:
            raise
        raise Unavailable(f"MongoDB has not answered within {seconds:g} s") from None


def _short(error: Exception) -> str:
    return str(error).split(",")[0][:200]
