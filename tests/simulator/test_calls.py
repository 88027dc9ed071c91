"""What a call shows when, and how its outcome is chosen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.errors import ConfigurationError
from speechai.retell.simulator import DEFAULT_AGENT_ID, Agent, Assumptions, Fault, FaultKind, OutcomeScript, Simulator
from speechai.retell.simulator.conversation import converse
from speechai.retell.simulator.outcomes import Scene

from .asking import DAY_MS, NUMBER, ask, call_of, create, finished
from .conftest import START_AT

Start = Callable[..., Simulator]
PROMISE = {"outcome": "promise", "wait_ms": 4_000, "talk_ms": 30_000}
ALWAYS_AFTER_TALK = {"duration_ms", "transcript", "transcript_object", "recording_url", "call_cost", "latency"}


def scripted(**numbers: Any) -> OutcomeScript:
    return OutcomeScript(numbers={NUMBER: numbers.pop("outcome", PROMISE), **numbers})


def test_no_field_appears_before_its_time(start: Start) -> None:
    simulator = start(script=scripted())
    created = create(simulator).json()
    accepted_ms = round(START_AT.timestamp() * 1000)
    later = {"start_timestamp", "end_timestamp", "disconnection_reason", "call_analysis", *ALWAYS_AFTER_TALK}
    assert created["call_status"] == "registered"
    assert not later & created.keys()
    simulator.advance(3_999)
    assert call_of(simulator, created["call_id"])["call_status"] == "registered"
    simulator.advance(1)
    ongoing = call_of(simulator, created["call_id"])
    assert (ongoing["call_status"], ongoing["start_timestamp"]) == ("ongoing", accepted_ms + 4_000)
    assert later & ongoing.keys() == {"start_timestamp"}
    simulator.advance(30_000)
    ended = call_of(simulator, created["call_id"])
    assert (ended["call_status"], ended["end_timestamp"]) == ("ended", accepted_ms + 34_000)
    assert ended.keys() >= ALWAYS_AFTER_TALK
    assert "call_analysis" not in ended
    simulator.advance(5_000)
    assert "call_analysis" in call_of(simulator, created["call_id"])


def test_duration_cost_and_transcript_agree(start: Start) -> None:
    call = finished(start(script=scripted()), retell_llm_dynamic_variables={"nombre": "Ana Soto", "saldo": "120.000"})
    assert call["end_timestamp"] - call["start_timestamp"] == call["duration_ms"] == 30_000
    cost = call["call_cost"]
    assert cost["combined_cost"] == pytest.approx(sum(line["cost"] for line in cost["product_costs"]))
    assert cost["total_duration_seconds"] == 30
    for line in cost["product_costs"]:
        assert line["cost"] == pytest.approx(line["unit_price"] * 30, abs=1e-3)
    lines = [f"{one['role'].capitalize()}: {one['content']}" for one in call["transcript_object"]]
    assert call["transcript"].splitlines() == lines
    words = [word for one in call["transcript_object"] for word in one["words"]]
    assert " ".join(word["word"] for word in words) == " ".join(one["content"] for one in call["transcript_object"])
    assert [word["start"] for word in words] == sorted(word["start"] for word in words)
    assert words[-1]["end"] <= 30
    assert "Ana Soto" in call["transcript"]


def test_a_promise_is_said_and_analysed_alike(start: Start) -> None:
    call = finished(start(script=scripted()), retell_llm_dynamic_variables={"nombre": "Ana", "saldo": "120.000"})
    analysis = call["call_analysis"]
    data = analysis["custom_analysis_data"]
    assert analysis["call_successful"]
    assert date(2026, 11, 24) <= date.fromisoformat(data["fecha_pago_cliente"]) <= date(2026, 12, 3)
    assert data["monto_pago_cliente"] in (120_000, 60_000, 36_000)
    assert f"{data['monto_pago_cliente']:,}".replace(",", ".") in call["transcript"]


def test_a_script_may_put_any_value_into_the_analysis(start: Start) -> None:
    outcome = {**PROMISE, "fecha_pago_cliente": "31-02-2027", "monto_pago_cliente": "mucho"}
    call = finished(start(script=scripted(outcome=outcome)))
    assert call["call_analysis"]["custom_analysis_data"] == {
        "fecha_pago_cliente": "31-02-2027",
        "monto_pago_cliente": "mucho",
        "habla_titular": True,
    }


@pytest.mark.parametrize("outcome", ["third_party", "wrong_person"])
def test_somebody_else_is_told_nothing_of_the_debt_and_written_down_as_such(start: Start, outcome: str) -> None:
    debtor = {"nombre": "Ana Soto", "monto": "120.000", "empresa": "Acreedora"}
    call = finished(start(script=scripted(outcome=outcome)), retell_llm_dynamic_variables=debtor)
    assert call["call_analysis"]["custom_analysis_data"] == {
        "fecha_pago_cliente": "",
        "monto_pago_cliente": 0,
        "habla_titular": False,
    }
    assert "Ana Soto" in call["transcript"]
    assert not [word for word in ("120.000", "Acreedora", "saldo", "deuda") if word in call["transcript"]]


@pytest.mark.parametrize("outcome", ["early_hangup", "error_asr"])
def test_where_nobody_can_tell_who_spoke_nothing_is_written_down(start: Start, outcome: str) -> None:
    call = finished(start(script=scripted(outcome=outcome)))
    assert "habla_titular" not in call["call_analysis"]["custom_analysis_data"]


def test_a_call_that_never_connected_has_no_talk_and_no_custom_fields(start: Start) -> None:
    call = finished(start(script=scripted(outcome="dial_no_answer")))
    assert (call["call_status"], call["disconnection_reason"]) == ("not_connected", "dial_no_answer")
    assert not ({"start_timestamp", "duration_ms", "transcript", "call_cost"} & call.keys())
    assert call["call_analysis"]["custom_analysis_data"] == {}
    assert call["end_timestamp"] == round(START_AT.timestamp() * 1000) + 30_000


def test_start_and_cost_of_unconnected_calls_are_switches(start: Start) -> None:
    rules = Assumptions(unconnected_has_start=True, unconnected_has_cost=True)
    call = finished(start(script=scripted(outcome="dial_busy"), assumptions=rules))
    assert call["end_timestamp"] - call["start_timestamp"] == call["duration_ms"] == 2_000
    assert call["call_cost"]["combined_cost"] == 0


def test_voicemail_may_be_found_only_by_the_analysis(start: Start) -> None:
    call = finished(start(script=scripted(outcome="voicemail_found_later")))
    assert call["disconnection_reason"] == "agent_hangup"
    assert call["call_analysis"]["in_voicemail"] is True
    assert call["call_analysis"]["custom_analysis_data"] == {}


@pytest.mark.parametrize(("outcome", "status"), [("stuck_registered", "registered"), ("stuck_ongoing", "ongoing")])
def test_a_stuck_call_never_ends_and_holds_its_line(start: Start, outcome: str, status: str) -> None:
    simulator = start(script=scripted(outcome=outcome))
    assert finished(simulator)["call_status"] == status
    assert simulator.journal()["live_now"] == 1


def test_a_call_may_end_without_ever_being_analysed(start: Start) -> None:
    call = finished(start(script=scripted(outcome="never_analysed")))
    assert call["call_status"] == "ended"
    assert "call_analysis" not in call


def test_ring_and_talk_limits_of_the_call_are_obeyed(start: Start) -> None:
    unanswered, talker = "+56900000001", "+56900000002"
    script = OutcomeScript(
        numbers={unanswered: "dial_no_answer", talker: {"outcome": "conversation", "talk_ms": 900_000}}
    )
    simulator = start(script=script)
    override = {"agent": {"ring_duration_ms": 12_000, "max_call_duration_ms": 60_000}}
    silent = finished(simulator, unanswered, agent_override=override)
    assert silent["end_timestamp"] == round(START_AT.timestamp() * 1000) + 12_000
    long = finished(simulator, talker, agent_override=override)
    assert (long["duration_ms"], long["disconnection_reason"]) == (60_000, "max_duration_reached")


def test_basic_storage_hides_transcript_and_recording_from_get_call(start: Start) -> None:
    override = {"agent": {"data_storage_setting": "basic_attributes_only"}}
    call = finished(start(script=scripted()), agent_override=override)
    assert not ({"transcript", "transcript_object", "recording_url", "public_log_url"} & call.keys())
    assert "call_analysis" in call


def test_the_nth_attempt_to_a_number_may_end_otherwise(start: Start) -> None:
    script = OutcomeScript(
        numbers={NUMBER: ["dial_busy", "dial_no_answer", "promise"]},
        endings={"00": "voicemail_reached", "100": "ivr_reached"},
        attempts={2: "user_declined"},
        weights={"dial_failed": 1},
    )
    simulator = start(script=script)
    reasons = [finished(simulator, NUMBER)["disconnection_reason"] for _ in range(4)]
    assert reasons == ["dial_busy", "dial_no_answer", "agent_hangup", "agent_hangup"]
    assert finished(simulator, "+56911110200")["disconnection_reason"] == "voicemail_reached"
    assert finished(simulator, "+56911110100")["disconnection_reason"] == "ivr_reached"
    others = [finished(simulator, "+56911110101")["disconnection_reason"] for _ in range(3)]
    assert others == ["dial_failed", "user_declined", "dial_failed"]


def outcomes_of(simulator: Simulator, numbers: list[str]) -> dict[tuple[str, int], tuple[Any, ...]]:
    for number in numbers:
        create(simulator, number)
    return {
        (call["to_number"], call["attempt"]): (
            call["outcome"],
            call["connected_ms"] and call["connected_ms"] - call["accepted_ms"],
            call["live_until_ms"] and call["live_until_ms"] - call["accepted_ms"],
        )
        for call in simulator.journal()["calls"]
    }


def test_outcomes_and_times_do_not_depend_on_the_order_of_arrival(start: Start) -> None:
    numbers = [f"+5691{position:07d}" for position in range(40)] * 2
    first = outcomes_of(start(seed=5), numbers)
    assert outcomes_of(start(seed=5), numbers[::-1]) == first
    assert outcomes_of(start(seed=6), numbers) != first


def test_default_weights_give_the_demonstration_its_shape() -> None:
    script = OutcomeScript()
    drawn = Counter(script.decide(seed=1, to_number=f"+569{n:08d}", attempt=1).name for n in range(4_000))
    share = {name: count / 40 for name, count in drawn.items()}
    assert share["promise"] == pytest.approx(35, abs=3)
    assert share["conversation"] == pytest.approx(12, abs=3)
    assert share["third_party"] == pytest.approx(3, abs=1)
    assert share["dial_no_answer"] == pytest.approx(25, abs=3)
    assert share["dial_busy"] == pytest.approx(8, abs=2)
    assert share["voicemail_reached"] + share["voicemail_found_later"] == pytest.approx(10, abs=2)


@pytest.mark.parametrize(
    "script",
    [
        {"numbers": {NUMBER: "dial_bussy"}},
        {"numbers": {NUMBER: []}},
        {"numbers": {NUMBER: {"outcome": "promise", "scene": "nowhere"}}},
        {"weights": {}},
        {"weights": {"promise": -1, "dial_busy": 2}},
        {"weights": {"nonsense": 1}},
    ],
)
def test_a_wrong_script_is_refused_when_it_is_written(script: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OutcomeScript(**script)


@given(
    scene=st.sampled_from(Scene),
    balance=st.one_of(st.none(), st.text(max_size=12), st.integers(0, 10**9).map(str)),
    seed=st.integers(),
)
def test_only_the_promise_scene_promises_and_always_a_positive_sum(scene: Scene, balance: str, seed: int) -> None:
    import random

    said = converse(scene, variables={"saldo": balance}, today=date(2026, 2, 27), chance=random.Random(seed))
    assert (said.promise is not None) is (scene is Scene.PROMISE)
    assert said.promise is None or said.promise.amount >= 1


@pytest.mark.parametrize(
    ("fields", "status", "text"),
    [
        ({"to_number": ""}, 400, "must NOT have fewer than 1 characters"),
        ({"to_number": "912345678"}, 400, "E.164"),
        ({"from_number": "abc"}, 400, "E.164"),
        ({"to_number": 56912345678}, 400, "must be string"),
        ({"metadata": "text"}, 400, "must be object"),
        ({"retell_llm_dynamic_variables": {"saldo": 3.5}}, 400, "must be string"),
        ({"retell_llm_dynamic_variables": {"saldo": None}}, 400, "must be string"),
        ({"agent_override": {"agent": {"ring_duration_ms": 4_000}}}, 400, "integer from 5000"),
        ({"from_number": "+56229999999"}, 422, "not found from phone-number"),
        ({"override_agent_id": "agent_x"}, 422, "not found from agent"),
        ({"override_agent_version": 9}, 422, "not found"),
    ],
)
def test_invalid_orders_are_refused_in_the_right_shape(start: Start, fields: Any, status: int, text: str) -> None:
    simulator = start()
    answer = create(simulator, **{"to_number": NUMBER, **fields})
    body = answer.json()
    assert answer.status_code == status
    assert text in (body["error_message"] if status == 400 else body["message"])
    assert simulator.journal()["total_calls"] == 0


def test_unknown_fields_are_tolerated_unless_the_switch_says_otherwise(start: Start) -> None:
    assert create(start(), agent_id="old").status_code == 201
    assert create(start(assumptions=Assumptions(unknown_fields_refused=True)), agent_id="old").status_code == 400


def test_a_number_without_bound_agent_needs_the_override(start: Start) -> None:
    from speechai.retell.simulator import PhoneNumber

    simulator = start(phone_numbers=(PhoneNumber(outbound_agent_ids=()),))
    refused = create(simulator)
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("No outbound agent id set up")
    assert create(simulator, override_agent_id=DEFAULT_AGENT_ID).status_code == 201


def test_countries_and_do_not_call_are_refused_with_400(start: Start) -> None:
    from speechai.retell.simulator import PhoneNumber

    number = PhoneNumber(allowed_outbound_countries=("CL",))
    simulator = start(
        phone_numbers=(number,),
        do_not_call=frozenset({NUMBER}),
        agents=(Agent(enable_dnc_detection=True),),
        script=OutcomeScript(weights={"user_requested_dnc": 1}),
    )
    assert create(simulator, "+5491123456789").json()["message"] == "Call country not supported: AR"
    assert create(simulator, NUMBER, honor_internal_dnc=True).status_code == 400
    assert create(simulator, NUMBER).status_code == 201
    other = "+56922223333"
    assert create(simulator, other, honor_internal_dnc=True).status_code == 201
    simulator.advance(DAY_MS)
    assert create(simulator, other, honor_internal_dnc=True).status_code == 400


def test_get_call_may_flap_back_to_an_older_state(start: Start) -> None:
    simulator = start(script=scripted())
    call_id = create(simulator).json()["call_id"]
    simulator.advance(40_000)
    simulator.set_faults(Fault(kind=FaultKind.STALE, endpoint="get-call", nth=(2,), delay_ms=20_000))
    assert [call_of(simulator, call_id)["call_status"] for _ in range(3)] == ["ended", "ongoing", "ended"]


def test_metadata_is_changed_by_update_and_limited_to_50_kb(start: Start) -> None:
    simulator = start()
    call_id = create(simulator, metadata={"a": "1"}).json()["call_id"]
    path = f"/v2/update-call/{call_id}"
    assert ask(simulator, "PATCH", path, {"metadata": {"b": "x" * 50_001}}).status_code == 400
    assert ask(simulator, "PATCH", path, {"metadata": {"b": "2"}}).json()["metadata"] == {"b": "2"}
    assert json.dumps(call_of(simulator, call_id)["metadata"]) == '{"b": "2"}'
