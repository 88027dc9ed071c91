"""This product's calls since an instant: which of them are told, and where the pages of the list end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from speechai.errors import RetellUnknown
from speechai.retell.client import RetellClient
from speechai.retell.placed_call import PlacedCall, placed_call
from tests.retell.raw_server import RawServer, answer, raw_server

NOON = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)
OURS = {"attempt_id": "a1", "job_id": "j", "batch_id": "b", "account_id": "main"}


def item(call_id: str, at: datetime | None = None, **fields: Any) -> dict[str, Any]:
    """A call of ours, as it is listed, begun at `at`."""
    start = {} if at is None else {"start_timestamp": int(at.timestamp() * 1000)}
    numbers = {"to_number": "+56912343478", "from_number": "+56223456789"}
    return {"call_id": call_id, "call_status": "ended", "metadata": OURS, **numbers, **start, **fields}


def since(server: RawServer, instant: datetime) -> list[str]:
    client = RetellClient(base_url=server.url, api_key="key_x", connect_timeout_seconds=2, read_timeout_seconds=2)
    return [call.facts.call_id for call in client.calls_since(instant)]


def page(*items: Any, cursor: str | None = None) -> Any:
    more = {"has_more": True, "pagination_key": cursor} if cursor else {"has_more": False}
    return answer(200, {"items": list(items), **more})


def test_pages_are_read_until_one_is_wholly_earlier() -> None:
    minute = timedelta(minutes=1)
    with raw_server(
        page(item("late", NOON + minute), item("at once", NOON), cursor="x"),
        page(item("between", NOON), item("early", NOON - minute), item("never began"), cursor="y"),
        page(item("earlier", NOON - 2 * minute), cursor="z"),
    ) as server:
        assert since(server, NOON) == ["late", "at once", "between", "never began"]
    bodies = [request.json for request in server.received]
    assert [body.get("pagination_key") for body in bodies] == [None, "x", "y"]
    assert all("filter_criteria" not in body and body["sort_order"] == "descending" for body in bodies)


def test_a_list_that_does_not_go_on_is_no_list() -> None:
    same = page(item("c1", NOON), cursor="x")
    with raw_server(same, same) as server, pytest.raises(RetellUnknown, match="does not go on"):
        since(server, NOON)


def test_calls_of_others_are_left_out() -> None:
    others: list[Any] = [None, {}, {"attempt_id": "a1"}, {**OURS, "job_id": 7}, {**OURS, "job_id": ""}, [OURS]]
    with raw_server(page(*(item(f"c{n}", NOON, metadata=one) for n, one in enumerate(others)), "no call")) as server:
        assert since(server, NOON) == []


def placed(**fields: Any) -> PlacedCall:
    found = placed_call(item("c1", **fields))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"metadata": {**OURS, "placed_at": "2026-11-25T12:00:00-03:00"}, "at": NOON + timedelta(1)}, NOON),
        ({"metadata": {**OURS, "placed_at": "2026-11-25T12:00:00"}, "at": NOON}, NOON),
        ({"metadata": {**OURS, "placed_at": "soon"}, "end_timestamp": int(NOON.timestamp() * 1000)}, NOON),
        ({}, None),
    ],
    ids=["as it was sent", "without a zone", "no instant", "nothing is known"],
)
def test_when_a_call_was_placed(fields: dict[str, Any], expected: datetime | None) -> None:
    found = placed(**fields)
    assert found.placed_at == expected
    assert found.is_since(NOON)
