"""From a request to its answer: which endpoint, whose key, which fault.

Enters method, path, query, headers and body as plain values; leaves an Answer. Called by server.py for every request.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from speechai.retell.simulator import endpoints_account as account
from speechai.retell.simulator import endpoints_calls as calls
from speechai.retell.simulator.control import CONTROL
from speechai.retell.simulator.endpoints_calls import Asked
from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.faults import Fault, FaultKind
from speechai.retell.simulator.wire import Answer, Ending, fault_after, fault_before, refusal

Handler = Callable[[Exchange, Asked], Answer]

ROUTES: Mapping[tuple[str, str], Handler] = {
    ("POST", "/v2/create-phone-call"): calls.create_phone_call,
    ("POST", "/v3/list-calls"): calls.list_calls_v3,
    ("POST", "/v2/list-calls"): calls.retired_list_calls,
    ("GET", "/get-concurrency"): account.get_concurrency,
    ("GET", "/get-api-key-info"): account.get_api_key_info,
    ("POST", "/v2/list-agents"): account.list_agents,
    ("GET", "/v2/list-phone-numbers"): account.list_phone_numbers,
    ("POST", "/create-batch-call"): account.create_batch_call,
}
# The last part of the path is an id.
ROUTES_WITH_ID: Mapping[tuple[str, str], Handler] = {
    ("GET", "/v2/get-call"): calls.get_call,
    ("PATCH", "/v2/update-call"): calls.update_call,
    ("POST", "/v2/stop-call"): calls.stop_call,
    ("DELETE", "/v2/delete-call"): calls.delete_call,
    ("GET", "/get-agent"): account.get_agent,
    ("GET", "/get-phone-number"): account.get_phone_number,
}
_WITHOUT_JSON = ("stop-call",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Incoming:
    """One HTTP request as plain values; `query` keeps the last value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    authorization: str
    body: bytes


def endpoint_names() -> list[str]:
    """The names by which faults and the journal call the endpoints: the first part of the path after its version."""
    return [_name(path) for _, path in [*ROUTES, *ROUTES_WITH_ID]]


def _name(path: str) -> str:
    # The retired path must not count as the endpoint that replaced it.
    return "v2-list-calls" if path == "/v2/list-calls" else path.rsplit("/", 1)[1]


def answer(exchange: Exchange, incoming: Incoming) -> Answer:
    """The answer to one request, with its faults; counts both in the journal."""
    if incoming.path.startswith("/simulator/"):
        return _control(exchange, incoming)
    path, subject = incoming.path, ""
    handler = ROUTES.get((incoming.method, path))
    if handler is None:
        path, _, last = path.rpartition("/")
        handler, subject = ROUTES_WITH_ID.get((incoming.method, path)), unquote(last)
    if handler is None:
        return refusal(404, f"Cannot {incoming.method} {incoming.path}")
    name = _name(path)
    exchange.journal.note_request(name)
    given = _answer(exchange, incoming, name=name, subject=subject, handler=handler)
    exchange.journal.note_answer(name, given.status if given.ending is Ending.WHOLE else given.ending)
    return given


def _answer(exchange: Exchange, incoming: Incoming, *, name: str, subject: str, handler: Handler) -> Answer:
    scheme, _, key = incoming.authorization.partition(" ")
    if scheme.lower() != "bearer" or key not in exchange.config.api_keys:
        return refusal(401, "API key is missing or invalid")
    body: Any = {}
    if incoming.method in ("POST", "PATCH") and name not in _WITHOUT_JSON:
        try:
            body = json.loads(incoming.body or b"{}")
        except ValueError:
            return refusal(400, "request/body must be JSON", schema=True)
        if not isinstance(body, dict):
            return refusal(400, "request/body must be object", schema=True)
    fault: Fault | None = None
    if exchange.faults.concern(name) and "redirected" not in incoming.query:
        fault = exchange.faults.strike(name, _number(exchange, name, subject, body))
    if fault is not None and not fault.accepts:
        refused = fault_before(fault, incoming.path)
        if name == "create-phone-call" and refused.ending is Ending.WHOLE:
            calls.note_failure(exchange, body, api_key=key, raw=incoming.body, failure=refused)
        return refused
    behind_ms = fault.delay_ms if fault is not None and fault.kind is FaultKind.STALE else 0
    asked = Asked(
        api_key=key,
        subject=subject,
        query=dict(incoming.query),
        raw=incoming.body,
        body=body,
        behind_ms=behind_ms,
    )
    given = handler(exchange, asked)
    return given if fault is None else fault_after(fault, given, incoming.path)


def _number(exchange: Exchange, name: str, subject: str, body: Any) -> str | None:
    """The number that a request is about, for faults that are narrowed to numbers."""
    if name == "create-phone-call":
        number = body.get("to_number")
        return number if isinstance(number, str) else None
    record = exchange.calls.get(subject)
    return record.to_number if record is not None else None


def _control(exchange: Exchange, incoming: Incoming) -> Answer:
    handler = CONTROL.get((incoming.method, incoming.path))
    if handler is None and incoming.path.startswith("/simulator/recordings/") and incoming.method == "GET":
        handler = CONTROL["GET", "/simulator/recordings"]
    if handler is None:
        return refusal(404, f"Cannot {incoming.method} {incoming.path}")
    try:
        body = json.loads(incoming.body or b"{}")
    except ValueError:
        return refusal(400, "the body must be JSON")
    return handler(exchange, incoming.query, body)
