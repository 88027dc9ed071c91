"""The judged result of a call, as it stands on its attempt and on its job.

Enters a call that is over and was judged; leaves documents. Reports are made of the attempt's fields, the job keeps the
seed's fields of its last call. What the agent wrote down is kept as it came and, beside it, as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.outcomes import OutcomeRow
from speechai.catalogue.policies import Policy
from speechai.catalogue.use_cases import UseCase
from speechai.core.after_call import is_contact
from speechai.core.callbacks import CallbackWish
from speechai.core.captured import Captured
from speechai.core.model import Attempt, Batch, CallFacts, Job
from speechai.core.negotiation import Offer, check_promise
from speechai.retell.costs import product_costs

PROMISED_ON, PROMISED_AMOUNT, PROMISED_PAYMENTS = "fecha_pago_cliente", "monto_pago_cliente", "cuotas_pago_cliente"
_SUMMARY = ("call_cost", "call_analysis", "recording_url", "transcript", "disconnection_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call that is over, and everything that it is judged by. `policy` None: it left the catalogue meanwhile."""

    attempt: Attempt
    job: Job
    batch: Batch
    policy: Policy | str
    """A text says why there is none."""
    use_case: UseCase
    facts: CallFacts | None
    row: OutcomeRow
    success: bool
    wish: CallbackWish | None
    captured: Captured
    """The agent's fields, read by the use case's types on the local day of the call."""

    @property
    def talked(self) -> bool:
        """Whether it was an effective contact, by the outcome and by what the policy says of voicemail."""
        return is_contact(self.policy, self.row) if isinstance(self.policy, Policy) else self.row.contact


def attempt_result(ended: Ended) -> dict[str, Any]:
    """What is written to the attempt. Instants are local only in `local_hour`; money is in USD micros."""
    attempt, facts, row = ended.attempt, ended.facts, ended.row
    started_at = (facts.started_at if facts else None) or attempt.placing_at
    captured = ended.captured
    return {
        "outcome": row.outcome,
        "reason": facts.reason if facts else None,
        "success": ended.success,
        "contact": row.contact,
        "counted": row.attempt,
        "phone_kind": "main" if attempt.to_number == ended.job.to_number else "alternative",
        "local_hour": started_at.astimezone(ZoneInfo(attempt.time_zone)).hour,
        "duration_ms": facts.duration_ms if facts else None,
        "cost_micros": facts.cost_micros if facts else None,
        "product_costs": product_costs(facts.raw.get("call_cost")) if facts else [],
        "captured": _as_written(ended),
        "values": dict(captured.values),
        "faults": dict(captured.faults),
        "promise": _promise(ended, captured),
        "callback": _callback(ended),
    }


def job_result(ended: Ended) -> dict[str, Any]:
    """The seed's fields on the job: the last call's result, and what the agent captured."""
    facts = ended.facts
    raw: Mapping[str, Any] = facts.raw if facts else {}
    seconds = facts.duration_ms // 1000 if facts and facts.duration_ms is not None else None
    promise = _promise(ended, ended.captured)
    return {
        "call_result": {"success": ended.success, "summary": {name: raw.get(name) for name in _SUMMARY}},
        "call_id": ended.attempt.call_id,
        "call_duration_seconds": seconds,
        **({"promise": promise} if promise else {}),
        **_as_written(ended),
    }


def _as_written(ended: Ended) -> dict[str, Any]:
    values = ended.facts.captured if ended.facts else {}
    return {name: values[name] for name in ended.use_case.captured if values.get(name) not in (None, "")}


def _promise(ended: Ended, captured: Captured) -> dict[str, Any] | None:
    """The promise to pay, checked against what was offered in this very call; None where nothing was promised."""
    written, amount = captured.values.get(PROMISED_ON), captured.values.get(PROMISED_AMOUNT)
    said = [name for name in (PROMISED_ON, PROMISED_AMOUNT) if name in captured.values or name in captured.faults]
    if not said or not ended.row.contact or ended.use_case.right_person_spoke(captured.values) is False:
        return None  # what somebody else promises binds nobody, and no payment link goes out for it
    offer = Offer.from_document(ended.attempt.offer) if ended.attempt.offer is not None else None
    payments = captured.values.get(PROMISED_PAYMENTS)
    return check_promise(
        offer,
        paid_on=date.fromisoformat(written) if isinstance(written, str) else None,
        amount_minor=amount if isinstance(amount, int) else None,
        instalments=payments if isinstance(payments, int) else None,
        said_on=ended.attempt.local_on,
    ).to_document()


def _callback(ended: Ended) -> dict[str, Any] | None:
    wish = ended.wish
    return None if wish is None else {"at": wish.at, "said": wish.said, "understood": wish.understood}
