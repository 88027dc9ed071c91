"""Webhooks from Retell: a nudge, and never the truth.

Enters an event whose signature was checked; leaves the poll of its attempt, now rather than when its countdown ends.
That poll asks Retell and does all the rest, so an event that is doubled, late or out of order finds the number moved on
or the attempt closed, and one that is lost costs the countdown. Called by the web service.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import structlog

from config.settings import Settings
from speechai.core.model import Attempt, AttemptState
from speechai.errors import ConfigurationError
from speechai.operation.nudges import Nudges, PollCall
from speechai.retell.events import CallEvent
from speechai.retell.signature import Verdict
from speechai.retell.vocabulary import WebhookEvent
from speechai.store import attempts
from speechai.store.connection import Store

log = structlog.get_logger(__name__)

_NOT_ACCEPTED = frozenset({AttemptState.PLACING, AttemptState.UNKNOWN})

NEWS: Mapping[str, frozenset[AttemptState]] = {
    WebhookEvent.CALL_STARTED: _NOT_ACCEPTED,
    WebhookEvent.CALL_ENDED: _NOT_ACCEPTED | {AttemptState.LIVE},
    WebhookEvent.CALL_ANALYZED: _NOT_ACCEPTED | {AttemptState.LIVE, AttemptState.ENDED},
}
"""The states of an attempt for which an event is worth a look; every other event is worth none."""


class Done(StrEnum):
    """What was done with a webhook, as it is counted; one that Retell did not sign is counted by its `Verdict`."""

    PASSED_ON = "passed_on"
    CHANGES_NOTHING = "changes_nothing"
    NOT_AN_EVENT = "not_an_event"
    UNAVAILABLE = "unavailable"
    """MongoDB or the broker was away; Retell sends it again."""
    NOT_TAKEN = "not_taken"
    """Its body was too large, too slow or broken off; nobody knows who signed it."""


OTHER = "other"
"""In place of an event's name that is not known, or not to be believed."""


def name_of(event: CallEvent) -> str:
    """The event's name as it is counted: what somebody sends must not become a label."""
    return event.event if event.event in EVENTS else OTHER


def word_of(verdict: Verdict) -> str:
    """A signature's verdict as it is counted."""
    return verdict.replace(" ", "_")


EVENTS = tuple(event.value for event in WebhookEvent)
COUNTED = (
    *((name, done.value) for name in (*EVENTS, OTHER) for done in (Done.PASSED_ON, Done.CHANGES_NOTHING)),
    *((name, Done.UNAVAILABLE.value) for name in (*EVENTS, OTHER)),
    *((OTHER, done.value) for done in (Done.NOT_AN_EVENT, Done.NOT_TAKEN)),
    *((OTHER, word_of(verdict)) for verdict in Verdict if verdict is not Verdict.VALID),
)
"""Every pair of event and verdict that is counted."""


def note_event(store: Store, event: CallEvent) -> Nudges:
    """What follows from an event: the attempt's poll at once, under its present number, or nothing.

    Writes nothing, so that a second delivery is harmless. An event of a test from Retell's dashboard, of another
    installation's call, or of a kind that is not known is logged and forgotten.
    """
    attempt = attempts.get_attempt(store, event.attempt_id) if event.attempt_id is not None else None
    why = _why_not(event, attempt)
    facts = {"event_name": event.event, "attempt_id": event.attempt_id, "call_id": event.call_id}
    if attempt is None or why is not None:
        log.info("a webhook changes nothing", action="webhook", why=why, **facts)
        return []
    log.info("a webhook: the call is looked at now", action="webhook", state=attempt.state.value, **facts)
    return [PollCall(attempt.id, attempt.poll_number)]


def _why_not(event: CallEvent, attempt: Attempt | None) -> str | None:
    if attempt is None:
        return "no attempt of ours"
    if attempt.call_id is not None and event.call_id != attempt.call_id:
        return "another call"
    if event.event not in NEWS:
        return "an event that nothing follows from"
    if attempt.state not in NEWS[event.event]:
        return f"the attempt is {attempt.state.value}"
    return None


def signing_keys(settings: Settings) -> tuple[str, ...]:
    """The keys that a webhook may be signed with: RETELL_WEBHOOK_KEYS, else the API key, else a simulator's.

    Raises ConfigurationError where there is none: nothing could be believed.
    """
    if settings.retell_webhook_keys:
        return tuple(key.get_secret_value() for key in settings.retell_webhook_keys)
    if settings.retell_api_key is not None:
        return (settings.retell_api_key.get_secret_value(),)
    if settings.retell_is_production:
        raise ConfigurationError(
            "no key to check webhooks with: set RETELL_WEBHOOK_KEYS, or RETELL_API_KEY where Retell signs with it"
        )
    from speechai.retell.simulator.config import DEFAULT_API_KEY  # brings a web server; real use never needs it

    return (DEFAULT_API_KEY,)
