"""The outside checker finds what is planted, and finds nothing where nothing is: laws 1, 2, 6, 9 and 10."""

from __future__ import annotations

from datetime import timedelta

import pytest

from .evidence import Evidence
from .laws import FinalStates, violations
from .planting import DAY, HOUR, LIMITS, MONDAY, Planted, a_job, again, assert_found, healthy, words_of


def three_live(seen: Evidence) -> None:
    seen.jobs.append(a_job("j3", "p3", attempts=0))
    again(seen, MONDAY + timedelta(seconds=2), of="j3")
    seen.batches[0]["counts"].update(rows=4, accepted=3, contacts=3)


def half_a_second_apart(seen: Evidence) -> None:
    seen.calls[1]["accepted_ms"] -= 500


def running_and_due_since_yesterday(seen: Evidence) -> None:
    seen.batches[0].update(status="running", history=[])
    seen.jobs[0].update(status="pending", next_attempt_at=MONDAY - DAY, admitted=True)


def held_by_an_active_account(seen: Evidence) -> None:
    seen.batches[0].update(status="running")
    seen.jobs[0].update(status="suspended", suspended_by="account", status_at=MONDAY - DAY)
    seen.accounts[0]["history"] = [{"at": MONDAY - 2 * HOUR, "what": "resumed"}]


PLANTED: list[Planted] = [
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
    (6, "3 calls were live", three_live),
    (6, "500 ms apart", half_a_second_apart),
    (9, "rows were read", lambda seen: seen.batches[0]["counts"].update(rows=4)),
    (9, "has 2 jobs and 0 rejected", lambda seen: seen.rejected.clear()),
    (9, "lacks its number", lambda seen: seen.rejected[0].update(row=None)),
]  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=words_of)
def test_a_planted_violation_is_found(planted: Planted) -> None:
    assert_found(planted)


def test_nothing_is_found_where_nothing_is() -> None:
    assert violations(healthy(), LIMITS) == []


def test_a_final_state_is_left_by_a_recorded_reset_only() -> None:
    watch = FinalStates()
    watch.look([{"_id": "j1", "status": "failed"}, {"_id": "j2", "status": "done"}])
    watch.look([{"_id": "j1", "status": "pending", "resets": [{}]}, {"_id": "j2", "status": "pending"}])
    assert [one.what for one in watch.violations] == ["job j2 went from done to pending"]
