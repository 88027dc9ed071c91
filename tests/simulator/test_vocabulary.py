"""Our words against the type literals of the official SDK: a release that adds a value fails here."""

from __future__ import annotations

import inspect
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from retell.types import agent_response, call_list_params, call_list_response, phone_call_response
from typing_extensions import is_typeddict

from speechai.retell.simulator.filters import ALL_FIELDS, ENUM_VALUES, FIELD_KINDS, KEYED_FIELDS, OPERATORS
from speechai.retell.vocabulary import (
    CallStatus,
    DataStorageSetting,
    DisconnectionReason,
    UserSentiment,
    WebhookEvent,
    status_of,
)


def literals(hint: Any) -> set[str]:
    if get_origin(hint) is Literal:
        return set(get_args(hint))
    return {value for part in get_args(hint) for value in literals(part)}


def field_literals(model: Any, field: str) -> set[str]:
    return literals(model.model_fields[field].annotation)


PHONE_CALL = phone_call_response.PhoneCallResponse


@pytest.mark.parametrize("model", [PHONE_CALL, call_list_response.ItemV3PhoneCallResponse])
def test_statuses_reasons_and_settings_are_those_of_the_sdk(model: Any) -> None:
    assert field_literals(model, "call_status") == set(CallStatus)
    assert field_literals(model, "disconnection_reason") == set(DisconnectionReason)
    assert field_literals(model, "data_storage_setting") == set(DataStorageSetting)


def test_there_are_39_reasons_and_each_has_a_terminal_status() -> None:
    assert len(DisconnectionReason) == 39
    assert {status_of(reason) for reason in DisconnectionReason} == {"ended", "not_connected", "error"}


def test_sentiments_are_those_of_the_sdk() -> None:
    assert field_literals(phone_call_response.CallAnalysis, "user_sentiment") == set(UserSentiment)


def test_webhook_events_are_those_of_the_sdk() -> None:
    assert field_literals(agent_response.AgentResponse, "webhook_events") == set(WebhookEvent)


def test_filter_fields_are_those_of_the_sdk() -> None:
    assert set(get_type_hints(call_list_params.FilterCriteria)) == set(ALL_FIELDS)


def sdk_filters(hint: Any) -> list[Any]:
    """The TypedDicts behind a filter's hint."""
    if is_typeddict(hint):
        return [hint]
    return [found for part in get_args(hint) for found in sdk_filters(part)]


def described(filter_type: Any) -> tuple[str, tuple[str, ...]]:
    hints = get_type_hints(filter_type)
    (kind,) = literals(hints["type"])
    return kind, tuple(sorted(literals(hints["op"])))


@pytest.mark.parametrize("field", sorted({*FIELD_KINDS, *KEYED_FIELDS}))
def test_filter_kinds_and_operators_are_those_of_the_sdk(field: str) -> None:
    filters = sdk_filters(get_type_hints(call_list_params.FilterCriteria)[field])
    kinds = FIELD_KINDS.get(field, tuple(OPERATORS))
    assert {described(one) for one in filters} == {(kind, tuple(sorted(OPERATORS[kind]))) for kind in kinds}


@pytest.mark.parametrize("field", sorted(ENUM_VALUES))
def test_enum_filters_take_the_values_of_the_sdk(field: str) -> None:
    (one,) = sdk_filters(get_type_hints(call_list_params.FilterCriteria)[field])
    assert literals(get_type_hints(one)["value"]) == set(ENUM_VALUES[field])


def test_create_takes_the_fields_of_the_sdk() -> None:
    from retell.resources.call import CallResource

    from speechai.retell.simulator.orders import KNOWN_FIELDS

    given = set(inspect.signature(CallResource.create_phone_call).parameters)
    own = {"self", "extra_headers", "extra_query", "extra_body", "timeout", "max_retries"}
    assert given - own == set(KNOWN_FIELDS)
