"""The order in which a contact's story is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from speechai.operation.tracing import Event, Happening, in_order

NOON = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
EVENTS = st.lists(
    st.builds(
        Event, at=st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours)), what=st.sampled_from(Happening)
    )
)


def test_events_of_one_instant_stand_in_the_order_of_a_call_s_life() -> None:
    life = [
        Happening.WAVE, Happening.PLACING, Happening.ACCEPTED, Happening.RETELL_ENDED, Happening.ENDED,
        Happening.FINISHED, Happening.STATE,
    ]  # fmt: skip
    for given_order in permutations(Event(at=NOON, what=what) for what in life):
        assert [event.what for event in in_order(given_order)] == life


def test_what_is_equal_keeps_the_order_in_which_it_was_given() -> None:
    tries = [Event(at=NOON, what=Happening.FOLLOW_UP_TRY, facts={"try": n}) for n in range(3)]
    assert in_order(tries) == tuple(tries)


@given(EVENTS)
def test_no_event_is_lost_and_none_stands_before_an_earlier_one(events: list[Event]) -> None:
    told = in_order(events)
    assert sorted(map(id, told)) == sorted(map(id, events))
    assert [event.at for event in told] == sorted(event.at for event in events)
