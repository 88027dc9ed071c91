"""When what ended is started again: the table, and the laws that hold for any row of ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.embedded.restarts import (
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    MOST_FAILED_STARTS,
    START_SECONDS,
    STEADY_SECONDS,
    Life,
    after_end,
)

GIVEN_UP = None


def waits_after(*runs: float) -> list[float | None]:
    """The wait after each of these runs (seconds that each lasted), up to the one that gives up."""
    now, life, waits = 1_000.0, Life(started_at=1_000.0), list[float | None]()
    for lasted in runs:
        now += lasted
        verdict = after_end(life, at=now)
        waits.append(verdict.wait_seconds)
        if verdict.wait_seconds is None:
            break
        now += verdict.wait_seconds
        life = verdict.life.again(now)
    return waits


@pytest.mark.parametrize(
    ("runs", "waits"),
    [
        pytest.param([20.0], [1], id="the first restart comes soon"),
        pytest.param([20.0] * 7, [1, 2, 4, 8, 16, 30, 30], id="each wait is twice the one before, up to 30 s"),
        pytest.param([20.0, 20.0, 60.0, 20.0], [1, 2, 1, 2], id="a minute up begins the waits anew"),
        pytest.param([20.0, 20.0, 59.9], [1, 2, 4], id="less than a minute does not"),
        pytest.param([0.1] * 9, [1, 2, 4, 8, GIVEN_UP], id="the fifth failed start in a row is the last"),
        pytest.param([4.9] * 9, [1, 2, 4, 8, GIVEN_UP], id="a start that fails late is one as well"),
        pytest.param([5.0] * 6, [1, 2, 4, 8, 16, 30], id="what has run for a while did start"),
        pytest.param([0.1] * 4 + [10.0] + [0.1] * 4, [1, 2, 4, 8, 16, 30, 30, 30, 30], id="a start in between counts"),
        pytest.param([0.1] * 4 + [90.0] + [0.1] * 5, [1, 2, 4, 8, 1, 2, 4, 8, 16, GIVEN_UP], id="well, then not"),
    ],
)
def test_waits_grow_begin_anew_and_end(runs: list[float], waits: list[float | None]) -> None:
    assert waits_after(*runs) == waits


def test_restarts_are_counted_over_the_whole_life() -> None:
    life = Life(started_at=0.0)
    for n in range(1, 4):
        life = after_end(life, at=life.started_at + 100).life.again(life.started_at + 101)
        assert life.restarts == n


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=60))
def test_no_wait_is_outside_its_bounds_and_only_failed_starts_in_a_row_give_up(runs: list[float]) -> None:
    waits = waits_after(*runs)
    assert all(FIRST_WAIT_SECONDS <= wait <= LONGEST_WAIT_SECONDS for wait in waits if wait is not None)
    if waits and waits[-1] is GIVEN_UP:
        # The clock's sums are floats: a run exactly at the bound may be judged either way.
        assert all(lasted < START_SECONDS + 1e-6 for lasted in runs[len(waits) - MOST_FAILED_STARTS : len(waits)])
    else:
        assert len(waits) == len(runs)
    for lasted, wait in zip(runs, waits, strict=False):
        if lasted > STEADY_SECONDS + 1e-6:
            assert wait == FIRST_WAIT_SECONDS


def test_years_of_short_runs_are_no_overflow() -> None:
    assert after_end(Life(started_at=0.0, short_runs=10**6), at=20.0).wait_seconds == LONGEST_WAIT_SECONDS
