"""What a plan counts of a person is what the store would have written for the same calls."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from speechai.core.model import Counted, Person, Phone
from speechai.core.rulings import Tally
from speechai.store import people
from speechai.store.connection import Store
from speechai.store.people import Turn
from tests.store.making import DAY, NOW, NUMBER

# (a contact, a conversation, silent, a wish not to be called); None: no call happened, and the turn goes back. The
# second is a voicemail where the policy counts it as a contact.
ENDS = [
    (True, True, False, False),
    (True, False, True, False),
    (False, False, True, False),
    (False, False, False, False),
    None,
]
PERSON = "CL:1-9"


@pytest.mark.parametrize("seed", range(12))
def test_a_tally_counts_as_the_store_does(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    person, phone = Tally(Person(id=PERSON)), Tally(Phone(id=NUMBER))
    for number in range(12):
        days = number // 3
        at, on, attempt_id = NOW + timedelta(days=days, minutes=number), DAY + timedelta(days=days), f"a{number}"
        end = chance.choice(ENDS) if number < 11 else (True, True, False, True)
        person.take_turn(attempt_id, at, on)
        phone.take_turn(attempt_id, at, on)
        taken = [
            people.take_turn(store, PERSON, attempt_id, on=on, now=at, decide=lambda _: None),
            people.take_phone_turn(store, NUMBER, attempt_id, on=on, now=at, decide=lambda _: None),
        ]
        assert taken == [Turn.TAKEN, Turn.TAKEN]
        if end is None:
            person.give_turn_back(attempt_id)
            phone.give_turn_back(attempt_id)
            people.give_turn_back(store, PERSON, attempt_id)
            people.give_phone_turn_back(store, NUMBER, attempt_id)
        else:
            talked, conversed, silent, wish = end
            told = {"talked": talked, "conversed": conversed, "silent": silent, "do_not_call": wish}
            for tally in (person, phone):
                tally.settle(on, **told)
            people.settle_turn(store, PERSON, attempt_id, on=on, **told)
            people.settle_phone_turn(store, NUMBER, attempt_id, on=on, talked=talked, do_not_call=wish)
        assert _said(person.person()) == _said(people.get_person(store, PERSON))
        assert _said(phone.phone()) == _said(people.get_phones(store, [NUMBER])[NUMBER])


def _said(counted: Counted) -> tuple[object, ...]:
    silent_on = counted.silent_on if isinstance(counted, Person) else ()
    return counted.tries, counted.talks_on, silent_on, counted.do_not_call
