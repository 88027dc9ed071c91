"""The counters and histograms, and one function for each thing that is counted.

Enters what happened, as words of small closed sets: no phone, id or name is ever a label, and whatever comes from
outside (an event's name, an endpoint) is one of the known words or `other`. Leaves nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram

log = structlog.get_logger(__name__)

FAULTS: Final = (OSError, ValueError, RuntimeError, IndexError, struct.error)
"""What the library raises for a file that is gone, full, or spoilt by a power cut."""

OWN: Final = CollectorRegistry()
"""What is counted here, without the library's own figures of the process."""


class CallStep(StrEnum):
    """What became of an attempt; one in doubt is counted again when it turns out to be placed."""

    PLACED = "placed"
    """Retell has it: answered, or found by a look-up."""
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    ABANDONED = "abandoned"
    """Recorded, and its job was taken back before anything was sent."""
    GIVEN_UP = "given_up"
    """Its end was never told, or whether it was placed never known."""


class Find(StrEnum):
    """What a scan found that no message led to. The first seven are losses: a healthy system finds none of them."""

    DEAD_CLAIM = "dead_claim"
    """A job whose worker died before it sent anything."""
    DEAD_REQUEST = "dead_request"
    """An attempt whose worker died with its request on the way."""
    LOST_POLL = "lost_poll"
    LOST_LOAD = "lost_load"
    LEAKED_SLOT = "leaked_slot"
    LEAKED_RESERVATION = "leaked_reservation"
    LEAKED_TURN = "leaked_turn"
    UNPOSTED_ENTRY = "unposted_entry"
    """A movement of money that a dead process had left in its account's outbox, or one on its way."""
    LATE_WAVE = "late_wave"
    """Waves that beat has not opened: it was away, or the sweep came in the same second."""
    REOPENED_BATCH = "reopened_batch"
    """A batch that was closed although a contact of it waits."""
    DUE_FOLLOW_UP = "due_follow_up"
    """By design: a long wait is a time in the database, and the sweep is who keeps it."""
    DUE_COST = "due_cost"
    """By design, as a follow-up."""


class FollowUpResult(StrEnum):
    """What became of one try to deliver a follow-up."""

    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again."""
    GIVEN_UP = "given_up"


# What the exposition of several processes repeats for each series is the help text: it is short.
CALLS: Final = Counter("speechai_calls", "Attempts by what became of them.", ["result"], registry=OWN)
OUTCOMES: Final = Counter(
    "speechai_outcomes", "Finished calls.", ["outcome", "use_case", "success"], registry=OWN
)  # fmt: skip
COST: Final = Counter("speechai_cost_usd_micros", "Cost that Retell has told.", ["use_case"], registry=OWN)
REQUESTS: Final = Histogram(
    "speechai_retell_request_seconds", "Requests to Retell.", ["endpoint", "answer"], registry=OWN,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
TASKS: Final = Histogram(
    "speechai_task_seconds", "Celery tasks that were run.", ["task", "state"], registry=OWN,
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300),
)  # fmt: skip
EXPIRED: Final = Counter("speechai_messages_expired", "Messages too late to be worked.", ["task"], registry=OWN)
UNSENT: Final = Counter("speechai_messages_unsent", "Messages that the broker did not take.", ["task"], registry=OWN)
FINDS: Final = Counter("speechai_finds", "What scans found.", ["kind"], registry=OWN)
WEBHOOKS: Final = Counter("speechai_webhooks", "Webhooks from Retell.", ["event", "verdict"], registry=OWN)
FOLLOW_UPS: Final = Counter("speechai_follow_ups", "Tries to deliver a follow-up.", ["result"], registry=OWN)

_unkept = False
"""Whether it was told that counts of this process are lost: once is enough, the next may be a moment away."""


def count_call(step: CallStep) -> None:
    """An attempt was moved on: call it where the conditional write has said so."""
    _keep(lambda: CALLS.labels(step.value).inc())


def count_outcome(outcome: str, use_case: str, *, success: bool) -> None:
    """A call was finished; `outcome` and `use_case` are words of the catalogue."""
    _keep(lambda: OUTCOMES.labels(outcome, use_case, "yes" if success else "no").inc())


def count_cost(micros: int, use_case: str) -> None:
    """What one call cost, in USD micros, once it is written down."""
    _keep(lambda: COST.labels(use_case).inc(micros))


def time_request(endpoint: str, answer: str, seconds: float) -> None:
    """One exchange with Retell. `answer` is `2xx`, `4xx`, `429`, `5xx`, `none` (unknown) or `not_sent`."""
    _keep(lambda: REQUESTS.labels(endpoint, answer).observe(seconds))


def time_task(task: str, state: str, seconds: float) -> None:
    """One run of a Celery task, with the state that it ended in, in lower case."""
    _keep(lambda: TASKS.labels(task, state).observe(seconds))


def count_expired(task: str) -> None:
    """A message came too late and was thrown away."""
    _keep(lambda: EXPIRED.labels(task).inc())


def count_unsent(task: str) -> None:
    """A message could not be sent; the sweep finds what waits for it."""
    _keep(lambda: UNSENT.labels(task).inc())


def count_find(kind: Find, found: int = 1) -> None:
    """A scan found something again; beside the line that logs it."""
    if found:
        _keep(lambda: FINDS.labels(kind.value).inc(found))


def count_webhook(event: str, verdict: str) -> None:
    """One webhook: `event` a known name or `other`, `verdict` what was done with it."""
    _keep(lambda: WEBHOOKS.labels(event, verdict).inc())


def count_follow_up(result: FollowUpResult) -> None:
    """One try to deliver a follow-up is over."""
    _keep(lambda: FOLLOW_UPS.labels(result.value).inc())


def declare(
    *,
    outcomes: Iterable[str],
    use_cases: Iterable[str],
    tasks: Iterable[str],
    webhooks: Iterable[tuple[str, str]],
) -> None:
    """Makes every series whose labels are known begin at 0: a first event is else no increase to Prometheus.

    Called by the process that is scraped, after `share_counts`.
    """
    known_tasks, known_use_cases = list(tasks), list(use_cases)
    series: list[tuple[Counter | Histogram, tuple[str, ...]]] = [
        *((CALLS, (step.value,)) for step in CallStep),
        *((FINDS, (kind.value,)) for kind in Find),
        *((FOLLOW_UPS, (result.value,)) for result in FollowUpResult),
        *((metric, (task,)) for metric in (UNSENT, EXPIRED) for task in known_tasks),
        *((TASKS, (task, "failure")) for task in known_tasks),
        *((COST, (use_case,)) for use_case in known_use_cases),
        *((WEBHOOKS, labels) for labels in webhooks),
        *((OUTCOMES, (o, use_case, said)) for o in outcomes for use_case in known_use_cases for said in ("yes", "no")),
    ]
    for metric, labels in series:
        _keep(lambda metric=metric, labels=labels: metric.labels(*labels))  # type: ignore[misc]


def _keep(count: Callable[[], Any]) -> None:
    """Counts, whatever becomes of the file: a folder that has gone or a full disk must not cost a call."""
    global _unkept
    try:
        count()
    except FAULTS as error:
        if not _unkept:
            _unkept = True
            log.warning("this process's counts are lost", action="metrics", why=str(error))
