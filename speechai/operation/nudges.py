"""What should happen next, as values. An operation returns them; `tasks` turns each into a message.

A nudge may come late, twice or never: the sweep finds again whatever waits for one that was lost.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlaceCall:
    """Dial the job, under the number of the ticket that was issued for it."""

    job_id: str
    ticket: int


@dataclass(frozen=True, slots=True)
class PollCall:
    """Look at the attempt's call after `after_seconds`, as poll `number` of its chain."""

    attempt_id: str
    number: int
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finish:
    """Write what follows from a call that is over."""

    attempt_id: str


@dataclass(frozen=True, slots=True)
class LoadBatch:
    """Turn an uploaded file into jobs."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class DispatchDue:
    """Look for due jobs now rather than at the next beat."""


@dataclass(frozen=True, slots=True)
class DeliverAction:
    """Deliver a follow-up to the customer's receiver, as try `number`."""

    action_id: str
    number: int
    after_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class AskCost:
    """Ask for the cost of a finished call that Retell had not told, as look `number`."""

    attempt_id: str
    number: int


Nudge = PlaceCall | PollCall | Finish | LoadBatch | DispatchDue | DeliverAction | AskCost
Nudges = list[Nudge]
