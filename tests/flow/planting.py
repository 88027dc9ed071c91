"""Evidence made by hand: a healthy one, what is added to it honestly, and how a planted violation is looked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .evidence import Evidence
from .laws import violations
from .rules import Limits

MONDAY = datetime(2026, 11, 23, 13, 0, tzinfo=UTC)
"""10:00 in Santiago."""
LIMITS = Limits(concurrency=2, starts_a_second=1.0)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PHONES = {"p1": "+56911111111", "p2": "+56922222222"}
TALK_MS, COST = 20_000, 43_340
"""20 s at 0.2167 US cents are 4.334 cents."""
Planted = tuple[int, str, Callable[[Evidence], object]]
"""The law, words of what is found, and what breaks it."""


def a_call(
    attempt: str, job: str, at: datetime, reason: str = "dial_no_answer", person: str = "p1", **fields: Any
) -> dict[str, Any]:
    start_ms = round(at.timestamp() * 1000)
    talks = reason.endswith("hangup") or reason.startswith("user_requested")
    return {
        "call_id": f"call of {attempt}",
        "sequence": start_ms,
        "to_number": PHONES.get(person, f"+569{person}"),
        "outcome": reason,
        "disconnection_reason": reason,
        "dialled": True,
        "accepted_ms": start_ms,
        "live_from_ms": start_ms,
        "connected_ms": start_ms + 10_000 if talks else None,
        "live_until_ms": start_ms + 10_000 + TALK_MS,
        "metadata": {"attempt_id": attempt, "job_id": job},
        **fields,
    }


def an_attempt(attempt: str, job: str, person: str, at: datetime = MONDAY, **fields: Any) -> dict[str, Any]:
    return {
        "_id": attempt,
        "job_id": job,
        "person_id": person,
        "to_number": PHONES.get(person, f"+569{person}"),
        "account_id": "main",
        "use_case": "debt_collection",
        "call_id": f"call of {attempt}",
        "state": "finished",
        "counted": True,
        "placing_at": at,
        "finished_at": at + timedelta(minutes=1),
        "retell": {"call_analysis": {"custom_analysis_data": {}}},
        **fields,
    }


def a_job(job: str, person: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": job,
        "batch_id": "list",
        "account_id": "main",
        "person_id": person,
        "to_number": PHONES.get(person, f"+569{person}"),
        "status": "done",
        "reason": "conversation",
        "status_at": MONDAY - 2 * HOUR,
        "attempts": 1,
        "max_attempts": 9,
        "attempt_id": None,
        "time_zone": "America/Santiago",
        "country": "CL",
        **fields,
    }


def a_record(key: str, attempt: str, at: datetime, **fields: Any) -> dict[str, Any]:
    """What is counted of a person or a telephone that was called once."""
    made = {"attempt_id": attempt, "at": at, "on": at.date().isoformat()}
    return {"_id": key, "live_attempt_id": None, "tries": [made], "talks_on": [], **fields}


def healthy() -> Evidence:
    """Two people of one list, one call each, both done; the second talked, which cost the account something."""
    second = MONDAY + timedelta(seconds=1)
    return Evidence(
        now=MONDAY + HOUR,
        calls=[a_call("a1", "j1", MONDAY), a_call("a2", "j2", second, "agent_hangup", "p2")],
        batches=[
            {
                "_id": "list",
                "account_id": "main",
                "status": "completed",
                "pacing": "waves",
                "policy": "default",
                "policy_overrides": {},
                "time_zone": "America/Santiago",
                "loaded_at": MONDAY - HOUR,
                "history": [{"at": MONDAY + timedelta(minutes=30), "status": "completed"}],
                "counts": {"rows": 3, "accepted": 2, "merged": 0, "duplicate": 0, "rejected": 1, "contacts": 2},
            }
        ],
        jobs=[a_job("j1", "p1"), a_job("j2", "p2")],
        attempts=[an_attempt("a1", "j1", "p1"), an_attempt("a2", "j2", "p2")],
        people=[
            a_record("p1", "a1", MONDAY, silent_on=["2026-11-23"]),
            a_record("p2", "a2", second, talks_on=["2026-11-23"], silent_on=[]),
        ],
        phones=[
            a_record(PHONES["p1"], "a1", MONDAY),
            a_record(PHONES["p2"], "a2", second, talks_on=["2026-11-23"]),
        ],
        accounts=[
            {
                "_id": "main",
                "status": "active",
                "plan": "credit",
                "balance": 1_000_000 - COST,
                "reserved": 0,
                "free": 1_000_000 - COST,
                "reservations": {},
                "outbox": [],
                "concurrency": 2,
                "lines_free": 2,
                "calls_a_day": None,
                "day_budget": None,
                "countries": [],
                "history": [],
            }
        ],
        ledger=[
            an_entry("topup:1", 1_000_000, MONDAY - DAY, "top_up"),
            an_entry("settle:a2", -COST, MONDAY + timedelta(minutes=1), "settle", attempt_id="a2"),
        ],
        slots=[{"_id": 0, "attempt_id": None}],
        rejected=[{"batch_id": "list", "row": 3, "reason_code": "phone_missing"}],
    )


def an_entry(key: str, amount: Any, at: datetime, kind: str, **fields: Any) -> dict[str, Any]:
    return {
        "_id": f"main|{key}",
        "account_id": "main",
        "key": key,
        "kind": kind,
        "amount": amount,
        "at": at,
        "attempt_id": None,
        **fields,
    }


def again(
    seen: Evidence, at: datetime, reason: str = "dial_no_answer", *, of: str = "j1", said: str = "", **fields: Any
) -> None:
    """One more call to the person of a contact, honestly counted and paid; `said` is the callback asked for in it."""
    job = next(job for job in seen.jobs if job["_id"] == of)
    person, name = job["person_id"], f"a{len(seen.calls) + 1}"
    seen.batches[0]["history"].clear()
    seen.now = max(seen.now, at + HOUR)
    call = a_call(name, of, at, reason, person, **fields)
    asked = {"fecha_callback": said, "hora_callback": ""} if said else {}
    retell = {"call_analysis": {"custom_analysis_data": asked}}
    seen.calls.append(call)
    seen.attempts.append(an_attempt(name, of, person, at, retell=retell, to_number=call["to_number"]))
    job["attempts"] += 1
    for records, key in ((seen.people, person), (seen.phones, call["to_number"])):
        record = next((one for one in records if one["_id"] == key), None)
        if record is None:
            records.append(record := {"_id": key, "live_attempt_id": None, "tries": [], "talks_on": []})
        _count(record, name, at, call)
    if call["connected_ms"] is not None:
        seen.ledger.append(an_entry(f"settle:{name}", -COST, at + timedelta(minutes=1), "settle", attempt_id=name))
        for counter in ("balance", "free"):
            seen.accounts[0][counter] -= COST


def _count(record: dict[str, Any], name: str, at: datetime, call: dict[str, Any]) -> None:
    day = (at - timedelta(hours=3)).date().isoformat()
    record["tries"].append({"attempt_id": name, "at": at, "on": day})
    if call["connected_ms"] is not None:
        record["talks_on"].append(day)
        record["silent_on"] = []
    elif call["disconnection_reason"] == "dial_no_answer" and day not in record["talks_on"]:
        record["silent_on"] = sorted({*record.get("silent_on", ()), day})


def under(policy: str, **overrides: Any) -> Evidence:
    """The healthy evidence of a list under another policy."""
    seen = healthy()
    seen.batches[0].update(policy=policy, policy_overrides=overrides)
    return seen


def an_action(attempt: str = "a2", name: str = "payment_link", **fields: Any) -> dict[str, Any]:
    return {"_id": f"{attempt}|{name}", "attempt_id": attempt, "name": name, "state": "delivered", **fields}


def promised(seen: Evidence) -> None:
    seen.attempts[1]["retell"]["call_analysis"]["custom_analysis_data"]["fecha_pago_cliente"] = "2026-11-30"


def asked_for_a_callback(seen: Evidence, said: str = "mañana a las 5") -> None:
    """On Tuesday at 11:00 in Santiago, so for Wednesday at 17:00."""
    again(seen, MONDAY + DAY + HOUR, "user_requested_callback", said=said)
    seen.jobs[0].update(status="pending", reason="a callback was asked for", admitted=True)
    seen.jobs[0]["next_attempt_at"] = seen.now = MONDAY + 2 * DAY + 7 * HOUR
    seen.batches[0]["status"] = "running"


def assert_found(planted: Planted) -> None:
    """The planted violation is found in an evidence that is healthy without it."""
    law, words, plant = planted
    seen = healthy()
    plant(seen)
    found = violations(seen, LIMITS)
    assert any(one.law == law and words in one.what for one in found), found


def words_of(planted: Planted) -> str:
    """The id of its test."""
    return planted[1]
