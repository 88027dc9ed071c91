"""The client against the simulator over HTTP, with the official SDK as the judge of what is said on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import retell as sdk

from speechai.core.model import CallFacts
from speechai.errors import AccountRefused, NumberRefused, RetellError, RetellLater, RetellUnknown
from speechai.retell.call_request import CallRequest
from speechai.retell.client import RetellClient
from speechai.retell.simulator import (
    DEFAULT_AGENT_ID,
    DEFAULT_API_KEY,
    DEFAULT_FROM_NUMBER,
    OUTCOMES,
    Assumptions,
    Durations,
    Fault,
    FaultKind,
    Limits,
    OutcomeScript,
    Simulator,
    SimulatorConfig,
    running_simulator,
)
from tests.retell.raw_server import answer, raw_server

PHONE = "+56912343478"
REQUEST = CallRequest(
    attempt_id="attempt-1",
    from_number=DEFAULT_FROM_NUMBER,
    to_number=PHONE,
    agent_id=DEFAULT_AGENT_ID,
    variables={"nombre": "José", "monto": 150000.0, "vencido": True, "nota": None},
    metadata={"batch_id": "b1"},
    max_call_duration_ms=600_000,
    ring_duration_ms=45_000,
    hang_up_on_voicemail=True,
)
HANG_MS = 3_600_000


def config(outcome: str = "promise", **changes: Any) -> SimulatorConfig:
    return SimulatorConfig(
        clock_manual=True,
        limits=changes.pop("limits", Limits(calls_per_second=None)),
        durations=Durations(create_answer=(0, 0)),
        script=OutcomeScript(numbers={PHONE: outcome}),
        **changes,
    )


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with running_simulator(config()) as running:
        yield running


def client(simulator: Simulator, *, key: str = DEFAULT_API_KEY, read: float = 5.0) -> RetellClient:
    return RetellClient(base_url=simulator.base_url, api_key=key, connect_timeout_seconds=5, read_timeout_seconds=read)


def oracle(base_url: str) -> sdk.Retell:
    return sdk.Retell(base_url=base_url, api_key=DEFAULT_API_KEY, max_retries=0)


def accepted(simulator: Simulator) -> int:
    return int(simulator.journal()["by_number"].get(PHONE, 0))


def test_call_is_followed_from_ringing_to_its_analysis(simulator: Simulator) -> None:
    retell = client(simulator)
    placed = retell.create_call(REQUEST)
    assert (placed.status, placed.is_over, placed.analysed) == ("registered", False, False)
    simulator.advance(30_000)
    assert retell.get_call(placed.call_id) != placed
    simulator.advance(600_000)
    over = retell.get_call(placed.call_id)
    assert over is not None
    assert (over.status, over.reason, over.is_over, over.analysed) == ("ended", "agent_hangup", True, True)
    assert over.successful is True
    assert over.in_voicemail is False
    assert over.captured
    assert over.started_at is not None
    assert over.ended_at is not None
    assert over.duration_ms == (over.ended_at - over.started_at).total_seconds() * 1000
    assert over.cost_micros is not None
    assert over.cost_micros > 0


@pytest.mark.parametrize(
    ("kind", "error", "calls"),
    [
        (FaultKind.BAD_REQUEST, AccountRefused, 0),
        (FaultKind.SCHEMA, AccountRefused, 0),
        (FaultKind.DO_NOT_CALL, NumberRefused, 0),
        (FaultKind.COUNTRY, NumberRefused, 0),
        (FaultKind.NO_OUTBOUND_AGENT, AccountRefused, 0),
        (FaultKind.UNAUTHORIZED, AccountRefused, 0),
        (FaultKind.PAYMENT_REQUIRED, AccountRefused, 0),
        (FaultKind.FORBIDDEN, AccountRefused, 0),
        (FaultKind.NOT_FOUND, AccountRefused, 0),
        (FaultKind.UNPROCESSABLE, AccountRefused, 0),
        (FaultKind.RATE_LIMITED, RetellLater, 0),
        (FaultKind.REQUEST_TIMEOUT, RetellUnknown, 0),
        (FaultKind.CONFLICT, RetellUnknown, 0),
        (FaultKind.SERVER_ERROR, RetellUnknown, 0),
        (FaultKind.BAD_GATEWAY, RetellUnknown, 0),
        (FaultKind.UNAVAILABLE, RetellUnknown, 0),
        (FaultKind.RESET_BEFORE, RetellUnknown, 0),
        (FaultKind.HANG_BEFORE, RetellUnknown, 0),
        (FaultKind.REDIRECT, RetellUnknown, 0),
        (FaultKind.SERVER_ERROR_AFTER, RetellUnknown, 1),
        (FaultKind.RESET_AFTER, RetellUnknown, 1),
        (FaultKind.HANG_AFTER, RetellUnknown, 1),
        (FaultKind.REDIRECT_AFTER, RetellUnknown, 1),
        (FaultKind.TRUNCATED_JSON, RetellUnknown, 1),
        (FaultKind.EMPTY_BODY, RetellUnknown, 1),
        (FaultKind.HTML, RetellUnknown, 1),
        (FaultKind.WITHOUT_CALL_ID, RetellUnknown, 1),
    ],
)
def test_fault_becomes_the_error_that_fits_what_really_happened(
    kind: FaultKind, error: type[RetellError], calls: int, simulator: Simulator
) -> None:
    simulator.set_faults(Fault(kind=kind, endpoint="create-phone-call", times=1))
    retell = client(simulator, read=0.5)
    with pytest.raises(error) as caught:
        retell.create_call(REQUEST)
    assert type(caught.value) is error
    assert accepted(simulator) == calls
    assert simulator.journal()["requests"]["create-phone-call"] == 1
    found = retell.find_call(REQUEST.attempt_id, PHONE)
    assert (found is not None) == bool(calls)


@pytest.mark.parametrize("kind", [FaultKind.DUPLICATE_KEYS, FaultKind.WRONG_CONTENT_TYPE, FaultKind.SLOW])
def test_odd_answer_that_can_be_read_is_read(kind: FaultKind, simulator: Simulator) -> None:
    simulator.set_faults(Fault(kind=kind, endpoint="create-phone-call"))
    assert client(simulator).create_call(REQUEST).call_id


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.SERVER_ERROR,
        FaultKind.RESET_BEFORE,
        FaultKind.TRUNCATED_JSON,
        FaultKind.HTML,
        FaultKind.EMPTY_BODY,
        FaultKind.REDIRECT,
    ],
)
def test_search_that_fails_is_never_taken_for_no_call(kind: FaultKind, simulator: Simulator) -> None:
    retell = client(simulator)
    retell.create_call(REQUEST)
    simulator.set_faults(Fault(kind=kind, times=1))
    with pytest.raises(RetellUnknown):
        retell.find_call(REQUEST.attempt_id, PHONE)
    assert retell.find_call(REQUEST.attempt_id, PHONE) is not None


@pytest.mark.parametrize("number", ["911", "+56987654321"], ids=["no E.164", "marked do-not-call at Retell"])
def test_number_that_cannot_be_called_is_the_numbers_fault(number: str) -> None:
    request = CallRequest(attempt_id="a", from_number=DEFAULT_FROM_NUMBER, to_number=number)
    with running_simulator(config(do_not_call=frozenset({"+56987654321"}))) as simulator:
        with pytest.raises(NumberRefused):
            client(simulator).create_call(request)
        assert simulator.journal()["calls"] == []


def test_unknown_caller_number_agent_or_key_is_the_accounts_fault(simulator: Simulator) -> None:
    known = {"attempt_id": "a", "from_number": DEFAULT_FROM_NUMBER, "to_number": PHONE, "agent_id": DEFAULT_AGENT_ID}
    for wrong in ({"from_number": "+56220000000"}, {"agent_id": "agent_nobody"}):
        with pytest.raises(AccountRefused):
            client(simulator).create_call(CallRequest(**(known | wrong)))
    with pytest.raises(AccountRefused):
        client(simulator, key="key_wrong").create_call(REQUEST)
    assert accepted(simulator) == 0


def test_concurrency_limit_is_later_and_counts_as_no_call() -> None:
    full = config(limits=Limits(base_concurrency=0, calls_per_second=None))
    with running_simulator(full) as simulator:
        with pytest.raises(RetellLater):
            client(simulator).create_call(REQUEST)
        assert accepted(simulator) == 0


def test_concurrency_limit_told_by_a_call_is_read_from_the_call() -> None:
    full = config(
        limits=Limits(base_concurrency=0, calls_per_second=None), assumptions=Assumptions(limit_refusal="call_error")
    )
    with running_simulator(full) as simulator:
        retell = client(simulator)
        placed = retell.create_call(REQUEST)
        simulator.advance(60_000)
        over = retell.get_call(placed.call_id)
    assert over is not None
    assert (over.status, over.reason) == ("error", "concurrency_limit_reached")


@pytest.mark.parametrize("status", [200, 201])
def test_repeating_an_attempt_gives_the_same_call(status: Any) -> None:
    with running_simulator(config(assumptions=Assumptions(idempotency_repeat_status=status))) as simulator:
        retell = client(simulator)
        assert retell.create_call(REQUEST).call_id == retell.create_call(REQUEST).call_id
        assert accepted(simulator) == 1


@pytest.mark.parametrize(
    "assumptions",
    [
        pytest.param(Assumptions(idempotency_repeat_status=409), id="a repeat is 409"),
        pytest.param(Assumptions(idempotency_other_body="refused_400"), id="another body is 400"),
        pytest.param(Assumptions(idempotency_other_body="refused_409"), id="another body is 409"),
    ],
)
def test_refused_repeat_is_unknown_because_a_call_stands_under_the_key(assumptions: Assumptions) -> None:
    with running_simulator(config(assumptions=assumptions)) as simulator:
        retell = client(simulator)
        first = retell.create_call(REQUEST)
        other = REQUEST if assumptions.idempotency_repeat_status == 409 else _with_other_variables()
        with pytest.raises(RetellUnknown):
            retell.create_call(other)
        found = retell.find_call(REQUEST.attempt_id, PHONE)
    assert found is not None
    assert found.call_id == first.call_id


def _with_other_variables() -> CallRequest:
    return CallRequest(
        attempt_id=REQUEST.attempt_id, from_number=DEFAULT_FROM_NUMBER, to_number=PHONE, variables={"nombre": "Eva"}
    )


@pytest.mark.parametrize("status", [204, 400, 404, 409, 422])
def test_stopping_twice_is_fine_whatever_retell_answers(status: Any) -> None:
    with running_simulator(config(assumptions=Assumptions(stop_finished_status=status))) as simulator:
        retell = client(simulator)
        placed = retell.create_call(REQUEST)
        assert retell.stop_call(placed.call_id)
        assert retell.stop_call(placed.call_id)
        over = retell.get_call(placed.call_id)
    assert over is not None
    assert over.reason == "manual_stopped"


@pytest.mark.parametrize("status", [404, 422])
def test_unknown_ids_are_none(status: Any) -> None:
    with running_simulator(config(assumptions=Assumptions(not_found_status=status))) as simulator:
        retell = client(simulator)
        assert retell.get_call("call_nobody") is None
        assert retell.stop_call("call_nobody") is False
        assert retell.agent("agent_nobody") is None
        assert retell.find_call("nobody", PHONE) is None


# The SDK as the judge.


def _by_sdk(base_url: str, body: dict[str, Any]) -> Any:
    return oracle(base_url).call.create_phone_call(**body)


def test_body_is_the_one_the_sdk_sends_for_the_same_arguments() -> None:
    with raw_server(answer(201, {"call_id": "call_1"})) as server:
        RetellClient(
            base_url=server.url, api_key=DEFAULT_API_KEY, connect_timeout_seconds=2, read_timeout_seconds=2
        ).create_call(REQUEST)
        _by_sdk(server.url, REQUEST.to_body())
        ours, theirs = server.received
    assert ours.json == theirs.json
    assert ours.line == theirs.line
    for name in ("authorization", "content-type", "accept"):
        assert ours.headers[name] == theirs.headers[name]


def test_search_is_the_one_the_sdk_sends_for_the_same_arguments() -> None:
    with raw_server(answer(200, {"items": [], "has_more": False})) as server:
        RetellClient(
            base_url=server.url, api_key=DEFAULT_API_KEY, connect_timeout_seconds=2, read_timeout_seconds=2
        ).find_call("attempt-1", PHONE)
        oracle(server.url).call.list(
            filter_criteria={
                "metadata": [{"type": "string", "op": "eq", "key": "attempt_id", "value": "attempt-1"}],
                "to_number": {"type": "string", "op": "eq", "value": PHONE},
            },
            sort_order="ascending",
            limit=50,
        )
        ours, theirs = server.received
    assert (ours.line, ours.json) == (theirs.line, theirs.json)


def _agree(ours: CallFacts, theirs: Any) -> None:
    assert isinstance(theirs, sdk.types.PhoneCallResponse)
    assert (ours.call_id, ours.status, ours.reason) == (
        theirs.call_id,
        theirs.call_status,
        theirs.disconnection_reason,
    )
    assert ours.duration_ms == theirs.duration_ms
    assert (ours.started_at and round(ours.started_at.timestamp() * 1000)) == theirs.start_timestamp
    assert (ours.ended_at and round(ours.ended_at.timestamp() * 1000)) == theirs.end_timestamp
    analysis = theirs.call_analysis
    assert ours.analysed == (analysis is not None)
    if analysis is not None:
        assert (ours.in_voicemail, ours.successful) == (analysis.in_voicemail, analysis.call_successful)
        assert ours.sentiment == analysis.user_sentiment
        assert ours.captured == (analysis.custom_analysis_data or {})
    if theirs.call_cost is None:
        assert ours.cost_micros is None
    else:
        assert ours.cost_micros == pytest.approx(theirs.call_cost.combined_cost * 10_000, abs=0.51)


@pytest.mark.parametrize("name", sorted(set(OUTCOMES) - {"unknown_reason"}))
def test_the_sdk_reads_the_same_facts_from_every_outcome(name: str) -> None:
    with running_simulator(config(name)) as simulator:
        ours, theirs = client(simulator), oracle(simulator.base_url)
        call_id = ours.create_call(REQUEST).call_id
        for milliseconds in (0, 15_000, HANG_MS * 3):
            simulator.advance(milliseconds)
            facts = ours.get_call(call_id)
            assert facts is not None
            _agree(facts, theirs.call.retrieve(call_id))
        assert facts.is_over == (not name.startswith("stuck_"))
        listed = ours.find_call(REQUEST.attempt_id, PHONE)
        assert listed is not None
        assert listed.call_id == call_id


def test_reason_that_the_sdk_does_not_know_is_kept() -> None:
    with running_simulator(config("unknown_reason")) as simulator:
        retell = client(simulator)
        call_id = retell.create_call(REQUEST).call_id
        simulator.advance(HANG_MS)
        facts = retell.get_call(call_id)
    assert facts is not None
    assert facts.reason == OUTCOMES["unknown_reason"].reason
    assert facts.is_over


def test_account_is_read_as_the_sdk_reads_it(simulator: Simulator) -> None:
    ours, theirs = client(simulator), oracle(simulator.base_url)
    ours.create_call(REQUEST)
    slots, identity, agent = (
        theirs.concurrency.retrieve(),
        theirs.identity.retrieve(),
        theirs.agent.retrieve(DEFAULT_AGENT_ID),
    )
    assert (ours.concurrency().current, ours.concurrency().limit) == (1, slots.concurrency_limit)
    assert (ours.whoami().org_id, ours.whoami().org_name) == (identity.org_id, identity.org_name)
    found = ours.agent(DEFAULT_AGENT_ID)
    assert found is not None
    assert (found.agent_id, found.name, found.version) == (agent.agent_id, agent.agent_name, agent.version)
    numbers = theirs.phone_number.list().items
    assert [one.number for one in ours.numbers()] == [one.phone_number for one in numbers]
    assert ours.numbers()[0].outbound_agent_ids == (DEFAULT_AGENT_ID,)


def test_variables_reach_the_call_as_texts(simulator: Simulator) -> None:
    retell = client(simulator)
    placed = retell.get_call(retell.create_call(REQUEST).call_id)
    assert placed is not None
    assert placed.raw["retell_llm_dynamic_variables"] == {
        "nombre": "José",
        "monto": "150000",
        "vencido": "true",
        "nota": "",
    }
    assert json.loads(json.dumps(placed.raw["metadata"])) == {"batch_id": "b1", "attempt_id": "attempt-1"}
