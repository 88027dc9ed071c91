"""Answers as values, and how they go out on the socket, whole or spoilt.

Enters an Answer from the endpoints (perhaps changed by a fault); leaves bytes on the connection, a reset, half a body
or nothing at all.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from http.client import responses
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPServerRequest, ResponseStartLine
from tornado.iostream import StreamClosedError

from speechai.retell.simulator.faults import REFUSALS, Fault, FaultKind

JSON_TYPE = "application/json; charset=utf-8"
_HTML = b"<!doctype html><html><head><title>OK</title></head><body><h1>OK</h1></body></html>"


class Ending(StrEnum):
    """What becomes of the connection."""

    WHOLE = "whole"
    TRUNCATED = "truncated"
    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One HTTP answer; `delay_ms` is simulated time between the request and the answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    ending: Ending = Ending.WHOLE
    delay_ms: int = 0


def json_bytes(value: Any) -> bytes:
    """Compact UTF-8 JSON, as Retell sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def ok(value: Any, *, status: int = 200, delay_ms: int = 0) -> Answer:
    return Answer(status=status, body=json_bytes(value), delay_ms=delay_ms)


def refusal(status: int, message: str, *, schema: bool = False, retry_after_seconds: float | None = None) -> Answer:
    """An error in one of the two shapes: `{status, message}`, or `{error_message}` for a schema violation."""
    body = {"error_message": message} if schema else {"status": "error", "message": message}
    headers = () if retry_after_seconds is None else (("Retry-After", f"{retry_after_seconds:g}"),)
    return Answer(status=status, body=json_bytes(body), headers=headers)


def fault_before(fault: Fault, path: str) -> Answer:
    """The answer of a fault that strikes before the request is carried out."""
    if fault.kind is FaultKind.RESET_BEFORE:
        return Answer(ending=Ending.RESET, delay_ms=fault.delay_ms)
    if fault.kind is FaultKind.HANG_BEFORE:
        return Answer(ending=Ending.HANG)
    if fault.kind is FaultKind.REDIRECT:
        return _redirect(fault, path)
    status, message = REFUSALS[fault.kind]
    answer = refusal(
        fault.status or status,
        fault.message or message,
        schema=fault.kind is FaultKind.SCHEMA,
        retry_after_seconds=fault.retry_after_seconds,
    )
    return replace(answer, delay_ms=fault.delay_ms)


def fault_after(fault: Fault, answer: Answer, path: str) -> Answer:
    """The answer to a request that was carried out, spoilt by a fault; an error stays as it is but for the line."""
    kind = fault.kind
    if kind is FaultKind.RESET_AFTER:
        return replace(answer, ending=Ending.RESET)
    if kind is FaultKind.HANG_AFTER:
        return replace(answer, ending=Ending.HANG)
    if kind is FaultKind.SLOW:
        return replace(answer, delay_ms=answer.delay_ms + fault.delay_ms)
    if answer.status >= 300:
        return answer
    if kind is FaultKind.SERVER_ERROR_AFTER:
        status, message = REFUSALS[FaultKind.SERVER_ERROR]
        spoilt = refusal(fault.status or status, fault.message or message)
        return replace(spoilt, delay_ms=answer.delay_ms)
    if kind is FaultKind.REDIRECT_AFTER:
        return replace(_redirect(fault, path), delay_ms=answer.delay_ms)
    if kind is FaultKind.TRUNCATED_JSON:
        return replace(answer, ending=Ending.TRUNCATED)
    if kind is FaultKind.EMPTY_BODY:
        return replace(answer, body=b"")
    if kind is FaultKind.HTML:
        return replace(answer, status=200, body=_HTML, content_type="text/html; charset=utf-8")
    if kind is FaultKind.WITHOUT_CALL_ID:
        shown = {name: value for name, value in json.loads(answer.body).items() if name != "call_id"}
        return replace(answer, body=json_bytes(shown))
    if kind is FaultKind.DUPLICATE_KEYS:
        return replace(answer, body=b'{"call_status":"error","call_id":"call_first_of_two",' + answer.body[1:])
    if kind is FaultKind.WRONG_CONTENT_TYPE:
        return replace(answer, content_type="text/plain; charset=utf-8")
    return answer


def _redirect(fault: Fault, path: str) -> Answer:
    # The mark keeps a rule that strikes always from redirecting the same request for ever.
    location = fault.location or f"{path}?redirected=1"
    return Answer(status=fault.status or 307, headers=(("Location", location),), delay_ms=fault.delay_ms)


def send(request: HTTPServerRequest, answer: Answer) -> None:
    """Put an answer on the connection; a client that has gone away is no error."""
    connection = request.connection
    assert isinstance(connection, HTTP1Connection)
    if connection.stream is None or answer.ending is Ending.HANG:
        return
    if answer.ending is Ending.WHOLE:
        start = ResponseStartLine("HTTP/1.1", answer.status, responses.get(answer.status, "Unknown"))
        try:
            connection.write_headers(start, _headers(answer), answer.body or None)
            connection.finish()
        except StreamClosedError:
            return
        return
    stream = connection.detach()
    if stream.closed():
        return
    if answer.ending is Ending.RESET:
        # Closing with a zero linger makes the kernel send RST instead of FIN.
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        stream.close()
        return
    head = f"HTTP/1.1 {answer.status} {responses.get(answer.status, 'Unknown')}\r\n"
    lines = "".join(f"{name}: {value}\r\n" for name, value in _headers(answer).get_all())
    half = answer.body[: len(answer.body) // 2]
    stream.write(f"{head}{lines}\r\n".encode() + half).add_done_callback(lambda _: stream.close())


def _headers(answer: Answer) -> HTTPHeaders:
    headers = HTTPHeaders()
    if answer.status != 204:
        headers["Content-Type"] = answer.content_type
        headers["Content-Length"] = str(len(answer.body))
    for name, value in answer.headers:
        headers[name] = value
    return headers
