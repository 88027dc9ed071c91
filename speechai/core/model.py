"""The nouns of the product as values: batch, job, attempt, person, and what Retell said of a call.

The store turns documents into these and back, the Retell client turns answers into `CallFacts`, and the decisions in
this layer take them as arguments. All instants are aware UTC, local days are `date`s in the contact's own zone, money
is an integer number of USD micros (a millionth of a dollar) for call costs and of minor units for a debtor's balance.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo


class JobStatus(StrEnum):
    """Life of one contact of one batch (law 2: each ends in a final state, waits with a time, or is suspended)."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    FAILED = "failed"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Left only by an operator's reset (law 10)."""
        return self in (JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED)


class BatchStatus(StrEnum):
    """Life of one uploaded list. Its jobs are dialled only while it is `running`."""

    RECEIVED = "received"
    """The file is stored; no worker has taken it."""
    LOADING = "loading"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    """Every job is final."""
    REFUSED = "refused"
    """The file could not be used; nothing of it was kept but the reason."""


class Pacing(StrEnum):
    """How a batch releases its contacts."""

    WAVES = "waves"
    CONTINUOUS = "continuous"


class Phase(StrEnum):
    """Where an `in_progress` job stands; the boundary between the two is the point of no return (law 1)."""

    CLAIMED = "claimed"
    """Nothing has been sent: the sweep may take the job back."""
    PLACING = "placing"
    """The request may be on its way: only the attempt's own record decides what happens next."""


class AttemptState(StrEnum):
    """Life of one call, from intent to result."""

    PLACING = "placing"
    UNKNOWN = "unknown"
    """Whether Retell accepted it is not known: it is looked up, never repeated blindly."""
    LIVE = "live"
    ENDED = "ended"
    """Retell says it is over; its analysis may still come."""
    FINISHED = "finished"
    REFUSED = "refused"
    """Retell refused it: no call happened."""
    ABANDONED = "abandoned"
    """Its job was taken back before the request was sent: no call happened."""

    @property
    def is_open(self) -> bool:
        """It may still hold a slot and its person's turn."""
        return self in (AttemptState.PLACING, AttemptState.UNKNOWN, AttemptState.LIVE, AttemptState.ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One uploaded list, as far as dialling needs to know it."""

    id: str
    account_id: str
    name: str
    use_case: str
    pacing: Pacing
    policy: str
    status: BatchStatus
    time_zone: str
    country: str = "CL"
    """ISO 3166 alpha-2: whose public holidays close the waves."""
    reason: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its waves open."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One contact of one batch. Field names in Spanish are the seed's and stand so in stored documents."""

    id: str
    batch_id: str
    account_id: str
    person_id: str
    use_case: str
    status: JobStatus
    nombre: str
    to_number: str
    rut: str | None = None
    try_phones: tuple[str, ...] = ()
    bad_phones: tuple[str, ...] = ()
    """Numbers that Retell or the network declared not callable; never dialled again for this job."""
    attempts: int = 0
    """Attempts that counted; one that Retell refused for capacity is not among them."""
    max_attempts: int = 3
    position: int = 0
    """Order of first appearance in the file, from 0."""
    next_attempt_at: datetime | None = None
    admitted: bool = True
    """False while a contact of a wave batch waits for a wave to admit it."""
    admitted_on: date | None = None
    ticket: int = 0
    """Number of the last nudge; a message with another one is stale and ignored."""
    attempt_id: str | None = None
    phase: Phase | None = None
    reserved_until: datetime | None = None
    last_phone_tried: str | None = None
    call_id: str | None = None
    time_zone: str = "America/Santiago"
    """The contact's own zone, in which hours and local days are meant."""
    country: str = "CL"
    variables: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def phones(self) -> tuple[str, ...]:
        """Every number still callable, in the order to dial: `to_number`, then `try_phones`."""
        return tuple(phone for phone in self.all_phones if phone not in self.bad_phones)

    @property
    def all_phones(self) -> tuple[str, ...]:
        """Every number once, in the order to dial, those that were retired included."""
        return tuple(dict.fromkeys((self.to_number, *self.try_phones)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One human being over all batches of one owner, with the counters that the rules ask for."""

    id: str
    day_on: date | None = None
    """The local day that `attempts_today` counts."""
    attempts_today: int = 0
    live_attempt_id: str | None = None
    silent_on: tuple[date, ...] = ()
    """Local days on which calls were placed and nobody talked, since the last conversation."""
    contact_on: date | None = None
    excluded_reason: str | None = None
    do_not_call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call, from intent to result."""

    id: str
    job_id: str
    batch_id: str
    account_id: str
    person_id: str
    use_case: str
    number: int
    """1 for the job's first attempt."""
    to_number: str
    from_number: str
    agent_id: str | None
    state: AttemptState
    placing_at: datetime
    time_zone: str
    call_id: str | None = None
    poll_number: int = 0
    next_poll_at: datetime | None = None
    accepted_at: datetime | None = None
    ended_at: datetime | None = None
    stop_asked_at: datetime | None = None
    outcome: str | None = None
    retell: Mapping[str, Any] | None = None
    """Retell's own call object, kept whole."""

    @property
    def local_on(self) -> date:
        """The local day at the contact's place on which the attempt was made."""
        return self.placing_at.astimezone(ZoneInfo(self.time_zone)).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What Retell says of one call, read tolerantly: unknown values are kept as they came, missing ones are None."""

    call_id: str
    status: str | None
    reason: str | None = None
    """Retell's `disconnection_reason`, also where this version does not know the value."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: int | None = None
    in_voicemail: bool | None = None
    successful: bool | None = None
    sentiment: str | None = None
    analysed: bool = False
    captured: Mapping[str, Any] = field(default_factory=dict)
    """`call_analysis.custom_analysis_data`: what the agent wrote down."""
    cost_micros: int | None = None
    """`call_cost.combined_cost`, US cents, as integer USD micros (1 cent = 10,000)."""
    raw: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """True once nothing more will be said: the terminal statuses of retell-api 4.2, or a reason with an end."""
        return self.status in ("ended", "not_connected", "error") or (self.reason is not None and bool(self.ended_at))
