"""`speechai batches`, `batch`, `pause`, `resume`, `cancel`: looking at lists and steering them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from speechai.cli.output import (
    json_option,
    local,
    named_counts,
    note,
    print_facts,
    print_json,
    print_result,
    print_table,
    row_counts,
)

if TYPE_CHECKING:
    from speechai.cli.following import Look
    from speechai.core.accounts import Account
    from speechai.operation.context import Context

_HIDDEN = ("file_id", "load_owner", "file_key", "reserved_until")
"""Of a batch's document: how the store works, nothing for an operator."""


@click.command()
@json_option
def batches(as_json: bool) -> None:
    """All batches, the newest first."""
    from speechai.cli.session import opened
    from speechai.store.batches import job_counts, list_batches

    with opened() as context:
        found = [
            {**document, "jobs": {str(status): n for status, n in job_counts(context.store, document["_id"]).items()}}
            for document in list_batches(context.store)
        ]
    if as_json:
        print_json([_public(document) for document in found])
        return
    if not found:
        note("There is no batch yet: `speechai enqueue FILE --use-case USE_CASE` sends a list.")
        return
    print_table(
        "",
        ["batch", "name", "account", "use case", "pacing", "status", "received", "jobs"],
        [
            (
                d["_id"], d["name"], d["account_id"], d["use_case"], d["pacing"], d["status"],
                local(d["created_at"], d["time_zone"]), named_counts(d["jobs"]),
            )
            for d in found
        ],
    )  # fmt: skip


@click.command()
@click.argument("batch_id", metavar="ID")
@click.option("--jobs", "with_jobs", is_flag=True, help="List its contacts too, with the ids of their jobs.")
@json_option
def batch(batch_id: str, with_jobs: bool, as_json: bool) -> None:
    """One batch: where it stands, its rows, its jobs by state, its waves."""
    from speechai.cli.following import look
    from speechai.cli.session import opened
    from speechai.operation.campaigns import describe_batch
    from speechai.store.accounts import get_account
    from speechai.store.waves import waves_of

    with opened() as context:
        document = describe_batch(context, batch_id)
        paying = _paying(document, get_account(context.store, document["account_id"]))
        seen, waves = look(context, batch_id), waves_of(context.store, batch_id)
        contacts = _contacts(context, batch_id) if with_jobs else None
    if as_json:
        print_json(
            {
                **_public(document),
                **paying,
                **seen.facts(),
                "waves": waves,
                **({"contacts": contacts} if with_jobs else {}),
            }
        )
        return
    _print({**document, **paying}, seen, waves)
    if contacts is not None:
        print_table(
            "Contacts",
            ["job", "name", "phone", "status", "reason", "next attempt", "attempts"],
            [
                (c["job_id"], c["name"], c["phone"], c["status"], c["reason"],
                 local(c["next_attempt_at"], document["time_zone"]), c["attempts"])
                for c in contacts
            ],
            numbers=1,
        )  # fmt: skip


def _print(document: dict[str, Any], seen: Look, waves: list[dict[str, Any]]) -> None:
    zone = document["time_zone"]
    print_facts(
        {
            "batch": document["_id"],
            "name": document["name"],
            "status": document["status"],
            "reason": document.get("reason"),
            "account": _account(document),
            "budget": _budget(document["budget"]),
            "priority": document.get("priority"),
            "use case": document["use_case"],
            "negotiation": document.get("negotiation"),
            "variants": "; ".join(map(_variant, document.get("variants") or ())),
            "pacing": document["pacing"],
            "policy": document["policy"],
            "overrides": "; ".join(
                f"{name}={value}" for name, value in (document.get("policy_overrides") or {}).items()
            ),
            "because": document.get("override_because"),
            "file": f"{document['file']['name']} ({document['file']['bytes']} bytes)",
            "received": local(document["created_at"], zone),
            "loaded": local(document.get("loaded_at"), zone),
            "changed": local(document.get("changed_at"), zone),
            "rows": row_counts(document["counts"]) if "counts" in document else None,
            "warnings": named_counts(document["warnings"]) if document.get("warnings") else None,
            "columns": "; ".join(f"{m}: {', '.join(c)}" for m, c in document.get("columns", {}).items()),
            "jobs": named_counts(document["jobs"]),
            "calls": seen.line(),
        }
    )
    if waves:
        rows = [(w["day"], w["wave"], w["state"], local(w["opened_at"], zone), w.get("admitted")) for w in waves]
        print_table("Waves", ["day", "wave", "state", "opened", "admitted"], rows, numbers=1)


def _paying(document: Mapping[str, Any], account: Account | None) -> dict[str, Any]:
    """Who pays for the batch, as JSON: the account's state, and what is left of the batch's own budget.

    The account knows the budget from the batch's first call on; before that all of it is left.
    """
    from speechai.cli.account_view import unit_of
    from speechai.core.accounts import budget_in_units

    if account is None:
        return {"account_status": None, "account_reason": None, "budget": None}
    budget, micros = None, document.get("budget_micros")
    if micros is not None:
        own = account.budgets.get(document["_id"])
        most, free = (own.most, own.free) if own else (budget_in_units(account, micros),) * 2
        if most is not None:  # a plan of minutes at no price has none
            budget = {"unit": unit_of(account), "most": most, "free": free}
    return {"account_status": account.status, "account_reason": account.reason, "budget": budget}


def _account(document: Mapping[str, Any]) -> str:
    words = [word for word in (document["account_status"], document["account_reason"]) if word]
    return ", ".join([document["account_id"], *([": ".join(words)] if words else [])])


def _budget(budget: Mapping[str, Any] | None) -> str | None:
    if budget is None:
        return None
    from speechai.core.accounts import Plan, amount_text

    plan = Plan.MINUTES if budget["unit"] == "seconds" else Plan.CREDIT
    return f"{amount_text(plan, budget['free'])} left of {amount_text(plan, budget['most'])}"


def _variant(variant: Mapping[str, Any]) -> str:
    agent = f", agent {variant['agent_id']}" if variant.get("agent_id") else ""
    return f"{variant['name']} (weight {variant.get('weight', 1)}{agent})"


@click.command()
@click.argument("batch_id", metavar="ID")
@json_option
def pause(batch_id: str, as_json: bool) -> None:
    """No further call of the batch starts; live calls go on to their end."""
    from speechai.cli.session import opened
    from speechai.operation import campaigns

    with opened() as context:
        campaigns.pause(context, batch_id)
    print_result(as_json, {"batch_id": batch_id, "status": "paused"}, f"Batch {batch_id} is paused.")


@click.command()
@click.argument("batch_id", metavar="ID")
@json_option
def resume(batch_id: str, as_json: bool) -> None:
    """A paused batch is called again, its suspended contacts with it."""
    from speechai.cli.session import opened, send
    from speechai.operation import campaigns
    from speechai.operation.nudges import DispatchDue

    with opened() as context:
        count = campaigns.resume(context, batch_id)
        send([DispatchDue()])
    print_result(
        as_json,
        {"batch_id": batch_id, "status": "running", "resumed_jobs": count},
        f"Batch {batch_id} runs; {count} suspended contacts wait again.",
    )


@click.command()
@click.argument("batch_id", metavar="ID")
@click.option("--budget", metavar="USD|none", help="Most that the list may cost from the start; none: no limit.")
@click.option("--priority", type=click.IntRange(1, 9), help="Its turns among the account's lists.")
@json_option
def change(batch_id: str, budget: str | None, priority: int | None, as_json: bool) -> None:
    """Change the budget or the priority of a batch that goes on.

    A batch that its budget had paused is called again with `speechai resume`.
    """
    from speechai.cli.order_options import read_micros
    from speechai.cli.session import opened
    from speechai.operation import campaigns

    if budget is None and priority is None:
        raise click.UsageError("say what to change: --budget or --priority")
    micros = None if budget is None else (0 if budget == "none" else read_micros(budget))
    with opened() as context:
        campaigns.change(context, batch_id, budget_micros=micros, priority=priority)
    told = ([f"budget {budget}"] if budget else []) + ([f"priority {priority}"] if priority else [])
    facts = {"batch_id": batch_id, "budget": budget, "priority": priority}
    print_result(as_json, facts, f"Batch {batch_id} has {' and '.join(told)} now.")


@click.command()
@click.argument("batch_id", metavar="ID")
@json_option
def cancel(batch_id: str, as_json: bool) -> None:
    """Ends the batch for good: contacts that wait are not called any more."""
    from speechai.cli.session import opened
    from speechai.operation import campaigns

    with opened() as context:
        count = campaigns.cancel(context, batch_id)
    print_result(
        as_json,
        {"batch_id": batch_id, "status": "cancelled", "cancelled_jobs": count},
        f"Batch {batch_id} is cancelled, with {count} contacts that waited.",
    )


def _public(document: dict[str, Any]) -> dict[str, Any]:
    return {"batch_id": document["_id"], **{k: v for k, v in document.items() if k not in (*_HIDDEN, "_id")}}


def _contacts(context: Context, batch_id: str) -> list[dict[str, Any]]:
    """The batch's contacts in the order of the file, phones masked."""
    from speechai.core.masking import mask_phone
    from speechai.store.statistics import job_lines

    return [
        {
            "job_id": line.job_id,
            "name": line.nombre,
            "phone": mask_phone(line.last_phone_tried or line.to_number),
            "status": line.status.value,
            "reason": line.reason,
            "attempts": line.attempts,
            "next_attempt_at": line.next_attempt_at,
        }
        for line in sorted(job_lines(context.store, batch_id), key=lambda line: line.position)
    ]


COMMANDS = (batches, batch, pause, resume, change, cancel)
