"""Which call a webhook is about: read from anything that anybody may send."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.retell.events import CallEvent, read_event

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["event", "call", "metadata"]), inner),
)


def test_the_event_the_call_and_our_own_id_are_read_and_nothing_else() -> None:
    body = {
        "event": "call_ended",
        "call": {"call_id": "call_1", "call_status": "registered", "metadata": {"attempt_id": "a1", "job_id": "j"}},
        "event_timestamp": 1,
    }
    assert read_event(json.dumps(body).encode()) == CallEvent(event="call_ended", call_id="call_1", attempt_id="a1")


@pytest.mark.parametrize("value", [None, 7, True, "", "  ", "a" * 201, "line\nbreak", "\ud800", ["a"], {"$ne": 1}])
def test_an_id_that_is_none_is_none(value: Any) -> None:
    body = {"event": "call_ended", "call": {"call_id": value, "metadata": {"attempt_id": value}}}
    assert read_event(json.dumps(body).encode()) == CallEvent(event="call_ended", call_id=None, attempt_id=None)


@given(ANYTHING)
def test_any_json_is_an_event_or_none(content: Any) -> None:
    found = read_event(json.dumps(content).encode())
    assert found is None or (content["event"].strip() == found.event and found.event.isprintable())


@given(st.binary())
def test_any_bytes_are_an_event_or_none(body: bytes) -> None:
    read_event(body)
