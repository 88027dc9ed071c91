"""Law 3 from outside, its other half: what the caps are counted with agrees with the calls that were made.

Enter the evidence; leave sentences about counters that are wrong: of jobs, of people and of telephones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, timedelta

from .contact_laws import PACE, Dialled, dialled, heard, silent_row
from .evidence import Document, Evidence, attempt_of, calls_of_lost_lists, local_time, rang
from .rules import Limits

REMEMBERED_DAYS = timedelta(days=30)
STALL = timedelta(minutes=2)
"""The most by which a worker that is held up between its turn and its request counts an attempt too early."""


def counters_agree(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 3: what the caps are counted with. No attempt is spent twice by a repeated `finish`, none is forgotten.

    An attempt whose call never happened may be counted or not: nobody's telephone rang.
    """
    spent: Counter[str] = Counter()
    happened: Counter[str] = Counter()
    for attempt in evidence.attempts:
        if attempt["state"] == "finished" and attempt.get("counted"):
            spent[attempt["job_id"]] += 1
            happened[attempt["job_id"]] += bool(attempt.get("call_id"))
    for job in evidence.jobs:
        least, most = happened[job["_id"]], spent[job["_id"]]
        if job["status"] != "in_progress" and not job.get("resets") and not least <= job["attempts"] <= most:
            yield f"job {job['_id']} counts {job['attempts']} attempts, {most} were made"
    yield from _tries_agree(evidence)


def _tries_agree(evidence: Evidence) -> Iterator[str]:
    calls: dict[str, list[Dialled]] = defaultdict(list)
    for one in dialled(evidence):
        if rang(one.call):
            calls[f"person {one.job['person_id']}"].append(one)
            calls[f"phone {one.call['to_number']}"].append(one)
    without_call: dict[str, set[str]] = defaultdict(set)
    for attempt in evidence.attempts:
        if attempt["state"] == "finished" and attempt.get("counted") and not attempt.get("call_id"):
            without_call[f"person {attempt['person_id']}"].add(attempt["_id"])
            without_call[f"phone {attempt['to_number']}"].add(attempt["_id"])
    lost: dict[str, set[str]] = defaultdict(set)
    persons = {attempt["_id"]: attempt["person_id"] for attempt in evidence.attempts}
    for call in calls_of_lost_lists(evidence):
        lost[f"phone {call['to_number']}"].add(attempt_of(call))
        lost[f"person {persons.get(attempt_of(call))}"].add(attempt_of(call))
    known = {
        f"{kind} {document['_id']}": document
        for kind, documents in (("person", evidence.people), ("phone", evidence.phones))
        for document in documents
    }
    for name in sorted(known.keys() | calls.keys()):
        document = known.get(name)
        if document is None:
            yield f"{name} was called and has no record"
        elif document.get("live_attempt_id") is None:
            yield from _record_agrees(name, document, calls[name], without_call[name], lost[name])


def _record_agrees(
    name: str, document: Document, calls: list[Dialled], doubtful: set[str], lost: set[str]
) -> Iterator[str]:
    """`lost` are attempts of lists that are not known any more: they count, and what was said in them is not judged."""
    tries = {made["attempt_id"]: made for made in document.get("tries", ())}
    if len(tries) != len(document.get("tries", ())):
        yield f"{name} counts an attempt twice"
    by_attempt = {attempt_of(one.call): one for one in calls}
    days_of = {one.call["call_id"]: local_time(one.call, one.job).date() for one in calls}
    first = max(days_of.values(), default=date.max) - REMEMBERED_DAYS
    for attempt_id, one in by_attempt.items():
        made, on = tries.get(attempt_id), days_of[one.call["call_id"]]
        if made is None and on > first:
            yield f"{name} does not count the call of attempt {attempt_id} on {on}"
        elif made is not None and (made["on"] != on.isoformat() or not -PACE < one.at - made["at"] < STALL):
            yield f"{name} counts attempt {attempt_id} at {made['at']} on {made['on']}, it was made at {one.at}"
    if missing := lost - tries.keys():
        yield f"{name} does not count the calls of attempts {sorted(missing)}, whose list was lost"
    if unknown := tries.keys() - by_attempt.keys() - doubtful - lost:
        yield f"{name} counts attempts {sorted(unknown)} that were not made"
    if lost:
        return
    on_days = ((days_of[one.call["call_id"]], one.made().talked) for one in calls)
    talks = Counter(str(day) for day, heard_somebody in on_days if heard_somebody and day > first)
    if talks != Counter(day for day in document.get("talks_on", ()) if day > str(first)):
        yield f"{name} has talks on {document.get('talks_on')}, the calls were {dict(talks)}"
    if name.startswith("person"):
        days: dict[date, list[str]] = defaultdict(list)
        for one in calls:
            days[days_of[one.call["call_id"]]].append(heard(one.call))
        silent = [str(day) for day in silent_row(days)]
        if silent != sorted(document.get("silent_on", ())):
            yield f"{name} has silent days {document.get('silent_on')}, they were {silent}"
