"""The turn to call a person or a telephone: counted once, one live call, given back or settled once; silence."""

from __future__ import annotations

import random
from datetime import date, timedelta
from functools import partial

import pytest

from speechai.core.decision import Denial, Denied
from speechai.core.model import MEMORY_DAYS, Person, Phone, Try
from speechai.store import people
from speechai.store.connection import Store
from speechai.store.people import Turn
from tests.store.making import (
    CAP,
    DAY,
    NOW,
    NUMBER,
    PERSON,
    PHONE,
    SEEN,
    TOMORROW,
    Kind,
    is_capped,
    made_on,
    person_of,
    phone_of,
    race,
    settle,
    take,
    take_phone,
)

both = pytest.mark.parametrize("kind", [PERSON, PHONE], ids=lambda kind: kind.name)


@both
def test_the_first_turn_makes_the_record_with_that_call_counted(store: Store, kind: Kind) -> None:
    assert kind.take(store, "a") is Turn.TAKEN
    made = (Try(attempt_id="a", at=NOW, on=DAY),)
    person = Person(id="p", revision=1, live_attempt_id="a", tries=made)
    phone = Phone(id=NUMBER, revision=1, live_attempt_id="a", tries=made)
    assert kind.read(store) == (person if kind is PERSON else phone)
    assert kind.holder(store, kind.key) == ("a", NOW)


@both
def test_asking_again_with_the_same_attempt_finds_the_turn_taken_and_counts_once(store: Store, kind: Kind) -> None:
    assert race([partial(kind.take, store, "a")] * 4) == [Turn.TAKEN] * 4
    assert made_on(kind.read(store)) == 1


@both
def test_while_one_call_is_live_another_is_not_begun(store: Store, kind: Kind) -> None:
    assert kind.take(store, "a") is Turn.TAKEN
    assert kind.take(store, "b") is Turn.BUSY
    kind.settle(store, "a")
    assert kind.holder(store, kind.key) is None
    assert kind.take(store, "b") is Turn.TAKEN
    assert kind.holder(store, kind.key) == ("b", NOW)


@both
def test_the_days_cap_is_held_and_a_new_day_begins_anew(store: Store, kind: Kind) -> None:
    for n in range(CAP):
        assert kind.take(store, f"a{n}") is Turn.TAKEN
        kind.settle(store, f"a{n}")
    assert is_capped(kind.take(store, "one more"))
    assert kind.take(store, "next day", day=TOMORROW) is Turn.TAKEN
    assert (made_on(kind.read(store), DAY), made_on(kind.read(store), TOMORROW)) == (CAP, 1)


@both
def test_a_call_that_lasts_over_midnight_keeps_the_turn_on_the_new_day(store: Store, kind: Kind) -> None:
    assert kind.take(store, "a", day=DAY) is Turn.TAKEN
    assert kind.take(store, "b", day=TOMORROW) is Turn.BUSY
    kind.settle(store, "a", day=DAY)
    assert kind.take(store, "b", day=TOMORROW) is Turn.TAKEN
    assert [made.on for made in kind.read(store).tries] == [DAY, TOMORROW]


@both
def test_a_turn_given_back_does_not_count(store: Store, kind: Kind) -> None:
    for n in range(CAP + 2):
        assert kind.take(store, f"a{n}") is Turn.TAKEN
        kind.give_back(store, kind.key, f"a{n}")
    assert (kind.read(store).tries, kind.read(store).live_attempt_id) == ((), None)


@both
def test_giving_back_and_settling_twice_is_harmless(store: Store, kind: Kind) -> None:
    kind.take(store, "kept")
    kind.settle(store, "kept")
    kind.take(store, "a")
    race([partial(kind.give_back, store, kind.key, "a")] * 4)
    assert [made.attempt_id for made in kind.read(store).tries] == ["kept"]
    kind.take(store, "b")
    race([partial(kind.settle, store, "b", talked=True)] * 4)
    kind.give_back(store, kind.key, "b")
    counted = kind.read(store)
    assert [made.attempt_id for made in counted.tries] == ["kept", "b"]
    assert (counted.talks_on, counted.live_attempt_id) == ((DAY,), None)


@both
def test_of_an_end_and_a_giving_back_at_once_one_holds(store: Store, kind: Kind) -> None:
    for n in range(10):
        kind.take(store, f"a{n}", day=DAY + timedelta(days=n))
        race(
            [
                partial(kind.settle, store, f"a{n}", day=DAY + timedelta(days=n), talked=True),
                partial(kind.give_back, store, kind.key, f"a{n}"),
            ]
        )
        counted = kind.read(store)
        assert {made.on for made in counted.tries} == set(counted.talks_on)
        assert counted.live_attempt_id is None


@both
def test_an_end_that_comes_late_does_not_touch_the_next_attempts_turn(store: Store, kind: Kind) -> None:
    kind.take(store, "a")
    kind.settle(store, "a")
    kind.take(store, "b")
    kind.settle(store, "a", talked=True, do_not_call=True)
    kind.give_back(store, kind.key, "a")
    counted = kind.read(store)
    assert [made.attempt_id for made in counted.tries] == ["a", "b"]
    assert (counted.live_attempt_id, counted.talks_on, counted.do_not_call) == ("b", (), False)


@both
def test_the_end_of_a_call_makes_nobody_known(store: Store, kind: Kind) -> None:
    kind.give_back(store, kind.key, "a")
    kind.settle(store, "a", talked=True, do_not_call=True)
    assert kind.documents(store).count_documents({}) == 0


@both
def test_each_conversation_of_a_day_is_kept(store: Store, kind: Kind) -> None:
    for n in range(2):
        kind.take(store, f"a{n}")
        kind.settle(store, f"a{n}", talked=True)
    assert kind.read(store).talks_on == (DAY, DAY)


@both
def test_every_change_moves_the_revision(store: Store, kind: Kind) -> None:
    revisions = [kind.read(store).revision]
    for change in (
        lambda: kind.take(store, "a"),
        lambda: kind.give_back(store, kind.key, "a"),
        lambda: kind.take(store, "b"),
        lambda: kind.settle(store, "b", talked=True),
    ):
        change()
        revisions.append(kind.read(store).revision)
    assert revisions == [0, 1, 2, 3, 4]


@both
def test_only_so_many_days_are_remembered_as_a_rule_can_ask_about(store: Store, kind: Kind) -> None:
    for n in range(MEMORY_DAYS + 2):
        day = DAY + timedelta(days=n)
        assert kind.take(store, f"a{n}", day=day) is Turn.TAKEN
        kind.settle(store, f"a{n}", day=day, talked=True)
    last = DAY + timedelta(days=MEMORY_DAYS + 1)
    days = [last - timedelta(days=n) for n in reversed(range(MEMORY_DAYS))]
    assert [made.on for made in kind.read(store).tries] == days
    assert list(kind.read(store).talks_on) == days


@both
def test_a_wish_not_to_be_called_is_kept_with_where_it_comes_from(store: Store, kind: Kind) -> None:
    kind.take(store, "a")
    kind.settle(store, "a", talked=True, do_not_call=True)
    kind.settle(store, "a")
    assert kind.read(store).do_not_call
    for day in (DAY, TOMORROW):
        turn = kind.take(store, "b", day=day)
        assert isinstance(turn, Denied)
        assert turn.code is Denial.DO_NOT_CALL
    document = kind.documents(store).find_one({"_id": kind.key}) or {}
    assert document["do_not_call_history"] == [
        {"did": "add", "why": "asked in the call", "by": "a", "on": DAY.isoformat()}
    ]


def test_a_person_counted_in_two_zones_has_the_cap_of_each_local_day(store: Store) -> None:
    """In the hours in which it is tomorrow in Santiago already, Easter Island still lives today."""
    for n in range(CAP - 1):
        assert take(store, f"easter{n}", day=DAY) is Turn.TAKEN
        settle(store, f"easter{n}")
    assert take(store, "santiago", day=TOMORROW) is Turn.TAKEN
    settle(store, "santiago", day=TOMORROW)
    assert take(store, "easter's third", day=DAY) is Turn.TAKEN
    settle(store, "easter's third")
    assert is_capped(take(store, "easter's fourth", day=DAY))
    assert [made_on(person_of(store), day) for day in (DAY, TOMORROW)] == [CAP, 1]


@pytest.mark.parametrize("seed", range(3))
def test_attempts_in_two_zones_never_pass_the_cap_of_either_day(known: Store, seed: int) -> None:
    chance = random.Random(seed)
    made: dict[date, int] = {DAY: 0, TOMORROW: 0}
    for n in range(20):
        day = chance.choice((DAY, TOMORROW))
        if take(known, f"a{n}", day=day) is Turn.TAKEN:
            made[day] += 1
            settle(known, f"a{n}", day=day)
    assert made == {DAY: CAP, TOMORROW: CAP}


def test_people_and_telephones_do_not_share_a_turn(store: Store) -> None:
    assert take(store, "a", person_id="p") is Turn.TAKEN
    assert take(store, "b", person_id="q") is Turn.TAKEN
    assert take_phone(store, "a") is Turn.TAKEN
    assert take_phone(store, "b", number="+56922222222") is Turn.TAKEN
    settle(store, "a", person_id="p")
    assert (person_of(store, "p").live_attempt_id, person_of(store, "q").live_attempt_id) == (None, "b")
    assert (phone_of(store).live_attempt_id, phone_of(store, "+56922222222").live_attempt_id) == ("a", "b")


def test_the_same_telephone_under_two_national_ids_has_its_own_cap(store: Store) -> None:
    """Two debtors of one household: each may be called, their telephone rings so often as one telephone may."""
    for n, person_id in enumerate(["ana", "beto", "ana"]):
        assert take(store, f"a{n}", person_id=person_id) is Turn.TAKEN
        assert take_phone(store, f"a{n}", cap=2) is Turn.TAKEN if n < 2 else is_capped(take_phone(store, "a2", cap=2))
        settle(store, f"a{n}", person_id=person_id)
        people.settle_phone_turn(store, NUMBER, f"a{n}", on=DAY, talked=False, do_not_call=False)
    assert made_on(phone_of(store)) == 2


@pytest.mark.parametrize(
    ("calls", "silent_on"),
    [
        ([("silent", 0)], (DAY,)),
        ([("silent", 0), ("silent", 0)], (DAY,)),
        ([("silent", 0), ("silent", 1)], (DAY, TOMORROW)),
        ([("silent", 0), ("talked", 0)], ()),
        ([("talked", 0), ("silent", 0)], ()),  # silence on a day with a conversation is none
        ([("silent", 0), ("silent", 1), ("talked", 2)], ()),
        ([("talked", 0), ("silent", 1)], (TOMORROW,)),
        ([("talked", 1), ("silent", 0)], (DAY,)),
        ([("neither", 0)], ()),
        ([("silent", 0), ("neither", 1)], (DAY,)),  # a technical failure says nothing about the person
    ],
)
def test_silent_days_are_counted_since_the_last_conversation(
    known: Store, calls: list[tuple[str, int]], silent_on: tuple[date, ...]
) -> None:
    for n, (kind, later) in enumerate(calls):
        day = DAY + timedelta(days=later)
        assert take(known, f"a{n}", day=day) is Turn.TAKEN
        settle(known, f"a{n}", day=day, talked=kind == "talked", silent=kind == "silent")
    assert person_of(known).silent_on == silent_on


def test_the_third_silent_day_ends_the_turns_of_a_person(store: Store) -> None:
    for n in range(3):
        assert take(store, f"a{n}", day=DAY + timedelta(days=n)) is Turn.TAKEN
        settle(store, f"a{n}", day=DAY + timedelta(days=n), silent=True)
    turn = take(store, "b", day=DAY + timedelta(days=3))
    assert isinstance(turn, Denied)
    assert turn.code is Denial.EXCLUDED


def test_a_wish_that_an_operator_wrote_down_by_hand_is_kept(store: Store) -> None:
    store.people.insert_one({"_id": "p", "do_not_call": True})
    for seen in (None, *SEEN.values()):
        assert take(store, "a", seen=seen) is not Turn.TAKEN
    assert store.people.find_one({"_id": "p"}) == {"_id": "p", "do_not_call": True}


def test_a_person_whom_an_operator_wrote_down_without_counters_is_called_like_any_other(store: Store) -> None:
    store.people.insert_one({"_id": "p", "do_not_call": False, "note": "asked to be called again"})
    for n in range(CAP):
        assert take(store, f"a{n}") is Turn.TAKEN
        settle(store, f"a{n}")
    assert is_capped(take(store, "one more"))
    assert (store.people.find_one({"_id": "p"}) or {})["note"] == "asked to be called again"


@pytest.mark.parametrize("seen", [*SEEN.values(), None], ids=[*SEEN, "as it was at first"])
def test_what_the_caller_has_seen_of_the_person_decides_nothing(either: Store, seen: Person | None) -> None:
    seen = seen or person_of(either)
    for n in range(CAP):
        assert take(either, f"a{n}", seen=seen) is Turn.TAKEN
        assert take(either, f"a{n}", seen=seen) is Turn.TAKEN
        assert take(either, "too early", seen=seen) is Turn.BUSY
        settle(either, f"a{n}")
    assert is_capped(take(either, "one more", seen=seen))
    assert take(either, "next day", day=TOMORROW, seen=seen) is Turn.TAKEN
    settle(either, "next day", day=TOMORROW)
    assert is_capped(take(either, "the day before again", seen=seen))
    assert [made_on(person_of(either), day) for day in (DAY, TOMORROW)] == [CAP, 1]


def test_counters_are_read_for_the_numbers_that_have_some(store: Store) -> None:
    take_phone(store, "a")
    other, unknown = "+56922222222", "+56933333333"
    take_phone(store, "b", number=other)
    assert people.get_phones(store, [unknown]) == {}
    assert people.get_phones(store, []) == {}
    assert people.get_phones(store, [other]).keys() == {other}
    found = people.get_phones(store, [NUMBER, other, unknown])
    assert {number: phone.live_attempt_id for number, phone in found.items()} == {NUMBER: "a", other: "b"}


def test_a_voicemail_that_counts_as_a_contact_is_still_silence(store: Store) -> None:
    for n in range(3):
        day = DAY + timedelta(days=n)
        take(store, f"a{n}", day=day)
        settle(store, f"a{n}", day=day, talked=True, conversed=False, silent=True)
    days = tuple(DAY + timedelta(days=n) for n in range(3))
    assert (person_of(store).talks_on, person_of(store).silent_on) == (days, days)


def test_silence_on_the_day_of_a_conversation_is_none(store: Store) -> None:
    take(store, "a")
    settle(store, "a", talked=True)
    take(store, "b")
    settle(store, "b", silent=True)
    assert (person_of(store).silent_on, person_of(store).conversed_on) == ((), DAY)
