"""Continuous lists and what an operator does to them: hours, rests, pauses, resets, shared people, fair shares."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import JobStatus, Pacing
from speechai.operation import campaigns
from speechai.retell.simulator import OutcomeScript

from .conftest import MakeWorld
from .lists import debtor
from .test_days import MISSED, PROMISE, TALK, calls_by_number, enqueue, job_of, local
from .virtual import World

CONTINUOUS = {"pacing": Pacing.CONTINUOUS}


def statuses(world: World, batch_id: str) -> Counter[str]:
    return Counter(job["status"] for job in world.database.call_jobs.find({"batch_id": batch_id}))


def called(world: World) -> int:
    return int(world.simulator.journal()["total_calls"])


def test_calls_stop_at_eight_in_the_evening_sharp_and_go_on_at_eight_in_the_morning(
    world: MakeWorld, tmp_path: Path
) -> None:
    here = world(
        local(2026, 11, 23, 19, 59, 38),
        settings={"retell_concurrency": 60},
        script=OutcomeScript(endings={"": PROMISE}),
    )
    enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(40)], **CONTINUOUS)
    here.run_until(local(2026, 11, 24, 7, 59))
    assert here.violations() == []
    before = [at for calls in calls_by_number(here).values() for at in calls]
    assert 20 <= len(before) <= 22
    here.run_until(local(2026, 11, 24, 9, 0))
    times = [at for calls in calls_by_number(here).values() for at in calls]
    assert len(times) == 40
    assert min(set(times) - set(before)) < local(2026, 11, 24, 8, 0, 10)
    assert here.violations() == []


def test_a_missed_call_rests_for_an_hour_and_a_talk_for_half_an_hour_and_both_over_night(
    world: MakeWorld, tmp_path: Path
) -> None:
    missed, talk = debtor(1, phones=2), debtor(2)
    numbers: dict[str, Any] = {missed.phones[0]: MISSED, missed.phones[1]: MISSED, talk.phones[0]: TALK}
    here = world(local(2026, 11, 23, 17, 50), settings={"max_tries": 5}, script=OutcomeScript(numbers=numbers))
    enqueue(here, tmp_path / "list.csv", [missed, talk], **CONTINUOUS)
    here.run_until(local(2026, 11, 25, 8, 0))
    calls = calls_by_number(here)
    hours = [[f"{at:%d %H:%M}" for at in calls[number]] for number in (*missed.phones, *talk.phones)]
    assert hours[0] == ["23 17:50", "23 19:51", "24 09:00"]  # phones take turns
    assert hours[1] == ["23 18:50", "24 08:00"]
    assert hours[2] == ["23 17:50", "23 18:20", "23 18:51", "24 08:00", "24 08:30"]
    assert here.violations() == []


def test_pause_resume_and_cancel_midway(world: MakeWorld, tmp_path: Path) -> None:
    here = world(local(2026, 11, 23, 10, 0), script=OutcomeScript(endings={"": [TALK, PROMISE]}))
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(40)], **CONTINUOUS)
    here.at(local(2026, 11, 23, 10, 0, 8), lambda: campaigns.pause(here.context, batch_id))
    here.run_until(local(2026, 11, 23, 10, 20))
    paused_with = called(here)
    assert 5 <= paused_with <= 15
    assert here.violations() == []
    here.at(local(2026, 11, 23, 10, 30), lambda: campaigns.resume(here.context, batch_id))
    here.at(local(2026, 11, 23, 10, 30, 12), lambda: campaigns.cancel(here.context, batch_id))
    here.run_until(local(2026, 11, 23, 14, 0))
    assert paused_with + 3 <= called(here) <= paused_with + 12
    assert statuses(here, batch_id) == {"cancelled": 40}
    assert here.violations() == []
    reasons = {job["reason"] for job in here.database.call_jobs.find()}
    assert all("cancelled" in reason for reason in reasons), reasons


def test_failed_people_are_retried_and_reset_and_the_days_cap_still_holds(world: MakeWorld, tmp_path: Path) -> None:
    people = [debtor(n) for n in range(4)]
    here = world(
        local(2026, 11, 23, 9, 0), settings={"max_tries": 2}, script=OutcomeScript(endings={"": [TALK] * 7 + [PROMISE]})
    )
    batch_id = enqueue(here, tmp_path / "list.csv", people, **CONTINUOUS)
    here.run_until(local(2026, 11, 23, 12, 0))
    assert statuses(here, batch_id) == {"failed": 4}
    assert here.database.batches.find_one({"_id": batch_id})["status"] == "completed"  # type: ignore[index]
    assert campaigns.retry(here.context, job_of(here, people[0])["_id"]) == 1
    assert campaigns.reset_jobs(here.context, status=JobStatus.FAILED, batch_id=batch_id) == 3
    here.run_until(local(2026, 11, 24, 7, 0))
    assert {len(calls) for calls in calls_by_number(here).values()} == {3}  # the day's cap, with one attempt left
    assert statuses(here, batch_id) == {"pending": 4}
    assert here.violations() == []
    for day in (24, 25, 26):
        here.run_until(local(2026, 11, day, 19, 0))
        campaigns.retry(here.context, batch_id)
    here.run_until(local(2026, 11, 27, 12, 0))
    assert statuses(here, batch_id) == {"done": 4}
    assert here.violations() == []


def test_two_lists_that_share_people_never_call_one_twice_at_once_nor_above_the_cap(
    world: MakeWorld, tmp_path: Path
) -> None:
    long_talk = {**TALK, "talk_ms": 110_000}
    here = world(local(2026, 11, 23, 9, 0), settings={"max_tries": 4}, script=OutcomeScript(endings={"": long_talk}))
    people = [debtor(n) for n in range(6)]
    first = enqueue(here, tmp_path / "one.csv", people, **CONTINUOUS)
    second = enqueue(here, tmp_path / "one.csv", people, again=True, account_id="other", **CONTINUOUS)
    here.run_until(local(2026, 11, 23, 20, 0))
    assert first != second
    assert {len(calls) for calls in calls_by_number(here).values()} == {3}
    assert here.violations() == []
    here.run_until(local(2026, 11, 26, 7, 0))
    assert {len(calls) for calls in calls_by_number(here).values()} == {8}
    assert statuses(here, first) == statuses(here, second) == {"failed": 6}
    assert here.violations() == []


@pytest.mark.parametrize("other_account", [True, False])
def test_a_small_list_does_not_wait_for_a_large_one(world: MakeWorld, tmp_path: Path, other_account: bool) -> None:
    here = world(
        local(2026, 11, 23, 9, 0), settings={"retell_concurrency": 3}, script=OutcomeScript(endings={"": PROMISE})
    )
    large = enqueue(here, tmp_path / "large.csv", [debtor(n) for n in range(60)], **CONTINUOUS)
    here.run_for(seconds=20)
    order = {**CONTINUOUS, "account_id": "other" if other_account else "main"}
    small = enqueue(here, tmp_path / "small.csv", [debtor(n) for n in range(100, 104)], **order)
    already = called(here)
    while statuses(here, small)["done"] < 4:
        here.run_for(seconds=10)
        assert here.now < local(2026, 11, 23, 11, 0)
    of_large = sum(call["metadata"]["batch_id"] == large for call in here.simulator.journal()["calls"])
    assert of_large - already <= 30  # by turns it is about as many as the small one's, by age it would be all 60
    assert here.violations(quiet=False) == []


def test_people_who_must_not_be_called_again_are_not_called_by_a_later_list(world: MakeWorld, tmp_path: Path) -> None:
    people = [debtor(n) for n in range(3)]
    numbers: dict[str, Any] = {
        people[0].phones[0]: {"outcome": "user_requested_dnc", "wait_ms": 2_000, "talk_ms": 9_000},
        people[1].phones[0]: MISSED,
        people[2].phones[0]: TALK,
    }
    here = world(local(2026, 11, 23, 9, 0), settings={"max_tries": 9}, script=OutcomeScript(numbers=numbers))
    enqueue(here, tmp_path / "one.csv", people, **CONTINUOUS)
    here.run_until(local(2026, 11, 26, 9, 0))
    before = {number: len(calls) for number, calls in calls_by_number(here).items()}
    assert [before[one.phones[0]] for one in people] == [1, 9, 9]
    later = enqueue(here, tmp_path / "two.csv", people, again=True, **CONTINUOUS)
    here.run_until(local(2026, 11, 26, 12, 0))
    after = calls_by_number(here)
    assert [len(after[one.phones[0]]) for one in people] == [1, 9, 12]
    ends = {job["to_number"]: job for job in here.database.call_jobs.find({"batch_id": later})}
    assert [ends[one.phones[0]]["status"] for one in people] == ["failed", "failed", "pending"]
    assert "not to be called" in ends[people[0].phones[0]]["reason"]
    assert "silent on 3 days" in ends[people[1].phones[0]]["reason"]
    assert here.violations() == []


def test_the_rate_and_the_live_calls_stay_within_limits_that_are_lowered_midway(
    world: MakeWorld, tmp_path: Path
) -> None:
    stays = {**PROMISE, "talk_ms": 90_000}
    here = world(
        local(2026, 11, 23, 9, 0),
        settings={"retell_concurrency": 6, "retell_calls_per_second": 0.5},
        script=OutcomeScript(endings={"": stays}),
    )
    enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(20)], **CONTINUOUS)
    here.run_for(hours=1)
    assert here.violations() == []
    assert here.simulator.journal()["highest_live"] == 6
    starts = sorted(at for calls in calls_by_number(here).values() for at in calls)
    assert starts[5] - starts[0] >= timedelta(seconds=10)
    assert starts[0].astimezone(UTC) <= datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
