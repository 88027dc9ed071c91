"""Shares, tallies, money and text: the figures of a report."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.model import AttemptState
from speechai.operation.reports.figures import Kind, one_line, shown, usd
from speechai.operation.reports.tally import Share, Tally, micros_each
from speechai.retell.costs import product_costs
from tests.unit.reports.examples import group, talk


def test_a_share_of_nothing_is_no_share() -> None:
    assert Share(part=0, whole=0).fraction is None
    assert Share(part=0, whole=0).interval is None


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    # Wilson's interval, computed by hand from its formula: 0 of 10, 5 of 10, 10 of 10.
    [(0, 10, 0.0, 0.27754), (5, 10, 0.23659, 0.76341), (10, 10, 0.72246, 1.0)],
)
def test_few_calls_have_a_wide_interval(part: int, whole: int, low: float, high: float) -> None:
    interval = Share(part=part, whole=whole).interval
    assert interval is not None
    assert interval == pytest.approx((low, high), abs=1e-5)


@given(whole=st.integers(1, 10**7), data=st.data())
def test_the_interval_holds_the_share_and_stays_a_rate(whole: int, data: st.DataObject) -> None:
    share = Share(part=data.draw(st.integers(0, whole)), whole=whole)
    assert share.fraction is not None
    assert share.interval is not None
    low, high = share.interval
    assert 0 <= low <= share.fraction + 1e-12
    assert share.fraction - 1e-12 <= high <= 1


@pytest.mark.parametrize(
    ("micros", "count", "each"), [(10, 4, 3), (10, 3, 3), (5, 2, 3), (4, 3, 1), (7, 0, None), (0, 3, 0)]
)
def test_cost_of_one_is_the_nearest_micro_and_half_goes_up(micros: int, count: int, each: int | None) -> None:
    assert micros_each(micros, count) == each


def test_a_tally_counts_only_finished_calls_that_were_dialled_but_all_costs() -> None:
    tally = Tally.of(
        [
            group(attempts=3),
            talk(success=True),
            talk(outcome="provider_error", cost_micros=5),
            group(counted=False, cost_micros=7, costed=1),
            talk(state=AttemptState.ENDED),
            group(state=AttemptState.REFUSED, counted=False),
        ]
    )
    assert tally == Tally(
        attempts=5,
        contacts=2,
        conversations=1,
        right_party=1,
        unconfirmed=1,
        successes=1,
        talk_ms=90_000,
        timed=1,
        cost_micros=195_012,
    )
    assert tally.contact_rate.fraction == 0.4
    assert tally.right_party_rate.fraction == 0.2
    assert tally.handle_seconds == 90.0


def test_tallies_of_different_calls_add_up_to_the_tally_of_all() -> None:
    calls = [talk(right_person=True), talk(outcome="third_party"), group(attempts=3), talk(success=True, timed=0)]
    assert Tally.sum_of(Tally.of([one]) for one in calls) == Tally.of(calls)
    assert Tally.sum_of([]) == Tally()


def test_an_empty_tally_has_no_rates() -> None:
    assert Tally().contact_rate.fraction is None
    assert Tally().handle_seconds is None


@pytest.mark.parametrize(
    ("cost", "lines"),
    [
        (None, []),
        ({}, []),
        ({"product_costs": "free"}, []),
        ({"product_costs": [None, 3, {"product": "x"}, {"product": "x", "cost": "dear"}]}, []),
        ({"product_costs": [{"product": "voice", "cost": 12.3}]}, [("voice", 123_000)]),
        ({"product_costs": [{"product": "voice", "cost": 0.1 + 0.2}]}, [("voice", 3_000)]),
        ({"product_costs": [{"cost": 1}]}, [("unnamed", 10_000)]),
        (
            {"product_costs": [{"product": "voice", "cost": 1}, {"product": "llm", "cost": 2}] * 2},
            [("llm", 40_000), ("voice", 20_000)],
        ),
    ],
)
def test_product_costs_become_whole_micros(cost: Any, lines: list[tuple[str, int]]) -> None:
    assert product_costs(cost) == [{"product": product, "micros": micros} for product, micros in lines]


@given(st.integers(-(10**15), 10**15))
def test_dollars_as_text_lose_no_micro(micros: int) -> None:
    assert Decimal(usd(micros)) * 1_000_000 == micros


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (Kind.COUNT, 12345, "12,345"),
        (Kind.RATE, 0.12345, "12.3 %"),
        (Kind.RATE, None, "-"),
        (Kind.INTERVAL, (0.104, 0.376), "10 – 38 %"),
        (Kind.MONEY, 0, "USD 0.00"),
        (Kind.MONEY, 66_200, "USD 0.0662"),
        (Kind.MONEY, 27_084_567, "USD 27.08"),
        (Kind.SECONDS, 95.4, "1:35"),
        (Kind.SECONDS, 3600, "60:00"),
        (Kind.AMOUNT, Decimal("45990"), "45,990"),
        (Kind.AMOUNT, Decimal("1234.5"), "1,234.50"),
        (Kind.AMOUNT, "unas 30 lucas", "unas 30 lucas"),
        (Kind.DAY, date(2026, 11, 9), "2026-11-09"),
        (Kind.INSTANT, datetime(2026, 11, 9, 9, 5), "2026-11-09 09:05"),  # noqa: DTZ001
        (Kind.TEXT, "", "-"),
        (Kind.TEXT, "Ana\x1b[2J\nRojas\u202e", "Ana [2J Rojas"),
    ],
)
def test_figures_as_text(kind: Kind, value: Any, text: str) -> None:
    assert shown(kind, value) == text


@given(st.text())
def test_text_from_outside_stays_on_one_line_and_moves_no_cursor(text: str) -> None:
    assert one_line(text).isprintable()
