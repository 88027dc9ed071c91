"""Caller numbers at work: one for a person, rested when their calls fail, only where Retell lets them call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Pacing
from speechai.operation import accounts as money
from speechai.operation import callers, campaigns
from speechai.retell.simulator import OutcomeScript
from speechai.retell.simulator.config import PhoneNumber
from speechai.store import account_changes
from tests.flow.test_offers_at_work import GENERAL, MONDAY, WEDNESDAY

from .conftest import MakeWorld
from .lists import debtor
from .month_figures import broken_by_callers
from .test_continuous import CONTINUOUS, statuses
from .test_days import PROMISE, TALK, enqueue, job_of, local
from .test_money_at_work import alerts, pays
from .virtual import World

POOL = (GENERAL, "+56221230001", "+56221230002")


def pool(*numbers: str, **countries: tuple[str, ...]) -> tuple[PhoneNumber, ...]:
    """Retell's own list of them; `countries` by the last four digits, as `n0001`."""
    return tuple(
        PhoneNumber(phone_number=number, allowed_outbound_countries=countries.get(f"n{number[-4:]}", ()))
        for number in numbers
    )


def called_from(world: World) -> dict[str, list[str]]:
    """Caller numbers by the number that was called, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for call in sorted(world.simulator.journal()["calls"], key=lambda one: one["accepted_ms"]):
        found[call["to_number"]].append(call["from_number"])
    return found


def broken_callers(world: World, allowed: dict[str, Sequence[str]] | None = None, **pools: Sequence[str]) -> list[str]:
    known = {account["_id"]: pools.get(account["_id"], POOL) for account in world.database.accounts.find()}
    return list(broken_by_callers(world.evidence(), known, allowed or {}))


def test_a_person_is_called_from_one_number_over_days_and_lists_and_the_pool_is_shared(
    world: MakeWorld, tmp_path: Path
) -> None:
    people = [debtor(n, phones=1 + n % 2) for n in range(9)]
    here = world(
        MONDAY,
        settings={"retell_from_number": ",".join(POOL), "retell_calls_per_second": 4, "max_tries": 2},
        script=OutcomeScript(endings={"": [TALK, PROMISE]}),
        phone_numbers=pool(*POOL),
    )
    enqueue(here, tmp_path / "first.csv", people, **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=11))
    enqueue(here, tmp_path / "second.csv", people, again=True, **CONTINUOUS)
    here.run_until(local(2026, 11, 24, 12, 0))
    mine: dict[str, set[str]] = defaultdict(set)
    for log in here.database.call_logs.find():
        mine[log["person_id"]].add(log["from_number"])
    assert {len(numbers) for numbers in mine.values()} == {1}
    assert len({number for numbers in mine.values() for number in numbers}) == 3
    assert min(len(calls) for calls in called_from(here).values()) >= 1
    assert broken_callers(here) == []
    assert here.violations() == []


def test_a_number_whose_calls_fail_rests_and_its_people_are_called_from_another_meanwhile(
    world: MakeWorld, tmp_path: Path
) -> None:
    """A trunk that refuses us says so at once: the number rests for an hour, then its people have it again."""
    two = POOL[:2]
    people = [debtor(n) for n in range(6)]
    numbers: dict[str, Any] = {people[0].phones[0]: ["sip_routing_error", PROMISE]}
    here = world(
        MONDAY,
        settings={"retell_from_number": ",".join(two), "retell_concurrency": 1},
        script=OutcomeScript(numbers=numbers, endings={"": [TALK, TALK, TALK]}),
        phone_numbers=pool(*two),
    )
    enqueue(here, tmp_path / "first.csv", people[:1], **CONTINUOUS)
    here.run_for(minutes=3)
    enqueue(here, tmp_path / "second.csv", people[1:], **CONTINUOUS)
    here.run_until(MONDAY.replace(hour=11))
    (rested,) = here.database.caller_numbers.find({"rested_at": {"$exists": True}})
    assert {subject for kind, subject in alerts(here) if kind == "caller_rested"} == {rested["_id"]}
    from_number = called_from(here)
    assert from_number[people[0].phones[0]] == [rested["_id"], *set(two) - {rested["_id"]}]
    moved = [found for found in from_number.values() if len(set(found)) == 2]
    assert len(moved) >= 2
    assert any(found[-1] == rested["_id"] for found in moved)
    assert broken_callers(here, main=two) == []
    assert here.violations() == []


def test_where_every_number_rests_everybody_waits_for_the_first_that_wakes(world: MakeWorld, tmp_path: Path) -> None:
    here = world(MONDAY, script=OutcomeScript(endings={"": PROMISE}))
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(1), debtor(2)])
    callers.rest_caller(here.context, GENERAL, minutes=50, because="a complaint", by="a test")
    here.run_until(MONDAY.replace(minute=49))
    assert not called_from(here)
    jobs = list(here.database.call_jobs.find())
    assert {job["denied"]["code"] for job in jobs} == {"callers_resting"}
    assert {job["next_attempt_at"] for job in jobs} == {MONDAY.replace(minute=50)}
    assert ("callers_resting", "main") in alerts(here)
    here.run_until(MONDAY.replace(minute=58))  # not at the next wave: only a number was missing
    assert statuses(here, batch_id) == {"done": 2}
    assert here.violations() == []


ABROAD = replace(debtor(9, city=""), phones=("+5491155000009",))


def test_a_number_calls_only_the_countries_that_retell_lets_it_call(world: MakeWorld, tmp_path: Path) -> None:
    allowed: dict[str, Sequence[str]] = {POOL[1]: ("AR",), POOL[2]: ("CL",)}
    two = POOL[1:]
    here = world(
        WEDNESDAY,
        settings={"retell_from_number": ",".join(two)},
        script=OutcomeScript(endings={"": PROMISE}),
        phone_numbers=pool(*two, n0001=("AR",), n0002=("CL",)),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(5)] + [ABROAD], **CONTINUOUS)
    here.run_for(minutes=20)
    assert statuses(here, batch_id) == {"done": 6}
    assert called_from(here).pop(ABROAD.phones[0]) == [POOL[1]]
    assert broken_callers(here, allowed, main=two) == []
    assert here.violations() == []


@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize("why", ["no number may call the country", "the account may not call the country"])
def test_a_contact_whom_no_number_may_call_waits_for_somebody_and_is_called_once_that_is_mended(
    world: MakeWorld, tmp_path: Path, why: str, pacing: Pacing
) -> None:
    two = POOL[:2]
    here = world(
        WEDNESDAY,
        settings={"retell_from_number": GENERAL},
        script=OutcomeScript(endings={"": PROMISE}),
        phone_numbers=pool(*two, n4567=("CL",)) if why.startswith("no") else pool(*two),
    )
    shop = pays(here, paid=90_000_000, countries=() if why.startswith("no") else ("CL",))
    batch_id = enqueue(here, tmp_path / "list.csv", [debtor(1), ABROAD], account_id=shop, pacing=pacing)
    here.run_until(WEDNESDAY.replace(hour=12, minute=20))
    assert statuses(here, batch_id) == {"done": 1, "suspended": 1}
    held = job_of(here, ABROAD)
    assert (held["denied"]["code"], held["suspended_by"]) == ("no_caller_number", None)
    assert ("no_caller_number", "shop/AR") in alerts(here)
    money.resume_account(here.context, shop, by="a test", why="nothing was wrong with it")
    here.run_for(minutes=10)
    assert job_of(here, ABROAD)["status"] == "suspended"
    mended: dict[str, Any] = {"from_numbers": (POOL[1],), "countries": ()}
    account_changes.set_limits(here.context.store, shop, mended, by="a test", now=here.now)
    here.at(WEDNESDAY.replace(hour=13), lambda: campaigns.resume(here.context, batch_id))
    here.run_until(WEDNESDAY.replace(hour=13, minute=20))
    assert called_from(here)[ABROAD.phones[0]] == [POOL[1]]
    assert statuses(here, batch_id) == {"done": 2}
    assert here.violations() == []


def test_another_phone_is_dialled_where_no_number_may_call_the_first(world: MakeWorld, tmp_path: Path) -> None:
    """With one start in two seconds calls wait for theirs, and everything is asked again after the wait."""
    one = debtor(1, phones=2)
    here = world(
        WEDNESDAY.replace(hour=6),
        settings={"retell_calls_per_second": 0.5},
        script=OutcomeScript(endings={"": PROMISE}),
        phone_numbers=pool(GENERAL, n4567=("CL",)),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", [one, *map(debtor, range(2, 8))], **CONTINUOUS)
    here.run_for(minutes=5)
    here.database.call_jobs.update_one({"rut": one.rut}, {"$set": {"to_number": ABROAD.phones[0]}})
    here.run_until(WEDNESDAY.replace(hour=8, minute=20))
    assert statuses(here, batch_id) == {"done": 7}
    assert ABROAD.phones[0] not in called_from(here)
    assert len(called_from(here)[one.phones[1]]) == 1
    assert here.violations() == []
