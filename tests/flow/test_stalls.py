"""A worker that stands still for less than its lease, between the moment at which the rules were asked and its request.

A host that swaps, a process that is stopped, a MongoDB that is slow or paused: nobody takes the job over, and what was
allowed may not be any more once the worker goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from speechai.core.accounts import MAIN
from speechai.core.model import Pacing
from speechai.operation import accounts, campaigns, do_not_call
from speechai.retell.simulator import OutcomeScript

from .conftest import MakeWorld
from .lists import debtor
from .test_days import PROMISE, calls_by_number, enqueue, job_of, local
from .test_deaths import blows, next_day
from .virtual import World

SHORTER_THAN_A_LEASE = 38


def only_time_passes(_world: World, _batch_id: str, _number: str) -> None:
    """The hours end."""


def list_is_paused(world: World, batch_id: str, _number: str) -> None:
    campaigns.pause(world.context, batch_id)


def account_is_suspended(world: World, _batch_id: str, _number: str) -> None:
    accounts.suspend_account(world.context, MAIN, reason="a test", by="operator")


def person_forbids_it(world: World, _batch_id: str, number: str) -> None:
    subject = do_not_call.subject_of(number, country="CL")
    do_not_call.add(world.context, [subject], why="a test", by="a test")


CHANGES = [
    pytest.param(local(2026, 11, 23, 19, 59, 30), only_time_passes, id="the hours end"),
    pytest.param(local(2026, 11, 23, 9, 0), list_is_paused, id="the list is paused"),
    pytest.param(local(2026, 11, 23, 9, 0), account_is_suspended, id="the account is suspended"),
    pytest.param(local(2026, 11, 23, 9, 0), person_forbids_it, id="the person asks not to be called"),
]


@pytest.mark.parametrize(("starts_at", "change"), CHANGES)
def test_a_worker_that_stood_still_asks_again_before_it_dials(
    world: MakeWorld, tmp_path: Path, starts_at: datetime, change: Callable[[World, str, str], None]
) -> None:
    """In front of each request to MongoDB in turn; the request to Retell itself cannot be asked about any later."""
    here = world(starts_at, settings={"dispatch_interval_seconds": 40}, script=OutcomeScript(endings={"": PROMISE}))
    here.count_only_the_store()
    dialled: set[str] = set()
    """Before the worker stood still."""

    def stall() -> None:
        dialled.update(calls_by_number(here))
        change(here, batch_id, number)
        here.run_for(seconds=SHORTER_THAN_A_LEASE)

    for nth in blows(here, "PlaceCall", stall, writes_only=False):
        number = debtor(nth).phones[0]
        batch_id = enqueue(here, tmp_path / f"{nth}.csv", [debtor(nth)], pacing=Pacing.CONTINUOUS)
        here.run_for(minutes=3)
        assert here.violations() == [], nth
        # A pause leaves a claimed contact to its worker: it is put back, whatever was taken for it.
        assert job_of(here, debtor(nth))["status"] != "in_progress", nth
        assert (number in calls_by_number(here)) == (number in dialled or not here.doom_struck), nth
        if change in (only_time_passes, account_is_suspended) and number not in dialled and here.doom_struck:
            campaigns.cancel(here.context, batch_id)
        if change is only_time_passes:
            to_the_next_evening(here, starts_at)
        if change is account_is_suspended:
            accounts.resume_account(here.context, MAIN, by="a test", why="a test")
    assert nth > 12


def to_the_next_evening(world: World, like: datetime) -> None:
    next_day(world)
    evening = world.now.replace(hour=like.hour, minute=like.minute, second=like.second)
    world.simulator.advance(round((evening - world.now) / timedelta(milliseconds=1)))
    world.now = evening
