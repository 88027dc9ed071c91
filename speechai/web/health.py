"""`GET /health` and `GET /ready`: for a supervisor, and for whoever sends requests here or elsewhere.

Health says that the process answers, and nothing else: restarting it mends no database. Readiness asks MongoDB and the
broker, both within a second, and names the one that is away. Neither tells an address: the pages are open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus

import structlog
from fastapi import APIRouter
from fastapi.responses import JSONResponse

from speechai.errors import Unavailable
from speechai.store.connection import within
from speechai.web.outside import STORE_SECONDS, Here, Outside, Room

log = structlog.get_logger(__name__)
router = APIRouter()


@router.get("/health")
async def health() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get("/ready")
async def ready(here: Here) -> JSONResponse:
    """Whether a webhook could be passed on now: 200, or 503 with the part that does not answer."""
    parts = dict(
        await asyncio.gather(
            _asked("mongodb", here.probing, lambda: _ask_store(here)),
            _asked("broker", here.probing, here.publisher.ping),
        )
    )
    is_ready = all(answer == "ok" for answer in parts.values())
    return JSONResponse(
        {"status": "ok" if is_ready else "unavailable", **parts},
        status_code=HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE,
    )


async def _asked(name: str, room: Room, ask: Callable[[], None]) -> tuple[str, str]:
    try:
        await room.do(ask)
    except Unavailable as error:
        log.warning("not ready", action="ready", part=name, why=str(error))
        return name, "unavailable"
    return name, "ok"


def _ask_store(here: Outside) -> None:
    with within(STORE_SECONDS):
        here.store.ping()
