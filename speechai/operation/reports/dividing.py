"""Groups of attempts and jobs divided into the lines of a report: by hour, day, outcome, product, number of attempts.

Enters what `store.statistics` answered, leaves values of `model`; pure. Called by `build`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from speechai.core.model import AttemptState, JobStatus
from speechai.operation.reports.model import AttemptsLine, Costs, OutcomeLine, ProductCost, Promise, Promised, Slice
from speechai.operation.reports.tally import Share, Tally, micros_each
from speechai.store.statistics import AttemptGroup, JobGroup


def slices(groups: Iterable[AttemptGroup], key_of: Callable[[AttemptGroup], str | None]) -> tuple[Slice, ...]:
    """Tallies by key, in the order of the keys. A call that did not count is there for what it cost."""
    by_key: dict[str, list[AttemptGroup]] = defaultdict(list)
    for group in groups:
        key = key_of(group)
        if key is not None and (group.counted or group.cost_micros):
            by_key[key].append(group)
    return tuple(Slice(key=key, tally=Tally.of(by_key[key])) for key in sorted(by_key))


def hours(groups: Sequence[AttemptGroup]) -> tuple[Slice, ...]:
    """An hour without a call between two that have some is told as zero: a chart must not close the gap."""
    seen = {s.key: s for s in slices(groups, lambda g: None if g.local_hour is None else f"{g.local_hour:02d}")}
    if not seen:
        return ()
    keys = [f"{hour:02d}" for hour in range(int(min(seen)), int(max(seen)) + 1)]
    return tuple(seen.get(key, Slice(key=key, tally=Tally())) for key in keys)


def outcomes(groups: Sequence[AttemptGroup]) -> tuple[OutcomeLine, ...]:
    """Finished calls by outcome, the most frequent first."""
    finished = [g for g in groups if g.state is AttemptState.FINISHED]
    whole = sum(g.attempts for g in finished)
    by_name: dict[str, list[AttemptGroup]] = defaultdict(list)
    for group in finished:
        by_name[group.outcome or "unknown"].append(group)
    lines = [
        OutcomeLine(
            outcome=name,
            share=Share(part=sum(g.attempts for g in some), whole=whole),
            counted=sum(g.attempts for g in some if g.counted),
            cost_micros=sum(g.cost_micros for g in some),
        )
        for name, some in by_name.items()
    ]
    return tuple(sorted(lines, key=lambda line: (-line.share.part, line.outcome)))


def costs(products: Iterable[Mapping[str, int]], groups: Sequence[AttemptGroup], total: Tally, promises: int) -> Costs:
    """The settled costs; `products` are micros by product, one mapping a batch, `promises` how many stand."""
    micros = total.cost_micros
    by_product: dict[str, int] = defaultdict(int)
    for each in products:
        for product, cost in each.items():
            by_product[product] += cost
    return Costs(
        total_micros=micros,
        calls=total.attempts,
        costed=sum(g.costed for g in groups if g.state is AttemptState.FINISHED),
        products=tuple(
            ProductCost(product=product, cost_micros=cost)
            for product, cost in sorted(by_product.items(), key=lambda item: (-item[1], item[0]))
        ),
        not_itemised_micros=micros - sum(by_product.values()),
        per_call_micros=micros_each(micros, total.attempts),
        per_contact_micros=micros_each(micros, total.contacts),
        per_right_party_micros=micros_each(micros, total.right_party),
        per_success_micros=micros_each(micros, total.successes),
        per_promise_micros=micros_each(micros, promises),
    )


def distribution(jobs: Sequence[JobGroup]) -> tuple[AttemptsLine, ...]:
    """Contacts by attempts, from none to the most, without a gap."""
    if not jobs:
        return ()

    def count(attempts: int, *statuses: JobStatus) -> int:
        return sum(g.jobs for g in jobs if g.attempts == attempts and g.status in statuses)

    return tuple(
        AttemptsLine(
            attempts=attempts,
            contacts=count(attempts, *JobStatus),
            done=count(attempts, JobStatus.DONE),
            closed=count(attempts, JobStatus.FAILED, JobStatus.CANCELLED),
            open=count(attempts, JobStatus.PENDING, JobStatus.IN_PROGRESS, JobStatus.SUSPENDED),
        )
        for attempts in range(max(g.attempts for g in jobs) + 1)
    )


def promised(promises: Sequence[Promise]) -> tuple[Promised, ...]:
    """The promised sums by currency, of the promises that stand."""
    lines = []
    for currency in sorted({promise.currency for promise in promises}):
        of_it = [promise for promise in promises if promise.currency == currency]
        standing = [promise for promise in of_it if promise.stands]
        amounts = [promise.amount for promise in standing if promise.amount is not None]
        lines.append(
            Promised(
                currency=currency,
                promises=len(standing),
                amount=sum(amounts, Decimal(0)),
                without_amount=len(standing) - len(amounts),
                flagged=len(of_it) - len(standing),
            )
        )
    return tuple(lines)
