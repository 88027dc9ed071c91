"""What there is to judge by: the calls that were really placed, and the raw documents of the database.

Enter the simulator's journal and a database; leaves an `Evidence`. Nothing of the product's own code reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pymongo.database import Database

Document = Mapping[str, Any]

NOT_RUNG = (
    "concurrency_limit_reached",
    "no_concurrency_fallback",
    "no_valid_payment",
    "credit_exhausted",
    "budget_reached",
)
"""Ends of calls that never reached a telephone: they are nobody's attempt."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What there is to judge by. Calls are the journal's entries, the rest raw documents; `now` is the present."""

    now: datetime
    calls: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def by_id(self, name: str) -> dict[str, dict[str, Any]]:
        """One of the lists above by `_id`."""
        return {document["_id"]: document for document in getattr(self, name)}


def collect(journal: Mapping[str, Any], database: Database[dict[str, Any]], now: datetime) -> Evidence:
    """Reads everything. `database` has the collection names that stand in the settings by default."""

    def everything(name: str) -> list[dict[str, Any]]:
        return list(database[name].find())

    return Evidence(
        now=now,
        calls=list(journal["calls"]),
        batches=everything("batches"),
        jobs=everything("call_jobs"),
        attempts=everything("call_logs"),
        people=everything("people"),
        slots=everything("slots"),
        rejected=everything("rejected_rows"),
    )


def calls_in_order(evidence: Evidence) -> list[dict[str, Any]]:
    """The calls of the journal that belong to a job, as they were accepted."""
    known = {job["_id"] for job in evidence.jobs}
    calls = [call for call in evidence.calls if job_of(call) in known]
    return sorted(calls, key=lambda call: (call["accepted_ms"], call["sequence"]))


def calls_that_rang(evidence: Evidence) -> list[dict[str, Any]]:
    """Those that reached a telephone."""
    calls = calls_in_order(evidence)
    return [call for call in calls if call["dialled"] and call["disconnection_reason"] not in NOT_RUNG]


def attempt_of(call: Document) -> str:
    return str((call["metadata"] or {}).get("attempt_id"))


def job_of(call: Document) -> str:
    return str((call["metadata"] or {}).get("job_id"))


def instant_of(call: Document) -> datetime:
    return datetime.fromtimestamp(call["accepted_ms"] / 1000, UTC)


def local_time(call: Document, job: Document) -> datetime:
    return instant_of(call).astimezone(ZoneInfo(job["time_zone"]))
