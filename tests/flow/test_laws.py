"""The outside checker finds what is planted, and finds nothing where nothing is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .evidence import Evidence
from .laws import FinalStates, Limits, violations

MONDAY = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
"""10:00 in Santiago."""
LIMITS = Limits(concurrency=2, starts_a_second=1.0)


def a_call(attempt: str, job: str, at: datetime, reason: str = "dial_no_answer", **fields: Any) -> dict[str, Any]:
    start_ms = round(at.timestamp() * 1000)
    return {
        "call_id": f"call of {attempt}",
        "sequence": start_ms,
        "outcome": reason,
        "disconnection_reason": reason,
        "dialled": True,
        "accepted_ms": start_ms,
        "live_from_ms": start_ms,
        "live_until_ms": start_ms + 30_000,
        "metadata": {"attempt_id": attempt, "job_id": job},
        **fields,
    }


def an_attempt(attempt: str, job: str, person: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": attempt,
        "job_id": job,
        "person_id": person,
        "call_id": f"call of {attempt}",
        "state": "finished",
        "counted": True,
        "local_on": "2026-11-23",
        **fields,
    }


def a_job(job: str, person: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": job,
        "batch_id": "list",
        "person_id": person,
        "status": "done",
        "reason": "conversation",
        "attempts": 1,
        "attempt_id": None,
        "time_zone": "America/Santiago",
        "country": "CL",
        **fields,
    }


def healthy() -> Evidence:
    """Two people of one list, one call each, both done."""
    return Evidence(
        now=MONDAY + timedelta(hours=1),
        calls=[a_call("a1", "j1", MONDAY), a_call("a2", "j2", MONDAY + timedelta(seconds=1), "agent_hangup")],
        batches=[
            {
                "_id": "list",
                "status": "completed",
                "pacing": "waves",
                "policy": "default",
                "time_zone": "America/Santiago",
                "loaded_at": MONDAY - timedelta(hours=1),
                "history": [{"at": MONDAY + timedelta(minutes=30), "status": "completed"}],
                "counts": {"rows": 3, "accepted": 2, "merged": 0, "duplicate": 0, "rejected": 1, "contacts": 2},
            }
        ],
        jobs=[a_job("j1", "p1"), a_job("j2", "p2")],
        attempts=[an_attempt("a1", "j1", "p1"), an_attempt("a2", "j2", "p2")],
        people=[
            {"_id": person, "day_on": "2026-11-23", "attempts_today": 1, "live_attempt_id": None}
            for person in ("p1", "p2")
        ],
        slots=[{"_id": 0, "attempt_id": None}],
        rejected=[{"batch_id": "list", "row": 3, "reason_code": "phone_missing"}],
    )


def again(seen: Evidence, at: datetime, reason: str = "dial_no_answer") -> None:
    """One more call to the first person, with an honest attempt."""
    seen.batches[0]["history"].clear()
    name = f"a{len(seen.calls) + 1}"
    seen.calls.append(a_call(name, "j1", at, reason))
    seen.attempts.append(an_attempt(name, "j1", "p1", local_on=(at - timedelta(hours=3)).date().isoformat()))
    seen.jobs[0]["attempts"] += 1
    seen.people[0].update(day_on=seen.attempts[-1]["local_on"])
    same_day = [a for a in seen.attempts if a["person_id"] == "p1" and a["local_on"] == seen.people[0]["day_on"]]
    seen.people[0]["attempts_today"] = len(same_day)


def four_in_a_day(seen: Evidence) -> None:
    for hour in (1, 2, 3):
        again(seen, MONDAY + timedelta(hours=hour), "user_hangup")


def a_fourth_silent_day(seen: Evidence) -> None:
    for days in (1, 2, 3):
        again(seen, MONDAY + timedelta(days=days))


def at_eight_in_the_evening(seen: Evidence) -> None:
    again(seen, MONDAY + timedelta(hours=10))


def on_a_sunday(seen: Evidence) -> None:
    again(seen, MONDAY + timedelta(days=6))


def on_a_holiday(seen: Evidence) -> None:
    again(seen, datetime(2026, 12, 8, 13, tzinfo=UTC))


def at_its_own_place(seen: Evidence) -> None:
    seen.jobs[0]["time_zone"] = "Pacific/Easter"
    again(seen, MONDAY - timedelta(hours=1, minutes=30))


def after_asking_not_to_be_called(seen: Evidence) -> None:
    seen.calls[0].update(disconnection_reason="user_requested_dnc")
    again(seen, MONDAY + timedelta(hours=1))


def while_paused(seen: Evidence) -> None:
    seen.batches[0]["history"].insert(0, {"at": MONDAY - timedelta(minutes=1), "status": "paused"})


def two_at_once(seen: Evidence) -> None:
    again(seen, MONDAY + timedelta(seconds=10))


def more_people_than_a_day_has(seen: Evidence) -> None:
    for number in range(3, 63):
        at = MONDAY + timedelta(minutes=number)
        seen.calls.append(a_call(f"a{number}", f"j{number}", at))
        seen.attempts.append(an_attempt(f"a{number}", f"j{number}", f"p{number}"))
        seen.jobs.append(a_job(f"j{number}", f"p{number}"))
    seen.batches[0]["counts"].update(rows=63, accepted=62, contacts=62)


def three_live(seen: Evidence) -> None:
    seen.calls.append(a_call("a3", "j3", MONDAY + timedelta(seconds=2)))
    seen.attempts.append(an_attempt("a3", "j3", "p3"))
    seen.jobs.append(a_job("j3", "p3"))
    seen.batches[0]["counts"].update(rows=4, accepted=3, contacts=3)


def half_a_second_apart(seen: Evidence) -> None:
    seen.calls[1]["accepted_ms"] -= 500


def running_and_due_since_yesterday(seen: Evidence) -> None:
    seen.batches[0].update(status="running", history=[])
    seen.jobs[0].update(status="pending", next_attempt_at=MONDAY - timedelta(days=1), admitted=True)


PLANTED: list[tuple[int, str, Callable[[Evidence], object]]] = [
    (1, "became 2 calls", lambda seen: seen.calls.append({**seen.calls[0], "call_id": "x", "accepted_ms": 0})),
    (1, "belongs to no attempt", lambda seen: seen.attempts.pop()),
    (1, "is refused, but call", lambda seen: seen.attempts[0].update(state="refused")),
    (1, "never happened", lambda seen: seen.calls.pop()),
    (2, "without a reason", lambda seen: seen.jobs[0].update(reason=None)),
    (2, "without a reason", lambda seen: seen.jobs[0].update(status="suspended", reason="")),
    (2, "without a time", lambda seen: seen.jobs[0].update(status="pending", next_attempt_at=None)),
    (2, "is forgotten", running_and_due_since_yesterday),
    (2, "with a contact that is not", lambda seen: seen.jobs[0].update(status="suspended")),
    (3, "was called 4 times on 2026-11-23", four_in_a_day),
    (3, "counts 2 attempts, 1 were made", lambda seen: seen.jobs[0].update(attempts=2)),
    (3, "counts 0 attempts that day", lambda seen: seen.people[0].update(attempts_today=0)),
    (3, "another call to it was live", two_at_once),
    (4, "after silence on", a_fourth_silent_day),
    (5, "20:00:00", at_eight_in_the_evening),
    (5, "Sunday", on_a_sunday),
    (5, "public holiday", on_a_holiday),
    (5, "06:30:00", at_its_own_place),
    (5, "asking not to be", after_asking_not_to_be_called),
    (5, "not running", while_paused),
    (5, "called 62 people", more_people_than_a_day_has),
    (6, "3 calls were live", three_live),
    (6, "500 ms apart", half_a_second_apart),
    (7, "slot 0 is held", lambda seen: seen.slots[0].update(attempt_id="a1")),
    (7, "the turn of p1", lambda seen: seen.people[0].update(live_attempt_id="a1")),
    (7, "is in_progress", lambda seen: seen.jobs[0].update(status="in_progress")),
    (7, "is unknown", lambda seen: seen.attempts[0].update(state="unknown")),
    (9, "rows were read", lambda seen: seen.batches[0]["counts"].update(rows=4)),
    (9, "has 2 jobs and 0 rejected", lambda seen: seen.rejected.clear()),
    (9, "lacks its number", lambda seen: seen.rejected[0].update(row=None)),
]


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
        again(seen, MONDAY + timedelta(days=days), reason if days == 2 else "dial_no_answer")
    assert violations(seen, LIMITS) == []


def test_a_final_state_is_left_by_a_recorded_reset_only() -> None:
    watch = FinalStates()
    watch.look([{"_id": "j1", "status": "failed"}, {"_id": "j2", "status": "done"}])
    watch.look([{"_id": "j1", "status": "pending", "resets": [{}]}, {"_id": "j2", "status": "pending"}])
    assert [one.what for one in watch.violations] == ["job j2 went from done to pending"]
