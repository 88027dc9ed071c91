"""The thresholds of the caller numbers: the table that is shipped, and tables that are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from speechai.catalogue.callers import failure_of, kept_results, load_rest_rules, read_rules, says_of_the_caller
from speechai.catalogue.outcomes import Outcome, load_outcomes
from speechai.errors import ConfigurationError

NUMBER_FAULTS = {
    "dial_failed",
    "marked_as_spam",
    "network_blocked",
    "telephony_provider_permission_denied",
    "telephony_provider_unavailable",
    "sip_routing_error",
}


def test_what_the_trunk_refuses_counts_against_the_number_and_nothing_else_does() -> None:
    refused = {reason for reason, row in load_outcomes().items() if row.outcome is Outcome.REFUSED_BY_TRUNK}
    assert refused == NUMBER_FAULTS
    assert {reason for reason, row in load_outcomes().items() if failure_of(row) is not None} == NUMBER_FAULTS


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("user_hangup", True),
        ("dial_no_answer", True),
        ("voicemail_reached", True),
        ("user_declined", True),
        ("error_asr", True),  # somebody had picked up
        ("dial_failed", True),
        ("invalid_destination", False),  # the fault of the number that was called
        ("concurrency_limit_reached", False),
        ("credit_exhausted", False),
        ("error_retell", False),
        ("manual_stopped", False),
        ("unknown", False),
        ("request_refused_for_the_account", False),
    ],
)
def test_a_call_says_something_of_its_number_where_it_rang_or_the_network_refused_it(reason: str, says: bool) -> None:
    assert says_of_the_caller(load_outcomes()[reason]) is says


def test_spam_rests_longer_than_any_other_failure() -> None:
    rests = {rule.name: rule.rest_minutes for rule in load_rest_rules()}
    assert max(rests, key=rests.__getitem__) == "spam"
    assert "marked_as_spam" in next(rule for rule in load_rest_rules() if rule.name == "spam").reasons


def test_as_many_results_are_kept_as_the_widest_rule_looks_at() -> None:
    assert kept_results() == max(rule.window for rule in load_rest_rules())


GOOD: dict[str, Any] = {
    "title": "t",
    "reasons": ["dial_failed"],
    "window": 20,
    "within_hours": 24,
    "least_calls": 10,
    "share_percent": 50,
    "rest_minutes": 60,
}


def test_a_rule_is_read_field_by_field() -> None:
    [rule] = read_rules({"refused": GOOD})
    assert (rule.name, rule.title, rule.reasons) == ("refused", "t", {"dial_failed"})
    assert (rule.window, rule.least_calls, rule.share_percent) == (20, 10, 50)
    assert (rule.rest, rule.memory) == (timedelta(hours=1), timedelta(days=1))


@pytest.mark.parametrize("name", ["window", "least_calls", "share_percent", "rest_minutes", "within_hours"])
def test_the_least_that_a_number_may_be_is_one(name: str) -> None:
    [rule] = read_rules({"refused": {**GOOD, "least_calls": 1, name: 1}})
    assert getattr(rule, name) == 1


@pytest.mark.parametrize(
    ("name", "most"),
    [("window", 200), ("least_calls", 200), ("share_percent", 100), ("rest_minutes", 525_600), ("within_hours", 744)],
)
def test_the_most_that_a_number_may_be(name: str, most: int) -> None:
    [rule] = read_rules({"refused": {**GOOD, "window": 200, name: most}})
    assert getattr(rule, name) == most
    with pytest.raises(ConfigurationError, match=f"{name} = {most + 1}"):
        read_rules({"refused": {**GOOD, "window": 200, name: most + 1}})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window": 0}, "window = 0"),
        ({"window": 201}, "window = 201"),
        ({"window": 20.0}, "window = 20.0"),
        ({"share_percent": 101}, "share_percent = 101"),
        ({"share_percent": 0}, "share_percent = 0"),
        ({"least_calls": True}, "least_calls = True"),
        ({"least_calls": 21}, "window of 20"),
        ({"rest_minutes": "60"}, "rest_minutes = '60'"),
        ({"rest_minutes": -1}, "rest_minutes = -1"),
        ({"within_hours": 0}, "within_hours = 0"),
        ({"reasons": []}, "must be a list"),
        ({"reasons": "dial_failed"}, "must be a list"),
        ({"reasons": ["dial_fialed"]}, "'dial_fialed' is no row"),
        ({"reasons": ["dial_busy"]}, "'dial_busy' ends a call that rang"),
        ({"rest_minute": 5}, "unknown fields ['rest_minute']"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_the_field_and_its_value(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read_rules({"refused": {**GOOD, **changes}})
    assert words in str(refused.value)
    assert "[refused] in config/catalogue/callers.toml" in str(refused.value)


@pytest.mark.parametrize("missing", GOOD)
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{missing}' is missing"):
        read_rules({"refused": {name: value for name, value in GOOD.items() if name != missing}})


def test_a_rule_that_is_no_table_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="is not a table"):
        read_rules({"window": 20})


def test_without_rules_nothing_ever_rests() -> None:
    assert read_rules({}) == ()
