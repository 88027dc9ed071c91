"""A report as plain values: what `build` leaves and every renderer shows.

Counts are ints, money is integer USD micros, a share keeps its two counts so that a reader sees how many stand behind
it. The terms of the trade (penetration, intensity, promise rate) are computed here and in `tally`, nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from speechai.core.model import JobStatus
from speechai.operation.reports.tally import Share, Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """What became of the rows of the files (law 9)."""

    rows: int = 0
    accepted: int = 0
    merged: int = 0
    duplicate: int = 0
    rejected: int = 0

    @property
    def unaccounted(self) -> int:
        """0, or rows of which nobody knows what became."""
        return self.rows - self.accepted - self.merged - self.duplicate - self.rejected


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLine:
    """One batch: what it is, its contacts as they stand now, and its calls."""

    batch_id: str
    name: str
    account_id: str
    use_case: str
    status: str
    reason: str | None
    created_at: datetime | None
    rows: RowCounts
    contacts: int
    """Its jobs."""
    done: int
    tally: Tally
    promises: int
    """Those that stand, as in every rate; `flagged` ones wait for a review."""
    flagged: int

    @property
    def done_rate(self) -> Share:
        """Contacts closed with success / contacts."""
        return Share(part=self.done, whole=self.contacts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The calls of one hour, day, use case, kind of phone or variant; `key` is what they have in common."""

    key: str
    tally: Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeLine:
    """How many finished calls ended so, of all finished calls."""

    outcome: str
    share: Share
    counted: int
    """Those that counted as attempts."""
    cost_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptsLine:
    """The contacts on whom so many attempts were spent, by what has become of them."""

    attempts: int
    contacts: int
    done: int
    closed: int
    """Failed or cancelled."""
    open: int
    """Waiting, on the phone or suspended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseFault:
    """One thing that is wrong with a promise, as a code and in both languages."""

    code: str
    en: str
    es: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A promise to pay as it was read and checked; the latest of a contact."""

    batch_id: str
    batch_name: str
    job_id: str
    nombre: str
    rut: str | None
    stands: bool
    """It fits what was offered; one that does not is flagged, for somebody to review."""
    pays_on: date | None
    date_said: str
    """What the agent wrote, only where it is no certain date."""
    amount: Decimal | None
    """In units of `currency`."""
    amount_said: str
    """What the agent wrote, only where it is no certain amount."""
    instalments: int | None
    currency: str
    faults: tuple[PromiseFault, ...]
    called_at: datetime
    """Local at the contact's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """The promises in one currency. What is flagged is counted apart, and never in the sum."""

    currency: str
    promises: int
    """Those that stand."""
    amount: Decimal
    """Their sum."""
    without_amount: int
    """Those among them that name no amount, and are not in the sum."""
    flagged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLine:
    """One contact of the list, phones and national id masked."""

    batch_name: str
    position: int
    nombre: str
    rut: str
    phone: str
    last_phone: str
    status: JobStatus
    attempts: int
    reason: str
    next_attempt_at: datetime | None
    """In the report's zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateLine:
    """How many jobs are in a state now."""

    status: JobStatus
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductCost:
    """What Retell charged under one name."""

    product: str
    cost_micros: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Settled costs in USD micros: what Retell has told of finished calls."""

    total_micros: int = 0
    calls: int = 0
    """Attempts: what the cost of a call is divided by."""
    costed: int = 0
    """Finished calls whose cost Retell has told."""
    products: tuple[ProductCost, ...] = ()
    """The dearest first; with `not_itemised_micros` they are the total."""
    not_itemised_micros: int = 0
    per_call_micros: int | None = None
    per_contact_micros: int | None = None
    per_right_party_micros: int | None = None
    per_success_micros: int | None = None
    per_promise_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a report shows, of one batch or of all."""

    generated_at: datetime
    """In the report's zone, as `since`, `until`, `first_call_at` and `last_call_at`."""
    zone: str
    batch_id: str | None
    """None: all batches."""
    since: datetime | None
    until: datetime | None
    first_call_at: datetime | None
    last_call_at: datetime | None
    batches: tuple[BatchLine, ...]
    rows: RowCounts
    states: tuple[StateLine, ...]
    """Every state of a job, also one in which none is."""
    tried: int
    reached: int
    calls_open: int
    """On the phone, or their end is not known yet; in no rate."""
    calls_refused: int
    """Retell refused them: no call happened."""
    calls_not_counted: int
    """Finished without having been dialled."""
    total: Tally
    outcomes: tuple[OutcomeLine, ...]
    hours: tuple[Slice, ...]
    """Keys `00` to `23`, the hours of the first to the last call without a gap."""
    weekdays: tuple[Slice, ...]
    """Keys `1` (Monday) to `7`."""
    days: tuple[Slice, ...]
    """ISO days."""
    use_cases: tuple[Slice, ...]
    phones: tuple[Slice, ...]
    """Keys `main` and `alternative`."""
    variants: tuple[Slice, ...]
    """The arms of A/B tests by name, only of calls that had one."""
    costs: Costs
    distribution: tuple[AttemptsLine, ...]
    promises: tuple[Promise, ...]
    """The newest call first."""
    promised: tuple[Promised, ...]
    contact_list: tuple[ContactLine, ...] = ()
    """Only where it was asked for, in the order of the files; at most `build.LONGEST_LIST`."""

    @property
    def contacts(self) -> int:
        """The base: people of one batch each; a person in two batches counts twice."""
        return sum(line.jobs for line in self.states)

    @property
    def standing(self) -> int:
        """Promises that stand; the others are flagged."""
        return sum(promise.stands for promise in self.promises)

    @property
    def penetration(self) -> Share:
        """People tried / base."""
        return Share(part=self.tried, whole=self.contacts)

    @property
    def reached_rate(self) -> Share:
        """People with whom at least one call was answered / people tried."""
        return Share(part=self.reached, whole=self.tried)

    @property
    def intensity(self) -> float | None:
        """Attempts per person tried."""
        return self.total.attempts / self.tried if self.tried else None

    @property
    def promise_rate(self) -> Share:
        """PTP: promises that stand / right-party contacts."""
        return Share(part=self.standing, whole=self.total.right_party)
