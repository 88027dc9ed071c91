"""Signed webhooks, received over HTTP and checked with the official verifier."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from retell.lib import webhook_auth

from speechai.retell.signature import sign
from speechai.retell.simulator import DEFAULT_API_KEY, Agent, Assumptions, Durations, OutcomeScript, Simulator
from speechai.retell.simulator.faults import fault_from

from .asking import DAY_MS, NUMBER, ask, call_of, create
from .receiver import Receiver, receiving, wait_until

Start = Callable[..., Simulator]
TALK = {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 20_000}
FIVE_MINUTES_MS = 300_000
verify: Callable[[str, str, str | None], bool] = webhook_auth.verify


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def sending(start: Start, receiver: Receiver, outcome: Any = None, **fields: Any) -> Simulator:
    script = OutcomeScript(numbers={NUMBER: TALK if outcome is None else outcome})
    return start(webhook_url=receiver.url, script=script, **fields)


def through(simulator: Simulator, receiver: Receiver, counts: list[int]) -> None:
    """Walk through pick-up, end and analysis, waiting after each for so many deliveries in all."""
    for step, count in zip((4_000, 20_000, 5_000), counts, strict=True):
        simulator.advance(step)
        receiver.wait_for(count)


@pytest.mark.parametrize(
    ("body", "digest"),
    [
        (
            '{"event":"call_ended","call":{"call_id":"call_1"}}',
            "5531fb94fe2bffb6226101f646ec34e8ef5aea0a6ba6a5cf79d61ddde84addc4",
        ),
        (
            '{"event":"call_ended","call":{"call_id":"call_1","transcript":"Agent: café"}}',
            "1200c601c8f682ee08027ef12b2525f89880e9f058648023fa037889bc4afc57",
        ),
    ],
)
def test_the_signature_matches_the_vectors_of_the_fact_sheet(body: str, digest: str) -> None:
    made = sign(body.encode(), key="key_test_123", timestamp_ms=1_700_000_000_000)
    assert made == f"v=1700000000000,d={digest}"
    assert webhook_auth.symmetric["verify"](body, "key_test_123", made, {"timestamp": 1_700_000_000_000})


def test_a_conversation_sends_started_ended_and_analyzed_each_signed(start: Start, receiver: Receiver) -> None:
    simulator = sending(start, receiver)
    created = create(simulator, metadata={"job": "7"}).json()
    through(simulator, receiver, [1, 2, 3])
    assert receiver.events(3) == ["call_started", "call_ended", "call_analyzed"]
    for one in receiver.received:
        assert verify(one.body, DEFAULT_API_KEY, one.signature)
        assert one.content["call"]["metadata"] == {"job": "7"}
        assert one.body == json.dumps(one.content, ensure_ascii=False, separators=(",", ":"))
    started, ended, analyzed = (one.content["call"] for one in receiver.received)
    assert started["call_status"] == "ongoing"
    assert "disconnection_reason" not in started
    assert "call_analysis" not in ended
    assert {"recording_url", "call_cost", "transcript"} <= ended.keys()
    assert analyzed == call_of(simulator, created["call_id"])


def test_a_call_that_never_connected_sends_no_call_started(start: Start, receiver: Receiver) -> None:
    simulator = sending(start, receiver, "dial_busy")
    create(simulator)
    simulator.advance(DAY_MS)
    assert sorted(receiver.events(2)) == ["call_analyzed", "call_ended"]
    assert receiver.received[0].content["call"]["call_status"] == "not_connected"
    assert "metadata" not in receiver.received[0].content["call"]


def test_nothing_is_sent_without_a_target(start: Start, receiver: Receiver) -> None:
    simulator = start()
    create(simulator)
    simulator.advance(DAY_MS)
    assert simulator.journal()["webhooks"] == {}


def test_the_override_goes_before_the_agent_and_the_agent_before_the_account(start: Start, receiver: Receiver) -> None:
    agent = Agent(webhook_url=f"{receiver.url}/agent", webhook_events=("call_ended",))
    simulator = sending(start, receiver, "dial_busy", agents=(agent,))
    create(simulator)
    override = {"agent": {"webhook_url": f"{receiver.url}/{{{{cartera}}}}", "webhook_events": ["call_analyzed"]}}
    create(simulator, agent_override=override, retell_llm_dynamic_variables={"cartera": "norte"})
    simulator.advance(DAY_MS)
    receiver.wait_for(2)
    assert {(one.path, one.event) for one in receiver.received} == {
        ("/hook/agent", "call_ended"),
        ("/hook/norte", "call_analyzed"),
    }


def test_transfers_and_transcripts_are_sent_where_asked_for(start: Start, receiver: Receiver) -> None:
    events = ("transcript_updated", "transfer_started", "transfer_bridged", "transfer_ended")
    outcome = {**TALK, "outcome": "call_transfer"}
    simulator = sending(start, receiver, outcome, agents=(Agent(webhook_events=events),))
    create(simulator)
    simulator.advance(DAY_MS)
    received = receiver.wait_for(5)
    assert sorted(one.event for one in received) == sorted([*events, "transcript_updated"])
    lengths = sorted(
        len(one.content["transcript_with_tool_calls"]) for one in received if one.event == "transcript_updated"
    )
    assert 0 < lengths[0] < lengths[1]
    bridged = next(one.content for one in received if one.event == "transfer_bridged")
    assert {"transfer_destination", "transfer_option"} <= bridged.keys()


def test_stopping_a_call_sends_its_new_end_and_not_the_planned_one(start: Start, receiver: Receiver) -> None:
    simulator = sending(start, receiver)
    call_id = create(simulator).json()["call_id"]
    simulator.advance(10_000)
    receiver.wait_for(1)
    ask(simulator, "POST", f"/v2/stop-call/{call_id}")
    simulator.advance(DAY_MS)
    receiver.wait_for(3)
    assert sorted(receiver.events(3)) == ["call_analyzed", "call_ended", "call_started"]
    assert {one.content["call"].get("disconnection_reason") for one in receiver.received} == {None, "manual_stopped"}
    wait_until(lambda: sum(simulator.journal()["webhooks"].values()) == 3)


def only_ended(start: Start, receiver: Receiver, **fields: Any) -> Simulator:
    return sending(start, receiver, "dial_busy", agents=(Agent(webhook_events=("call_ended",)),), **fields)


@pytest.mark.parametrize(("beside", "tries"), [(True, 4), (False, 3)])
def test_a_refused_delivery_is_repeated_three_times(start: Start, receiver: Receiver, beside: bool, tries: int) -> None:
    receiver.statuses = [500] * 10
    simulator = only_ended(start, receiver, assumptions=Assumptions(webhook_retries_beside_first=beside))
    create(simulator)
    for tried in range(1, tries + 1):
        simulator.advance(30_000)
        receiver.wait_for(tried)
        wait_until(lambda count=tried: simulator.journal()["webhooks"] == {"call_ended failed": count})  # type: ignore[misc]
    simulator.advance(DAY_MS)
    assert simulator.journal()["webhooks"] == {"call_ended failed": tries}
    assert len({one.body for one in receiver.received}) == 1


@pytest.mark.parametrize(("anew", "signatures"), [(True, 2), (False, 1)])
def test_whether_a_repeat_is_signed_anew(start: Start, receiver: Receiver, anew: bool, signatures: int) -> None:
    receiver.statuses = [503]
    simulator = only_ended(start, receiver, assumptions=Assumptions(webhook_signed_anew=anew))
    create(simulator)
    simulator.advance(10_000)
    wait_until(lambda: "call_ended failed" in simulator.journal()["webhooks"])
    simulator.advance(30_000)
    assert len({one.signature for one in receiver.wait_for(2)}) == signatures


def test_a_receiver_that_is_too_slow_gets_the_event_again(start: Start, receiver: Receiver) -> None:
    receiver.pause_seconds = 0.6
    durations = Durations(webhook_retry_waits=(1,))
    simulator = start(
        clock_manual=False,
        clock_factor=1_000,
        webhook_url=receiver.url,
        webhook_shortest_timeout_seconds=0.2,
        durations=durations,
        agents=(Agent(webhook_events=("call_ended",)),),
        script=OutcomeScript(weights={"dial_busy": 1}),
    )
    create(simulator)
    receiver.wait_for(2)
    assert simulator.journal()["webhooks"] == {"call_ended failed": 1}


def with_fault(start: Start, receiver: Receiver, kind: str, **fields: Any) -> Simulator:
    return sending(start, receiver, faults=(fault_from({"kind": kind, "endpoint": "call_ended", **fields}),))


def test_faults_of_the_order_and_number_of_deliveries(start: Start, receiver: Receiver) -> None:
    for kind, deliveries in (
        ("webhook_drop", ["call_started", "call_analyzed"]),
        ("webhook_duplicate", ["call_started", "call_ended", "call_ended", "call_analyzed"]),
        ("webhook_reorder", ["call_started", "call_analyzed", "call_ended"]),
    ):
        receiver.received.clear()
        simulator = with_fault(start, receiver, kind)
        create(simulator)
        duplicate = kind == "webhook_duplicate"
        through(simulator, receiver, [1, 3 if duplicate else 1, 4 if duplicate else 2])
        simulator.advance(10_000)
        assert receiver.events(len(deliveries)) == deliveries


def test_a_delayed_delivery_is_too_old_for_the_verifier(start: Start, receiver: Receiver) -> None:
    simulator = with_fault(start, receiver, "webhook_delay", delay_ms=FIVE_MINUTES_MS + 5_000)
    create(simulator)
    through(simulator, receiver, [1, 1, 2])
    simulator.advance(FIVE_MINUTES_MS + 5_000)
    late = receiver.wait_for(3)[-1]
    assert late.event == "call_ended"
    assert not verify(late.body, DEFAULT_API_KEY, late.signature)
    early_ms = int(time.time() * 1000) - FIVE_MINUTES_MS
    assert webhook_auth.symmetric["verify"](late.body, DEFAULT_API_KEY, late.signature, {"timestamp": early_ms})


@pytest.mark.parametrize("kind", ["webhook_wrong_key", "webhook_altered_body", "webhook_not_json"])
def test_a_forged_delivery_is_seen_by_the_verifier_or_is_no_json(start: Start, receiver: Receiver, kind: str) -> None:
    simulator = with_fault(start, receiver, kind)
    create(simulator)
    through(simulator, receiver, [1, 2, 3])
    forged = receiver.received[1]
    genuine = verify(forged.body, DEFAULT_API_KEY, forged.signature)
    if kind == "webhook_not_json":
        assert genuine
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(forged.body)
    else:
        assert not genuine


def test_the_signature_header_may_be_missing(start: Start, receiver: Receiver) -> None:
    simulator = with_fault(start, receiver, "webhook_missing_header")
    create(simulator)
    through(simulator, receiver, [1, 2, 3])
    assert [one.signature is None for one in receiver.received] == [False, True, False]


def test_what_call_ended_carries_is_a_switch(start: Start, receiver: Receiver) -> None:
    rules = Assumptions(
        webhook_event_timestamp=False,
        webhook_ended_has_recording=False,
        webhook_ended_has_cost=False,
        webhook_ended_status="registered",
    )
    simulator = sending(start, receiver, assumptions=rules)
    create(simulator)
    through(simulator, receiver, [1, 2, 3])
    ended = receiver.received[1].content
    assert set(ended) == {"event", "call"}
    assert ended["call"]["call_status"] == "registered"
    assert not ({"recording_url", "call_cost"} & ended["call"].keys())


def test_webhooks_carry_what_the_storage_setting_hides_later(start: Start, receiver: Receiver) -> None:
    simulator = sending(start, receiver)
    call_id = create(simulator, agent_override={"agent": {"data_storage_setting": "basic_attributes_only"}}).json()
    through(simulator, receiver, [1, 2, 3])
    assert "transcript" in receiver.received[2].content["call"]
    assert "transcript" not in call_of(simulator, call_id["call_id"])


def test_a_running_clock_delivers_by_itself(start: Start, receiver: Receiver) -> None:
    simulator = sending(start, receiver, clock_manual=False, clock_factor=200)
    create(simulator)
    assert receiver.events(3) == ["call_started", "call_ended", "call_analyzed"]
    assert simulator.journal()["live_now"] == 0
