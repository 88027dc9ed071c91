"""Whose turn it is: the due jobs of many lists, in an order that is fair to accounts and follows the lists' priorities.

Enter the running batches and what is due in each; leaves one order over all of them, taken from as far as there are
free lines. Called by the dispatcher at every look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from speechai.core.model import Batch

T = TypeVar("T")


def in_turn(batches: Sequence[Batch], due: Mapping[str, Sequence[T]], *, offset: int = 0) -> Iterator[T]:
    """Every due job once: one of each account in turn, and within an account its batches by their priority.

    A list of 50,000 does not starve one of 40 beside it, nor one account another: while all of an account's batches
    have due jobs, each period of as many turns as their priorities add up to gives each batch as many as its own, well
    mixed. A batch keeps the order of its jobs. `offset` (0 or more) says where the rotation starts; a caller who takes
    only a few each time passes a random one, else the first in the order would get every free line.
    """
    accounts: dict[str, list[Batch]] = defaultdict(list)
    for batch in batches:
        if due.get(batch.id):
            accounts[batch.account_id].append(batch)
    queues = [_weighted(own, due, offset // len(accounts)) for own in accounts.values()]
    start = offset % len(queues) if queues else 0
    waiting = [*queues[start:], *queues[:start]]
    while waiting:
        still = []
        for queue in waiting:
            for job in islice(queue, 1):
                yield job
                still.append(queue)
        waiting = still


def _weighted(batches: Sequence[Batch], due: Mapping[str, Sequence[T]], offset: int) -> Iterator[T]:
    """The jobs of one account's batches by smooth weighted round robin, from the turn `offset` of its period on.

    Each turn every batch gains its weight in credit, and the one with the most pays for the turn with the sum of all.
    """
    # A priority that somebody wrote by hand below 1 would never have a turn.
    weights = {batch.id: max(batch.priority, 1) for batch in batches}
    credit = dict.fromkeys(weights, 0)
    for _ in range(offset % sum(weights.values())):
        _next(weights, credit)
    jobs = {batch_id: iter(due[batch_id]) for batch_id in weights}
    left = {batch_id: len(due[batch_id]) for batch_id in weights}
    while weights:
        batch_id = _next(weights, credit)
        yield next(jobs[batch_id])
        left[batch_id] -= 1
        if not left[batch_id]:
            del weights[batch_id]


def _next(weights: Mapping[str, int], credit: dict[str, int]) -> str:
    for batch_id, weight in weights.items():
        credit[batch_id] += weight
    chosen = max(weights, key=credit.__getitem__)
    credit[chosen] -= sum(weights.values())
    return chosen
