"""The numbers of every policy that a test uses, written down a second time from the wording of the laws.

Enters the name of a policy with what an account and a batch replace of it; leaves its `Rules`. Nothing is read from the
product's catalogue, so that a wrong number there does not excuse itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .doors import DOORS, Door, door_with


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The numbers of a run. `zone` is where the accounts' days are counted; `callback_minutes` is how late a callback
    may be kept, counted in time that allows it.

    `on_its_way` is how long a request may take from the product's decision to the provider's clock: what an operator
    stops meanwhile is stopped for the next one. In the spans `unrecorded` (a database that was lost, since its backup)
    nobody knows any more when an operator stopped what, and paid what.
    """

    concurrency: int
    starts_a_second: float
    zone: str = "America/Santiago"
    callback_minutes: int = 30
    on_its_way: timedelta = timedelta(0)
    unrecorded: tuple[tuple[datetime, datetime], ...] = ()

    def is_recorded(self, at: datetime) -> bool:
        return not any(since <= at <= until for since, until in self.unrecorded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How often somebody may be called; None is no limit. A week is the 7 local days that end today.

    `quiet_days` are the local days from a conversation on, its own day included, that bring no further call.
    `callback_lifts` lets a call that the person asked for pass the week's and the quiet days' rules, no others.
    """

    door: Door
    waves: tuple[str, ...] = ("09:00", "12:00", "15:00")
    attempts_a_day: int = 3
    attempts_a_week: int | None = None
    phone_attempts_a_day: int | None = 3
    phone_attempts_a_week: int | None = None
    contacts_a_week: int | None = None
    quiet_days: int = 0
    minutes_between_attempts: int = 0
    silent_days: int = 3
    people_a_day: int = 60
    voicemail_is_contact: bool = False
    callback_lifts: bool = True


RULES: Mapping[str, Rules] = {
    "default": Rules(door=DOORS["default"]),
    "always": Rules(door=DOORS["always"]),
    # One call a week; whether one that nobody answers is a call is open, so attempts and contacts are both held to it.
    # In every law a machine that answers is taken for somebody, and a call that was asked for is a call.
    "cl-ley-21320": Rules(
        door=DOORS["cl-ley-21320"],
        attempts_a_week=1,
        contacts_a_week=1,
        voicemail_is_contact=True,
        callback_lifts=False,
    ),
    "us-tcpa-regf": Rules(
        door=DOORS["us-tcpa-regf"], attempts_a_week=7, quiet_days=7, voicemail_is_contact=True, callback_lifts=False
    ),
    # After somebody was reached at most once a day; whether an attempt counts is open, so one a day.
    "co-ley-2300": Rules(
        door=DOORS["co-ley-2300"], attempts_a_day=1, quiet_days=1, voicemail_is_contact=True, callback_lifts=False
    ),
    "pe-29571": Rules(door=DOORS["pe-29571"]),
    "ar-24240": Rules(door=DOORS["ar-24240"]),
}


def rules_of(batch: Mapping[str, Any], account: Mapping[str, Any] | None = None) -> Rules:
    """The rules of a batch document: its policy's, with what its account and then the batch itself replace."""
    replaced = {**((account or {}).get("policy_overrides") or {}), **(batch.get("policy_overrides") or {})}
    rules = RULES[batch["policy"]]
    door = door_with(rules.door, replaced.pop("hours", None), replaced.pop("closed_on_holidays", None))
    waves = tuple(replaced.pop("waves", rules.waves))
    return replace(rules, door=door, waves=waves, **replaced)
