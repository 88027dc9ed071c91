"""One call and how Retell would show it at a given instant.

Enters a CallRecord (a few hundred bytes: what was asked and the planned timeline) and an instant; leaves the call
object of get-call, list-calls or a webhook, with no field before its time. Transcript, costs and analysis are computed
each time from the seed, so that 100,000 finished calls keep nothing but their records.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from speechai.retell.simulator.assumptions import Assumptions
from speechai.retell.simulator.conversation import Conversation, converse, transcript_text, utterances
from speechai.retell.simulator.outcomes import Outcome, Scene
from speechai.retell.simulator.timeline import Timeline
from speechai.retell.vocabulary import CallStatus, DataStorageSetting, DisconnectionReason

# Product, cents per second. Invented prices in the range of the public price list of 2026.
_PRODUCTS = (("retell_voice_engine", 0.1167), ("gpt_4_1", 0.075), ("custom_telephony", 0.025))


@dataclass(slots=True, eq=False)
class CallRecord:
    """One accepted call. `details` is the JSON of what came with the request (metadata, variables, headers)."""

    call_id: str
    sequence: int
    to_number: str
    from_number: str
    attempt: int
    outcome: Outcome
    timeline: Timeline
    agent_id: str
    agent_version: int
    agent_name: str
    agent_tag: str | None
    details: bytes
    data_storage: str
    real_accepted_ms: int
    dialled: bool = True
    idempotency_key: str | None = None
    batch_call_id: str | None = None
    webhook: Any = None
    earlier_metadata: tuple[int, bytes] | None = None
    custom_attributes: dict[str, Any] | None = None

    def detail(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.details)
        return loaded


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What showing a call needs beside the call: seed, switches, the server's address, the zone of its callers."""

    seed: int
    zone: str
    assumptions: Assumptions
    base_url: str


def show(record: CallRecord, at_ms: int, view: View, *, for_list: bool = False, stored: bool = True) -> dict[str, Any]:
    """The call object at a simulated instant (ms since the epoch); before acceptance it shows as registered.

    `for_list` leaves out the transcripts, and the recordings too where the assumption says so. `stored` leaves out
    what the call's storage setting does not keep; a webhook still carries it.
    """
    line = record.timeline
    shown: dict[str, Any] = {
        "call_type": "phone_call",
        "call_id": record.call_id,
        "agent_id": record.agent_id,
        "agent_version": record.agent_version,
        "agent_name": record.agent_name,
        "call_status": line.status_at(at_ms),
        "direction": "outbound",
        "from_number": record.from_number,
        "to_number": record.to_number,
        "data_storage_setting": record.data_storage,
        "opt_in_signed_url": False,
        **record.detail(),
    }
    if record.agent_tag is not None:
        shown["agent_tag"] = record.agent_tag
    if record.dialled and at_ms > line.accepted_ms:
        shown["telephony_identifier"] = {"twilio_call_sid": f"CA{record.call_id[-32:]}"}
    start_ms = start_of(record, at_ms, view.assumptions)
    if start_ms is not None:
        shown["start_timestamp"] = start_ms
    if line.is_over(at_ms):
        _add_end(shown, record, at_ms, start_ms, view, for_list=for_list)
        for name in _left_out(record, view.assumptions, for_list=for_list, stored=stored):
            shown.pop(name, None)
    return shown


def start_of(record: CallRecord, at_ms: int, assumptions: Assumptions) -> int | None:
    """`start_timestamp` at an instant, None where the call has none (yet)."""
    line = record.timeline
    if line.connected_ms is not None:
        return line.connected_ms if at_ms >= line.connected_ms else None
    if assumptions.unconnected_has_start and line.is_over(at_ms):
        return line.accepted_ms
    return None


def _add_end(
    shown: dict[str, Any], record: CallRecord, at_ms: int, start_ms: int | None, view: View, *, for_list: bool
) -> None:
    line, outcome = record.timeline, record.outcome
    assert line.ended_ms is not None
    shown["end_timestamp"] = line.ended_ms
    shown["disconnection_reason"] = line.reason
    talk_ms = line.ended_ms - line.connected_ms if line.connected_ms is not None else 0
    if start_ms is not None:
        shown["duration_ms"] = line.ended_ms - start_ms
    said = _conversation(record, view)
    if line.connected_ms is not None:
        if not for_list:
            spoken = utterances(said, duration_ms=talk_ms)
            shown["transcript"] = transcript_text(spoken)
            shown["transcript_object"] = shown["transcript_with_tool_calls"] = spoken
        shown.update(_talk_fields(record, said, view))
        if line.reason == DisconnectionReason.CALL_TRANSFER:
            shown["transfer_destination"] = outcome.transfer_destination
            shown["transfer_end_timestamp"] = line.ended_ms
    if line.connected_ms is not None or view.assumptions.unconnected_has_cost:
        shown["call_cost"] = cost(talk_ms)
    if line.analysed_ms is not None and at_ms >= line.analysed_ms:
        shown["call_analysis"] = _analysis(record, said)


TRANSCRIPT_FIELDS = ("transcript", "transcript_object", "transcript_with_tool_calls")
RECORDING_FIELDS = ("recording_url", "recording_multi_channel_url")


def _left_out(record: CallRecord, assumptions: Assumptions, *, for_list: bool, stored: bool) -> tuple[str, ...]:
    if stored and record.data_storage == DataStorageSetting.BASIC_ATTRIBUTES_ONLY:
        return (*TRANSCRIPT_FIELDS, *RECORDING_FIELDS, "public_log_url")
    return RECORDING_FIELDS if for_list and assumptions.list_leaves_out_recordings else ()


def _talk_fields(record: CallRecord, said: Conversation, view: View) -> dict[str, Any]:
    address = f"{view.base_url}/simulator/recordings/{record.call_id}"
    chance = random.Random(f"{view.seed}|{record.to_number}|{record.attempt}|latency")
    turns = sum(1 for role, _ in said.lines if role == "agent")
    return {
        "recording_url": f"{address}.wav",
        "recording_multi_channel_url": f"{address}_multichannel.wav",
        "public_log_url": f"{address}.log",
        "collected_dynamic_variables": {},
        "latency": {"e2e": _spread(sorted(chance.randint(700, 1_900) for _ in range(max(turns, 1))))},
        "llm_token_usage": {"average": 1_200, "num_requests": turns, "values": [1_200] * turns},
    }


def _spread(values: list[int]) -> dict[str, Any]:
    def at(share: float) -> int:
        return values[min(int(len(values) * share), len(values) - 1)]

    marks = {f"p{percent}": at(percent / 100) for percent in (50, 90, 95, 99)}
    return {**marks, "min": values[0], "max": values[-1], "num": len(values), "values": values}


def cost(talk_ms: int) -> dict[str, Any]:
    """`call_cost` in US cents for a talk of so many milliseconds; the products add up to the combined cost."""
    seconds = talk_ms / 1000
    lines = [
        {"product": product, "unit_price": price, "cost": round(price * seconds, 4)} for product, price in _PRODUCTS
    ]
    return {
        "product_costs": lines,
        "combined_cost": round(sum(round(price * seconds, 4) for _, price in _PRODUCTS), 4),
        "total_duration_seconds": seconds,
        "total_duration_unit_price": round(sum(price for _, price in _PRODUCTS), 4),
    }


def _conversation(record: CallRecord, view: View) -> Conversation:
    line = record.timeline
    connected_ms = line.connected_ms
    scene = record.outcome.scene if connected_ms is not None else Scene.NOTHING
    if line.reason == DisconnectionReason.MANUAL_STOPPED and scene is Scene.PROMISE:
        scene = Scene.CUT_OFF
    moment = datetime.fromtimestamp((connected_ms or line.accepted_ms) / 1000, UTC).astimezone(_zone(view.zone))
    variables = record.detail().get("retell_llm_dynamic_variables", {})
    chance = random.Random(f"{view.seed}|{record.to_number}|{record.attempt}|conversation")
    return converse(scene, variables=variables, today=moment.date(), chance=chance)


@lru_cache(maxsize=8)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _analysis(record: CallRecord, said: Conversation) -> dict[str, Any]:
    outcome = record.outcome
    stopped = record.timeline.reason == DisconnectionReason.MANUAL_STOPPED
    shown: dict[str, Any] = {
        "call_summary": said.summary,
        "in_voicemail": outcome.in_voicemail,
        "user_sentiment": outcome.sentiment,
        "call_successful": outcome.successful and not stopped,
        "custom_analysis_data": {},
    }
    # Retell does not fill custom fields for a call without a conversation.
    if outcome.has_conversation and record.timeline.connected_ms is not None:
        shown["custom_analysis_data"] = {**said.analysis(), **({} if stopped else outcome.analysis)}
    return shown


def is_live(record: CallRecord, at_ms: int, assumptions: Assumptions) -> bool:
    """Whether the call holds a slot of the concurrency limit at an instant."""
    status = record.timeline.status_at(at_ms)
    return status is CallStatus.ONGOING or (
        status is CallStatus.REGISTERED and assumptions.concurrency_counts_registered
    )
