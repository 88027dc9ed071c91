"""`speechai provider`: what it shows of Retell as a whole, and calling again by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from speechai.core.provider import BreakerState
from speechai.store import capacity
from tests.cli.conftest import Command


def test_a_retell_that_is_left_alone_is_shown_with_the_reason_and_closed_by_hand(served: Command) -> None:
    healthy = served("provider", "show", "--json").json
    assert (healthy["state"], healthy["no_call_before"], healthy["calls_per_second"]) == ("closed", None, 1.0)
    now = datetime.now(UTC)
    until = (now + timedelta(minutes=4)).replace(microsecond=0)
    capacity.change_provider(
        served.context().store,
        lambda known: replace(
            known, state=BreakerState.OPEN, rests_until=until, failures=5, openings=4, changed_at=now, why="502: down"
        ),
    )
    shown = served("provider", "show", "--json").json
    assert (shown["state"], shown["failures"], shown["openings"], shown["why"]) == ("open", 5, 4, "502: down")
    assert datetime.fromisoformat(shown["no_call_before"]) == until
    [line] = [check for check in served("doctor", "--json").json if check["subject"] == "breaker"]
    assert line["grade"] == "warning"
    assert "after 5 failures in a row (502: down)" in line["finding"]
    table = served("provider", "show").out
    assert "is left alone" in table
    assert "502: down" in table
    assert served("provider", "close", "--by", "ana").out == "Calls go out again.\n"
    closed = served("provider", "show", "--json").json
    assert (closed["state"], closed["no_call_before"], closed["why"]) == ("closed", None, "closed by ana")
    assert served("provider", "close", "--json").json == {"closed": False}
    assert "breaker" not in {check["subject"] for check in served("doctor", "--json").json}
