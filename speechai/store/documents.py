"""Documents to values and back: the one place that knows how a job, attempt, batch or person is spelled in MongoDB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from speechai.core.model import (
    Attempt,
    AttemptState,
    Batch,
    BatchStatus,
    Debt,
    Job,
    JobStatus,
    Pacing,
    Person,
    Phase,
    Phone,
    Try,
    Variant,
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
        priority=document.get("priority", 5),
        policy_overrides=document.get("policy_overrides") or {},
        override_because=document.get("override_because"),
        variants=tuple(Variant(**variant) for variant in document.get("variants") or ()),
        negotiation=document.get("negotiation"),
        budget_micros=document.get("budget_micros"),
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
        other_zones=tuple(document.get("other_zones", ())),
        country=document["country"],
        region=document.get("region"),
        variables=document.get("variables", {}),
        debt=_debt_from(document.get("debt")),
        callback_at=document.get("callback_at"),
        suspended_by=document.get("suspended_by"),
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
        "other_zones": list(job.other_zones),
        "country": job.country,
        "region": job.region,
        "variables": dict(job.variables),
        "debt": _debt_document(job.debt),
        "reason": job.reason,
    }


def _debt_from(document: Mapping[str, Any] | None) -> Debt | None:
    if document is None:
        return None
    stated_on = day(document["stated_on"])
    assert stated_on is not None
    return Debt(
        amount_minor=document["amount_minor"],
        currency=document["currency"],
        stated_on=stated_on,
        due_on=day(document.get("due_on")),
        days_overdue=document.get("days_overdue"),
    )


def _debt_document(debt: Debt | None) -> Document | None:
    if debt is None:
        return None
    return {
        "amount_minor": debt.amount_minor,
        "currency": debt.currency,
        "stated_on": debt.stated_on.isoformat(),
        "due_on": debt.due_on.isoformat() if debt.due_on else None,
        "days_overdue": debt.days_overdue,
    }


def person_from(document: Mapping[str, Any]) -> Person:
    """A person's counters; one that was never called has none."""
    return Person(
        **_counted(document),
        silent_on=_days(document.get("silent_on")),
        conversed_on=day(document.get("conversed_on")),
        excluded_reason=document.get("excluded_reason"),
    )


def phone_from(document: Mapping[str, Any]) -> Phone:
    """A telephone's counters, as a person's."""
    return Phone(**_counted(document))


def _counted(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": document["_id"],
        "revision": document.get("revision", 0),
        "live_attempt_id": document.get("live_attempt_id"),
        "tries": tuple(
            Try(attempt_id=made["attempt_id"], at=made["at"], on=date.fromisoformat(made["on"]))
            for made in document.get("tries", ())
        ),
        "talks_on": _days(document.get("talks_on")),
        "do_not_call": bool(document.get("do_not_call")),
    }


def try_document(made: Try) -> Document:
    """One attempt as it stands in a person's or a phone's list."""
    return {"attempt_id": made.attempt_id, "at": made.at, "on": made.on.isoformat()}


def _days(texts: Any) -> tuple[date, ...]:
    return tuple(date.fromisoformat(text) for text in texts or ())


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
        policy=document.get("policy"),
        variant=document.get("variant"),
        offer=document.get("offer"),
        retell=document.get("retell"),
        answers=document.get("answers", 0),
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
        "policy": attempt.policy,
        "variant": attempt.variant,
        "offer": dict(attempt.offer) if attempt.offer is not None else None,
    }
