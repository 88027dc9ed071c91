"""The outside checker finds what is planted, and finds nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import holidays
import pytest

from .evidence import Evidence
from .laws import FinalStates, Limits, violations

MONDAY = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
"""10:00 in Santiago."""
LIMITS = Limits(concurrency=2, starts_a_second=1.0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PHONES = {"p1": "+56911111111", "p2": "+56922222222"}
TALK_MS, COST = 20_000, 43_340
"""20 s at 0.2167 US cents are 4.334 cents."""


def a_call(
    attempt: str, job: str, at: datetime, reason: str = "dial_no_answer", person: str = "p1", **fields: Any
) -> dict[str, Any]:
    start_ms = round(at.timestamp() * 1000)
    talks = reason.endswith("hangup") or reason.startswith("user_requested")
    return {
        "call_id": f"call of {attempt}",
        "sequence": start_ms,
        "to_number": PHONES.get(person, f"+569{person}"),
        "outcome": reason,
        "disconnection_reason": reason,
        "dialled": True,
        "accepted_ms": start_ms,
        "live_from_ms": start_ms,
        "connected_ms": start_ms + 10_000 if talks else None,
        "live_until_ms": start_ms + 10_000 + TALK_MS,
        "metadata": {"attempt_id": attempt, "job_id": job},
        **fields,
    }


def an_attempt(attempt: str, job: str, person: str, at: datetime = MONDAY, **fields: Any) -> dict[str, Any]:
    return {
        "_id": attempt,
        "job_id": job,
        "person_id": person,
        "to_number": PHONES.get(person, f"+569{person}"),
        "account_id": "main",
        "use_case": "debt_collection",
        "call_id": f"call of {attempt}",
        "state": "finished",
        "counted": True,
        "finished_at": at + timedelta(minutes=1),
        "retell": {"call_analysis": {"custom_analysis_data": {}}},
        **fields,
    }


def a_job(job: str, person: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": job,
        "batch_id": "list",
        "account_id": "main",
        "person_id": person,
        "to_number": PHONES.get(person, f"+569{person}"),
        "status": "done",
        "reason": "conversation",
        "attempts": 1,
        "max_attempts": 9,
        "attempt_id": None,
        "time_zone": "America/Santiago",
        "country": "CL",
        **fields,
    }


def a_record(key: str, attempt: str, at: datetime, **fields: Any) -> dict[str, Any]:
    """What is counted of a person or a telephone that was called once."""
    made = {"attempt_id": attempt, "at": at, "on": at.date().isoformat()}
    return {"_id": key, "live_attempt_id": None, "tries": [made], "talks_on": [], **fields}


def healthy() -> Evidence:
    """Two people of one list, one call each, both done; the second talked, which cost the account something."""
    second = MONDAY + timedelta(seconds=1)
    return Evidence(
        now=MONDAY + HOUR,
        calls=[a_call("a1", "j1", MONDAY), a_call("a2", "j2", second, "agent_hangup", "p2")],
        batches=[
            {
                "_id": "list",
                "account_id": "main",
                "status": "completed",
                "pacing": "waves",
                "policy": "default",
                "policy_overrides": {},
                "time_zone": "America/Santiago",
                "loaded_at": MONDAY - HOUR,
                "history": [{"at": MONDAY + timedelta(minutes=30), "status": "completed"}],
                "counts": {"rows": 3, "accepted": 2, "merged": 0, "duplicate": 0, "rejected": 1, "contacts": 2},
            }
        ],
        jobs=[a_job("j1", "p1"), a_job("j2", "p2")],
        attempts=[an_attempt("a1", "j1", "p1"), an_attempt("a2", "j2", "p2")],
        people=[
            a_record("p1", "a1", MONDAY, silent_on=["2026-11-23"]),
            a_record("p2", "a2", second, talks_on=["2026-11-23"], silent_on=[]),
        ],
        phones=[
            a_record(PHONES["p1"], "a1", MONDAY),
            a_record(PHONES["p2"], "a2", second, talks_on=["2026-11-23"]),
        ],
        accounts=[
            {
                "_id": "main",
                "status": "active",
                "plan": "credit",
                "balance": 1_000_000 - COST,
                "reserved": 0,
                "free": 1_000_000 - COST,
                "reservations": {},
                "outbox": [],
                "concurrency": 2,
                "lines_free": 2,
                "calls_a_day": None,
                "day_budget": None,
                "countries": [],
                "history": [],
            }
        ],
        ledger=[
            an_entry("topup:1", 1_000_000, MONDAY - DAY, "top_up"),
            an_entry("settle:a2", -COST, MONDAY + timedelta(minutes=1), "settle", attempt_id="a2"),
        ],
        slots=[{"_id": 0, "attempt_id": None}],
        rejected=[{"batch_id": "list", "row": 3, "reason_code": "phone_missing"}],
    )


def an_entry(key: str, amount: Any, at: datetime, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": f"main|{key}",
        "account_id": "main",
        "key": key,
        "kind": kind,
        "amount": amount,
        "at": at,
        "attempt_id": None,
        **fields,
    }


def again(
    seen: Evidence, at: datetime, reason: str = "dial_no_answer", *, of: str = "j1", said: str = "", **fields: Any
) -> None:
    """One more call to the person of a contact, honestly counted and paid; `said` is the callback asked for in it."""
    job = next(job for job in seen.jobs if job["_id"] == of)
    person, name = job["person_id"], f"a{len(seen.calls) + 1}"
    seen.batches[0]["history"].clear()
    seen.now = max(seen.now, at + HOUR)
    call = a_call(name, of, at, reason, person, **fields)
    asked = {"fecha_callback": said, "hora_callback": ""} if said else {}
    retell = {"call_analysis": {"custom_analysis_data": asked}}
    seen.calls.append(call)
    seen.attempts.append(an_attempt(name, of, person, at, retell=retell, to_number=call["to_number"]))
    job["attempts"] += 1
    for records, key in ((seen.people, person), (seen.phones, call["to_number"])):
        record = next((one for one in records if one["_id"] == key), None)
        if record is None:
            records.append(record := {"_id": key, "live_attempt_id": None, "tries": [], "talks_on": []})
        _count(record, name, at, call)
    if call["connected_ms"] is not None:
        seen.ledger.append(an_entry(f"settle:{name}", -COST, at + timedelta(minutes=1), "settle", attempt_id=name))
        for counter in ("balance", "free"):
            seen.accounts[0][counter] -= COST


def _count(record: dict[str, Any], name: str, at: datetime, call: dict[str, Any]) -> None:
    day = (at - timedelta(hours=3)).date().isoformat()
    record["tries"].append({"attempt_id": name, "at": at, "on": day})
    if call["connected_ms"] is not None:
        record["talks_on"].append(day)
        record["silent_on"] = []
    elif call["disconnection_reason"] == "dial_no_answer" and day not in record["talks_on"]:
        record["silent_on"] = sorted({*record.get("silent_on", ()), day})


def under(policy: str, **overrides: Any) -> Evidence:
    """The healthy evidence of a list under another policy."""
    seen = healthy()
    seen.batches[0].update(policy=policy, policy_overrides=overrides)
    return seen


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


def three_live(seen: Evidence) -> None:
    seen.jobs.append(a_job("j3", "p3", attempts=0))
    again(seen, MONDAY + timedelta(seconds=2), of="j3")
    seen.batches[0]["counts"].update(rows=4, accepted=3, contacts=3)


def more_lines_than_the_account_has(seen: Evidence) -> None:
    seen.accounts[0].update(concurrency=1, lines_free=1)


def half_a_second_apart(seen: Evidence) -> None:
    seen.calls[1]["accepted_ms"] -= 500


def running_and_due_since_yesterday(seen: Evidence) -> None:
    seen.batches[0].update(status="running", history=[])
    seen.jobs[0].update(status="pending", next_attempt_at=MONDAY - DAY, admitted=True)


def held_by_an_active_account(seen: Evidence) -> None:
    seen.batches[0].update(status="running")
    seen.jobs[0].update(status="suspended", suspended_by="account", status_at=MONDAY - DAY)
    seen.accounts[0]["history"] = [{"at": MONDAY - 2 * HOUR, "what": "resumed"}]


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


def an_action(attempt: str = "a2", name: str = "payment_link", **fields: Any) -> dict[str, Any]:
    return {"_id": f"{attempt}|{name}", "attempt_id": attempt, "name": name, "state": "delivered", **fields}


def promised(seen: Evidence) -> None:
    seen.attempts[1]["retell"]["call_analysis"]["custom_analysis_data"]["fecha_pago_cliente"] = "2026-11-30"


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


def asked_for_a_callback(seen: Evidence, said: str = "mañana a las 5") -> None:
    """On Tuesday at 11:00 in Santiago, so for Wednesday at 17:00."""
    again(seen, MONDAY + DAY + HOUR, "user_requested_callback", said=said)
    seen.jobs[0].update(status="pending", reason="a callback was asked for", admitted=True)
    seen.jobs[0]["next_attempt_at"] = seen.now = MONDAY + 2 * DAY + 7 * HOUR
    seen.batches[0]["status"] = "running"


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


PLANTED: list[tuple[int, str, Callable[[Evidence], object]]] = [
    (1, "became 2 calls", lambda seen: seen.calls.append({**seen.calls[0], "call_id": "x", "accepted_ms": 0})),
    (1, "belongs to no attempt", lambda seen: seen.attempts.pop()),
    (1, "is refused, but call", lambda seen: seen.attempts[0].update(state="refused")),
    (1, "never happened", lambda seen: seen.calls.pop()),
    (2, "without a reason", lambda seen: seen.jobs[0].update(reason=None)),
    (2, "suspended without a reason", lambda seen: seen.jobs[0].update(status="suspended", reason="")),
    (2, "without a time", lambda seen: seen.jobs[0].update(status="pending", next_attempt_at=None)),
    (2, "is forgotten", running_and_due_since_yesterday),
    (2, "with an account that is active since", held_by_an_active_account),
    (2, "with a contact that is not", lambda seen: seen.jobs[0].update(status="suspended")),
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
    (5, "person p1 was called after asking not to be", after_asking_not_to_be_called),
    (5, "phone +56911111111 was called after asking", on_the_telephone_of_who_asked_not_to_be_called),
    (5, "on the do-not-call list since", on_the_list_by_command),
    (5, "its account is suspended since", for_a_suspended_account),
    (5, "was called for with 0", for_an_empty_account),
    (5, "before the day's first wave", before_the_first_wave),
    (5, "its account may call ['AR']", lambda seen: seen.accounts[0].update(countries=["AR"])),
    (5, "not running", while_paused),
    (5, "called 62 people", more_people_than_a_day_has),
    (6, "3 calls were live", three_live),
    (6, "500 ms apart", half_a_second_apart),
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
    (9, "rows were read", lambda seen: seen.batches[0]["counts"].update(rows=4)),
    (9, "has 2 jobs and 0 rejected", lambda seen: seen.rejected.clear()),
    (9, "lacks its number", lambda seen: seen.rejected[0].update(row=None)),
]  # fmt: skip


def test_nothing_is_found_where_nothing_is() -> None:
    assert violations(healthy(), LIMITS) == []


@pytest.mark.parametrize(("law", "words", "plant"), PLANTED, ids=[words for _, words, _ in PLANTED])
def test_a_planted_violation_is_found(law: int, words: str, plant: Callable[[Evidence], object]) -> None:
    seen = healthy()
    plant(seen)
    found = violations(seen, LIMITS)
    assert any(one.law == law and words in one.what for one in found), found


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


@pytest.mark.parametrize(("policy", "at"), CLOSED)
def test_the_hours_of_each_law_end_where_they_end(policy: str, at: datetime) -> None:
    seen = under(policy)
    seen.batches[0]["pacing"] = "continuous"
    seen.jobs.append(a_job("j3", "p3", attempts=0))
    again(seen, at, of="j3")
    seen.batches[0]["counts"].update(rows=4, accepted=3, contacts=3)
    assert [one.law for one in violations(seen, LIMITS)] == [5]


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


def test_a_final_state_is_left_by_a_recorded_reset_only() -> None:
    watch = FinalStates()
    watch.look([{"_id": "j1", "status": "failed"}, {"_id": "j2", "status": "done"}])
    watch.look([{"_id": "j1", "status": "pending", "resets": [{}]}, {"_id": "j2", "status": "pending"}])
    assert [one.what for one in watch.violations] == ["job j2 went from done to pending"]


def test_the_library_knows_the_holidays_of_chile_in_2026() -> None:
    """Both the product and the checker ask it, so this list stands here: Ley 2.977 and its changes."""
    days = "01-01 04-03 04-04 05-01 05-21 06-21 06-29 07-16 08-15 09-18 09-19 10-12 10-31 11-01 12-08 12-25"
    listed = [date.fromisoformat(f"2026-{day}") for day in days.split()]
    assert sorted(holidays.country_holidays("CL", years=2026)) == listed
