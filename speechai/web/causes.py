"""The correlation id of a request: taken from X-Request-ID where that is well-formed, else made, and answered back.

Everything that the request logs and every message that it sends has it (`speechai.logs`). Plain ASGI: the frameworks'
own middleware runs a route in another context, where what is bound here would not be seen.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speechai.logs import begin_work, end_work, is_well_formed

REQUEST_ID: Final = "X-Request-ID"


class Causes:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = begin_work(given if is_well_formed(given) else None)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            end_work()
