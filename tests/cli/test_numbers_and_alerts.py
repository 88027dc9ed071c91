"""`speechai numbers` and `speechai alerts`: what they show, what they change, and what they refuse."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from speechai.core.callers import CallResult
from speechai.operation.alerts import raise_alert
from speechai.retell.simulator.config import DEFAULT_FROM_NUMBER
from speechai.store import callers
from tests.cli.conftest import CLOSED, Command

NUMBER, OTHER = "+56222222222", "+56233333333"


def call_from(command: Command, marks: str) -> None:
    """Calls from NUMBER, the last of them just now, each of which rang (`.`) or was refused (`x`)."""
    now = datetime.now(UTC)
    for n, mark in enumerate(marks):
        placed = now - timedelta(minutes=len(marks) - n)
        failure = "dial_failed" if mark == "x" else None
        result = CallResult(attempt_id=f"a{n}", placed_at=placed, failure=failure)
        callers.note_result(command.context().store, NUMBER, result, keep=20)


def test_numbers_are_listed_with_their_users_their_failures_and_what_they_may_call(served: Command) -> None:
    call_from(served, "..x.")
    callers.keep_countries(served.context().store, NUMBER, ["CL"], datetime.now(UTC))
    shown = served("numbers", "list", "--json", RETELL_FROM_NUMBER=f"{NUMBER},{OTHER}").json
    assert shown == [
        {
            "number": NUMBER, "used_by": ["*"], "countries": ["CL"], "state": "working", "rested_until": None,
            "rest_reason": None, "calls": 4, "failures": 1, "failure_percent": 25,
        },
        {
            "number": OTHER, "used_by": ["*"], "countries": None, "state": "working", "rested_until": None,
            "rest_reason": None, "calls": 0, "failures": 0, "failure_percent": None,
        },
    ]  # fmt: skip
    table = served("numbers", "list", RETELL_FROM_NUMBER=f"{NUMBER},{OTHER}").out
    assert NUMBER in table
    assert "25 %" in table


def test_a_number_is_sent_to_rest_and_woken(served: Command) -> None:
    pool = {"RETELL_FROM_NUMBER": NUMBER}
    done = served("numbers", "rest", NUMBER, "--minutes", 90, "--because", "marked as spam", "--json", **pool)
    until = datetime.fromisoformat(done.json["rested_until"])
    assert timedelta(minutes=88) < until - datetime.now(UTC) <= timedelta(minutes=90)
    [shown] = served("numbers", "list", "--json", **pool).json
    assert (shown["state"], shown["rest_reason"]) == ("resting", "marked as spam")
    assert "rests until" in served("numbers", "list", **pool).out
    assert served("numbers", "wake", NUMBER, **pool).out == f"{NUMBER} is awake.\n"
    assert served("numbers", "wake", NUMBER, "--json", **pool).json == {"number": NUMBER, "woken": False}
    assert served("numbers", "list", "--json", **pool).json[0]["state"] == "working"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("rest", OTHER, "--because", "x"), 1, "is not a caller number that is known"),
        (("wake", OTHER), 1, "is not a caller number that is known"),
        (("rest", NUMBER), 2, "--because"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    served: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = served("numbers", *arguments, RETELL_FROM_NUMBER=NUMBER)
    assert done.code == code
    assert words in done.message()


def test_the_numbers_of_retell_are_asked_for_and_one_that_is_none_is_shown_and_told(served: Command) -> None:
    assert served("numbers", "refresh", RETELL_FROM_NUMBER=NUMBER).code == 0
    states = {one["number"]: one["state"] for one in served("numbers", "list", "--json").json}
    assert states == {NUMBER: "unlisted", DEFAULT_FROM_NUMBER: "working"}
    assert "not listed by Retell" in served("numbers", "list").out
    [alert] = served("alerts", "list", "--json").json
    assert (alert["kind"], alert["subject"], alert["count"]) == ("caller_unknown", NUMBER, 1)


def test_without_a_key_or_an_answer_the_numbers_cannot_be_asked_for(served: Command) -> None:
    real = served("numbers", "refresh", RETELL_BASE_URL="https://api.retellai.com", RETELL_API_KEY="")
    assert real.code == 2
    assert "RETELL_API_KEY is not set" in real.message()
    closed = served("numbers", "refresh", RETELL_BASE_URL=f"http://{CLOSED}")
    assert closed.code == 1
    assert "could not" in closed.message() or "no complete answer" in closed.message()


def test_alerts_are_listed_acknowledged_and_open_again_when_they_are_raised_again(served: Command) -> None:
    context, now = served.context(), datetime.now(UTC)
    for subject in ("bank", "shop"):
        raise_alert(context, "callers_resting", subject, f"{subject}: every number rests", now)
    shown = served("alerts", "list", "--json").json
    assert {(alert["subject"], alert["count"]) for alert in shown} == {("bank", 1), ("shop", 1)}
    assert "bank: every number rests" in served("alerts", "list").out
    first = next(alert["id"] for alert in shown if alert["subject"] == "bank")
    assert served("alerts", "ack", first, "--by", "ana", "--json").json == {"acknowledged": [first]}
    assert [alert["subject"] for alert in served("alerts", "list", "--json").json] == ["shop"]
    everything = served("alerts", "list", "--all", "--json").json
    assert {alert["subject"]: alert["acknowledged_by"] for alert in everything} == {"bank": "ana", "shop": None}
    raise_alert(context, "callers_resting", "bank", "again", now)
    assert len(served("alerts", "list", "--json").json) == 2
    assert served("alerts", "ack", "--all").out == "2 of 2 alerts acknowledged.\n"
    assert served("alerts", "list").out == "No open alerts.\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("ack", "x", "--all"), 2, "name the alerts, or give --all"),
        (("ack", "2026-11-25/none/here"), 1, "there is no alert '2026-11-25/none/here'"),
    ],
)
def test_an_alert_that_is_not_there_is_refused_in_words(
    served: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = served("alerts", *arguments)
    assert done.code == code
    assert words in done.message()
