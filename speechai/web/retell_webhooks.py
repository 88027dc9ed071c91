"""`POST /webhooks/retell`: an event of Retell's becomes a nudge, or nothing, within a second.

Enters a signed event. Leaves 204 for everything that was understood, whether or not anything follows from it: any other
answer has Retell send it again. What each answer means for Retell and for the call stands in docs/webhooks.md.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus

import structlog
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from speechai import metrics
from speechai.errors import Unavailable
from speechai.operation.webhooks import OTHER, Done, name_of, note_event, word_of
from speechai.retell.events import CallEvent, read_event
from speechai.retell.signature import SIGNATURE_HEADER, Verdict, judge, judge_form
from speechai.store.connection import within
from speechai.web import RETELL_WEBHOOKS
from speechai.web.outside import STORE_SECONDS, Here, Outside

log = structlog.get_logger(__name__)
router = APIRouter()

MOST_BYTES = 8 * 1024 * 1024
"""Of a body: a call of two hours is told with its transcript three times over, word by word once; about 4 MiB."""
ARRIVAL_SECONDS = 10.0
"""For a body to arrive: as long as Retell waits for the answer (`webhook_timeout_ms`)."""


@router.post(RETELL_WEBHOOKS, status_code=HTTPStatus.NO_CONTENT)
async def take_webhook(request: Request, here: Here) -> Response:
    """Retell's webhook. 401 before anything is read of a body that nobody we know has signed."""
    header, now = request.headers.get(SIGNATURE_HEADER), here.clock()
    window = here.settings.webhook_window_seconds
    fault = judge_form(header, now=now, window_seconds=window)
    if fault is not None:
        return _refused(fault)
    body = await _body_of(request)
    if isinstance(body, HTTPStatus):
        metrics.count_webhook(OTHER, Done.NOT_TAKEN)
        log.warning("a webhook's body was not taken", action="webhook", answer=int(body))
        return Response(status_code=body)
    verdict = judge(body, header, keys=here.keys, now=now, window_seconds=window)
    if verdict is not Verdict.VALID:
        return _refused(verdict)
    event = read_event(body)
    if event is None:
        metrics.count_webhook(OTHER, Done.NOT_AN_EVENT)
        log.warning("a signed webhook is not an event", action="webhook", length=len(body))
        return Response(status_code=HTTPStatus.BAD_REQUEST)
    name = name_of(event)
    try:
        done = await here.nudging.do(lambda: _nudge(here, event))
    except Unavailable as error:
        metrics.count_webhook(name, Done.UNAVAILABLE)
        log.warning("a webhook could not be passed on", action="webhook", why=str(error), attempt_id=event.attempt_id)
        return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
    metrics.count_webhook(name, done)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _nudge(here: Outside, event: CallEvent) -> Done:
    """In a thread: both servers block."""
    with within(STORE_SECONDS):
        nudges = note_event(here.store, event)
    here.publisher.publish(nudges)
    return Done.PASSED_ON if nudges else Done.CHANGES_NOTHING


def _refused(verdict: Verdict) -> Response:
    """Without a word to whoever sent it; nothing of the request stands in the log, for it may be anybody's."""
    metrics.count_webhook(OTHER, word_of(verdict))
    log.warning("a webhook was refused", action="webhook", signature=verdict.value)
    return Response(status_code=HTTPStatus.UNAUTHORIZED)


async def _body_of(request: Request) -> bytes | HTTPStatus:
    """The body as it came, or the answer to one that is too large, too slow, or broken off."""
    told = request.headers.get("Content-Length", "")
    if told.isdecimal() and int(told) > MOST_BYTES:
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    body = bytearray()
    try:
        async with asyncio.timeout(ARRIVAL_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    except TimeoutError:
        return HTTPStatus.REQUEST_TIMEOUT
    except ClientDisconnect:
        return HTTPStatus.BAD_REQUEST
    return bytes(body)
