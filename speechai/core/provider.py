"""Whether Retell may be called at this moment, and how fast: the circuit breaker and the adaptive pace.

Enter what is known of Retell (`Provider`, one document over all workers) and what the answer to one request said of it
(`Signal`); leaves what is known then. Called by the store inside its conditional writes, at each start and each signal.

Closed, calls go out. After several troubles in a row the breaker is open and nothing goes out; when the rest is over,
one call is the trial (half-open), whose answer closes the breaker or opens it for twice as long. Apart from that, each
"fewer, please" halves the rate, which grows back with the time alone, so that recovering needs no write.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

CLOCKS_APART: Final = timedelta(minutes=1)
"""The most by which the clocks of two hosts are taken to differ."""
HALVED_EVERY: Final = timedelta(seconds=5)
"""Refusals that come closer together are one: they answer requests that were sent before the rate was lowered."""
LEAST_SHARE: Final = 0.02
"""Of the rate: one start in fifty is enough to notice that more are taken again."""
LONGEST_HOLD: Final = timedelta(hours=1)
"""A wish of Retell's to wait is kept for so long; the client reads no longer one."""
NOBODY: Final = ""
"""In place of an attempt's id, for whoever only wants to know."""


class BreakerState(StrEnum):
    """Whether calls go out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """One call is on its way to see whether Retell works again."""


class Signal(StrEnum):
    """What the answer to a request for a call says of Retell itself."""

    ACCEPTED = "accepted"
    ANSWERED = "answered"
    """Refused for this number or this account: Retell works."""
    SLOW_DOWN = "slow_down"
    """Refused for the rate or the concurrency: Retell works, and wants fewer."""
    TROUBLE = "trouble"
    """No answer, none that can be used, or no connection; also where the call may have been placed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is known of Retell. Instants are aware UTC."""

    state: BreakerState = BreakerState.CLOSED
    rests_until: datetime | None = None
    """When the trial may start; set while it is not closed."""
    trial_id: str | None = None
    """The attempt that is the trial; set exactly while it is half-open."""
    trial_until: datetime | None = None
    """Its worker has died if it has not ended by then, and another may be the trial."""
    failures: int = 0
    """Troubles in a row, those of trials included."""
    openings: int = 0
    """How often it has opened since it was closed last."""
    share: float = 1.0
    """Of the configured rate, at `share_at`: see `rate_share`."""
    share_at: datetime | None = None
    held_until: datetime | None = None
    """Retell named a time before which it wants no call."""
    changed_at: datetime | None = None
    """Since when calls go out, or do not."""
    why: str | None = None
    """The last trouble, or who closed it."""
    last_start_at: datetime | None = None
    """The latest start that was given out, also one to come; kept by the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRules:
    """When the breaker opens and for how long, and how fast the rate recovers."""

    failures: int = 5
    """Troubles in a row that open it."""
    rest: timedelta = timedelta(seconds=30)
    """Of the first opening; each further one rests twice as long, up to `longest_rest`."""
    longest_rest: timedelta = timedelta(minutes=5)
    trial: timedelta = timedelta(minutes=3)
    """Longer than a worker that lives can take from the reserved start to the end of the request."""
    recovery: timedelta = timedelta(minutes=2)
    """From (nearly) no rate to the whole one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """No call may start before `until`, as things stand; `failures` 0: because Retell asked for a pause."""

    until: datetime
    failures: int
    is_tried: bool
    """A trial call is on its way: its answer may end the rest at any moment."""


def may_start(provider: Provider, attempt_id: str, now: datetime, rules: ProviderRules) -> Provider | Rest:
    """What is known once the attempt's call starts at `now`, with it as the trial where one is due; or until when not.

    An instant that lies further ahead than any of its kind may was written by a clock that has been put right since,
    and holds nobody up. Asking again for an attempt that is the trial already changes nothing.
    """
    if (held := _ahead(provider.held_until, now, LONGEST_HOLD)) is not None:
        return Rest(until=held, failures=0, is_tried=False)
    if provider.state is BreakerState.CLOSED or provider.trial_id == attempt_id:
        return provider
    is_tried = provider.state is BreakerState.HALF_OPEN
    until, longest = (provider.trial_until, rules.trial) if is_tried else (provider.rests_until, rules.longest_rest)
    if (waits := _ahead(until, now, longest)) is not None:
        return Rest(until=waits, failures=max(1, provider.failures), is_tried=is_tried)
    return replace(provider, state=BreakerState.HALF_OPEN, trial_id=attempt_id, trial_until=now + rules.trial)


def after_signal(
    provider: Provider,
    signal: Signal,
    attempt_id: str,
    now: datetime,
    rules: ProviderRules,
    retry_after: timedelta | None = None,
    *,
    seen: Provider | None = None,
    why: str | None = None,
) -> Provider:
    """What is known after `signal` about the attempt's request; the same value where it says nothing new.

    While the breaker is not closed, only the trial's own signal moves it: every other request was sent before it
    opened. A late success among them may have been taken by a Retell that has gone since, a late failure is the one
    that it opened for; to wait for the trial costs the rest of a pause and cannot be wrong. For the same reason a
    trouble counts only where the request was begun under the present closing: `seen` is what was known when its start
    was given out, and `changed_at` is compared as a name, not as a time, since the clocks of hosts differ. None for
    one that nobody knows counts.

    A wish for fewer calls is kept whenever it comes. `retry_after` is Retell's own, at most LONGEST_HOLD of it.
    """
    if signal is Signal.SLOW_DOWN:
        provider = _slowed(provider, now, rules, retry_after)
    is_closed = provider.state is BreakerState.CLOSED
    if not is_closed and provider.trial_id != attempt_id:
        return provider
    if signal is not Signal.TROUBLE:
        if not is_closed:
            return closed(provider, now, why=None)
        return replace(provider, failures=0) if provider.failures else provider
    if is_closed and seen is not None and seen.changed_at != provider.changed_at:
        return provider
    provider = replace(provider, failures=provider.failures + 1, why=why)
    return _opened(provider, now, rules) if not is_closed or provider.failures >= rules.failures else provider


def closed(provider: Provider, now: datetime, *, why: str | None) -> Provider:
    """Calls go out again from `now` on; rate and hold stay as they are."""
    return replace(
        provider,
        state=BreakerState.CLOSED,
        rests_until=None,
        trial_id=None,
        trial_until=None,
        failures=0,
        openings=0,
        changed_at=now,
        why=why,
    )


def rate_share(provider: Provider, now: datetime, rules: ProviderRules) -> float:
    """Which part of the configured rate may be used at `now`, above 0 and at most 1: it grows evenly with the time."""
    if provider.share_at is None or provider.share_at - now > CLOCKS_APART:
        return 1.0
    grown = max(timedelta(0), now - provider.share_at) / rules.recovery
    return min(1.0, provider.share + grown)


def next_start(
    provider: Provider, now: datetime, rules: ProviderRules, *, per_second: float, longest_wait: timedelta
) -> datetime:
    """The next free start, `now` or later: one gap of the present rate behind the last that was given out.

    `longest_wait` is the furthest ahead at which a start is given out.
    """
    last = provider.last_start_at
    if last is None or last - now > longest_wait + CLOCKS_APART:
        return now
    gap = timedelta(seconds=1 / (per_second * rate_share(provider, now, rules)))
    return max(now, last + gap)


def room_for_starts(
    provider: Provider,
    now: datetime,
    rules: ProviderRules,
    *,
    per_second: float,
    longest_wait: timedelta,
    until_next_look: timedelta,
) -> int:
    """How many jobs to hand out at `now` so that each finds a start: none while Retell rests, one for a trial.

    Without the look at what is given out already, a lowered rate would hand out jobs only to see them come back.
    """
    answer = may_start(provider, NOBODY, now, rules)
    wait = next_start(provider, now, rules, per_second=per_second, longest_wait=longest_wait) - now
    if isinstance(answer, Rest) or wait > longest_wait:
        return 0
    if answer.state is not BreakerState.CLOSED:
        return 1
    rate = per_second * rate_share(provider, now, rules)
    in_sight = max(until_next_look, longest_wait) - wait
    return min(math.ceil(rate * until_next_look.total_seconds()), math.floor(rate * in_sight.total_seconds()) + 1)


def _opened(provider: Provider, now: datetime, rules: ProviderRules) -> Provider:
    doubled = rules.rest.total_seconds() * 2.0 ** min(provider.openings, 60)
    rest = timedelta(seconds=min(doubled, rules.longest_rest.total_seconds()))
    return replace(
        provider,
        state=BreakerState.OPEN,
        rests_until=now + rest,
        trial_id=None,
        trial_until=None,
        openings=provider.openings + 1,
        changed_at=now if provider.state is BreakerState.CLOSED else provider.changed_at,
    )


def _slowed(provider: Provider, now: datetime, rules: ProviderRules, retry_after: timedelta | None) -> Provider:
    if provider.share_at is None or abs(now - provider.share_at) >= HALVED_EVERY:
        share = max(LEAST_SHARE, rate_share(provider, now, rules) / 2)
        provider = replace(provider, share=share, share_at=now)
    if retry_after is not None:
        held = now + min(retry_after, LONGEST_HOLD)
        before = _ahead(provider.held_until, now, LONGEST_HOLD)
        provider = replace(provider, held_until=held if before is None else max(held, before))
    return provider


def _ahead(until: datetime | None, now: datetime, longest: timedelta) -> datetime | None:
    """`until` where it is still to come and can be meant; None where it is over, or of a wrong clock."""
    return until if until is not None and now < until <= now + longest + CLOCKS_APART else None
