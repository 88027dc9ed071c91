"""The questions of the reports, one batch at a time: what its jobs and its attempts add up to.

Enter a batch and, where asked, two instants; leave small groups of counts and integer money, and streams of the few
fields that a list shows. Called by `operation.reports`. A kept call object with its transcript is never fetched: the
groups are made in the database, and the lists name the fields that they want. Every filter begins with the batch's
id, so each question runs on an index, on the embedded server too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from speechai.core.model import AttemptState, JobStatus
from speechai.store.connection import Document, Store
from speechai.store.documents import day

_NAMES_AT_ONCE = 500
_SIDES = (
    "use_case",
    "state",
    "outcome",
    "contact",
    "success",
    "counted",
    "phone_kind",
    "variant",
    "local_on",
    "local_hour",
)

_JOB_FIELDS = (
    "position",
    "nombre",
    "rut",
    "to_number",
    "last_phone_tried",
    "status",
    "attempts",
    "reason",
    "next_attempt_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptGroup:
    """The attempts of one batch that agree in everything a report divides by, added up.

    The sides that only a finished call has are None or False for the others.
    """

    use_case: str
    state: AttemptState
    attempts: int
    outcome: str | None = None
    contact: bool = False
    success: bool = False
    counted: bool = False
    phone_kind: str | None = None
    """`main` or `alternative`."""
    variant: str | None = None
    """The arm of an A/B test."""
    right_person: bool | None = None
    """Whether the person who was called spoke, as far as that was asked for and written down."""
    local_on: date | None = None
    """The day at the contact's place, as `local_hour`."""
    local_hour: int | None = None
    timed: int = 0
    """How many of them have a duration; `duration_ms` is the sum of theirs."""
    duration_ms: int = 0
    costed: int = 0
    """How many of them have a cost; `cost_micros` (USD micros) is the sum of theirs."""
    cost_micros: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobGroup:
    """The jobs of one batch in one state after so many attempts."""

    status: JobStatus
    attempts: int
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Contacts (jobs), not attempts: how many were tried, talked to, and won."""

    tried: int = 0
    reached: int = 0
    succeeded: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PromisedCall:
    """A call in which something was promised, as it stands in the attempt."""

    attempt_id: str
    job_id: str
    called_at: datetime
    time_zone: str
    outcome: str | None
    promise: Mapping[str, Any]
    """The promise as it was checked (`core.negotiation.Promise.to_document`)."""
    captured: Mapping[str, Any]
    """What the agent wrote down, as it came."""
    currency: str | None
    """Of the offer that was made in the call; None where nothing was offered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLine:
    """What a list of contacts shows of one job; phones and ids are whole."""

    job_id: str
    position: int
    nombre: str
    rut: str | None
    to_number: str
    last_phone_tried: str | None
    status: JobStatus
    attempts: int
    reason: str | None
    next_attempt_at: datetime | None


def attempt_groups(
    store: Store,
    batch_id: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    right_person: str | None = None,
) -> list[AttemptGroup]:
    """Every attempt of the batch placed in [since, until), in groups. Index `attempts_of_a_batch`.

    `right_person` names the captured field that says whether the person who was called spoke.
    """
    identity = {side: f"${side}" for side in _SIDES}
    if right_person is not None:
        identity["right_person"] = f"$values.{right_person}"
    sums = {
        "attempts": {"$sum": 1},
        "timed": {"$sum": _one_if_a_number("duration_ms")},
        "duration_ms": {"$sum": "$duration_ms"},
        "costed": {"$sum": _one_if_a_number("cost_micros")},
        "cost_micros": {"$sum": "$cost_micros"},
        "first_at": {"$min": "$placing_at"},
        "last_at": {"$max": "$placing_at"},
    }
    pipeline: list[Document] = [{"$match": _placed(batch_id, since, until)}, {"$group": {"_id": identity, **sums}}]
    return [_attempt_group(row) for row in store.attempts.aggregate(pipeline)]


def job_groups(store: Store, batch_id: str) -> list[JobGroup]:
    """The batch's jobs as they stand now, by state and number of attempts. Index `due`, by its first field."""
    pipeline: list[Document] = [
        {"$match": {"batch_id": batch_id}},
        {"$group": {"_id": {"status": "$status", "attempts": "$attempts"}, "jobs": {"$sum": 1}}},
    ]
    return [
        JobGroup(status=JobStatus(row["_id"]["status"]), attempts=row["_id"].get("attempts") or 0, jobs=row["jobs"])
        for row in store.jobs.aggregate(pipeline)
    ]


def reach(store: Store, batch_id: str, *, since: datetime | None = None, until: datetime | None = None) -> Reach:
    """How many contacts were tried, reached and won by finished calls placed in [since, until)."""
    pipeline: list[Document] = [
        {"$match": _finished(batch_id, since, until)},
        {
            "$group": {
                "_id": "$job_id",
                "tried": {"$max": _one_if_true("counted")},
                "reached": {"$max": _one_if_true("contact")},
                "succeeded": {"$max": _one_if_true("success")},
            }
        },
        {"$group": {"_id": None, **{name: {"$sum": f"${name}"} for name in ("tried", "reached", "succeeded")}}},
    ]
    for row in store.attempts.aggregate(pipeline):
        return Reach(tried=row["tried"], reached=row["reached"], succeeded=row["succeeded"])
    return Reach()


def product_costs(
    store: Store, batch_id: str, *, since: datetime | None = None, until: datetime | None = None
) -> dict[str, int]:
    """USD micros by Retell's name of the product, from the `product_costs` of finished calls."""
    pipeline: list[Document] = [
        {"$match": _finished(batch_id, since, until)},
        {"$project": {"product_costs": 1}},
        {"$unwind": "$product_costs"},
        {"$group": {"_id": "$product_costs.product", "micros": {"$sum": "$product_costs.micros"}}},
    ]
    return {str(row["_id"]): row["micros"] for row in store.attempts.aggregate(pipeline)}


def promised_calls(
    store: Store, batch_id: str, *, since: datetime | None = None, until: datetime | None = None
) -> Iterator[PromisedCall]:
    """Finished calls in which something was promised, the oldest first, streamed."""
    wanted = dict.fromkeys(("job_id", "placing_at", "time_zone", "outcome", "promise", "captured", "offer.currency"), 1)
    filter_ = {**_finished(batch_id, since, until), "promise": {"$nin": [None, {}]}}
    for document in store.attempts.find(filter_, wanted, sort=[("placing_at", 1)]):
        yield PromisedCall(
            attempt_id=document["_id"],
            job_id=document["job_id"],
            called_at=document["placing_at"],
            time_zone=document["time_zone"],
            outcome=document.get("outcome"),
            promise=document["promise"],
            captured=document.get("captured") or {},
            currency=(document.get("offer") or {}).get("currency"),
        )


def names_of(store: Store, job_ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """`nombre` and `rut` by job; a job that was cleaned up is missing."""
    found: dict[str, tuple[str, str | None]] = {}
    for start in range(0, len(job_ids), _NAMES_AT_ONCE):
        some = list(job_ids[start : start + _NAMES_AT_ONCE])
        for document in store.jobs.find({"_id": {"$in": some}}, {"nombre": 1, "rut": 1}):
            found[document["_id"]] = (document["nombre"], document.get("rut"))
    return found


def job_lines(store: Store, batch_id: str) -> Iterator[JobLine]:
    """The batch's jobs, streamed, in no order that is promised."""
    wanted = dict.fromkeys(_JOB_FIELDS, 1)
    for document in store.jobs.find({"batch_id": batch_id}, wanted):
        yield JobLine(
            job_id=document["_id"],
            position=document.get("position", 0),
            nombre=document["nombre"],
            rut=document.get("rut"),
            to_number=document["to_number"],
            last_phone_tried=document.get("last_phone_tried"),
            status=JobStatus(document["status"]),
            attempts=document.get("attempts", 0),
            reason=document.get("reason"),
            next_attempt_at=document.get("next_attempt_at"),
        )


def _placed(batch_id: str, since: datetime | None, until: datetime | None) -> Document:
    instants = {operator: at for operator, at in (("$gte", since), ("$lt", until)) if at is not None}
    return {"batch_id": batch_id, "placing_at": instants} if instants else {"batch_id": batch_id}


def _finished(batch_id: str, since: datetime | None, until: datetime | None) -> Document:
    # An ended call may have its result already while `finish` is still at work: the groups call it open, so do these.
    return {**_placed(batch_id, since, until), "state": AttemptState.FINISHED}


def _one_if_true(field: str) -> Document:
    return {"$cond": [{"$eq": [f"${field}", True]}, 1, 0]}


def _one_if_a_number(field: str) -> Document:
    return {"$cond": [{"$gt": [f"${field}", None]}, 1, 0]}  # a number is more than null, a missing field is less


def _attempt_group(row: Document) -> AttemptGroup:
    sides, hour = row["_id"], row["_id"].get("local_hour")
    spoke = sides.get("right_person")
    return AttemptGroup(
        use_case=sides["use_case"],
        state=AttemptState(sides["state"]),
        outcome=sides.get("outcome"),
        contact=sides.get("contact") is True,
        success=sides.get("success") is True,
        counted=sides.get("counted") is True,
        phone_kind=sides.get("phone_kind"),
        variant=sides.get("variant"),
        right_person=spoke if isinstance(spoke, bool) else None,
        local_on=day(sides.get("local_on")),
        local_hour=None if hour is None else int(hour),
        **{name: row[name] for name in ("attempts", "timed", "duration_ms", "costed", "cost_micros")},
        first_at=row["first_at"],
        last_at=row["last_at"],
    )
