"""One chaos run: a site at work, struck by the schedule, brought to rest, and judged.

Enters a plan; leaves the findings, and everything that they were found in, in the plan's folder. Called by
`python -m tests.chaos` and by the short run of the test suite.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .blows import Blows
from .keeping import keep
from .loss import Loss, lose
from .operator import Act
from .schedule import LONGEST_PAUSE_SECONDS, SECONDS, Kind, schedule_of
from .site import CONCURRENCY, DATABASE, SERVERS, SETTINGS, STARTS_A_SECOND, running_site, wait_until
from .verdict import Run
from .watching import Watch

SPREAD_OVER, PATIENCE_SECONDS = 0.8, 1.0
"""Strikes are spread over so great a part of the calls; one that is ahead of them waits so long for calls to come."""
LAST_EVENT, BACKUP_BEFORE = 0.9, 0.07
"""By then the operator has done everything; and so much of the run lies between a backup and the loss."""
STEP_SECONDS = 0.05
STALLED_SECONDS = 240.0
"""Without a strike or a call for so long the run gives up; what it did not reach is found by the verdict."""
REPORT_SECONDS = 20.0


def say_at_once(line: str) -> None:
    """Prints the line, also where the output is a file that somebody follows."""
    print(line, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run is to be. `rest_seconds` bounds the time to come to rest once nothing goes wrong any more."""

    folder: Path
    seed: int
    calls: int
    each: int
    kinds: Sequence[Kind] = tuple(Kind)
    gap_seconds: float = 0.9
    list_size: int = 40
    low_water: int = 30
    stuck: bool = True
    losses: int = 2
    """How often MongoDB is lost, every second time with the whole host, and restored from a backup."""
    rest_seconds: float = 420.0
    say: Callable[[str], None] = say_at_once

    @property
    def acts(self) -> int:
        """How often the operator does each of the things that stop calls."""
        return -(-self.each // 5)

    @property
    def wanted(self) -> dict[str, int]:
        """What must have happened, or the run shows nothing."""
        acts = {act.value: self.acts for act in Act}
        losses = {loss.value: (self.losses + 1 - n) // 2 for n, loss in enumerate(Loss)}
        return {"calls": self.calls, **{kind.value: self.each for kind in self.kinds}, **acts, **losses}


def run(plan: Plan) -> None:
    """Runs the plan and keeps its evidence in the folder, which must not exist.

    Raises TimeoutError where the site did not come up.
    """
    plan.folder.mkdir(parents=True)
    began = time.monotonic()
    with running_site(plan.folder, plan.seed, stuck=plan.stuck) as site:
        watch = Watch(site, plan.seed, list_size=plan.list_size, low_water=plan.low_water)
        watch.operator.open_accounts()
        for name, process in site.processes.items():
            if name not in SERVERS:
                process.start()
        watch.start()
        blows = Blows(site)
        try:
            _spread(plan, blows, watch)
            is_quiet = _come_to_rest(plan, blows, watch)
        finally:
            watch.stop()
        for name, process in site.processes.items():
            blows.counts[f"{name} ended by itself"] += process.ended_by_itself
        keep(
            plan.folder,
            site.mongo_uri,
            DATABASE,
            site.receiver.taken,
            Run(
                seed=plan.seed,
                wanted=plan.wanted,
                concurrency=CONCURRENCY,
                starts_a_second=STARTS_A_SECOND,
                stall_seconds=LONGEST_PAUSE_SECONDS + 2,
                on_its_way_seconds=SECONDS[Kind.RETELL_PAUSE][1] + 2,
                analysis_wait_seconds=float(SETTINGS["ANALYSIS_WAIT_SECONDS"]),
                unrecorded=watch.operator.unrecorded,
                strikes=dict(+(blows.counts + watch.operator.counts)),
                sent=[sent.facts() for sent in watch.operator.sent],
                paid=watch.operator.paid,
                forbidden=watch.operator.forbidden,
                left_final=[violation.what for violation in watch.final_states.violations],
                seconds=time.monotonic() - began,
                is_quiet=is_quiet,
            ),
        )


def _spread(plan: Plan, blows: Blows, watch: Watch) -> None:
    """Strike after strike until the schedule is through, and on until there are calls enough."""
    left = schedule_of(plan.seed, each=plan.each, kinds=plan.kinds, gap_seconds=plan.gap_seconds)
    total, report = len(left), _Report(plan, watch)
    events = _events(plan, blows, watch)
    _wait_for_calls(blows, watch)
    next_at = moved_at = time.monotonic()
    seen = 0
    while (left or events or watch.look.calls < plan.calls) and time.monotonic() < moved_at + STALLED_SECONDS:
        blows.tend()
        if events and events[0].at <= min(_part(total - len(left), total), _part(watch.look.calls, plan.calls)):
            events.pop(0).happen()
            moved_at = time.monotonic()
        report(f"{total - len(left)} of {total} strikes")
        calls = watch.look.calls
        if calls > seen:
            seen, moved_at = calls, time.monotonic()
        is_behind = calls < plan.calls * SPREAD_OVER * (total - len(left)) / max(total, 1)
        is_time = time.monotonic() >= next_at + (PATIENCE_SECONDS if is_behind else 0.0)
        strike = next(filter(blows.is_free, left), None) if is_time else None
        if strike is None:
            time.sleep(STEP_SECONDS)
            continue
        left.remove(strike)
        blows.strike(strike)
        moved_at = time.monotonic()
        next_at = moved_at + strike.gap_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """What happens once such a part of the run is over, beside the strikes."""

    at: float
    happen: Callable[[], object]


def _events(plan: Plan, blows: Blows, watch: Watch) -> list[_Event]:
    """What the operator does, evenly over the run; each loss some time after its backup."""
    to_do = watch.operator.to_do
    acts = list(Act) * plan.acts
    watch.operator.chance.shuffle(acts)
    found = [
        _Event(at=(n + 0.5) / len(acts) * LAST_EVENT, happen=partial(to_do.append, act)) for n, act in enumerate(acts)
    ]
    for number in range(plan.losses):
        at = (number + 1) / (plan.losses + 1)
        file = plan.folder / f"backup-{number}.tar.gz"
        found.append(_Event(at=at - BACKUP_BEFORE, happen=partial(to_do.append, file)))
        loss = list(Loss)[number % len(Loss)]
        found.append(_Event(at=at, happen=partial(_lose, loss, plan, blows, watch)))
    return sorted(found, key=lambda event: event.at)


def _lose(loss: Loss, plan: Plan, blows: Blows, watch: Watch) -> None:
    """Everything else is mended first, and the operator has done what was to be done."""
    plan.say(f"{loss}: mending what is struck")
    while blows.mends or watch.operator.to_do:
        blows.tend()
        time.sleep(STEP_SECONDS)
    watch.halt()
    began = time.monotonic()
    lose(loss, blows.site, watch)
    watch.start()
    blows.counts[loss] += 1
    plan.say(f"{loss}: restored and at work after {time.monotonic() - began:.0f} s")


def _part(done: int, all_of_it: int) -> float:
    return done / all_of_it if all_of_it else 1.0


def _wait_for_calls(blows: Blows, watch: Watch) -> None:
    """The first strike finds the site at work. Raises TimeoutError where it does not come to call at all."""

    def calls() -> bool:
        blows.tend()
        return watch.look.calls >= 3

    wait_until(calls, "the first calls", seconds=STALLED_SECONDS)


def _come_to_rest(plan: Plan, blows: Blows, watch: Watch) -> bool:
    """No fault, no strike and no further list; True once nothing is under way, twice in a row."""
    report, end, quiet_since = _Report(plan, watch), time.monotonic() + plan.rest_seconds, None
    while blows.mends and time.monotonic() < end:
        blows.tend()
        time.sleep(STEP_SECONDS)
    blows.site.ask_simulator("faults", {"faults": []})
    blows.site.receiver.is_failing = False
    watch.end_feeding()
    while time.monotonic() < end:
        blows.tend()
        report("coming to rest")
        if not watch.look.is_quiet:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = time.monotonic()
        elif time.monotonic() > quiet_since + 4:
            return True
        time.sleep(STEP_SECONDS)
    return False


class _Report:
    """A line of progress now and then."""

    def __init__(self, plan: Plan, watch: Watch) -> None:
        self._plan, self._watch = plan, watch
        self._began = time.monotonic()
        self._next_at = self._began

    def __call__(self, where: str) -> None:
        if time.monotonic() < self._next_at:
            return
        self._next_at = time.monotonic() + REPORT_SECONDS
        look = self._watch.look
        busy = ", ".join(f"{count} {what}" for what, count in look.busy.items())
        self._plan.say(f"{time.monotonic() - self._began:5.0f} s  {where}; {look.calls} calls; {busy or 'at rest'}")
