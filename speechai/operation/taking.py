"""Everything that one call needs, taken before it is dialled and given back where it is not.

Enters a claimed job that the rules allow; leaves what was taken, or why it could not be. In this order: a slot, the
account's money and line, the person's turn, the phone's turn, a start; each by one conditional write under the
attempt's id.
The slot comes first since it names attempt, job and phone: a dead worker's slot leads the sweep to all the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

import structlog

from speechai import metrics
from speechai.catalogue.policies import Policy
from speechai.core.accounts import Account
from speechai.core.caps import person_denial, phone_denial
from speechai.core.decision import Denial, Denied, Fact
from speechai.core.may_call import may_call
from speechai.core.model import AttemptState, Batch, BatchStatus, Counted, Job, Person, Phone
from speechai.core.provider import Provider, Rest
from speechai.operation import accounts as money
from speechai.operation import provider
from speechai.operation.callers import caller_for
from speechai.operation.context import Context
from speechai.store import attempts, batches, capacity, people
from speechai.store.capacity import Full
from speechai.store.people import Turn

log = structlog.get_logger(__name__)

LONGEST_PACE_WAIT = timedelta(seconds=5)
"""A dialling thread waits this long for its start; a longer queue goes back to the database."""
STILL_FRESH = timedelta(seconds=2)
"""What the rules said holds so long unasked: taking all that a call needs is a matter of milliseconds, but a MongoDB
that hangs, or a host that swaps, may carry it over the end of the hours or past an operator's pause."""
PERSON_BUSY_WAIT = timedelta(seconds=60)
LEAKED_AFTER = timedelta(hours=1)
"""A turn so old whose attempt was never recorded belongs to nobody: longer than any claim lasts."""

C = TypeVar("C", bound=Counted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One call that is to be placed: the claimed job, and what decides about it."""

    attempt_id: str
    job: Job
    batch: Batch
    account: Account | None
    policy: Policy
    person: Person
    phones: Mapping[str, Phone]
    """Person and telephones as they were read a moment ago; a turn is taken from what they are by then."""

    def is_callback(self, now: datetime) -> bool:
        """Whether the person asked for a call at this time."""
        return self.job.callback_at is not None and self.job.callback_at <= now

    def today(self, now: datetime) -> date:
        """The local day at the contact's place."""
        return now.astimezone(self.job.site.zone).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the call has: the phone to dial, the number that it comes from, and a start."""

    phone: str
    from_number: str
    provider: Provider
    """What was known of Retell when the start was given out."""
    asked_at: datetime
    """When the rules were asked last."""


def take(context: Context, wanted: Wanted, phone: str, now: datetime) -> Taken | Denied:
    """Takes everything for a call to `phone` at `now`; where something is denied, all of it is given back."""
    if wanted.account is None:
        return Denied(code=Denial.ACCOUNT_UNKNOWN, facts={"account": wanted.batch.account_id})
    from_number = caller_for(context, wanted.account, wanted.job, phone, now)
    if isinstance(from_number, Denied):
        return from_number
    taken = (
        _take_lines(context, wanted, phone, now)
        or _take_turns(context, wanted, phone, now)
        or _take_start(context, wanted, phone, from_number, now)
    )
    if isinstance(taken, Denied):
        give_back(context, wanted.job, wanted.attempt_id, phone)
    return taken


def denied_meanwhile(context: Context, wanted: Wanted, taken: Taken, *, recorded_at: datetime) -> Denied | None:
    """What denies the call by now, asked again where the worker has stood still since the rules were asked.

    `recorded_at` is when the attempt was written: once a lease is over, others may take it for one that was sent.
    """
    if context.clock() - taken.asked_at <= STILL_FRESH:
        return None
    denied = _ask_again(context, wanted, taken.phone, wanted.today(taken.asked_at))
    now = context.clock()  # the questions may have stood still, too
    if denied is None and now - recorded_at >= timedelta(seconds=context.settings.lease_seconds):
        return Denied(code=Denial.NO_CAPACITY, facts={"why": "the worker stood still for its whole lease"}, next_at=now)
    return denied


def give_back(context: Context, job: Job, attempt_id: str, phone: str) -> None:
    """Undoes `take` where no call happened; what was not taken is left alone."""
    people.give_phone_turn_back(context.store, phone, attempt_id)
    people.give_turn_back(context.store, job.person_id, attempt_id)
    money.release_for(context, job.account_id, attempt_id)
    capacity.free_trial(context.store, attempt_id)
    capacity.release_slot(context.store, attempt_id)


def abandon(context: Context, attempt_id: str) -> None:
    """Closes an attempt whose request was never sent."""
    if attempts.close(context.store, attempt_id, AttemptState.ABANDONED, {}):
        metrics.count_call(metrics.CallStep.ABANDONED)


def _take_lines(context: Context, wanted: Wanted, phone: str, now: datetime) -> Denied | None:
    limit = context.settings.retell_concurrency
    if not capacity.take_slot(context.store, wanted.attempt_id, wanted.job.id, limit, phone=phone):
        return _no_capacity(context, now, {"lines": limit})
    return money.reserve_for(context, wanted.batch.account_id, wanted.attempt_id, wanted.batch, now)


def _take_turns(context: Context, wanted: Wanted, phone: str, now: datetime) -> Denied | None:
    store, policy, site, callback = context.store, wanted.policy, wanted.job.site, wanted.is_callback(now)
    on = wanted.today(now)

    def about_person(person: Person) -> Denied | None:
        return person_denial(policy, person, site=site, now=now, callback=callback)

    def about_phone(line: Phone) -> Denied | None:
        return phone_denial(policy, line, site=site, now=now, callback=callback)

    turn = people.take_turn(
        store, wanted.person.id, wanted.attempt_id, on=on, now=now, decide=about_person, seen=wanted.person
    )
    if turn is Turn.TAKEN:
        line = wanted.phones.get(phone, Phone(id=phone))
        turn = people.take_phone_turn(store, phone, wanted.attempt_id, on=on, now=now, decide=about_phone, seen=line)
    if isinstance(turn, Denied):
        return turn
    if turn is Turn.BUSY:
        free_leaked_turns(context, wanted.job.person_id, phone, now)
        return Denied(code=Denial.PERSON_BUSY, next_at=now + PERSON_BUSY_WAIT)
    return None


def _take_start(context: Context, wanted: Wanted, phone: str, from_number: str, asked_at: datetime) -> Denied | Taken:
    """The next free start, where Retell takes calls; after a wait for it everything is asked again."""
    now, per_second = context.clock(), context.settings.retell_calls_per_second
    start = capacity.reserve_start(
        context.store,
        wanted.attempt_id,
        now=now,
        per_second=per_second,
        longest_wait=LONGEST_PACE_WAIT,
        rules=context.provider_rules,
    )
    if isinstance(start, Rest):
        return provider.denied_by(context, start, wanted.job.site, now)
    if isinstance(start, Full):
        # Under a lowered rate the next start may be far: asked again before, it would be denied again.
        return _no_capacity(context, now, {"limit": f"{per_second:g}"}, earliest=start.free_at - LONGEST_PACE_WAIT)
    if start.at > now:
        context.sleep((start.at - now).total_seconds())
        today, asked_at = wanted.today(asked_at), context.clock()
        if (denied := _ask_again(context, wanted, phone, today)) is not None:
            return denied
    return Taken(phone=phone, from_number=from_number, provider=start.provider, asked_at=asked_at)


def free_leaked_turns(context: Context, person_id: str, phone: str, now: datetime) -> None:
    """Gives back turns that no slot leads to: their worker stalled until the sweep had freed its slot, then died."""
    holder = people.turn_holder(context.store, person_id)
    if holder is not None and _is_leaked(context, *holder, now):
        people.give_turn_back(context.store, person_id, holder[0])
    holder = people.phone_turn_holder(context.store, phone)
    if holder is not None and _is_leaked(context, *holder, now):
        people.give_phone_turn_back(context.store, phone, holder[0])


def _is_leaked(context: Context, attempt_id: str, since: datetime, now: datetime) -> bool:
    attempt = attempts.get_attempt(context.store, attempt_id)
    leaked = now - since > LEAKED_AFTER if attempt is None else not attempt.state.is_open
    if leaked:
        metrics.count_find(metrics.Find.LEAKED_TURN)
        log.warning("a leaked turn was found", action="place_call", attempt_id=attempt_id)
    return leaked


def _ask_again(context: Context, wanted: Wanted, phone: str, today: date) -> Denied | None:
    """The rules once more after the wait for a start: meanwhile the hours may have ended, the batch been paused, the
    account suspended, the person asked not to be called, Retell asked for a pause. This attempt's own turn must not
    count against it."""
    now, store = context.clock(), context.store
    if (rests := provider.denial(context, wanted.attempt_id, wanted.job.site, now)) is not None:
        return rests
    if wanted.today(now) != today:
        return Denied(code=Denial.NO_CAPACITY, facts={"why": "the day whose turn was taken is over"}, next_at=now)
    if (suspended := money.denied_by_suspension(context, wanted.batch.account_id)) is not None:
        return suspended
    batch = batches.get_batch(store, wanted.job.batch_id)
    status = batch.status if batch is not None else BatchStatus.CANCELLED
    person = _without(people.get_person(store, wanted.job.person_id), wanted.attempt_id)
    known = people.get_phones(store, wanted.job.all_phones)
    phones = {number: _without(line, wanted.attempt_id) for number, line in known.items()}
    again = may_call(wanted.policy, batch=status, job=wanted.job, person=person, phones=phones, now=now)
    if isinstance(again, Denied):
        return again
    if again.phone != phone:  # this one was asked not to be called in the meantime
        return Denied(code=Denial.NO_CAPACITY, facts={"why": "that phone may not be called any more"}, next_at=now)
    return None


def _without(counted: C, attempt_id: str) -> C:
    return replace(counted, tries=tuple(made for made in counted.tries if made.attempt_id != attempt_id))


def _no_capacity(
    context: Context, now: datetime, facts: Mapping[str, Fact], *, earliest: datetime | None = None
) -> Denied:
    soon = now + timedelta(seconds=context.settings.dispatch_interval_seconds)
    return Denied(code=Denial.NO_CAPACITY, facts=facts, next_at=max(soon, earliest or soon))
