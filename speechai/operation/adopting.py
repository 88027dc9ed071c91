"""Calls that Retell lists and the database does not know: given a record, and what follows from them.

Enters an instant; leaves the calls placed since with their attempts, counters, costs and their jobs' next steps, as far
as Retell's list and the lists that are here tell them. For a database that was restored from a backup, or lost. Called
by `speechai.operation.restoring` and by `speechai adopt-calls`; nothing may be dialled meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from speechai.catalogue.negotiation import get_table
from speechai.catalogue.places import place_of
from speechai.core.model import BY_PHONE, Attempt, AttemptState, Job
from speechai.core.negotiation import offer_for
from speechai.core.variants import variant_of
from speechai.errors import NotAllowed, UsageError
from speechai.operation.contact_jobs import person_key
from speechai.operation.context import Context, policy_for
from speechai.operation.finishing import finish
from speechai.operation.mending import CLOCKS_APART, hold
from speechai.retell.placed_call import PlacedCall
from speechai.store import accounts, attempts, batches, capacity, jobs, mending

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What Retell's list brought."""

    listed: int
    """Calls of ours that it holds since the instant asked for."""
    adopted: int
    """Of them, calls that the database knew nothing of."""
    strangers: int
    """Of those, calls of lists that are not here: telephone, account and, where known, the person were counted."""


def adopt_calls(context: Context, *, since: datetime, only_known_lists: bool = False) -> Adopted:
    """Gives a record to every call that Retell lists from `since` (aware) on and nobody here knows. Repeatable.

    Ends that were not heard of are written on the way, so that a later call of the same contact finds the earlier one
    finished. `only_known_lists` leaves out calls of lists that are not here: in a workspace that several installations
    share they may be another's. Raises RetellError; NotAllowed where no key is set here.
    """
    if context.retell is None:
        raise NotAllowed("RETELL_API_KEY is not set here: the calls that were placed since cannot be asked for")
    found = context.retell.calls_since(since - CLOCKS_APART)
    calls = sorted(found, key=lambda call: (call.placed_at or since, call.facts.call_id))
    people: Mapping[str, str] | None = None
    adopted = strangers = 0
    for call in calls:
        attempt = attempts.get_attempt(context.store, call.attempt_id)
        if attempt is None:
            job = jobs.get_job(context.store, call.job_id)
            if job is None and only_known_lists:
                continue
            if job is None and people is None:
                people = {person_key(one): one for one in mending.person_ids(context.store)}
            attempt = _record(context, call, job, people or {}, at=call.placed_at or since)
            adopted, strangers = adopted + 1, strangers + (job is None)
        if attempt.state.is_open:
            _follow(context, attempt, call)
    log.info("calls were adopted", action="adopt_calls", listed=len(calls), adopted=adopted, strangers=strangers)
    return Adopted(listed=len(calls), adopted=adopted, strangers=strangers)


def _record(context: Context, call: PlacedCall, job: Job | None, people: Mapping[str, str], *, at: datetime) -> Attempt:
    """A live attempt made of what Retell knows, and all that it took."""
    store, now = context.store, context.clock()
    made = _of_a_stranger(context, call, people, at) if job is None else _of_job(context, call, job, at)
    attempts.record(store, made)
    attempts.accept(store, made.id, call.facts.call_id, at=at, next_poll_at=now)
    mending.note_adopted(store, made.id, at=now)
    made = replace(made, state=AttemptState.LIVE, call_id=call.facts.call_id, accepted_at=at, next_poll_at=now)
    hold(context, made, job)
    return made


def _of_job(context: Context, call: PlacedCall, job: Job, at: datetime) -> Attempt:
    """Offer, variant and policy are worked out anew, for the day of the call: nobody recorded them."""
    batch = batches.get_batch(context.store, job.batch_id)
    made = replace(
        _of_a_stranger(context, call, {}, at),
        account_id=job.account_id,
        person_id=job.person_id,
        use_case=job.use_case,
        number=job.attempts + 1,
        time_zone=job.time_zone or context.settings.timezone,
    )
    if batch is None:
        return made
    variant = variant_of(batch.variants, job.person_id, job.account_id)
    offer = None
    if batch.negotiation is not None and job.debt is not None:
        offer = offer_for(get_table(batch.negotiation), job.debt, made.local_on)
    try:
        policy = policy_for(context, batch, accounts.get_account(context.store, batch.account_id)).label
    except UsageError:  # taken out of the catalogue meanwhile
        policy = None
    return replace(
        made, policy=policy, variant=variant.name if variant else None, offer=offer.to_document() if offer else None
    )


def _of_a_stranger(context: Context, call: PlacedCall, people: Mapping[str, str], at: datetime) -> Attempt:
    """Of a list that is not here: the person is known if any other list or an earlier call names it."""
    place = place_of((call.to_number,), city=None)
    return Attempt(
        id=call.attempt_id,
        job_id=call.job_id,
        batch_id=call.batch_id,
        account_id=call.account_id,
        person_id=people.get(call.job_id.rpartition("-")[2], f"{BY_PHONE}{call.to_number}"),
        use_case="",
        number=1,
        to_number=call.to_number,
        from_number=call.from_number,
        agent_id=call.agent_id,
        state=AttemptState.PLACING,
        placing_at=at,
        time_zone=place.zones[0] if place else context.settings.timezone,
    )


def _follow(context: Context, attempt: Attempt, call: PlacedCall) -> None:
    """Writes the end of a call that is over, and finishes it; while its analysis may come, the sweep does."""
    store, now = context.store, context.clock()
    facts = call.facts
    if attempt.call_id is None:  # it was being placed, or its fate was not known
        attempts.accept(store, attempt.id, facts.call_id, at=attempt.placing_at, next_poll_at=now)
        jobs.note_call(store, attempt.job_id, attempt.id, facts.call_id, attempt.placing_at)
    if not facts.is_over:
        return
    facts = context.retell.get_call(facts.call_id) or facts
    accounts.free_line(store, attempt.account_id, attempt.id)
    capacity.release_slot(store, attempt.id)
    if attempt.state is not AttemptState.ENDED:
        attempts.end(store, attempt.id, at=facts.ended_at or now, retell=facts.raw)
    waited = now - (facts.ended_at or now) >= timedelta(seconds=context.settings.analysis_wait_seconds)
    if facts.analysed or facts.status != "ended" or waited:
        attempts.keep_answer(store, attempt.id, facts.raw, analysed=facts.analysed)
        finish(context, attempt.id)
