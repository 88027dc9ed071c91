"""The life of jobs, people and the ledger together, with an operator who changes his mind and machines that fail.

Hypothesis plays the operator, the broker, the workers, beat, Retell and the debtors, on the real store and simulator in
virtual time: two lists of two accounts that share a person and a telephone. After every step the outside checker finds
nothing, and a model that only counts agrees with the simulator's journal. At the end everything is let run until
nothing is live, and every cent is where it belongs. SPEECHAI_LIFE_EXAMPLES widens the search.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from speechai.core.accounts import Account, Plan
from speechai.core.model import JobStatus, Pacing
from speechai.errors import NotAllowed
from speechai.operation import account_settings, accounts, campaigns, do_not_call
from speechai.operation.do_not_call_file import Subject
from speechai.retell.simulator import Fault, FaultKind
from speechai.store.accounts import create_account

from .life_model import ZONE, Model, Purse
from .lists import Debtor, debtor
from .mortal import Died, die
from .rough import Fate, NextCalls, RoughWorld, rough_world
from .test_days import enqueue, local
from .wishes import WORDS

SETTINGS = {
    "retell_concurrency": 2,
    "lease_seconds": 40,
    "call_polling_interval": 30,
    "dispatch_interval_seconds": 20,
    "sweep_interval_seconds": 40,
    "capacity_retry_seconds": 600,
    "call_max_duration_minutes": 1,
}
ANA, BEN, DAN = debtor(1, phones=2), debtor(2), debtor(4)
EVA = Debtor(rut=debtor(3).rut, name=debtor(3).name, phones=BEN.phones)
"""She shares Ben's telephone; Ana stands in both lists."""
LISTS = ((ANA, BEN), (ANA, EVA, DAN))
PEOPLE, PHONES = (ANA, BEN, EVA, DAN), (*ANA.phones, *BEN.phones, *DAN.phones)
OWNERS = ("north", "south")

STARTS = (local(2026, 11, 26, 8, 30), local(2026, 11, 28, 18, 30), local(2026, 9, 4, 14, 0), local(2026, 9, 17, 9, 0))
"""A Thursday; a Saturday evening; before a change of the clock; before two holidays."""
RULES: tuple[dict[str, Any], ...] = (
    {},
    {"minutes_between_attempts": 90},
    {"phone_attempts_a_day": 2, "attempts_a_week": 5},
    {"quiet_days": 2, "contacts_a_week": 3},
)
TALK = {"wait_ms": 4_000, "talk_ms": 10_000}
ENDS: tuple[Any, ...] = (
    "dial_no_answer",
    "dial_busy",
    "user_declined",
    "invalid_destination",
    "dial_failed",
    *({"outcome": name, **TALK} for name in ("promise", "conversation", "third_party", "wrong_person")),
    *({"outcome": name, **TALK} for name in ("voicemail_reached", "voicemail_found_later", "user_requested_dnc")),
    {"outcome": "error_llm_websocket_open", **TALK},
)
NO_CALL = ("concurrency_limit_reached", "error_retell")
"""Ends that are no attempt: the contact is dialled again and again."""
WISHES = tuple({"outcome": "user_requested_callback", **TALK, "fecha_callback": said} for said in WORDS)
FAULTS = (
    FaultKind.PAYMENT_REQUIRED,
    FaultKind.RATE_LIMITED,
    FaultKind.SERVER_ERROR,
    FaultKind.SERVER_ERROR_AFTER,
    FaultKind.TRUNCATED_JSON,
    FaultKind.DO_NOT_CALL,
)
OPERATIONS = ("LoadBatch", "dispatch_due", "open_wave", "sweep", "PlaceCall", "PollCall", "Finish")
LIMITS: tuple[tuple[str, int | None], ...] = (
    ("concurrency", 1),
    ("concurrency", 0),
    ("concurrency", None),
    ("calls_a_day", 1),
    ("calls_a_day", 3),
    ("calls_a_day", None),
    ("day_budget", 2),
    ("day_budget", 5),
    ("day_budget", None),
)
"""A day's budget in calls of the greatest length."""

endings = st.lists(st.sampled_from((*ENDS, *WISHES)), min_size=1, max_size=3)
which = st.integers(0, len(LIMITS) - 1)
writes = st.integers(1, 14)
deaths = st.none() | st.integers(1, 4)
commands = st.sampled_from([
    "pause", "resume", "cancel", "retry", "reset", "top up", "suspend", "resume account", "limit", "forbid", "lift",
])  # fmt: skip
later = st.sampled_from([0, 0, 1, 6, 45])
"""Minutes that pass after a step."""


class Life(RuleBasedStateMachine):
    world_of: Callable[..., AbstractContextManager[RoughWorld]]
    """Makes a world from an instant and a script."""
    folder: Path

    def __init__(self) -> None:
        super().__init__()
        self.open = ExitStack()
        self.keys = count()
        self.failed = False
        self.commands: dict[str, Callable[[int], object]] = {
            "pause": lambda n: campaigns.pause(self.world.context, self.lists[n % 2]),
            "resume": lambda n: campaigns.resume(self.world.context, self.lists[n % 2]),
            "cancel": lambda n: campaigns.cancel(self.world.context, self.lists[n % 2]),
            "retry": self.retry,
            "reset": self.reset,
            "top up": self.top_up,
            "suspend": lambda n: accounts.suspend_account(
                self.world.context, OWNERS[n % 2], reason="asked to", by="operator"
            ),
            "resume account": lambda n: accounts.resume_account(
                self.world.context, OWNERS[n % 2], by="operator", why="asked to"
            ),
            "limit": self.limit,
            "forbid": lambda n: do_not_call.add(self.world.context, [self.subject(n)], why="asked to", by="operator"),
            "lift": lambda n: do_not_call.lift(self.world.context, [self.subject(n)], why="asked to", by="operator"),
        }

    @initialize(
        starts_at=st.sampled_from(STARTS),
        plan=st.sampled_from([Plan.UNLIMITED, Plan.MINUTES]),
        pacing=st.tuples(st.sampled_from(Pacing), st.sampled_from(Pacing)),
        rules=st.tuples(st.sampled_from(RULES), st.sampled_from(RULES)),
        usual=st.tuples(*(endings for _ in PHONES)),
    )
    def begin(self, starts_at: datetime, plan: Plan, pacing: Any, rules: Any, usual: Any) -> None:
        self.script = NextCalls(numbers=dict(zip(PHONES, usual, strict=True)))
        self.world = self.open.enter_context(self.world_of(starts_at, self.script))
        self.purses = {"north": Purse(Plan.CREDIT), "south": Purse(plan)}
        self.model = Model(self.purses)
        for owner, purse in self.purses.items():
            account = Account(id=owner, name=owner, plan=purse.plan)
            create_account(self.world.context.store, account, now=self.world.now)
            self.top_up(4 + OWNERS.index(owner))
        self.lists = [
            enqueue(self.world, self.folder / "list.csv", people, account_id=owner, pacing=pace, overrides=overrides)
            for people, owner, pace, overrides in zip(LISTS, OWNERS, pacing, rules, strict=True)
        ]

    # Time

    @rule(minutes=st.integers(1, 40))
    def some_minutes_pass(self, minutes: int) -> None:
        self.world.run_for(minutes=minutes)

    @rule(hours=st.integers(1, 7))
    def hours_pass(self, hours: int) -> None:
        self.world.run_for(hours=hours)

    @rule(days=st.integers(1, 3), hour=st.sampled_from([7, 9]))
    def a_later_day_comes(self, days: int, hour: int) -> None:
        morning = self.world.now.astimezone(ZONE).replace(hour=hour, minute=0, second=0, microsecond=0)
        self.world.run_until(morning + timedelta(days=days))

    @rule(seconds=st.sampled_from([-1, 0, 15, 90]))
    def the_next_opening_or_closing_comes(self, seconds: int) -> None:
        here = self.world.now.astimezone(ZONE)
        days = [here.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=n) for n in range(2)]
        marks = [day.replace(hour=hour).astimezone(UTC) for day in days for hour in (8, 9, 12, 15, 20)]
        instants = (mark + timedelta(seconds=seconds) for mark in marks)
        self.world.run_until(next(instant for instant in instants if instant > self.world.now))

    # The operator

    @rule(
        what=st.sampled_from(["pause", "resume", "resume", "cancel", "retry", "reset"]),
        n=which,
        nth=deaths,
        minutes=later,
    )
    def a_list_is_worked_on(self, what: str, n: int, nth: int | None, minutes: int) -> None:
        self.command(what, n, nth)
        self.world.run_for(minutes=minutes)

    @rule(
        what=st.sampled_from(["top up", "suspend", "resume account", "resume account", "limit"]),
        n=which,
        nth=deaths,
        minutes=later,
    )
    def an_account_is_worked_on(self, what: str, n: int, nth: int | None, minutes: int) -> None:
        self.command(what, n, nth)
        self.world.run_for(minutes=minutes)

    @rule(what=st.sampled_from(["forbid", "lift"]), n=which, nth=deaths, minutes=later)
    def the_do_not_call_list_is_worked_on(self, what: str, n: int, nth: int | None, minutes: int) -> None:
        self.command(what, n, nth)
        self.world.run_for(minutes=minutes)

    @rule(what=commands, n=which, operation=st.sampled_from(OPERATIONS), nth=writes, only_writes=st.booleans())
    def a_command_falls_into_an_operation(self, what: str, n: int, operation: str, nth: int, only_writes: bool) -> None:
        self.world.doom(operation, nth=nth, action=lambda: self.command(what, n, None), writes_only=only_writes)

    def command(self, what: str, n: int, nth: int | None) -> None:
        """What the operator types; with `nth` his process dies in front of that write, and he types it again."""
        if nth is not None:
            self.world.fuse.arm(nth, die)
            with suppress(Died, NotAllowed):
                self.commands[what](n)
            self.world.fuse.disarm()
        try:
            self.commands[what](n)
        except NotAllowed:
            assert what in ("pause", "resume", "cancel", "retry", "reset")

    def retry(self, n: int) -> None:
        batch_id = self.lists[n % 2]
        self.model.reset_lists.add(batch_id)
        ended = self.world.database.call_jobs.find_one({"batch_id": batch_id, "status": "failed"}) if n > 3 else None
        campaigns.retry(self.world.context, ended["_id"] if ended else batch_id)

    def reset(self, n: int) -> None:
        batch_id, status = self.lists[n % 2], (JobStatus.DONE, JobStatus.FAILED, JobStatus.SUSPENDED)[n % 3]
        self.model.reset_lists.add(batch_id)
        campaigns.reset_jobs(self.world.context, status=status, batch_id=batch_id, max_age_hours=48 if n > 5 else None)

    def top_up(self, n: int) -> None:
        owner = OWNERS[n % 2]
        purse, key = self.purses[owner], f"{self.world.now:%d%H%M%S}-{n}"
        amount = (1, 1, 2, 2, 6, 6, 20, 20, 3)[n] * purse.reserves
        accounts.top_up(self.world.context, owner, amount, key=key, by="operator")
        purse.pay(key, amount)

    def limit(self, n: int) -> None:
        purse, (name, value) = self.purses[OWNERS[n % 2]], LIMITS[n]
        if name == "day_budget" and value is not None:
            value *= purse.reserves
        purse.is_unsure = True
        account_settings.change_account(self.world.context, OWNERS[n % 2], {name: value}, by="operator")
        setattr(purse, name, value)

    def subject(self, n: int) -> Subject:
        one = PEOPLE[n % len(PEOPLE)]
        if n % 2:
            return Subject(number=one.phones[0])
        return Subject(national_id=one.rut, country="CL")

    # What fails

    @rule(operation=st.sampled_from(OPERATIONS), nth=writes, minutes=later)
    def a_worker_will_die(self, operation: str, nth: int, minutes: int) -> None:
        self.world.doom(operation, nth=nth)
        self.world.run_for(minutes=minutes)

    @rule(
        nth=writes, seconds=st.sampled_from([50, 100, 400]), operation=st.sampled_from(["PollCall", "Finish", "sweep"])
    )
    def a_worker_will_stall(self, operation: str, nth: int, seconds: int) -> None:
        self.world.doom(operation, nth=nth, action=lambda: self.world.run_for(seconds=seconds), writes_only=False)

    @rule(fates=st.lists(st.sampled_from(Fate), min_size=1, max_size=3), good=st.integers(0, 3))
    def messages_will_be_lost_doubled_or_late(self, fates: list[Fate], good: int) -> None:
        self.world.fates = deque([*([None] * good), *fates])

    @rule()
    def the_broker_is_flushed(self) -> None:
        self.world.flush()

    @rule(minutes=st.integers(1, 25))
    def beat_is_away(self, minutes: int) -> None:
        self.world.lose_beat(minutes)

    @rule(minutes=st.integers(1, 25))
    def nothing_runs(self, minutes: int) -> None:
        self.world.lose_everything_for(minutes)

    @rule(kind=st.sampled_from(FAULTS), nth=st.integers(1, 2))
    def retell_will_fail_once(self, kind: FaultKind, nth: int) -> None:
        self.world.simulator.set_faults(Fault(kind=kind, endpoint="create-phone-call", nth=(nth,)))

    # The debtors

    @rule(number=st.sampled_from(PHONES), ending=st.sampled_from((*ENDS, *NO_CALL)), minutes=later)
    def somebody_will_answer_so(self, number: str, ending: Any, minutes: int) -> None:
        self.script.coming[number] = deque([ending])
        self.world.run_for(minutes=minutes)

    @rule(number=st.sampled_from(PHONES), wish=st.sampled_from(WISHES), minutes=later)
    def somebody_will_ask_for_a_callback(self, number: str, wish: Any, minutes: int) -> None:
        self.script.coming[number] = deque([wish])
        self.world.run_for(minutes=minutes)

    # What has to be true

    @invariant()
    def the_laws_hold_and_the_model_agrees(self) -> None:
        if hasattr(self, "model"):
            self.judge(quiet=False)

    def judge(self, *, quiet: bool) -> None:
        self.failed = True
        found = self.world.violations(quiet=quiet)
        assert not found, found
        self.model.check(self.world, quiet=quiet)
        self.failed = False

    def teardown(self) -> None:
        with self.open:
            if hasattr(self, "model") and not self.failed:
                self.world.calm()
                for _ in range(24):
                    self.world.run_for(minutes=10)
                    if not self.world.is_busy() and not self.world.is_down:
                        break
                self.judge(quiet=True)


EXAMPLES = int(os.environ.get("SPEECHAI_LIFE_EXAMPLES", "0"))


@pytest.mark.timeout(0 if EXAMPLES else 300)
def test_the_laws_hold_through_every_life_of_two_lists(
    mongo_client: pymongo.MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    def world_of(starts_at: datetime, script: NextCalls) -> AbstractContextManager[RoughWorld]:
        return rough_world(mongo_client, f"test_life_{uuid4().hex[:12]}", starts_at, script, **SETTINGS)

    Life.world_of, Life.folder = staticmethod(world_of), tmp_path
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=EXAMPLES or 6,
            stateful_step_count=25,
            deadline=None,
            derandomize=not EXAMPLES,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
