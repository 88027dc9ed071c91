"""Switches, versions and refusals that no other test meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from speechai.retell.simulator import DEFAULT_AGENT_ID, Agent, Assumptions, Simulator
from speechai.retell.simulator.idempotency import IdempotencyKeys

from .asking import DAY_MS, NUMBER, ask, create, finished

Start = Callable[..., Simulator]


@pytest.mark.parametrize(("rule", "shown"), [("converted", {"saldo": "3.5"}), ("kept", {"saldo": 3.5})])
def test_a_variable_that_is_no_string(start: Start, rule: Any, shown: dict[str, Any]) -> None:
    simulator = start(assumptions=Assumptions(non_string_variable=rule))
    answer = create(simulator, retell_llm_dynamic_variables={"saldo": 3.5})
    assert answer.json()["retell_llm_dynamic_variables"] == shown


@pytest.mark.parametrize(
    ("version", "resolved"),
    [
        (0, (0, None)),
        (3, (3, "prod")),
        ("prod", (3, "prod")),
        ("test", (3, "test")),
        ("latest", (3, "prod")),
        ("x", None),
    ],
)
def test_agent_versions_go_by_number_or_tag(start: Start, version: Any, resolved: tuple[int, str] | None) -> None:
    simulator = start(agents=(Agent(version=3, tags=("prod", "test")),))
    answer = create(simulator, override_agent_version=version)
    if resolved is None:
        assert answer.status_code == 422
    else:
        assert (answer.json()["agent_version"], answer.json().get("agent_tag")) == resolved
    shown = ask(simulator, "GET", f"/get-agent/{DEFAULT_AGENT_ID}?version={version}")
    assert shown.status_code == (422 if resolved is None else 200)
    if resolved is not None:
        assert shown.json()["version"] == resolved[0]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "get-call"), ("PATCH", "update-call"), ("POST", "stop-call"), ("DELETE", "delete-call")],
)
def test_a_call_that_does_not_exist_is_refused_everywhere(start: Start, method: str, path: str) -> None:
    answer = ask(start(), method, f"/v2/{path}/call_nothing", {})
    assert (answer.status_code, answer.json()["status"]) == (422, "error")


@pytest.mark.parametrize("status", [204, 400, 404, 409, 422])
def test_status_of_stopping_a_finished_call(start: Start, status: Any) -> None:
    simulator = start(assumptions=Assumptions(stop_finished_status=status))
    call_id = finished(simulator, "+56911110000")["call_id"]
    reason = ask(simulator, "GET", f"/v2/get-call/{call_id}").json()["disconnection_reason"]
    assert ask(simulator, "POST", f"/v2/stop-call/{call_id}").status_code == status
    assert ask(simulator, "GET", f"/v2/get-call/{call_id}").json()["disconnection_reason"] == reason


def test_status_of_the_retired_list(start: Start) -> None:
    simulator = start(assumptions=Assumptions(retired_list_status=410))
    assert ask(simulator, "POST", "/v2/list-calls", {}).status_code == 410
    assert simulator.journal()["requests"] == {"v2-list-calls": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": "text"},
        {"custom_attributes": []},
        {"data_storage_setting": "nothing"},
        {"data_storage_setting": "everything"},
    ],
)
def test_a_wrong_update_changes_nothing(start: Start, change: dict[str, Any]) -> None:
    simulator = start()
    call_id = create(simulator, metadata={"a": "1"}).json()["call_id"]
    path = f"/v2/update-call/{call_id}"
    assert ask(simulator, "PATCH", path, {"data_storage_setting": "everything_except_pii"}).status_code == 200
    assert ask(simulator, "PATCH", path, change).status_code == 400
    assert ask(simulator, "GET", f"/v2/get-call/{call_id}").json()["metadata"] == {"a": "1"}


def test_update_refuses_unknown_fields_where_the_switch_says_so(start: Start) -> None:
    simulator = start(assumptions=Assumptions(unknown_fields_refused=True))
    call_id = create(simulator).json()["call_id"]
    assert ask(simulator, "PATCH", f"/v2/update-call/{call_id}", {"extra": 1}).status_code == 400


BATCH = {"from_number": "+56221234567", "tasks": [{"to_number": NUMBER, "idempotency_key": "ignored"}]}


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": []},
        {"tasks": ["+56911112222"]},
        {"tasks": [{"to_number": "12"}]},
        {"trigger_timestamp": "tomorrow"},
        {"call_time_window": {"windows": []}},
        {"call_time_window": {"windows": [{"start": 600}]}},
        {"call_time_window": {"windows": [{"start": 600, "end": 540}]}},
        {"call_time_window": {"windows": [{"start": 540, "end": 600}], "timezone": "Mars/Base"}},
        {"call_time_window": {"windows": [{"start": 540, "end": 600}], "day": ["Lunes"]}},
    ],
)
def test_a_wrong_batch_places_no_call(start: Start, change: dict[str, Any]) -> None:
    simulator = start()
    assert ask(simulator, "POST", "/create-batch-call", {**BATCH, **change}).status_code == 400
    simulator.advance(DAY_MS)
    assert simulator.journal()["total_calls"] == 0


@pytest.mark.parametrize(("unit", "divisor"), [("ms", 1), ("s", 1_000)])
def test_unit_of_the_scheduled_timestamp(start: Start, unit: Any, divisor: int) -> None:
    simulator = start(assumptions=Assumptions(batch_scheduled_unit=unit))
    answer = ask(simulator, "POST", "/create-batch-call", BATCH)
    assert answer.json()["scheduled_timestamp"] == simulator.now_ms() // divisor
    simulator.advance(0)
    assert simulator.journal()["calls"][0]["idempotency_key"] is None


@pytest.mark.parametrize(("rule", "known"), [("request", False), ("answer", True)])
def test_the_hour_of_a_key_may_start_at_the_answer(rule: Any, known: bool) -> None:
    keys = IdempotencyKeys(Assumptions(idempotency_hour_starts=rule), hour_ms=1_000)
    keys.accepted("k", api_key="a", body=b"{}", call_id="call_1", now_ms=0, answered_ms=300)
    assert (keys.find("k", api_key="a", body=b"{}", now_ms=1_200) is not None) is known


def test_keys_that_are_over_are_forgotten() -> None:
    keys = IdempotencyKeys(Assumptions(), hour_ms=1_000)
    for position in range(5_000):
        keys.accepted(f"k{position}", api_key="a", body=b"{}", call_id="c", now_ms=position, answered_ms=position)
    assert len(keys) <= 1_001


def test_a_key_of_a_deleted_call_does_not_dial_again(start: Start) -> None:
    simulator = start()
    call_id = create(simulator, idempotency_key="k").json()["call_id"]
    ask(simulator, "DELETE", f"/v2/delete-call/{call_id}")
    assert create(simulator, idempotency_key="k").status_code == 422
    assert simulator.journal()["total_calls"] == 1


@pytest.mark.parametrize("path", ["/v2/list-phone-numbers?limit=x", "/v2/list-phone-numbers?pagination_key=x"])
def test_a_page_that_is_no_number_is_refused(start: Start, path: str) -> None:
    assert ask(start(), "GET", path).status_code == 400


def test_agents_are_found_by_name_and_channel(start: Start) -> None:
    simulator = start(agents=(Agent(), Agent(agent_id="agent_b", name="Ventas")))

    def names(**criteria: Any) -> list[str]:
        answer = ask(simulator, "POST", "/v2/list-agents", {"filter_criteria": criteria})
        return [item["agent_name"] for item in answer.json()["items"]]

    assert names(query="vent") == ["Ventas"]
    assert names(channel="chat") == []
