"""What the client asks for and how it reads the answers, against scripted answers on a real socket."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from speechai.core.model import CallFacts
from speechai.errors import AccountRefused, RetellLater, RetellUnknown
from speechai.retell.account import Concurrency, Identity
from speechai.retell.call_request import CallRequest
from speechai.retell.client import RetellClient
from tests.retell.raw_server import RawServer, answer, raw_server

PHONE = "+56912343478"
REQUEST = CallRequest(attempt_id="a1", from_number="+56223456789", to_number=PHONE, variables={"nombre": "Ana"})


def client(server: RawServer) -> RetellClient:
    return RetellClient(base_url=server.url, api_key="key_x", connect_timeout_seconds=2, read_timeout_seconds=2)


def call(call_id: str, **fields: Any) -> dict[str, Any]:
    return {"call_id": call_id, "call_status": "registered", "metadata": {"attempt_id": "a1"}, **fields}


def listed(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"items": list(items), "has_more": False, **fields}


def test_accepted_call_is_returned_and_logged_without_its_number() -> None:
    with raw_server(answer(201, call("call_1"))) as server, structlog.testing.capture_logs() as logs:
        assert client(server).create_call(REQUEST).call_id == "call_1"
    assert server.received[0].line == "POST /v2/create-phone-call HTTP/1.1"
    assert server.received[0].json == REQUEST.to_body()
    assert [(log["action"], log["attempt_id"], log["call_id"]) for log in logs] == [("create_call", "a1", "call_1")]
    assert PHONE not in repr(logs)


def test_refused_call_is_logged_with_its_reason_and_without_its_number() -> None:
    refusal = {"status": "error", "message": f"Invalid phone number {PHONE}"}
    with (
        raw_server(answer(429, refusal, headers={"Retry-After": "7"})) as server,
        structlog.testing.capture_logs() as logs,
        pytest.raises(RetellLater) as caught,
    ):
        client(server).create_call(REQUEST)
    assert caught.value.retry_after_seconds == 7
    assert logs[0]["error"] == "RetellLater"
    assert PHONE not in repr(logs)


@pytest.mark.parametrize("status", [404, 422])
def test_call_that_retell_does_not_know_is_none(status: int) -> None:
    with raw_server(answer(status, {"status": "error", "message": "not found"})) as server:
        assert client(server).get_call("call_1") is None


@pytest.mark.parametrize(
    "body", [{}, {"call_id": "call_2"}, {"call_id": 1}, [], None, b"<html>", {"error": "x"}], ids=repr
)
def test_answer_that_is_not_this_call_is_no_news_of_it(body: Any) -> None:
    with raw_server(answer(200, body)) as server, pytest.raises(RetellUnknown):
        client(server).get_call("call_1")


def test_odd_call_id_stays_one_path_segment() -> None:
    with raw_server(answer(200, call("../x?y#z"))) as server:
        assert client(server).get_call("../x?y#z") is not None
    assert server.received[0].line == "GET /v2/get-call/..%2Fx%3Fy%23z HTTP/1.1"


def test_search_asks_by_attempt_and_number_only() -> None:
    with raw_server(answer(200, listed())) as server:
        assert client(server).find_call("a1", PHONE) is None
    assert server.received[0].json == {
        "filter_criteria": {
            "metadata": [{"type": "string", "op": "eq", "key": "attempt_id", "value": "a1"}],
            "to_number": {"type": "string", "op": "eq", "value": PHONE},
        },
        "sort_order": "ascending",
        "limit": 50,
    }


def test_live_call_found_is_taken_from_the_list() -> None:
    with raw_server(answer(200, listed(call("call_1")))) as server:
        found = client(server).find_call("a1", PHONE)
    assert found is not None
    assert found.call_id == "call_1"
    assert len(server.received) == 1


def test_finished_call_found_is_fetched_with_its_details() -> None:
    brief, whole = call("call_1", call_status="ended"), call("call_1", call_status="ended", transcript="...")
    with raw_server(answer(200, listed(brief)), answer(200, whole)) as server:
        found = client(server).find_call("a1", PHONE)
    assert found is not None
    assert found.raw["transcript"] == "..."


def test_finished_call_that_was_deleted_meanwhile_is_still_found() -> None:
    brief = call("call_1", call_status="not_connected")
    with raw_server(answer(200, listed(brief)), answer(404)) as server:
        found = client(server).find_call("a1", PHONE)
    assert found is not None
    assert found.status == "not_connected"


def test_of_several_calls_for_one_attempt_the_earliest_is_taken_and_the_fact_is_logged() -> None:
    items = [
        call("unstarted"),
        call("late", start_timestamp=1_795_338_060_000),
        call("early", start_timestamp=1_795_338_000_000),
    ]
    with raw_server(answer(200, listed(*items))) as server, structlog.testing.capture_logs() as logs:
        found = client(server).find_call("a1", PHONE)
    assert found is not None
    assert found.call_id == "early"
    assert logs[0]["call_ids"] == ["early", "late", "unstarted"]


def test_same_call_listed_twice_is_one_call() -> None:
    with raw_server(answer(200, listed(call("c"), call("c")))) as server, structlog.testing.capture_logs() as logs:
        assert client(server).find_call("a1", PHONE) is not None
    assert logs == []


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(listed(call("call_9", metadata={"attempt_id": "another"})), id="the filter was ignored"),
        pytest.param(listed({"call_id": "call_9"}), id="no metadata to check"),
        pytest.param([call("call_1")], id="the bare list of v2"),
        pytest.param({"items": None}, id="no items"),
        pytest.param({}, id="empty object"),
        pytest.param(b"", id="empty body"),
    ],
)
def test_search_without_a_clear_answer_is_not_taken_for_no_call(body: Any) -> None:
    with raw_server(answer(200, body)) as server, pytest.raises(RetellUnknown):
        client(server).find_call("a1", PHONE)


@pytest.mark.parametrize("status", [200, 204])
def test_running_call_is_stopped(status: int) -> None:
    with raw_server(answer(status)) as server:
        assert client(server).stop_call("call_1") is True
    assert server.received[0].line == "POST /v2/stop-call/call_1 HTTP/1.1"


@pytest.mark.parametrize("status", [400, 404, 409, 422])
def test_stopping_a_call_that_is_over_is_fine(status: int) -> None:
    with raw_server(answer(status), answer(200, call("call_1", call_status="ended"))) as server:
        assert client(server).stop_call("call_1") is True


def test_stopping_a_call_that_does_not_exist_says_so() -> None:
    with raw_server(answer(422), answer(422)) as server:
        assert client(server).stop_call("call_1") is False


def test_refusal_to_stop_a_live_call_is_not_taken_for_success() -> None:
    live = answer(200, call("call_1", call_status="ongoing"))
    with raw_server(answer(400), live) as server, pytest.raises(RetellUnknown):
        client(server).stop_call("call_1")


def test_concurrency_leaves_the_reserved_slots_out() -> None:
    body = {"current_concurrency": 3, "concurrency_limit": 20, "reserved_inbound_concurrency": 5, "new_field": []}
    with raw_server(answer(200, body)) as server:
        found = client(server).concurrency()
    assert found == Concurrency(current=3, limit=20, reserved_inbound=5, burst_limit=0)
    assert found.outbound_limit == 15


def test_concurrency_that_says_nothing_is_no_limit_of_zero() -> None:
    with raw_server(answer(200, {"concurrency_limit": "20"})) as server:
        assert client(server).concurrency().outbound_limit is None


def test_whoami_reads_names_and_refuses_a_wrong_key() -> None:
    with raw_server(answer(200, {"org_id": "o", "org_name": "Org", "api_key_name": None}), answer(401)) as server:
        assert client(server).whoami() == Identity(org_id="o", org_name="Org", api_key_name=None)
        with pytest.raises(AccountRefused, match="RETELL_API_KEY"):
            client(server).whoami()


def test_agent_is_read_and_an_unknown_one_is_none() -> None:
    body = {"agent_id": "agent_1", "agent_name": "Cobranza", "version": 3, "language": ["es-419", "en-US"]}
    with raw_server(answer(200, body), answer(422)) as server:
        found = client(server).agent("agent_1")
        assert client(server).agent("agent_2") is None
    assert found is not None
    assert (found.name, found.version, found.language, found.is_published) == ("Cobranza", 3, "es-419", None)


def test_numbers_of_all_pages_are_read() -> None:
    first = {
        "phone_number": "+56223456789",
        "phone_number_type": "custom",
        "outbound_agents": [{"agent_id": "agent_1", "weight": 1}, {"weight": 1}, None],
        "allowed_outbound_country_list": ["CL"],
    }
    pages = (
        answer(200, listed(first, has_more=True, pagination_key="next")),
        answer(200, listed({"phone_number": "+1"})),
    )
    with raw_server(*pages) as server:
        one, two = client(server).numbers()
    assert (one.outbound_agent_ids, one.outbound_countries) == (("agent_1",), ("CL",))
    assert (two.number, two.outbound_agent_ids, two.outbound_countries) == ("+1", (), None)
    assert "pagination_key=next" in server.received[1].line


@pytest.mark.parametrize(
    ("listed_countries", "read"),
    [(["CL", "ar"], ("CL", "AR")), ([], None), (None, None), ("CL", None), ([None], ())],
)
def test_an_empty_list_of_countries_means_every_country(listed_countries: object, read: tuple[str, ...] | None) -> None:
    number = {"phone_number": "+1", "allowed_outbound_country_list": listed_countries}
    with raw_server(answer(200, listed(number))) as server:
        [found] = client(server).numbers()
    assert found.outbound_countries == read


def test_facts_of_a_call_do_not_depend_on_who_asked() -> None:
    body = call("call_1", call_status="ended")
    with raw_server(answer(200, body)) as server:
        found = client(server).get_call("call_1")
    assert isinstance(found, CallFacts)
    assert found.raw == body
