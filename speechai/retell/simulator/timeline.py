"""When things happen to one call.

Enters an Outcome, the instant of acceptance and the limits that the agent sets; leaves four instants and the end's
status and reason. Planned once, at acceptance; what a call looks like at any later moment follows from it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from speechai.retell.simulator.config import Durations
from speechai.retell.simulator.outcomes import Outcome
from speechai.retell.vocabulary import CallStatus, DisconnectionReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Simulated milliseconds since the epoch; None is never. `status` and `reason` are those of the end."""

    accepted_ms: int
    connected_ms: int | None
    ended_ms: int | None
    analysed_ms: int | None
    status: CallStatus
    reason: str

    def status_at(self, at_ms: int) -> CallStatus:
        if self.ended_ms is not None and at_ms >= self.ended_ms:
            return self.status
        if self.connected_ms is not None and at_ms >= self.connected_ms:
            return CallStatus.ONGOING
        return CallStatus.REGISTERED

    def is_over(self, at_ms: int) -> bool:
        return self.ended_ms is not None and at_ms >= self.ended_ms

    def has_connected(self, at_ms: int) -> bool:
        return self.connected_ms is not None and at_ms >= self.connected_ms

    def stopped(self, at_ms: int, *, analysis_ms: int) -> Timeline:
        """The same call ended by stop-call at an instant before its planned end."""
        return Timeline(
            accepted_ms=self.accepted_ms,
            connected_ms=self.connected_ms if self.has_connected(at_ms) else None,
            ended_ms=at_ms,
            analysed_ms=at_ms + analysis_ms,
            status=CallStatus.ENDED,
            reason=DisconnectionReason.MANUAL_STOPPED,
        )


def plan(
    outcome: Outcome,
    *,
    accepted_ms: int,
    durations: Durations,
    ring_limit_ms: int,
    longest_call_ms: int,
    chance: random.Random,
) -> Timeline:
    """The timeline of a call accepted at `accepted_ms`; draws from `chance`, so a fresh seeded one repeats it."""
    wait_ms = outcome.wait_ms if outcome.wait_ms is not None else _draw(durations, outcome.wait, chance)
    talk_ms = outcome.talk_ms if outcome.talk_ms is not None else _draw(durations, outcome.talk, chance)
    analysis_ms = _draw(durations, "analysis", chance)
    connected_ms: int | None = None
    ended_ms: int | None
    reason = outcome.reason
    if outcome.connects:
        # Somebody who picks up does so before the ringing stops.
        connected_ms = accepted_ms + min(wait_ms, max(ring_limit_ms - 500, 0))
        if talk_ms > longest_call_ms or reason == DisconnectionReason.MAX_DURATION_REACHED:
            talk_ms = min(talk_ms, longest_call_ms)
            reason = DisconnectionReason.MAX_DURATION_REACHED
        ended_ms = connected_ms + talk_ms
    elif outcome.wait == "no_answer":
        ended_ms = accepted_ms + (outcome.wait_ms if outcome.wait_ms is not None else ring_limit_ms)
    else:
        ended_ms = accepted_ms + wait_ms
    if outcome.stuck is not None:
        ended_ms = None
        connected_ms = connected_ms if outcome.stuck is CallStatus.ONGOING else None
    analysed_ms = ended_ms + analysis_ms if ended_ms is not None and outcome.analysed else None
    return Timeline(
        accepted_ms=accepted_ms,
        connected_ms=connected_ms,
        ended_ms=ended_ms,
        analysed_ms=analysed_ms,
        status=outcome.status,
        reason=reason,
    )


def _draw(durations: Durations, name: str, chance: random.Random) -> int:
    low, high = getattr(durations, name)
    return chance.randint(low, high)
