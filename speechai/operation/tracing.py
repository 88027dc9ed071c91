"""A contact's whole story in order: the list, the waves, each call from intent to result, and what happened around it.

Enters a job's id; leaves events with their instants (aware UTC) and facts, made of what is stored and of nothing else,
which `speechai trace` prints. Phones and ids stand in the facts as they are: whoever prints them masks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from speechai.errors import NotFound
from speechai.operation.context import Context
from speechai.retell.answers import read_call
from speechai.store.ledger import Kind
from speechai.store.tracing import Traced, everything_about


class Happening(StrEnum):
    """What happened. Of the same instant, the one that stands earlier here came first."""

    LIST_SENT = "list_sent"
    LIST_LOADED = "list_loaded"
    LIST_MOVED = "list_moved"
    """Paused, resumed, completed, cancelled."""
    ACCOUNT_CHANGED = "account_changed"
    WAVE = "wave"
    CALLED_ELSEWHERE = "called_elsewhere"
    """The same person or telephone was called for another list."""
    PLACING = "placing"
    """The intent was recorded; from here on the request may have been sent."""
    REFUSED = "refused"
    """Retell refused the request: no call happened."""
    ACCEPTED = "accepted"
    CONNECTED = "connected"
    STOP_ASKED = "stop_asked"
    RETELL_ENDED = "retell_ended"
    ENDED = "ended"
    """The product heard of the end."""
    GIVEN_UP = "given_up"
    """Retell never told of it: its end, or whether it was placed."""
    DO_NOT_CALL = "do_not_call"
    CHARGED = "charged"
    FOLLOW_UP = "follow_up"
    FOLLOW_UP_TRY = "follow_up_try"
    FOLLOW_UP_DELIVERED = "follow_up_delivered"
    FOLLOW_UP_DEAD = "follow_up_dead"
    FINISHED = "finished"
    """The result is written, and the job has its next step."""
    ADOPTED = "adopted"
    """Its record was made from Retell's list after a restore."""
    DENIED = "denied"
    """The last refusal before a call: each overwrites the one before it."""
    RESET = "reset"
    STATE = "state"
    """The job came into the state in which it is."""
    CALLBACK = "callback"
    """The time that the person asked for."""
    NEXT_LOOK = "next_look"
    NEXT_ATTEMPT = "next_attempt"


_RANK = {kind: place for place, kind in enumerate(Happening)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, or is to happen, at an instant."""

    at: datetime
    what: Happening
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The events in order; those after `now` are still to come."""

    job: Mapping[str, Any]
    now: datetime
    events: tuple[Event, ...]


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """By instant; at one instant in the order of a call's life, and then as they were given."""
    return tuple(sorted(events, key=lambda event: (event.at, _RANK[event.what])))


def trace(context: Context, job_id: str) -> Story:
    """The story of a job as it is stored now. Raises NotFound."""
    found = everything_about(context.store, job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id}: `speechai batch ID --jobs` lists those of a batch")
    told = in_order((*_of_the_list(found), *_of_the_calls(found), *_of_the_person(found), *_of_the_job(found)))
    now = context.clock()
    first = told[0].at if told else now
    return Story(job=found.job, now=now, events=in_order((*told, *_of_the_account(found, first))))


def _of_the_list(found: Traced) -> Iterator[Event]:
    batch = found.batch
    if batch is None:
        return
    file = batch.get("file") or {}
    place = {"position": found.job.get("position", 0) + 1, "file": file.get("name")}
    yield Event(at=batch["created_at"], what=Happening.LIST_SENT, facts={"batch_id": batch["_id"], **place})
    if batch.get("loaded_at"):
        yield Event(
            at=batch["loaded_at"],
            what=Happening.LIST_LOADED,
            facts={"policy": batch["policy"], "pacing": batch["pacing"], "use_case": batch["use_case"]},
        )
    for change in batch.get("history", ()):
        yield Event(at=change["at"], what=Happening.LIST_MOVED, facts=_pick(change, "status", "reason"))
    for wave in found.waves:
        yield Event(at=wave["opened_at"], what=Happening.WAVE, facts=_pick(wave, "day", "wave", "state"))


def _of_the_calls(found: Traced) -> Iterator[Event]:
    for attempt in found.attempts:
        yield from _of_a_call(attempt, found)
    for entry in found.entries:
        amounts = {"amount": entry.amount, "estimated": entry.estimated, "corrects": entry.kind is Kind.CORRECT}
        facts = {"attempt_id": entry.attempt_id, **amounts, "note": entry.note}
        yield Event(at=entry.at, what=Happening.CHARGED, facts=facts)
    for action in found.actions:
        yield from _of_a_follow_up(action)


def _of_a_call(attempt: Mapping[str, Any], found: Traced) -> Iterator[Event]:
    known = {"attempt_id": attempt["_id"], "number": attempt["number"]}

    def event(at: datetime | None, what: Happening, **facts: Any) -> Iterator[Event]:
        if at is not None:
            yield Event(at=at, what=what, facts={**known, **facts})

    taken = _pick(attempt, "to_number", "from_number", "agent_id", "policy", "variant")
    yield from event(attempt["placing_at"], Happening.PLACING, **taken, offer=attempt.get("offer"))
    is_refused = attempt["state"] == "refused"
    yield from event(
        attempt.get("accepted_at"), Happening.ACCEPTED, call_id=attempt.get("call_id"), doubt=attempt.get("doubt")
    )
    facts = read_call(attempt["retell"]) if attempt.get("retell") is not None else None
    if facts is not None:
        yield from event(facts.started_at, Happening.CONNECTED)
        yield from event(facts.ended_at, Happening.RETELL_ENDED, reason=facts.reason, duration_ms=facts.duration_ms)
    yield from event(attempt.get("stop_asked_at"), Happening.STOP_ASKED)
    if is_refused:
        yield from event(attempt.get("ended_at"), Happening.REFUSED, **_pick(attempt, "outcome", "refusal"))
    else:
        heard = Happening.GIVEN_UP if facts is None else Happening.ENDED
        yield from event(attempt.get("ended_at"), heard, polls=attempt.get("poll_number"), doubt=attempt.get("doubt"))
    yield from event(attempt.get("finished_at"), Happening.FINISHED, **_result(attempt, found))
    yield from event(attempt.get("adopted_at"), Happening.ADOPTED)
    if attempt.get("next_poll_at") is not None:
        yield from event(attempt["next_poll_at"], Happening.NEXT_LOOK, state=attempt["state"])


def _result(attempt: Mapping[str, Any], found: Traced) -> dict[str, Any]:
    """The judged result, and which counters hold the call."""
    phone = next((one for one in found.phones if one["_id"] == attempt["to_number"]), None)
    on = attempt.get("local_on")
    return {
        **_pick(attempt, "outcome", "success", "contact", "cost_micros", "promise", "callback", "values"),
        "counted": attempt.get("counted"),
        "counted_on": on,
        "counts_for_person": _counts(found.person, attempt["_id"]),
        "counts_for_phone": _counts(phone, attempt["_id"]),
        "silent_day": on in (found.person or {}).get("silent_on", ()),
    }


def _counts(document: Mapping[str, Any] | None, attempt_id: str) -> bool:
    return any(made["attempt_id"] == attempt_id for made in (document or {}).get("tries", ()))


def _of_a_follow_up(action: Mapping[str, Any]) -> Iterator[Event]:
    known = {"attempt_id": action["attempt_id"], "name": action["name"]}
    state = {"state": action["state"]}
    yield Event(at=action["noted_at"], what=Happening.FOLLOW_UP, facts={**known, **state})
    for made in action.get("tries", ()):
        facts = {**known, "try": made["number"] + 1, "answer": made["answer"]}
        yield Event(at=made["at"], what=Happening.FOLLOW_UP_TRY, facts=facts)
    if action.get("delivered_at"):
        yield Event(at=action["delivered_at"], what=Happening.FOLLOW_UP_DELIVERED, facts=known)
    if action.get("dead_at"):
        yield Event(at=action["dead_at"], what=Happening.FOLLOW_UP_DEAD, facts={**known, "why": action.get("why")})
    if action.get("next_try_at"):
        yield Event(at=action["next_try_at"], what=Happening.NEXT_LOOK, facts={**known, **state})


def _of_the_person(found: Traced) -> Iterator[Event]:
    own = {attempt["_id"]: attempt for attempt in found.attempts}
    counted: dict[str, tuple[datetime, list[str]]] = {}
    for kind, document in (("person", found.person), *(("phone", phone) for phone in found.phones)):
        for made in (document or {}).get("tries", ()):
            if made["attempt_id"] not in own:
                counted.setdefault(made["attempt_id"], (made["at"], []))[1].append(kind)
        for entry in (document or {}).get("do_not_call_history", ()):
            yield from _of_do_not_call(kind, entry, own)
    for attempt_id, (at, kinds) in counted.items():
        yield Event(at=at, what=Happening.CALLED_ELSEWHERE, facts={"attempt_id": attempt_id, "counts_for": kinds})


def _of_do_not_call(kind: str, entry: Mapping[str, Any], own: Mapping[str, Any]) -> Iterator[Event]:
    """A wish that was said in a call has no instant of its own: it has the end of that call, where that is ours."""
    call = own.get(entry.get("by", ""), {})
    at = entry.get("at") or call.get("finished_at") or call.get("ended_at")
    if at is not None:
        facts = {"of": kind, **_pick(entry, "did", "why", "by")}
        yield Event(at=at, what=Happening.DO_NOT_CALL, facts=facts)


def _of_the_job(found: Traced) -> Iterator[Event]:
    job = found.job
    for reset in job.get("resets", ()):
        yield Event(at=reset["at"], what=Happening.RESET, facts=_pick(reset, "from", "reason"))
    denied = job.get("denied")
    if denied and denied.get("at"):
        yield Event(at=denied["at"], what=Happening.DENIED, facts=_pick(denied, "code", "facts", "next_at"))
    if job.get("status_at"):
        facts = _pick(job, "status", "reason", "suspended_by")
        yield Event(at=job["status_at"], what=Happening.STATE, facts=facts)
    if job.get("callback_at"):
        facts = {"looked_at": found.callback["at"] if found.callback else None}
        yield Event(at=job["callback_at"], what=Happening.CALLBACK, facts=facts)
    if job.get("next_attempt_at"):
        facts = {"for_a_wave": not job.get("admitted", True), **_pick(job, "status", "phase")}
        yield Event(at=job["next_attempt_at"], what=Happening.NEXT_ATTEMPT, facts=facts)


def _of_the_account(found: Traced, first: datetime) -> Iterator[Event]:
    """Suspensions and changes since the contact's first event, a second before included: both are written together."""
    for change in (found.account or {}).get("history", ()):
        if change["at"] >= first - timedelta(seconds=1):
            facts = {"account_id": found.job["account_id"], **_pick(change, "what", "by", "why")}
            yield Event(at=change["at"], what=Happening.ACCOUNT_CHANGED, facts=facts)


def _pick(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: document.get(name) for name in names}
