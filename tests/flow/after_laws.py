"""Law 8 from outside: what follows from a call that happened, and only from one that happened.

Enter the evidence; leave sentences about what was broken: follow-up actions, and callbacks that somebody asked for.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from .contact_laws import (
    Dialled,
    Made,
    Span,
    broken_caps,
    broken_phone_caps,
    covering,
    dialled,
    suspensions,
    was_running,
)
from .doors import why_closed
from .evidence import Document, Evidence, attempt_of, calls_of_lost_lists, job_of, rang, talked
from .rules import Limits
from .wishes import Wish, wishes

PROMISED = "fecha_pago_cliente"
AFTER_A_PROMISE = frozenset({"payment_link", "review_promise"})
"""Of these one follows from every promise in a debt collection, and none from any other call."""
AFTER_A_FIELD = {"reminder": {"reschedule": "nueva_fecha"}, "marketing": {"send_information": "interesado"}}
"""By use case: what follows from a conversation in which the agent filled a field."""
STEP = timedelta(minutes=5)


def actions_exist_once(evidence: Evidence, _: Limits) -> Iterator[str]:
    """One document for each (attempt, action), for no attempt without a call, and for every promise."""
    attempts = evidence.by_id("attempts")
    calls = {attempt_of(call): call for call in evidence.calls}
    names: dict[str, set[str]] = defaultdict(set)
    for (attempt_id, name), count in Counter((one["attempt_id"], one["name"]) for one in evidence.actions).items():
        names[attempt_id].add(name)
        if count > 1:
            yield f"action {name} of attempt {attempt_id} exists {count} times"
        call = calls.get(attempt_id)
        if attempt_id not in attempts:
            yield f"action {name} belongs to no attempt"
        elif call is None or not rang(call):
            yield f"action {name} follows from attempt {attempt_id}, whose call did not happen"
    for attempt in evidence.attempts:
        call = calls.get(attempt["_id"])
        if attempt["state"] == "finished" and call is not None:
            found = names[attempt["_id"]]
            if not _are_due(found, attempt, call):
                yield f"from attempt {attempt['_id']} followed {sorted(found)}, captured was {_captured(attempt)}"


def _are_due(found: Set[str], attempt: Document, call: Document) -> bool:
    """Whether these actions, and no others, follow from the call."""
    fields = _captured(attempt) if talked(call) else {}
    if attempt.get("use_case") == "debt_collection":
        return found <= AFTER_A_PROMISE and len(found) == bool(fields.get(PROMISED))
    table = AFTER_A_FIELD.get(str(attempt.get("use_case")), {})
    return found == {name for name, field in table.items() if fields.get(field)}


def _captured(attempt: Document) -> Mapping[str, object]:
    retell = attempt.get("retell") or {}
    found: Mapping[str, object] = (retell.get("call_analysis") or {}).get("custom_analysis_data") or {}
    return found


def actions_are_delivered(evidence: Evidence, _: Limits) -> Iterator[str]:
    """What the receiver got: every action at least once, each under its own key, and nothing else."""
    got = Counter(delivery["key"] for delivery in evidence.deliveries)
    actions = evidence.by_id("actions")
    lost = {attempt_of(call) for call in calls_of_lost_lists(evidence)}
    known = {one["key"] for one in evidence.deliveries if one["attempt_id"] not in lost}
    for key in known - actions.keys():
        yield f"the receiver got {key}, which is no action"
    for delivery in evidence.deliveries:
        action = actions.get(delivery["key"])
        if action is not None and delivery["attempt_id"] != action["attempt_id"]:
            yield f"the receiver got {delivery['key']} for attempt {delivery['attempt_id']}"
    for action in evidence.actions:
        if action["state"] == "delivered" and action["_id"] not in got:
            yield f"action {action['_id']} is delivered and the receiver never got it"


def callbacks_are_kept(evidence: Evidence, limits: Limits) -> Iterator[str]:
    """Who asked for a callback is called at the first allowed moment from then on, never before, by the same contact
    of the same batch; or the contact is final, or waits, for a reason of its own."""
    calls = dialled(evidence)
    by_job: dict[str, list[Dialled]] = defaultdict(list)
    by_person: dict[str, list[Dialled]] = defaultdict(list)
    by_number: dict[str, list[Dialled]] = defaultdict(list)
    for one in calls:
        by_job[job_of(one.call)].append(one)
        if rang(one.call):
            by_person[one.job["person_id"]].append(one)
            by_number[one.call["to_number"]].append(one)
    suspended, zone = suspensions(evidence), ZoneInfo(limits.zone)
    full_days = _full_days(evidence, calls, zone)
    for wish in wishes(evidence):
        mine = by_job[wish.job_id]
        place = next(n for n, one in enumerate(mine) if one.call["call_id"] == wish.call_id)
        asking, after = replace(mine[place], wish=wish), mine[place + 1 :]
        kept_at = after[0].at if after else None
        if (
            (asking.job["status"] == "done" and not after)
            or _is_gone(evidence, asking)
            or _is_void(evidence, asking.job, wish)
        ):
            continue  # a promise was made in the same breath, or nobody may call any more
        if kept_at is not None and kept_at < wish.at:
            yield f"job {wish.job_id} was called at {kept_at}, the callback was asked for {wish.at}"
            continue
        account_id = asking.batch.get("account_id")
        situation = _Situation(
            asking=asking,
            others=by_person[asking.job["person_id"]],
            lines=[by_number[number] for number in {asking.job["to_number"], *asking.job.get("try_phones", ())}],
            suspended=suspended[account_id],
            full_days=full_days[account_id],
            zone=zone,
        )
        free = _free_minutes(situation, wish.at, kept_at or evidence.now)
        if free > limits.callback_minutes:
            state = f"called at {kept_at}" if kept_at else f"{asking.job['status']} ({asking.job.get('reason')})"
            yield f"job {wish.job_id} asked for a callback at {wish.at}, {free} allowed minutes later it is {state}"


def _is_gone(evidence: Evidence, asking: Dialled) -> bool:
    """Whether the person or every one of the contact's phones is on the do-not-call list now, or the batch is over, or
    the person was silent for too long meanwhile, called from another list."""
    silent = {document["_id"]: len(document.get("silent_on", ())) for document in evidence.people}
    if silent.get(asking.job["person_id"], 0) >= asking.rules.silent_days:
        return True
    unwanted = {document["_id"] for document in (*evidence.people, *evidence.phones) if document.get("do_not_call")}
    job = asking.job
    left = {job["to_number"], *job.get("try_phones", ())} - {*job.get("bad_phones", ())} - unwanted
    return job["person_id"] in unwanted or not left or asking.batch["status"] == "cancelled"


def _is_void(evidence: Evidence, job: Document, wish: Wish) -> bool:
    """An operator's reset begins anew, without the callback; only one call may come above the attempts; and a call of
    which Retell never told anything counts as the one that was asked for."""
    was_reset = any(wish.said_at <= reset["at"] for reset in job.get("resets", ()))
    above = job["status"] == "failed" and job["attempts"] > job["max_attempts"]
    untold = any(
        attempt["job_id"] == job["_id"] and attempt["placing_at"] >= wish.at and attempt.get("outcome") == "unknown"
        for attempt in evidence.attempts
    )
    return was_reset or above or untold


@dataclass(frozen=True, slots=True, kw_only=True)
class _Situation:
    """What may keep somebody waiting who asked for a callback in the call `asking`.

    `others` are all calls to the person, `lines` those to each of the contact's telephones.
    """

    asking: Dialled
    others: list[Dialled]
    lines: list[list[Dialled]]
    suspended: list[Span]
    full_days: Mapping[date, datetime]
    zone: ZoneInfo

    def allows(self, at: datetime) -> bool:
        rules, full_at = self.asking.rules, self.full_days.get(at.astimezone(self.zone).date())
        if why_closed(rules.door, self.asking.job, at) or not was_running(self.asking.batch, at):
            return False
        if covering(self.suspended, at) or (full_at is not None and full_at <= at):
            return False
        lines = (broken_phone_caps(self.asking, _before(line, at), at) for line in self.lines)
        return not any(broken_caps(self.asking, _before(self.others, at), at)) and not all(any(line) for line in lines)


def _before(calls: list[Dialled], at: datetime) -> list[Made]:
    return [one.made() for one in calls if one.at < at]


def _free_minutes(situation: _Situation, since: datetime, until: datetime) -> int:
    """How long from `since` to `until` nothing forbade the callback."""
    instants = range(max(0, int((until - since) / STEP)))
    return sum(situation.allows(since + n * STEP) for n in instants) * int(STEP / timedelta(minutes=1))


def _full_days(evidence: Evidence, calls: list[Dialled], zone: ZoneInfo) -> dict[object, dict[date, datetime]]:
    """Of each account the days on which its calls were used up, and since when."""
    most = {account["_id"]: account["calls_a_day"] for account in evidence.accounts}
    made: Counter[tuple[object, date]] = Counter()
    full: dict[object, dict[date, datetime]] = defaultdict(dict)
    for one in calls:
        account_id, day = one.batch.get("account_id"), one.at.astimezone(zone).date()
        made[account_id, day] += 1
        if made[account_id, day] == most.get(str(account_id)):
            full[account_id][day] = one.at
    return full
