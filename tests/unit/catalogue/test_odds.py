"""How calls are assumed to end: the catalogue's table, and what is refused of one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from speechai.catalogue import odds
from speechai.catalogue.odds import load_odds
from speechai.catalogue.outcomes import Retry
from speechai.errors import ConfigurationError

TABLE: dict[str, Any] = {
    "source": "by hand",
    "price_micros_per_minute": 120_000,
    "callback_after_minutes": 60,
    "outcomes": {
        "dial_no_answer": {"share_permille": 750, "ring_seconds": 30},
        "agent_hangup": {"share_permille": 250, "success_permille": 400, "ring_seconds": 5, "talk_seconds": 45},
    },
}


@pytest.fixture(autouse=True)
def read_anew() -> Any:
    load_odds.cache_clear()
    yield
    load_odds.cache_clear()


def given(monkeypatch: pytest.MonkeyPatch, table: dict[str, Any]) -> odds.Odds:
    monkeypatch.setattr(odds, "read_catalogue", lambda _: table)
    return load_odds()


def test_the_catalogue_s_odds_are_whole_and_name_their_source() -> None:
    found = load_odds()
    assert found.weight == 1_000
    assert "assumption" in found.source
    assert all(chance.weight > 0 and chance.line_seconds > 0 for chance in found.chances)
    # An account in trouble ends a campaign; no plan is made for that.
    assert not {chance.row.retry for chance in found.chances} & {Retry.ACCOUNT, Retry.LATER}
    assert 0 < found.success_share < found.contact_share < 1


def test_shares_durations_and_costs_follow_from_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch, TABLE)
    missed, talk = found.chances
    assert (missed.weight, missed.line_seconds, missed.cost_micros) == (750, 30, 0)
    assert (talk.weight, talk.line_seconds, talk.cost_micros) == (250, 50, 90_000)
    assert (found.contact_share, found.success_share) == (0.25, 0.1)
    assert found.callback_after == timedelta(hours=1)


@pytest.mark.parametrize(("attempts", "micros"), [(0, 0), (1, 22_500), (3, 67_500), (1_000_000, 22_500_000_000)])
def test_the_expected_cost_is_the_attempts_mean(monkeypatch: pytest.MonkeyPatch, attempts: int, micros: int) -> None:
    assert given(monkeypatch, TABLE).expected_cost_micros(attempts) == micros


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"outcomes": {"dial_no_answer": {"share_permille": 999, "ring_seconds": 1}}}, "add up to 999, not to 1000"),
        ({"outcomes": {"nonsense": {"share_permille": 1000, "ring_seconds": 1}}}, "no such reason"),
        ({"outcomes": {"dial_busy": {"share_permille": 1000}}}, "'ring_seconds' is missing"),
        ({"outcomes": {"dial_busy": {"share_permille": 1000, "ring_seconds": 1.5}}}, "ring_seconds = 1.5"),
        ({"outcomes": {"dial_busy": {"share_permille": True, "ring_seconds": 1}}}, "share_permille = True"),
        (
            {"outcomes": {"dial_busy": {"share_permille": 1000, "ring_seconds": 1, "talk": 1}}},
            "unknown fields ['talk']",
        ),
        (
            {"outcomes": {"dial_busy": {"share_permille": 1000, "ring_seconds": 1, "success_permille": 1}}},
            "no success so often",
        ),
        (
            {"outcomes": {"user_hangup": {"share_permille": 1000, "ring_seconds": 1, "success_permille": 1001}}},
            "no success so often",
        ),
        ({"price_micros_per_minute": -1}, "price_micros_per_minute = -1"),
        ({"callback_after_minutes": "1"}, "callback_after_minutes = '1'"),
        ({"source": None, "outcomes": []}, "odds.toml"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused_with_its_place(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        given(monkeypatch, {**TABLE, **changes})
    assert words in str(refused.value)
    assert "config/catalogue/odds.toml" in str(refused.value)
