"""The product's own decisions, asked once for everybody who stands in the same situation.

Enters a simulated contact and an instant; leaves what `may_call` and `after_call` say. Used by `planning`, which asks a
million times where only hundreds of answers differ: between two edges of a day (midnight, opening, closing) an answer
depends on the place, the counters and the job alone. Nothing is decided here; with `remember` off every question goes
to the rules themselves, and a test holds both to the same answers.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfoNotFoundError

from speechai.catalogue.outcomes import OutcomeRow
from speechai.catalogue.policies import Policy
from speechai.core.after_call import Delays, NextStep, after_call
from speechai.core.after_denial import Return, after_denial
from speechai.core.calendar import local_instant, next_wave, openings_on
from speechai.core.decision import Allowed, Denial, Denied
from speechai.core.may_call import may_call
from speechai.core.model import Batch, BatchStatus, Job, JobStatus, Pacing, Person, Phone, Site, Try

_ONE_DAY, _MOMENT = timedelta(days=1), timedelta(microseconds=1)


class Tally:
    """What is counted of one person or telephone while a plan goes on."""

    __slots__ = ("_first", "_key", "conversed_on", "do_not_call", "last_at", "silent_on", "talks_on", "tries")

    def __init__(self, first: Person | Phone) -> None:
        self._first = first
        self.tries, self.talks_on, self.do_not_call = first.tries, first.talks_on, first.do_not_call
        self.silent_on = first.silent_on if isinstance(first, Person) else ()
        self.conversed_on = first.conversed_on if isinstance(first, Person) else None
        self.last_at = first.tries[-1].at if first.tries else None
        self._key: Hashable = None

    def take_turn(self, attempt_id: str, at: datetime, on: date) -> None:
        """Counts an attempt that begins at `at`, on the local day `on`."""
        self.tries = (*self.tries, Try(attempt_id=attempt_id, at=at, on=on))
        self.last_at = at
        self._key = None

    def give_turn_back(self, attempt_id: str) -> None:
        """Takes out an attempt that did not happen."""
        self.tries = tuple(made for made in self.tries if made.attempt_id != attempt_id)
        self.last_at = self.tries[-1].at if self.tries else None
        self._key = None

    def settle(self, on: date, *, talked: bool, conversed: bool, silent: bool, do_not_call: bool) -> None:
        """What the store's `settle_turn` writes: a conversation ends a row of silent days, and makes its day none."""
        if talked:
            self.talks_on = (*self.talks_on, on)
        if conversed:
            self.silent_on, self.conversed_on = (), on
        elif silent and on not in self.silent_on and on != self.conversed_on:
            self.silent_on = (*self.silent_on, on)
        self.do_not_call = self.do_not_call or do_not_call
        self._key = None

    def person(self) -> Person:
        """The person as the rules read one."""
        assert isinstance(self._first, Person)
        return replace(
            self._first,
            live_attempt_id=None,
            tries=self.tries,
            talks_on=self.talks_on,
            silent_on=self.silent_on,
            conversed_on=self.conversed_on,
            do_not_call=self.do_not_call,
        )

    def phone(self) -> Phone:
        """The telephone as the rules read one."""
        assert isinstance(self._first, Phone)
        return replace(
            self._first,
            live_attempt_id=None,
            tries=self.tries,
            talks_on=self.talks_on,
            do_not_call=self.do_not_call,
        )

    @property
    def key(self) -> Hashable:
        """All of it that a rule may read, but the instants of the attempts."""
        if self._key is None:
            excluded = self._first.excluded_reason if isinstance(self._first, Person) else None
            days = tuple([made.on for made in self.tries])
            self._key = (days, self.talks_on, self.silent_on, self.do_not_call, excluded)
        return self._key


class Moments:
    """The instants between which the calendar of one site gives one answer: midnights, openings and closings."""

    __slots__ = ("_days", "_edges", "_last", "number")

    def __init__(self, number: int, policy: Policy, site: Site, first: datetime, last: datetime) -> None:
        self.number = number
        edges: list[tuple[datetime, date]] = []
        day, end = first.astimezone(site.zone).date() - _ONE_DAY, last.astimezone(site.zone).date() + _ONE_DAY
        while day <= end:
            edges.append((local_instant(day, 0, site.zone), day))
            edges += [(at, day) for opening in openings_on(policy, site, day) for at in opening]
            day += _ONE_DAY
        edges.sort(key=lambda edge: edge[0])
        self._edges, self._days = [at for at, _ in edges], [day for _, day in edges]
        self._last = 0

    def at(self, now: datetime) -> tuple[int, date]:
        """The number of the moment that `now` lies in, and its local day."""
        place, edges = self._last, self._edges
        if not (edges[place] <= now and (place + 1 == len(edges) or now < edges[place + 1])):
            place = self._last = bisect_right(edges, now) - 1
        return place, self._days[place]


class PlannedCall(NamedTuple):
    """One simulated call: when it begins (aware UTC), to which number, how it ends (a row of the outcome table)."""

    at: datetime
    number: str
    reason: str
    success: bool


class Listed:
    """One contact of the list as the plan goes on; `job` stays as it was when the plan began."""

    __slots__ = (
        "attempts", "bad", "callback_at", "called_on", "calls", "denials", "denied", "job", "last_phone", "moments",
        "next_at", "numbers", "person", "phones", "place", "reason", "status",
    )  # fmt: skip

    def __init__(self, job: Job, place: int, person: Tally, phones: list[Tally], moments: Moments | None) -> None:
        self.job, self.place, self.person, self.phones, self.moments = job, place, person, phones, moments
        self.numbers = job.all_phones
        self.status, self.reason, self.next_at = job.status, job.reason, job.next_attempt_at
        self.attempts, self.callback_at = job.attempts, job.callback_at
        self.bad = tuple(n for n, number in enumerate(self.numbers) if number in job.bad_phones)
        self.last_phone = self.numbers.index(job.last_phone_tried) if job.last_phone_tried in self.numbers else -1
        self.calls: list[PlannedCall] = []
        self.called_on: date | None = None
        self.denials: tuple[Denial, ...] = ()
        self.denied: Denied | None = None

    def as_job(self) -> Job:
        """The job as the rules read it now."""
        return replace(
            self.job,
            status=JobStatus.PENDING,
            attempts=self.attempts,
            bad_phones=tuple([self.numbers[n] for n in self.bad]),
            last_phone_tried=self.numbers[self.last_phone] if self.last_phone >= 0 else None,
            callback_at=self.callback_at,
        )


class Rulings:
    """The rules of one batch between two instants."""

    def __init__(
        self,
        *,
        policy: Policy,
        batch: Batch,
        delays: Delays,
        first: datetime,
        last: datetime,
        remember: bool = True,
    ) -> None:
        self._policy, self._batch, self._delays = policy, batch, delays
        self._at_once = replace(batch, pacing=Pacing.CONTINUOUS)
        self._first, self._last, self._remember = first, last, remember
        self._sites: dict[Site, Moments] = {}
        self._pause = timedelta(minutes=policy.minutes_between_attempts)
        self._answers: dict[Hashable, int | Denied] = {}
        self._rests: dict[Hashable, NextStep] = {}
        self._waits: dict[Hashable, timedelta] = {}
        self._steps: dict[Hashable, NextStep] = {}
        self._waves: list[datetime] = []
        self._returns: dict[Hashable, Return] = {}

    def moments_of(self, site: Site) -> Moments:
        """The edges of the site's days; the same object for the same site. Raises ValueError for one without a
        calendar."""
        found = self._sites.get(site)
        if found is None:
            found = self._sites[site] = Moments(len(self._sites), self._policy, site, self._first, self._last)
        return found

    def moments_of_job(self, job: Job) -> Moments | None:
        """The edges at the contact's place, None where there is none: the rules say what becomes of it."""
        try:
            return self.moments_of(job.site)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return None

    def may_call(self, listed: Listed, now: datetime) -> int | Denied:
        """Which of the contact's numbers may be called at `now`, or why none may."""
        person, phones = listed.person, listed.phones
        is_rested = person.last_at is None or now - person.last_at >= self._pause
        if not (self._remember and is_rested) or listed.moments is None or listed.callback_at is not None:
            return self._ask(listed, now)
        key = (
            listed.moments.number,
            listed.moments.at(now)[0],
            person.key,
            phones[0].key if len(phones) == 1 else tuple([phone.key for phone in phones]),
            listed.attempts,
            listed.job.max_attempts,
            listed.last_phone,
            listed.bad,
        )
        kept = self._answers.get(key)
        if kept is None:
            kept = self._answers[key] = self._ask(listed, now)
        return kept

    def _ask(self, listed: Listed, now: datetime) -> int | Denied:
        phones = dict(zip(listed.numbers, [phone.phone() for phone in listed.phones], strict=True))
        answer = may_call(
            self._policy,
            batch=BatchStatus.RUNNING,
            job=listed.as_job(),
            person=listed.person.person(),
            phones=phones,
            now=now,
        )
        return listed.numbers.index(answer.phone) if isinstance(answer, Allowed) else answer

    def after_call(
        self, listed: Listed, row: OutcomeRow, phone: int, now: datetime, *, success: bool, callback_at: datetime | None
    ) -> tuple[NextStep, datetime | None]:
        """What becomes of the contact after a call to its number `phone` that ended as `row` at `now`, and when it is
        due again."""
        # A wish that is still open where no call happened has its own time too.
        if not self._remember or callback_at is not None or not row.attempt:
            step = self._after(self._batch, listed, row, phone, now, success=success, callback_at=callback_at)
            return step, step.next_attempt_at
        job = listed.job
        key = (row.reason, success, listed.attempts, job.max_attempts, len(listed.numbers), listed.bad, phone)
        rest = self._rests.get(key)
        if rest is None:
            # First as if nobody waited for waves: how long the contact rests does not depend on the hour.
            rest = self._after(self._at_once, listed, row, phone, now, success=success, callback_at=None)
            self._rests[key] = rest
            if rest.next_attempt_at is not None:
                self._waits[key] = rest.next_attempt_at - now
        if rest.next_attempt_at is None:
            return rest, None
        earliest = now + self._waits[key]
        if self._batch.pacing is Pacing.CONTINUOUS or rest.keeps_its_place:
            return rest, earliest
        wave = self.wave_from(earliest)
        kept = self._steps.get((key, wave))
        if kept is None:
            kept = self._after(self._batch, listed, row, phone, now, success=success, callback_at=None)
            self._steps[key, wave] = kept
        return kept, kept.next_attempt_at

    def _after(
        self,
        batch: Batch,
        listed: Listed,
        row: OutcomeRow,
        phone: int,
        now: datetime,
        *,
        success: bool,
        callback_at: datetime | None,
    ) -> NextStep:
        return after_call(
            row=row,
            success=success,
            job=listed.as_job(),
            phone=listed.numbers[phone],
            batch=batch,
            policy=self._policy,
            delays=self._delays,
            now=now,
            callback_at=callback_at,
        )

    def wave_from(self, earliest: datetime) -> datetime:
        """The batch's first wave at or after `earliest`, in UTC."""
        waves = self._waves
        if not waves:
            waves.append(next_wave(self._policy, self._batch.site, self._first))
        while waves[-1] < earliest:
            waves.append(next_wave(self._policy, self._batch.site, waves[-1] + _MOMENT))
        return waves[bisect_left(waves, earliest)]

    def after_denial(self, listed: Listed, denied: Denied, at: datetime) -> Return:
        """Where the denial leaves the contact; the same for all whom one rule denies until one instant."""
        key = (denied.code, denied.next_at or at, denied.next_at is None, listed.callback_at is None)
        found = self._returns.get(key)
        if found is None:
            job = replace(listed.job, callback_at=listed.callback_at)
            found = after_denial(denied, job=job, batch=self._batch, policy=self._policy, now=at)
            self._returns[key] = found
        return found
