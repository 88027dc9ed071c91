"""The checker of laws 3, 4 and 5 finds what is planted: how often, after how much silence, and when somebody rang."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import holidays
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
    a_job,
    again,
    an_attempt,
    assert_found,
    healthy,
    under,
    words_of,
)


def four_in_a_day(seen: Evidence) -> None:
    for hour in (1, 2, 3):
        again(seen, MONDAY + hour * HOUR, "user_hangup")


def twice_in_a_week(seen: Evidence) -> None:
    seen.batches[0].update(policy="cl-ley-21320")
    again(seen, MONDAY + 5 * DAY)


def eight_times_in_seven_days(seen: Evidence) -> None:
    seen.batches[0].update(policy="us-tcpa-regf")
    for call in range(1, 8):
        again(seen, MONDAY + call // 3 * DAY + call % 3 * HOUR, "dial_failed")


def a_call_in_quiet_days(seen: Evidence) -> None:
    seen.batches[0].update(policy="us-tcpa-regf")
    again(seen, MONDAY + 6 * DAY, of="j2")


def a_contact_too_many(seen: Evidence) -> None:
    seen.batches[0].update(policy_overrides={"contacts_a_week": 1})
    again(seen, MONDAY + 2 * DAY, of="j2")


def a_phone_under_two_ids(seen: Evidence) -> None:
    seen.batches[0].update(policy_overrides={"phone_attempts_a_day": 1})
    again(seen, MONDAY + HOUR, of="j2", to_number=PHONES["p1"])


def a_phone_of_two_ids_in_a_week(seen: Evidence) -> None:
    seen.batches[0].update(policy_overrides={"phone_attempts_a_week": 1})
    again(seen, MONDAY + DAY, of="j2", to_number=PHONES["p1"])


def too_soon_after_another(seen: Evidence) -> None:
    seen.batches[0].update(policy_overrides={"minutes_between_attempts": 120})
    again(seen, MONDAY + HOUR)


def a_phone_twice_at_once(seen: Evidence) -> None:
    again(seen, MONDAY + timedelta(seconds=10), of="j2", to_number=PHONES["p1"])


def a_fourth_silent_day(seen: Evidence) -> None:
    for days in (1, 2, 3):
        again(seen, MONDAY + days * DAY)


def a_fourth_week_of_machines(seen: Evidence) -> None:
    seen.batches[0].update(policy="cl-ley-21320")
    for weeks in (1, 2, 4):  # in between lies a holiday
        again(seen, MONDAY + weeks * 7 * DAY, "voicemail_reached")


def at_eight_in_the_evening(seen: Evidence) -> None:
    again(seen, MONDAY + 10 * HOUR)


def on_a_sunday(seen: Evidence) -> None:
    again(seen, MONDAY + 6 * DAY)


def on_a_holiday(seen: Evidence) -> None:
    again(seen, datetime(2026, 12, 8, 13, tzinfo=UTC))


def on_a_holiday_of_the_region(seen: Evidence) -> None:
    seen.jobs[0].update(region="NB")
    again(seen, datetime(2027, 8, 20, 15, tzinfo=UTC))


def at_its_own_place(seen: Evidence) -> None:
    seen.jobs[0]["time_zone"] = "Pacific/Easter"
    again(seen, MONDAY - timedelta(hours=1, minutes=30))


def at_another_place_that_it_may_be_in(seen: Evidence) -> None:
    seen.jobs[0]["other_zones"] = ["Pacific/Easter"]
    again(seen, MONDAY + timedelta(days=1) - timedelta(hours=1, minutes=30))


def after_the_hours_of_its_own_batch(seen: Evidence) -> None:
    seen.batches[0].update(policy_overrides={"hours": {"mon": "09:00-12:30"}})
    again(seen, MONDAY + timedelta(hours=2, minutes=30))


def on_a_day_that_its_own_batch_closes(seen: Evidence) -> None:
    seen.batches[0].update(policy_overrides={"hours": {"tue": "closed"}})
    again(seen, MONDAY + DAY)


def after_asking_not_to_be_called(seen: Evidence) -> None:
    seen.calls[0].update(disconnection_reason="user_requested_dnc")
    again(seen, MONDAY + HOUR)


def on_the_telephone_of_who_asked_not_to_be_called(seen: Evidence) -> None:
    seen.calls[0].update(disconnection_reason="user_requested_dnc")
    again(seen, MONDAY + HOUR, of="j2", to_number=PHONES["p1"])


def on_the_list_by_command(seen: Evidence) -> None:
    seen.phones[0]["do_not_call_history"] = [{"did": "add", "at": MONDAY + HOUR}]
    again(seen, MONDAY + 2 * HOUR)


def for_a_suspended_account(seen: Evidence) -> None:
    seen.accounts[0]["history"] = [{"at": MONDAY - HOUR, "what": "suspended"}]


def for_an_empty_account(seen: Evidence) -> None:
    seen.ledger[0]["at"] = MONDAY + HOUR


def before_the_first_wave(seen: Evidence) -> None:
    again(seen, MONDAY + DAY - timedelta(minutes=90))


def while_paused(seen: Evidence) -> None:
    seen.batches[0]["history"].insert(0, {"at": MONDAY - timedelta(minutes=1), "status": "paused"})


def two_at_once(seen: Evidence) -> None:
    again(seen, MONDAY + timedelta(seconds=10))


def more_people_than_a_day_has(seen: Evidence) -> None:
    for number in range(3, 63):
        seen.jobs.append(a_job(f"j{number}", f"p{number}", attempts=0))
        again(seen, MONDAY + timedelta(minutes=number), of=f"j{number}")
    seen.batches[0]["counts"].update(rows=63, accepted=62, contacts=62)


PLANTED: list[Planted] = [
    (3, "p1 was called 4 times on 2026-11-23", four_in_a_day),
    (3, "p1 was called 2 times in the week until 2026-11-28", twice_in_a_week),
    (3, "p1 was called 8 times in the week until 2026-11-25", eight_times_in_seven_days),
    (3, "p2 was called on 2026-11-29 within 7 days from the conversation on 2026-11-23", a_call_in_quiet_days),
    (3, "p2 was called on 2026-11-25 after 1 contacts in that week", a_contact_too_many),
    (3, "+56911111111 was dialled 2 times on 2026-11-23", a_phone_under_two_ids),
    (3, "+56911111111 was dialled 2 times in the week until 2026-11-24", a_phone_of_two_ids_in_a_week),
    (3, "p1 was called 1:00:00 after the call before", too_soon_after_another),
    (3, "j1 was called 1 times of 0", lambda seen: seen.jobs[0].update(max_attempts=0)),
    (3, "counts 2 attempts, 1 were made", lambda seen: seen.jobs[0].update(attempts=2)),
    (3, "p1 does not count the call of attempt a1", lambda seen: seen.people[0]["tries"].clear()),
    (3, "+56911111111 does not count the call", lambda seen: seen.phones[0]["tries"].clear()),
    (3, "p1 counts attempts ['a9'] that were not made", lambda seen: seen.people[0]["tries"].append(
        {"attempt_id": "a9", "at": MONDAY, "on": "2026-11-23"})),
    (3, "p1 counts an attempt twice", lambda seen: seen.people[0]["tries"].append(seen.people[0]["tries"][0])),
    (3, "on 2026-11-22, it was made", lambda seen: seen.people[0]["tries"][0].update(on="2026-11-22")),
    (3, "p2 has talks on []", lambda seen: seen.people[1].update(talks_on=[])),
    (3, "p1 has silent days []", lambda seen: seen.people[0].update(silent_on=[])),
    (3, "p2 was called and has no record", lambda seen: seen.people.pop()),
    (3, "person p1 was called while another call to it was live", two_at_once),
    (3, "phone +56911111111 was called while another call", a_phone_twice_at_once),
    (4, "after silence on ['2026-11-23', '2026-11-24', '2026-11-25']", a_fourth_silent_day),
    (4, "after silence on ['2026-11-23', '2026-11-30', '2026-12-07']", a_fourth_week_of_machines),
    (5, "20:00:00", at_eight_in_the_evening),
    (5, "Sunday", on_a_sunday),
    (5, "on a public holiday, 2026-12-08", on_a_holiday),
    (5, "on a public holiday, 2027-08-20", on_a_holiday_of_the_region),
    (5, "06:30:00", at_its_own_place),
    (5, "in Pacific/Easter", at_another_place_that_it_may_be_in),
    (5, "12:30:00", after_the_hours_of_its_own_batch),
    (5, "on a Tuesday", on_a_day_that_its_own_batch_closes),
    (5, "person p1 was called after asking not to be", after_asking_not_to_be_called),
    (5, "phone +56911111111 was called after asking", on_the_telephone_of_who_asked_not_to_be_called),
    (5, "on the do-not-call list since", on_the_list_by_command),
    (5, "its account is suspended since", for_a_suspended_account),
    (5, "was called for with 0", for_an_empty_account),
    (5, "before the day's first wave", before_the_first_wave),
    (5, "its account may call ['AR']", lambda seen: seen.accounts[0].update(countries=["AR"])),
    (5, "not running", while_paused),
    (5, "called 62 people", more_people_than_a_day_has),
]  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=words_of)
def test_a_planted_violation_is_found(planted: Planted) -> None:
    assert_found(planted)


CLOSED = [
    ("ar-24240", datetime(2026, 11, 28, 17, tzinfo=UTC)),  # Saturday 14:00
    ("ar-24240", MONDAY + timedelta(hours=22, minutes=59)),
    ("us-tcpa-regf", datetime(2026, 11, 25, 0, tzinfo=UTC)),  # Tuesday 21:00
    ("co-ley-2300", datetime(2026, 11, 28, 18, tzinfo=UTC)),  # Saturday 15:00
    ("co-ley-2300", datetime(2026, 11, 24, 22, tzinfo=UTC)),  # Tuesday 19:00
    ("pe-29571", datetime(2026, 11, 28, 15, tzinfo=UTC)),  # a Saturday
    ("pe-29571", datetime(2026, 11, 24, 23, tzinfo=UTC)),  # Tuesday 20:00
    ("cl-ley-21320", datetime(2026, 11, 24, 23, tzinfo=UTC)),
]


@pytest.mark.parametrize("reason", ["user_hangup", "dial_failed"])
def test_a_conversation_ends_a_row_of_silent_days_and_other_ends_are_no_silence(reason: str) -> None:
    seen = healthy()
    for days in (1, 2, 3):
        again(seen, MONDAY + days * DAY, reason if days == 2 else "dial_no_answer")
    assert violations(seen, LIMITS) == []


@pytest.mark.parametrize(
    ("policy", "days"),
    [("cl-ley-21320", 7), ("us-tcpa-regf", 7), ("co-ley-2300", 1), ("pe-29571", 1), ("ar-24240", 1)],
)
def test_who_was_reached_may_be_called_once_the_law_s_time_has_passed(policy: str, days: int) -> None:
    seen = under(policy)
    again(seen, MONDAY + days * DAY, of="j2")
    assert violations(seen, LIMITS) == []


@pytest.mark.parametrize(("policy", "at"), CLOSED)
def test_the_hours_of_each_law_end_where_they_end(policy: str, at: datetime) -> None:
    seen = under(policy)
    seen.batches[0]["pacing"] = "continuous"
    seen.jobs.append(a_job("j3", "p3", attempts=0))
    again(seen, at, of="j3")
    seen.batches[0]["counts"].update(rows=4, accepted=3, contacts=3)
    assert [one.law for one in violations(seen, LIMITS)] == [5]


def test_days_that_a_batch_does_not_name_keep_their_hours() -> None:
    seen = under("default", hours={"mon": "09:00-12:30"})
    again(seen, MONDAY + DAY + 5 * HOUR)
    assert violations(seen, LIMITS) == []


def test_a_call_in_the_very_instant_of_a_resume_is_none_of_a_stopped_list_or_account() -> None:
    seen = healthy()
    seen.batches[0]["history"] = [{"at": MONDAY - HOUR, "status": "paused"}, {"at": MONDAY, "status": "running"}]
    suspended = {"at": MONDAY - HOUR, "what": "suspended"}
    seen.accounts[0]["history"] = [suspended, {"at": MONDAY, "what": "resumed"}]
    assert violations(seen, LIMITS) == []


def test_who_was_taken_off_the_do_not_call_list_may_be_called_again() -> None:
    seen = healthy()
    lines = [{"did": "add", "at": MONDAY + HOUR}, {"did": "lift", "at": MONDAY + 3 * HOUR}]
    seen.people[0]["do_not_call_history"] = lines
    again(seen, MONDAY + 4 * HOUR)
    assert violations(seen, LIMITS) == []


def test_an_attempt_that_may_have_rung_may_be_counted_or_not() -> None:
    for counted in (True, False):
        seen = healthy()
        seen.attempts.append({**an_attempt("a3", "j1", "p1"), "call_id": None})
        if counted:
            seen.people[0]["tries"].append({"attempt_id": "a3", "at": MONDAY, "on": "2026-11-23"})
            seen.jobs[0]["attempts"] = 2
        assert violations(seen, LIMITS) == []


def test_the_library_knows_the_holidays_of_chile_in_2026() -> None:
    """Both the product and the checker ask it, so this list stands here: Ley 2.977 and its changes."""
    days = "01-01 04-03 04-04 05-01 05-21 06-21 06-29 07-16 08-15 09-18 09-19 10-12 10-31 11-01 12-08 12-25"
    listed = [date.fromisoformat(f"2026-{day}") for day in days.split()]
    assert sorted(holidays.country_holidays("CL", years=2026)) == listed
