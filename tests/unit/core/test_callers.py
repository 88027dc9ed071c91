"""The number a person is called from, and when a number has to rest."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.callers import RestRule
from speechai.core.callers import CallerNumber, CallResult, choose_caller, rest_after
from speechai.core.decision import Denial, Denied
from tests.unit.core.making import SANTIAGO, utc

NOW = utc("2026-11-25T15:00")
SPAM, DEAD = "marked_as_spam", "dial_failed"
POOL = tuple(CallerNumber(number=f"+5622222222{n}") for n in range(5))

RULE = RestRule(
    name="refused",
    title="not put through",
    reasons=frozenset({DEAD, SPAM}),
    window=10,
    within_hours=24,
    least_calls=4,
    share_percent=50,
    rest_minutes=60,
)
LONG = replace(RULE, name="spam", reasons=frozenset({SPAM}), share_percent=25, rest_minutes=1440)

POOLS = st.lists(st.sampled_from(POOL), min_size=1, unique=True)


def chosen(numbers: tuple[CallerNumber, ...], person_id: str = "p", country: str | None = "CL") -> str:
    """The number that is chosen; fails where the call is denied."""
    number = choose_caller(numbers, person_id=person_id, country=country, now=NOW)
    assert isinstance(number, str)
    return number


def resting(number: CallerNumber, minutes: float) -> CallerNumber:
    return replace(number, rested_until=NOW + timedelta(minutes=minutes))


def caller(marks: str, *, counts_from: datetime | None = None, minutes_apart: int = 1) -> CallerNumber:
    """A number whose calls, the last of them just placed, rang (`.`), were refused (`x`) or marked as spam (`s`)."""
    results = tuple(
        CallResult(
            attempt_id=f"a{n}",
            placed_at=NOW - timedelta(minutes=minutes_apart * (len(marks) - 1 - n)),
            failure={".": None, "x": DEAD, "s": SPAM}[mark],
        )
        for n, mark in enumerate(marks)
    )
    return CallerNumber(number="+56222222222", counts_from=counts_from, results=results)


@given(st.text(min_size=1), st.permutations(POOL))
def test_a_person_has_one_number_whatever_the_order_of_the_pool(person_id: str, shuffled: list[CallerNumber]) -> None:
    assert chosen(tuple(shuffled), person_id) == chosen(POOL, person_id)


@pytest.mark.parametrize(("person_id", "last_digit"), [("ana", "0"), ("luis", "3"), ("eva", "0")])
def test_a_person_keeps_the_number_over_releases(person_id: str, last_digit: str) -> None:
    """Pinned: another hash, or another order, would call everybody from a number that they do not know."""
    assert chosen(POOL, person_id)[-1] == last_digit


@given(st.text(min_size=1), st.sampled_from(POOL))
def test_a_number_that_rests_or_leaves_moves_only_its_own_people(person_id: str, away: CallerNumber) -> None:
    before = chosen(POOL, person_id)
    while_resting = chosen(tuple(resting(n, 30) if n is away else n for n in POOL), person_id)
    assert while_resting == chosen(tuple(n for n in POOL if n is not away), person_id)
    assert while_resting != away.number
    if before != away.number:
        assert while_resting == before


def test_people_spread_evenly_over_the_pool() -> None:
    had = Counter(chosen(POOL, f"person {n}") for n in range(5_000))
    assert set(had) == {number.number for number in POOL}
    assert max(had.values()) - min(had.values()) < 250  # a standard deviation is 28


def test_people_of_a_number_that_rests_are_spread_over_all_others() -> None:
    rest = (resting(POOL[0], 1), *POOL[1:])
    moved = [f"person {n}" for n in range(2_000) if chosen(POOL, f"person {n}") == POOL[0].number]
    assert set(Counter(chosen(rest, person_id) for person_id in moved)) == {number.number for number in POOL[1:]}


@pytest.mark.parametrize(
    ("countries", "country", "may"),
    [
        (None, "CL", True),
        (None, None, True),
        ({"CL", "AR"}, "AR", True),
        ({"CL"}, "AR", False),
        ({"CL"}, None, False),
        (set(), "CL", False),
    ],
)
def test_a_number_calls_only_the_countries_that_retell_lets_it_call(
    countries: set[str] | None, country: str | None, may: bool
) -> None:
    number = CallerNumber(number="+56222222222", countries=None if countries is None else frozenset(countries))
    decision = choose_caller([number], person_id="p", country=country, now=NOW)
    assert isinstance(decision, str) is may
    if isinstance(decision, Denied):
        assert (decision.code, decision.next_at) == (Denial.NO_CALLER_NUMBER, None)


def test_a_number_that_retell_no_longer_lists_is_not_called_from() -> None:
    gone, there = replace(POOL[0], is_listed=False), replace(POOL[1], is_listed=True)
    assert {chosen((gone, there), f"p{n}") for n in range(20)} == {there.number}
    assert isinstance(choose_caller([gone], person_id="p", country="CL", now=NOW), Denied)


def test_where_all_rest_the_call_waits_for_the_first_that_may_make_it() -> None:
    elsewhere = replace(resting(POOL[2], 1), countries=frozenset({"AR"}))
    decision = choose_caller(
        [resting(POOL[0], 90), resting(POOL[1], 30), elsewhere], person_id="p", country="CL", now=NOW, zone=SANTIAGO
    )
    assert decision == Denied(
        code=Denial.CALLERS_RESTING,
        facts={"numbers": 2, "next_at": "2026-11-25T12:30:00-03:00"},
        next_at=NOW + timedelta(minutes=30),
    )


@given(POOLS, st.lists(st.integers(-60, 60), min_size=5, max_size=5), st.text(min_size=1))
def test_at_the_instant_that_a_denial_names_somebody_may_be_called(
    pool: list[CallerNumber], minutes: list[int], person_id: str
) -> None:
    pool = [resting(number, wait) for number, wait in zip(pool, minutes, strict=False)]
    decision = choose_caller(pool, person_id=person_id, country="CL", now=NOW)
    if isinstance(decision, Denied):
        assert decision.next_at is not None
        assert decision.next_at > NOW
        again = choose_caller(pool, person_id=person_id, country="CL", now=decision.next_at)
        assert isinstance(again, str)
        before = choose_caller(
            pool, person_id=person_id, country="CL", now=decision.next_at - timedelta(microseconds=1)
        )
        assert isinstance(before, Denied)


def test_an_empty_pool_has_no_number_and_no_facts_to_say_of_it() -> None:
    assert choose_caller([], person_id="p", country="CL", now=NOW) == Denied(
        code=Denial.NO_CALLER_NUMBER, facts={"country": "CL"}
    )


@pytest.mark.parametrize(
    ("marks", "rests"),
    [
        ("", False),
        ("....", False),
        ("xxx", False),  # too few calls to say anything
        ("xxxx", True),
        ("..xx", True),  # exactly the share
        ("...x.x", False),
        ("xxxxxxxxxx.....xxxxx", True),
        ("xxxxxxxxxx......xxxx", False),  # only the window's ten count
        ("x.x.x.x", True),
    ],
)
def test_a_number_rests_from_the_share_of_failures_of_its_latest_calls_on(marks: str, rests: bool) -> None:
    rest = rest_after(caller(marks), [RULE], NOW)
    assert (rest is not None) is rests
    if rest is not None:
        assert rest.until == NOW + timedelta(minutes=60)
        assert rest.failures == sum(mark in "xs" for mark in marks[-10:])
        assert rest.calls == len(marks[-10:])


def test_the_share_is_compared_exactly_in_whole_numbers() -> None:
    """Two of three are less than 67 of a hundred and more than 66."""
    thirds = caller("xx.")
    assert rest_after(thirds, [replace(RULE, least_calls=3, share_percent=67)], NOW) is None
    assert rest_after(thirds, [replace(RULE, least_calls=3, share_percent=66)], NOW) is not None


def test_a_rest_says_what_the_rule_saw() -> None:
    rest = rest_after(caller(".xxxx"), [RULE], NOW)
    assert rest is not None
    assert rest.why == "not put through: 4 of its last 5 calls"


@pytest.mark.parametrize(
    ("marks", "rule"), [("....xxxx", "refused"), ("......ss", "spam"), ("....ssss", "spam"), (".......s", None)]
)
def test_spam_rests_a_number_longer_and_from_fewer_failures_on(marks: str, rule: str | None) -> None:
    rest = rest_after(caller(marks), [RULE, LONG], NOW)
    assert (rest.rule.name if rest else None) == rule
    if rest is not None:
        assert rest.until - NOW == timedelta(minutes=1440 if rule == "spam" else 60)


def test_calls_of_yesterday_do_not_count() -> None:
    assert rest_after(caller("xxxx", minutes_apart=8 * 60), [RULE], NOW) is not None  # the oldest: 24 hours
    assert rest_after(caller("xxxx", minutes_apart=8 * 60 + 1), [RULE], NOW) is None


def test_calls_placed_before_the_number_woke_do_not_send_it_to_rest_again() -> None:
    woke = NOW - timedelta(minutes=2)
    assert rest_after(caller("xxxxxxxx", counts_from=woke), [RULE], NOW) is None
    assert rest_after(caller("xxxxxxxx", counts_from=NOW - timedelta(minutes=3)), [RULE], NOW) is not None


def test_while_a_number_rests_the_calls_that_were_live_do_not_make_it_longer() -> None:
    until = NOW + timedelta(minutes=60)
    assert rest_after(replace(caller("xxxxxxxx", counts_from=until), rested_until=until), [RULE, LONG], NOW) is None


@given(st.text("..xs", min_size=1, max_size=15), st.integers(1, 10), st.integers(1, 100))
def test_one_failure_more_never_keeps_a_number_awake(marks: str, least: int, share: int) -> None:
    """The law of a threshold: what rests with some failures rests with more of them, whichever calls they are."""
    rule = replace(RULE, least_calls=least, share_percent=share)
    chance = random.Random(marks)
    worse = "".join("x" if mark == "." and chance.random() < 0.5 else mark for mark in marks)
    if rest_after(caller(marks), [rule], NOW) is not None:
        assert rest_after(caller(worse), [rule], NOW) is not None


def test_a_number_wakes_at_the_end_of_its_rest_and_not_before() -> None:
    number = resting(POOL[0], 60)
    assert number.is_resting(NOW + timedelta(minutes=60, microseconds=-1))
    assert not number.is_resting(NOW + timedelta(minutes=60))


def test_the_tally_that_is_shown_leaves_out_what_came_before_the_last_rest() -> None:
    assert caller("xx.s").tally() == (3, 4)
    assert caller("xx.s", counts_from=NOW - timedelta(minutes=1)).tally() == (1, 2)


@pytest.mark.parametrize(
    ("numbers", "country", "facts"),
    [
        ((), None, {}),
        ((), "CL", {"country": "CL"}),
        ((replace(POOL[0], countries=frozenset({"AR"})),), "CL", {"numbers": 1, "country": "CL"}),
        ((replace(POOL[0], is_listed=False), replace(POOL[1], is_listed=False)), None, {"numbers": 2}),
    ],
)
def test_where_no_number_may_call_it_is_said_how_many_there_are_and_which_country(
    numbers: tuple[CallerNumber, ...], country: str | None, facts: dict[str, str | int]
) -> None:
    found = choose_caller(numbers, person_id="p", country=country, now=NOW)
    assert found == Denied(code=Denial.NO_CALLER_NUMBER, facts=facts)
