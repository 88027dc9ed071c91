"""What is, for the metrics: gauges read from the database at the moment of the scrape, so that none can go stale.

Enters the store and the instant; leaves readings, the cheap and important ones first: where the database is slow, what
was read so far is told. Called by the web process's own listener for Prometheus.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from config.celery import QUEUES
from config.settings import Settings
from speechai.core.accounts import Plan
from speechai.core.model import AttemptState, BatchStatus
from speechai.core.provider import BreakerState, ProviderRules, rate_share
from speechai.store import actions, alerts, batches, capacity, liveness, watching
from speechai.store.connection import Store

ALERT_DAYS = 30
"""As `speechai alerts list`."""
MOST_ACCOUNTS = 500
"""Beyond them the labels would be a burden to Prometheus."""
MOST_BATCHES = 200
"""Running batches that are asked for their oldest due job, the oldest batches first."""
SHOWN_BATCHES = (BatchStatus.RECEIVED, BatchStatus.LOADING, BatchStatus.RUNNING, BatchStatus.PAUSED)
SCANS = {"sweep": liveness.Scan.SWEEP, "dispatch": liveness.Scan.DISPATCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """A gauge: what it says, and its labels, each with the values that it may have; () for an open set."""

    says: str
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


GAUGES: Mapping[str, Gauge] = {
    "speechai_up": Gauge(says="Whether the server answered in time.", labels={"server": ("mongodb", "redis")}),
    "speechai_scan_age_seconds": Gauge(
        says="Since a scan last came to its end; +Inf where it never did.", labels={"scan": tuple(SCANS)}
    ),
    "speechai_lines_live": Gauge(says="Lines that calls hold."),
    "speechai_lines_limit": Gauge(says="RETELL_CONCURRENCY."),
    "speechai_provider_state": Gauge(
        says="1 for the state that the circuit breaker is in.", labels={"state": tuple(BreakerState)}
    ),
    "speechai_provider_rate_share": Gauge(says="Part of RETELL_CALLS_PER_SECOND that is used."),
    "speechai_open_attempts": Gauge(
        says="Attempts that are not closed.", labels={"state": tuple(s for s in AttemptState if s.is_open)}
    ),
    "speechai_open_attempt_age_seconds": Gauge(
        says="Age of the oldest of them.", labels={"state": tuple(s for s in AttemptState if s.is_open)}
    ),
    "speechai_account_free": Gauge(
        says="What an account's further calls may reserve.", labels={"account": (), "unit": ("usd_micros", "seconds")}
    ),
    "speechai_account_reserved": Gauge(
        says="What its live calls have reserved.", labels={"account": (), "unit": ("usd_micros", "seconds")}
    ),
    "speechai_account_suspended": Gauge(says="1 while its people are not called.", labels={"account": ()}),
    "speechai_outbox_age_seconds": Gauge(says="Age of the oldest movement that the ledger does not have."),
    "speechai_open_alerts": Gauge(says="Alerts that nobody acknowledged.", labels={"kind": ()}),
    "speechai_callers": Gauge(says="Known caller numbers.", labels={"state": ("serving", "resting")}),
    "speechai_batches": Gauge(says="Lists that are not over.", labels={"status": SHOWN_BATCHES}),
    "speechai_follow_up_age_seconds": Gauge(says="Since the oldest follow-up that is due is due."),
    "speechai_due_job_age_seconds": Gauge(says="Since the oldest contact that is due is due."),
    "speechai_queue_length": Gauge(says="Messages that wait in Redis.", labels={"queue": QUEUES}),
    "speechai_unacknowledged": Gauge(says="Messages that workers hold, countdowns included."),
    "speechai_unacknowledged_age_seconds": Gauge(says="Age of the oldest of them."),
}
"""Every gauge. docs/observation.md describes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one gauge."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


def read_all(store: Store, settings: Settings, now: datetime) -> Iterator[Reading]:
    """The gauges that the database knows at `now`. Raises what the store raises; what came before stands."""
    yield from _scans(store, now)
    yield from _lines(store, settings, now)
    yield from _attempts(store, now)
    yield from _accounts(store, now)
    yield from _alerts(store, now)
    yield from _callers(store, now)
    yield from _waits(store, now)


def _scans(store: Store, now: datetime) -> Iterator[Reading]:
    ended = liveness.last(store)
    for scan, what in SCANS.items():
        at = ended.get(what.value)
        age = float("inf") if at is None else _age(at, now)
        yield Reading(name="speechai_scan_age_seconds", value=age, labels={"scan": scan})


def _lines(store: Store, settings: Settings, now: datetime) -> Iterator[Reading]:
    yield Reading(name="speechai_lines_live", value=len(capacity.held_slots(store)))
    yield Reading(name="speechai_lines_limit", value=settings.retell_concurrency)
    provider = capacity.get_provider(store)
    for state in BreakerState:
        yield Reading(
            name="speechai_provider_state", value=float(provider.state is state), labels={"state": state.value}
        )
    rules = ProviderRules(recovery=timedelta(seconds=settings.pace_recovery_seconds))
    yield Reading(name="speechai_provider_rate_share", value=rate_share(provider, now, rules))


def _attempts(store: Store, now: datetime) -> Iterator[Reading]:
    for one in watching.open_attempts(store):
        labels = {"state": one.state.value}
        yield Reading(name="speechai_open_attempts", value=one.count, labels=labels)
        yield Reading(name="speechai_open_attempt_age_seconds", value=_age(one.oldest_at, now), labels=labels)


def _accounts(store: Store, now: datetime) -> Iterator[Reading]:
    figures = watching.account_figures(store, MOST_ACCOUNTS)
    for one in figures:
        counted = {"account": one.id, "unit": "seconds" if one.plan is Plan.MINUTES else "usd_micros"}
        if one.plan is not Plan.UNLIMITED:  # there what is left says nothing
            yield Reading(name="speechai_account_free", value=one.balance - one.reserved, labels=counted)
        yield Reading(name="speechai_account_reserved", value=one.reserved, labels=counted)
        yield Reading(name="speechai_account_suspended", value=float(not one.is_active), labels={"account": one.id})
    yield Reading(name="speechai_outbox_age_seconds", value=_age(_first(one.outbox_since for one in figures), now))


def _alerts(store: Store, now: datetime) -> Iterator[Reading]:
    first = (now - timedelta(days=ALERT_DAYS - 1)).date()
    kinds = Counter(alert.kind for alert in alerts.alerts_since(store, first))
    for kind, count in sorted(kinds.items()):
        yield Reading(name="speechai_open_alerts", value=count, labels={"kind": kind})


def _callers(store: Store, now: datetime) -> Iterator[Reading]:
    resting, known = watching.resting_callers(store, now)
    yield Reading(name="speechai_callers", value=known - resting, labels={"state": "serving"})
    yield Reading(name="speechai_callers", value=resting, labels={"state": "resting"})


def _waits(store: Store, now: datetime) -> Iterator[Reading]:
    found = {status: batches.batches_in(store, status) for status in SHOWN_BATCHES}
    for status, some in found.items():
        yield Reading(name="speechai_batches", value=len(some), labels={"status": status.value})
    due = actions.overdue_actions(store, now, 1)
    yield Reading(name="speechai_follow_up_age_seconds", value=_age(_first(action.next_try_at for action in due), now))
    running = [batch.id for batch in found[BatchStatus.RUNNING][:MOST_BATCHES]]
    yield Reading(name="speechai_due_job_age_seconds", value=_age(watching.oldest_due(store, running, now), now))


def _first(instants: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in instants if at is not None), default=None)


def _age(at: datetime | None, now: datetime) -> float:
    """Seconds since `at`; 0 where nothing waits, and where a clock is ahead."""
    return 0.0 if at is None else max(0.0, (now - at).total_seconds())
