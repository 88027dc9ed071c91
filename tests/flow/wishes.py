"""Callbacks that debtors asked for, read from what Retell said of each call, and the calls that keep them.

Enter the evidence; leave wishes. What a debtor's words mean stands here as a table worked out by hand, so that a
misread "mañana a las 5" does not excuse itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from .evidence import Document, Evidence, attempt_of, calls_in_order, end_of, job_of, talked

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Somebody asked in the call `call_id` to be called at `at` (aware UTC)."""

    call_id: str
    job_id: str
    said_at: datetime
    at: datetime


def _next(weekday: int, day: date) -> date:
    """The next such weekday after the day; 0 is Monday."""
    return day + timedelta(days=(weekday - day.weekday() - 1) % 7 + 1)


Clock = Callable[[datetime], datetime]
WORDS: Mapping[str, Clock] = {
    "mañana a las 5": lambda said: datetime.combine(said.date() + DAY, time(17), said.tzinfo),
    "pasado mañana a las 10:30": lambda said: datetime.combine(said.date() + 2 * DAY, time(10, 30), said.tzinfo),
    "el lunes a las 11": lambda said: datetime.combine(_next(0, said.date()), time(11), said.tzinfo),
    "el domingo a las 12": lambda said: datetime.combine(_next(6, said.date()), time(12), said.tzinfo),
    "en dos horas": lambda said: (said.astimezone(UTC) + timedelta(hours=2)).astimezone(said.tzinfo),
    "el 18 de septiembre a las 10": lambda said: datetime(said.year, 9, 18, 10, tzinfo=said.tzinfo),
}
"""What the words mean for somebody who says them at a local time."""


def wishes(evidence: Evidence) -> list[Wish]:
    """Every wish that can be understood, in the order of the calls.

    Retell's own object of the call, which stands whole on the attempt, carries it: `fecha_callback` and
    `hora_callback`, or words in `fecha_callback`.
    """
    attempts, jobs = evidence.by_id("attempts"), evidence.by_id("jobs")
    found = []
    for call in calls_in_order(evidence):
        said, job = _said(attempts.get(attempt_of(call))), jobs[job_of(call)]
        ended_at = end_of(call)
        if said is not None and ended_at is not None and talked(call):
            at = _understood(said, ended_at.astimezone(ZoneInfo(job["time_zone"])))
            if at > ended_at:  # what is over when it is said cannot be kept
                wish = Wish(call_id=call["call_id"], job_id=job["_id"], said_at=ended_at, at=at.astimezone(UTC))
                found.append(wish)
    return found


def kept_by(evidence: Evidence) -> dict[str, Wish]:
    """The wish that a call keeps, by the call's id: the contact's next call, at or after the wished instant."""
    asked = {wish.call_id: wish for wish in wishes(evidence)}
    kept: dict[str, Wish] = {}
    last: dict[str, Document] = {}
    for call in calls_in_order(evidence):
        before = last.get(job_of(call))
        wish = asked.get(before["call_id"]) if before is not None else None
        if wish is not None and wish.at.timestamp() * 1000 <= call["accepted_ms"]:
            kept[call["call_id"]] = wish
        last[job_of(call)] = call
    return kept


def _said(attempt: Document | None) -> tuple[str, str] | None:
    retell = (attempt or {}).get("retell") or {}
    fields = (retell.get("call_analysis") or {}).get("custom_analysis_data") or {}
    day, hour = str(fields.get("fecha_callback") or ""), str(fields.get("hora_callback") or "")
    return (day, hour) if day else None


def _understood(said: tuple[str, str], local: datetime) -> datetime:
    day, hour = said
    if day in WORDS:
        return WORDS[day](local)
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(hour), local.tzinfo)
