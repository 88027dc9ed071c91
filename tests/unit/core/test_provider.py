"""The breaker and the pace: what each signal makes of them, and the laws that hold whatever signals come."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechai.core.provider import (
    LEAST_SHARE,
    LONGEST_HOLD,
    NOBODY,
    BreakerState,
    Provider,
    ProviderRules,
    Rest,
    Signal,
    after_signal,
    may_start,
    next_start,
    rate_share,
    room_for_starts,
)

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)
RULES = ProviderRules(
    failures=3,
    rest=timedelta(seconds=30),
    longest_rest=timedelta(seconds=100),
    trial=timedelta(seconds=60),
    recovery=timedelta(seconds=120),
)
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
OPENED = Provider(
    state=OPEN, rests_until=NOW + timedelta(seconds=30), failures=3, openings=1, changed_at=BEFORE, why="502"
)
TRIED = replace(OPENED, state=HALF_OPEN, trial_id="trial", trial_until=NOW + timedelta(seconds=60))
WAIT = timedelta(seconds=5)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def told(provider: Provider, signal: Signal, attempt_id: str = "a", **options: Any) -> Provider:
    return after_signal(provider, signal, attempt_id, options.pop("now", NOW), RULES, **options)


@pytest.mark.parametrize("signal", [Signal.ACCEPTED, Signal.ANSWERED, Signal.SLOW_DOWN])
def test_only_troubles_in_a_row_open_it(signal: Signal) -> None:
    provider = told(told(Provider(), Signal.TROUBLE), Signal.TROUBLE)
    assert (provider.state, provider.failures) == (CLOSED, 2)
    interrupted = told(told(provider, signal), Signal.TROUBLE)
    assert (interrupted.state, interrupted.failures) == (CLOSED, 1)
    opened = told(provider, Signal.TROUBLE, why="502")
    assert opened == Provider(
        state=OPEN, rests_until=NOW + seconds(30), failures=3, openings=1, changed_at=NOW, why="502"
    )


def test_a_healthy_provider_learns_nothing_from_an_accepted_call() -> None:
    assert told(Provider(), Signal.ACCEPTED) == Provider()
    assert told(Provider(), Signal.ANSWERED) == Provider()


@pytest.mark.parametrize(("openings", "rest"), [(1, 60), (2, 100), (3, 100), (5000, 100)])
def test_a_trial_that_fails_doubles_the_rest_up_to_the_longest(openings: int, rest: int) -> None:
    again = told(replace(TRIED, openings=openings), Signal.TROUBLE, "trial")
    assert (again.state, again.trial_id, again.trial_until) == (OPEN, None, None)
    assert (again.rests_until, again.openings, again.failures) == (NOW + seconds(rest), openings + 1, 4)
    assert again.changed_at == BEFORE  # calls do not go out since then


@pytest.mark.parametrize("signal", [Signal.ACCEPTED, Signal.ANSWERED, Signal.SLOW_DOWN])
def test_a_trial_that_is_answered_closes_it(signal: Signal) -> None:
    closed = told(TRIED, signal, "trial")
    assert (closed.state, closed.failures, closed.openings, closed.changed_at) == (CLOSED, 0, 0, NOW)
    assert (closed.rests_until, closed.trial_id, closed.trial_until) == (None, None, None)
    assert (rate_share(closed, NOW, RULES) < 1) is (signal is Signal.SLOW_DOWN)


@pytest.mark.parametrize("provider", [OPENED, TRIED], ids=["open", "half-open"])
@pytest.mark.parametrize("signal", [Signal.ACCEPTED, Signal.ANSWERED, Signal.TROUBLE])
def test_a_late_answer_to_a_request_from_before_the_opening_moves_nothing(provider: Provider, signal: Signal) -> None:
    assert told(provider, signal, "old") == provider


def test_a_trouble_counts_only_under_the_closing_under_which_its_request_was_begun() -> None:
    closed = told(TRIED, Signal.ACCEPTED, "trial")
    for seen in (Provider(), replace(Provider(), changed_at=NOW + seconds(9)), TRIED):
        assert told(closed, Signal.TROUBLE, "old", seen=seen) == closed
    assert told(closed, Signal.TROUBLE, "new", seen=closed).failures == 1
    assert told(closed, Signal.TROUBLE, "of nobody").failures == 1


@pytest.mark.parametrize("provider", [OPENED, TRIED, Provider()], ids=["open", "half-open", "closed"])
def test_a_wish_for_fewer_calls_is_kept_whenever_it_comes(provider: Provider) -> None:
    slowed = told(provider, Signal.SLOW_DOWN, "old", retry_after=seconds(20))
    assert (slowed.state, slowed.share, slowed.held_until) == (provider.state, 0.5, NOW + seconds(20))


def test_a_wish_to_wait_is_never_shortened_and_never_longer_than_the_longest() -> None:
    held = told(Provider(), Signal.SLOW_DOWN, retry_after=seconds(50))
    assert told(held, Signal.SLOW_DOWN, retry_after=seconds(10)).held_until == NOW + seconds(50)
    assert told(held, Signal.SLOW_DOWN).held_until == NOW + seconds(50)
    assert told(held, Signal.SLOW_DOWN, retry_after=timedelta(days=3)).held_until == NOW + LONGEST_HOLD
    mistaken = replace(held, held_until=NOW + timedelta(days=1))
    assert told(mistaken, Signal.SLOW_DOWN, retry_after=seconds(10)).held_until == NOW + seconds(10)


@pytest.mark.parametrize(
    ("after", "share"),
    [(0, 0.5), (4.9, 0.5 + 4.9 / 120), (5, (0.5 + 5 / 120) / 2), (30, 0.375), (60, 0.5), (600, 0.5), (-30, 0.25)],
)
def test_refusals_that_come_together_halve_the_rate_once(after: float, share: float) -> None:
    """A host whose clock is half a minute behind halves it as well."""
    once = told(Provider(), Signal.SLOW_DOWN)
    now = NOW + seconds(after)
    assert rate_share(told(once, Signal.SLOW_DOWN, now=now), now, RULES) == pytest.approx(share)


@pytest.mark.parametrize(("after", "share"), [(-50, 0.5), (0, 0.5), (30, 0.75), (60, 1.0), (9999, 1.0), (-61, 1.0)])
def test_the_rate_grows_back_with_the_time_alone(after: float, share: float) -> None:
    """More than a minute ahead is a clock that has been put right since: it slows nobody down."""
    assert rate_share(told(Provider(), Signal.SLOW_DOWN), NOW + seconds(after), RULES) == pytest.approx(share)


def test_however_often_it_asks_for_fewer_a_little_of_the_rate_is_left() -> None:
    rules, provider = replace(RULES, recovery=timedelta(days=1)), Provider()
    for n in range(12):
        provider = after_signal(provider, Signal.SLOW_DOWN, "a", NOW + seconds(5 * n), rules)
    assert provider.share == LEAST_SHARE


HELD = replace(Provider(), held_until=NOW + seconds(240))
STARTS: list[tuple[str, Provider, float, Rest | BreakerState]] = [
    ("closed", Provider(), 0, CLOSED),
    ("open", OPENED, 29.9, Rest(until=NOW + seconds(30), failures=3, is_tried=False)),
    ("the rest is over", OPENED, 30, HALF_OPEN),
    ("a rest of a clock put right", OPENED, -100 - 61, HALF_OPEN),
    ("another is the trial", TRIED, 59.9, Rest(until=NOW + seconds(60), failures=3, is_tried=True)),
    ("the trial's worker has died", TRIED, 60, HALF_OPEN),
    ("a pause asked for", HELD, 239, Rest(until=NOW + seconds(240), failures=0, is_tried=False)),
    ("the pause is over", HELD, 240, CLOSED),
    ("a pause of a clock put right", HELD, -3700, CLOSED),
    (
        "a pause asked for while it rests",
        replace(OPENED, held_until=NOW + seconds(50)),
        40,
        Rest(until=NOW + seconds(50), failures=0, is_tried=False),
    ),
]


@pytest.mark.parametrize(("name", "provider", "after", "expected"), STARTS, ids=[row[0] for row in STARTS])
def test_who_may_start(name: str, provider: Provider, after: float, expected: Rest | BreakerState) -> None:
    now = NOW + seconds(after)
    answer = may_start(provider, "new", now, RULES)
    if isinstance(expected, Rest):
        assert answer == expected
        return
    assert isinstance(answer, Provider)
    assert answer.state is expected
    if expected is HALF_OPEN:
        assert (answer.trial_id, answer.trial_until) == ("new", now + RULES.trial)
    else:
        assert answer == provider


def test_the_trial_may_ask_again_and_is_held_up_only_by_a_pause() -> None:
    assert may_start(TRIED, "trial", NOW, RULES) == TRIED
    held = told(TRIED, Signal.SLOW_DOWN, "old", retry_after=seconds(7))
    assert may_start(held, "trial", NOW, RULES) == Rest(until=NOW + seconds(7), failures=0, is_tried=False)


SLOW = replace(Provider(), share=0.1, share_at=NOW)
ROOMS: list[tuple[str, Provider, float, int]] = [
    ("idle", Provider(), 1, 5),
    ("idle, and more than one a second", Provider(), 20, 100),
    ("idle, and less than one a second", Provider(), 0.5, 3),
    ("open", OPENED, 1, 0),
    ("a trial is due", replace(OPENED, rests_until=NOW), 1, 1),
    ("a trial is under way", TRIED, 1, 0),
    ("held", HELD, 1, 0),
    ("slowed down", SLOW, 1, 1),
    ("slowed down, the next start within reach", replace(SLOW, last_start_at=NOW - seconds(6)), 1, 1),
    ("slowed down, the next start out of reach", replace(SLOW, last_start_at=NOW - seconds(4)), 1, 0),
    ("given out two seconds ahead", replace(Provider(), last_start_at=NOW + seconds(1)), 1, 4),
    ("given out five seconds ahead", replace(Provider(), last_start_at=NOW + seconds(4)), 1, 1),
    ("given out for longer", replace(Provider(), last_start_at=NOW + seconds(4.5)), 1, 0),
    ("a trial is due, the start out of reach", replace(OPENED, rests_until=NOW, last_start_at=NOW), 0.1, 0),
]


@pytest.mark.parametrize(("name", "provider", "rate", "room"), ROOMS, ids=[row[0] for row in ROOMS])
def test_so_many_are_handed_out_as_find_a_start(name: str, provider: Provider, rate: float, room: int) -> None:
    assert room == room_for_starts(provider, NOW, RULES, per_second=rate, longest_wait=WAIT, until_next_look=seconds(5))


def test_a_look_every_minute_hands_out_the_starts_of_a_minute() -> None:
    room = room_for_starts(Provider(), NOW, RULES, per_second=2, longest_wait=WAIT, until_next_look=seconds(60))
    assert room == 120


# The laws: any sequence of asking for a start, of answers in any order, and of time that passes.

_events = st.lists(
    st.tuples(
        st.sampled_from(["start", "end", "end", "die"]),
        st.integers(0, 11),
        st.sampled_from(Signal),
        st.sampled_from([0.0, 0.0, 0.3, 2.0, 11.0, 40.0, 130.0]),
        st.sampled_from([None, None, 3.0, 90.0, 5000.0]),
    ),
    max_size=60,
)


class Workers:
    """Requests under way, as the store and its callers play them; checks the laws at each event."""

    def __init__(self) -> None:
        self.provider, self.now, self.made = Provider(), NOW, 0
        self.live: dict[str, Provider] = {}
        self.trials: dict[str, datetime] = {}
        self.starts: list[datetime] = []

    def start(self, rate: float) -> None:
        self.made += 1
        attempt_id = f"a{self.made}"
        begun = may_start(self.provider, attempt_id, self.now, RULES)
        if isinstance(begun, Rest):
            assert self.now < begun.until <= self.now + max(LONGEST_HOLD, RULES.longest_rest, RULES.trial)
            return
        at = next_start(self.provider, self.now, RULES, per_second=rate, longest_wait=WAIT)
        if at - self.now > WAIT:
            return
        assert begun.held_until is None or begun.held_until <= self.now
        if begun.state is not CLOSED:
            assert begun.trial_id == attempt_id
            assert all(until <= self.now for until in self.trials.values())
            self.trials[attempt_id] = self.now + RULES.trial
        self.provider = replace(begun, last_start_at=at)
        self.live[attempt_id] = begun
        self.starts.append(at)

    def end(self, place: int, signal: Signal, retry_after: float | None) -> None:
        if not self.live:
            return
        attempt_id = list(self.live)[place % len(self.live)]
        seen, before = self.live.pop(attempt_id), self.provider
        wish = None if retry_after is None else seconds(retry_after)
        self.provider = told(before, signal, attempt_id, now=self.now, retry_after=wish, seen=seen)
        if before.state is not CLOSED and before.trial_id != attempt_id:
            assert self.provider.state is before.state
        self.trials.pop(attempt_id, None)

    def check(self) -> None:
        provider = self.provider
        assert 0 < LEAST_SHARE <= provider.share <= 1
        assert 0 < rate_share(provider, self.now, RULES) <= 1
        assert rate_share(provider, self.now + RULES.recovery, RULES) == 1
        assert (provider.state is CLOSED) is (provider.openings == 0) is (provider.rests_until is None)
        assert (provider.state is HALF_OPEN) is (provider.trial_id is not None)
        # However long nothing is heard: a call may start again after the longest of the waits.
        later = self.now + max(LONGEST_HOLD, RULES.longest_rest, RULES.trial)
        assert isinstance(may_start(provider, NOBODY, later, RULES), Provider)


@settings(max_examples=150, deadline=None)
@given(events=_events, rate=st.sampled_from([0.02, 0.5, 1.0, 7.0]))
def test_one_trial_at_a_time_starts_as_far_apart_as_the_rate_says_and_no_rest_without_an_end(
    events: list[tuple[str, int, Signal, float, float | None]], rate: float
) -> None:
    workers = Workers()
    for kind, place, signal, passes, retry_after in events:
        workers.now += seconds(passes)
        if kind == "start":
            workers.start(rate)
        elif kind == "end":
            workers.end(place, signal, retry_after)
        elif workers.live:  # its worker is gone, and with it the signal
            workers.live.pop(list(workers.live)[place % len(workers.live)])
        workers.check()
    for earlier, later in pairwise(workers.starts):
        assert later - earlier >= timedelta(seconds=1 / rate)


def test_no_instant_of_a_clock_that_was_wrong_stops_the_calls() -> None:
    wrong = NOW + timedelta(days=1)
    for provider in (
        replace(OPENED, rests_until=wrong),
        replace(TRIED, trial_until=wrong),
        replace(HELD, held_until=wrong),
        replace(SLOW, share_at=wrong),
        replace(Provider(), last_start_at=wrong),
    ):
        assert room_for_starts(provider, NOW, RULES, per_second=1, longest_wait=WAIT, until_next_look=WAIT) > 0
