from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from speechai.core.model import CallFacts
from speechai.errors import AccountRefused, NumberRefused, RetellError, RetellLater, RetellUnknown
from speechai.retell.answers import error_of_create, error_of_lookup, read_call, retry_after_seconds, shown_text
from speechai.retell.reading import cents_to_micros
from speechai.retell.transport import Answer, NoAnswer


def said(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status=status, body=data, headers=CaseInsensitiveDict(headers or {}))


def message(text: str) -> dict[str, str]:
    return {"status": "error", "message": text}


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, message("Call country not supported: CU"), NumberRefused),
        (400, message("Contact is marked as do not call"), NumberRefused),
        (400, message("The number is on the DNC list"), NumberRefused),
        (400, message("Invalid phone number format"), NumberRefused),
        (400, message("Phone number +56912343478 is not valid"), NumberRefused),
        (400, {"error_message": "request/body/to_number must NOT have fewer than 1 characters"}, NumberRefused),
        (400, b"to_number must be in E.164 format", NumberRefused),
        (400, message("No outbound agent id set up for phone number"), AccountRefused),
        (400, {"error_message": "request/body/from_number must NOT have fewer than 1 characters"}, AccountRefused),
        (400, message("from_number is not valid E.164"), AccountRefused),
        (
            400,
            {"error_message": "request/body/agent_override/agent/enable_dnc_detection must be boolean"},
            AccountRefused,
        ),
        (400, message("something new"), AccountRefused),
        (400, b"", AccountRefused),
        (400, b"<html>Bad Request</html>", AccountRefused),
        (401, message("Invalid API Key"), AccountRefused),
        (402, message("Trial has ended, please add payment method."), AccountRefused),
        (403, b"", AccountRefused),
        (404, b"Not Found", AccountRefused),
        (405, b"", AccountRefused),
        (410, b"", AccountRefused),
        (413, b"", AccountRefused),
        (422, message("Cannot find requested asset under given api key."), AccountRefused),
        (429, message("Account rate limited, please throttle your requests."), RetellLater),
        (429, b"<html>slow down</html>", RetellLater),
        (400, message("Concurrency limit reached"), RetellLater),
        (403, message("You have reached your concurrent call limit"), RetellLater),
        (500, {"code": "concurrency_limit_reached", "message": "no"}, RetellLater),
        (400, message("Idempotency key was used with another request"), RetellUnknown),
        (422, message("idempotency_key already in use"), RetellUnknown),
        (400, {"error_message": "request/body/idempotency_key must NOT have more than 64 characters"}, AccountRefused),
        (408, b"", RetellUnknown),
        (409, message("Conflict"), RetellUnknown),
        (425, b"", RetellUnknown),
        (418, b"", RetellUnknown),
        (500, message("An unexpected server error occurred."), RetellUnknown),
        (502, b"<html>Bad Gateway</html>", RetellUnknown),
        (503, b"", RetellUnknown),
        (599, b"", RetellUnknown),
        (301, b"", RetellUnknown),
        (307, b"", RetellUnknown),
        (103, b"", RetellUnknown),
        (200, b"", RetellUnknown),
        (201, b"<html>welcome</html>", RetellUnknown),
        (201, b'{"call_id": "call_1"', RetellUnknown),
        (201, message("concurrency limit reached"), RetellUnknown),
        (204, b"", RetellUnknown),
    ],
)
def test_answer_to_create_says_what_must_happen_next(status: int, body: Any, error: type[RetellError]) -> None:
    found = error_of_create(said(status, body), shown="")
    assert type(found) is error
    assert found.status == status


def test_only_a_request_that_never_left_may_be_sent_again() -> None:
    assert type(error_of_create(NoAnswer(why="", sent=False), shown="")) is RetellLater
    assert type(error_of_create(NoAnswer(why="", sent=True), shown="")) is RetellUnknown


@given(st.integers(100, 599), st.binary(max_size=80))
def test_no_status_outside_the_4xx_is_ever_taken_for_certainly_undialled(status: int, body: bytes) -> None:
    if not 400 <= status < 500 and b"imit" not in body:
        assert type(error_of_create(said(status, body), shown="")) is RetellUnknown


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (said(401, b""), AccountRefused),
        (said(402, b""), AccountRefused),
        (said(429, b""), RetellLater),
        (said(400, message("to_number unknown")), RetellUnknown),
        (said(500, b""), RetellUnknown),
        (said(200, b"[]"), RetellUnknown),
        (NoAnswer(why="", sent=True), RetellUnknown),
        (NoAnswer(why="", sent=False), RetellLater),
    ],
)
def test_a_lookup_that_fails_is_never_number_refused(outcome: Answer | NoAnswer, error: type[RetellError]) -> None:
    assert type(error_of_lookup(outcome, shown="")) is error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After": "0"}, 0.0),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "999999"}, 3600.0),
        ({"Retry-After": "7", "Retry-After-Ms": "250"}, 0.25),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT", "Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"Retry-After": "Sun, 22 Nov 2026 12:00:30 GMT"}, None),
        ({"Retry-After": "Sun, 99 Nov 2026 12:00:30 GMT", "Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, None),
    ],
)
def test_wish_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    found = error_of_create(said(429, b"", headers), shown="")
    assert isinstance(found, RetellLater)
    assert found.retry_after_seconds == seconds == retry_after_seconds(CaseInsensitiveDict(headers))


FINISHED = {
    "call_id": "call_1",
    "call_status": "ended",
    "disconnection_reason": "agent_hangup",
    "start_timestamp": 1_795_338_000_123,
    "end_timestamp": 1_795_338_060_123,
    "duration_ms": 60_000,
    "call_cost": {"combined_cost": 12.345, "product_costs": []},
    "call_analysis": {
        "in_voicemail": False,
        "call_successful": True,
        "user_sentiment": "Positive",
        "custom_analysis_data": {"monto_pago_cliente": "150000"},
    },
    "transcript": "Agent: hola",
    "some_future_field": {"x": [1]},
}


def test_finished_call_is_read_whole() -> None:
    assert read_call(FINISHED) == CallFacts(
        call_id="call_1",
        status="ended",
        reason="agent_hangup",
        started_at=datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC),
        ended_at=datetime(2026, 11, 22, 9, 1, 0, 123_000, tzinfo=UTC),
        duration_ms=60_000,
        in_voicemail=False,
        successful=True,
        sentiment="Positive",
        analysed=True,
        captured={"monto_pago_cliente": "150000"},
        cost_micros=123_450,
        raw=FINISHED,
    )


@pytest.mark.parametrize(
    ("field", "value", "attribute", "expected"),
    [
        ("call_status", "paused_by_aliens", "status", "paused_by_aliens"),
        ("call_status", None, "status", None),
        ("call_status", 7, "status", None),
        ("disconnection_reason", "a_reason_of_2027", "reason", "a_reason_of_2027"),
        ("disconnection_reason", "", "reason", None),
        ("duration_ms", "60000", "duration_ms", 60_000),
        ("duration_ms", 60_000.7, "duration_ms", 60_000),
        ("duration_ms", -1, "duration_ms", None),
        ("duration_ms", 10**12, "duration_ms", None),
        ("duration_ms", True, "duration_ms", None),
        ("start_timestamp", 0, "started_at", None),
        ("start_timestamp", 1_795_338_000, "started_at", None),
        ("start_timestamp", 10**30, "started_at", None),
        ("start_timestamp", float("nan"), "started_at", None),
        ("start_timestamp", "1795338000123", "started_at", datetime(2026, 11, 22, 9, 0, 0, 123_000, tzinfo=UTC)),
        ("call_analysis", None, "analysed", False),
        ("call_analysis", {}, "analysed", False),
        ("call_analysis", [], "captured", {}),
        ("call_analysis", {"in_voicemail": "true"}, "in_voicemail", True),
        ("call_analysis", {"in_voicemail": 1}, "in_voicemail", None),
        ("call_analysis", {"call_summary": "x"}, "analysed", True),
        ("call_analysis", {"custom_analysis_data": "text"}, "captured", {}),
        ("call_cost", 12, "cost_micros", None),
        ("call_cost", None, "cost_micros", None),
        ("call_id", 7, "call_id", ""),
        ("call_id", None, "call_id", ""),
    ],
)
def test_odd_field_costs_only_itself(field: str, value: Any, attribute: str, expected: Any) -> None:
    facts = read_call({**FINISHED, field: value})
    assert getattr(facts, attribute) == expected
    if attribute != "call_id":
        assert facts.call_id == "call_1"


@pytest.mark.parametrize(
    ("cents", "micros"),
    [
        (0, 0),
        (1, 10_000),
        (12.3, 123_000),
        (0.07, 700),
        ("12.345678", 123_457),
        (" 5 ", 50_000),
        (0.00005, 1),
        (0.00004, 0),
        (1_000_000, 10_000_000_000),
        (1_000_001, None),
        (-0.01, None),
        ("1e999999999", None),
        ("Infinity", None),
        (float("nan"), None),
        ("twelve", None),
        (None, None),
        (True, None),
        ([1], None),
    ],
)
def test_cents_become_whole_micros(cents: Any, micros: int | None) -> None:
    assert cents_to_micros(cents) == micros


@given(st.integers(0, 10_000_000))
def test_hundredths_of_a_cent_survive_the_float_they_travel_in(hundredths: int) -> None:
    assert cents_to_micros(json.loads(json.dumps(hundredths / 100))) == hundredths * 100


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters(codec=None))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
FIELDS = st.sampled_from([*FINISHED, "call_analysis", "metadata"])


@given(st.dictionaries(FIELDS | st.text(), JSON, max_size=8))
def test_any_json_object_can_be_read_and_stored(payload: dict[str, Any]) -> None:
    facts = read_call(payload)
    assert isinstance(facts.call_id, str)
    assert facts.duration_ms is None or facts.duration_ms >= 0
    bson.encode({"retell": facts.raw})


def test_what_mongodb_refuses_is_made_harmless() -> None:
    deep: Any = "bottom"
    for _ in range(500):
        deep = [deep]
    facts = read_call({"call_id": "c", "big": 2**70, "half": "\ud83d", "nul\0name": 1, "deep": deep, "ok": "José"})
    bson.encode({"retell": facts.raw})
    assert facts.raw["big"] == str(2**70)
    assert facts.raw["ok"] == "José"


def test_foreign_text_is_shown_short_and_masked() -> None:
    shown = shown_text("Number +56912343478\r\nof 12.345.678-5 " + "x" * 500)
    assert shown.startswith("Number +569****3478 of ****78-5 xxx")
    assert len(shown) <= 203
