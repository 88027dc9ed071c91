"""Follow-up actions: noted once under one key, one try taken by one caller, a final state never left."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from speechai.core.model import AttemptState
from speechai.store import actions
from speechai.store.actions import Action, ActionState
from speechai.store.connection import Document, Store
from tests.store.making import LATER, NOW, THREADS, make_attempt, race

ID = "a|payment_link"
PAYLOAD = {"nombre": "Ana", "promise": {"amount_minor": 95_000, "faults": []}}


def note(store: Store, *names: str, call_id: str | None = "call_1", deliver: bool = True, **changes: Any) -> list[str]:
    attempt = make_attempt(call_id=call_id, state=AttemptState.ENDED)
    given = {"payload": PAYLOAD, "now": NOW, **changes}
    return actions.note_actions(store, attempt, names or ("payment_link",), deliver=deliver, **given)


def action_of(store: Store, action_id: str = ID) -> Action:
    action = actions.get_action(store, action_id)
    assert action is not None
    return action


def document_of(store: Store, action_id: str = ID) -> Document:
    document = store.actions.find_one({"_id": action_id})
    assert document is not None
    return document


def begin(store: Store, number: int = 0) -> bool:
    return actions.begin_try(store, ID, number, until=LATER)


def delivered(store: Store, number: int = 0) -> bool:
    return actions.note_delivered(store, ID, number, at=LATER, answer="HTTP 200")


def failed(store: Store, number: int = 0) -> bool:
    return actions.note_failed(store, ID, number, at=LATER, answer="HTTP 500", next_try_at=LATER + timedelta(hours=1))


def dead(store: Store, number: int = 0) -> bool:
    return actions.note_dead(store, ID, number, at=LATER, answer="HTTP 410", why="gone")


def put_off(store: Store, number: int = 0) -> bool:
    return actions.put_off(store, ID, number, until=LATER)


def test_an_action_is_noted_once_for_each_attempt_and_name() -> None:
    assert actions.action_id("a", "payment_link") == ID
    assert actions.action_id("a", "review") != actions.action_id("b", "review")


def test_noting_again_adds_what_is_new_and_changes_nothing_else(store: Store) -> None:
    assert note(store, "payment_link") == [ID]
    assert begin(store)
    before = document_of(store)
    assert note(store, "payment_link", "review", "review", payload={"nombre": "other"}, now=LATER) == ["a|review"]
    assert document_of(store) == before
    assert [document["name"] for document in actions.actions_of(store, "a")] == ["payment_link", "review"]


def test_of_many_that_note_at_once_each_action_is_new_to_one(store: Store) -> None:
    names = [f"n{number}" for number in range(4)]
    new = race([partial(note, store, *names)] * 6)
    assert sorted(one for noted in new for one in noted) == [f"a|{name}" for name in names]
    assert store.actions.count_documents({}) == len(names)


def test_a_call_that_never_was_has_no_follow_up(store: Store) -> None:
    assert note(store, call_id=None) == []
    assert store.actions.count_documents({}) == 0


def test_without_names_nothing_is_noted(store: Store) -> None:
    assert actions.note_actions(store, make_attempt(call_id="c"), (), PAYLOAD, now=NOW, deliver=True) == []


def test_an_action_names_everything_it_came_from_and_keeps_its_payload(store: Store) -> None:
    note(store)
    document = document_of(store)
    assert {name: document[name] for name in ("attempt_id", "job_id", "batch_id", "account_id")} == {
        "attempt_id": "a",
        "job_id": "j",
        "batch_id": "b",
        "account_id": "main",
    }
    assert action_of(store) == Action(
        id=ID,
        attempt_id="a",
        account_id="main",
        name="payment_link",
        state=ActionState.WAITING,
        payload=PAYLOAD,
        noted_at=NOW,
        number=0,
        next_try_at=NOW,
    )


def test_without_a_receiver_an_action_is_kept_and_never_due(store: Store) -> None:
    assert note(store, deliver=False) == [ID]
    assert (action_of(store).state, action_of(store).next_try_at) == (ActionState.KEPT, None)
    assert not begin(store)
    assert actions.overdue_actions(store, LATER + timedelta(days=9), 10) == []


CHANGES: dict[str, tuple[Callable[[Store], bool], int, ActionState]] = {
    "begin a try": (begin, 0, ActionState.WAITING),
    "put off": (put_off, 0, ActionState.WAITING),
    "fail": (failed, 1, ActionState.WAITING),
    "give up": (dead, 1, ActionState.DEAD),
    "deliver": (delivered, 1, ActionState.DELIVERED),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_happens_while_the_action_waits_and_at_no_other_time(store: Store, name: str) -> None:
    change, number, becomes = CHANGES[name]
    note(store)
    for state in ActionState:
        store.actions.update_one({"_id": ID}, {"$set": {"state": state, "number": number}})
        before = document_of(store)
        assert change(store) is (state is ActionState.WAITING)
        assert action_of(store).state is (becomes if state is ActionState.WAITING else state)
        if state is not ActionState.WAITING:
            assert document_of(store) == before


def test_of_many_messages_with_the_same_number_exactly_one_tries(store: Store) -> None:
    note(store)
    for number in range(3):
        assert race([partial(begin, store, number)] * THREADS).count(True) == 1
        assert action_of(store).number == number + 1
    assert not begin(store, 0)
    assert not begin(store, 4)


def test_a_failure_that_is_told_after_another_try_has_begun_changes_nothing(store: Store) -> None:
    note(store)
    assert begin(store, 0)
    assert begin(store, 1)
    before = document_of(store)
    assert not failed(store, 0)
    assert not dead(store, 0)
    assert not put_off(store, 0)
    assert document_of(store) == before


def test_a_delivery_counts_even_where_another_try_has_begun(store: Store) -> None:
    note(store)
    assert begin(store, 0)
    assert begin(store, 1)
    assert delivered(store, 0)
    assert action_of(store).state is ActionState.DELIVERED
    assert not failed(store, 1)
    assert not delivered(store, 1)


def test_every_try_is_kept_with_its_answer(store: Store) -> None:
    note(store)
    begin(store, 0)
    failed(store, 0)
    begin(store, 1)
    delivered(store, 1)
    document = document_of(store)
    assert document["tries"] == [
        {"number": 0, "at": LATER, "answer": "HTTP 500"},
        {"number": 1, "at": LATER, "answer": "HTTP 200"},
    ]
    assert (document["delivered_at"], document["next_try_at"]) == (LATER, None)


def test_an_action_that_is_given_up_says_why(store: Store) -> None:
    note(store)
    begin(store)
    dead(store)
    document = document_of(store)
    assert (document["why"], document["dead_at"], document["next_try_at"]) == ("gone", LATER, None)


def test_due_actions_come_the_longest_waiting_first(store: Store) -> None:
    note(store, "x", now=NOW + timedelta(minutes=1))
    note(store, "y", now=NOW)
    note(store, "z", now=NOW + timedelta(minutes=2))
    note(store, "kept", deliver=False)
    due = actions.overdue_actions(store, NOW + timedelta(minutes=1), 10)
    assert [action.name for action in due] == ["y", "x"]
    assert [action.name for action in actions.overdue_actions(store, NOW + timedelta(minutes=5), 1)] == ["y"]


def test_an_action_that_was_put_off_is_due_again_at_its_time(store: Store) -> None:
    note(store)
    assert put_off(store)
    assert actions.overdue_actions(store, LATER - timedelta(seconds=1), 10) == []
    assert [action.id for action in actions.overdue_actions(store, LATER, 10)] == [ID]


def test_the_actions_of_an_attempt_are_its_own(store: Store) -> None:
    for attempt_id in ("a", "a1", "b"):
        attempt = make_attempt(id=attempt_id, call_id="c")
        actions.note_actions(store, attempt, ("review", "payment_link"), PAYLOAD, now=NOW, deliver=True)
    assert [document["_id"] for document in actions.actions_of(store, "a")] == ["a|payment_link", "a|review"]
    assert actions.actions_of(store, "c") == []


def test_an_action_that_does_not_exist_is_none(store: Store) -> None:
    assert actions.get_action(store, "nothing") is None
    assert not begin(store)
