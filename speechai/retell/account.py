"""What Retell says of the account itself: key, slots, agents, caller numbers, for pre-flight checks and the doctor.

Enter: decoded JSON of the read-only endpoints, from the client. Leaves: frozen values with None for what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from speechai.retell.reading import text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whose key it is (`GET /get-api-key-info`)."""

    org_id: str | None
    org_name: str | None
    api_key_name: str | None

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """From the answer; texts only."""
        return cls(
            org_id=text_of(payload.get("org_id")),
            org_name=text_of(payload.get("org_name")),
            api_key_name=text_of(payload.get("api_key_name")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Concurrency:
    """Slots in calls at one time (`GET /get-concurrency`): a snapshot, good for pacing and useless as a lock."""

    current: int | None
    limit: int | None
    reserved_inbound: int
    """Slots that outbound calls may not take."""
    burst_limit: int
    """0 where bursts are off."""

    @property
    def outbound_limit(self) -> int | None:
        """Most calls that we may have live at once, without paid bursts."""
        return None if self.limit is None else max(self.limit - self.reserved_inbound, 0)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """From the answer; every field is optional there."""
        return cls(
            current=_count(payload.get("current_concurrency")),
            limit=_count(payload.get("concurrency_limit")),
            reserved_inbound=_count(payload.get("reserved_inbound_concurrency")) or 0,
            burst_limit=_count(payload.get("concurrency_burst_limit")) or 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFacts:
    """One agent (`GET /get-agent/{agent_id}`)."""

    agent_id: str
    name: str | None
    version: int | None
    is_published: bool | None
    language: str | None
    webhook_url: str | None
    """Replaces the account's own where it is set."""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """From the answer. `language` may also be a list there; then the first one."""
        language = payload.get("language")
        published = payload.get("is_published")
        return cls(
            agent_id=text_of(payload.get("agent_id")) or "",
            name=text_of(payload.get("agent_name")),
            version=_count(payload.get("version")),
            is_published=published if isinstance(published, bool) else None,
            language=text_of(language[0] if isinstance(language, list) and language else language),
            webhook_url=text_of(payload.get("webhook_url")),
            raw=payload,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerNumber:
    """One number of the account (`GET /v2/list-phone-numbers`)."""

    number: str
    kind: str | None
    """`retell-twilio`, `retell-telnyx`, `custom`, or what a later version adds."""
    nickname: str | None
    outbound_agent_ids: tuple[str, ...]
    """Empty: a call without `agent_id` from this number is refused."""
    outbound_countries: tuple[str, ...] | None
    """Two-letter countries (upper case) that it may call; None: every one, as Retell means no list or an empty one."""

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> Self:
        """From one item of the answer."""
        agents = payload.get("outbound_agents")
        countries = payload.get("allowed_outbound_country_list")
        ids = (
            [text_of(agent.get("agent_id")) for agent in agents if isinstance(agent, dict)]
            if isinstance(agents, list)
            else []
        )
        return cls(
            number=text_of(payload.get("phone_number")) or "",
            kind=text_of(payload.get("phone_number_type")),
            nickname=text_of(payload.get("nickname")),
            outbound_agent_ids=tuple(agent_id for agent_id in ids if agent_id),
            outbound_countries=tuple(c.upper() for c in countries if isinstance(c, str))
            if isinstance(countries, list) and countries
            else None,
        )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
