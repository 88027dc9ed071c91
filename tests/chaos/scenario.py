"""The provider of a chaos run: outcomes within seconds of real time, and faults at every endpoint, from a seed.

Enters a seed; leaves the simulator's scenario as a table for its JSON file. Time is real: journal and database share
one clock, so that hours, days, caps and limits can be judged.
"""

from __future__ import annotations

import random
from typing import Any

from speechai.retell.simulator import DEFAULT_AGENT_ID, FaultKind

CREATE, GET, LIST, STOP = "create-phone-call", "get-call", "list-calls", "stop-call"
RATES: tuple[tuple[str, FaultKind, float, dict[str, Any]], ...] = (
    (CREATE, FaultKind.RATE_LIMITED, 0.02, {}),
    (CREATE, FaultKind.RATE_LIMITED, 0.02, {"retry_after_seconds": 1}),
    (CREATE, FaultKind.SERVER_ERROR, 0.015, {}),
    (CREATE, FaultKind.UNAVAILABLE, 0.01, {}),
    (CREATE, FaultKind.RESET_BEFORE, 0.015, {}),
    (CREATE, FaultKind.HANG_BEFORE, 0.005, {}),
    (CREATE, FaultKind.SERVER_ERROR_AFTER, 0.02, {}),
    (CREATE, FaultKind.RESET_AFTER, 0.02, {}),
    (CREATE, FaultKind.HANG_AFTER, 0.015, {}),
    (CREATE, FaultKind.TRUNCATED_JSON, 0.015, {}),
    (CREATE, FaultKind.HTML, 0.01, {}),
    (CREATE, FaultKind.EMPTY_BODY, 0.01, {}),
    (CREATE, FaultKind.WITHOUT_CALL_ID, 0.01, {}),
    (CREATE, FaultKind.SLOW, 0.03, {"delay_ms": 1_500}),
    (GET, FaultKind.SERVER_ERROR, 0.02, {}),
    (GET, FaultKind.RATE_LIMITED, 0.02, {"retry_after_seconds": 1}),
    (GET, FaultKind.TRUNCATED_JSON, 0.015, {}),
    (GET, FaultKind.HTML, 0.01, {}),
    (GET, FaultKind.RESET_BEFORE, 0.01, {}),
    (GET, FaultKind.HANG_BEFORE, 0.005, {}),
    (GET, FaultKind.STALE, 0.03, {"delay_ms": 1_500}),
    (GET, FaultKind.SLOW, 0.02, {"delay_ms": 1_500}),
    (LIST, FaultKind.SERVER_ERROR, 0.05, {}),
    (LIST, FaultKind.TRUNCATED_JSON, 0.05, {}),
    (LIST, FaultKind.STALE, 0.05, {"delay_ms": 1_000}),
    (STOP, FaultKind.SERVER_ERROR_AFTER, 0.2, {}),
    (STOP, FaultKind.SERVER_ERROR, 0.2, {}),
    ("*", FaultKind.WEBHOOK_DROP, 0.2, {}),
    ("*", FaultKind.WEBHOOK_DUPLICATE, 0.1, {}),
    ("*", FaultKind.WEBHOOK_DELAY, 0.1, {"delay_ms": 3_000}),
    ("*", FaultKind.WEBHOOK_REORDER, 0.05, {}),
    ("*", FaultKind.WEBHOOK_WRONG_KEY, 0.03, {}),
    ("*", FaultKind.WEBHOOK_ALTERED_BODY, 0.03, {}),
    ("*", FaultKind.WEBHOOK_NOT_JSON, 0.02, {}),
)
"""Endpoint, fault, its share of the requests at a strength of 1, and what else the rule has."""
WEIGHTS = {
    "promise": 25.0,
    "conversation": 10.0,
    "third_party": 4.0,
    "dial_no_answer": 25.0,
    "dial_busy": 10.0,
    "voicemail_reached": 8.0,
    "voicemail_found_later": 3.0,
    "user_declined": 4.0,
    "early_hangup": 2.0,
    "user_requested_callback": 1.0,
    "user_requested_dnc": 2.0,
    "invalid_destination": 2.0,
    "dial_failed": 2.0,
    "never_analysed": 1.0,
}
STUCK = {"stuck_registered": 0.4, "stuck_ongoing": 0.6}
"""Calls that only the product's own limits end: each holds a line for more than a minute."""
DURATIONS = {
    "create_answer": [20, 120],
    "pick_up": [50, 300],
    "no_answer": 800,
    "busy": 200,
    "bad_number": 100,
    "declined": [100, 500],
    "refused": [50, 200],
    "registered_timeout": 3_000,
    "talk": [300, 2_500],
    "early_hangup": [100, 300],
    "machine": [300, 1_200],
    "longest_call": 5_000,
    "analysis": [50, 600],
    "webhook_retry_waits": [500, 1_500, 3_000],
}
RING_MS = 1_000
LISTED_AFTER_MS = 1_200
"""A new call appears in list-calls so much later; below LOOKUP_DELAY_SECONDS, which is the product's assumption."""


def scenario_of(seed: int, *, stuck: bool) -> dict[str, Any]:
    """The table of the simulator's file. `stuck` allows calls that stay registered or ongoing for ever."""
    return {
        "seed": seed,
        "clock_factor": 1.0,
        "weights": {**WEIGHTS, **(STUCK if stuck else {})},
        "durations": DURATIONS,
        # The product alone keeps the limits here: refusals of the provider would hide that it does not.
        "limits": {"base_concurrency": 1_000, "calls_per_second": 1_000},
        "assumptions": {"listing_delay_ms": LISTED_AFTER_MS, "rate_clock": "real"},
        "agents": [{"agent_id": DEFAULT_AGENT_ID, "ring_duration_ms": RING_MS}],
        "faults": faults_of(seed),
    }


def faults_of(seed: int) -> list[dict[str, Any]]:
    """Every fault, each at a strength of its own between half and one and a half."""
    chance = random.Random(f"{seed}|faults")
    return [
        {"kind": kind.value, "endpoint": endpoint, "rate": round(rate * chance.uniform(0.5, 1.5), 4), **more}
        for endpoint, kind, rate, more in RATES
    ]
