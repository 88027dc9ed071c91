"""The whole product in virtual time: beat, messages and workers without Celery, on the real store and simulator.

Nudges lie in a heap by the instant at which they are due and are delivered by calling the operation that the task of
the same name calls. Time jumps from one event to the next, and the simulator's manual clock moves with it, so that days
pass in seconds. What a broker may do to messages (lose, double, delay, reorder) and what may happen to a worker (die
between any two writes) is drawn from a seed.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.database import Database

from config.settings import Settings
from speechai.operation import (
    calling,
    dispatching,
    finishing,
    following_up,
    late_costs,
    loading,
    polling,
    sweeping,
    waves,
)
from speechai.operation.context import Context
from speechai.operation.nudges import (
    AskCost,
    DeliverAction,
    DispatchDue,
    Finish,
    LoadBatch,
    Nudge,
    Nudges,
    PlaceCall,
    PollCall,
)
from speechai.retell.client import RetellClient
from speechai.retell.simulator import Simulator
from speechai.store.connection import Store

from .evidence import Evidence, collect
from .laws import FinalStates, Limits, Violation, violations
from .mortal import Died, Fuse, die, mortal_retell, mortal_store

_HELD: Any = {"$gt": ""}
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mischief:
    """What happens to messages and workers, as shares of them, drawn from `seed`."""

    seed: int = 0
    drop: float = 0.0
    double: float = 0.0
    late: float = 0.0
    latest_seconds: float = 200.0
    death: float = 0.0


class World:
    """One installation from `starts_at` (aware) on. `beat` and `workers` may be switched off and on again."""

    def __init__(
        self,
        *,
        store: Store,
        database: Database[dict[str, Any]],
        simulator: Simulator,
        client: RetellClient,
        settings: Settings,
        mischief: Mischief | None = None,
    ) -> None:
        self.simulator, self.settings, self.database = simulator, settings, database
        self.now = datetime.fromtimestamp(simulator.now_ms() / 1000, UTC)
        self.fuse = Fuse()
        self._client = client
        self.context = Context(
            settings=settings,
            store=mortal_store(store, self.fuse),
            retell=mortal_retell(client, self.fuse),
            clock=lambda: self.now,
            sleep=self._sleep,
        )
        self.final_states = FinalStates()
        self.done: Counter[str] = Counter()
        """Deliveries and scans by the operation's name, deaths among them as `death`."""
        self.is_down = False
        """While True nothing runs: no beat, no worker. Messages wait in the broker."""
        self.after_moving: Callable[[], None] = lambda: None
        """Called whenever time has moved: what somebody else's clock brings, such as Retell's webhooks."""
        self._doom: tuple[str, int, int, Callable[[], None], bool] | None = None
        self.doom_struck = False
        self._mischief = mischief or Mischief()
        self._chance = random.Random(self._mischief.seed)
        self._order = count()
        self._messages: list[tuple[datetime, int, datetime, Nudge]] = []
        self._plans: list[tuple[datetime, int, Callable[[], object]]] = []
        self._next_dispatch = self._next_sweep = self.now
        self._next_wave = self._wave_after(self.now - _MILLISECOND)

    # What a test does

    def send(self, nudges: Nudges) -> None:
        """Publishes messages, through whatever the broker does to them."""
        for nudge in nudges:
            self._publish(nudge)

    def at(self, instant: datetime, action: Callable[[], object]) -> None:
        """Something that happens at an instant whatever else goes on: an operator's command, an outage."""
        heapq.heappush(self._plans, (instant, next(self._order), action))

    def down(self, start: datetime, end: datetime) -> None:
        """Nothing runs from `start` to `end`."""
        self.at(start, lambda: setattr(self, "is_down", True))
        self.at(end, self._come_up)

    def doom(
        self, name: str, *, nth: int, run: int = 1, action: Callable[[], None] = die, writes_only: bool = True
    ) -> None:
        """In front of write (or request) `nth` of the operation's `run`-th delivery from now on, `action` happens.

        `doom_struck` tells afterwards whether the operation came so far. Where it did not, and should die, it dies
        after its last write: its messages are lost.
        """
        self._doom, self.doom_struck = (name, nth, self.done[name] + run, action, writes_only), False

    def run_until(self, end: datetime) -> None:
        """Lets everything happen up to and including `end`."""
        self._scans_go_on()
        while (at := self._next_event()) <= end:
            self._move_to(at)
            self._run_plans()
            if self.is_down:
                continue
            if self._messages and self._messages[0][0] <= self.now:
                self._deliver()
            elif self._next_wave <= self.now:
                self._next_wave = self._wave_after(self.now)
                self._run("open_wave", lambda: waves.open_due_waves(self.context))
                self._next_sweep = min(self._next_sweep, self.now + self._every(self.settings.sweep_interval_seconds))
            elif self._next_sweep <= self.now:
                self._sweep()
            elif self._next_dispatch <= self.now:
                self._next_dispatch = self.now + self._every(self.settings.dispatch_interval_seconds)
                self._run("dispatch_due", lambda: dispatching.dispatch_due(self.context))
        self._move_to(end)
        self._run_plans()

    def run_for(self, **duration: float) -> None:
        """`run_until` so much later, e.g. `hours=2`."""
        self.run_until(self.now + timedelta(**duration))

    def evidence(self) -> Evidence:
        """All that the checker judges by, as it stands now."""
        return collect(self.simulator.journal(), self.database, self.now)

    def violations(self, *, quiet: bool = True) -> list[Violation]:
        """The broken laws. The slot and rate limits are those of the settings."""
        limits = Limits(
            concurrency=self.settings.retell_concurrency, starts_a_second=self.settings.retell_calls_per_second
        )
        self.final_states.look(self._jobs())
        return [*violations(self.evidence(), limits, quiet=quiet), *self.final_states.violations]

    def perform(self, nudge: Nudge) -> Nudges:
        """The operation that the nudge's task calls, now and in this process; what it raises comes through."""
        match nudge:
            case PlaceCall(job_id, ticket):
                return calling.place_call(self.context, job_id, ticket)
            case PollCall(attempt_id, number, _):
                return polling.poll_call(self.context, attempt_id, number)
            case Finish(attempt_id):
                return finishing.finish(self.context, attempt_id)
            case LoadBatch(batch_id):
                return loading.load_batch(self.context, batch_id)
            case DeliverAction(action_id, number, _):
                return following_up.deliver_action(self.context, action_id, number)
            case AskCost(attempt_id, number):
                return late_costs.ask_cost(self.context, attempt_id, number)
            case DispatchDue():
                return dispatching.dispatch_due(self.context)

    def count_only_the_store(self) -> None:
        """From here on `doom` counts no request to Retell."""
        self.context = replace(self.context, retell=self._client)

    # How time passes

    def _next_event(self) -> datetime:
        events = [self._plans[0][0]] if self._plans else []
        if self.is_down:
            return events[0] if events else datetime.max.replace(tzinfo=UTC)
        if self._messages:
            events.append(self._messages[0][0])
        elif self._next_dispatch > self.now or self._next_sweep > self.now:
            self._jump_over_idle_time()
        return max(self.now, min(*events, self._next_dispatch, self._next_sweep, self._next_wave))

    def _jump_over_idle_time(self) -> None:
        """Scans that would find nothing are left out: everything waits with a time, and nothing is live."""
        if self.is_busy():
            return
        running = [batch["_id"] for batch in self.database["batches"].find({"status": "running"}, {"_id": 1})]
        jobs = self.database["call_jobs"]
        open_jobs = {"status": {"$in": ["pending", "suspended"]}}
        if not all(jobs.find_one({"batch_id": batch_id, **open_jobs}, {"_id": 1}) for batch_id in running):
            return  # a sweep has to close it
        due = {"batch_id": {"$in": running}, "status": "pending", "admitted": True}
        first = jobs.find_one(due, {"next_attempt_at": 1}, sort=[("next_attempt_at", 1)])
        wake = min(self._next_wave, first["next_attempt_at"]) if first else self._next_wave
        self._next_dispatch = max(self._next_dispatch, wake)
        self._next_sweep = max(self._next_sweep, wake)

    def is_busy(self) -> bool:
        """Whether anything is live, held, or being loaded."""
        waits = {
            "slots": {"attempt_id": _HELD},
            "people": {"live_attempt_id": _HELD},
            "phones": {"live_attempt_id": _HELD},
            "call_logs": {"state": {"$in": ["placing", "unknown", "live", "ended"]}},
            "call_jobs": {"status": "in_progress"},
            "batches": {"status": {"$in": ["received", "loading"]}},
        }
        return any(self.database[name].find_one(wanted, {"_id": 1}) for name, wanted in waits.items())

    def _move_to(self, at: datetime) -> None:
        if at > self.now:
            # Between two instants of one zone Python subtracts wall clocks, an hour wrong over a change of the clock.
            at = at.astimezone(UTC)
            self.simulator.advance((at - self.now) // _MILLISECOND)
            self.now = at
            self.after_moving()

    def _sleep(self, seconds: float) -> None:
        """A worker sleeps: time passes, and what others do in that time happens."""
        until = self.now + timedelta(seconds=seconds)
        until += timedelta(microseconds=-until.microsecond % 1000)
        while self._plans and self._plans[0][0] <= until:
            self._move_to(self._plans[0][0])
            self._run_plans()
        self._move_to(until)

    def _run_plans(self) -> None:
        while self._plans and self._plans[0][0] <= self.now:
            heapq.heappop(self._plans)[2]()
            self._scans_go_on()

    def _scans_go_on(self) -> None:
        """Somebody may have changed what the last look at idle time saw."""
        self._next_dispatch = min(self._next_dispatch, self.now + self._every(self.settings.dispatch_interval_seconds))
        self._next_sweep = min(self._next_sweep, self.now + self._every(self.settings.sweep_interval_seconds))

    def _wave_after(self, instant: datetime) -> datetime:
        """Beat's next 9:00, 12:00 or 15:00 by the clock on the operator's wall."""
        zone = ZoneInfo(self.settings.timezone)
        day = instant.astimezone(zone).date()
        days = (day + timedelta(days=n) for n in range(2))
        openings = (datetime.combine(d, time(hour), zone).astimezone(UTC) for d in days for hour in (9, 12, 15))
        return next(at for at in openings if at > instant)

    def _come_up(self) -> None:
        self.is_down = False
        self._next_dispatch = self._next_sweep = self.now
        # Beat does not repeat what it has missed in this test: the sweep has to find it.
        self._next_wave = self._wave_after(self.now)

    @staticmethod
    def _every(seconds: float) -> timedelta:
        return timedelta(seconds=seconds)

    # What runs

    def _sweep(self) -> None:
        self._next_sweep = self.now + self._every(self.settings.sweep_interval_seconds)
        self._run("sweep", lambda: sweeping.sweep(self.context))
        self.final_states.look(self._jobs())

    def _jobs(self) -> list[dict[str, Any]]:
        return list(self.database["call_jobs"].find({}, {"status": 1, "resets": 1}))

    def _publish(self, nudge: Nudge) -> None:
        mischief, chance = self._mischief, self._chance
        wait = nudge.after_seconds if isinstance(nudge, PollCall | DeliverAction) else 0.0
        if mischief.drop and chance.random() < mischief.drop:
            self.done["dropped"] += 1
            return
        for _ in range(2 if mischief.double and chance.random() < mischief.double else 1):
            late = chance.uniform(0, mischief.latest_seconds) if chance.random() < mischief.late else 0.0
            due = self.now + timedelta(milliseconds=round((wait + late) * 1000))
            heapq.heappush(self._messages, (due, next(self._order), self.now, nudge))

    def _deliver(self) -> None:
        _, _, sent_at, nudge = heapq.heappop(self._messages)
        expires = {PlaceCall: self.settings.lease_seconds, DispatchDue: 60.0}.get(type(nudge))
        if expires is not None and self.now - sent_at > timedelta(seconds=expires):
            self.done["expired"] += 1
            return
        self._run(type(nudge).__name__, lambda: self.perform(nudge))

    def _run(self, name: str, operation: Callable[[], Nudges]) -> None:
        """One task in a worker that may die."""
        self.done[name] += 1
        deadly = False
        if self._doom is not None and self._doom[0] == name and self._doom[2] == self.done[name]:
            _, nth, _, action, writes_only = self._doom
            self._doom, deadly = None, action is die
            self.fuse.arm(nth, lambda: self._strike(action), writes_only=writes_only)
        elif self._mischief.death and self._chance.random() < self._mischief.death:
            self.fuse.arm(self._chance.randint(1, 14), die)
            deadly = True
        try:
            nudges = operation()
        except Died:
            self.done["death"] += 1
            return
        if self.fuse.disarm() and deadly:  # it died after its last write, before its messages were sent
            self.done["death"] += 1
            return
        self.send(nudges)

    def _strike(self, action: Callable[[], None]) -> None:
        self.doom_struck = True
        action()
