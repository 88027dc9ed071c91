"""Which of our numbers a person is called from, and when such a number has to rest.

Enter the numbers of a pool as the store knows them, the person and the country of the phone that is to be dialled;
leaves the number, or why there is none now. A person is always called from the same number while it may be used, so
that a missed call is recognised and called back. Called at the moment of dialling and at the end of a call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from speechai.catalogue.callers import RestRule
from speechai.core.decision import Denial, Denied, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """What one call said of the number that it came from."""

    attempt_id: str
    placed_at: datetime
    failure: str | None = None
    """Retell's reason where the call failed by the number's fault; None where it rang."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerNumber:
    """One number that calls come from (E.164, our own), with what is known of it."""

    number: str
    countries: frozenset[str] | None = None
    """ISO 3166 alpha-2 codes that Retell lets it call; None: every country."""
    is_listed: bool | None = None
    """False where Retell listed the workspace's numbers and this was not among them; None: not asked yet."""
    rested_until: datetime | None = None
    rest_reason: str | None = None
    counts_from: datetime | None = None
    """Only calls placed from then on count: what led to the last rest must not lead to the next."""
    results: tuple[CallResult, ...] = ()
    """The latest calls that say something of it, the oldest first; as many as the widest window of the rules."""

    def is_resting(self, now: datetime) -> bool:
        """True until the instant of waking, which is excluded."""
        return self.rested_until is not None and now < self.rested_until

    def may_call(self, country: str | None) -> bool:
        """True where Retell would let it call `country`. A country that is not known is on nobody's list."""
        return self.is_listed is not False and (self.countries is None or country in self.countries)

    def tally(self) -> tuple[int, int]:
        """How many calls failed, and how many there were, among the latest that count."""
        counted = [r for r in self.results if self.counts_from is None or r.placed_at >= self.counts_from]
        return sum(result.failure is not None for result in counted), len(counted)

    def counted(self, rule: RestRule, now: datetime) -> tuple[CallResult, ...]:
        """The results that `rule` looks at, at `now`."""
        oldest = now - rule.memory if self.counts_from is None else max(now - rule.memory, self.counts_from)
        return tuple(result for result in self.results if result.placed_at >= oldest)[-rule.window :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A number has to rest: until when, by which rule, and what the rule saw."""

    until: datetime
    rule: RestRule
    failures: int
    calls: int

    @property
    def why(self) -> str:
        """In words, for the operator."""
        return f"{self.rule.title}: {self.failures} of its last {self.calls} calls"


def choose_caller(
    numbers: Sequence[CallerNumber],
    *,
    person_id: str,
    country: str | None,
    now: datetime,
    zone: tzinfo = UTC,
) -> str | Denied:
    """The number from which the person's phone in `country` (ISO alpha-2, None: not known) is called at `now`.

    Highest random weight: each pair of person and number has a fixed score, and the best usable number wins. So a
    person keeps the number over workers and restarts, persons spread evenly over the pool, a number that rests moves
    only its own persons, and gets them back. Denied NO_CALLER_NUMBER where none may call the country (for good, until
    the pool or Retell's list changes), CALLERS_RESTING with the instant of the first waking (shown in `zone`).
    """
    able = [number for number in numbers if number.may_call(country)]
    if not able:
        facts: dict[str, Fact] = {"numbers": len(numbers)} if numbers else {}
        return Denied(code=Denial.NO_CALLER_NUMBER, facts={**facts, "country": country} if country else facts)
    awake = [number for number in able if not number.is_resting(now)]
    if not awake:
        wakes_at = min(number.rested_until for number in able if number.rested_until is not None)
        facts = {"numbers": len(able), "next_at": wakes_at.astimezone(zone).isoformat()}
        return Denied(code=Denial.CALLERS_RESTING, facts=facts, next_at=wakes_at)
    return max(awake, key=lambda number: _score(person_id, number.number)).number


def rest_after(caller: CallerNumber, rules: Sequence[RestRule], now: datetime) -> Rest | None:
    """The longest rest that the rules ask for after a call of `caller` failed, noted in its results; None for none.

    Asked after failures only: a call that rang never sends a number to rest.
    """
    due = [rest for rule in rules if (rest := _rest_by(caller, rule, now)) is not None]
    return max(due, key=lambda rest: rest.until, default=None)


def _rest_by(caller: CallerNumber, rule: RestRule, now: datetime) -> Rest | None:
    counted = caller.counted(rule, now)
    failures = sum(result.failure in rule.reasons for result in counted)
    if not failures or len(counted) < rule.least_calls or failures * 100 < rule.share_percent * len(counted):
        return None
    return Rest(until=now + rule.rest, rule=rule, failures=failures, calls=len(counted))


def _score(person_id: str, number: str) -> bytes:
    return hashlib.sha256(f"{person_id}|{number}".encode()).digest()
