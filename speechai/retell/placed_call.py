"""A call in Retell's list as the call of an attempt: what its metadata says of where it came from.

Enters an item of the list; leaves a `PlacedCall`, or None for a call that this product did not place. Read where an
installation has lost what it knew of its own calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from speechai.core.model import CallFacts
from speechai.retell.answers import read_call
from speechai.retell.call_request import ATTEMPT_KEY, PLACED_KEY
from speechai.retell.reading import object_of, text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """One call of ours. Ids are as they were sent, numbers E.164."""

    attempt_id: str
    job_id: str
    batch_id: str
    account_id: str
    to_number: str
    from_number: str
    agent_id: str | None
    sent_at: datetime | None
    """When it was sent, as its metadata says; None for one that an earlier version placed."""
    facts: CallFacts

    @property
    def placed_at(self) -> datetime | None:
        """When it was placed, as well as is known: Retell tells no start of a call that nobody answered."""
        return self.sent_at or self.facts.started_at or self.facts.ended_at

    def is_since(self, instant: datetime) -> bool:
        """Whether it may have been placed at or after `instant`; one without any time may."""
        return self.placed_at is None or self.placed_at >= instant


def placed_call(item: Mapping[str, Any]) -> PlacedCall | None:
    """The call in an item of the list. Never raises."""
    metadata = object_of(item.get("metadata"))
    texts = {name: text_of(metadata.get(name)) for name in (ATTEMPT_KEY, "job_id", "batch_id", "account_id")}
    numbers = {name: text_of(item.get(name)) for name in ("to_number", "from_number")}
    facts = read_call(item)
    if not facts.call_id or not all(texts.values()) or not numbers["to_number"]:
        return None
    return PlacedCall(
        attempt_id=texts[ATTEMPT_KEY] or "",
        job_id=texts["job_id"] or "",
        batch_id=texts["batch_id"] or "",
        account_id=texts["account_id"] or "",
        to_number=numbers["to_number"],
        from_number=numbers["from_number"] or "",
        agent_id=text_of(item.get("agent_id")),
        sent_at=_instant(text_of(metadata.get(PLACED_KEY))),
        facts=facts,
    )


def _instant(text: str | None) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
