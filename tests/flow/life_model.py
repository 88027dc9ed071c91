"""A plain model of what a test did to accounts and contacts, and what therefore must be true of every later moment.

Enters what the operator paid, limited and reset; `check` holds it against the simulator's journal and the database.
It shares nothing with the product or with the laws: a second of talk costs 2,167 micros, a call of a minute at most
reserves 150,000, and the rest is counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from speechai.core.accounts import Plan

from .evidence import rang
from .virtual import World

ZONE = ZoneInfo("America/Santiago")
MICROS_A_SECOND = 1_167 + 750 + 250
"""The three products of the simulator's price list; the calls of the test talk whole seconds."""
MOST_A_DAY = 3
FINAL = ("done", "failed", "cancelled")


@dataclass
class Purse:
    """One account: what was paid in and what it may do. A limit that is None is none; money in micros or seconds."""

    plan: Plan
    paid: int = 0
    concurrency: int | None = None
    calls_a_day: int | None = None
    day_budget: int | None = None
    is_unsure: bool = False
    """A limit was changed within the last step, and nobody can tell before which of its calls."""

    keys: set[str] = field(default_factory=set)

    def pay(self, key: str, amount: int) -> None:
        """A top-up; a second one under the same key is none."""
        self.paid += amount if key not in self.keys else 0
        self.keys.add(key)

    @property
    def reserves(self) -> int:
        """For a call of at most one minute."""
        return 60 if self.plan is Plan.MINUTES else 150_000

    def cost(self, call: Mapping[str, Any]) -> int:
        if call.get("connected_ms") is None or call["live_until_ms"] is None:
            return 0
        seconds, rest = divmod(call["live_until_ms"] - call["connected_ms"], 1000)
        assert not rest, "the model's arithmetic needs whole seconds"
        return int(seconds) if self.plan is Plan.MINUTES else int(seconds) * MICROS_A_SECOND


class Model:
    """What was done, and what was seen at the step before."""

    def __init__(self, purses: Mapping[str, Purse]) -> None:
        self.purses = purses
        self.reset_lists: set[str] = set()
        """Lists that an operator retried or reset since the last look."""
        self._seen: set[str] = set()
        self._statuses: dict[str, str] = {}

    def check(self, world: World, *, quiet: bool) -> None:
        """Raises AssertionError where something cannot be. `quiet`: no call is live or waits to be settled."""
        calls = sorted(world.simulator.journal()["calls"], key=lambda call: (call["accepted_ms"], call["sequence"]))
        jobs = {job["_id"]: job for job in world.database["call_jobs"].find()}
        self._nobody_is_called_too_often(calls, jobs)
        for account_id, purse in self.purses.items():
            mine = [call for call in calls if call["metadata"]["account_id"] == account_id]
            self._balance_is_right(world, account_id, purse, mine, quiet=quiet)
            if not purse.is_unsure:
                for call in mine:
                    if call["call_id"] not in self._seen:
                        _could_start(purse, call, [one for one in mine if one["sequence"] < call["sequence"]])
            purse.is_unsure = False
        self._seen.update(call["call_id"] for call in calls)
        self._final_states_hold(jobs)

    def _balance_is_right(
        self, world: World, account_id: str, purse: Purse, mine: list[dict[str, Any]], *, quiet: bool
    ) -> None:
        """Every call is paid for by the time that nothing is live, none twice, and credit never falls below nothing."""
        account = world.database["accounts"].find_one({"_id": account_id})
        assert account is not None
        now_ms = world.now.timestamp() * 1000
        least = purse.paid - sum(
            purse.cost(call) for call in mine if call["live_until_ms"] is not None and call["live_until_ms"] <= now_ms
        )
        balance = account["balance"]
        assert least <= balance <= purse.paid, f"{account_id} has {balance}, between {least} and {purse.paid} is right"
        if quiet:
            assert balance == least, f"{account_id} has {balance}, {least} is left of {purse.paid}"
        if purse.plan is not Plan.UNLIMITED:
            assert balance >= 0, f"{account_id} was overdrawn: {balance}"
            assert account["free"] >= 0, f"{account_id} has reserved more than it had: {account['free']}"

    def _nobody_is_called_too_often(self, calls: list[dict[str, Any]], jobs: Mapping[str, dict[str, Any]]) -> None:
        made = Counter((jobs[call["metadata"]["job_id"]]["rut"], _day(call)) for call in calls if rang(call))
        for (rut, day), count in made.items():
            assert count <= MOST_A_DAY, f"{rut} was called {count} times on {day}"

    def _final_states_hold(self, jobs: Mapping[str, dict[str, Any]]) -> None:
        for job_id, job in jobs.items():
            before = self._statuses.get(job_id)
            if before in FINAL and job["status"] != before:
                assert job["batch_id"] in self.reset_lists, f"{job_id} was {before} and is {job['status']}"
                assert before != "cancelled", f"{job_id} was cancelled and is {job['status']}"
        self._statuses = {job_id: job["status"] for job_id, job in jobs.items()}
        self.reset_lists.clear()


def _could_start(purse: Purse, call: Mapping[str, Any], before: list[dict[str, Any]]) -> None:
    """What the account had left when the call started, after all its calls `before`."""
    start, words = call["accepted_ms"], f"call {call['call_id']} at {_at(call)}"
    over = [one for one in before if one["live_until_ms"] is not None and one["live_until_ms"] <= start]
    live = len(before) - len(over) + 1
    if purse.concurrency is not None:
        assert live <= purse.concurrency, f"{words} is one of {live} on {purse.concurrency} lines"
    today = [one for one in before if _day(one) == _day(call)]
    if purse.calls_a_day is not None:
        count = sum(map(rang, today)) + 1
        assert count <= purse.calls_a_day, f"{words} is number {count} of {purse.calls_a_day}"
    if purse.day_budget is not None:
        spent = sum(purse.cost(one) for one in today if one in over)
        assert spent + purse.reserves <= purse.day_budget, f"{words} started after {spent} of {purse.day_budget}"
    if purse.plan is not Plan.UNLIMITED:
        left = purse.paid - sum(purse.cost(one) for one in over) - (live - 1) * purse.reserves
        assert left >= purse.reserves, f"{words} started with {left} left"


def _at(call: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(call["accepted_ms"] / 1000, UTC).astimezone(ZONE)


def _day(call: Mapping[str, Any]) -> date:
    return _at(call).date()
