"""What happened in a month, in figures: a month in which something never happened would prove nothing about it.

Enters the evidence; leaves counts by name. Also what the caller numbers owe, which is no law of its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from .contact_laws import PACE, Dialled, dialled, suspensions
from .doors import why_closed
from .evidence import Evidence, calls_in_order, instant_of, job_of, rang, was_silent
from .wishes import kept_by, wishes

CHANGE_OF_THE_CLOCK, FIESTAS = date(2026, 9, 6), (date(2026, 9, 18), date(2026, 9, 19))


def figures_of(evidence: Evidence) -> dict[str, int]:
    """Counts of everything that a month is to contain."""
    calls = [one for one in dialled(evidence) if rang(one.call)]
    kept = kept_by(evidence)
    return {
        "calls": len(calls),
        "contacts": len(evidence.jobs),
        **_ends(evidence),
        "people in several lists": _several(calls, lambda one: one.job["person_id"], lambda one: one.batch["_id"]),
        "phones of several people": _several(
            calls, lambda one: one.call["to_number"], lambda one: one.job["person_id"]
        ),
        "called over both pacings": _several(calls, lambda one: one.job["person_id"], lambda one: one.batch["pacing"]),
        "silent calls": sum(was_silent(one.call) for one in calls),
        "calls on the day of the clock": sum(
            one.at.astimezone(one.zone).date() == CHANGE_OF_THE_CLOCK for one in calls
        ),
        "calls on Fiestas Patrias": sum(one.at.astimezone(one.zone).date() in FIESTAS for one in calls),
        "calls where the zone is open": sum(bool(one.job.get("other_zones")) for one in calls),
        "calls to Argentina": sum(one.job["country"] == "AR" for one in calls),
        "callbacks asked for": len(wishes(evidence)),
        "callbacks kept": len(kept),
        "callbacks asked for at a closed hour": sum(
            one.wish is not None and why_closed(one.rules.door, one.job, one.wish.at) is not None for one in calls
        ),
        "callbacks outside the waves": sum(
            one.wish is not None
            and one.batch["pacing"] == "waves"
            and one.at.astimezone(one.zone).hour not in (9, 12, 15)
            for one in calls
        ),
        "asked in a call not to be called": sum(
            call["disconnection_reason"] == "user_requested_dnc" for call in evidence.calls
        ),
        "account suspensions": sum(len(spans) for spans in suspensions(evidence).values()),
        "account suspensions that ended": sum(
            until is not None for spans in suspensions(evidence).values() for _, until in spans
        ),
        "ledger entries": len(evidence.ledger),
        "numbers that were rested": sum("rested_at" in caller for caller in evidence.callers),
        "payment links": sum(action["name"] == "payment_link" for action in evidence.actions),
        "promises to review": sum(action["name"] == "review_promise" for action in evidence.actions),
        "other dates agreed on": sum(action["name"] == "reschedule" for action in evidence.actions),
        "deliveries": len(evidence.deliveries),
    }


def _ends(evidence: Evidence) -> dict[str, int]:
    def count(status: str, words: str = "") -> int:
        return sum(job["status"] == status and words in (job.get("reason") or "") for job in evidence.jobs)

    return {
        "done": count("done"),
        "excluded by silence": count("failed", "silent on"),
        "not to be called": count("failed", "do_not_call"),
        "attempts used": count("failed", "attempts"),
        "no phone left": count("failed", "no phone left"),
        "cancelled": count("cancelled"),
        "waiting": count("pending"),
        "paused lists": sum(batch["status"] == "paused" for batch in evidence.batches),
        "completed lists": sum(batch["status"] == "completed" for batch in evidence.batches),
    }


def _several(calls: Sequence[Dialled], key: Callable[[Dialled], str], value: Callable[[Dialled], str]) -> int:
    """How many of what `key` says were called for more than one of what `value` says."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in calls:
        found[key(one)].add(value(one))
    return sum(len(values) > 1 for values in found.values())


def broken_by_callers(
    evidence: Evidence, pools: Mapping[str, Sequence[str]], allowed: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Calls from a number of another account, to a country that the number may not call, or while it rested; and
    people who were called from another number although theirs was free."""
    jobs, rests = evidence.by_id("jobs"), evidence.by_id("callers")
    usual: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for call in calls_in_order(evidence):
        job, number, at = jobs[job_of(call)], call["from_number"], instant_of(call)
        if number not in pools[job["account_id"]]:
            yield f"{number} is no number of account {job['account_id']}"
        if job["country"] not in allowed.get(number, (job["country"],)):
            yield f"{number} called {job['country']}"
        caller = rests.get(number, {})
        since, until = caller.get("rested_at"), caller.get("rested_until")
        if since is not None and until is not None and since + PACE < at < until:
            yield f"{number} was called from at {at} while it rested until {until}"
        usual[job["account_id"], job["person_id"]][number] += 1
    changed = {account_id for (account_id, _), numbers in usual.items() if len(numbers) > 1}
    for account_id in changed:
        if not any("rested_at" in rests.get(number, {}) for number in pools[account_id]):
            yield f"account {account_id} called people from several numbers, none of which rested"
