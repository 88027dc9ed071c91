"""A plan of what a file would become, or of what remains of a batch: read, simulated, and told with its assumptions.

Enters a file with its order, or a batch; leaves a `Planned`. A file is read as a worker would read it and nothing is
stored; the database is asked only for a batch, and for a file where the operator wants it. The simulation itself is
`core.planning`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from itertools import chain
from pathlib import Path

from speechai.catalogue.odds import Odds, load_odds
from speechai.catalogue.policies import Policy
from speechai.core.accounts import Account, amount_text
from speechai.core.accounts import Plan as Tariff
from speechai.core.model import Batch, BatchStatus, Job, JobStatus, Pacing
from speechai.core.planning import SEED, Lines, Plan, Today, plan
from speechai.core.waves import planned_waves
from speechai.errors import NotAllowed, NotFound, UsageError
from speechai.operation.contact_jobs import job_of
from speechai.operation.context import Context, policy_for
from speechai.operation.ingest import Counts, Progress, ingest_file
from speechai.operation.own_odds import odds_of
from speechai.operation.submitting import Order, account_of, policy_of, spec_of
from speechai.store import accounts, batches, statistics, waves
from speechai.store import planning as stored

LONGEST = 366
"""Days of a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan, what it was made of, and what the operator should know before trusting it."""

    plan: Plan
    batch: Batch
    policy: Policy
    odds: Odds
    seed: int
    counts: Counts | None
    """What became of a file's rows; None for a batch."""
    warnings: tuple[str, ...]
    assumptions: tuple[str, ...]


def plan_file(
    context: Context,
    path: Path,
    order: Order,
    *,
    days: int,
    now: datetime,
    seed: int = SEED,
    with_history: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Planned:
    """What would happen if the file were sent at `now` (aware UTC).

    Read exactly as `enqueue --dry-run` reads it. `with_history` asks the database what is known of these people and of
    the account; without it everybody is new and the store of `context` is not touched. Raises InputError, UsageError
    as the real load would refuse.
    """
    settings = context.settings
    account = account_of(context, order.account_id) if with_history else None
    policy = policy_of(settings, order, account)
    batch = Batch(
        id="plan",
        account_id=order.account_id,
        name=order.name or path.stem,
        use_case=order.use_case,
        pacing=order.pacing,
        policy=policy.name,
        status=BatchStatus.RUNNING,
        time_zone=settings.timezone,
        country=settings.country,
    )
    spec = spec_of(order, country=settings.country, time_zone=settings.timezone, max_upload_mb=settings.max_upload_mb)
    with ingest_file(path, spec=spec, now=now, progress=progress) as ingested:
        wave = planned_waves(policy, batch.site, now)
        listed = [
            # What the agent is told decides nothing, and a hundred thousand contacts have much of it.
            replace(
                job_of(batch, policy, position, contact, max_tries=settings.max_tries, waves=wave, now=now),
                variables={},
            )
            for position, contact in enumerate(ingested.contacts())
        ]
        counts = ingested.counts
    made = _simulate(
        context, policy, batch, listed, account, odds=load_odds(), days=days, now=now, seed=seed,
        with_history=with_history, today=Today(),
    )  # fmt: skip
    warnings = list(_warnings(made, policy, account))
    if not with_history:
        warnings.append(
            "nobody was looked up: wishes not to be called, exclusions and calls of other lists may leave fewer people "
            "(--with-history asks the database)"
        )
    return _planned(context, made, batch, policy, load_odds(), seed, counts, warnings)


def plan_batch(context: Context, batch_id: str, *, days: int, now: datetime, seed: int = SEED) -> Planned:
    """What would happen to the rest of the batch from `now` (aware UTC) on, as if it were running.

    Odds are the batch's own where it has enough finished calls. Raises NotFound, NotAllowed for a batch that is
    not loaded or is over, UsageError for a policy that is not in the catalogue any more.
    """
    batch = batches.get_batch(context.store, batch_id)
    if batch is None:
        raise NotFound(f"there is no batch {batch_id}: `speechai batches` lists them")
    if batch.status not in (BatchStatus.RUNNING, BatchStatus.PAUSED):
        raise NotAllowed(f"batch {batch_id} is {batch.status}: only one that is running or paused is planned")
    account = accounts.get_account(context.store, batch.account_id)
    policy = policy_for(context, batch, account)
    jobs = list(stored.jobs_of_batch(context.store, batch_id))
    groups = statistics.attempt_groups(context.store, batch_id)
    odds = odds_of(groups, batch_id) or load_odds()
    made = _simulate(
        context, policy, batch, jobs, account, odds=odds, days=days, now=now, seed=seed, with_history=True,
        today=_today(context, batch, now),
    )  # fmt: skip
    warnings = list(_warnings(made, policy, account))
    if batch.status is not BatchStatus.RUNNING:
        warnings.insert(0, f"the batch is {batch.status} ({batch.reason}): planned as if it were resumed now")
    return _planned(context, made, batch, policy, odds, seed, None, warnings)


def _simulate(
    context: Context,
    policy: Policy,
    batch: Batch,
    jobs: Sequence[Job],
    account: Account | None,
    *,
    odds: Odds,
    days: int,
    now: datetime,
    seed: int,
    with_history: bool,
    today: Today,
) -> Plan:
    if not 1 <= days <= LONGEST:
        raise UsageError(f"a plan of {days} days: choose 1 to {LONGEST}")
    settings = context.settings
    lines = settings.retell_concurrency
    if account is not None and account.concurrency is not None:
        lines = min(lines, account.concurrency)
    numbers = chain.from_iterable(job.all_phones for job in jobs)
    with _no_collections():
        return plan(
            policy,
            batch,
            jobs,
            people=stored.known_people(context.store, (job.person_id for job in jobs)) if with_history else {},
            phones=stored.known_phones(context.store, numbers) if with_history else {},
            odds=odds,
            lines=Lines(
                concurrency=lines,
                starts_a_second=settings.retell_calls_per_second,
                look_seconds=settings.dispatch_interval_seconds,
                poll_seconds=settings.call_polling_interval,
            ),
            delays=context.delays,
            now=now,
            days=days,
            today=today,
            seed=seed,
        )


@contextmanager
def _no_collections() -> Iterator[None]:
    """A simulation makes millions of objects and no cycle; looking for cycles among them took half of its time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _today(context: Context, batch: Batch, now: datetime) -> Today:
    """What the day's waves have done already."""
    if batch.pacing is not Pacing.WAVES:
        return Today()
    day = now.astimezone(batch.zone).date()
    opened = [wave for wave in waves.waves_of(context.store, batch.id) if wave["day"] == day.isoformat()]
    return Today(
        opened=frozenset(time.fromisoformat(wave["wave"]) for wave in opened if wave["state"] != "opening"),
        cohort=frozenset(waves.cohort(context.store, batch.id, day)),
    )


def _planned(
    context: Context,
    made: Plan,
    batch: Batch,
    policy: Policy,
    odds: Odds,
    seed: int,
    counts: Counts | None,
    warnings: Sequence[str],
) -> Planned:
    settings = context.settings
    return Planned(
        plan=made,
        batch=batch,
        policy=policy,
        odds=odds,
        seed=seed,
        counts=counts,
        warnings=tuple(warnings),
        assumptions=(
            f"calls end as in: {odds.source}",
            f"this list has every line for itself: {settings.retell_concurrency} of them, "
            f"{settings.retell_calls_per_second:g} starts a second",
            "contacts, successes and cost are what so many attempts give on average; who is called when is one course "
            f"of events out of many (--seed {seed})",
        ),
    )


def _warnings(made: Plan, policy: Policy, account: Account | None) -> Iterator[str]:
    """What the operator should mend, or doubt, before this list is called."""
    suspended = made.states.get(JobStatus.SUSPENDED, 0)
    unplaced = sum(not course.job.time_zone for course in made.courses)
    if unplaced:
        yield f"{unplaced} people have no known place, and so no hours: nobody calls them"
    if suspended > unplaced:
        yield f"{suspended - unplaced} people are suspended and wait for somebody: they are not in the plan"
    if policy.is_legal:
        yield f"{policy.label} is how one reading understands the law ({policy.source}); this is no legal advice"
    if policy.unverified:
        names = ", ".join(sorted(policy.unverified))
        yield f"{policy.label}: nobody has confirmed {names}; the strict reading is taken"
    if not any(day.is_open for day in made.days):
        yield f"{policy.label} allows no call on any day of the plan"
    if account is not None:
        yield from _of_the_account(made, account)


def _of_the_account(made: Plan, account: Account) -> Iterator[str]:
    """Limits of the account that the simulation does not stop at."""
    if not account.is_active:
        yield f"account {account.id} is suspended ({account.reason}): planned as if it were active"
    most = max((day.attempts for day in made.days), default=0)
    if account.calls_a_day is not None and most > account.calls_a_day:
        yield f"account {account.id} may make {account.calls_a_day} calls a day, the plan makes up to {most}"
    if account.plan is Tariff.MINUTES:
        return
    dearest = max((day.cost_micros for day in made.days), default=0)
    if account.day_budget is not None and dearest > account.day_budget:
        budget, cost = (amount_text(account.plan, amount) for amount in (account.day_budget, dearest))
        yield f"account {account.id} may spend {budget} a day, the plan costs up to {cost}"
    if account.plan is Tariff.CREDIT and made.cost_micros > account.free:
        free, cost = (amount_text(account.plan, amount) for amount in (account.free, made.cost_micros))
        yield f"account {account.id} has {free}, the plan costs about {cost}"
