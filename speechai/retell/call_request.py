"""One call to ask Retell for: the attempt's values in, the body of `POST /v2/create-phone-call` out.

`operation` builds it from an attempt and its job; the client sends `to_body()`. The same request always gives the same
body, which is what makes repeating it under its idempotency key meaningful.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Final

from speechai.retell.vocabulary import WebhookEvent

ATTEMPT_KEY: Final = "attempt_id"
"""Key of `metadata` under which a call whose id was lost is looked up."""

PLACED_KEY: Final = "placed_at"
"""Key of `metadata` that holds the instant of the attempt, ISO 8601 with its zone."""

RING_DURATION_MS: Final = (5_000, 300_000)
"""Range of `agent_override.agent.ring_duration_ms` (SDK 6.2.13); its default is 30,000."""

MAX_CALL_DURATION_MS: Final = (60_000, 7_200_000)
"""Range of `agent_override.agent.max_call_duration_ms` (SDK 6.2.13); its default is 3,600,000."""

WEBHOOK_EVENTS: Final = (WebhookEvent.CALL_ENDED, WebhookEvent.CALL_ANALYZED)
"""Of a call that is followed already: `call_started` would tell nothing that is acted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRequest:
    """What one attempt asks for. Numbers are E.164; `agent_id` None leaves it to the caller number's binding.

    `webhook_url` None leaves the call's webhooks to the agent and the account; given, it replaces theirs.
    """

    attempt_id: str
    from_number: str
    to_number: str
    agent_id: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    max_call_duration_ms: int | None = None
    ring_duration_ms: int | None = None
    hang_up_on_voicemail: bool = False
    webhook_url: str | None = None

    def to_body(self) -> dict[str, Any]:
        """The JSON body. Durations outside Retell's ranges move to the nearest end: refused, all calls would stop."""
        body: dict[str, Any] = {
            "from_number": self.from_number,
            "to_number": self.to_number,
            "idempotency_key": self.attempt_id,
            # Retell marks a contact who asks, in any call, not to be called; only with this does it refuse to dial.
            "honor_internal_dnc": True,
            "metadata": {**as_strings(self.metadata), ATTEMPT_KEY: self.attempt_id},
            "retell_llm_dynamic_variables": as_strings(self.variables),
        }
        if self.agent_id:
            body["override_agent_id"] = self.agent_id
        agent = self._agent_settings()
        if agent:
            body["agent_override"] = {"agent": agent}
        return body

    def _agent_settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {}
        if self.ring_duration_ms is not None:
            settings["ring_duration_ms"] = _within(self.ring_duration_ms, RING_DURATION_MS)
        if self.max_call_duration_ms is not None:
            settings["max_call_duration_ms"] = _within(self.max_call_duration_ms, MAX_CALL_DURATION_MS)
        if self.hang_up_on_voicemail:
            settings["voicemail_option"] = {"action": {"type": "hangup"}}
        if self.webhook_url is not None:
            settings["webhook_url"] = self.webhook_url
            settings["webhook_events"] = [event.value for event in WEBHOOK_EVENTS]
        return settings


def as_strings(values: Mapping[Any, Any]) -> dict[str, str]:
    """`values` as Retell declares them, text to text: what it does with a number or a null is not documented."""
    return {as_text(name): as_text(value) for name, value in values.items()}


def as_text(value: Any) -> str:
    """`value` as the agent should read it: None and NaN as "", True as "true", 1500.0 as "1500", never "1e-07"."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return _number_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        value = json.dumps(value, ensure_ascii=False, default=as_text)
    # Half of a surrogate pair, as broken files hold it, cannot be sent as UTF-8.
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _number_text(value: float | Decimal) -> str:
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        return ""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _within(value: int, bounds: tuple[int, int]) -> int:
    low, high = bounds
    return min(max(int(value), low), high)
