"""May this person be called now, and if not, why and when next? Asked at the moment of dialling (law 5).

Enter the policy, the batch, the job, the person, the phones and `now`; leaves `Allowed` with the number to dial, or
`Denied` with a code, facts and, where waiting helps, the next instant worth asking at. An expected refusal is a value,
never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import MappingProxyType
from zoneinfo import ZoneInfoNotFoundError

from speechai.catalogue.policies import PhoneOrder, Policy
from speechai.core.calendar import is_open, next_open
from speechai.core.caps import (
    exclusion_by_silence,
    person_caps,
    person_end,
    phone_denial,
    said_at,
    written_end,
)
from speechai.core.decision import Allowed, Denial, Denied
from speechai.core.masking import mask_phone
from speechai.core.model import BatchStatus, Job, Person, Phone, Site

__all__ = ["exclusion_by_silence", "is_callback", "may_call", "next_phone"]

_NEVER_CALLED: Mapping[str, Phone] = MappingProxyType({})


def may_call(
    policy: Policy,
    *,
    batch: BatchStatus,
    job: Job,
    person: Person,
    phones: Mapping[str, Phone] = _NEVER_CALLED,
    now: datetime,
) -> Allowed | Denied:
    """Decide about one call at `now` (aware UTC) at the contact's own place (`job.site`).

    `phones` are the counters of the job's numbers; one that is missing was never called. Rules in the order of their
    weight: what ends a job comes before what makes it wait. The caps are asked again by the conditional writes that
    take the turns (law 3); here they save the trip, choose the phone and give the reason. `next_at` is an instant at
    which the hours are open and the rule that denied does not deny.
    """
    if batch is not BatchStatus.RUNNING:
        return Denied(code=Denial.BATCH_NOT_RUNNING, facts={"state": batch.value})
    if ended := written_end(person):
        return ended
    if not job.phones:
        return Denied(code=Denial.NO_PHONE_LEFT, facts={"numbers": len(job.all_phones)})
    lines = [(number, phones.get(number)) for number in _in_order(policy, job)]
    lines = [(number, phone) for number, phone in lines if phone is None or not phone.do_not_call]
    if not lines:
        return _nobody_wants_it(job)
    try:
        return _at_the_place(policy, job, person, lines, job.site, now)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        why = f"the hours in zone {job.time_zone!r}, country {job.country!r}: {error}"
        return Denied(code=Denial.UNCLEAR, facts={"why": why})


def next_phone(job: Job, policy: Policy | None = None) -> str | None:
    """The number to dial next where no phone has a cap; None where none is callable.

    Phones take turns, starting with `to_number`, and the turn goes on after the last number tried also where that one
    has just been retired; or, where the policy says so, the first is dialled until it is retired.
    """
    return next(iter(_in_order(policy, job)), None)


def is_callback(job: Job, now: datetime) -> bool:
    """True where the person asked for a call, and its time has come."""
    return job.callback_at is not None and job.callback_at <= now


def _at_the_place(
    policy: Policy, job: Job, person: Person, lines: list[tuple[str, Phone | None]], site: Site, now: datetime
) -> Allowed | Denied:
    """`lines` are the numbers that may be dialled at all, in order, each with its counters."""
    ended = person_end(policy, person, now.astimezone(site.zone).date()) or _attempts_used(policy, job, site, now)
    if ended is not None:
        return ended
    if not is_open(policy, site, now):
        return _outside_hours(policy, site, now)
    callback = is_callback(job, now)
    denied = person_caps(policy, person, site=site, now=now, callback=callback)
    if denied is not None:
        ask = partial(person_caps, policy, person, site=site, callback=True)
        return _or_at_the_callback(policy, job, site, denied, now, ask)
    capped = []
    for number, phone in lines:
        denied = None if phone is None else phone_denial(policy, phone, site=site, now=now, callback=callback)
        if phone is None or denied is None:
            return Allowed(number)
        ask = partial(phone_denial, policy, phone, site=site, callback=True)
        capped.append(_or_at_the_callback(policy, job, site, denied, now, ask))
    return _soonest(capped)


def _attempts_used(policy: Policy, job: Job, site: Site, now: datetime) -> Denied | None:
    """The job's own attempts; a call that the person asked for may be one more."""
    most = job.max_attempts + (1 if job.callback_at is not None else 0)
    facts = {"used": job.attempts, "cap": job.max_attempts}
    if job.attempts >= most:
        return Denied(code=Denial.ATTEMPTS_USED, facts=facts)
    if job.attempts < job.max_attempts or job.callback_at is None or job.callback_at <= now:
        return None
    at = next_open(policy, site, job.callback_at)
    return Denied(code=Denial.ATTEMPTS_USED, facts={**facts, "next_at": said_at(at, site)}, next_at=at)


def _outside_hours(policy: Policy, site: Site, now: datetime) -> Denied:
    """Said in the zone that is closed: where the place is not known exactly, another may be open."""
    at = next_open(policy, site, now)
    each = (replace(site, zones=(zone,)) for zone in site.zones)
    closed = next((one for one in each if not is_open(policy, one, now)), site)
    facts = {
        "now_at": said_at(now, closed),
        "next_at": said_at(at, closed),
        "zone": closed.zone.key,
        "policy": policy.name,
    }
    return Denied(code=Denial.OUTSIDE_HOURS, facts=facts, next_at=at)


def _or_at_the_callback(
    policy: Policy, job: Job, site: Site, denied: Denied, now: datetime, ask: Callable[..., Denied | None]
) -> Denied:
    """The denial, to be asked again at a callback that is still ahead where that lifts it before its own time."""
    if denied.next_at is None or job.callback_at is None or job.callback_at <= now:
        return denied
    at: datetime | None = next_open(policy, site, job.callback_at)
    still = ask(now=at)
    if still is not None:
        at = still.next_at
    if at is None or at >= denied.next_at:
        return denied
    return replace(denied, next_at=at, facts={**denied.facts, "next_at": said_at(at, site)})


def _soonest(capped: list[Denied]) -> Denied:
    """Of the phones' denials the one that ends first, said of all of them."""
    first = min(capped, key=lambda denied: (denied.next_at is None, denied.next_at))
    if len(capped) == 1:
        return first
    facts = {name: fact for name, fact in first.facts.items() if name == "next_at"}
    return replace(first, facts={**facts, "numbers": len(capped)})


def _nobody_wants_it(job: Job) -> Denied:
    numbers = job.phones
    if len(numbers) == 1:
        return Denied(code=Denial.DO_NOT_CALL, facts={"phone": mask_phone(numbers[0])})
    return Denied(code=Denial.DO_NOT_CALL, facts={"numbers": len(numbers)})


def _in_order(policy: Policy | None, job: Job) -> tuple[str, ...]:
    """Every callable number once, the next to dial first."""
    numbers = job.all_phones
    in_turn = policy is None or policy.phone_order is PhoneOrder.IN_TURN
    first = numbers.index(job.last_phone_tried) + 1 if in_turn and job.last_phone_tried in numbers else 0
    return tuple(number for number in (*numbers[first:], *numbers[:first]) if number not in job.bad_phones)
