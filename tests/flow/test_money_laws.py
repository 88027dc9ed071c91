"""The checker of law 7 finds what is planted: money that does not add up, and what is held for nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .evidence import Evidence
from .laws import violations
from .planting import COST, DAY, LIMITS, MONDAY, Planted, an_entry, assert_found, healthy, words_of


def more_lines_than_the_account_has(seen: Evidence) -> None:
    seen.accounts[0].update(concurrency=1, lines_free=1)


def a_cost_that_is_asked_for_ever(seen: Evidence) -> None:
    seen.attempts[1]["next_poll_at"] = seen.now
    seen.now += 4 * DAY


def a_call_without_a_charge(seen: Evidence) -> None:
    seen.ledger.pop()
    seen.accounts[0].update(balance=1_000_000, free=1_000_000)


def a_charge_of_a_call_that_cost_nothing(seen: Evidence) -> None:
    seen.ledger[1].update(attempt_id="a1", key="settle:a1")


def a_charge_for_no_call(seen: Evidence) -> None:
    seen.ledger[1].update(attempt_id="a9")


def dollars_for_cents(seen: Evidence) -> None:
    seen.ledger[1]["amount"] *= 100
    seen.accounts[0].update(balance=1_000_000 - 100 * COST, free=1_000_000 - 100 * COST)


def charged_twice(seen: Evidence) -> None:
    seen.ledger.append({**seen.ledger[1], "_id": "another"})
    seen.accounts[0].update(balance=1_000_000 - 2 * COST, free=1_000_000 - 2 * COST)


def held_for_a_call(seen: Evidence) -> None:
    seen.accounts[0].update(reserved=5, free=1_000_000 - COST - 5, reservations={"a1": {"amount": 5}})


def a_day_of_one_call(seen: Evidence) -> None:
    seen.accounts[0]["calls_a_day"] = 1


def a_day_of_a_cent(seen: Evidence) -> None:
    seen.accounts[0]["day_budget"] = 10_000


def a_batch_of_a_cent(seen: Evidence) -> None:
    seen.batches[0]["budget_micros"] = 10_000


PLANTED: list[Planted] = [
    (7, "main had 2 live calls of 1", more_lines_than_the_account_has),
    (7, "slot 0 is held", lambda seen: seen.slots[0].update(attempt_id="a1")),
    (7, "the turn of p1", lambda seen: seen.people[0].update(live_attempt_id="a1")),
    (7, "the turn of +56911111111", lambda seen: seen.phones[0].update(live_attempt_id="a1")),
    (7, "is in_progress", lambda seen: seen.jobs[0].update(status="in_progress")),
    (7, "is unknown", lambda seen: seen.attempts[0].update(state="unknown")),
    (7, "its ledger says", lambda seen: seen.accounts[0].update(balance=7, free=7)),
    (7, "moves -43340.0", lambda seen: seen.ledger[1].update(amount=-43340.0)),
    (7, "has balance 956660.0", lambda seen: seen.accounts[0].update(balance=956660.0)),
    (7, "has 1 free of", lambda seen: seen.accounts[0].update(free=1)),
    (7, "5 reserved for ['a1']", held_for_a_call),
    (7, "9 reserved and {}", lambda seen: seen.accounts[0].update(reserved=9)),
    (7, "entries that the ledger waits for", lambda seen: seen.accounts[0].update(outbox=[seen.ledger[1]])),
    (7, "1 lines free of 2", lambda seen: seen.accounts[0].update(lines_free=1)),
    (7, "does not exist", lambda seen: seen.accounts.clear()),
    (7, "attempt a2 is charged 0, its call cost 43340", a_call_without_a_charge),
    (7, "attempt a1 is charged 43340, its call cost 0", a_charge_of_a_call_that_cost_nothing),
    (7, "attempt a2 is charged 4334000, its call cost 43340", dollars_for_cents),
    (7, "attempt a2 is charged 43340, its call cost 20", lambda seen: seen.accounts[0].update(plan="minutes")),
    (7, "its cost is still asked for", a_cost_that_is_asked_for_ever),
    (7, "is charged 43340 for no call", a_charge_for_no_call),
    (7, "a call of another account", lambda seen: seen.attempts[1].update(account_id="other")),
    (7, "2 ledger entries settle:a2", charged_twice),
    (7, "made 2 calls of 1 on 2026-11-23", a_day_of_one_call),
    (7, "spent 43340 of 10000 on 2026-11-23", a_day_of_a_cent),
    (7, "cost 43340 of its 10000", a_batch_of_a_cent),
]  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=words_of)
def test_a_planted_violation_is_found(planted: Planted) -> None:
    assert_found(planted)


@pytest.mark.parametrize(("seconds", "found"), [(9, 0), (11, 1)], ids=["while it was on its way", "before it"])
def test_a_call_whose_money_was_reserved_before_another_cost_too_much_is_none_for_an_empty_account(
    seconds: int, found: int
) -> None:
    """The account is charged all that it has, so many seconds before the call."""
    seen = healthy()
    seen.calls.pop()
    empties = an_entry("correct:a0", -1_000_000, MONDAY - timedelta(seconds=seconds), "adjustment")
    seen.ledger.append(empties)
    empty = [one for one in violations(seen, LIMITS) if one.found_by == "nobody_for_an_empty_account"]
    assert len(empty) == found
