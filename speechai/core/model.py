"""The nouns of the product as values: batch, job, attempt, person, and what Retell said of a call.

The store turns documents into these and back, the Retell client turns answers into `CallFacts`, and the decisions in
this layer take them as arguments. All instants are aware UTC, local days are `date`s in the contact's own zone, money
is an integer number of USD micros (a millionth of a dollar) for call costs and of minor units for a debtor's balance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

MEMORY_DAYS = 31
"""How many local days of attempts and conversations are remembered: every window of a policy is shorter."""


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
class Site:
    """Where the clock is read: every zone that the place may lie in, its country and region.

    Several zones stand for a place that is not known exactly (a mobile number without an address): a rule of hours has
    to hold in each of them. The first is the one in which local days are counted.
    """

    zones: tuple[ZoneInfo, ...]
    country: str
    """ISO 3166 alpha-2: whose public holidays count."""
    region: str | None = None
    """The part of an ISO 3166-2 code after the country, for regional holidays; None: not known."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which local days are counted."""
        return self.zones[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One arm of an A/B test: an agent, or the same agent told another `variante`. `weight` is a whole share."""

    name: str
    agent_id: str | None = None
    weight: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Debt:
    """What a contact owes, as the list said on the local day `stated_on`. Amounts in minor units of `currency`."""

    amount_minor: int
    currency: str
    stated_on: date
    due_on: date | None = None
    days_overdue: int | None = None
    """As the list stated it on `stated_on`; `due_on`, where known, wins."""


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
    priority: int = 5
    """1 to 9: how many turns it has for one of a batch with priority 1, among the batches of its account."""
    policy_overrides: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the policy that this batch replaces, as written in TOML."""
    override_because: str | None = None
    """Why an override may loosen a legal preset; kept with the batch."""
    variants: tuple[Variant, ...] = ()
    negotiation: str | None = None
    """Name of the negotiation table of the catalogue; None: nothing is offered."""
    budget_micros: int | None = None
    """Most that its calls may cost, USD micros; None: no limit of its own."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which its waves open."""
        return ZoneInfo(self.time_zone)

    @property
    def site(self) -> Site:
        """Where its waves open. Raises ZoneInfoNotFoundError."""
        return Site(zones=(self.zone,), country=self.country)


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
    other_zones: tuple[str, ...] = ()
    """Further zones that the contact may be in, where the place is not known exactly: the hours hold in each."""
    country: str = "CL"
    region: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    debt: Debt | None = None
    callback_at: datetime | None = None
    """When the person asked to be called; such a call comes before the waves, and may be one above `max_attempts`."""
    suspended_by: str | None = None
    """Set with `suspended`: `account`, lifted with the account's suspension, else None."""
    reason: str | None = None

    @property
    def site(self) -> Site:
        """Where the contact's clock is read. Raises ZoneInfoNotFoundError or ValueError for a zone that is none."""
        zones = (self.time_zone, *self.other_zones)
        return Site(zones=tuple(map(ZoneInfo, zones)), country=self.country, region=self.region)

    @property
    def phones(self) -> tuple[str, ...]:
        """Every number still callable, in the order to dial: `to_number`, then `try_phones`."""
        return tuple(phone for phone in self.all_phones if phone not in self.bad_phones)

    @property
    def all_phones(self) -> tuple[str, ...]:
        """Every number once, in the order to dial, those that were retired included."""
        return tuple(dict.fromkeys((self.to_number, *self.try_phones)))


def person_id_of(country: str | None, national_id: str | None, number: str) -> str:
    """Who somebody is over all lists: `CL:12345678-5` by national id, else `tel:+56912345678` by the first number.

    An Argentinian's CUIT or CUIL holds the DNI, so that both are one person: 20-05123456-9 is `AR:5123456`. A company's
    CUIT (30-, 33-, 34-) stays whole.
    """
    if not national_id:
        return f"{BY_PHONE}{number}"
    cuit = _CUIT_OF_A_PERSON.fullmatch(national_id)
    return f"{country}:{cuit[1].lstrip('0') if cuit else national_id}"


_CUIT_OF_A_PERSON = re.compile(r"2[034567]-(\d{8})-\d")
"""ANSES gives these prefixes to human beings; no other country's canonical form has two dashes."""
BY_PHONE = "tel:"
"""Before the number, in the id of a person who is known by a phone alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One attempt that took a turn: its instant and its local day at the contact's place."""

    attempt_id: str
    at: datetime
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Whose calls are counted over all batches, accounts and policies of one owner: a human being, or one telephone."""

    id: str
    revision: int = 0
    """Grows with every write; a turn is taken only from the revision that the rules were asked about."""
    live_attempt_id: str | None = None
    tries: tuple[Try, ...] = ()
    """The attempts of the last MEMORY_DAYS local days, the oldest first."""
    talks_on: tuple[date, ...] = ()
    """The local day of each effective contact (somebody talked) of the last MEMORY_DAYS, the oldest first."""
    do_not_call: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Counted):
    """One human being over all batches of one owner, by national id, else by phone."""

    silent_on: tuple[date, ...] = ()
    """Local days on which calls were placed and nobody talked, since the last conversation."""
    conversed_on: date | None = None
    """The local day of the last conversation with somebody; a voicemail is none, whatever a policy counts it as."""
    excluded_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone(Counted):
    """One telephone by its E.164 number (`id`): the same under two national ids has its own caps."""


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
    policy: str | None = None
    """Name and version of the policy under which it was dialled, e.g. `cl-ley-21320 v1`."""
    variant: str | None = None
    offer: Mapping[str, Any] | None = None
    """What the agent was allowed to offer (negotiation), as stored; a promise is checked against it."""
    retell: Mapping[str, Any] | None = None
    """Retell's own call object, kept whole."""
    answers: int = 0
    """How often an end, or a later answer that says more, was written."""

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
