"""A small report made by hand: two batches, nine finished calls, figures that can be checked on paper."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.negotiation import get_table
from speechai.catalogue.use_cases import get_use_case
from speechai.core.captured import read_captured
from speechai.core.model import AttemptState, Debt, JobStatus
from speechai.core.negotiation import Offer, check_promise, offer_for
from speechai.operation.reports.build import BatchFacts, assemble
from speechai.operation.reports.model import Promise, Report
from speechai.operation.reports.promises import promises_of
from speechai.store.statistics import AttemptGroup, JobGroup, PromisedCall, Reach

SANTIAGO = ZoneInfo("America/Santiago")
NOW = datetime(2026, 11, 10, 18, 30, tzinfo=UTC)
FIRST = datetime(2026, 11, 9, 12, 5, tzinfo=UTC)
LAST = datetime(2026, 11, 10, 15, 40, tzinfo=UTC)
FORMULA = '=HYPERLINK("http://example.com","haga clic")'


def group(**changes: Any) -> AttemptGroup:
    """One finished, counted attempt on the main phone, nobody answering, Monday 2026-11-09 at 9."""
    fields: dict[str, Any] = {
        "use_case": "debt_collection",
        "state": AttemptState.FINISHED,
        "attempts": 1,
        "outcome": "no_answer",
        "counted": True,
        "phone_kind": "main",
        "local_on": date(2026, 11, 9),
        "local_hour": 9,
        "first_at": FIRST,
        "last_at": FIRST,
    }
    return AttemptGroup(**{**fields, **changes})


def talk(**changes: Any) -> AttemptGroup:
    """One conversation of 90 s that cost 19.5 cents."""
    fields = {
        "outcome": "conversation",
        "contact": True,
        "timed": 1,
        "duration_ms": 90_000,
        "costed": 1,
        "cost_micros": 195_000,
    }
    return group(**{**fields, **changes})


def call(
    job_id: str = "j1",
    captured: dict[str, Any] | None = None,
    called_at: datetime = LAST,
    *,
    country: str = "CL",
    offer: Offer | None = None,
    outcome: str = "conversation",
) -> PromisedCall:
    """A call in which the agent wrote `captured` down, read and checked as when it is finished."""
    written = captured or {"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 45990}
    said_on = called_at.astimezone(SANTIAGO).date()
    read = read_captured(get_use_case("debt_collection"), written, today=said_on, zone=SANTIAGO, country=country).values
    paid_on: Any = read.get("fecha_pago_cliente")
    amount: Any = read.get("monto_pago_cliente")
    instalments: Any = read.get("cuotas_pago_cliente")
    promise = check_promise(
        offer,
        paid_on=date.fromisoformat(paid_on) if paid_on else None,
        amount_minor=amount,
        instalments=instalments,
        said_on=said_on,
    )
    return PromisedCall(
        attempt_id=f"a-{job_id}-{called_at:%H%M}",
        job_id=job_id,
        called_at=called_at,
        time_zone="America/Santiago",
        outcome=outcome,
        promise=promise.to_document(),
        captured=written,
        currency=offer.currency if offer else None,
    )


def offer_of(amount_minor: int, currency: str = "CLP") -> Offer:
    """What may be agreed on a debt that is 45 days overdue on the day of the calls."""
    debt = Debt(amount_minor=amount_minor, currency=currency, stated_on=LAST.date(), days_overdue=45)
    offer = offer_for(get_table("full_payment"), debt, LAST.date())
    assert offer is not None
    return offer


def batch(batch_id: str = "b1", **changes: Any) -> dict[str, Any]:
    """A batch document."""
    return {
        "_id": batch_id,
        "name": "cartera.xlsx",
        "account_id": "acme",
        "use_case": "debt_collection",
        "status": "running",
        "country": "CL",
        "created_at": FIRST,
        "counts": {"rows": 12, "accepted": 6, "merged": 3, "duplicate": 1, "rejected": 2},
        **changes,
    }


def promises(document: dict[str, Any], *calls: PromisedCall, nombre: str = "Ana Rojas") -> list[Promise]:
    """The promises of these calls, all of one name."""
    return promises_of(document, calls, names=lambda ids: dict.fromkeys(ids, (nombre, "12.345.678-5")))


def first_batch(nombre: str = "Ana Rojas") -> BatchFacts:
    """Eight attempts on five of six people: three contacts, two of them conversations with success."""
    document = batch()
    return BatchFacts(
        document=document,
        jobs=[
            JobGroup(status=JobStatus.DONE, attempts=1, jobs=1),
            JobGroup(status=JobStatus.DONE, attempts=2, jobs=1),
            JobGroup(status=JobStatus.FAILED, attempts=3, jobs=1),
            JobGroup(status=JobStatus.PENDING, attempts=1, jobs=2),
            JobGroup(status=JobStatus.PENDING, attempts=0, jobs=1),
        ],
        attempts=[
            group(attempts=4, first_at=FIRST),
            talk(success=True, right_person=True, local_hour=11, last_at=LAST, local_on=date(2026, 11, 10)),
            talk(success=True, phone_kind="alternative", duration_ms=30_000, cost_micros=65_001),
            talk(outcome="provider_error", duration_ms=2_000, cost_micros=4_000),
            group(outcome="voicemail", local_hour=11),
            group(outcome="capacity", counted=False),
            group(state=AttemptState.LIVE, outcome=None, counted=False, phone_kind=None, local_hour=None),
            group(state=AttemptState.REFUSED, outcome="bad_number", counted=False, phone_kind=None, local_hour=None),
        ],
        reach=Reach(tried=5, reached=3, succeeded=2),
        products={"voice": 200_000, "model": 64_000},
        promises=promises(
            document, call("j1"), call("j2", {"fecha_pago_cliente": "a fin de mes, si puedo"}), nombre=nombre
        ),
    )


def second_batch() -> BatchFacts:
    """One attempt on the one person of another use case."""
    return BatchFacts(
        document=batch("b2", name="encuesta", use_case="survey", status="completed", counts=None),
        jobs=[JobGroup(status=JobStatus.DONE, attempts=1, jobs=1)],
        attempts=[talk(use_case="survey", success=True, cost_micros=100_000)],
        reach=Reach(tried=1, reached=1, succeeded=1),
        products={"voice": 100_000},
    )


def report(*facts: BatchFacts, **changes: Any) -> Report:
    """The report of these batches, or of the two examples."""
    return assemble(
        facts or (first_batch(), second_batch()), **{"batch_id": None, "now": NOW, "zone": SANTIAGO, **changes}
    )


def empty_report() -> Report:
    """A report before anything has happened."""
    return assemble([], batch_id=None, now=NOW, zone=SANTIAGO)
