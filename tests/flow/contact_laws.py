"""Laws 3, 4 and 5 from outside: how often, after how much silence, and when somebody was really called.

Enter the evidence; leave sentences about what was broken. Every call is held against what had happened before it, under
the numbers of its own batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .doors import why_closed
from .evidence import (
    Document,
    Evidence,
    calls_in_order,
    calls_of_lost_lists,
    calls_that_rang,
    end_of,
    instant_of,
    job_of,
    rang,
    talked,
    was_silent,
)
from .rules import Limits, Rules, rules_of
from .wishes import Wish, kept_by

WEEK = timedelta(days=7)
PACE = timedelta(seconds=10)
"""Between taking a person's turn and the call itself a worker waits for its start, for less than this."""


@dataclass(frozen=True, slots=True)
class Made:
    """One call that rang, as a later one looks back at it."""

    at: datetime
    talked: bool


@dataclass(frozen=True, slots=True)
class Dialled:
    """One call of the journal with everything that it is judged by. `wish` is the callback that it keeps."""

    call: Document
    job: Document
    batch: Document
    rules: Rules
    wish: Wish | None

    @property
    def at(self) -> datetime:
        return instant_of(self.call)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.job["time_zone"])

    @property
    def lifted(self) -> bool:
        return self.wish is not None and self.rules.callback_lifts

    def made(self) -> Made:
        return Made(self.at, talked(self.call, machines_count=self.rules.voicemail_is_contact))


def dialled(evidence: Evidence) -> list[Dialled]:
    """Every call of a known batch in order."""
    jobs, batches, accounts = (evidence.by_id(name) for name in ("jobs", "batches", "accounts"))
    kept, found = kept_by(evidence), []
    for call in calls_in_order(evidence):
        job = jobs[job_of(call)]
        if (batch := batches.get(job["batch_id"])) is not None:
            rules = rules_of(batch, accounts.get(str(batch.get("account_id"))))
            found.append(Dialled(call, job, batch, rules, kept.get(call["call_id"])))
    return found


def caps_hold(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 3: attempts a day and a week, contacts, quiet days and rests, of a person and of a telephone.

    A telephone's hold also where a list was lost with its database; a person's only by the lists that are known.
    """
    people: dict[str, list[Made]] = defaultdict(list)
    phones: dict[str, list[Made]] = defaultdict(list)
    lost: dict[str, list[Made]] = defaultdict(list)
    for call in calls_of_lost_lists(evidence):
        lost[call["to_number"]].append(Made(instant_of(call), talked(call)))
    for one in dialled(evidence):
        if not rang(one.call):
            continue
        person, number = one.job["person_id"], one.call["to_number"]
        to_it = [*phones[number], *(made for made in lost[number] if made.at < one.at)]
        yield from (f"person {person} {words}" for words in broken_caps(one, people[person]))
        yield from (f"phone {number} {words}" for words in broken_phone_caps(one, to_it))
        people[person].append(one.made())
        phones[number].append(one.made())


def broken_caps(one: Dialled, before: list[Made], at: datetime | None = None) -> Iterator[str]:
    """Which of a person's caps forbid the call at its instant (or at `at`), after the calls `before`."""
    at, rules, zone = at or one.at, one.rules, one.zone
    today = at.astimezone(zone).date()
    days = [(made.at.astimezone(zone).date(), made.talked) for made in before]
    count = 1 + sum(day == today for day, _ in days)
    if count > rules.attempts_a_day:
        yield f"was called {count} times on {today}"
    if before and at - before[-1].at < timedelta(minutes=rules.minutes_between_attempts) - PACE:
        yield f"was called {at - before[-1].at} after the call before, on {today}"
    if one.lifted:
        return
    week = [(day, heard) for day, heard in days if day > today - WEEK]
    if rules.attempts_a_week is not None and len(week) >= rules.attempts_a_week:
        yield f"was called {len(week) + 1} times in the week until {today}"
    contacts = sum(heard for _, heard in week)
    if rules.contacts_a_week is not None and contacts >= rules.contacts_a_week:
        yield f"was called on {today} after {contacts} contacts in that week"
    quiet = [day for day, heard in days if heard and today - day < timedelta(days=rules.quiet_days)]
    if quiet:
        yield f"was called on {today} within {rules.quiet_days} days from the conversation on {quiet[-1]}"


def broken_phone_caps(one: Dialled, before: list[Made], at: datetime | None = None) -> Iterator[str]:
    """Which of a telephone's caps forbid the call, as `broken_caps`."""
    rules, today = one.rules, (at or one.at).astimezone(one.zone).date()
    days = [made.at.astimezone(one.zone).date() for made in before]
    count = 1 + sum(day == today for day in days)
    if rules.phone_attempts_a_day is not None and count > rules.phone_attempts_a_day:
        yield f"was dialled {count} times on {today}"
    week = 1 + sum(day > today - WEEK for day in days)
    if rules.phone_attempts_a_week is not None and week > rules.phone_attempts_a_week and not one.lifted:
        yield f"was dialled {week} times in the week until {today}"


def one_call_at_once(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 3: neither a person nor a telephone is called while a call to it is live."""
    jobs = evidence.by_id("jobs")
    until: dict[str, int] = {}
    for call in calls_that_rang(evidence):
        ends = call["live_until_ms"] if call["live_until_ms"] is not None else 0
        for who in (f"person {jobs[job_of(call)]['person_id']}", f"phone {call['to_number']}"):
            if call["accepted_ms"] < until.get(who, 0):
                yield f"{who} was called while another call to it was live"
            until[who] = max(until.get(who, 0), ends)


def attempts_of_a_job(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 3: a contact has its number of attempts, and one more for each callback that was kept."""
    made: Counter[str] = Counter()
    for one in dialled(evidence):
        if rang(one.call):
            made[one.job["_id"]] += one.wish is None
            if made[one.job["_id"]] > one.job["max_attempts"] and not one.job.get("resets"):
                yield f"job {one.job['_id']} was called {made[one.job['_id']]} times of {one.job['max_attempts']}"


def silence_excludes(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 4. A silent day counts once it is over; a conversation ends the row. A machine that answers is silence,
    whatever it is for other laws."""
    days: dict[str, dict[date, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in dialled(evidence):
        if not rang(one.call):
            continue
        person, today = one.job["person_id"], one.at.astimezone(one.zone).date()
        before = [day for day in silent_row(days[person]) if day < today]
        if len(before) >= one.rules.silent_days:
            yield f"person {person} was called on {today} after silence on {[str(day) for day in before]}"
        days[person][today].append(heard(one.call))


def silent_row(days: dict[date, list[str]]) -> list[date]:
    """The local days of silence since the last conversation, from what was heard on each day."""
    silent: list[date] = []
    for day, ends in sorted(days.items()):
        if "talked" in ends:
            silent = []
        elif "silent" in ends:
            silent.append(day)
    return silent


def heard(call: Document) -> str:
    """`silent`, `talked` or `neither`, whatever a law makes of machines."""
    if was_silent(call):
        return "silent"
    return "talked" if talked(call) else "neither"


def only_when_open(evidence: Evidence, limits: Limits) -> Iterator[str]:
    """Law 5: hours, days and holidays at the contact's place; a running list; an active account that may call there."""
    suspended, accounts = suspensions(evidence), evidence.by_id("accounts")
    for one in dialled(evidence):
        job, at = one.job, one.at
        countries = accounts.get(str(one.batch.get("account_id")), {}).get("countries")
        if closed := why_closed(one.rules.door, job, at):
            yield f"job {job['_id']} was called {closed}"
        yield from _stopped(one, suspended[one.batch.get("account_id")], limits)
        if countries and job["country"] not in countries:
            yield f"job {job['_id']} was called in {job['country']}, its account may call {countries}"
        if _too_early_for_a_wave(one):
            yield f"job {job['_id']} of a wave batch was called before the day's first wave, at {at}"


def _stopped(one: Dialled, suspended: list[Span], limits: Limits) -> Iterator[str]:
    at, decided_at = one.at, one.at - limits.on_its_way
    if not limits.is_recorded(at):
        return
    if not (was_running(one.batch, at) or was_running(one.batch, decided_at)):
        yield f"job {one.job['_id']} was called at {at} while its batch was not running"
    if stopped := covering(suspended, decided_at, at):
        yield f"job {one.job['_id']} was called at {at}, its account is suspended since {stopped}"


def nobody_who_is_not_to_be_called(evidence: Evidence, limits: Limits) -> Iterator[str]:
    """Law 5: whoever asked not to be called in a call, and whoever is on the list by command, and their telephones."""
    forbidden = _do_not_call_by_command(evidence)
    asked: dict[str, datetime] = {}
    for one in dialled(evidence):
        at, who = one.at, {f"person {one.job['person_id']}", f"phone {one.call['to_number']}"}
        for name in sorted(who):
            if asked.get(name, at) < at and not _lifted_since(forbidden[name], asked[name], at):
                yield f"{name} was called after asking not to be"
            if since := covering(forbidden[name], at - limits.on_its_way, at):
                yield f"{name} was called at {at}, on the do-not-call list since {since}"
        if one.call["disconnection_reason"] == "user_requested_dnc":
            asked.update((name, end_of(one.call) or at) for name in who)


def was_running(batch: Document, at: datetime) -> bool:
    """By the batch's own history: the state that the last change before the instant left it in, or one of the very
    instant, whose order nobody knows."""
    changes = [change["status"] for change in batch.get("history", []) if change["at"] < at]
    now = {change["status"] for change in batch.get("history", []) if change["at"] == at}
    is_running = not changes or changes[-1] == "running" or "running" in now
    return bool(batch.get("loaded_at", at) <= at and is_running)


Span = tuple[datetime, datetime | None]
"""Since when, and until when; None is until now."""
Spans = defaultdict[Any, list[Span]]


def covering(spans: list[Span], at: datetime, end: datetime | None = None) -> datetime | None:
    """When the span began that covers the instant (or all from there to `end`), its own beginning excluded."""
    return next((since for since, until in spans if since < at and (until is None or (end or at) < until)), None)


def suspensions(evidence: Evidence) -> Spans:
    """When each account was suspended, by its own history."""
    return _spans(
        (account["_id"], change["at"], {"suspended": True, "resumed": False}.get(change["what"]))
        for account in evidence.accounts
        for change in account.get("history", ())
    )


def _do_not_call_by_command(evidence: Evidence) -> Spans:
    return _spans(
        (f"{kind} {document['_id']}", change["at"], {"add": True, "lift": False}[change["did"]])
        for kind, documents in (("person", evidence.people), ("phone", evidence.phones))
        for document in documents
        for change in document.get("do_not_call_history", ())
        if "at" in change  # one without an instant was said in a call, whose end is its instant
    )


def _lifted_since(spans: list[Span], asked_at: datetime, at: datetime) -> bool:
    return any(until is not None and asked_at <= until <= at for _, until in spans)


def _spans(changes: Iterator[tuple[Any, datetime, bool | None]]) -> Spans:
    """Changes of state, True for the beginning of a span and False for its end, as spans by name."""
    spans: Spans = defaultdict(list)
    for name, at, begins in changes:
        is_open = bool(spans[name]) and spans[name][-1][1] is None
        if begins is True and not is_open:
            spans[name].append((at, None))
        elif begins is False and is_open:
            spans[name][-1] = (spans[name][-1][0], at)
    return spans


def _too_early_for_a_wave(one: Dialled) -> bool:
    if one.batch["pacing"] != "waves" or one.wish is not None:
        return False
    return one.at.astimezone(ZoneInfo(one.batch["time_zone"])).time() < min(map(time.fromisoformat, one.rules.waves))


def people_a_day(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 5: no more people on a day than a wave batch has places. Who asked to be called needs none."""
    people: dict[tuple[str, date], set[str]] = defaultdict(set)
    most: dict[str, int] = {}
    for one in dialled(evidence):
        if one.batch["pacing"] == "waves" and one.wish is None and rang(one.call):
            day = one.at.astimezone(ZoneInfo(one.batch["time_zone"])).date()
            people[one.batch["_id"], day].add(one.job["person_id"])
            most[one.batch["_id"]] = one.rules.people_a_day
    for (batch_id, day), called in people.items():
        if len(called) > most[batch_id]:
            yield f"batch {batch_id} called {len(called)} people on {day}"
