"""The order in which the product would ask its rules, in virtual time: the dispatcher, the waves and the lines.

Enters a batch with its contacts; leaves each of them with its calls and its end, and counts by day and by rule. Used by
`planning`. The dispatcher looks every few seconds and hands out what is due while lines and starts are free; a wave
opens at its hour and chooses the day's people; a call holds its line until the poll that sees its end. Outcomes are
drawn; every decision is the product's own (`rulings`).
"""

from __future__ import annotations

import heapq
import math
import random
from bisect import bisect_right
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from itertools import accumulate, count
from typing import NamedTuple

from speechai.catalogue.odds import Odds
from speechai.catalogue.outcomes import Outcome, OutcomeRow
from speechai.catalogue.policies import Policy
from speechai.core.after_call import NextStep, is_contact
from speechai.core.callbacks import clamp_callback
from speechai.core.decision import Denial, Denied
from speechai.core.model import Batch, Job, JobStatus, Pacing, Person, Phone
from speechai.core.rulings import Listed, Moments, PlannedCall, Rulings, Tally
from speechai.core.waves import choose_cohort, due_wave, next_day_wave


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What all calls share, as the settings say it; a plan has all of it for itself."""

    concurrency: int
    starts_a_second: float
    look_seconds: float
    """Between two looks of the dispatcher."""
    poll_seconds: float
    """Between two looks at a live call: its line is free when its end is seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What the waves of the day on which the plan begins have done already."""

    opened: AbstractSet[time] = frozenset()
    cohort: AbstractSet[str] = frozenset()
    """Ids of the jobs that they have chosen."""


@dataclass(slots=True)
class DayCount:
    """What happened on one day of the batch's zone."""

    people: int = 0
    new_people: int = 0
    attempts: int = 0
    ended: int = 0


@dataclass(slots=True)
class Held:
    """What one rule held back."""

    example: Denied
    people: int = 0
    times: int = 0


class _Live(NamedTuple):
    listed: Listed
    row: OutcomeRow
    success: bool
    phone: int
    attempt_id: str
    on: date
    """The local day at the contact's place."""


Queue = list[tuple[datetime, int, Listed]]
"""By the instant at which a contact's time has come, then by its place in the list."""


@dataclass(slots=True, kw_only=True)
class Rehearsal:
    """One campaign from `begins_at` until before `ends_at` (aware UTC). `enlist` everybody, then `run` once."""

    policy: Policy
    batch: Batch
    rulings: Rulings
    odds: Odds
    lines: Lines
    begins_at: datetime
    ends_at: datetime
    today: Today
    chance: random.Random
    everybody: list[Listed] = field(default_factory=list)
    days: dict[date, DayCount] = field(default_factory=dict)
    held: dict[Denial, Held] = field(default_factory=dict)
    _persons: dict[str, Tally] = field(default_factory=dict)
    _phones: dict[str, Tally] = field(default_factory=dict)
    _due: Queue = field(default_factory=list)
    _callbacks: Queue = field(default_factory=list)
    _waiting: Queue = field(default_factory=list)
    """For a wave."""
    _live: list[tuple[datetime, int, _Live]] = field(default_factory=list)
    """By the instant at which its end is seen."""
    _numbers: count[int] = field(default_factory=count)
    _now: datetime = field(init=False)
    _next_look: datetime = field(init=False)
    _next_start: datetime = field(init=False)
    _waved_at: datetime | None = None
    _cohort: tuple[date, set[str]] = field(init=False)
    _moments: Moments = field(init=False)
    """Of the batch's own place."""
    _marks: list[int] = field(init=False)
    _line_times: list[timedelta] = field(init=False)

    def __post_init__(self) -> None:
        self._now = self._next_look = self._next_start = self.begins_at
        self._cohort = (self.begins_at.astimezone(self.batch.zone).date(), set(self.today.cohort))
        self._moments = self.rulings.moments_of(self.batch.site)
        self._marks = list(accumulate(chance.weight for chance in self.odds.chances))
        poll = self.lines.poll_seconds
        polls = (max(1, math.ceil(chance.line_seconds / poll)) for chance in self.odds.chances)
        self._line_times = [timedelta(seconds=number * poll) for number in polls]

    # Who takes part

    def enlist(self, job: Job, people: Mapping[str, Person], phones: Mapping[str, Phone]) -> None:
        """Adds the next job of the list, where the product would find it. A missing person or phone has no counters."""
        person = self._persons.get(job.person_id)
        if person is None:
            person = Tally(people.get(job.person_id) or Person(id=job.person_id))
            self._persons[job.person_id] = person
        lines = [self._phones.get(number) or self._phone(number, phones) for number in job.all_phones]
        listed = Listed(job, len(self.everybody), person, lines, self.rulings.moments_of_job(job))
        self.everybody.append(listed)
        if job.status is JobStatus.PENDING:
            self._wait(listed, job.next_attempt_at or self.begins_at, admitted=job.admitted)
        elif job.status is JobStatus.IN_PROGRESS:
            # Its attempt is counted already, its end is not.
            on = self.begins_at.astimezone(self.batch.zone).date()
            self._begin_call(listed, max(listed.last_phone, 0), "", self.begins_at, on)

    def _phone(self, number: str, known: Mapping[str, Phone]) -> Tally:
        tally = self._phones[number] = Tally(known.get(number) or Phone(id=number))
        return tally

    def _wait(self, listed: Listed, at: datetime, *, admitted: bool) -> None:
        listed.status, listed.next_at = JobStatus.PENDING, at
        admitted_to = self._due if listed.callback_at is None else self._callbacks
        heapq.heappush(admitted_to if admitted else self._waiting, (at, listed.place, listed))

    # How time passes

    def run(self) -> None:
        """Everything until the end; calls that have begun by then are followed to theirs."""
        while (event := self._next_event()) is not None and event < self.ends_at:
            self._now = event
            if event == self._next_wave():
                self._open_wave(event)
            else:
                self._hand_out(event)
        while self._live:
            self._end_call()

    def _next_event(self) -> datetime | None:
        """The next wave, or the next look that finds somebody due and a free line; calls that end before it end."""
        while True:
            wave, look = self._next_wave(), self._next_look_that_finds()
            event = wave if look is None or (wave is not None and wave <= look) else look
            if not self._live or (event is not None and self._live[0][0] > event):
                return event
            self._end_call()

    def _next_look_that_finds(self) -> datetime | None:
        heads = [queue[0][0] for queue in (self._callbacks, self._due) if queue]
        if not heads:
            return None
        at = max(min(heads), self._now)
        if len(self._live) >= self.lines.concurrency:
            at = max(at, self._live[0][0])
        if at <= self._next_look:
            return self._next_look
        look = timedelta(seconds=self.lines.look_seconds)
        return self._next_look + -((self._next_look - at) // look) * look

    def _next_wave(self) -> datetime | None:
        """The next opening that somebody waits for; one that was missed opens late, if calling is still allowed."""
        if not self._waiting:
            return None
        earliest = self._waiting[0][0]
        if self._waved_at is not None:
            return self.rulings.wave_from(max(earliest, self._waved_at + timedelta.resolution))
        if earliest <= self.begins_at:
            due = due_wave(self.policy, self.batch, self.begins_at)
            if due is not None and due.wave not in self.today.opened:
                return self.begins_at
        return self.rulings.wave_from(max(earliest, self.begins_at))

    # What happens

    def _open_wave(self, at: datetime) -> None:
        """As `operation.waves`: the day's people are chosen; whom the day has no place for waits for the next."""
        self._waved_at = self._next_look = at
        due = due_wave(self.policy, self.batch, at)
        if due is None:
            return
        if self._cohort[0] != due.day:
            self._cohort = (due.day, set())
        ready: dict[str, Listed] = {}
        while self._waiting and self._waiting[0][0] <= at:
            listed = heapq.heappop(self._waiting)[2]
            ready[listed.job.id] = listed
        chosen, left = choose_cohort(list(map(_to_choose, ready.values())), self._cohort[1], self.policy.people_a_day)
        self._cohort[1].update(chosen)
        for job_id in chosen:
            self._wait(ready[job_id], at, admitted=True)
        if left:
            later = next_day_wave(self.policy, self.batch, due.day)
            for job_id in left:
                self._wait(ready[job_id], later, admitted=False)

    def _hand_out(self, at: datetime) -> None:
        """One look of the dispatcher: callbacks first, then whoever has waited longest."""
        self._next_look = at + timedelta(seconds=self.lines.look_seconds)
        starts = math.ceil(self.lines.starts_a_second * self.lines.look_seconds)
        room = min(self.lines.concurrency - len(self._live), starts)
        for queue in (self._callbacks, self._due):
            while room > 0 and queue and queue[0][0] <= at:
                room -= 1
                self._place(heapq.heappop(queue)[2], max(at, self._next_start))

    def _place(self, listed: Listed, at: datetime) -> None:
        answer = self.rulings.may_call(listed, at)
        if isinstance(answer, Denied):
            self._put_back(listed, answer, at)
            return
        assert listed.moments is not None  # the rules allow nothing where there is no calendar
        self._next_start = at + timedelta(seconds=1 / self.lines.starts_a_second)
        on, attempt_id = listed.moments.at(at)[1], str(next(self._numbers))
        listed.person.take_turn(attempt_id, at, on)
        listed.phones[answer].take_turn(attempt_id, at, on)
        ends_as, success = self._begin_call(listed, answer, attempt_id, at, on)
        self._count_call(listed, PlannedCall(at, listed.numbers[answer], ends_as.reason, success))

    def _count_call(self, listed: Listed, call: PlannedCall) -> None:
        day, counts = self._day_of(call.at)
        counts.attempts += 1
        if listed.called_on != day:
            counts.people += 1
            counts.new_people += not listed.calls
            listed.called_on = day
        listed.calls.append(call)

    def _begin_call(
        self, listed: Listed, phone: int, attempt_id: str, at: datetime, on: date
    ) -> tuple[OutcomeRow, bool]:
        """Draws how the call will end, and holds a line until then."""
        drawn = min(bisect_right(self._marks, self.chance.random() * self._marks[-1]), len(self._marks) - 1)
        chance = self.odds.chances[drawn]
        success = bool(chance.success_permille) and self.chance.random() * 1_000 < chance.success_permille
        listed.status, listed.last_phone, listed.next_at = JobStatus.IN_PROGRESS, phone, None
        live = _Live(listed, chance.row, success, phone, attempt_id, on)
        heapq.heappush(self._live, (at + self._line_times[drawn], next(self._numbers), live))
        return chance.row, success

    def _put_back(self, listed: Listed, denied: Denied, at: datetime) -> None:
        """As `operation.calling`."""
        held = self.held.setdefault(denied.code, Held(denied))
        if denied.code not in listed.denials:
            listed.denials = (*listed.denials, denied.code)
            held.people += 1
        held.times += 1
        listed.denied = denied
        back = self.rulings.after_denial(listed, denied, at)
        if back.next_attempt_at is None:
            self._finish(listed, back.status, None, at)
        else:
            self._wait(listed, back.next_attempt_at, admitted=back.admitted)

    def _end_call(self) -> None:
        """As `operation.finishing`: the first call to end is judged, counted, and becomes its contact's next step."""
        at, _, call = heapq.heappop(self._live)
        self._now = at
        listed, row, success = call.listed, call.row, call.success
        callback_at = None
        if row.outcome is Outcome.CALLBACK and not success:
            callback_at = clamp_callback(self.policy, listed.job.site, at + self.odds.callback_after, at)
        step, next_at = self.rulings.after_call(listed, row, call.phone, at, success=success, callback_at=callback_at)
        talked = is_contact(self.policy, row)
        for tally in (listed.person, listed.phones[call.phone]):
            if row.attempt:
                tally.settle(
                    call.on, talked=talked, conversed=row.contact, silent=row.silent, do_not_call=step.do_not_call
                )
            else:
                tally.give_turn_back(call.attempt_id)
        listed.attempts += step.counts_as_attempt
        listed.callback_at = step.callback_at
        if step.retire_phone and call.phone not in listed.bad:
            listed.bad = (*listed.bad, call.phone)
        if next_at is None:
            self._finish(listed, step.status, step.reason, at)
            return
        listed.reason = step.reason
        self._wait(listed, next_at, admitted=self._stays_admitted(step))

    def _stays_admitted(self, step: NextStep) -> bool:
        return self.batch.pacing is Pacing.CONTINUOUS or step.keeps_its_place or step.callback_at is not None

    def _finish(self, listed: Listed, status: JobStatus, reason: str | None, at: datetime) -> None:
        listed.status, listed.reason, listed.next_at = status, reason, None
        self._day_of(at)[1].ended += 1

    def _day_of(self, at: datetime) -> tuple[date, DayCount]:
        day = self._moments.at(at)[1]
        counts = self.days.get(day)
        if counts is None:
            counts = self.days[day] = DayCount()
        return day, counts


def _to_choose(listed: Listed) -> Job:
    """The job with what the choice of a cohort looks at."""
    job = listed.job
    return job if listed.attempts == job.attempts else replace(job, attempts=listed.attempts)
