"""Retell's HTTP API as the rest of the product uses it: synchronous, one request per call of a method, no retries.

Enter: a `CallRequest` or an id, from the operations. Leaves: `CallFacts` and account values, or an error that says what
must happen next. Who wants a second try asks again: only the caller knows whether the hour, the pause and the person
still allow it, and no layer below may dial twice. One client serves all threads of a process and survives a fork.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import structlog

from speechai.core.masking import mask_phone
from speechai.core.model import CallFacts
from speechai.errors import RetellError, RetellUnknown
from speechai.retell.account import AgentFacts, CallerNumber, Concurrency, Identity
from speechai.retell.answers import error_of_create, error_of_lookup, message_of, read_call, shown_text
from speechai.retell.call_request import ATTEMPT_KEY, CallRequest
from speechai.retell.placed_call import PlacedCall, placed_call
from speechai.retell.reading import text_of
from speechai.retell.timing import TimedTransport
from speechai.retell.transport import Answer, NoAnswer

_FOUND_AT_MOST: Final = 50
_PAGE: Final = 1000
_PAGES: Final = 20
_NEVER: Final = datetime.max.replace(tzinfo=UTC)

log = structlog.get_logger(__name__)


class RetellClient:
    """Calls of one Retell workspace. Both timeouts bound a whole phase (connecting; sending and receiving), in seconds.

    Every method may raise `AccountRefused` (key or payment), `RetellLater` (too many requests, or Retell could not be
    reached and nothing was sent) and `RetellUnknown` (no usable answer). Only from `create_call` do these speak of the
    call; from the other methods they speak of the question alone: a look-up that fails is no sign that nothing rang.
    """

    def __init__(
        self, *, base_url: str, api_key: str, connect_timeout_seconds: float, read_timeout_seconds: float
    ) -> None:
        self._transport = TimedTransport(
            base_url=base_url,
            api_key=api_key,
            connect_timeout_seconds=connect_timeout_seconds,
            read_timeout_seconds=read_timeout_seconds,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self._transport.base_url!r})"

    def create_call(self, request: CallRequest) -> CallFacts:
        """Ask for one call, once. The answer comes before the phone rings, with status `registered` as a rule.

        The same request again within the hour is not a second call, as far as Retell's idempotency key is documented;
        the product never relies on that and looks the attempt up first.

        Raises:
            NumberRefused: this number cannot be called (format, country, do-not-call).
            AccountRefused: every call would be refused (key, payment, agent, caller number, set-up).
            RetellLater: certainly not dialled: rate or concurrency, or no byte could be sent.
            RetellUnknown: it may have been dialled.
        """
        begun = time.monotonic()
        outcome = self._transport.exchange("POST", "/v2/create-phone-call", body=request.to_body())
        call = _call_of(outcome)
        notes = {
            "action": "create_call",
            "attempt_id": request.attempt_id,
            "to_number": mask_phone(request.to_number),
            "status": outcome.status if isinstance(outcome, Answer) else None,
            "milliseconds": round((time.monotonic() - begun) * 1000),
        }
        if call is None:
            error = error_of_create(outcome, shown=self._shown(outcome))
            log.warning("call not accepted", **notes, error=type(error).__name__, why=str(error))
            raise error
        log.info("call accepted", **notes, call_id=call.call_id)
        return call

    def get_call(self, call_id: str) -> CallFacts | None:
        """What Retell knows of the call now; None where it knows no such call (404, documented as 422)."""
        outcome = self._transport.exchange("GET", f"/v2/get-call/{quote(call_id, safe='')}")
        if isinstance(outcome, Answer) and outcome.status in (404, 422):
            return None
        call = _call_of(outcome)
        if call is None or call.call_id != call_id:
            raise self._lookup_error(outcome)
        return call

    def find_call(self, attempt_id: str, to_number: str) -> CallFacts | None:
        """The call that `create_call` placed for this attempt, if Retell lists it; the earliest if there are several.

        Asked by metadata and number only: a filter by status would hide a ringing call, one by time a call that has no
        start yet. None means "not listed (yet)": how soon a new call is listed is not documented, so it is to be
        believed only after the longest ring time. Details of a call that is over are fetched, as lists leave them out.
        """
        criteria = {
            "metadata": [{"type": "string", "op": "eq", "key": ATTEMPT_KEY, "value": attempt_id}],
            "to_number": {"type": "string", "op": "eq", "value": to_number},
        }
        body = {"filter_criteria": criteria, "sort_order": "ascending", "limit": _FOUND_AT_MOST}
        outcome = self._transport.exchange("POST", "/v3/list-calls", body=body)
        items = self._items(outcome)
        ours = [item for item in items if _attempt_of(item) == attempt_id and text_of(item.get("call_id"))]
        if items and not ours:
            # A filter that Retell ignored lists strangers' calls: adopting one would be wrong, "not found" as well.
            raise RetellUnknown("Retell listed calls of other attempts than the one that was asked for", status=200)
        by_id = {call.call_id: call for call in map(read_call, ours)}
        found = sorted(by_id.values(), key=lambda call: call.started_at or _NEVER)
        if not found:
            return None
        if len(found) > 1:
            ids = [call.call_id for call in found]
            log.error("several calls for one attempt", action="find_call", attempt_id=attempt_id, call_ids=ids)
        return (self.get_call(found[0].call_id) if found[0].is_over else None) or found[0]

    def calls_since(self, instant: datetime) -> Iterator[PlacedCall]:
        """This product's calls from `instant` (aware) on, the latest first; of those that are over without details.

        Asked without a filter by time, which may hide a call that never had a start: pages come in order, and the first
        whose calls are all earlier is the last. How soon a new call is listed is not documented.
        """
        body: dict[str, Any] = {"sort_order": "descending", "limit": _PAGE}
        while True:
            outcome = self._transport.exchange("POST", "/v3/list-calls", body=body)
            calls = [placed_call(item) for item in self._items(outcome)]
            yield from (call for call in calls if call is not None and call.is_since(instant))
            starts = [call.placed_at for call in calls if call is not None and call.placed_at is not None]
            page = self._payload(outcome)
            cursor = page.get("pagination_key")
            if (starts and max(starts) < instant) or not page.get("has_more") or not isinstance(cursor, str):
                return
            if cursor == body.get("pagination_key"):
                raise RetellUnknown("Retell's list of calls does not go on", status=200)
            body = {**body, "pagination_key": cursor}

    def stop_call(self, call_id: str) -> bool:
        """End the call. True where it is ending or over already, False where Retell knows no such call.

        Which status a finished call gets is not documented, so a refusal is settled by looking at the call.
        """
        outcome = self._transport.exchange("POST", f"/v2/stop-call/{quote(call_id, safe='')}")
        if isinstance(outcome, Answer) and 200 <= outcome.status < 300:
            return True
        if isinstance(outcome, Answer) and outcome.status in (400, 404, 409, 410, 422):
            call = self.get_call(call_id)
            if call is None or call.is_over:
                return call is not None
        raise self._lookup_error(outcome)

    def concurrency(self) -> Concurrency:
        """Live calls and limits of the workspace at this moment."""
        return Concurrency.read(self._object("GET", "/get-concurrency"))

    def whoami(self) -> Identity:
        """Whose key this is: the cheapest proof that address and key work, without any effect."""
        return Identity.read(self._object("GET", "/get-api-key-info"))

    def agent(self, agent_id: str) -> AgentFacts | None:
        """The agent, None where this key knows no such agent."""
        outcome = self._transport.exchange("GET", f"/get-agent/{quote(agent_id, safe='')}")
        if isinstance(outcome, Answer) and outcome.status in (404, 422):
            return None
        return AgentFacts.read(self._payload(outcome))

    def numbers(self) -> tuple[CallerNumber, ...]:
        """Every number of the workspace, over all pages (at most 20 of 1,000)."""
        found: list[CallerNumber] = []
        query = {"limit": str(_PAGE)}
        for _ in range(_PAGES):
            outcome = self._transport.exchange("GET", "/v2/list-phone-numbers", query=query)
            found += [CallerNumber.read(item) for item in self._items(outcome)]
            page = self._payload(outcome)
            cursor = page.get("pagination_key")
            if not page.get("has_more") or not isinstance(cursor, str):
                break
            query = {"limit": str(_PAGE), "pagination_key": cursor}
        return tuple(found)

    def close(self) -> None:
        """Close the calling thread's connection; the client stays usable."""
        self._transport.close()

    def _object(self, method: str, path: str) -> dict[str, Any]:
        return self._payload(self._transport.exchange(method, path))

    def _payload(self, outcome: Answer | NoAnswer) -> dict[str, Any]:
        payload = outcome.json if isinstance(outcome, Answer) and 200 <= outcome.status < 300 else None
        if not isinstance(payload, dict):
            raise self._lookup_error(outcome)
        return payload

    def _items(self, outcome: Answer | NoAnswer) -> list[dict[str, Any]]:
        items = self._payload(outcome).get("items")
        if not isinstance(items, list):
            # The retired v2 answered a bare list; an answer of another shape is no proof of "nothing there".
            raise self._lookup_error(outcome)
        return [item for item in items if isinstance(item, dict)]

    def _lookup_error(self, outcome: Answer | NoAnswer) -> RetellError:
        return error_of_lookup(outcome, shown=self._shown(outcome))

    def _shown(self, outcome: Answer | NoAnswer) -> str:
        """The server's or network's words, without key, phones, ids. A 2xx is not quoted: it may hold a transcript."""
        if isinstance(outcome, NoAnswer):
            return shown_text(outcome.why)
        if 200 <= outcome.status < 300:
            return f"{len(outcome.body)} bytes that are not the expected object"
        return shown_text(self._transport.without_key(message_of(outcome)))


def _call_of(outcome: Answer | NoAnswer) -> CallFacts | None:
    """The call in a 2xx answer, None where there is none to be read."""
    if not isinstance(outcome, Answer) or not 200 <= outcome.status < 300:
        return None
    payload = outcome.json
    call = read_call(payload) if isinstance(payload, dict) else None
    return call if call is not None and call.call_id else None


def _attempt_of(item: Mapping[str, Any]) -> Any:
    metadata = item.get("metadata")
    return metadata.get(ATTEMPT_KEY) if isinstance(metadata, dict) else None
