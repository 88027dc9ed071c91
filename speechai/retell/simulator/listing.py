"""v3 list-calls: which calls are known, in which order, and the pages.

Enters the body of a list request and the calls; leaves a page or a refusal. The order is by start_timestamp, a call
without one stands at its acceptance; the cursor is a position in that order, so a new call shifts no page.
"""

from __future__ import annotations

import base64
import binascii
import heapq
import json
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from speechai.retell.simulator.calls import CallRecord, show, start_of
from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.filters import Condition, conditions, filter_error
from speechai.retell.simulator.orders import Refusal
from speechai.retell.simulator.wire import json_bytes
from speechai.retell.vocabulary import CallStatus

_LONGEST_PAGE = 1_000


def list_calls(exchange: Exchange, body: Mapping[str, Any], *, behind_ms: int = 0) -> dict[str, Any] | Refusal:
    """One page of the calls as known `behind_ms` milliseconds ago."""
    wrong = _schema_error(body)
    if wrong is not None:
        return Refusal(status=400, message=wrong, schema=True)
    criteria = body.get("filter_criteria") or {}
    rules = exchange.config.assumptions
    wanted = [condition for name, given in criteria.items() for condition in conditions(name, given, rules)]
    at_ms = exchange.clock.now_ms() - behind_ms
    descending = body.get("sort_order", "descending") == "descending"
    after: tuple[int, int] | None = None
    if body.get("pagination_key"):
        after = _cursor(body["pagination_key"])
        if after is None:
            return Refusal(status=400, message="Invalid pagination_key")
    matching = [
        (_order_key(record, at_ms, exchange), record)
        for record in _candidates(exchange, criteria)
        if _is_listed(record, at_ms, exchange)
        and (not wanted or _is_wanted(_listed_view(record, at_ms, exchange), wanted))
    ]
    total = len(matching)
    if after is not None:
        matching = [pair for pair in matching if (pair[0] < after if descending else pair[0] > after)]
    limit, skip = body.get("limit", 50), body.get("skip", 0)
    pick = heapq.nlargest if descending else heapq.nsmallest
    page = pick(skip + limit + 1, matching, key=itemgetter(0))[skip:]
    items = [_item(_listed_view(record, at_ms, exchange)) for _, record in page[:limit]]
    answer: dict[str, Any] = {"items": items, "has_more": len(page) > limit}
    if answer["has_more"]:
        answer["pagination_key"] = _cursor_text(page[limit - 1][0])
    if body.get("include_total"):
        answer["total"] = total
    return answer


def _candidates(exchange: Exchange, criteria: Mapping[str, Any]) -> list[CallRecord]:
    """The calls worth a look: a search by number or by metadata, as recovery makes it, must not show 100,000 others."""
    number = criteria.get("to_number")
    if number is not None and number["op"] == "eq":
        records = list(exchange.by_number.get(number["value"], ()))
    else:
        records = list(exchange.calls.values())
    for one in criteria.get("metadata", ()):
        if one["type"] == "string" and one["op"] == "eq":
            stored = json_bytes(one["value"])
            records = [record for record in records if stored in record.details or record.earlier_metadata is not None]
    return records


def _is_wanted(shown: Mapping[str, Any], wanted: list[Condition]) -> bool:
    return all(condition(shown) for condition in wanted)


def _is_listed(record: CallRecord, at_ms: int, exchange: Exchange) -> bool:
    rules, line = exchange.config.assumptions, record.timeline
    seen_ms = at_ms - rules.listing_delay_ms
    if seen_ms < line.accepted_ms:
        return False
    return rules.listed_from == "registered" or line.status_at(seen_ms) is not CallStatus.REGISTERED


def _listed_view(record: CallRecord, at_ms: int, exchange: Exchange) -> dict[str, Any]:
    shown = show(record, max(at_ms, record.timeline.accepted_ms), exchange.view, for_list=True)
    earlier = record.earlier_metadata
    if earlier is not None and at_ms < earlier[0] + exchange.config.assumptions.metadata_delay_ms:
        shown["metadata"] = json.loads(earlier[1])
    # Filterable, yet no field of an item; _item takes them out again.
    shown["_batch_call_id"] = record.batch_call_id
    shown["_custom_attributes"] = record.custom_attributes
    return shown


def _item(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if not name.startswith("_")}


def _order_key(record: CallRecord, at_ms: int, exchange: Exchange) -> tuple[int, int]:
    """By start_timestamp; a call that has none stands where it was accepted."""
    start_ms = start_of(record, at_ms, exchange.config.assumptions)
    return (record.timeline.accepted_ms if start_ms is None else start_ms, record.sequence)


def _cursor_text(key: tuple[int, int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _cursor(text: str) -> tuple[int, int] | None:
    try:
        first, second = json.loads(base64.urlsafe_b64decode(text.encode()))
        return int(first), int(second)
    except (ValueError, TypeError, binascii.Error):
        return None


def _schema_error(body: Mapping[str, Any]) -> str | None:
    limit, skip = body.get("limit", 50), body.get("skip", 0)
    if not _is_whole(limit) or not 1 <= limit <= _LONGEST_PAGE:
        return f"request/body/limit must be an integer from 1 to {_LONGEST_PAGE}"
    if not _is_whole(skip) or skip < 0:
        return "request/body/skip must be >= 0"
    if body.get("pagination_key") is not None and "skip" in body:
        return "request/body must not have both skip and pagination_key"
    if body.get("sort_order", "descending") not in ("ascending", "descending"):
        return "request/body/sort_order must be equal to one of the allowed values"
    criteria = body.get("filter_criteria")
    if criteria is None:
        return None
    if not isinstance(criteria, dict):
        return "request/body/filter_criteria must be object"
    return next((wrong for name, given in criteria.items() if (wrong := filter_error(name, given))), None)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
