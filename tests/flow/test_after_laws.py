"""The checker of law 8 finds what is planted: follow-up actions and callbacks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from .evidence import Evidence
from .laws import violations
from .planting import (
    DAY,
    HOUR,
    LIMITS,
    MONDAY,
    PHONES,
    Planted,
    again,
    an_action,
    asked_for_a_callback,
    assert_found,
    healthy,
    promised,
    under,
    words_of,
)


def a_promise_with_two_actions(seen: Evidence) -> None:
    promised(seen)
    seen.actions = [an_action(), an_action(name="review_promise")]


def a_reminder_without_its_action(seen: Evidence) -> None:
    seen.attempts[1]["use_case"] = "reminder"
    seen.attempts[1]["retell"]["call_analysis"]["custom_analysis_data"]["nueva_fecha"] = "2026-11-30"


def a_reminder_with_an_action_too_many(seen: Evidence) -> None:
    seen.attempts[1]["use_case"] = "reminder"
    seen.actions = [an_action(name="reschedule")]


def the_same_action_twice(seen: Evidence) -> None:
    promised(seen)
    seen.actions = [an_action(), an_action(_id="another")]


def an_action_after_nothing(seen: Evidence) -> None:
    seen.calls[0].update(dialled=False)
    seen.actions = [an_action("a1")]


def a_delivery_of_nothing(seen: Evidence) -> None:
    seen.deliveries = [{"key": "a2|payment_link", "attempt_id": "a2"}]


def a_delivery_for_another_call(seen: Evidence) -> None:
    promised(seen)
    seen.actions, seen.deliveries = [an_action()], [{"key": "a2|payment_link", "attempt_id": "a1"}]


def an_action_said_to_be_delivered(seen: Evidence) -> None:
    promised(seen)
    seen.actions = [an_action()]


def a_callback_that_came_too_early(seen: Evidence) -> None:
    asked_for_a_callback(seen)
    again(seen, MONDAY + 2 * DAY)


def a_callback_that_came_late(seen: Evidence) -> None:
    asked_for_a_callback(seen)
    again(seen, MONDAY + 2 * DAY + 8 * HOUR)


def a_callback_that_never_came(seen: Evidence) -> None:
    asked_for_a_callback(seen)
    seen.now += 2 * HOUR


def a_callback_that_was_given_up(seen: Evidence) -> None:
    asked_for_a_callback(seen)
    seen.jobs[0].update(status="failed", reason="3 of 3 attempts used", next_attempt_at=None)
    seen.now += 2 * HOUR


PLANTED: list[Planted] = [
    (8, "from attempt a2 followed []", promised),
    (8, "followed ['payment_link', 'review_promise']", a_promise_with_two_actions),
    (8, "followed ['send_sms'], captured", lambda seen: seen.actions.append(an_action(name="send_sms"))),
    (8, "followed [], captured was {'nueva_fecha'", a_reminder_without_its_action),
    (8, "followed ['reschedule'], captured was {}", a_reminder_with_an_action_too_many),
    (8, "followed ['payment_link'], captured was {}", lambda seen: seen.actions.append(an_action())),
    (8, "exists 2 times", the_same_action_twice),
    (8, "whose call did not happen", an_action_after_nothing),
    (8, "belongs to no attempt", lambda seen: seen.actions.append(an_action("a9"))),
    (8, "which is no action", a_delivery_of_nothing),
    (8, "for attempt a1", a_delivery_for_another_call),
    (8, "the receiver never got it", an_action_said_to_be_delivered),
    (8, "was called at 2026-11-25 13:00:00+00:00, the callback", a_callback_that_came_too_early),
    (8, "60 allowed minutes later it is called at", a_callback_that_came_late),
    (8, "120 allowed minutes later it is pending", a_callback_that_never_came),
    (8, "it is failed (3 of 3 attempts used)", a_callback_that_was_given_up),
]  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=words_of)
def test_a_planted_violation_is_found(planted: Planted) -> None:
    assert_found(planted)


@pytest.mark.parametrize(
    ("said", "kept_at"),
    [
        ("mañana a las 5", MONDAY + 2 * DAY + 7 * HOUR),
        ("en dos horas", MONDAY + DAY + 3 * HOUR + timedelta(minutes=1)),
        ("el domingo a las 12", MONDAY + 7 * DAY - 2 * HOUR),  # Monday 8:00 is the first moment of the week
        ("2026-11-27", MONDAY + 4 * DAY - timedelta(minutes=30)),  # with an hour of its own
    ],
)
def test_a_callback_may_come_outside_the_waves_and_passes_the_rests_that_its_policy_lifts(
    said: str, kept_at: datetime
) -> None:
    seen = under("default", quiet_days=5, attempts_a_week=2)
    asked_for_a_callback(seen, said)
    seen.attempts[2]["retell"]["call_analysis"]["custom_analysis_data"]["hora_callback"] = "09:30"
    again(seen, kept_at, "user_hangup")
    seen.batches[0]["status"] = "completed"
    seen.jobs[0].update(status="done", next_attempt_at=None)
    assert violations(seen, LIMITS) == []


def test_a_callback_waits_for_a_suspended_account_and_for_nobody_who_is_not_to_be_called() -> None:
    seen = healthy()
    asked_for_a_callback(seen)
    seen.now += DAY
    seen.jobs[0].update(next_attempt_at=seen.now)
    seen.accounts[0]["history"] = [{"at": MONDAY + 2 * DAY, "what": "suspended"}]
    assert violations(seen, LIMITS) == []
    seen.accounts[0]["history"].clear()
    assert [one.law for one in violations(seen, LIMITS)] == [8]
    seen.people[0]["do_not_call"] = True
    assert violations(seen, LIMITS) == []


def test_a_callback_waits_for_the_next_day_of_an_account_whose_calls_are_used_up() -> None:
    seen = healthy()
    asked_for_a_callback(seen)
    again(seen, MONDAY + 2 * DAY + 6 * HOUR, of="j2")
    seen.now = MONDAY + 2 * DAY + 10 * HOUR  # 20:00
    seen.jobs[0].update(next_attempt_at=seen.now)
    seen.accounts[0]["calls_a_day"] = 2
    assert [one.law for one in violations(seen, LIMITS)] == [8]
    seen.accounts[0]["calls_a_day"] = 1
    assert {one.law for one in violations(seen, LIMITS)} == {7}


def test_a_callback_waits_for_the_next_day_of_a_telephone_that_was_dialled_for_others() -> None:
    seen = healthy()
    seen.batches[0]["policy_overrides"] = {"phone_attempts_a_day": 1}
    asked_for_a_callback(seen)
    again(seen, MONDAY + 2 * DAY + HOUR, of="j2", to_number=PHONES["p1"])
    seen.now = MONDAY + 2 * DAY + 10 * HOUR
    seen.jobs[0].update(next_attempt_at=seen.now)
    assert violations(seen, LIMITS) == []
    seen.batches[0]["policy_overrides"] = {"phone_attempts_a_day": 2}
    assert [one.law for one in violations(seen, LIMITS)] == [8]
