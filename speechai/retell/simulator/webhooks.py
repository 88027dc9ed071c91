"""Signed webhooks: which events a call sends, when, and what becomes of each delivery.

Enters a record at its acceptance (and again when stop-call moves its end); leaves POST requests to the target of the
call at the right simulated instants, repeated when the receiver does not answer 2xx in time. Runs on the server's
loop and never blocks it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from speechai.retell.signature import SIGNATURE_HEADER, sign
from speechai.retell.simulator.agenda import Agenda
from speechai.retell.simulator.calls import RECORDING_FIELDS, CallRecord, View, show
from speechai.retell.simulator.clock import SimulatorClock, real_now_ms
from speechai.retell.simulator.config import SimulatorConfig
from speechai.retell.simulator.faults import FaultKind, FaultRules
from speechai.retell.simulator.journal import Journal
from speechai.retell.simulator.orders import WebhookTarget
from speechai.retell.simulator.timeline import Timeline
from speechai.retell.simulator.wire import json_bytes
from speechai.retell.vocabulary import CallStatus, DisconnectionReason, WebhookEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One event on its way. `signed_ms` is the real instant of its signature, `fault` what is wrong with it."""

    target: WebhookTarget
    event: str
    body: bytes
    signed_ms: int
    fault: FaultKind | None = None
    tries: int = 0


class Postman:
    """Sends the webhooks of one simulator."""

    def __init__(
        self, config: SimulatorConfig, *, clock: SimulatorClock, agenda: Agenda, journal: Journal, faults: FaultRules
    ) -> None:
        self._config = config
        self._clock = clock
        self._agenda = agenda
        self._journal = journal
        self._faults = faults
        self._client: AsyncHTTPClient | None = None
        self._running: set[asyncio.Task[None]] = set()

    @property
    def under_way(self) -> int:
        """Deliveries that wait for their answer."""
        return len(self._running)

    def announce(self, record: CallRecord, view: View) -> None:
        """Note every event of a call just accepted."""
        for event, due_ms in _events(record.timeline):
            self._note(record, view, event, due_ms)

    def announce_stop(self, record: CallRecord, view: View) -> None:
        """Note the events of the end that stop-call made; the planned ones are dropped when they come up."""
        ended_ms = record.timeline.ended_ms
        for event, due_ms in _events(record.timeline):
            if ended_ms is not None and due_ms >= ended_ms and event is not WebhookEvent.CALL_STARTED:
                self._note(record, view, event, due_ms)

    def _note(self, record: CallRecord, view: View, event: WebhookEvent, due_ms: int) -> None:
        if event in record.webhook.events:
            self._agenda.at(due_ms, partial(self._due, record, view, event, due_ms, record.timeline))

    def _due(self, record: CallRecord, view: View, event: WebhookEvent, due_ms: int, planned: Timeline) -> None:
        line = record.timeline
        if line is not planned and line.ended_ms is not None and due_ms >= line.ended_ms:
            return
        fault = self._faults.strike(event, record.to_number, webhook=True)
        kind = fault.kind if fault is not None else None
        if kind is FaultKind.WEBHOOK_DROP:
            self._journal.webhooks[f"{event} dropped"] += 1
            return
        body = json_bytes(payload(record, view, event, due_ms))
        delivery = Delivery(target=record.webhook, event=event, body=body, signed_ms=real_now_ms(), fault=kind)
        if kind is FaultKind.WEBHOOK_DUPLICATE:
            self._start(delivery)
        if kind is FaultKind.WEBHOOK_REORDER and line.analysed_ms is not None:
            self._agenda.at(line.analysed_ms + 1_000, partial(self._start, delivery))
        elif kind is FaultKind.WEBHOOK_DELAY and fault is not None:
            # Signed when it was due, so that a receiver on the wall clock sees the age that the delay means.
            late = replace(delivery, signed_ms=delivery.signed_ms - fault.delay_ms)
            self._agenda.at(due_ms + fault.delay_ms, partial(self._start, late))
        else:
            self._start(delivery)

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.ensure_future(self._deliver(delivery))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _deliver(self, delivery: Delivery) -> None:
        if self._client is None:
            self._client = SimpleAsyncHTTPClient(force_instance=True, max_clients=200)
        body, headers = self._sealed(delivery)
        timeout = max(
            self._clock.real_seconds(delivery.target.timeout_ms), self._config.webhook_shortest_timeout_seconds
        )
        request = HTTPRequest(
            delivery.target.url,
            method="POST",
            body=body,
            headers=headers,
            connect_timeout=timeout,
            request_timeout=timeout,
            follow_redirects=False,
        )
        try:
            answer = await self._client.fetch(request, raise_error=False)
            delivered = 200 <= answer.code < 300
        except (HTTPClientError, OSError, ValueError):
            # A timeout arrives as HTTPClientError, a refused connection as OSError, a broken address as ValueError.
            delivered = False
        self._journal.webhooks[f"{delivery.event} {'delivered' if delivered else 'failed'}"] += 1
        waits = self._config.durations.webhook_retry_waits
        retries = len(waits) if self._config.assumptions.webhook_retries_beside_first else len(waits) - 1
        if delivered or delivery.tries >= retries:
            return
        again = replace(delivery, tries=delivery.tries + 1)
        if self._config.assumptions.webhook_signed_anew and delivery.fault is not FaultKind.WEBHOOK_DELAY:
            again = replace(again, signed_ms=-1)
        due_ms = self._clock.now_ms() + waits[delivery.tries]
        self._agenda.at(due_ms, partial(self._start, again))

    def _sealed(self, delivery: Delivery) -> tuple[bytes, dict[str, str]]:
        body, fault = delivery.body, delivery.fault
        key = "key_of_somebody_else" if fault is FaultKind.WEBHOOK_WRONG_KEY else self._config.signing_key
        signed_ms = delivery.signed_ms if delivery.signed_ms >= 0 else real_now_ms()
        if fault is FaultKind.WEBHOOK_NOT_JSON:
            body = b"<html>not json</html>"
        sealed = sign(body, key=key, timestamp_ms=signed_ms)
        if fault is FaultKind.WEBHOOK_ALTERED_BODY:
            body = body.replace(b'"call_id":"call_', b'"call_id":"forged_', 1)
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: sealed}
        if fault is FaultKind.WEBHOOK_MISSING_HEADER:
            del headers[SIGNATURE_HEADER]
        return body, headers

    async def close(self) -> None:
        """Give up what is under way."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        if self._client is not None:
            self._client.close()


def _events(line: Timeline) -> Iterator[tuple[WebhookEvent, int]]:
    if line.connected_ms is not None:
        yield WebhookEvent.CALL_STARTED, line.connected_ms
    if line.ended_ms is None:
        return
    if line.connected_ms is not None:
        middle_ms = (line.connected_ms + line.ended_ms) // 2
        yield WebhookEvent.TRANSCRIPT_UPDATED, middle_ms
        yield WebhookEvent.TRANSCRIPT_UPDATED, line.ended_ms
        if line.reason in _TRANSFERS:
            yield WebhookEvent.TRANSFER_STARTED, middle_ms
            for event in _TRANSFERS[DisconnectionReason(line.reason)]:
                yield event, line.ended_ms
    yield WebhookEvent.CALL_ENDED, line.ended_ms
    if line.analysed_ms is not None:
        yield WebhookEvent.CALL_ANALYZED, line.analysed_ms


_TRANSFERS = {
    DisconnectionReason.CALL_TRANSFER: (WebhookEvent.TRANSFER_BRIDGED, WebhookEvent.TRANSFER_ENDED),
    DisconnectionReason.TRANSFER_BRIDGED: (WebhookEvent.TRANSFER_BRIDGED, WebhookEvent.TRANSFER_ENDED),
    DisconnectionReason.TRANSFER_CANCELLED: (WebhookEvent.TRANSFER_CANCELLED,),
}


def payload(record: CallRecord, view: View, event: WebhookEvent, at_ms: int) -> dict[str, Any]:
    """The body of one event as of a simulated instant; webhooks carry what storage settings later hide."""
    whole = show(record, at_ms, view, stored=False)
    rules = view.assumptions
    if event is WebhookEvent.CALL_ENDED:
        whole.pop("call_analysis", None)
        if rules.webhook_ended_status == "registered":
            whole["call_status"] = CallStatus.REGISTERED
        if not rules.webhook_ended_has_recording:
            for name in RECORDING_FIELDS:
                whole.pop(name, None)
        if not rules.webhook_ended_has_cost:
            whole.pop("call_cost", None)
    body: dict[str, Any] = {"event": event, "call": whole}
    if event is WebhookEvent.TRANSCRIPT_UPDATED:
        body["transcript_with_tool_calls"] = _heard_until(record, view, at_ms)
    if event.value.startswith("transfer_"):
        body["transfer_destination"] = {"type": "predefined", "number": record.outcome.transfer_destination}
        body["transfer_option"] = {"type": "cold_transfer"}
    if rules.webhook_event_timestamp:
        body["event_timestamp"] = at_ms
    return body


def _heard_until(record: CallRecord, view: View, at_ms: int) -> list[dict[str, Any]]:
    """The utterances that had begun at an instant of the talk."""
    line = record.timeline
    if line.connected_ms is None or line.ended_ms is None:
        return []
    whole = show(record, line.ended_ms, view, stored=False)["transcript_with_tool_calls"]
    elapsed = (at_ms - line.connected_ms) / 1000
    return [utterance for utterance in whole if utterance["words"][0]["start"] <= elapsed]
