from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechai.retell.call_request import CallRequest, as_text


def request(**changes: Any) -> CallRequest:
    values: dict[str, Any] = {"attempt_id": "a1", "from_number": "+56223456789", "to_number": "+56912343478"}
    return CallRequest(**(values | changes))


def test_attempt_id_travels_as_idempotency_key_and_in_metadata() -> None:
    body = request(metadata={"batch_id": "b1", "attempt_id": "another"}).to_body()
    assert body["idempotency_key"] == "a1"
    assert body["metadata"] == {"batch_id": "b1", "attempt_id": "a1"}


def test_nothing_is_overridden_unless_asked() -> None:
    assert set(request().to_body()) == {
        "from_number",
        "to_number",
        "idempotency_key",
        "honor_internal_dnc",
        "metadata",
        "retell_llm_dynamic_variables",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1500.0, "1500"),
        (1500.5, "1500.5"),
        (0.0000001, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (-0.0, "0"),
        (float("nan"), ""),
        (float("inf"), ""),
        (Decimal("10.00"), "10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), ""),
        (date(2026, 11, 22), "2026-11-22"),
        (datetime(2026, 11, 22, 9, 0, tzinfo=UTC), "2026-11-22T09:00:00+00:00"),
        (["a", 1, None], '["a", 1, null]'),
        ({"cuota": Decimal("2.50")}, '{"cuota": "2.5"}'),
        ("José Núñez", "José Núñez"),
        ("broken \ud83d half", "broken ? half"),
    ],
)
def test_a_variable_is_sent_as_the_text_the_agent_should_read(value: Any, text: str) -> None:
    assert as_text(value) == text


@settings(max_examples=30)  # drawing such values is what takes the time
@given(
    st.dictionaries(
        st.one_of(st.text(), st.integers(), st.booleans()),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.decimals(), st.dates()),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_whatever_a_row_held_the_body_is_texts_that_can_be_sent(variables: dict[Any, Any]) -> None:
    body = request(variables=variables).to_body()
    sent = body["retell_llm_dynamic_variables"]
    assert all(type(name) is str and type(value) is str for name, value in sent.items())
    assert json.loads(json.dumps(body, ensure_ascii=False, allow_nan=False).encode()) == body


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value_as_text(value: float) -> None:
    text = as_text(value)
    assert float(text) == value
    assert "e" not in text
    assert not text.endswith(".0")


@pytest.mark.parametrize(("given_ms", "sent_ms"), [(1, 5_000), (45_000, 45_000), (999_999, 300_000)])
def test_ring_time_is_moved_into_the_range_that_retell_accepts(given_ms: int, sent_ms: int) -> None:
    assert request(ring_duration_ms=given_ms).to_body()["agent_override"]["agent"]["ring_duration_ms"] == sent_ms


@pytest.mark.parametrize(("given_ms", "sent_ms"), [(30_000, 60_000), (600_000, 600_000), (10**9, 7_200_000)])
def test_call_length_is_moved_into_the_range_that_retell_accepts(given_ms: int, sent_ms: int) -> None:
    assert (
        request(max_call_duration_ms=given_ms).to_body()["agent_override"]["agent"]["max_call_duration_ms"] == sent_ms
    )


def test_agent_and_voicemail_are_overridden_when_asked() -> None:
    body = request(agent_id="agent_1", hang_up_on_voicemail=True).to_body()
    assert body["override_agent_id"] == "agent_1"
    assert body["agent_override"] == {"agent": {"voicemail_option": {"action": {"type": "hangup"}}}}


def test_a_call_asks_for_its_own_webhooks_where_an_address_is_given() -> None:
    body = request(webhook_url="https://calls.example.com/webhooks/retell").to_body()
    assert body["agent_override"]["agent"] == {
        "webhook_url": "https://calls.example.com/webhooks/retell",
        "webhook_events": ["call_ended", "call_analyzed"],
    }
