"""Retell's webhooks over a socket: what each is answered, and which poll it brings forward."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from speechai.core.model import AttemptState
from speechai.retell.signature import SIGNATURE_HEADER, sign
from speechai.retell.vocabulary import WebhookEvent
from speechai.store import attempts
from tests.store.making import LATER
from tests.web.serving import AT_ONCE, KEY, OLD_KEY, Poll, Service, call_of, event

OPEN = {state for state in AttemptState if state.is_open}
UNSURE = {AttemptState.PLACING, AttemptState.UNKNOWN}
LOOKED_AT = {
    "call_started": UNSURE,
    "call_ended": UNSURE | {AttemptState.LIVE},
    "call_analyzed": OPEN,
}


@pytest.mark.parametrize("state", AttemptState)
@pytest.mark.parametrize("name", [*WebhookEvent, "call_abducted"])
def test_an_event_brings_the_poll_forward_where_it_tells_something_new(
    service: Service, name: str, state: AttemptState
) -> None:
    attempt_id = service.attempt(state)
    answer = service.send(event(name, attempt_id))
    assert (answer.status_code, answer.content) == (204, b"")
    expected = [Poll(attempt_id=attempt_id, number=0, eta=None)] if state in LOOKED_AT.get(name, ()) else []
    assert service.polls(attempt_id) == expected
    stored = attempts.get_attempt(service.store, attempt_id)
    assert stored is not None
    assert (stored.state, stored.poll_number, stored.retell) == (state, 0, None), "a webhook writes nothing"


def test_the_poll_comes_under_the_present_number(service: Service) -> None:
    attempt_id = service.attempt()
    for number in range(3):
        assert attempts.move_poll_on(service.store, attempt_id, number, next_poll_at=LATER)
    service.send(event("call_ended", attempt_id))
    assert service.polls(attempt_id) == [Poll(attempt_id=attempt_id, number=3, eta=None)]


def test_a_doubled_event_is_a_doubled_message_under_one_number(service: Service) -> None:
    attempt_id = service.attempt()
    for _ in range(2):
        assert service.send(event("call_ended", attempt_id)).status_code == 204
    assert service.polls(attempt_id) == [Poll(attempt_id=attempt_id, number=0, eta=None)] * 2


def test_an_event_of_another_call_under_our_attempt_is_left_alone(service: Service) -> None:
    attempt_id = service.attempt()
    assert service.send(event("call_ended", attempt_id, call_id="call_of_somebody_else")).status_code == 204
    assert service.polls(attempt_id) == []


NOT_OURS: list[dict[str, Any]] = [
    event("call_ended", "an attempt of another installation"),
    {"event": "call_ended", "call": {"call_id": "call_without_metadata"}},
    {"event": "call_ended", "call": {"call_id": 7, "metadata": {"attempt_id": ["a"]}}},
    {"event": "call_ended", "call": {"metadata": {"attempt_id": {"$ne": None}}}},
    {"event": "call_ended", "call": {"metadata": {"attempt_id": "a" * 100_000}}},
    {"event": "call_ended", "call": {"metadata": "attempt_id"}},
    {"event": "call_ended", "call": None},
    {"event": "call_ended"},
    {"event": "chat_ended", "chat": {"chat_id": "chat_1"}},
    {"event": "alert_triggered", "data": []},
]


@pytest.mark.parametrize("body", NOT_OURS, ids=lambda body: json.dumps(body)[:60])
def test_what_is_not_ours_is_taken_and_forgotten(service: Service, body: dict[str, Any]) -> None:
    """A test event of the dashboard, another installation's call: any other answer would bring it three times more."""
    assert service.send(body).status_code == 204


@pytest.mark.parametrize("key", [KEY, OLD_KEY])
def test_each_key_of_a_rotation_is_accepted(service: Service, key: str) -> None:
    attempt_id = service.attempt()
    assert service.send(event("call_ended", attempt_id), key=key).status_code == 204
    assert len(service.polls(attempt_id)) == 1


def forged(service: Service, attempt_id: str) -> Iterator[tuple[str, int]]:
    """Ways to be refused, each with the answer's status."""
    body, now_ms = event("call_ended", attempt_id), round(time.time() * 1000)
    raw = json.dumps(body).encode()
    good = sign(raw, key=KEY, timestamp_ms=now_ms)
    yield "of another key", service.send(body, key="key_of_somebody_else").status_code
    yield "no header", service.post(raw, {}).status_code
    yield "empty header", service.post(raw, {SIGNATURE_HEADER: ""}).status_code
    yield "another form", service.post(raw, {SIGNATURE_HEADER: good.replace("v=", "t=")}).status_code
    yield "capitals", service.post(raw, {SIGNATURE_HEADER: good.upper()}).status_code
    yield "altered", service.post(raw.replace(b"ended", b"endet"), {SIGNATURE_HEADER: good}).status_code
    yield "written anew", service.post(json.dumps(body, indent=1).encode(), {SIGNATURE_HEADER: good}).status_code
    yield "replayed", service.send(body, age_seconds=301).status_code
    yield "from the future", service.send(body, age_seconds=-330).status_code
    seconds = sign(raw, key=KEY, timestamp_ms=now_ms // 1000)
    yield "in seconds", service.post(raw, {SIGNATURE_HEADER: seconds}).status_code


def test_whatever_is_not_signed_for_us_now_is_refused_without_a_word(service: Service) -> None:
    attempt_id = service.attempt()
    answers = dict(forged(service, attempt_id))
    assert set(answers.values()) == {401}, answers
    assert service.polls(attempt_id) == []
    said = service.said()
    assert "a webhook was refused" in said
    assert attempt_id not in said
    assert KEY not in said


def test_a_refusal_says_nothing(service: Service) -> None:
    answer = service.send(event("call_ended", "a"), key="key_of_somebody_else")
    assert (answer.status_code, answer.content) == (401, b"")
    assert "server" not in answer.headers


def test_the_header_may_be_written_in_any_case(service: Service) -> None:
    attempt_id = service.attempt()
    raw = json.dumps(event("call_ended", attempt_id)).encode()
    signature = sign(raw, key=KEY, timestamp_ms=round(time.time() * 1000))
    assert service.post(raw, {"x-retell-signature": signature}).status_code == 204
    assert len(service.polls(attempt_id)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>not json</html>",
        b'{"event":"call_ended"',
        b"[]",
        b'"call_ended"',
        b"null",
        b"{}",
        b'{"event":null}',
        b'{"event":""}',
        b'{"event":"call_ended\\nforged line of a log"}',
        b'{"event":"half of a pair \\ud800"}',
        b'{"event":"call_\xff"}',
        '{"event":"call_ended"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"event":' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:24]),
)
def test_what_is_signed_and_is_no_event_is_refused(service: Service, body: bytes) -> None:
    assert service.send(body).status_code == 400


def test_a_long_transcript_in_any_language_is_taken(service: Service) -> None:
    attempt_id = service.attempt()
    body = event("call_analyzed", attempt_id, transcript="Agente: ¿mañana? 日本 " * 150_000)
    assert service.send(body).status_code == 204
    assert len(service.polls(attempt_id)) == 1


def test_a_body_that_is_too_large_is_not_read(service: Service) -> None:
    head = b"POST /webhooks/retell HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    signature = sign(b"", key=KEY, timestamp_ms=round(time.time() * 1000))
    head += f"{SIGNATURE_HEADER}: {signature}\r\n".encode()
    told = raw(service, head + b"Content-Length: 8388609\r\n\r\n{")
    assert told.startswith(b"HTTP/1.1 413"), told[:100]
    chunk = b"%x\r\n" % 1_048_576 + b"x" * 1_048_576 + b"\r\n"
    untold = raw(service, head + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 9)
    assert untold.startswith(b"HTTP/1.1 413"), untold[:100]


def test_a_sender_that_breaks_off_harms_nobody(service: Service) -> None:
    signature = sign(b"", key=KEY, timestamp_ms=round(time.time() * 1000))
    head = f"POST /webhooks/retell HTTP/1.1\r\nHost: x\r\n{SIGNATURE_HEADER}: {signature}\r\nContent-Length: 99\r\n\r\n"
    address = urlsplit(service.url)
    for _ in range(30):
        with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
            connection.sendall(head.encode() + b"{")
    attempt_id = service.attempt()
    assert service.send(event("call_ended", attempt_id)).status_code == 204
    assert "Traceback" not in service.said()


def raw(service: Service, *parts: bytes) -> bytes:
    """What comes back for these bytes; the service may answer before it has read them."""
    address = urlsplit(service.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        for part in parts:
            try:
                connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                break
        return connection.recv(4_096)


def test_only_a_post_is_taken_and_nothing_else_is_served(service: Service) -> None:
    assert service.get("/webhooks/retell").status_code == 405
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/webhooks"):
        assert service.get(path).status_code == 404, path


def test_health_and_readiness(service: Service) -> None:
    started = time.monotonic()
    health, ready = service.get("/health"), service.get("/ready")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "mongodb": "ok", "broker": "ok"})
    assert time.monotonic() - started < AT_ONCE


def test_its_log_holds_ids_and_no_more_of_a_call(service: Service) -> None:
    attempt_id = service.attempt()
    service.send(event("call_ended", attempt_id, to_number="+56912343478", transcript="Agent: mi RUT es 12.345.678-5"))
    said = service.said()
    assert attempt_id in said
    assert call_of(attempt_id) in said
    assert "+569" not in said
    assert "RUT" not in said
    assert "Traceback" not in said
