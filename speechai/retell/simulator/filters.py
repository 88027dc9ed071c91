"""The filter language of v3 list-calls: which filters are valid, and which calls they match.

Enters the `filter_criteria` of a request; leaves the message of a refusal, or conditions on a shown call. A filter only
matches a value of its own type, so a string never equals a number; a present filter asks for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from speechai.retell.simulator.assumptions import Assumptions
from speechai.retell.vocabulary import (
    LISTABLE_STATUSES,
    CallType,
    DataStorageSetting,
    Direction,
    DisconnectionReason,
    UserSentiment,
)

OPERATORS: Mapping[str, tuple[str, ...]] = {
    "string": ("eq", "ne", "sw", "ew", "co"),
    "number": ("eq", "ne", "gt", "ge", "lt", "le"),
    "range": ("bt",),
    "enum": ("in",),
    "boolean": ("eq",),
    "present": ("pr", "np"),
}
_NUMERIC = ("number", "range")
# Which kinds of filter a field takes.
FIELD_KINDS: Mapping[str, tuple[str, ...]] = {
    "call_id": ("string", "enum"),
    "to_number": ("string",),
    "from_number": ("string",),
    "batch_call_id": ("string",),
    "start_timestamp": _NUMERIC,
    "end_timestamp": _NUMERIC,
    "duration_ms": _NUMERIC,
    "combined_cost": _NUMERIC,
    "e2e_latency_p50": _NUMERIC,
    "call_status": ("enum",),
    "disconnection_reason": ("enum",),
    "direction": ("enum",),
    "call_type": ("enum",),
    "user_sentiment": ("enum",),
    "data_storage_setting": ("enum",),
    "agent_tag": ("enum",),
    "in_voicemail": ("boolean",),
    "call_successful": ("boolean",),
}
# Fields that hold a list of filters, each with a key.
KEYED_FIELDS = ("metadata", "dynamic_variables", "custom_attributes", "custom_analysis_data")
ALL_FIELDS = frozenset({*FIELD_KINDS, *KEYED_FIELDS, "agent", "tool_calls"})
ENUM_VALUES: Mapping[str, frozenset[str]] = {
    "call_status": frozenset(LISTABLE_STATUSES),
    "disconnection_reason": frozenset(DisconnectionReason),
    "direction": frozenset(Direction),
    "call_type": frozenset(CallType),
    "user_sentiment": frozenset(UserSentiment),
    "data_storage_setting": frozenset(DataStorageSetting),
}

Shown = Mapping[str, Any]
Condition = Callable[[Shown], bool]
_ABSENT = object()


def filter_error(name: str, given: Any) -> str | None:
    """What is wrong with one entry of `filter_criteria`, in the words of a schema validator."""
    where = f"request/body/filter_criteria/{name}"
    if name not in ALL_FIELDS:
        return f"request/body/filter_criteria must NOT have additional properties ({name})"
    if name in ("agent", "tool_calls") or name in KEYED_FIELDS:
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            return f"{where} must be array"
        if name in KEYED_FIELDS:
            kinds = tuple(OPERATORS)
            return next((wrong for one in given if (wrong := _one_filter_error(where, one, kinds, keyed=True))), None)
        return None
    wrong = _one_filter_error(where, given, FIELD_KINDS[name], keyed=False)
    if wrong is None and name in ENUM_VALUES and not set(given["value"]) <= ENUM_VALUES[name]:
        return f"{where}/value must be equal to one of the allowed values"
    return wrong


def _one_filter_error(where: str, given: Any, kinds: tuple[str, ...], *, keyed: bool) -> str | None:
    if not isinstance(given, dict):
        return f"{where} must be object"
    kind, operator, value = given.get("type"), given.get("op"), given.get("value", _ABSENT)
    if kind not in kinds:
        return f"{where}/type must be equal to one of the allowed values"
    if operator not in OPERATORS[kind]:
        return f"{where}/op must be equal to one of the allowed values"
    if keyed and not isinstance(given.get("key"), str):
        return f"{where} must have required property 'key'"
    fits = {
        "string": isinstance(value, str),
        "number": _is_number(value),
        "range": isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)),
        "enum": isinstance(value, list),
        "boolean": isinstance(value, bool),
        "present": True,
    }
    return None if fits[kind] else f"{where}/value must be {kind}"


def conditions(name: str, given: Any, assumptions: Assumptions) -> list[Condition]:
    """What a valid entry asks of a call, all joined by AND.

    A call is the object of get-call and, since neither is a field of it, `_batch_call_id` and `_custom_attributes`.
    """
    if name == "agent":
        return [lambda shown: any(_is_agent(shown, one) for one in given)] if given else []
    if name == "tool_calls":
        # Simulated calls use no tools, so any such filter matches nothing.
        return [lambda _: False] if given else []
    if name in KEYED_FIELDS:
        return [_keyed(name, one) for one in given]
    if name == "start_timestamp" and not assumptions.start_filter_drops_unstarted:
        return [lambda shown: "start_timestamp" not in shown or _matches(given, shown["start_timestamp"])]
    return [lambda shown: _matches(given, _value(shown, name))]


def _keyed(name: str, given: Mapping[str, Any]) -> Condition:
    return lambda shown: _matches(given, (_holder(shown, name) or {}).get(given["key"], _ABSENT))


def _holder(shown: Shown, name: str) -> Mapping[str, Any] | None:
    holder = {
        "metadata": shown.get("metadata"),
        "dynamic_variables": shown.get("retell_llm_dynamic_variables"),
        "custom_attributes": shown.get("_custom_attributes"),
        "custom_analysis_data": shown.get("call_analysis", {}).get("custom_analysis_data"),
    }[name]
    return holder if isinstance(holder, dict) else None


def _is_agent(shown: Shown, wanted: Mapping[str, Any]) -> bool:
    versions = wanted.get("version")
    return shown["agent_id"] == wanted.get("agent_id") and (not versions or shown["agent_version"] in versions)


def _value(shown: Shown, name: str) -> Any:
    if name == "batch_call_id":
        return shown["_batch_call_id"] or _ABSENT
    if name == "combined_cost":
        return shown.get("call_cost", {}).get("combined_cost", _ABSENT)
    if name == "e2e_latency_p50":
        return shown.get("latency", {}).get("e2e", {}).get("p50", _ABSENT)
    if name in ("user_sentiment", "in_voicemail", "call_successful"):
        return shown.get("call_analysis", {}).get(name, _ABSENT)
    return shown.get(name, _ABSENT)


def _matches(given: Mapping[str, Any], value: Any) -> bool:
    kind, operator = given["type"], given["op"]
    wanted: Any = given.get("value")
    if kind == "present":
        return (value is not _ABSENT and value is not None) is (operator == "pr")
    if kind == "enum":
        return isinstance(value, str) and value in wanted
    if kind == "boolean":
        return isinstance(value, bool) and value is wanted
    if kind == "string":
        return isinstance(value, str) and _STRING_TESTS[operator](value, wanted)
    if not _is_number(value):
        return False
    if kind == "range":
        return bool(wanted[0] <= value <= wanted[1])
    return bool(_NUMBER_TESTS[operator](value, wanted))


_STRING_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "sw": str.startswith,
    "ew": str.endswith,
    "co": lambda value, wanted: wanted in value,
}
_NUMBER_TESTS: Mapping[str, Callable[[float, float], bool]] = {
    "eq": lambda value, wanted: value == wanted,
    "ne": lambda value, wanted: value != wanted,
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
