"""v3 list-calls: filters, order, pages and what the index does not know yet."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.retell.simulator import Assumptions, Fault, FaultKind, OutcomeScript, Simulator
from speechai.retell.simulator.filters import conditions, filter_error

from .asking import DAY_MS, NUMBER, ask, create, listed

Start = Callable[..., Simulator]


def flt(kind: str, op: str, value: Any = None, **more: Any) -> dict[str, Any]:
    return {"type": kind, "op": op, **({} if kind == "present" else {"value": value}), **more}


@pytest.fixture
def three(start: Start) -> Simulator:
    """A promise, a busy line and a voicemail, all over and analysed."""
    numbers: dict[str, Any] = {
        "+56911110001": {"outcome": "promise", "wait_ms": 3_000, "talk_ms": 20_000, "monto_pago_cliente": 5_000},
        "+56911110002": "dial_busy",
        "+56911110003": {"outcome": "voicemail_reached", "wait_ms": 5_000, "talk_ms": 9_000},
    }
    simulator = start(script=OutcomeScript(numbers=numbers))
    for position, number in enumerate(numbers, start=1):
        create(
            simulator,
            number,
            metadata={"job": str(position), "count": position, "deep": {"job": "1"}, "yes": position == 1},
            retell_llm_dynamic_variables={"nombre": f"Ana {position}"},
        )
        simulator.advance(10_000)
    simulator.advance(DAY_MS)
    ids = [call["call_id"] for call in simulator.journal()["calls"]]
    ask(simulator, "PATCH", f"/v2/update-call/{ids[1]}", {"custom_attributes": {"cartera": "norte"}})
    return simulator


def found(simulator: Simulator, criteria: dict[str, Any]) -> str:
    """The last digits of the numbers found, in ascending order of their start."""
    page = listed(simulator, filter_criteria=criteria, sort_order="ascending")
    return "".join(item["to_number"][-1] for item in page["items"])


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({}, "123"),
        ({"to_number": flt("string", "eq", "+56911110002")}, "2"),
        ({"to_number": flt("string", "ne", "+56911110002")}, "13"),
        ({"to_number": flt("string", "ew", "3")}, "3"),
        ({"from_number": flt("string", "sw", "+5622")}, "123"),
        ({"from_number": flt("string", "co", "999")}, ""),
        ({"call_status": flt("enum", "in", ["not_connected", "error"])}, "2"),
        ({"disconnection_reason": flt("enum", "in", ["voicemail_reached", "agent_hangup"])}, "13"),
        ({"direction": flt("enum", "in", ["inbound"])}, ""),
        ({"call_type": flt("enum", "in", ["phone_call"])}, "123"),
        ({"agent_tag": flt("enum", "in", ["prod"])}, "123"),
        ({"in_voicemail": flt("boolean", "eq", True)}, "3"),
        ({"call_successful": flt("boolean", "eq", True)}, "1"),
        ({"user_sentiment": flt("enum", "in", ["Positive"])}, "1"),
        ({"duration_ms": flt("number", "ge", 20_000)}, "1"),
        ({"duration_ms": flt("range", "bt", [9_000, 20_000])}, "13"),
        ({"combined_cost": flt("number", "gt", 0)}, "13"),
        ({"e2e_latency_p50": flt("number", "gt", 0)}, "13"),
        ({"metadata": [flt("string", "eq", "1", key="job")]}, "1"),
        ({"metadata": [flt("number", "eq", 1, key="job")]}, ""),
        ({"metadata": [flt("number", "gt", 1, key="count")]}, "23"),
        ({"metadata": [flt("string", "eq", "1", key="count")]}, ""),
        ({"metadata": [flt("boolean", "eq", True, key="yes")]}, "1"),
        ({"metadata": [flt("enum", "in", ["2", "3"], key="job")]}, "23"),
        ({"metadata": [flt("present", "pr", key="job"), flt("present", "np", key="nothing")]}, "123"),
        ({"metadata": [flt("string", "eq", "1", key="deep.job")]}, ""),
        ({"dynamic_variables": [flt("string", "ew", "2", key="nombre")]}, "2"),
        ({"custom_attributes": [flt("string", "eq", "norte", key="cartera")]}, "2"),
        ({"custom_analysis_data": [flt("number", "eq", 5_000, key="monto_pago_cliente")]}, "1"),
        ({"agent": [{"agent_id": "agent_x"}, {"agent_id": "agent_simulator", "version": [0]}]}, "123"),
        ({"agent": [{"agent_id": "agent_simulator", "version": [7]}]}, ""),
        ({"tool_calls": [{"name": "book"}]}, ""),
        ({"start_timestamp": flt("number", "gt", 0)}, "13"),
        ({"end_timestamp": flt("number", "gt", 0)}, "123"),
        ({"to_number": flt("string", "sw", "+569"), "in_voicemail": flt("boolean", "eq", False)}, "12"),
    ],
)
def test_filters_are_joined_by_and(three: Simulator, criteria: dict[str, Any], expected: str) -> None:
    assert found(three, criteria) == expected


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 0},
        {"limit": 1_001},
        {"limit": "5"},
        {"skip": -1},
        {"skip": 1, "pagination_key": "x"},
        {"pagination_key": "no cursor"},
        {"sort_order": "sideways"},
        {"filter_criteria": []},
        {"filter_criteria": {"callstatus": flt("enum", "in", ["ended"])}},
        {"filter_criteria": {"call_status": flt("enum", "in", ["registered"])}},
        {"filter_criteria": {"call_status": flt("string", "eq", "ended")}},
        {"filter_criteria": {"to_number": flt("string", "gt", "+5")}},
        {"filter_criteria": {"to_number": flt("string", "eq", 5)}},
        {"filter_criteria": {"to_number": "+56911110001"}},
        {"filter_criteria": {"metadata": flt("string", "eq", "1", key="job")}},
        {"filter_criteria": {"metadata": [flt("string", "eq", "1")]}},
        {"filter_criteria": {"duration_ms": flt("range", "bt", [1])}},
    ],
)
def test_invalid_requests_are_refused_with_400(three: Simulator, body: dict[str, Any]) -> None:
    assert ask(three, "POST", "/v3/list-calls", body).status_code == 400


def test_items_have_no_transcripts_and_the_answer_only_its_own_fields(three: Simulator) -> None:
    page = listed(three, include_total=True, limit=2)
    assert set(page) == {"items", "has_more", "pagination_key", "total"}
    assert page["total"] == 3
    for item in page["items"]:
        assert not [name for name in item if "transcript" in name or name.startswith("_")]
    assert set(listed(three)) == {"items", "has_more"}


def test_the_cursor_is_stable_while_calls_are_added(start: Start) -> None:
    simulator = start(script=OutcomeScript(weights={"dial_busy": 1}))
    for _ in range(7):
        create(simulator)
        simulator.advance(1_000)
    seen: list[str] = []
    body: dict[str, Any] = {"limit": 3, "sort_order": "descending"}
    while True:
        page = listed(simulator, **body)
        seen += [item["call_id"] for item in page["items"]]
        create(simulator)
        if not page["has_more"]:
            break
        body["pagination_key"] = page["pagination_key"]
    placed = [call["call_id"] for call in simulator.journal()["calls"]][:7]
    assert seen == placed[::-1]


def test_skip_and_limit_walk_the_same_order(three: Simulator) -> None:
    whole = [item["call_id"] for item in listed(three)["items"]]
    assert [listed(three, skip=n, limit=1)["items"][0]["call_id"] for n in range(3)] == whole


def test_a_call_may_be_listed_late_or_only_once_connected(start: Start) -> None:
    slow = {"outcome": "promise", "wait_ms": 10_000}
    late = start(assumptions=Assumptions(listing_delay_ms=5_000))
    connected = start(assumptions=Assumptions(listed_from="connected"), script=OutcomeScript(numbers={NUMBER: slow}))
    stale = start(faults=(Fault(kind=FaultKind.STALE, endpoint="list-calls", delay_ms=5_000),))
    for simulator, waits in ((late, 5_000), (connected, 10_000), (stale, 5_000)):
        create(simulator)
        simulator.advance(waits - 1)
        assert listed(simulator)["items"] == []
        simulator.advance(1)
        assert len(listed(simulator)["items"]) == 1


@pytest.mark.parametrize(("drops", "expected"), [(True, 0), (False, 1)])
def test_whether_a_start_filter_drops_calls_without_start(start: Start, drops: bool, expected: int) -> None:
    simulator = start(assumptions=Assumptions(start_filter_drops_unstarted=drops))
    create(simulator)
    criteria = {"start_timestamp": flt("number", "ge", 0)}
    assert len(listed(simulator, filter_criteria=criteria)["items"]) == expected


def test_changed_metadata_may_be_listed_late(start: Start) -> None:
    simulator = start(assumptions=Assumptions(metadata_delay_ms=4_000))
    call_id = create(simulator, metadata={"job": "old"}).json()["call_id"]
    ask(simulator, "PATCH", f"/v2/update-call/{call_id}", {"metadata": {"job": "new"}})
    assert listed(simulator)["items"][0]["metadata"] == {"job": "old"}
    simulator.advance(4_000)
    assert listed(simulator)["items"][0]["metadata"] == {"job": "new"}


def test_recordings_may_be_left_out_of_items(start: Start) -> None:
    simulator = start(
        assumptions=Assumptions(list_leaves_out_recordings=True), script=OutcomeScript(weights={"promise": 1})
    )
    create(simulator)
    simulator.advance(DAY_MS)
    assert not [name for name in listed(simulator)["items"][0] if "recording" in name]


def test_a_deleted_call_is_gone_from_every_list(three: Simulator) -> None:
    call_id = listed(three)["items"][0]["call_id"]
    assert ask(three, "DELETE", f"/v2/delete-call/{call_id}").status_code == 204
    assert call_id not in [item["call_id"] for item in listed(three)["items"]]


NUMBER_OPERATORS = {"eq": "eq", "ne": "ne", "gt": "gt", "ge": "ge", "lt": "lt", "le": "le"}


@given(
    op=st.sampled_from(sorted(NUMBER_OPERATORS)),
    value=st.one_of(st.integers(), st.text(max_size=3), st.booleans(), st.none()),
    wanted=st.integers(),
)
def test_a_number_filter_matches_numbers_only_and_as_python_compares(op: str, value: Any, wanted: int) -> None:
    entry = [flt("number", op, wanted, key="k")]
    assert filter_error("metadata", entry) is None
    (condition,) = conditions("metadata", entry, Assumptions())
    is_number = isinstance(value, int) and not isinstance(value, bool)
    expected = is_number and getattr(operator, NUMBER_OPERATORS[op])(value, wanted)
    assert condition({"metadata": {"k": value}}) is bool(expected)
