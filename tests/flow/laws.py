"""The outside checker: what really happened, held against the laws of the product.

Enter the simulator's journal (the calls that were really placed) and the raw documents of the database; leave the
violations, [] where every law holds. It shares no rule with the product: hours, days, holidays, caps, silence, money
and callbacks are worked out a second time, from the wording of the laws alone, here and in the modules beside this one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from .after_laws import actions_are_delivered, actions_exist_once, callbacks_are_kept
from .contact_laws import (
    attempts_of_a_job,
    caps_hold,
    nobody_who_is_not_to_be_called,
    one_call_at_once,
    only_when_open,
    people_a_day,
    silence_excludes,
)
from .doors import why_closed
from .evidence import Document, Evidence, attempt_of, calls_in_order
from .money_laws import (
    balances_agree,
    calls_are_charged,
    limits_of_accounts,
    money_is_free,
    nobody_for_an_empty_account,
)
from .record_laws import counters_agree
from .rules import Limits, rules_of

__all__ = ["FinalStates", "Limits", "Violation", "violations"]

FINAL = ("done", "failed", "cancelled")
OPEN_ATTEMPT = ("placing", "unknown", "live", "ended")
NO_CALL_HAPPENED = ("refused", "abandoned")
FORGOTTEN_AFTER = timedelta(hours=2)
"""A due contact of a running batch is dialled within so much open time, even after a death and its recovery."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken law, by its number in the design, what shows it, and the name of the check that found it."""

    law: int
    what: str
    found_by: str = ""


def violations(evidence: Evidence, limits: Limits, *, quiet: bool = True) -> list[Violation]:
    """Every violation found. `quiet` says that no call is live and no message under way: nothing may be held then."""
    checks = [*CHECKS, *(WHEN_QUIET if quiet else ())]
    return [Violation(law, what, check.__name__) for law, check in checks for what in check(evidence, limits)]


def one_call_an_attempt(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 1: an attempt is at most one call, and a call belongs to one attempt that knows it."""
    attempts = evidence.by_id("attempts")
    by_attempt: dict[str, list[str]] = defaultdict(list)
    for call in evidence.calls:
        by_attempt[attempt_of(call)].append(call["call_id"])
    for attempt_id, calls in by_attempt.items():
        attempt = attempts.get(attempt_id)
        if len(calls) > 1:
            yield f"attempt {attempt_id} became {len(calls)} calls"
        if attempt is None:
            yield f"call {calls[0]} belongs to no attempt"
        elif attempt["state"] in NO_CALL_HAPPENED:
            yield f"attempt {attempt_id} is {attempt['state']}, but call {calls[0]} happened"
        elif attempt.get("call_id") not in (None, *calls):
            yield f"attempt {attempt_id} holds the id of another call"
    for attempt in evidence.attempts:
        if attempt.get("call_id") and attempt["_id"] not in by_attempt:
            yield f"attempt {attempt['_id']} holds the id of a call that never happened"


def nobody_is_lost(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 2: every contact is final with a reason, or waits with a time, or is suspended with a reason."""
    batches = evidence.by_id("batches")
    for job in evidence.jobs:
        status, reason, batch = job["status"], job.get("reason"), batches.get(job["batch_id"])
        if batch is None:
            yield f"job {job['_id']} belongs to no batch"
        elif status in (*FINAL, "suspended") and not reason:
            yield f"job {job['_id']} is {status} without a reason"
        elif status in FINAL and job.get("next_attempt_at") is not None:
            yield f"job {job['_id']} is {status} and has a next time"
        elif status == "pending":
            yield from _waits(evidence, job, batch)
        elif status == "suspended" and job.get("suspended_by") == "account":
            yield from _held_by_the_account(evidence, job)
    waiting = {job["batch_id"] for job in evidence.jobs if _has_stayed_open(job, evidence.now)}
    for batch in evidence.batches:
        if batch["status"] in ("completed", "cancelled") and batch["_id"] in waiting:
            yield f"batch {batch['_id']} is {batch['status']} with a contact that is not"
        if batch["status"] in ("received", "loading", "refused") and any(
            job["batch_id"] == batch["_id"] and job.get("attempts") for job in evidence.jobs
        ):
            yield f"batch {batch['_id']} is {batch['status']} and was dialled"


def _has_stayed_open(job: Document, now: datetime) -> bool:
    """Not one whose call goes on although its list was closed, nor one that the next sweep closes or opens again."""
    is_final = job["status"] in (*FINAL, "in_progress")
    return not is_final and (job.get("status_at") or now) < now - timedelta(hours=1)


def _waits(evidence: Evidence, job: Document, batch: Document) -> Iterator[str]:
    due = job.get("next_attempt_at")
    if due is None:
        yield f"job {job['_id']} waits without a time"
        return
    if not job.get("admitted") and batch["pacing"] == "continuous":
        yield f"job {job['_id']} waits for a wave in a batch that has none"
    since = max([due, *_resumed_at(batch, evidence.by_id("accounts").get(job["account_id"]))])
    if batch["status"] == "running" and job.get("admitted") and _open_time(job, batch, since, evidence.now):
        yield f"job {job['_id']} was due at {due} and is forgotten"
    elif batch["status"] == "running" and since < evidence.now - timedelta(days=6):
        yield f"job {job['_id']} waits for a wave since {due}"


def _resumed_at(batch: Document, account: Document | None) -> Iterator[datetime]:
    """Since when at the earliest its list and its account let a contact be called again."""
    yield from (change["at"] for change in batch.get("history", ()) if change["status"] == "running")
    yield from (change["at"] for change in (account or {}).get("history", ()) if change["what"] == "resumed")


def _held_by_the_account(evidence: Evidence, job: Document) -> Iterator[str]:
    """A sweep frees the contacts of an account that is active again within minutes."""
    account = evidence.by_id("accounts").get(job["account_id"])
    if account is None or account["status"] != "active":
        return
    resumed_at = max(
        (change["at"] for change in account["history"] if change["what"] == "resumed"), default=job["status_at"]
    )
    if max(resumed_at, job["status_at"]) < evidence.now - timedelta(hours=1):
        yield f"job {job['_id']} is suspended with an account that is active since {resumed_at}"


def _open_time(job: Document, batch: Document, since: datetime, now: datetime) -> bool:
    """Whether more open time has passed than a due contact ever waits."""
    door, step, passed, at = rules_of(batch).door, timedelta(minutes=15), timedelta(0), since
    while at < now and passed <= FORGOTTEN_AFTER:
        passed += step if why_closed(door, job, at) is None else timedelta(0)
        at += step
    return passed > FORGOTTEN_AFTER


def limits_hold(evidence: Evidence, limits: Limits) -> Iterator[str]:
    """Law 6: live calls, and the gap between two starts."""
    calls = [call for call in calls_in_order(evidence) if call["dialled"]]
    marks = sorted(
        [(call["live_from_ms"], 1) for call in calls]
        + [(call["live_until_ms"], -1) for call in calls if call["live_until_ms"] is not None]
    )  # an end before a start of the same instant
    live = highest = 0
    for _, step in marks:
        live += step
        highest = max(highest, live)
    if highest > limits.concurrency:
        yield f"{highest} calls were live at once, {limits.concurrency} are allowed"
    starts = [call["accepted_ms"] for call in calls]
    gap_ms = int(1000 / limits.starts_a_second)
    for earlier, later in pairwise(starts):
        if later - earlier < gap_ms:
            yield f"two calls started {later - earlier} ms apart, {gap_ms} is the least"


def rows_are_accounted_for(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 9: rows read are accepted, merged, duplicate or rejected, each with its number and reason."""
    jobs: Counter[str] = Counter(job["batch_id"] for job in evidence.jobs)
    rejected: Counter[str] = Counter(row["batch_id"] for row in evidence.rejected)
    for row in evidence.rejected:
        if not row.get("row") or not row.get("reason_code"):
            yield f"a rejected row of batch {row['batch_id']} lacks its number or its reason"
    for batch in evidence.batches:
        counts = batch.get("counts")
        if counts is None:
            if batch["status"] == "refused" and (jobs[batch["_id"]] or rejected[batch["_id"]]):
                yield f"batch {batch['_id']} was refused and left something"
            continue
        parts = sum(counts[name] for name in ("accepted", "merged", "duplicate", "rejected"))
        if counts["rows"] != parts:
            yield f"batch {batch['_id']}: {counts['rows']} rows were read, {parts} are accounted for"
        if (jobs[batch["_id"]], rejected[batch["_id"]]) != (counts["contacts"], counts["rejected"]):
            yield f"batch {batch['_id']} has {jobs[batch['_id']]} jobs and {rejected[batch['_id']]} rejected rows"


def slots_are_free(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 7: no line is held while nothing is live."""
    for slot in evidence.slots:
        if slot["attempt_id"] is not None:
            yield f"slot {slot['_id']} is held by {slot['attempt_id']}"


def turns_are_free(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 7: nobody's turn, and no telephone's, is held while nothing is live."""
    for counted in (*evidence.people, *evidence.phones):
        if counted.get("live_attempt_id") is not None:
            yield f"the turn of {counted['_id']} is held by {counted['live_attempt_id']}"


def nothing_is_under_way(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 7: no contact is held, and no attempt open, while nothing is live."""
    for job in evidence.jobs:
        if job["status"] == "in_progress" or job.get("attempt_id") is not None:
            yield f"job {job['_id']} is {job['status']} and held by {job.get('attempt_id')}"
    for attempt in evidence.attempts:
        if attempt["state"] in OPEN_ATTEMPT:
            yield f"attempt {attempt['_id']} is {attempt['state']}"


Checks = Sequence[tuple[int, Callable[[Evidence, Limits], Iterator[str]]]]
CHECKS: Checks = (
    (1, one_call_an_attempt),
    (2, nobody_is_lost),
    (3, caps_hold),
    (3, attempts_of_a_job),
    (3, counters_agree),
    (3, one_call_at_once),
    (4, silence_excludes),
    (5, only_when_open),
    (5, nobody_who_is_not_to_be_called),
    (5, people_a_day),
    (5, nobody_for_an_empty_account),
    (6, limits_hold),
    (7, balances_agree),
    (7, calls_are_charged),
    (7, limits_of_accounts),
    (8, actions_exist_once),
    (8, actions_are_delivered),
    (8, callbacks_are_kept),
    (9, rows_are_accounted_for),
)
WHEN_QUIET: Checks = (
    (7, slots_are_free),
    (7, turns_are_free),
    (7, nothing_is_under_way),
    (7, money_is_free),
)
"""What may only be held while something is live."""


class FinalStates:
    """Law 10 needs to look again and again: a final state is left only by a reset, which is recorded."""

    def __init__(self, found: Sequence[Violation] = ()) -> None:
        self.violations = list(found)
        self._seen: dict[str, tuple[str, int]] = {}

    def look(self, jobs: Sequence[Document]) -> None:
        """Compares with the look before."""
        for job in jobs:
            resets = len(job.get("resets", ()))
            status, before = self._seen.get(job["_id"], (job["status"], resets))
            if status in FINAL and job["status"] != status and resets == before:
                what = f"job {job['_id']} went from {status} to {job['status']}"
                self.violations.append(Violation(10, what, "FinalStates"))
            self._seen[job["_id"]] = (job["status"], resets)
