"""The verdict on a chaos run: the outside checker's findings as one table, everything that must be zero.

Enters the folder that a run has left (journal, database, deliveries, lists sent, facts of the run); leaves rows.
Nothing of the product's code decides here; `tests/flow/laws.py` and what stands beside it do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.flow.evidence import Evidence, attempt_of, calls_in_order, rang, talked
from tests.flow.laws import FINAL, Violation, violations
from tests.flow.rules import Limits

ROWS: Mapping[str, Sequence[str]] = {
    "duplicates": ("one_call_an_attempt",),
    "contacts lost": ("nobody_is_lost", "rows_are_accounted_for", "everybody_sent_is_there", "FinalStates"),
    "caps broken": (
        "caps_hold",
        "attempts_of_a_job",
        "counters_agree",
        "one_call_at_once",
        "silence_excludes",
        "people_a_day",
    ),
    "called when it was forbidden": (
        "only_when_open",
        "what_was_stopped_stays_so",
        "nobody_who_is_not_to_be_called",
        "nobody_for_an_empty_account",
    ),
    "over the concurrency limit": ("limits_hold", "limits_of_accounts"),
    "over the rate": ("starts_keep_the_rate",),
    "ledger difference": ("balances_agree", "calls_are_charged", "every_payment_is_booked"),
    "reservations left": ("money_is_free",),
    "follow-ups missing or wrong": (
        "actions_exist_once",
        "actions_are_delivered",
        "every_action_arrived_under_one_key",
        "analyses_are_waited_for",
        "callbacks_are_kept",
    ),
    "slots leaked": ("slots_are_free",),
    "turns leaked": ("turns_are_free",),
    "stuck jobs": ("nothing_is_under_way", "nobody_due_is_left", "everything_wanted_was_done"),
}
"""The rows that must be zero, and the checks that find something for them."""
SOON = timedelta(seconds=60)
"""Once nothing goes wrong any more, a contact whose time has come is dialled within this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run knows about itself and the checker cannot see from outside."""

    seed: int
    concurrency: int
    starts_a_second: float
    stall_seconds: float
    """The longest for which anything was held up between the product's decision to start and the provider's answer."""
    on_its_way_seconds: float = 0.0
    """The longest for which a request that was sent lay in front of a provider that stood still."""
    analysis_wait_seconds: float = 0.0
    """For so long after its end a call waits for its analysis."""
    unrecorded: Sequence[Sequence[str]] = ()
    """Since when (a backup) and until when (its restore) the database was lost, ISO 8601."""
    wanted: Mapping[str, int] = field(default_factory=dict)
    """What was asked for: `calls`, and strikes of each kind."""
    strikes: Mapping[str, int] = field(default_factory=dict)
    sent: Sequence[Mapping[str, Any]] = ()
    """Each list that the operator was told is taken: `batch_id`, `ruts`, `bad_rows` and `is_cancelled`."""
    paid: Sequence[Mapping[str, str]] = ()
    """Each payment that the operator was told is booked: `account_id` and `key`."""
    forbidden: Sequence[str] = ()
    """National ids that the operator was told nobody calls any more."""
    left_final: Sequence[str] = ()
    """What `FinalStates` saw in its looks during the run."""
    seconds: float = 0.0
    is_quiet: bool = True

    @property
    def limits(self) -> Limits:
        """Without the gap between two starts: in real time a stall anywhere moves single ones together, and
        `starts_keep_the_rate` judges them."""
        return Limits(
            concurrency=self.concurrency,
            starts_a_second=1_000_000.0,
            on_its_way=timedelta(seconds=self.on_its_way_seconds),
            unrecorded=tuple((datetime.fromisoformat(a), datetime.fromisoformat(b)) for a, b in self.unrecorded),
        )


def findings(evidence: Evidence, run: Run) -> dict[str, list[str]]:
    """What was found for each row of ROWS, [] where it is as it should be."""
    found = list(violations(evidence, run.limits))
    found += [Violation(2, what, "FinalStates") for what in run.left_final]
    found += [Violation(law, what, check.__name__) for law, check in OWN_CHECKS for what in check(evidence, run)]
    by_check: dict[str, list[str]] = defaultdict(list)
    for violation in found:
        by_check[violation.found_by].append(f"law {violation.law}: {violation.what}")
    return {row: [what for check in checks for what in by_check[check]] for row, checks in ROWS.items()}


def everybody_sent_is_there(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 2: of every list that the operator sent, each person is a contact of it, each bad row rejected."""
    people: dict[str, Counter[str]] = defaultdict(Counter)
    for job in evidence.jobs:
        people[job["batch_id"]][job["rut"]] += 1
    rejected = Counter(row["batch_id"] for row in evidence.rejected)
    for one in run.sent:
        batch_id, expected = one["batch_id"], Counter(one["ruts"])
        if missing := expected - people[batch_id]:
            yield f"batch {batch_id} lacks {len(missing)} of its people, {min(missing)} among them"
        if more := people[batch_id] - expected:
            yield f"batch {batch_id} has {len(more)} contacts that its list has not"
        if rejected[batch_id] != one["bad_rows"]:
            yield f"batch {batch_id} rejected {rejected[batch_id]} rows of {one['bad_rows']}"
    for batch_id in people.keys() - {one["batch_id"] for one in run.sent}:
        yield f"batch {batch_id} was never sent"


def nobody_due_is_left(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 2: in the quiet after the run nobody waits whose time has come, unless the account or the list is stopped."""
    batches, accounts = evidence.by_id("batches"), evidence.by_id("accounts")
    for job in evidence.jobs:
        batch, account = batches[job["batch_id"]], accounts.get(job["account_id"])
        due = job.get("next_attempt_at")
        if job["status"] == "pending" and batch["status"] == "running" and due and due < evidence.now - SOON:
            yield f"job {job['_id']} was due at {due} and was not dialled by {evidence.now}"
        if job["status"] == "suspended" and account is not None and account["status"] == "active":
            yield f"job {job['_id']} is suspended ({job.get('reason')}), its account is active"
    for batch in evidence.batches:
        if batch["status"] not in ("running", "completed", "cancelled"):
            yield f"batch {batch['_id']} is {batch['status']}: {batch.get('reason')}"
    if not run.is_quiet:
        yield "the system did not come to rest in time"


def what_was_stopped_stays_so(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 5: lists that the operator cancelled are, and no others; whoever is not to be called is on that list."""
    for one in run.sent:
        batch = evidence.by_id("batches").get(one["batch_id"])
        if batch is not None and (batch["status"] == "cancelled") != one["is_cancelled"]:
            yield f"batch {batch['_id']} is {batch['status']}, cancelled by the operator: {one['is_cancelled']}"
    people = evidence.by_id("people")
    for job in evidence.jobs:
        if job["rut"] in run.forbidden and not people.get(job["person_id"], {}).get("do_not_call"):
            yield f"{job['person_id']} is not on the do-not-call list"


def every_payment_is_booked(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 7: what was paid in stands in the ledger, and nothing else does (`balances_agree`: each key once)."""
    booked = Counter((one["account_id"], one["key"]) for one in evidence.ledger if one["kind"] == "top_up")
    paid = {(one["account_id"], f"topup:{one['key']}") for one in run.paid}
    for account_id, key in paid ^ booked.keys():
        yield f"the ledger of {account_id} has {booked[account_id, key]} entries {key}"


def everything_wanted_was_done(evidence: Evidence, run: Run) -> Iterator[str]:
    """A run in which the system stopped calling, or was struck less than asked, shows nothing."""
    for what, wanted in run.wanted.items():
        done = len(evidence.calls) if what == "calls" else run.strikes.get(what, 0)
        if done < wanted:
            yield f"{what}: {done} of {wanted}"


def starts_keep_the_rate(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 6: over no stretch of time more starts than the rate allows in it and in one stall before it."""
    worst = bunching_seconds(evidence, run.starts_a_second)
    if worst > run.stall_seconds:
        yield f"starts ran {worst:.1f} s ahead of the rate, the longest stall was {run.stall_seconds:.1f} s"


def bunching_seconds(evidence: Evidence, starts_a_second: float) -> float:
    """By how much the starts ever ran ahead of an even spacing, in seconds; 0 where they were spaced evenly or wider.

    The greatest (j - i) / rate - (t_j - t_i) over all pairs of starts i before j.
    """
    ahead = least = worst = 0.0
    starts = [call["accepted_ms"] / 1000 for call in calls_in_order(evidence) if call["dialled"]]
    for number, at in enumerate(starts):
        ahead = number / starts_a_second - (at - starts[0])
        least = min(least, ahead)
        worst = max(worst, ahead - least)
    return worst


def every_action_arrived_under_one_key(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 8: nothing waits for delivery any more; a follow-up has one key and one body; none of a call that was not."""
    happened = {attempt_of(call) for call in evidence.calls if rang(call)}
    keys: dict[tuple[str, str], set[str]] = defaultdict(set)
    bodies: dict[str, set[str]] = defaultdict(set)
    for delivery in evidence.deliveries:
        keys[delivery["attempt_id"], delivery["action"]].add(delivery["key"])
        bodies[delivery["key"]].add(delivery["body"])
        if delivery["attempt_id"] not in happened:
            yield f"the receiver got {delivery['key']} for a call that did not happen"
    for (attempt_id, name), different in keys.items():
        if len(different) > 1:
            yield f"the receiver got {name} of attempt {attempt_id} under {len(different)} keys"
    for key, different in bodies.items():
        if len(different) > 1:
            yield f"the receiver got {len(different)} bodies under {key}"
    for action in evidence.actions:
        if action["state"] != "delivered":
            yield f"action {action['_id']} is {action['state']}"


def analyses_are_waited_for(evidence: Evidence, run: Run) -> Iterator[str]:
    """Law 8: what was said is known before a call is judged, unless the analysis did not come in its time."""
    wait = timedelta(seconds=run.analysis_wait_seconds)
    for attempt_id, attempt in _without_analysis(evidence).items():
        if attempt["state"] == "finished" and attempt["finished_at"] - attempt["ended_at"] < wait:
            yield f"attempt {attempt_id} was judged without its analysis, {wait} after its end were to be waited for"


OWN_CHECKS = (
    (2, everybody_sent_is_there),
    (2, nobody_due_is_left),
    (2, everything_wanted_was_done),
    (5, what_was_stopped_stays_so),
    (6, starts_keep_the_rate),
    (7, every_payment_is_booked),
    (8, every_action_arrived_under_one_key),
    (8, analyses_are_waited_for),
)


def informational(evidence: Evidence, run: Run) -> dict[str, str]:
    """What says how hard the run was."""
    calls, states = calls_in_order(evidence), Counter(attempt["state"] for attempt in evidence.attempts)
    got = Counter(delivery["key"] for delivery in evidence.deliveries)
    unknown = sum(1 for one in evidence.attempts if one["state"] == "finished" and one.get("outcome") == "unknown")
    never_found = sum(1 for one in evidence.attempts if one["state"] == "finished" and not one.get("call_id"))
    minutes = run.seconds / 60
    return {
        "calls placed": str(len(evidence.calls)),
        "attempts": f"{len(evidence.attempts)} ({', '.join(f'{n} {state}' for state, n in states.most_common())})",
        "people, contacts, lists": f"{len(evidence.people)}, {len(evidence.jobs)}, {len(evidence.batches)}",
        "contacts final": str(sum(job["status"] in FINAL for job in evidence.jobs)),
        "follow-ups, and delivered more than once": f"{len(got)}, {sum(n > 1 for n in got.values())}",
        "attempts closed as unknown, of them never found": f"{unknown}, {never_found}",
        "talks, of them kept without their analysis": (
            f"{len(_told_talks(evidence))}, {len(_without_analysis(evidence))}"
        ),
        "starts bunched by a stall, at most": f"{bunching_seconds(evidence, run.starts_a_second):.1f} s",
        "minutes, calls a minute": f"{minutes:.1f}, {len(calls) / minutes:.0f}" if minutes else "0, 0",
    }


def _told_talks(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """The attempts in whose calls somebody talked, as far as their ends were told."""
    attempts = evidence.by_id("attempts")
    ids = (attempt_of(call) for call in evidence.calls if rang(call) and talked(call))
    return {one: attempts[one] for one in ids if attempts.get(one, {}).get("retell")}


def _without_analysis(evidence: Evidence) -> dict[str, dict[str, Any]]:
    """Of them those that Retell analyses, which is none that ended with an error, and whose analysis was not kept."""
    told = ((one, attempt, attempt["retell"]) for one, attempt in _told_talks(evidence).items())
    return {
        one: attempt
        for one, attempt, retell in told
        if retell.get("call_status") == "ended" and not retell.get("call_analysis")
    }
