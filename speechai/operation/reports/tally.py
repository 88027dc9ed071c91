"""Calls added up: the counts that every rate of a report is made of, and the rates.

Enters groups of attempts as the database made them, leaves a `Tally`. Called by `dividing` and `build`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from math import sqrt

from speechai.catalogue.outcomes import Outcome
from speechai.core.model import AttemptState
from speechai.store.statistics import AttemptGroup

CONVERSATIONS = frozenset(
    {Outcome.CONVERSATION, Outcome.THIRD_PARTY, Outcome.TRANSFERRED, Outcome.CALLBACK, Outcome.DO_NOT_CALL}
)
"""Outcomes in which somebody talked with the agent."""

_Z_95 = 1.959963984540054
"""Quantile of the normal distribution for a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """`part` of `whole`. Of nothing there is no share: `fraction` and `interval` are None then."""

    part: int
    whole: int

    @property
    def fraction(self) -> float | None:
        """Between 0 and 1."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's interval of 95 %: where the true rate of so small a number of calls may lie."""
        if not self.whole:
            return None
        n, p, z = self.whole, self.part / self.whole, _Z_95
        middle, scale = p + z * z / (2 * n), 1 + z * z / n
        spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)


def micros_each(micros: int, count: int) -> int | None:
    """`micros` divided over `count`, half a micro up; None over nothing."""
    return int((Decimal(micros) / count).quantize(Decimal(1), ROUND_HALF_UP)) if count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Finished calls that counted as attempts (the phone was dialled), added up."""

    attempts: int = 0
    contacts: int = 0
    """Somebody answered."""
    conversations: int = 0
    """Somebody answered and talked with the agent (`CONVERSATIONS`)."""
    right_party: int = 0
    """Conversations in which nobody else spoke than the person who was called: right-party contacts (RPC)."""
    unconfirmed: int = 0
    """Those among them of which the agent did not write down who spoke."""
    successes: int = 0
    talk_ms: int = 0
    """Duration of the conversations whose duration is known, `timed` of them."""
    timed: int = 0
    cost_micros: int = 0
    """Of every finished call, also of one that did not count."""

    @classmethod
    def of(cls, groups: Iterable[AttemptGroup]) -> Tally:
        """The tally of the finished among these groups: calls of those that counted, costs of all."""
        every = [group for group in groups if group.state is AttemptState.FINISHED]
        counted = [group for group in every if group.counted]
        talks = [group for group in counted if is_conversation(group)]
        right = [group for group in talks if is_right_party(group)]
        return cls(
            attempts=sum(group.attempts for group in counted),
            contacts=sum(group.attempts for group in counted if group.contact),
            conversations=sum(group.attempts for group in talks),
            right_party=sum(group.attempts for group in right),
            unconfirmed=sum(group.attempts for group in right if group.right_person is None),
            successes=sum(group.attempts for group in counted if group.success),
            talk_ms=sum(group.duration_ms for group in talks),
            timed=sum(group.timed for group in talks),
            cost_micros=sum(group.cost_micros for group in every),
        )

    @classmethod
    def sum_of(cls, tallies: Iterable[Tally]) -> Tally:
        """Tallies of different calls added up."""
        every = list(tallies)
        return cls(**{each.name: sum(getattr(tally, each.name) for tally in every) for each in fields(cls)})

    @property
    def contact_rate(self) -> Share:
        """Contactabilidad: contacts / attempts."""
        return Share(part=self.contacts, whole=self.attempts)

    @property
    def right_party_rate(self) -> Share:
        """RPC rate, contacto con titular: right-party contacts / attempts."""
        return Share(part=self.right_party, whole=self.attempts)

    @property
    def success_rate(self) -> Share:
        """Successes / attempts."""
        return Share(part=self.successes, whole=self.attempts)

    @property
    def handle_seconds(self) -> float | None:
        """TMO: mean duration of a conversation, seconds."""
        return self.talk_ms / self.timed / 1000 if self.timed else None


def is_conversation(group: AttemptGroup) -> bool:
    """Whether these attempts were talks with the agent."""
    return group.contact and group.outcome in CONVERSATIONS


def is_right_party(group: AttemptGroup) -> bool:
    """Whether these conversations were not with somebody else, as far as anybody wrote that down.

    A wish not to be called that somebody else uttered keeps its own outcome, hence both are asked.
    """
    return group.outcome != Outcome.THIRD_PARTY and group.right_person is not False
