"""Documents to values and back: the one place that knows how a job, attempt, batch or person is spelled in MongoDB."""

from __future__ import annotations

from datetime import date
from typing import Any

from speechai.core.model import (
    Attempt,
    AttemptState,
    Batch,
    BatchStatus,
    Job,
    JobStatus,
    Pacing,
    Person,
    Phase,
)
from speechai.store.connection import Document


def day(value: Any) -> date | None:
    """A stored local day (ISO text, since MongoDB has no type for one) as a date."""
    return date.fromisoformat(value) if value else None


def batch_from(document: Document) -> Batch:
    """The dialling half of a batch document."""
    return Batch(
        id=document["_id"],
        account_id=document["account_id"],
        name=document["name"],
        use_case=document["use_case"],
        pacing=Pacing(document["pacing"]),
        policy=document["policy"],
        status=BatchStatus(document["status"]),
        time_zone=document["time_zone"],
        country=document["country"],
        reason=document.get("reason"),
    )


def job_from(document: Document) -> Job:
    """A job from its document; fields that an older document lacks have their defaults."""
    return Job(
        id=document["_id"],
        batch_id=document["batch_id"],
        account_id=document["account_id"],
        person_id=document["person_id"],
        use_case=document["use_case"],
        status=JobStatus(document["status"]),
        nombre=document["nombre"],
        rut=document.get("rut"),
        to_number=document["to_number"],
        try_phones=tuple(document.get("try_phones", ())),
        bad_phones=tuple(document.get("bad_phones", ())),
        attempts=document.get("attempts", 0),
        max_attempts=document.get("max_attempts", 3),
        position=document.get("position", 0),
        next_attempt_at=document.get("next_attempt_at"),
        admitted=document.get("admitted", True),
        admitted_on=day(document.get("admitted_on")),
        ticket=document.get("ticket", 0),
        attempt_id=document.get("attempt_id"),
        phase=Phase(document["phase"]) if document.get("phase") else None,
        reserved_until=document.get("reserved_until"),
        last_phone_tried=document.get("last_phone_tried"),
        call_id=document.get("call_id"),
        time_zone=document["time_zone"],
        country=document["country"],
        variables=document.get("variables", {}),
        reason=document.get("reason"),
    )


def job_document(job: Job) -> Document:
    """A new job as a document, with the seed's fields that calls will fill."""
    return {
        "_id": job.id,
        "batch_id": job.batch_id,
        "account_id": job.account_id,
        "person_id": job.person_id,
        "use_case": job.use_case,
        "status": job.status.value,
        "rut": job.rut,
        "nombre": job.nombre,
        "to_number": job.to_number,
        "try_phones": list(job.try_phones),
        "bad_phones": list(job.bad_phones),
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "position": job.position,
        "next_attempt_at": job.next_attempt_at,
        "admitted": job.admitted,
        "admitted_on": job.admitted_on.isoformat() if job.admitted_on else None,
        "ticket": job.ticket,
        "attempt_id": None,
        "phase": None,
        "worker_id": None,
        "reserved_until": None,
        "is_calling": False,
        "call_id": None,
        "call_started_at": None,
        "call_duration_seconds": None,
        "last_phone_tried": None,
        "call_result": None,
        "fecha_pago_cliente": None,
        "monto_pago_cliente": None,
        "time_zone": job.time_zone,
        "country": job.country,
        "variables": dict(job.variables),
        "reason": job.reason,
    }


def person_from(document: Document) -> Person:
    """A person's counters; one that was never called has none."""
    return Person(
        id=document["_id"],
        day_on=day(document.get("day_on")),
        attempts_today=document.get("attempts_today", 0),
        live_attempt_id=document.get("live_attempt_id"),
        silent_on=tuple(date.fromisoformat(text) for text in document.get("silent_on", ())),
        contact_on=day(document.get("contact_on")),
        excluded_reason=document.get("excluded_reason"),
        do_not_call=bool(document.get("do_not_call")),
    )


def attempt_from(document: Document) -> Attempt:
    """One call from its document."""
    return Attempt(
        id=document["_id"],
        job_id=document["job_id"],
        batch_id=document["batch_id"],
        account_id=document["account_id"],
        person_id=document["person_id"],
        use_case=document["use_case"],
        number=document["number"],
        to_number=document["to_number"],
        from_number=document["from_number"],
        agent_id=document.get("agent_id"),
        state=AttemptState(document["state"]),
        placing_at=document["placing_at"],
        time_zone=document["time_zone"],
        call_id=document.get("call_id"),
        poll_number=document.get("poll_number", 0),
        next_poll_at=document.get("next_poll_at"),
        accepted_at=document.get("accepted_at"),
        ended_at=document.get("ended_at"),
        stop_asked_at=document.get("stop_asked_at"),
        outcome=document.get("outcome"),
        retell=document.get("retell"),
    )


def attempt_document(attempt: Attempt) -> Document:
    """A new attempt, before its request is sent. `call_id` is absent, not null: its index is unique."""
    return {
        "_id": attempt.id,
        "job_id": attempt.job_id,
        "batch_id": attempt.batch_id,
        "account_id": attempt.account_id,
        "person_id": attempt.person_id,
        "use_case": attempt.use_case,
        "number": attempt.number,
        "to_number": attempt.to_number,
        "from_number": attempt.from_number,
        "agent_id": attempt.agent_id,
        "state": attempt.state.value,
        "placing_at": attempt.placing_at,
        "local_on": attempt.local_on.isoformat(),
        "time_zone": attempt.time_zone,
        "poll_number": attempt.poll_number,
        "next_poll_at": attempt.next_poll_at,
    }
