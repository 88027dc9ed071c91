"""The application: its routes, and what they work with. Called by `python -m speechai.web`, and by tests.

Enters the outside world; leaves a FastAPI application. A new family of routes is a module with a `router` and a line
here. No page describes the interface yet: the host is public for webhooks' sake.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from config.settings import Settings
from speechai import __version__
from speechai.operation.webhooks import signing_keys
from speechai.store.connection import get_store
from speechai.web import health, retell_webhooks
from speechai.web.causes import Causes
from speechai.web.outside import BROKER_SECONDS, THREADS, Outside
from tasks.publishing import Publisher


def create_app(outside: Outside) -> FastAPI:
    """The application; `outside` is closed with it."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        outside.close()

    app = FastAPI(title="SpeechAI", version=__version__, lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.outside = outside
    app.add_middleware(Causes)
    app.include_router(health.router)
    app.include_router(retell_webhooks.router)
    return app


def open_outside(settings: Settings) -> Outside:
    """The outside world by the settings. Nothing is connected yet: the service starts also while a server is away.

    Raises ConfigurationError where an address or every key is missing, SettingsError where there is no broker.
    """
    return Outside(
        settings=settings,
        store=get_store(settings),
        publisher=Publisher(settings, timeout_seconds=BROKER_SECONDS, threads=THREADS),
        keys=signing_keys(settings),
    )
