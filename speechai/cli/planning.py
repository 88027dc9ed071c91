"""`speechai plan`: a campaign before it happens. A table a day, what blocks whom, and each person's calls as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import click

from speechai.cli.order_options import order_options
from speechai.cli.output import dollars, json_option, local, named_counts, note, print_facts, print_json, print_table

if TYPE_CHECKING:
    from config.settings import Settings
    from speechai.operation.context import Context
    from speechai.operation.planning import Planned
    from speechai.operation.submitting import Order

COLUMNS = (
    "place", "name", "phone", "national_id", "job", "time_zone", "calls", "first_call", "all_calls", "state",
    "why_not_called", "next_at", "reason",
)  # fmt: skip


@click.command()
@click.argument("target", metavar="FILE|BATCH")
@click.option("--days", type=click.IntRange(1, 366), default=5, show_default=True, help="Local days, today included.")
@order_options
@click.option("--with-history", is_flag=True, help="FILE: ask the database what is known of these people.")
@click.option("--seed", type=int, help="Another course of events; the same seed gives the same plan.")
@click.option(
    "--people",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Write a row a person: when they would be called, or why not.",
)
@json_option
def plan(
    target: str,
    days: int,
    with_history: bool,
    seed: int | None,
    people: Path | None,
    as_json: bool,
    pacing: str,
    use_case: str | None,
    **asked: Any,
) -> None:
    """Simulate a campaign: who would be called when, what is blocked by which rule, how many calls at what cost.

    FILE is read as `enqueue --dry-run` reads it, with the same options, and nothing is stored; BATCH is planned from
    where it stands, by its own history where that is long enough, and the options that describe a list are its own.
    """
    from speechai.cli.session import load, opened
    from speechai.core.model import Pacing
    from speechai.core.planning import SEED
    from speechai.operation.planning import plan_batch
    from speechai.operation.submitting import Order

    if people is not None and not people.parent.is_dir():
        raise click.BadParameter(f"the folder {people.parent} does not exist", param_hint="'--people'")
    settings, now, path = load(), datetime.now(UTC), Path(target)
    chance = SEED if seed is None else seed
    if not path.is_file():
        _refuse_a_lost_file(path)
        with opened(settings) as context:
            planned = plan_batch(context, target, days=days, now=now, seed=chance)
    elif use_case is None:
        raise click.UsageError("a FILE needs --use-case: what its columns mean depends on it")
    else:
        order = Order(pacing=Pacing(pacing), use_case=use_case, **asked)
        planned = _plan_file(settings, path, order, days=days, now=now, seed=chance, with_history=with_history)
    if people is not None:
        write_people(planned, people)
        note(f"{len(planned.plan.courses)} people were written to {people}.")
    if as_json:
        print_json(_facts(target, planned))
    else:
        _print(target, planned)


# A batch has its own use case.
for _parameter in plan.params:
    if _parameter.name == "use_case":
        _parameter.required = False


def _refuse_a_lost_file(path: Path) -> None:
    """A file that is not there is said to be none, not to be an unknown batch."""
    if path.suffix or len(path.parts) > 1:
        raise click.BadParameter(f"the file {path} does not exist", param_hint="'FILE|BATCH'")


def _plan_file(settings: Settings, path: Path, order: Order, *, with_history: bool, **asked: Any) -> Planned:
    from speechai.cli.progress import load_progress
    from speechai.cli.session import opened
    from speechai.operation.ingest import Progress
    from speechai.operation.planning import plan_file

    with load_progress() as shown:

        def report(progress: Progress) -> None:
            shown.show(progress.phase, progress.rows, progress.total)

        if not with_history:
            return plan_file(_nowhere(settings), path, order, progress=report, **asked)
        with opened(settings) as context:
            return plan_file(context, path, order, progress=report, with_history=True, **asked)


def _nowhere(settings: Settings) -> Context:
    """Settings and nothing else: a file is planned without any server, as it is read in a dry run."""
    from speechai.operation.context import Context
    from speechai.retell.client import RetellClient
    from speechai.store.connection import Store

    return Context(settings=settings, store=cast("Store", None), retell=cast("RetellClient", None))


def write_people(planned: Planned, path: Path) -> None:
    """A row a person as CSV, times at the person's own place, phones and ids masked; no cell can run as a formula."""
    import csv

    from speechai.operation.spreadsheet import safe_cell

    # With its mark a spreadsheet reads the accents of names.
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for row in _rows(planned):
            writer.writerow([safe_cell(row[name]) for name in COLUMNS])


def _rows(planned: Planned) -> Iterator[dict[str, object]]:
    from speechai.core.masking import mask_national_id, mask_phone

    for course in planned.plan.courses:
        job = course.job
        zone = job.time_zone or planned.batch.time_zone
        yield {
            "place": job.position + 1,
            "name": job.nombre,
            "phone": mask_phone(job.to_number),
            "national_id": mask_national_id(job.rut),
            "job": "" if planned.counts is not None else job.id,
            "time_zone": zone,
            "calls": len(course.calls),
            "first_call": _wall(course.calls[0].at, zone) if course.calls else "",
            "all_calls": "; ".join(_wall(call.at, zone) for call in course.calls),
            "state": course.status.value,
            "why_not_called": course.denied.reason if course.denied else "",
            "next_at": _wall(course.next_at, zone) if course.next_at else "",
            "reason": course.reason,
        }


def _wall(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def _facts(target: str, planned: Planned) -> dict[str, Any]:
    plan, batch = planned.plan, planned.batch
    return {
        "target": target,
        "use_case": batch.use_case,
        "pacing": batch.pacing.value,
        "policy": planned.policy.label,
        "begins_at": plan.begins_at,
        "ends_at": plan.ends_at,
        "time_zone": batch.time_zone,
        "seed": planned.seed,
        "odds": planned.odds.source,
        "people_in_list": len(plan.courses),
        "people_called": plan.people,
        "attempts": plan.attempts,
        "expected_contacts": round(plan.contacts, 1),
        "expected_successes": round(plan.successes, 1),
        "expected_cost_usd_micros": plan.cost_micros,
        "states_at_the_end": {state.value: count for state, count in plan.states.items()},
        "not_called_yet": plan.uncalled,
        "through_on": plan.through_on,
        "open_days_left": plan.open_days_left,
        "days": [
            {
                "on": day.on,
                "is_open": day.is_open,
                "people": day.people,
                "new_people": day.new_people,
                "attempts": day.attempts,
                "expected_contacts": round(day.contacts, 1),
                "expected_successes": round(day.successes, 1),
                "expected_cost_usd_micros": day.cost_micros,
                "ended": day.ended,
            }
            for day in plan.days
        ],
        "blocked": [
            {
                "code": blocked.code.value,
                "people": blocked.people,
                "times": blocked.times,
                "example": blocked.example.reason,
            }
            for blocked in plan.blocked
        ],
        "warnings": list(planned.warnings),
        "assumptions": list(planned.assumptions),
    }


def _print(target: str, planned: Planned) -> None:
    plan, batch = planned.plan, planned.batch
    print_facts(
        {
            "plan of": target,
            "people": f"{len(plan.courses)}, called in these days: {plan.people}",
            "pacing": batch.pacing.value,
            "policy": planned.policy.label,
            "from": local(plan.begins_at, batch.time_zone),
            "until": local(plan.ends_at, batch.time_zone),
            "attempts": plan.attempts,
            "contacts": f"about {plan.contacts:.0f}, of them successes: about {plan.successes:.0f}",
            "cost": f"about {dollars(plan.cost_micros)}",
            "at the end": named_counts({state.value: count for state, count in plan.states.items()}),
            "through": _through(planned),
        }
    )
    print_table(
        "Days",
        ["day", "", "people", "first called", "attempts", "contacts", "successes", "cost", "through with"],
        [
            (f"{day.on:%a %Y-%m-%d}", "" if day.is_open else "closed", day.people, day.new_people, day.attempts,
             f"{day.contacts:.1f}", f"{day.successes:.1f}", dollars(day.cost_micros), day.ended)
            for day in plan.days
        ],
        numbers=7,
    )  # fmt: skip
    if plan.blocked:
        print_table(
            "Blocked",
            ["rule", "for example", "people", "times"],
            [(b.code.value, b.example.reason, b.people, b.times) for b in plan.blocked],
            numbers=2,
        )
    for warning in planned.warnings:
        note(f"Warning: {warning}.")
    for assumption in planned.assumptions:
        note(f"Assumed: {assumption}.")


def _through(planned: Planned) -> str:
    plan = planned.plan
    if plan.through_on is not None:
        return f"with everybody on {plan.through_on:%a %Y-%m-%d}"
    left = f"not in these days: {plan.uncalled} people have not been called by then"
    if plan.open_days_left is None:
        return left
    return f"{left}; at this rate about {plan.open_days_left} more day(s) with calls"


COMMANDS = (plan,)
