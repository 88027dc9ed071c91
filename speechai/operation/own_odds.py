"""How calls end, how long they last and what they cost, as one batch's own finished calls say.

Enters the groups of `store.statistics`; leaves `Odds` for a plan of the rest of the batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from speechai.catalogue.odds import Chance, Odds, load_odds
from speechai.catalogue.outcomes import OutcomeRow, Retry, load_outcomes
from speechai.core.model import AttemptState
from speechai.store.statistics import AttemptGroup

LEAST_HISTORY = 100
"""Finished calls from which a batch is planned by its own odds: below it one call more moves a share by a percent."""
_INCIDENTS = (Retry.ACCOUNT, Retry.LATER)
"""How a call ended for the account or for want of a line, which says nothing of people."""


def odds_of(groups: Sequence[AttemptGroup], batch_id: str) -> Odds | None:
    """Odds made of a batch's own finished calls; None where there are too few to say anything.

    Durations and costs are the means of the calls that have one. Incidents of the account or of the lines are left
    out: a plan is for days without them.
    """
    by_row: dict[str, list[AttemptGroup]] = {}
    for group in groups:
        row = _row_of(group) if group.state is AttemptState.FINISHED else None
        if row is not None and row.retry not in _INCIDENTS:
            by_row.setdefault(row.reason, []).append(group)
    total = sum(group.attempts for found in by_row.values() for group in found)
    if total < LEAST_HISTORY:
        return None
    return Odds(
        source=f"{total} finished calls of batch {batch_id}",
        chances=tuple(_chance(load_outcomes()[reason], found) for reason, found in sorted(by_row.items())),
        callback_after=load_odds().callback_after,
    )


def _row_of(group: AttemptGroup) -> OutcomeRow | None:
    """The first row of the outcome table that is counted as these attempts were."""
    wanted = (group.outcome, group.contact, group.counted)
    rows = load_outcomes().values()
    return next((row for row in rows if (row.outcome, row.contact, row.attempt) == wanted), None)


def _chance(row: OutcomeRow, groups: Sequence[AttemptGroup]) -> Chance:
    attempts, timed, costed = (sum(getattr(g, name) for g in groups) for name in ("attempts", "timed", "costed"))
    return Chance(
        row=row,
        weight=attempts,
        success_permille=round(1_000 * sum(g.attempts for g in groups if g.success) / attempts),
        line_seconds=round(sum(g.duration_ms for g in groups) / timed / 1_000) if timed else 0,
        cost_micros=round(sum(g.cost_micros for g in groups) / costed) if costed else 0,
    )
