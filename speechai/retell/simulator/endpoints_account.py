"""The endpoints on the workspace itself: concurrency, agents, caller numbers, the key, and batches of calls."""

from __future__ import annotations

from typing import Any

from speechai.retell.simulator.batches import Batch, read_window
from speechai.retell.simulator.config import Agent, PhoneNumber
from speechai.retell.simulator.endpoints_calls import Asked, refused
from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.orders import Refusal, read_order
from speechai.retell.simulator.wire import Answer, ok, refusal


def get_concurrency(exchange: Exchange, _: Asked) -> Answer:
    """GET /get-concurrency"""
    limits = exchange.config.limits
    return ok(
        {
            "current_concurrency": exchange.lines.live(exchange.clock.now_ms()),
            "concurrency_limit": limits.concurrency_limit,
            "base_concurrency": limits.base_concurrency,
            "purchased_concurrency": limits.purchased_concurrency,
            "concurrency_purchase_limit": limits.concurrency_purchase_limit,
            "remaining_purchase_limit": limits.concurrency_purchase_limit - limits.purchased_concurrency,
            "reserved_inbound_concurrency": limits.reserved_inbound_concurrency,
            "concurrency_burst_enabled": limits.burst_enabled,
            "concurrency_burst_limit": limits.burst_limit,
        }
    )


def get_api_key_info(exchange: Exchange, asked: Asked) -> Answer:
    """GET /get-api-key-info"""
    name = exchange.config.api_keys.get(asked.api_key, "")
    return ok({"org_id": "org_simulator", "org_name": "SpeechAI simulator", "api_key_name": name})


def get_agent(exchange: Exchange, asked: Asked) -> Answer:
    """GET /get-agent/{agent_id}"""
    agent = next((one for one in exchange.config.agents if one.agent_id == asked.subject), None)
    if agent is None:
        return refusal(exchange.config.assumptions.not_found_status, f"Item {asked.subject} not found from agent")
    version = asked.query.get("version", "latest")
    if not (version in ("latest", "latest_published", *agent.tags) or _is_version(version, agent)):
        return refusal(exchange.config.assumptions.not_found_status, f"Version {version} not found")
    return ok(_agent(agent, int(version) if version.isdigit() else agent.version))


def _is_version(text: str, agent: Agent) -> bool:
    return text.isdigit() and int(text) <= agent.version


def _agent(agent: Agent, version: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "agent_id": agent.agent_id,
        "agent_name": agent.name,
        "version": version,
        "is_published": True,
        "last_modification_timestamp": _MODIFIED_MS,
        "response_engine": {"type": "retell-llm", "llm_id": "llm_simulator", "version": 0},
        "voice_id": "11labs-Adrian",
        "language": "es-419",
        "webhook_events": list(agent.webhook_events),
        "webhook_timeout_ms": agent.webhook_timeout_ms,
        "ring_duration_ms": agent.ring_duration_ms,
        "max_call_duration_ms": agent.max_call_duration_ms,
        "data_storage_setting": agent.data_storage_setting,
        "enable_dnc_detection": agent.enable_dnc_detection,
        "post_call_analysis_data": [
            {"type": "string", "name": "fecha_pago_cliente", "description": "Fecha de pago comprometida"},
            {"type": "number", "name": "monto_pago_cliente", "description": "Monto comprometido"},
            {"type": "boolean", "name": "habla_titular", "description": "Habla el titular"},
        ],
    }
    if agent.webhook_url is not None:
        shown["webhook_url"] = agent.webhook_url
    return shown


# Agents and numbers do not change while a simulator runs: 2026-11-01T00:00:00Z.
_MODIFIED_MS = 1_793_491_200_000


def list_agents(exchange: Exchange, asked: Asked) -> Answer:
    """POST /v2/list-agents; the page travels in the query, the filter in the body."""
    criteria = asked.body.get("filter_criteria") or {}
    wanted = str(criteria.get("query", "")).lower()
    items = [
        {
            "agent_id": agent.agent_id,
            "agent_name": agent.name,
            "channel": "voice",
            "is_suspended": agent.is_suspended,
            "is_transfer_agent": False,
            "tags": {tag: {"version": agent.version} for tag in agent.tags},
            "user_modified_timestamp": _MODIFIED_MS,
        }
        for agent in exchange.config.agents
        if wanted in agent.name.lower()
        and criteria.get("channel", "voice") == "voice"
        and not criteria.get("is_transfer_agent", False)
    ]
    return _page(items, asked)


def list_phone_numbers(exchange: Exchange, asked: Asked) -> Answer:
    """GET /v2/list-phone-numbers"""
    return _page([_number(number) for number in exchange.config.phone_numbers], asked)


def get_phone_number(exchange: Exchange, asked: Asked) -> Answer:
    """GET /get-phone-number/{phone_number}"""
    number = next((one for one in exchange.config.phone_numbers if one.phone_number == asked.subject), None)
    if number is None:
        message = f"Item {asked.subject} not found from phone-number"
        return refusal(exchange.config.assumptions.not_found_status, message)
    return ok(_number(number))


def _number(number: PhoneNumber) -> dict[str, Any]:
    agents = number.outbound_agent_ids
    return {
        "phone_number": number.phone_number,
        "phone_number_pretty": number.phone_number,
        "phone_number_type": number.phone_number_type,
        "nickname": number.nickname,
        "last_modification_timestamp": _MODIFIED_MS,
        "outbound_agents": [{"agent_id": agent_id, "weight": 1 / len(agents)} for agent_id in agents],
        "allowed_outbound_country_list": list(number.allowed_outbound_countries),
    }


def _page(items: list[dict[str, Any]], asked: Asked) -> Answer:
    if asked.query.get("sort_order", "descending") == "ascending":
        items = items[::-1]
    try:
        limit, offset = int(asked.query.get("limit", 50)), int(asked.query.get("pagination_key", 0))
    except ValueError:
        return refusal(400, "request/querystring/limit must be integer", schema=True)
    shown: dict[str, Any] = {"items": items[offset : offset + limit], "has_more": len(items) > offset + limit}
    if shown["has_more"]:
        shown["pagination_key"] = str(offset + limit)
    return ok(shown)


def create_batch_call(exchange: Exchange, asked: Asked) -> Answer:
    """POST /create-batch-call; its calls go through the same machinery as single ones."""
    body = asked.body
    tasks = body.get("tasks")
    if not isinstance(tasks, list) or not tasks or not all(isinstance(task, dict) for task in tasks):
        return refusal(400, "request/body/tasks must NOT have fewer than 1 items", schema=True)
    for name in ("trigger_timestamp", "reserved_concurrency"):
        if not isinstance(body.get(name, 0), (int, float)):
            return refusal(400, f"request/body/{name} must be number", schema=True)
    window = read_window(body.get("call_time_window"))
    if isinstance(window, Refusal):
        return refused(window)
    orders = []
    for task in tasks:
        # A task knows neither a key nor honor_internal_dnc.
        single = {name: value for name, value in task.items() if name not in ("idempotency_key", "honor_internal_dnc")}
        order = read_order({**single, "from_number": body.get("from_number")}, exchange.config, set())
        if isinstance(order, Refusal):
            return refused(order)
        orders.append(order)
    now_ms = exchange.clock.now_ms()
    starts_ms = max(int(body.get("trigger_timestamp") or now_ms), now_ms)
    batch = Batch(exchange, orders, reserved=int(body.get("reserved_concurrency") or 0), window=window)
    exchange.agenda.at(starts_ms, batch.place)
    in_seconds = exchange.config.assumptions.batch_scheduled_unit == "s"
    shown = {
        "batch_call_id": batch.batch_call_id,
        "from_number": body["from_number"],
        "name": body.get("name") or "Batch Call",
        "scheduled_timestamp": starts_ms // 1000 if in_seconds else starts_ms,
        "total_task_count": len(orders),
    }
    if window is not None:
        shown["call_time_window"] = body["call_time_window"]
    return ok(shown, status=201)
