"""Attempts: every change names the states it expects, one poll moves on, and a closed attempt never opens again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from pymongo.errors import DuplicateKeyError

from speechai.core.model import Attempt, AttemptState
from speechai.store import attempts
from speechai.store.connection import Store
from tests.store.making import LATER, NOW, THREADS, make_attempt, race

Change = Callable[[Store], bool]


def accept(store: Store) -> bool:
    return attempts.accept(store, "a", "call_1", at=NOW, next_poll_at=LATER)


def doubt(store: Store) -> bool:
    return attempts.doubt(store, "a", next_poll_at=LATER, why="timeout")


def end(store: Store) -> bool:
    return attempts.end(store, "a", at=LATER, retell={"call_id": "call_1"})


def close(store: Store, state: AttemptState = AttemptState.FINISHED) -> bool:
    return attempts.close(store, "a", state, {"finished_at": LATER})


def move_on(store: Store) -> bool:
    return attempts.move_poll_on(store, "a", 0, next_poll_at=LATER + timedelta(seconds=1))


def touch(store: Store) -> bool:
    return attempts.touch(store, "a", 0, next_poll_at=LATER + timedelta(seconds=1))


P, U, LIVE, E, F, R, X = AttemptState
ALLOWED: dict[str, tuple[Change, set[AttemptState], AttemptState | None]] = {
    "accept": (accept, {P, U}, LIVE),
    "doubt": (doubt, {P}, U),
    "end": (end, {P, U, LIVE}, E),
    "finish": (close, {P, U, LIVE, E}, F),
    "refuse": (partial(close, state=R), {P, U, LIVE, E}, R),
    "abandon": (partial(close, state=X), {P, U, LIVE, E}, X),
    "move the poll on": (move_on, {P, U, LIVE, E}, None),
    "touch": (touch, {P, U, LIVE, E}, None),
}


def attempt_of(store: Store) -> Attempt:
    attempt = attempts.get_attempt(store, "a")
    assert attempt is not None
    return attempt


@pytest.mark.parametrize("name", ALLOWED)
def test_each_change_happens_in_the_states_it_expects_and_in_no_other(store: Store, name: str) -> None:
    change, expected, becomes = ALLOWED[name]
    for state in AttemptState:
        store.attempts.delete_many({})
        attempts.record(store, make_attempt(state=state))
        before = attempt_of(store)
        assert change(store) is (state in expected)
        assert attempt_of(store).state is (becomes if becomes and state in expected else state)
        if state not in expected:
            assert attempt_of(store) == before


@pytest.mark.parametrize("closed", [state for state in AttemptState if not state.is_open], ids=str)
def test_a_closed_attempt_never_opens_again_and_keeps_what_it_says(store: Store, closed: AttemptState) -> None:
    attempts.record(store, make_attempt())
    assert accept(store)
    assert close(store, closed)
    before = store.attempts.find_one({"_id": "a"})
    for change, _, _ in ALLOWED.values():
        assert not change(store)
    attempts.keep_answer(store, "a", {"late": True}, analysed=True)
    assert not attempts.write_result(store, attempt_of(store), {"outcome": "late"}, at=LATER)
    assert store.attempts.find_one({"_id": "a"}) == before
    assert attempts.overdue(store, closed, LATER + timedelta(days=1), 10) == []


def test_of_many_messages_with_the_same_number_exactly_one_moves_the_poll_on(store: Store) -> None:
    attempts.record(store, make_attempt())
    accept(store)
    for number in range(3):
        at = LATER + timedelta(seconds=number)
        won = race([partial(attempts.move_poll_on, store, "a", number, next_poll_at=at) for _ in range(THREADS)])
        assert won.count(True) == 1
        assert (attempt_of(store).poll_number, attempt_of(store).next_poll_at) == (number + 1, at)
    assert not attempts.move_poll_on(store, "a", 0, next_poll_at=LATER)
    assert not attempts.move_poll_on(store, "a", 4, next_poll_at=LATER)


def test_a_chain_that_has_moved_on_is_not_put_off(store: Store) -> None:
    attempts.record(store, make_attempt())
    assert move_on(store)
    assert not touch(store)
    assert attempts.touch(store, "a", 1, next_poll_at=LATER + timedelta(seconds=5))
    assert attempt_of(store).poll_number == 1


@pytest.mark.parametrize("attempt", range(6))
def test_a_call_that_is_found_and_given_up_at_once_is_only_one_of_the_two(store: Store, attempt: int) -> None:
    attempts.record(store, make_attempt())
    doubt(store)
    found, ended = race([partial(accept, store), partial(end, store)])
    assert ended
    assert attempt_of(store).state is AttemptState.ENDED
    assert (attempt_of(store).call_id == "call_1") is found


def test_an_answer_that_comes_twice_is_accepted_once(store: Store) -> None:
    attempts.record(store, make_attempt())
    assert race([partial(accept, store)] * 6).count(True) == 1
    assert race([partial(end, store)] * 6).count(True) == 1
    assert race([partial(close, store)] * 6).count(True) == 1


def test_the_intent_is_recorded_once(store: Store) -> None:
    attempts.record(store, make_attempt())
    with pytest.raises(DuplicateKeyError):
        attempts.record(store, make_attempt())


def test_one_call_belongs_to_one_attempt_and_attempts_without_a_call_are_many(store: Store) -> None:
    for name in ("a", "b", "c"):
        attempts.record(store, make_attempt(id=name))
    assert accept(store)
    with pytest.raises(DuplicateKeyError):
        attempts.accept(store, "b", "call_1", at=NOW, next_poll_at=LATER)
    assert attempts.accept(store, "c", "call_2", at=NOW, next_poll_at=LATER)


def test_an_end_that_was_never_told_keeps_an_answer_that_came_before(store: Store) -> None:
    attempts.record(store, make_attempt())
    accept(store)
    assert attempts.end(store, "a", at=LATER, retell=None)
    assert attempt_of(store).retell is None
    attempts.keep_answer(store, "a", {"call_id": "call_1"}, analysed=False)
    assert attempt_of(store).retell == {"call_id": "call_1"}


def test_an_answer_without_the_analysis_replaces_none_that_is_there(store: Store) -> None:
    attempts.record(store, make_attempt())
    accept(store)
    assert end(store)
    attempts.keep_answer(store, "a", {"status": "ended"}, analysed=False)
    assert attempt_of(store).retell == {"call_id": "call_1"}
    attempts.keep_answer(store, "a", {"call_analysis": {}}, analysed=True)
    assert attempt_of(store).retell == {"call_analysis": {}}


def test_what_is_judged_is_the_answer_that_was_read_and_no_other_comes_after_it(store: Store) -> None:
    attempts.record(store, make_attempt())
    accept(store)
    assert end(store)
    early = attempt_of(store)
    attempts.keep_answer(store, "a", {"call_analysis": {}}, analysed=True)
    assert not attempts.write_result(store, early, {"outcome": "conversation"}, at=LATER)
    assert attempts.write_result(store, attempt_of(store), {"outcome": "promise"}, at=LATER)
    attempts.keep_answer(store, "a", {"call_analysis": {"later": True}}, analysed=True)
    assert attempt_of(store).retell == {"call_analysis": {}}
    assert attempts.write_result(store, attempt_of(store), {"outcome": "promise"}, at=LATER), "a repeated finish"


def test_an_end_that_nobody_told_is_written_only_in_the_state_that_was_seen(store: Store) -> None:
    attempts.record(store, make_attempt())
    assert doubt(store)
    assert accept(store)
    assert not attempts.end(store, "a", at=LATER, retell=None, seen=AttemptState.UNKNOWN)
    assert attempt_of(store).state is AttemptState.LIVE
    assert attempts.end(store, "a", at=LATER, retell=None, seen=AttemptState.LIVE)


def test_the_first_request_to_stop_is_remembered(store: Store) -> None:
    attempts.record(store, make_attempt())
    attempts.note_stop(store, "a", NOW)
    attempts.note_stop(store, "a", LATER)
    assert attempt_of(store).stop_asked_at == NOW


def test_overdue_attempts_are_those_of_the_state_whose_time_has_passed(store: Store) -> None:
    for name, state, minutes in (("x", LIVE, 0), ("y", LIVE, 5), ("z", U, 0), ("w", F, 0)):
        at = NOW + timedelta(minutes=minutes)
        attempts.record(store, make_attempt(id=name, state=state, next_poll_at=at))
    attempts.record(store, make_attempt(id="never", state=LIVE, next_poll_at=None))
    assert [a.id for a in attempts.overdue(store, LIVE, NOW, 10)] == ["x"]
    assert {a.id for a in attempts.overdue(store, LIVE, NOW + timedelta(minutes=5), 10)} == {"x", "y"}
    assert len(attempts.overdue(store, LIVE, NOW + timedelta(minutes=5), 1)) == 1


def test_the_attempts_of_a_job_come_in_their_order(store: Store) -> None:
    # A request that was refused is repeated under the same number.
    for name, number, seconds in (("c", 2, 0), ("b", 1, 9), ("a", 1, 1)):
        attempts.record(store, make_attempt(id=name, number=number, placing_at=NOW + timedelta(seconds=seconds)))
    attempts.record(store, make_attempt(id="d", job_id="other"))
    assert [attempt.id for attempt in attempts.attempts_of(store, "j")] == ["a", "b", "c"]
