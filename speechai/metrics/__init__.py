"""What happened, counted for Prometheus: calls, outcomes, costs, requests, tasks, finds, webhooks, follow-ups.

Every layer above the core counts here, at the write that makes a thing true, and nothing here fails or waits: a count
that cannot be kept is lost, and a call is not. `share_counts` is called once at the start of a process; before that,
and where its folder cannot be used, counts stay in the process. What *is*, rather than what happened, is read from the
database at the scrape (`speechai.operation.watching`). docs/observation.md describes each.
"""

from __future__ import annotations

from speechai.metrics.events import (
    CallStep,
    Find,
    FollowUpResult,
    count_call,
    count_cost,
    count_expired,
    count_find,
    count_follow_up,
    count_outcome,
    count_unsent,
    count_webhook,
    declare,
    time_request,
    time_task,
)
from speechai.metrics.sharing import counts_of_all, share_counts

__all__ = [
    "CallStep",
    "Find",
    "FollowUpResult",
    "count_call",
    "count_cost",
    "count_expired",
    "count_find",
    "count_follow_up",
    "count_outcome",
    "count_unsent",
    "count_webhook",
    "counts_of_all",
    "declare",
    "share_counts",
    "time_request",
    "time_task",
]
