"""A decision as a value: allowed, or denied with a code, the facts behind it and the next instant worth asking at.

Leaves of `may_call`, of the accounts' limits and of the caller numbers; kept on the job as it is, and said in words
by the sentences of `config/catalogue/denials.toml`. An expected refusal is a value, never an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from speechai.catalogue.denials import sentence


class Denial(StrEnum):
    """Why a call may not start; the code beside the words."""

    BATCH_NOT_RUNNING = "batch_not_running"
    NO_PHONE_LEFT = "no_phone_left"
    ATTEMPTS_USED = "attempts_used"
    UNCLEAR = "unclear"
    """The zone, the country or the policy gives no answer: refused (law 5)."""
    DO_NOT_CALL = "do_not_call"
    EXCLUDED = "excluded"
    OUTSIDE_HOURS = "outside_hours"
    DAY_CAP = "day_cap"
    WEEK_CAP = "week_cap"
    CONTACTS_CAP = "contacts_cap"
    QUIET_DAYS = "quiet_days"
    TOO_SOON = "too_soon"
    PHONE_DAY_CAP = "phone_day_cap"
    PHONE_WEEK_CAP = "phone_week_cap"
    PERSON_BUSY = "person_busy"
    NO_CAPACITY = "no_capacity"
    PROVIDER_RESTS = "provider_rests"
    """Retell does not work, or asked for a pause: nobody is called."""
    NO_CALLER_NUMBER = "no_caller_number"
    CALLERS_RESTING = "callers_resting"
    ACCOUNT_UNKNOWN = "account_unknown"
    ACCOUNT_SUSPENDED = "account_suspended"
    NO_CREDIT = "no_credit"
    CREDIT_RESERVED = "credit_reserved"
    """Enough credit once the live calls are settled: worth asking again soon."""
    DAY_BUDGET = "day_budget"
    BATCH_BUDGET = "batch_budget"
    ACCOUNT_CALLS_A_DAY = "account_calls_a_day"
    ACCOUNT_LINES = "account_lines"


Fact = str | int
"""What a sentence names: texts, counts; an instant is ISO 8601 with its offset at the contact's place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """The call may not start. `next_at` (aware UTC) None means never, by itself: the job ends or waits for somebody."""

    code: Denial
    facts: Mapping[str, Fact] = field(default_factory=dict)
    next_at: datetime | None = None

    @property
    def reason(self) -> str:
        """The sentence in English, for logs and documents."""
        return sentence(self.code, self.facts, language="en")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The call may start; `phone` is the number to dial."""

    phone: str
