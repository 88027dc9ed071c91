"""The body of a webhook: no more of it than which call it is about, and what is said to have happened.

Enters the body, whose signature was checked before; leaves a `CallEvent`, or None for what is none. What the call came
to is never read here: the status in the documentation's own sample of `call_ended` is `registered`, and a delivery may
be late, doubled or out of order. Whoever gets the event asks Retell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from speechai.retell.call_request import ATTEMPT_KEY
from speechai.retell.reading import object_of, text_of

_LONGEST_ID: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEvent:
    """`event` as it came, known or not; an id is None where there is none of a sensible length."""

    event: str
    call_id: str | None
    attempt_id: str | None
    """From the call's metadata: our own id, if the call is ours."""


def read_event(body: bytes) -> CallEvent | None:
    """The event of a webhook's body; None where it is no JSON object with a printable `event`. Never raises."""
    try:
        content = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    event = text_of(object_of(content).get("event"))
    if event is None or not event.isprintable():
        return None
    call = object_of(content.get("call"))
    attempt_id = object_of(call.get("metadata")).get(ATTEMPT_KEY)
    return CallEvent(event=event[:_LONGEST_ID], call_id=_id_of(call.get("call_id")), attempt_id=_id_of(attempt_id))


def _id_of(value: Any) -> str | None:
    text = text_of(value)
    return text if text is not None and len(text) <= _LONGEST_ID and text.isprintable() else None
