"""Every fault, seen from outside, and what the journal says really happened."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
import retell
from retell import Retell

from speechai.errors import ConfigurationError
from speechai.retell.simulator import DEFAULT_FROM_NUMBER, Durations, Fault, FaultKind, Simulator
from speechai.retell.simulator.faults import FaultRules, fault_from

from .asking import NUMBER, ask, create, order, raw_create

Start = Callable[..., Simulator]
Connect = Callable[..., Retell]
CREATE = "create-phone-call"


def faulty(start: Start, kind: str, **fields: object) -> Simulator:
    return start(faults=(fault_from({"kind": kind, "endpoint": CREATE, **fields}),))


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("bad_request", 400, "Bad request"),
        ("do_not_call", 400, "do not call"),
        ("country", 400, "country not supported"),
        ("no_outbound_agent", 400, "No outbound agent id"),
        ("unauthorized", 401, "API key"),
        ("payment_required", 402, "payment"),
        ("forbidden", 403, "verification"),
        ("not_found", 404, "not found"),
        ("request_timeout", 408, "timed out"),
        ("conflict", 409, "Conflict"),
        ("unprocessable", 422, "not found"),
        ("rate_limited", 429, "throttle"),
        ("server_error", 500, "server error"),
        ("bad_gateway", 502, "gateway"),
        ("unavailable", 503, "unavailable"),
    ],
)
def test_a_refusal_has_its_status_and_places_no_call(start: Start, kind: str, status: int, text: str) -> None:
    simulator = faulty(start, kind)
    answer = create(simulator)
    assert (answer.status_code, answer.json()["status"]) == (status, "error")
    assert text in answer.json()["message"]
    assert "Retry-After" not in answer.headers
    assert simulator.journal()["total_calls"] == 0


def test_a_schema_refusal_has_the_other_body(start: Start) -> None:
    answer = create(faulty(start, "schema"))
    assert answer.status_code == 400
    assert set(answer.json()) == {"error_message"}


def test_retry_after_is_sent_where_the_rule_has_it(start: Start) -> None:
    answer = create(faulty(start, "rate_limited", retry_after_seconds=2.5))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2.5")


@pytest.mark.parametrize(("kind", "calls"), [("reset_before", 0), ("reset_after", 1)])
def test_a_reset_closes_the_connection_with_rst(start: Start, kind: str, calls: int) -> None:
    simulator = faulty(start, kind)
    with pytest.raises(ConnectionResetError):
        raw_create(simulator)
    assert simulator.journal()["total_calls"] == calls


@pytest.mark.parametrize(("kind", "calls"), [("hang_before", 0), ("hang_after", 1)])
def test_a_hanging_request_is_never_answered(start: Start, kind: str, calls: int) -> None:
    simulator = faulty(start, kind)
    with pytest.raises(TimeoutError):
        raw_create(simulator, timeout=0.5)
    assert simulator.journal()["total_calls"] == calls


def test_an_error_after_accepting_has_placed_the_call(start: Start) -> None:
    simulator = faulty(start, "server_error_after")
    assert create(simulator).status_code == 500
    assert simulator.journal()["dialled_by_number"] == {NUMBER: 1}


def test_a_slow_answer_outlasts_the_client_and_has_placed_the_call(start: Start) -> None:
    simulator = faulty(start, "slow", delay_ms=60_000)
    with pytest.raises(requests.ReadTimeout):
        create_with_timeout(simulator, 0.5)
    assert simulator.journal()["total_calls"] == 1


def create_with_timeout(simulator: Simulator, timeout: float) -> None:
    ask(simulator, "POST", "/v2/create-phone-call", order(), timeout=timeout)


def test_truncated_json_breaks_off_in_the_body(start: Start) -> None:
    simulator = faulty(start, "truncated_json")
    head, _, body = raw_create(simulator).partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 201 ")
    assert 0 < len(body) < length
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(body)


def test_the_strange_answers_after_accepting(start: Start) -> None:
    empty = create(faulty(start, "empty_body"))
    assert (empty.status_code, empty.content) == (201, b"")
    page = create(faulty(start, "html"))
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    nameless = create(faulty(start, "without_call_id"))
    assert "call_id" not in nameless.json()
    plain = create(faulty(start, "wrong_content_type"))
    assert plain.headers["Content-Type"].startswith("text/plain")
    doubled = create(faulty(start, "duplicate_keys"))
    assert doubled.text.count('"call_id"') == 2
    assert doubled.json()["call_status"] == "registered"


def test_a_redirect_sends_the_same_post_again(start: Start) -> None:
    before, after = faulty(start, "redirect"), faulty(start, "redirect_after")
    for simulator, calls in ((before, 1), (after, 2)):
        answer = ask(simulator, "POST", "/v2/create-phone-call", order(), allow_redirects=True)
        assert (answer.status_code, simulator.journal()["total_calls"]) == (201, calls)
    assert create(before).status_code == 307


def test_rules_strike_by_endpoint_number_position_and_times(start: Start) -> None:
    other = "+56933334444"
    simulator = start(
        faults=(
            Fault(kind=FaultKind.UNAVAILABLE, endpoint="get-concurrency"),
            Fault(kind=FaultKind.CONFLICT, endpoint=CREATE, number=NUMBER, nth=(2,)),
            Fault(kind=FaultKind.BAD_GATEWAY, endpoint=CREATE, ending="44", times=1),
        )
    )
    assert [create(simulator).status_code for _ in range(3)] == [201, 409, 201]
    assert [create(simulator, other).status_code for _ in range(3)] == [502, 201, 201]
    assert ask(simulator, "GET", "/get-concurrency").status_code == 503
    assert ask(simulator, "GET", "/get-api-key-info").status_code == 200


def test_position_counts_for_each_number_where_asked() -> None:
    rules = FaultRules([Fault(kind=FaultKind.SERVER_ERROR, nth=(2,), each_number=True)], seed=1)
    struck = [rules.strike(CREATE, number) is not None for number in ("a", "b", "a", "b", "a")]
    assert struck == [False, False, True, True, False]


def test_a_rate_repeats_for_each_number_whatever_the_order() -> None:
    numbers = [f"+569{position:08d}" for position in range(300)]

    def struck(order: list[str]) -> set[str]:
        rules = FaultRules([Fault(kind=FaultKind.SERVER_ERROR, rate=0.3)], seed=7)
        return {number for number in order if rules.strike(CREATE, number) is not None}

    assert struck(numbers) == struck(numbers[::-1])
    assert 60 < len(struck(numbers)) < 120


def test_faults_are_set_and_read_at_run_time(start: Start) -> None:
    simulator = start()
    rule = {"kind": "payment_required", "endpoint": CREATE, "times": 1}
    assert ask(simulator, "POST", "/simulator/faults", {"faults": [rule]}).status_code == 200
    assert [create(simulator).status_code for _ in range(2)] == [402, 201]
    (shown,) = ask(simulator, "GET", "/simulator/faults").json()["faults"]
    assert (shown["kind"], shown["struck"]) == ("payment_required", 1)
    added = {"faults": [{"kind": "conflict", "endpoint": CREATE}], "add": True}
    assert len(ask(simulator, "POST", "/simulator/faults", added).json()["faults"]) == 2
    assert create(simulator).status_code == 409
    assert ask(simulator, "POST", "/simulator/faults", {"faults": [{"kind": "gremlin"}]}).status_code == 400


@pytest.mark.parametrize("table", [{}, {"kind": "gremlin"}, {"kind": "slow", "delay": 3}, {"kind": "slow", "rate": 2}])
def test_a_wrong_rule_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        fault_from(table)


def test_requests_that_are_no_endpoint_or_no_json_are_refused(start: Start) -> None:
    simulator = start()
    assert ask(simulator, "POST", "/v2/list-calls", {}).status_code == 404
    assert ask(simulator, "GET", "/v2/create-phone-call").status_code == 404
    assert ask(simulator, "GET", "/nothing").status_code == 404
    headers = {"Authorization": "Bearer key_simulator"}
    for body in (b"{", b"\xff\xfe", b"[]"):
        answer = requests.post(simulator.base_url + "/v3/list-calls", data=body, headers=headers, timeout=5)
        assert (answer.status_code, set(answer.json())) == (400, {"error_message"})
    assert requests.get(simulator.base_url + "/get-concurrency", timeout=5).status_code == 401


RETRIED = ["request_timeout", "conflict", "rate_limited", "server_error", "bad_gateway", "unavailable"]


@pytest.mark.parametrize("kind", [*RETRIED, "reset_before", "reset_after", "server_error_after"])
def test_the_sdk_sends_a_failed_create_only_once(start: Start, sdk: Connect, kind: str) -> None:
    simulator = start(faults=(fault_from({"kind": kind, "retry_after_seconds": 0.01}),))
    client = sdk(simulator, max_retries=2).with_options(max_retries=2)
    with pytest.raises(retell.APIError):
        client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER)
    assert simulator.journal()["requests"] == {CREATE: 1}
    assert simulator.journal()["total_calls"] == (1 if kind.endswith("_after") else 0)


def test_the_sdk_repeats_a_get_after_an_error(start: Start, sdk: Connect) -> None:
    simulator = start(faults=(Fault(kind=FaultKind.RATE_LIMITED, times=2, retry_after_seconds=0.01),))
    assert sdk(simulator, max_retries=2).concurrency.retrieve().current_concurrency == 0
    assert simulator.journal()["requests"] == {"get-concurrency": 3}


def test_a_create_repeated_by_the_sdk_on_request_calls_once_only_with_a_key(start: Start, sdk: Connect) -> None:
    """The trap of older SDKs: each try after a slow answer was a further call."""
    simulator = start(faults=(Fault(kind=FaultKind.HANG_AFTER, endpoint=CREATE, nth=(1, 3)),))
    client = sdk(simulator, timeout=0.3)
    for key, calls in (("", 2), ("attempt-1", 1)):
        number = f"+5691111000{calls}"
        extra: dict[str, Any] = {"idempotency_key": key} if key else {}
        client.call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=number, max_retries=1, **extra)
        assert simulator.journal()["dialled_by_number"][number] == calls


def test_a_timeout_after_accepting_leaves_exactly_one_call(start: Start, sdk: Connect) -> None:
    simulator = faulty(start, "hang_after")
    with pytest.raises(retell.APITimeoutError):
        sdk(simulator, timeout=0.5).call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER)
    assert simulator.journal()["by_number"] == {NUMBER: 1}


def test_broken_json_after_accepting_is_no_error_of_the_sdk(start: Start, sdk: Connect) -> None:
    with pytest.raises(json.JSONDecodeError):
        sdk(faulty(start, "empty_body")).call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER)
    with pytest.raises(retell.APIResponseValidationError):
        sdk(faulty(start, "html")).call.create_phone_call(from_number=DEFAULT_FROM_NUMBER, to_number=NUMBER)


def test_answers_come_after_the_simulated_latency(start: Start) -> None:
    durations = Durations(create_answer=(400_000, 400_000))
    simulator = start(clock_manual=False, clock_factor=1_000, durations=durations)
    assert create(simulator).elapsed.total_seconds() >= 0.4
