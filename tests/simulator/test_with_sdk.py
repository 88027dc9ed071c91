"""Every endpoint driven by the official SDK in strict mode: a wrong or missing field raises or changes the class."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import retell
from retell import Retell
from retell.types import PhoneCallResponse, WebCallResponse
from retell.types.call_list_response import ItemV3PhoneCallResponse

from speechai.retell.simulator import (
    DEFAULT_AGENT_ID,
    DEFAULT_FROM_NUMBER,
    OUTCOMES,
    Agent,
    Assumptions,
    OutcomeScript,
    PhoneNumber,
    Simulator,
)
from speechai.retell.vocabulary import DisconnectionReason, status_of

from .asking import DAY_MS, NUMBER
from .conftest import START_AT

Start = Callable[..., Simulator]
Connect = Callable[..., Retell]
KNOWN_TO_SDK = sorted(name for name, one in OUTCOMES.items() if one.reason in set(DisconnectionReason))


def numbered(names: list[str]) -> dict[str, str]:
    return {f"+5690000{position:04d}": name for position, name in enumerate(names)}


def test_every_outcome_is_a_valid_phone_call_at_every_moment_of_its_life(start: Start, sdk: Connect) -> None:
    numbers = numbered(KNOWN_TO_SDK)
    simulator = start(script=OutcomeScript(numbers=numbers))
    client = sdk(simulator)
    calls = {}
    for number in numbers:
        created = client.call.create_phone_call(
            from_number=DEFAULT_FROM_NUMBER,
            to_number=number,
            metadata={"attempt_id": number},
            retell_llm_dynamic_variables={"nombre": "Ana Soto", "saldo": "120.000"},
        )
        assert type(created) is PhoneCallResponse
        assert created.call_status == "registered"
        calls[number] = created.call_id
    for step in (1_000, 9_000, 20_000, 90_000, DAY_MS):
        simulator.advance(step)
        for call_id in calls.values():
            assert type(client.call.retrieve(call_id)) is PhoneCallResponse
        page = client.call.list(limit=1_000)
        assert len(page.items) == len(calls)
        assert {type(item) for item in page.items} == {ItemV3PhoneCallResponse}
    reasons = {client.call.retrieve(call_id).disconnection_reason for call_id in calls.values()}
    assert reasons == {*DisconnectionReason, None}


@pytest.mark.parametrize("reason", list(DisconnectionReason))
def test_each_reason_ends_in_its_own_status(start: Start, sdk: Connect, reason: DisconnectionReason) -> None:
    simulator = start(script=OutcomeScript(numbers={NUMBER: reason.value}))
    client = sdk(simulator)
    call_id = client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER).call_id
    simulator.advance(DAY_MS)
    call = client.call.retrieve(call_id)
    assert (call.disconnection_reason, call.call_status) == (reason, status_of(reason))
    assert call.call_analysis is not None


def test_an_unknown_reason_makes_the_sdk_return_another_class_with_the_data_intact(start: Start, sdk: Connect) -> None:
    simulator = start(script=OutcomeScript(numbers={NUMBER: "unknown_reason"}))
    client = sdk(simulator, strict=False)
    call_id = client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER).call_id
    simulator.advance(DAY_MS)
    call = client.call.retrieve(call_id)
    assert type(call) is WebCallResponse
    assert call.to_dict()["disconnection_reason"] == "carrier_quarantined"
    with pytest.raises(retell.APIResponseValidationError):
        sdk(simulator).call.retrieve(call_id)


def test_update_stop_and_delete(start: Start, sdk: Connect) -> None:
    simulator = start(script=OutcomeScript(numbers={NUMBER: {"outcome": "promise", "wait_ms": 3_000}}))
    client = sdk(simulator)
    call_id = client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER).call_id
    updated = client.call.update(call_id, metadata={"job": "7"}, data_storage_setting="basic_attributes_only")
    assert type(updated) is PhoneCallResponse
    assert updated.metadata == {"job": "7"}
    simulator.advance(8_000)
    client.call.stop(call_id)
    stopped = client.call.retrieve(call_id)
    assert (stopped.call_status, stopped.disconnection_reason) == ("ended", "manual_stopped")
    assert stopped.duration_ms == 5_000
    assert stopped.transcript is None
    with pytest.raises(retell.BadRequestError):
        client.call.stop(call_id)
    client.call.delete(call_id)
    with pytest.raises(retell.UnprocessableEntityError):
        client.call.retrieve(call_id)
    assert simulator.journal()["total_calls"] == 1


def test_stopping_a_ringing_call_ends_it_unconnected(start: Start, sdk: Connect) -> None:
    simulator = start()
    client = sdk(simulator)
    call_id = client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER).call_id
    client.call.stop(call_id)
    call = client.call.retrieve(call_id)
    assert (call.disconnection_reason, call.start_timestamp, call.call_cost) == ("manual_stopped", None, None)
    assert client.concurrency.retrieve().current_concurrency == 0


def test_account_endpoints_answer_the_sdk(start: Start, sdk: Connect) -> None:
    number = PhoneNumber(allowed_outbound_countries=("CL",))
    simulator = start(agents=(Agent(), Agent(agent_id="agent_b", name="Ventas")), phone_numbers=(number,))
    client = sdk(simulator)
    assert client.identity.retrieve().org_id
    concurrency = client.concurrency.retrieve()
    assert (concurrency.current_concurrency, concurrency.concurrency_limit) == (0, 10_000)
    agent = client.agent.retrieve(DEFAULT_AGENT_ID)
    assert (agent.agent_id, agent.response_engine.type) == (DEFAULT_AGENT_ID, "retell-llm")
    assert [item.agent_id for item in client.agent.list().items] == [DEFAULT_AGENT_ID, "agent_b"]
    first = client.agent.list(limit=1)
    assert first.has_more
    assert [item.agent_id for item in client.agent.list(limit=1, pagination_key=first.pagination_key or "").items] == [
        "agent_b"
    ]
    (shown,) = client.phone_number.list().items
    assert shown.allowed_outbound_country_list == ["CL"]
    assert client.phone_number.retrieve(DEFAULT_FROM_NUMBER).phone_number == DEFAULT_FROM_NUMBER
    for missing in (lambda: client.agent.retrieve("agent_x"), lambda: client.phone_number.retrieve("+15550001111")):
        with pytest.raises(retell.UnprocessableEntityError):
            missing()


def test_a_batch_places_its_calls_within_the_limits_and_its_window(start: Start, sdk: Connect) -> None:
    simulator = start(script=OutcomeScript(weights={"dial_busy": 1}))
    client = sdk(simulator)
    local = START_AT.hour * 60
    answer = client.batch_call.create_batch_call(
        from_number=DEFAULT_FROM_NUMBER,
        tasks=[{"to_number": f"+5691234567{digit}"} for digit in range(5)],
        name="lista",
        trigger_timestamp=round((START_AT + timedelta(minutes=1)).timestamp() * 1000),
        call_time_window={"windows": [{"start": local + 30, "end": local + 60}], "timezone": "UTC"},
    )
    assert answer.total_task_count == 5
    simulator.advance(29 * 60_000)
    assert simulator.journal()["total_calls"] == 0
    simulator.advance(60_000)
    by_batch = {"batch_call_id": {"type": "string", "op": "eq", "value": answer.batch_call_id}}
    page = client.call.list(filter_criteria=by_batch)  # type: ignore[arg-type]
    assert len(page.items) == 5
    assert not client.call.list(
        filter_criteria={"batch_call_id": {"type": "string", "op": "eq", "value": "batch_call_x"}}
    ).items


def test_a_wrong_key_is_refused_everywhere_with_401(start: Start, sdk: Connect) -> None:
    client = sdk(start(), key="key_of_somebody_else")
    for request in (
        client.identity.retrieve,
        client.concurrency.retrieve,
        client.call.list,
        lambda: client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER),
    ):
        with pytest.raises(retell.AuthenticationError):
            request()


@pytest.mark.parametrize("status", [404, 422])
def test_the_status_of_missing_things_is_a_switch(start: Start, sdk: Connect, status: Any) -> None:
    client = sdk(start(assumptions=Assumptions(not_found_status=status)))
    with pytest.raises(retell.APIStatusError) as refused:
        client.call.retrieve("call_x")
    assert refused.value.status_code == status
