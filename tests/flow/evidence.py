"""What there is to judge by: the calls that were really placed, and the raw documents of the database.

Enter the simulator's journal and a database; leaves an `Evidence`. Nothing of the product's own code reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
SILENT = ("inactivity", "voicemail_reached", "ivr_reached", "dial_no_answer", "dial_busy", "user_declined")
TALKED = (
    "user_hangup",
    "agent_hangup",
    "user_requested_dnc",
    "user_requested_callback",
    "call_transfer",
    "transfer_bridged",
    "transfer_cancelled",
    "call_take_over",
    "max_duration_reached",
    "error_asr",
    "error_no_audio_received",
    "error_llm_websocket_open",
    "error_llm_websocket_lost_connection",
    "error_llm_websocket_runtime",
    "error_llm_websocket_corrupt_payload",
)
MACHINES = ("voicemail_reached", "ivr_reached")
FOUND_LATER = "voicemail_found_later"
"""The simulator's name for a call whose end looks like a conversation and whose analysis heard a machine."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What there is to judge by. Calls are the journal's entries, the rest raw documents; `now` is the present."""

    now: datetime
    calls: list[dict[str, Any]] = field(default_factory=list)
    batches: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    people: list[dict[str, Any]] = field(default_factory=list)
    phones: list[dict[str, Any]] = field(default_factory=list)
    accounts: list[dict[str, Any]] = field(default_factory=list)
    ledger: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)
    """What the receiver of follow-ups got: `key` and `attempt_id` of each request that it took."""
    callers: list[dict[str, Any]] = field(default_factory=list)
    slots: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def by_id(self, name: str) -> dict[str, dict[str, Any]]:
        """One of the lists above by `_id`."""
        return {document["_id"]: document for document in getattr(self, name)}


def collect(journal: Mapping[str, Any], database: Database[dict[str, Any]], now: datetime) -> Evidence:
    """Reads everything. `database` has the collection names that stand in the settings by default."""
    return evidence_of(journal["calls"], lambda name: list(database[name].find()), now)


def evidence_of(
    calls: Iterable[dict[str, Any]], everything: Callable[[str], list[dict[str, Any]]], now: datetime
) -> Evidence:
    """The evidence of the journal's calls and of all documents of each collection."""
    return Evidence(
        now=now,
        calls=list(calls),
        batches=everything("batches"),
        jobs=everything("call_jobs"),
        attempts=everything("call_logs"),
        people=everything("people"),
        phones=everything("phones"),
        accounts=everything("accounts"),
        ledger=everything("ledger"),
        actions=everything("actions"),
        callers=everything("caller_numbers"),
        slots=everything("slots"),
        rejected=everything("rejected_rows"),
    )


def calls_in_order(evidence: Evidence) -> list[dict[str, Any]]:
    """The calls of the journal that belong to a job, as they were accepted."""
    known = {job["_id"] for job in evidence.jobs}
    calls = [call for call in evidence.calls if job_of(call) in known]
    return sorted(calls, key=lambda call: (call["accepted_ms"], call["sequence"]))


def calls_of_lost_lists(evidence: Evidence) -> list[dict[str, Any]]:
    """Calls that reached a telephone, for lists that a restored database does not have any more."""
    known = {job["_id"] for job in evidence.jobs}
    return [call for call in evidence.calls if rang(call) and job_of(call) not in known]


def rang(call: Document) -> bool:
    """Whether the call reached a telephone."""
    return bool(call["dialled"]) and call["disconnection_reason"] not in NOT_RUNG


def calls_that_rang(evidence: Evidence) -> list[dict[str, Any]]:
    """Those that reached a telephone, as they were accepted."""
    return [call for call in calls_in_order(evidence) if rang(call)]


def attempt_of(call: Document) -> str:
    return str((call["metadata"] or {}).get("attempt_id"))


def job_of(call: Document) -> str:
    return str((call["metadata"] or {}).get("job_id"))


def instant_of(call: Document) -> datetime:
    return datetime.fromtimestamp(call["accepted_ms"] / 1000, UTC)


def end_of(call: Document) -> datetime | None:
    """When it was over; None where it never is."""
    return datetime.fromtimestamp(call["live_until_ms"] / 1000, UTC) if call["live_until_ms"] is not None else None


def local_time(call: Document, job: Document) -> datetime:
    return instant_of(call).astimezone(ZoneInfo(job["time_zone"]))


def talked(call: Document, *, machines_count: bool = False) -> bool:
    """Whether somebody talked; with `machines_count` a machine that answered is somebody."""
    machine = call["disconnection_reason"] in MACHINES or call["outcome"] == FOUND_LATER
    return machines_count if machine else call["disconnection_reason"] in TALKED


def was_silent(call: Document) -> bool:
    """Whether nobody talked, by the person's own doing."""
    return call["disconnection_reason"] in SILENT or call["outcome"] == FOUND_LATER


def talk_ms(call: Document) -> int:
    """How long the line was connected; 0 for a call that nobody answered or that is not over."""
    connected, until = call.get("connected_ms"), call["live_until_ms"]
    return until - connected if connected is not None and until is not None else 0
