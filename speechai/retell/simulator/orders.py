"""A create request checked against what the workspace has: an Order, or the refusal Retell would answer.

Enters the JSON body of create-phone-call or one task of a batch; leaves the call to place. Nothing is placed here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import phonenumbers

from speechai.retell.simulator.assumptions import Assumptions
from speechai.retell.simulator.config import Agent, PhoneNumber, SimulatorConfig
from speechai.retell.simulator.wire import json_bytes
from speechai.retell.vocabulary import DataStorageSetting, WebhookEvent

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
KNOWN_FIELDS = frozenset(
    {
        "from_number", "to_number", "idempotency_key", "honor_internal_dnc", "override_agent_id",
        "override_agent_version", "agent_override", "retell_llm_dynamic_variables", "metadata", "custom_sip_headers",
        "ignore_e164_validation",
    }
)  # fmt: skip
# Retell's ranges for the per-call settings that the simulator obeys.
_RANGES = {"ring_duration_ms": (5_000, 300_000), "max_call_duration_ms": (60_000, 7_200_000)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why a request is refused; `schema` chooses the body with `error_message`."""

    status: int
    message: str
    schema: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookTarget:
    """Where the events of a call go."""

    url: str
    events: frozenset[str]
    timeout_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A call to place. `path` is the telephony path that has its own rate; `details` the JSON kept with the call."""

    from_number: str
    to_number: str
    agent: Agent
    agent_version: int
    agent_tag: str | None
    path: str
    details: bytes
    ring_limit_ms: int
    longest_call_ms: int
    data_storage: str
    detects_do_not_call: bool
    webhook: WebhookTarget | None
    idempotency_key: str | None


def read_order(body: Mapping[str, Any], config: SimulatorConfig, do_not_call: set[str]) -> Order | Refusal:
    """The order in a request body; `do_not_call` are the numbers that contacts mark so at present."""
    rules = config.assumptions
    wrong = _schema_error(body, rules)
    if wrong is not None:
        return Refusal(status=400, message=wrong, schema=True)
    number = next((one for one in config.phone_numbers if one.phone_number == body["from_number"]), None)
    if number is None:
        return Refusal(status=rules.not_found_status, message=f"Item {body['from_number']} not found from phone-number")
    agent_id = body.get("override_agent_id") or next(iter(number.outbound_agent_ids), None)
    if agent_id is None:
        message = f"No outbound agent id set up for phone number {number.phone_number}"
        return Refusal(status=400, message=message)
    agent = next((one for one in config.agents if one.agent_id == agent_id), None)
    if agent is None:
        return Refusal(status=rules.not_found_status, message=f"Item {agent_id} not found from agent")
    resolved = _version(agent, body.get("override_agent_version"))
    if resolved is None:
        message = f"Version {body['override_agent_version']} of {agent_id} not found"
        return Refusal(status=rules.not_found_status, message=message)
    if body.get("honor_internal_dnc") and body["to_number"] in do_not_call:
        return Refusal(status=400, message="Contact is marked as do not call")
    country = _refused_country(number, body["to_number"])
    if country is not None:
        return Refusal(status=400, message=f"Call country not supported: {country}")
    return _order(body, config, number, agent, resolved)


def _order(
    body: Mapping[str, Any],
    config: SimulatorConfig,
    number: PhoneNumber,
    agent: Agent,
    resolved: tuple[int, str | None],
) -> Order:
    variables = body.get("retell_llm_dynamic_variables")
    if variables is not None and config.assumptions.non_string_variable == "converted":
        variables = {name: value if isinstance(value, str) else str(value) for name, value in variables.items()}
    details = {
        name: value
        for name, value in (
            ("metadata", body.get("metadata")),
            ("retell_llm_dynamic_variables", variables),
            ("custom_sip_headers", body.get("custom_sip_headers")),
        )
        if value is not None
    }
    own = (body.get("agent_override") or {}).get("agent") or {}
    return Order(
        from_number=number.phone_number,
        to_number=body["to_number"],
        agent=agent,
        agent_version=resolved[0],
        agent_tag=resolved[1],
        path=number.phone_number_type,
        details=json_bytes(details),
        ring_limit_ms=own.get("ring_duration_ms", agent.ring_duration_ms),
        longest_call_ms=own.get("max_call_duration_ms", agent.max_call_duration_ms),
        data_storage=own.get("data_storage_setting", agent.data_storage_setting),
        detects_do_not_call=own.get("enable_dnc_detection", agent.enable_dnc_detection),
        webhook=_webhook(own, agent, config, variables or {}),
        idempotency_key=body.get("idempotency_key"),
    )


def _schema_error(body: Mapping[str, Any], rules: Assumptions) -> str | None:
    """The first violation in the words of a schema validator, None where there is none."""
    for name in ("from_number", "to_number"):
        if name not in body:
            return f"request/body must have required property '{name}'"
        if not isinstance(body[name], str):
            return f"request/body/{name} must be string"
        if not body[name]:
            return f"request/body/{name} must NOT have fewer than 1 characters"
        free = name == "from_number" and body.get("ignore_e164_validation") is True
        if not free and not _E164.fullmatch(body[name]):
            return f"request/body/{name} must be a valid number in E.164 format"
    for name in ("idempotency_key", "override_agent_id"):
        if name in body and not isinstance(body[name], str):
            return f"request/body/{name} must be string"
    for name in ("metadata", "retell_llm_dynamic_variables", "custom_sip_headers", "agent_override"):
        if body.get(name) is not None and not isinstance(body[name], dict):
            return f"request/body/{name} must be object"
    if rules.non_string_variable == "refused":
        for name, value in (body.get("retell_llm_dynamic_variables") or {}).items():
            if not isinstance(value, str):
                return f"request/body/retell_llm_dynamic_variables/{name} must be string"
    if rules.unknown_fields_refused and (extra := sorted(set(body) - KNOWN_FIELDS)):
        return f"request/body must NOT have additional properties ({extra[0]})"
    return _override_error(body.get("agent_override") or {})


def _override_error(override: Mapping[str, Any]) -> str | None:
    where = "request/body/agent_override/agent"
    own = override.get("agent") or {}
    if not isinstance(own, dict):
        return f"{where} must be object"
    for name, (low, high) in _RANGES.items():
        value = own.get(name)
        if value is not None and (not isinstance(value, int) or not low <= value <= high):
            return f"{where}/{name} must be an integer from {low} to {high}"
    storage = own.get("data_storage_setting")
    if storage is not None and storage not in set(DataStorageSetting):
        return f"{where}/data_storage_setting must be equal to one of the allowed values"
    events = own.get("webhook_events") or []
    if not isinstance(events, list) or not all(event in list(WebhookEvent) for event in events):
        return f"{where}/webhook_events must be equal to one of the allowed values"
    return None


def _version(agent: Agent, asked: object) -> tuple[int, str | None] | None:
    """Version number and tag for `override_agent_version`; None where the agent has neither."""
    tag = next(iter(agent.tags), None)
    if asked is None or asked in ("latest", "latest_published"):
        return agent.version, tag
    if isinstance(asked, int):
        return (asked, tag if asked == agent.version else None) if 0 <= asked <= agent.version else None
    return (agent.version, str(asked)) if asked in agent.tags else None


def _refused_country(number: PhoneNumber, to_number: str) -> str | None:
    if not number.allowed_outbound_countries:
        return None
    try:
        country = phonenumbers.region_code_for_number(phonenumbers.parse(to_number)) or "XX"
    except phonenumbers.NumberParseException:
        country = "XX"
    return None if country in number.allowed_outbound_countries else country


def _webhook(
    own: Mapping[str, Any], agent: Agent, config: SimulatorConfig, variables: Mapping[str, Any]
) -> WebhookTarget | None:
    """The override's target, else the agent's, else the account's; placeholders filled with the variables."""
    url = own.get("webhook_url") or agent.webhook_url or config.webhook_url
    if not url:
        return None
    events = own.get("webhook_events")
    return WebhookTarget(
        url=_PLACEHOLDER.sub(lambda match: str(variables.get(match[1], match[0])), url),
        events=frozenset(agent.webhook_events if events is None else events),
        timeout_ms=own.get("webhook_timeout_ms", agent.webhook_timeout_ms),
    )
