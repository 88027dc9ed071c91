"""Repeats under one key with every switch, and what happens beyond the limits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from speechai.retell.simulator import Assumptions, Durations, Limits, OutcomeScript, Simulator
from speechai.retell.simulator.faults import fault_from

from .asking import NUMBER, ask, call_of, create

Start = Callable[..., Simulator]
HOUR_MS = 3_600_000
KEY = {"idempotency_key": "attempt-1"}


def with_rules(start: Start, **switches: Any) -> Simulator:
    return start(assumptions=Assumptions(**switches))


def test_a_repeat_within_the_hour_returns_the_first_call(start: Start) -> None:
    simulator = start()
    first = create(simulator, **KEY).json()["call_id"]
    simulator.advance(HOUR_MS - 1)
    repeat = create(simulator, **KEY)
    assert (repeat.status_code, repeat.json()["call_id"]) == (201, first)
    simulator.advance(1)
    assert create(simulator, **KEY).json()["call_id"] != first
    assert simulator.journal()["dialled_by_number"] == {NUMBER: 2}


def test_without_a_key_every_request_is_a_new_call(start: Start) -> None:
    simulator = start()
    assert len({create(simulator).json()["call_id"] for _ in range(3)}) == 3


def test_twenty_requests_at_once_under_one_key_are_one_call(start: Start) -> None:
    simulator = start()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: create(simulator, **KEY), range(20)))
    assert len({answer.json()["call_id"] for answer in answers}) == 1
    assert simulator.journal()["total_calls"] == 1


def test_an_api_without_keys_ignores_the_field(start: Start) -> None:
    simulator = with_rules(start, idempotency_honoured=False)
    create(simulator, **KEY)
    create(simulator, **KEY)
    assert simulator.journal()["total_calls"] == 2


@pytest.mark.parametrize("status", [200, 201, 409])
def test_status_of_a_repeat(start: Start, status: int) -> None:
    simulator = with_rules(start, idempotency_repeat_status=status)
    create(simulator, **KEY)
    assert create(simulator, **KEY).status_code == status


@pytest.mark.parametrize(("rule", "status"), [("first_call", 201), ("refused_400", 400), ("refused_409", 409)])
def test_a_repeat_with_another_body(start: Start, rule: str, status: int) -> None:
    simulator = with_rules(start, idempotency_other_body=rule)
    create(simulator, **KEY)
    assert create(simulator, metadata={"other": "1"}, **KEY).status_code == status
    assert simulator.journal()["total_calls"] == 1


@pytest.mark.parametrize(("uses_key", "second"), [(False, 201), (True, 503)])
def test_whether_a_failure_uses_up_its_key(start: Start, uses_key: bool, second: int) -> None:
    simulator = start(
        assumptions=Assumptions(idempotency_failure_uses_key=uses_key),
        faults=(fault_from({"kind": "unavailable", "endpoint": "create-phone-call", "times": 1}),),
    )
    assert [create(simulator, **KEY).status_code for _ in range(2)] == [503, second]


def test_a_call_accepted_behind_a_500_is_found_by_its_key(start: Start) -> None:
    simulator = start(faults=(fault_from({"kind": "server_error_after", "times": 1}),))
    assert [create(simulator, **KEY).status_code for _ in range(2)] == [500, 201]
    assert simulator.journal()["total_calls"] == 1


@pytest.mark.parametrize(("rule", "status"), [("first_call", 201), ("refused_409", 409)])
def test_a_repeat_while_the_first_still_runs(start: Start, rule: Any, status: int) -> None:
    simulator = start(
        clock_manual=False,
        assumptions=Assumptions(idempotency_while_running=rule),
        durations=Durations(create_answer=(700, 700)),
    )
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create, simulator, **KEY)
        while not simulator.journal()["total_calls"]:
            pass
        assert create(simulator, **KEY).status_code == status
        assert first.result().status_code == 201


@pytest.mark.parametrize(("scope", "calls"), [("workspace", 1), ("api_key", 2)])
def test_scope_of_a_key(start: Start, scope: Any, calls: int) -> None:
    simulator = start(assumptions=Assumptions(idempotency_scope=scope), api_keys={"key_simulator": "a", "key_b": "b"})
    for key in ("key_simulator", "key_b"):
        headers = {"Authorization": f"Bearer {key}"}
        body = {"from_number": "+56221234567", "to_number": NUMBER, **KEY}
        ask(simulator, "POST", "/v2/create-phone-call", body, headers=headers)
    assert simulator.journal()["total_calls"] == calls


def test_longest_key(start: Start) -> None:
    simulator = with_rules(start, idempotency_max_length=10)
    assert create(simulator, idempotency_key="x" * 11).status_code == 400
    assert create(simulator, idempotency_key="x" * 10).status_code == 201


@pytest.mark.parametrize(("rule", "calls"), [("request", 2), ("last_use", 1)])
def test_when_the_hour_starts(start: Start, rule: str, calls: int) -> None:
    simulator = with_rules(start, idempotency_hour_starts=rule)
    for _ in range(3):
        create(simulator, **KEY)
        simulator.advance(HOUR_MS // 2)
    assert simulator.journal()["total_calls"] == calls


def limited(start: Start, **fields: Any) -> Simulator:
    script = OutcomeScript(weights={"promise": 1})
    limits = Limits(**{"base_concurrency": 3, "calls_per_second": None, **fields.pop("limits", {})})
    return start(limits=limits, script=script, **fields)


def concurrency(simulator: Simulator) -> int:
    current: int = ask(simulator, "GET", "/get-concurrency").json()["current_concurrency"]
    return current


def test_beyond_the_concurrency_limit_create_is_refused_with_429(start: Start) -> None:
    simulator = limited(start, assumptions=Assumptions(limit_retry_after_seconds=7))
    answers = [create(simulator, f"+5691111000{n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429, 429]
    assert answers[3].headers["Retry-After"] == "7"
    assert "concurrency limit" in answers[3].text.lower()
    assert (concurrency(simulator), simulator.journal()["highest_live"]) == (3, 3)
    simulator.advance(HOUR_MS)
    assert concurrency(simulator) == 0
    assert create(simulator).status_code == 201


def test_or_the_call_is_accepted_and_ends_in_error_without_ringing(start: Start) -> None:
    simulator = limited(start, assumptions=Assumptions(limit_refusal="call_error"))
    for n in range(3):
        create(simulator, f"+5691111000{n}")
    answer = create(simulator, NUMBER)
    assert (answer.status_code, answer.json()["call_status"]) == (201, "registered")
    simulator.advance(HOUR_MS)
    call = call_of(simulator, answer.json()["call_id"])
    assert (call["call_status"], call["disconnection_reason"]) == ("error", "concurrency_limit_reached")
    journal = simulator.journal(number=NUMBER)
    assert (journal["by_number"][NUMBER], journal["dialled_by_number"].get(NUMBER)) == (1, None)
    assert journal["highest_live"] == 3
    create(simulator, NUMBER)
    assert simulator.journal(number=NUMBER)["calls"][-1]["attempt"] == 1


def test_stopping_frees_the_line(start: Start) -> None:
    simulator = limited(start)
    ids = [create(simulator, f"+5691111000{n}").json()["call_id"] for n in range(3)]
    ask(simulator, "POST", f"/v2/stop-call/{ids[0]}")
    assert concurrency(simulator) == 2
    assert create(simulator).status_code == 201


@pytest.mark.parametrize(("counts", "ringing"), [(True, 2), (False, 0)])
def test_whether_ringing_calls_count(start: Start, counts: bool, ringing: int) -> None:
    simulator = limited(start, assumptions=Assumptions(concurrency_counts_registered=counts))
    for n in range(2):
        create(simulator, f"+5691111000{n}")
    assert concurrency(simulator) == ringing
    simulator.advance(15_000)
    assert concurrency(simulator) == 2


def test_reserved_inbound_and_burst_change_the_outbound_limit(start: Start) -> None:
    reserved = limited(start, limits={"reserved_inbound_concurrency": 1})
    assert [create(reserved, f"+5691111000{n}").status_code for n in range(3)] == [201, 201, 429]
    burst = ask(limited(start, limits={"burst_enabled": True}), "GET", "/get-concurrency").json()
    assert (burst["concurrency_limit"], burst["concurrency_burst_limit"]) == (3, 9)


def test_calls_per_second_are_counted_on_the_simulated_clock(start: Start) -> None:
    simulator = limited(start, limits={"base_concurrency": 100, "calls_per_second": 2})
    assert [create(simulator).status_code for _ in range(3)] == [201, 201, 429]
    simulator.advance(999)
    assert create(simulator).status_code == 429
    simulator.advance(1)
    assert [create(simulator).status_code for _ in range(3)] == [201, 201, 429]


def test_or_on_the_real_clock(start: Start) -> None:
    rules = Assumptions(rate_clock="real")
    simulator = limited(start, limits={"base_concurrency": 100, "calls_per_second": 1}, assumptions=rules)
    assert create(simulator).status_code == 201
    simulator.advance(HOUR_MS)
    assert create(simulator).status_code == 429


def test_a_batch_waits_for_lines_instead_of_being_refused(start: Start) -> None:
    simulator = limited(start)
    tasks = [{"to_number": f"+5691111{n:04d}"} for n in range(8)]
    body = {"from_number": "+56221234567", "tasks": tasks, "reserved_concurrency": 1}
    assert ask(simulator, "POST", "/create-batch-call", body).status_code == 201
    simulator.advance(0)
    assert simulator.journal()["total_calls"] == 2
    for _ in range(600):
        simulator.advance(1_000)
    journal = simulator.journal()
    assert (journal["total_calls"], journal["highest_live"]) == (8, 2)
