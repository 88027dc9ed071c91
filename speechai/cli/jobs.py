"""`speechai job`, `retry`, `reset-jobs`, `cleanup`: one contact, and setting ended ones going again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from speechai.cli.output import (
    dollars,
    json_option,
    local,
    named_counts,
    note,
    print_facts,
    print_json,
    print_result,
    print_table,
)

if TYPE_CHECKING:
    from speechai.core.model import Attempt


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--full", is_flag=True, help="Show phones, national id, variables and transcript whole.")
@json_option
def job(job_id: str, full: bool, as_json: bool) -> None:
    """One contact: its state, what it waits for, and its calls."""
    from speechai.cli.session import opened
    from speechai.operation.campaigns import describe_job

    with opened() as context:
        document, attempts = describe_job(context, job_id)
    facts = _with_words(document if full else _masked(document))
    calls = [_call(attempt, full=full) for attempt in attempts]
    if as_json:
        print_json({"job_id": job_id, **{k: v for k, v in facts.items() if k != "_id"}, "calls": calls})
        return
    _print(facts, calls)


def _print(facts: dict[str, Any], calls: list[dict[str, Any]]) -> None:
    zone = facts["time_zone"]
    at = facts.get("next_attempt_at")
    print_facts(
        {
            "job": facts["_id"],
            "batch": facts["batch_id"],
            "name": facts["nombre"],
            "id": facts["rut"],
            "status": facts["status"],
            "reason": facts["reason"],
            "waits for": "the next wave" if facts["status"] == "pending" and not facts["admitted"] else None,
            "next attempt": f"{local(at, zone)} ({at:%Y-%m-%d %H:%M:%S} UTC)" if at else None,
            "callback": local(facts["callback_at"], zone),
            "last refusal": _refusal(facts["denied"], zone),
            "phones": ", ".join([facts["to_number"], *facts["try_phones"]]),
            "not callable": ", ".join(facts["bad_phones"]),
            "last tried": facts["last_phone_tried"],
            "attempts": f"{facts['attempts']} of {facts['max_attempts']}",
            "promise": facts["promise"] and facts["promise"]["words"],
            "its check": facts["promise"] and facts["promise"]["check"],
            "variables": "; ".join(f"{name}={value}" for name, value in facts["variables"].items()),
        }
    )
    rows = [
        (
            c["number"], c["attempt_id"], c["state"], c["outcome"], c["reason"], c["to_number"],
            local(c["placing_at"], zone), c["policy"], c["variant"], c["offer_bucket"],
            c["duration_seconds"], dollars(c["cost_usd_micros"]),
        )
        for c in calls
    ]  # fmt: skip
    if rows:
        columns = [
            "", "attempt", "state", "outcome", "Retell's reason", "phone", "placed", "policy", "variant", "offer",
            "seconds", "cost",
        ]  # fmt: skip
        print_table("Calls", columns, rows, numbers=2)


def _with_words(facts: dict[str, Any]) -> dict[str, Any]:
    """The job's facts with the last refusal and the promise said in words; None where there is none."""
    from speechai.catalogue.denials import LANGUAGES, sentence

    denied, promise = facts.get("denied"), facts.get("promise")
    if denied:
        known = denied.get("facts") or {}
        said = {language: sentence(denied["code"], known, language=language) for language in LANGUAGES}
        denied = {**denied, "words": said}
    if promise:
        promise = {**promise, **_promise_in_words(facts, promise)}
    return {**facts, "callback_at": facts.get("callback_at"), "denied": denied, "promise": promise}


def _promise_in_words(facts: Mapping[str, Any], promise: Mapping[str, Any]) -> dict[str, str]:
    """`words`: what was promised, in the agent's own words where those could not be read; `check`: what is wrong."""
    from speechai.catalogue.currencies import MINOR_DIGITS, written
    from speechai.core.amounts import CURRENCIES

    currency = (facts.get("debt") or {}).get("currency") or CURRENCIES.get(facts["country"])
    amount, paid_on, payments = promise["amount_minor"], promise["paid_on"], promise["instalments"]
    parts = [
        written(amount, currency, language="en") if amount is not None and currency in MINOR_DIGITS else None,
        _quoted("amount", facts.get("monto_pago_cliente")) if amount is None else None,
        f"on {paid_on}" if paid_on else _quoted("date", facts.get("fecha_pago_cliente")),
        f"in {payments} payments" if payments and payments > 1 else None,
    ]
    faults = "; ".join(fault["en"] for fault in promise["faults"])
    check = "it stands" if promise["kept_as"] == "promise" else f"to review: {faults}"
    return {"words": ", ".join(filter(None, parts)), "check": check}


def _quoted(what: str, written: object) -> str | None:
    return f"{what} {written!r}, which is not certain" if written not in (None, "", 0) else None


def _refusal(denied: Mapping[str, Any] | None, zone: str) -> str | None:
    return None if not denied else f"{local(denied.get('at'), zone)}: {denied['words']['en']}"


def _masked(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what identifies or quotes the person."""
    from speechai.catalogue.use_cases import Kind, load_use_cases
    from speechai.core.masking import mask_national_id, mask_phone, mask_text

    result = document.get("call_result") or {}
    summary = {
        name: value
        for name, value in (result.get("summary") or {}).items()
        if name in ("call_cost", "disconnection_reason")
    }
    variables = {name: mask_text(str(value)) for name, value in document["variables"].items()}
    if "rut" in variables:
        variables["rut"] = mask_national_id(variables["rut"])
    use_case = load_use_cases().get(document["use_case"])
    captured = use_case.captured if use_case else {}
    quoted = {name for name, field in captured.items() if field.kind is Kind.TEXT}
    return {
        **{name: value for name, value in document.items() if name not in {"person_id", *quoted}},
        "rut": mask_national_id(document["rut"]) or None,
        "to_number": mask_phone(document["to_number"]),
        "last_phone_tried": mask_phone(document["last_phone_tried"]) or None,
        "try_phones": [mask_phone(phone) for phone in document["try_phones"]],
        "bad_phones": [mask_phone(phone) for phone in document["bad_phones"]],
        "variables": variables,
        "call_result": {**result, "summary": summary} if result else None,
    }


def _call(attempt: Attempt, *, full: bool) -> dict[str, Any]:
    from speechai.core.masking import mask_phone
    from speechai.retell.answers import read_call

    facts = read_call(attempt.retell) if attempt.retell is not None else None
    return {
        "number": attempt.number,
        "attempt_id": attempt.id,
        "call_id": attempt.call_id,
        "state": attempt.state.value,
        "outcome": attempt.outcome,
        "reason": facts.reason if facts else None,
        "to_number": attempt.to_number if full else mask_phone(attempt.to_number),
        "from_number": attempt.from_number,
        "placing_at": attempt.placing_at,
        "accepted_at": attempt.accepted_at,
        "ended_at": attempt.ended_at,
        "time_zone": attempt.time_zone,
        "policy": attempt.policy,
        "variant": attempt.variant,
        "offer_bucket": attempt.offer["bucket"] if attempt.offer else None,
        "duration_seconds": facts.duration_ms // 1000 if facts and facts.duration_ms is not None else None,
        "cost_usd_micros": facts.cost_micros if facts else None,
        **({"offer": attempt.offer, "retell": attempt.retell} if full else {}),
    }


@click.command()
@click.argument("any_id", metavar="ID")
@json_option
def retry(any_id: str, as_json: bool) -> None:
    """Call a failed or suspended contact again, or all of those of a batch.

    ID is a job's or a batch's. Hours, caps and every other rule are asked again.
    """
    from speechai.cli.session import opened, send
    from speechai.operation import campaigns
    from speechai.operation.nudges import DispatchDue

    with opened() as context:
        count = campaigns.retry(context, any_id)
        if count:
            send([DispatchDue()])
    print_result(as_json, {"id": any_id, "jobs": count}, f"{count} contacts wait to be called again.")


@click.command("reset-jobs")
@click.option("--status", required=True, help="failed, suspended, cancelled or done.")
@click.option("--max-age-hours", type=click.FloatRange(min=0), help="Only those that ended within so many hours.")
@click.option("--batch", "batch_id", help="Only those of this batch.")
@json_option
def reset_jobs(status: str, max_age_hours: float | None, batch_id: str | None, as_json: bool) -> None:
    """Send contacts that ended in a state back to wait."""
    from speechai.cli.session import opened, send
    from speechai.core.model import JobStatus
    from speechai.operation import campaigns
    from speechai.operation.nudges import DispatchDue

    if status not in set(JobStatus):
        raise click.BadParameter(f"{status!r} is not one of {', '.join(JobStatus)}", param_hint="'--status'")
    with opened() as context:
        count = campaigns.reset_jobs(context, status=JobStatus(status), max_age_hours=max_age_hours, batch_id=batch_id)
        if count:
            send([DispatchDue()])
    print_result(as_json, {"status": status, "jobs": count}, f"{count} contacts that were {status} wait again.")


@click.command()
@click.option("--older-than-days", type=click.FloatRange(min=0), required=True, help="Ended longer ago than this.")
@click.option("--with-calls", is_flag=True, help="Remove the call log too; Chilean law asks for two years of it.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
def cleanup(older_than_days: float, with_calls: bool, yes: bool, as_json: bool) -> None:
    """Remove batches that ended long ago, with their contacts and rejected rows."""
    from speechai.cli.session import opened
    from speechai.operation import campaigns

    if not yes:
        _confirm(older_than_days, with_calls)
    with opened() as context:
        removed = dict(campaigns.clean_up(context, older_than_days=older_than_days, with_calls=with_calls))
    print_result(as_json, removed, f"Removed: {named_counts(removed)}.")


def _confirm(older_than_days: float, with_calls: bool) -> None:
    """Asks the operator; ends the command where the answer is no, or nobody is there to give one."""
    if not sys.stdin.isatty():
        raise click.UsageError("cleanup removes data for good: give --yes where nobody can answer")
    what = "with their call log" if with_calls else "but not their call log"
    if not click.confirm(f"Remove every batch that ended more than {older_than_days:g} days ago, {what}?", err=True):
        note("Nothing was removed.")
        raise click.exceptions.Exit(1)


COMMANDS = (job, retry, reset_jobs, cleanup)
