"""Retell as a whole: what each answer says of it is noted, and a call that may not start because of it is denied.

Enters a signal from a request for a call, or from a call that Retell took and then had no line for; leaves the breaker
and the pace as they are then, with an alert at each opening. Also the operator's look at it, and closing it by hand.
An account or a caller number that is refused is not Retell's trouble: those rest by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from speechai.catalogue.outcomes import Outcome, OutcomeRow
from speechai.core.caps import said_at
from speechai.core.decision import Denial, Denied, Fact
from speechai.core.model import Attempt, Site
from speechai.core.provider import (
    NOBODY,
    BreakerState,
    Provider,
    Rest,
    Signal,
    after_signal,
    closed,
    may_start,
    rate_share,
)
from speechai.errors import RetellLater, RetellRefused, RetellUnknown
from speechai.operation.alerts import raise_alert
from speechai.operation.context import Context
from speechai.store import capacity

log = structlog.get_logger(__name__)


def note_accepted_request(context: Context, attempt_id: str, seen: Provider) -> None:
    """Retell took the call. `seen` is what was known of it when the start was given out.

    Nothing is read or written where nothing was wrong then: a failure that another request met meanwhile is forgiven
    by the next call that starts after it.
    """
    if seen.state is not BreakerState.CLOSED or seen.failures:
        _note(context, attempt_id, Signal.ACCEPTED, seen)


def note_failed_request(
    context: Context, attempt_id: str, error: RetellRefused | RetellLater | RetellUnknown, seen: Provider
) -> None:
    """Retell did not take the call, or nobody knows. To be called before the attempt gives back what it took."""
    signal = signal_of(error)
    if signal is Signal.ANSWERED and seen.state is BreakerState.CLOSED and not seen.failures:
        return
    seconds = error.retry_after_seconds if isinstance(error, RetellLater) else None
    retry_after = timedelta(seconds=seconds) if seconds and signal is Signal.SLOW_DOWN else None
    _note(context, attempt_id, signal, seen, retry_after=retry_after, why=str(error))


def signal_of(error: RetellRefused | RetellLater | RetellUnknown) -> Signal:
    """What a failed request says of Retell itself.

    Whatever leaves a call unknown is trouble, whatever its status: the next one would hold a line and a person's turn
    for minutes as well.
    """
    if isinstance(error, RetellRefused):
        return Signal.ANSWERED
    if isinstance(error, RetellLater) and error.status is not None:
        return Signal.SLOW_DOWN
    return Signal.TROUBLE


def note_outcome(context: Context, attempt: Attempt, row: OutcomeRow, now: datetime) -> None:
    """A call that Retell took and then had no line for is as good as a refusal.

    One of so long ago that the rate would have recovered from it says nothing of now: a restore judges old calls again.
    """
    age = now - attempt.placing_at
    if row.outcome is Outcome.CAPACITY and age < timedelta(seconds=context.settings.pace_recovery_seconds):
        _note(context, attempt.id, Signal.SLOW_DOWN, None, why=row.reason)


def _note(
    context: Context,
    attempt_id: str,
    signal: Signal,
    seen: Provider | None,
    *,
    retry_after: timedelta | None = None,
    why: str | None = None,
) -> None:
    now, rules = context.clock(), context.provider_rules

    def decide(provider: Provider) -> Provider:
        return after_signal(provider, signal, attempt_id, now, rules, retry_after, seen=seen, why=why)

    before, after = capacity.change_provider(context.store, decide)
    if after.openings > before.openings and after.rests_until is not None:
        words = (
            f"Retell failed {after.failures} times in a row, and no call goes out before "
            f"{after.rests_until:%Y-%m-%d %H:%M:%S} UTC; then one is tried. The last: {why}"
        )
        raise_alert(context, "provider_down", "retell", words, now)
    elif after.state is not before.state:
        log.info("Retell works again: calls go out", action="provider", attempt_id=attempt_id)
    if signal is Signal.SLOW_DOWN:
        share = round(rate_share(after, now, rules), 3)
        log.warning("Retell asks for fewer calls", action="provider", share=share, held_until=after.held_until, why=why)


def denied_by(context: Context, rest: Rest, site: Site, now: datetime) -> Denied:
    """A call that Retell's rest holds up: asked for again when that ends, or soon while a trial is on its way."""
    facts: dict[str, Fact] = {"failures": rest.failures} if rest.failures else {}
    if rest.is_tried:
        soon = now + timedelta(seconds=context.settings.dispatch_interval_seconds)
        return Denied(code=Denial.PROVIDER_RESTS, facts=facts, next_at=soon)
    facts = {**facts, "next_at": said_at(rest.until, site)}
    return Denied(code=Denial.PROVIDER_RESTS, facts=facts, next_at=rest.until)


def denial(context: Context, attempt_id: str, site: Site, now: datetime) -> Denied | None:
    """Whether Retell's rest keeps the attempt's call (NOBODY: any call) from starting at `now`; nothing is taken."""
    answer = may_start(capacity.get_provider(context.store), attempt_id, now, context.provider_rules)
    return denied_by(context, answer, site, now) if isinstance(answer, Rest) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Retell as it is treated at this moment."""

    provider: Provider
    rests_until: datetime | None
    """No call starts before, as things stand; None: calls go out, or the next one is the trial."""
    calls_per_second: float
    """The rate at which they start."""


def standing(context: Context, now: datetime) -> Standing:
    """What is known of Retell at `now`, and what follows from it."""
    provider, rules = capacity.get_provider(context.store), context.provider_rules
    answer = may_start(provider, NOBODY, now, rules)
    return Standing(
        provider=provider,
        rests_until=answer.until if isinstance(answer, Rest) else None,
        calls_per_second=context.settings.retell_calls_per_second * rate_share(provider, now, rules),
    )


def close(context: Context, *, by: str) -> bool:
    """Calls go out again now, at the whole rate, whatever Retell said before; False where nothing held them back."""
    now, rules = context.clock(), context.provider_rules

    def decide(provider: Provider) -> Provider:
        held = isinstance(may_start(provider, NOBODY, now, rules), Rest)
        if provider.state is BreakerState.CLOSED and not held and rate_share(provider, now, rules) == 1.0:
            return provider
        return replace(closed(provider, now, why=f"closed by {by}"), share=1.0, share_at=None, held_until=None)

    before, after = capacity.change_provider(context.store, decide)
    if after != before:
        log.info("Retell's rest was ended by hand", action="provider", by=by)
    return after != before
