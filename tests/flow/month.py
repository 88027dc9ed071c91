"""A campaign of a month as its operator would run it: people, lists, accounts, and what happens to them on the way.

Enters how many people there are; leaves the plan that `test_month` plays in virtual time: September 2026 in Chile, with
the change of the clock on the 6th and Fiestas Patrias on the 18th and 19th. Everything is in proportion to the people,
so that a month of a hundred meets what a month of a thousand meets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from speechai.core.model import Pacing

from .lists import Debtor, debtor
from .wishes import WORDS

SANTIAGO = ZoneInfo("America/Santiago")
STARTS_AT = datetime(2026, 8, 31, 8, 0, tzinfo=SANTIAGO)
ENDS_AT = datetime(2026, 9, 30, 21, 30, tzinfo=SANTIAGO)

GENERAL = ("+56221234567", "+56221230001")
NORTE = ("+56221230021", "+56221230022")
OESTE = ("+56221230011", "+56221230012")
ALLOWED_COUNTRIES = {"+56221230021": ("CL",), "+56221230022": ("CL", "AR")}
"""What Retell lets a caller number call; the others may call everywhere."""

CITIES = ("Santiago", "Santiago", "Punta Arenas", "", "Hanga Roa", "Coyhaique", "Chillán", "Concepción")
"""A mobile without a city may be in Santiago or in Punta Arenas."""
RESERVED = 3 * 150_000
"""USD micros that a call of at most 3 minutes reserves, at the price of an account that has none of its own."""
OVERDUE = (12, 45, 75, 200, None)
TALK = {"wait_ms": 4_000, "talk_ms": 9_500}
PROMISE: Mapping[str, Any] = {"outcome": "promise", **TALK}
PUT_OFF: Mapping[str, Any] = {"outcome": "conversation", **TALK}
FAREWELL: Mapping[str, Any] = {"outcome": "user_requested_dnc", **TALK}
WEIGHTS = {
    "promise": 38,
    "conversation": 8,
    "dial_no_answer": 26,
    "dial_busy": 7,
    "voicemail_reached": 8,
    "voicemail_found_later": 3,
    "user_declined": 4,
    "inactivity": 1,
    "early_hangup": 1,
    "wrong_person": 1,
    "user_requested_dnc": 1,
    "invalid_destination": 1,
    "dial_failed": 1,
    "error_llm_websocket_open": 0.5,
    "never_analysed": 0.3,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One list that is sent at `at`: who is on it, under whose account, with which of the order's fields."""

    name: str
    at: datetime
    people: Sequence[Debtor]
    order: Mapping[str, Any] = field(default_factory=dict)


def on(day: int, hour: int, minute: int = 0) -> datetime:
    """An instant of September 2026 by Santiago's clock; day 0 is 31 August."""
    return datetime(2026, 9, day, hour, minute, tzinfo=SANTIAGO) if day else STARTS_AT.replace(hour=hour, minute=minute)


def people_of(count: int) -> list[Debtor]:
    """Invented debtors: some with two phones, some in other zones, some in Argentina, and at the end a few who share
    their telephone with the first ones."""
    found: list[Debtor] = []
    for number in range(count):
        one = debtor(number, phones=2 if number % 5 == 3 else 1, city=CITIES[number % len(CITIES)])
        one = replace(one, days_overdue=OVERDUE[number % len(OVERDUE)])
        if 0.88 * count <= number < 0.95 * count:
            one = replace(one, phones=(f"+54911{55_000_000 + number}",), city="")
        elif number >= 0.95 * count:
            one = replace(one, phones=found[number - int(0.95 * count)].phones[:1])
        found.append(one)
    return found


def script_of(people: Sequence[Debtor]) -> dict[str, Any]:
    """What the phones of some people do, call after call; everybody else follows the weights."""
    words, numbers = list(WORDS), {}
    for number, one in enumerate(people):
        said = {"fecha_callback": words[number // 10 % len(words)]}
        if number % 50 == 23:
            said = {"fecha_callback": "2026-09-24", "hora_callback": "18:30"}
        asks = {"outcome": "user_requested_callback", **TALK, **said}
        plan: list[Any] = {
            3: [asks, PROMISE] if number % 20 == 3 else [asks, "dial_no_answer", asks, PUT_OFF, PROMISE],
            7: ["dial_no_answer"],
            9: ["voicemail_reached"],
        }.get(number % 10, [])
        if number % 20 == 11:
            plan = ["dial_no_answer", FAREWELL]
        elif number % 20 == 14:
            plan = [PUT_OFF]
        elif number % 20 == 18:
            plan = ["dial_busy", {**PROMISE, "nueva_fecha": "2026-10-05"}]
        elif 0.6 * len(people) <= number < 0.7 * len(people) and not plan:
            plan = ["dial_failed", "dial_failed", "dial_failed", PROMISE]  # carriers that refuse one of our numbers
        if plan:
            numbers[one.phones[0]] = plan
        if number % 20 == 15:
            numbers[one.phones[0]] = ["invalid_destination"]
    return numbers


def sendings(people: Sequence[Debtor]) -> list[Sending]:
    """The month's lists: both pacings, several policies and accounts, the same people and telephones in several."""
    count = len(people)

    def share(first: float, end: float) -> Sequence[Debtor]:
        return people[round(first * count) : round(end * count)]

    a_day = {"people_a_day": max(3, min(60, round(0.06 * count)))}
    continuous, waves = {"pacing": Pacing.CONTINUOUS}, {"pacing": Pacing.WAVES}
    rests = {"quiet_days": 3, "attempts_a_week": 5, "minutes_between_attempts": 90, "phone_attempts_a_day": 2}
    noon = {**dict.fromkeys(("mon", "tue", "wed", "thu", "fri"), "10:00-13:00"), "sat": "closed"}
    shared = {**a_day, "phone_attempts_a_day": 2, "phone_attempts_a_week": 6}
    budget = RESERVED + round(1_500_000 * count / 1000)
    return [
        Sending(name="cartera", at=on(0, 8, 10), people=share(0, 0.3), order={**waves, "overrides": a_day}),
        Sending(
            name="norte",
            at=on(1, 8, 30),
            people=share(0.2, 0.45),
            order={**continuous, "account_id": "norte", "overrides": rests, "priority": 3},
        ),
        Sending(
            name="ley",
            at=on(1, 9, 40),
            people=share(0.45, 0.6),
            order={**waves, "account_id": "sur", "policy": "cl-ley-21320", "overrides": a_day},
        ),
        Sending(
            name="argentina",
            at=on(3, 9),
            people=share(0.88, 0.95),
            order={**continuous, "account_id": "norte", "policy": "ar-24240"},
        ),
        Sending(
            name="oeste",
            at=on(4, 10),
            people=share(0.6, 0.7),
            order={**continuous, "account_id": "oeste", "policy": "us-tcpa-regf"},
        ),
        Sending(
            name="colombia",
            at=on(7, 8),
            people=share(0.7, 0.8),
            order={**continuous, "policy": "co-ley-2300", "priority": 9},
        ),
        Sending(
            name="peru",
            at=on(8, 10),
            people=share(0.8, 0.88),
            order={**waves, "policy": "pe-29571", "overrides": a_day, "budget_micros": budget},
        ),
        Sending(
            name="segunda",
            at=on(14, 8, 30),
            people=[*share(0, 0.15), *share(0.95, 1)],
            order={**waves, "overrides": shared, "priority": 2},
        ),
        Sending(
            name="aviso",
            at=on(16, 9),
            people=share(0.3, 0.4),
            order={**continuous, "account_id": "este", "overrides": {"hours": noon}, "use_case": "reminder"},
        ),
    ]
