"""The endpoints that place, show, change and end calls.

Each takes the exchange and an Asked request, and returns the Answer Retell would give. Authorization, faults and the
reading of JSON have happened before (dispatch.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from speechai.retell.simulator.calls import CallRecord, show
from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.idempotency import Repeat
from speechai.retell.simulator.listing import list_calls
from speechai.retell.simulator.orders import Refusal, read_order
from speechai.retell.simulator.wire import Answer, json_bytes, ok, refusal
from speechai.retell.vocabulary import DataStorageSetting

_LARGEST_METADATA_BYTES = 50_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request that may be answered: `subject` is the id at the end of the path, `behind_ms` how stale the view is."""

    api_key: str
    subject: str
    query: dict[str, str]
    raw: bytes
    body: dict[str, Any]
    behind_ms: int = 0


def refused(why: Refusal) -> Answer:
    return refusal(why.status, why.message, schema=why.schema)


def create_phone_call(exchange: Exchange, asked: Asked) -> Answer:
    """POST /v2/create-phone-call"""
    key = _key(asked.body)
    repeat = exchange.keys.find(key, api_key=asked.api_key, body=asked.raw, now_ms=exchange.clock.now_ms())
    if repeat is not None:
        return _repeated(exchange, repeat)
    answer = _place(exchange, asked, key)
    if answer.status >= 400:
        note_failure(exchange, asked.body, api_key=asked.api_key, raw=asked.raw, failure=answer)
    return answer


def note_failure(exchange: Exchange, body: dict[str, Any], *, api_key: str, raw: bytes, failure: Answer) -> None:
    """Remember a failed create under its key, where the assumption says that failures use keys up."""
    now_ms = exchange.clock.now_ms()
    exchange.keys.failed(_key(body), api_key=api_key, body=raw, failure=(failure.status, failure.body), now_ms=now_ms)


def _key(body: dict[str, Any]) -> str | None:
    key = body.get("idempotency_key")
    return key if isinstance(key, str) else None


def _repeated(exchange: Exchange, repeat: Repeat) -> Answer:
    if repeat.refusal is not None:
        return refusal(*repeat.refusal)
    if repeat.failure is not None:
        return Answer(status=repeat.failure[0], body=repeat.failure[1])
    first = exchange.calls.get(repeat.call_id or "")
    if first is None:
        return _no_such_call(exchange, repeat.call_id or "")
    status = exchange.config.assumptions.idempotency_repeat_status
    return ok(show(first, exchange.clock.now_ms(), exchange.view), status=status)


def _place(exchange: Exchange, asked: Asked, key: str | None) -> Answer:
    rules = exchange.config.assumptions
    order = read_order(asked.body, exchange.config, exchange.do_not_call)
    if isinstance(order, Refusal):
        return refused(order)
    over = exchange.over_limit(order)
    if over is not None and rules.limit_refusal == "status_429":
        return refusal(429, over, retry_after_seconds=rules.limit_retry_after_seconds or None)
    low, high = exchange.config.durations.create_answer
    # A manual clock has no pace at which an answer could be late.
    delay_ms = 0 if exchange.clock.manual else exchange.chance.randint(low, high)
    record = exchange.accept(order, dialled=over is None)
    accepted_ms = record.timeline.accepted_ms
    exchange.keys.accepted(
        key,
        api_key=asked.api_key,
        body=asked.raw,
        call_id=record.call_id,
        now_ms=accepted_ms,
        answered_ms=accepted_ms + delay_ms,
    )
    return ok(show(record, accepted_ms, exchange.view), status=201, delay_ms=delay_ms)


def get_call(exchange: Exchange, asked: Asked) -> Answer:
    """GET /v2/get-call/{call_id}"""
    record = exchange.calls.get(asked.subject)
    if record is None:
        return _no_such_call(exchange, asked.subject)
    at_ms = max(exchange.clock.now_ms() - asked.behind_ms, record.timeline.accepted_ms)
    return ok(show(record, at_ms, exchange.view))


def list_calls_v3(exchange: Exchange, asked: Asked) -> Answer:
    """POST /v3/list-calls"""
    page = list_calls(exchange, asked.body, behind_ms=asked.behind_ms)
    return refused(page) if isinstance(page, Refusal) else ok(page)


def retired_list_calls(exchange: Exchange, _: Asked) -> Answer:
    """POST /v2/list-calls, announced as unsupported after 2026-06-15."""
    return refusal(exchange.config.assumptions.retired_list_status, "Cannot POST /v2/list-calls")


def update_call(exchange: Exchange, asked: Asked) -> Answer:
    """PATCH /v2/update-call/{call_id}"""
    record = exchange.calls.get(asked.subject)
    if record is None:
        return _no_such_call(exchange, asked.subject)
    wrong = _update_error(record, asked.body, refuse_unknown=exchange.config.assumptions.unknown_fields_refused)
    if wrong is not None:
        return wrong
    now_ms = exchange.clock.now_ms()
    body = asked.body
    if "metadata" in body:
        details = record.detail()
        record.earlier_metadata = (now_ms, json_bytes(details.get("metadata", {})))
        record.details = json_bytes({**details, "metadata": body["metadata"]})
    record.data_storage = body.get("data_storage_setting", record.data_storage)
    if "custom_attributes" in body:
        record.custom_attributes = {**(record.custom_attributes or {}), **body["custom_attributes"]}
    return ok(show(record, now_ms, exchange.view))


def _update_error(record: CallRecord, body: dict[str, Any], *, refuse_unknown: bool) -> Answer | None:
    extra = sorted(set(body) - {"metadata", "data_storage_setting", "custom_attributes"})
    if extra and refuse_unknown:
        return refusal(400, f"request/body must NOT have additional properties ({extra[0]})", schema=True)
    for name in ("metadata", "custom_attributes"):
        if name in body and not isinstance(body[name], dict):
            return refusal(400, f"request/body/{name} must be object", schema=True)
    if len(json_bytes(body.get("metadata"))) > _LARGEST_METADATA_BYTES:
        return refusal(400, "metadata must not be larger than 50kB")
    setting = body.get("data_storage_setting", record.data_storage)
    order = list(DataStorageSetting)
    if setting not in order:
        message = "request/body/data_storage_setting must be equal to one of the allowed values"
        return refusal(400, message, schema=True)
    if order.index(setting) < order.index(DataStorageSetting(record.data_storage)):
        return refusal(400, "data_storage_setting cannot be downgraded to a less restrictive one")
    return None


def stop_call(exchange: Exchange, asked: Asked) -> Answer:
    """POST /v2/stop-call/{call_id}"""
    record = exchange.calls.get(asked.subject)
    if record is None:
        return _no_such_call(exchange, asked.subject)
    if exchange.stop(record):
        return Answer(status=204)
    status = exchange.config.assumptions.stop_finished_status
    return Answer(status=204) if status == 204 else refusal(status, "Call has already ended")


def delete_call(exchange: Exchange, asked: Asked) -> Answer:
    """DELETE /v2/delete-call/{call_id}"""
    record = exchange.calls.get(asked.subject)
    if record is None:
        return _no_such_call(exchange, asked.subject)
    exchange.delete(record)
    return Answer(status=204)


def _no_such_call(exchange: Exchange, call_id: str) -> Answer:
    return refusal(exchange.config.assumptions.not_found_status, f"Item {call_id} not found from call")
