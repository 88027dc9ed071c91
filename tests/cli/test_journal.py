"""The demonstration's verdict can fail: a call that only one side knows, a contact on the phone twice at one time."""

from __future__ import annotations

from typing import Any

from speechai.cli.journal import judge


def call(call_id: str, start: int, end: int | None, *, job: str = "j1", dialled: bool = True) -> dict[str, Any]:
    live = {"live_from_ms": start, "live_until_ms": end}
    return {"call_id": call_id, "dialled": dialled, "metadata": {"job_id": job}, **live}


def test_the_same_calls_one_after_the_other_are_clean() -> None:
    verdict = judge([call("a", 0, 10), call("b", 10, 20)], frozenset({"a", "b"}))
    assert verdict.is_clean
    assert "2 calls really placed" in verdict.line()


def test_a_call_that_was_never_recorded_is_found() -> None:
    verdict = judge([call("a", 0, 10), call("b", 20, 30)], frozenset({"a"}))
    assert verdict.only_placed == {"b"}
    assert not verdict.is_clean
    assert "CHECK FAILED" in verdict.line()


def test_a_record_without_a_call_is_found() -> None:
    assert judge([], frozenset({"a"})).only_recorded == {"a"}


def test_a_contact_on_the_phone_twice_at_one_time_is_found() -> None:
    calls = [call("a", 0, 10), call("b", 9, 20), call("c", 0, 10, job="j2")]
    assert judge(calls, frozenset("abc")).twice_at_once == {"j1"}


def test_a_call_that_never_ended_overlaps_every_later_one() -> None:
    assert judge([call("a", 0, None), call("b", 50, 60)], frozenset("ab")).twice_at_once == {"j1"}


def test_a_call_that_was_refused_is_none() -> None:
    assert judge([call("a", 0, 10, dialled=False)], frozenset()).is_clean
