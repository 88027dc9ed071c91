"""The signature that Retell puts on a webhook: made by the simulator, checked by the web service.

Enter the body exactly as it travels, a key and an instant; leaves the header's value, or a verdict on it. The rule
([Secure the webhook], `lib/webhook_auth.py` of SDK 6.2.13): HMAC-SHA256, with the API key that wears the webhook badge,
over the body followed by the timestamp in decimal milliseconds; `v=<milliseconds>,d=<64 lower-case hex>`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

SIGNATURE_HEADER: Final = "X-Retell-Signature"

# Fifteen digits reach the year 33658; more would only be work for somebody who guesses.
_FORM: Final = re.compile(r"v=([0-9]{1,15}),d=([0-9a-f]{64})")


class Verdict(StrEnum):
    """What a signature is worth, in the order in which it is judged."""

    MISSING = "missing"
    MALFORMED = "malformed"
    OUTSIDE_WINDOW = "outside the window"
    WRONG = "wrong"
    VALID = "valid"


def sign(body: bytes, *, key: str, timestamp_ms: int) -> str:
    """The header's value for `body` under `key`, signed at `timestamp_ms` (milliseconds since 1970)."""
    return f"v={timestamp_ms},d={_digest(body, key, str(timestamp_ms))}"


def judge_form(header: str | None, *, now: datetime, window_seconds: float) -> Verdict | None:
    """What is wrong with a header before its body is known; None where only the body can tell.

    The window reaches both ways: a clock that is ahead is as suspicious as a replay.
    """
    if not header:
        return Verdict.MISSING
    found = _FORM.fullmatch(header)
    if found is None:
        return Verdict.MALFORMED
    away_ms = abs(round(now.timestamp() * 1000) - int(found[1]))
    return Verdict.OUTSIDE_WINDOW if away_ms > window_seconds * 1000 else None


def judge(body: bytes, header: str | None, *, keys: Iterable[str], now: datetime, window_seconds: float) -> Verdict:
    """Whether one of `keys` signed `body` not longer than `window_seconds` before or after `now`.

    Several keys stand side by side while one replaces another: Retell signs with one alone. Every key is tried, in
    constant time each, so that the time taken tells nothing.
    """
    fault = judge_form(header, now=now, window_seconds=window_seconds)
    found = _FORM.fullmatch(header or "")
    if fault is not None or found is None:
        return fault or Verdict.MALFORMED
    matches = [hmac.compare_digest(_digest(body, key, found[1]), found[2]) for key in keys]
    return Verdict.VALID if any(matches) else Verdict.WRONG


def _digest(body: bytes, key: str, timestamp: str) -> str:
    return hmac.new(key.encode(), body + timestamp.encode(), hashlib.sha256).hexdigest()
