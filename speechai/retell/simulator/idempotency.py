"""Which create requests are repeats of an earlier one.

Enters key, API key, body and instant of a create request; leaves the first call of that key, a refusal, or nothing
for a new one. What Retell does in the corners is unknown, so each corner follows a switch of Assumptions.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from speechai.retell.simulator.assumptions import Assumptions


@dataclass(slots=True)
class Remembered:
    """The first request of a key: its call (by id) or its failure, and until when it is remembered."""

    body_hash: bytes
    call_id: str | None
    failure: tuple[int, bytes] | None
    answered_ms: int
    expires_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat:
    """What to answer to a repeat: the first call, a failure given before (status, body), or a refusal by message."""

    call_id: str | None = None
    failure: tuple[int, bytes] | None = None
    refusal: tuple[int, str] | None = None


class IdempotencyKeys:
    """The keys of the last hour."""

    def __init__(self, assumptions: Assumptions, *, hour_ms: int) -> None:
        self._assumptions = assumptions
        self._hour_ms = hour_ms
        self._known: OrderedDict[tuple[str, str], Remembered] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def find(self, key: str | None, *, api_key: str, body: bytes, now_ms: int) -> Repeat | None:
        """The answer to a repeat, None where the request is the first of its key."""
        rules = self._assumptions
        if key is None or not rules.idempotency_honoured:
            return None
        if rules.idempotency_max_length and len(key) > rules.idempotency_max_length:
            longest = rules.idempotency_max_length
            return Repeat(refusal=(400, f"idempotency_key must NOT have more than {longest} characters"))
        first = self._known.get(self._scoped(key, api_key))
        if first is None or first.expires_ms <= now_ms:
            return None
        if first.body_hash != _hash(body) and rules.idempotency_other_body != "first_call":
            status = 400 if rules.idempotency_other_body == "refused_400" else 409
            return Repeat(refusal=(status, "idempotency_key was used with a different request"))
        if now_ms < first.answered_ms and rules.idempotency_while_running == "refused_409":
            return Repeat(refusal=(409, "a request with this idempotency_key is still in progress"))
        if rules.idempotency_hour_starts == "last_use":
            first.expires_ms = now_ms + self._hour_ms
        return Repeat(call_id=first.call_id, failure=first.failure)

    def accepted(
        self, key: str | None, *, api_key: str, body: bytes, call_id: str, now_ms: int, answered_ms: int
    ) -> None:
        """Remember the call of a key."""
        self._remember(key, api_key, body, now_ms, answered_ms, call_id=call_id)

    def failed(self, key: str | None, *, api_key: str, body: bytes, failure: tuple[int, bytes], now_ms: int) -> None:
        """Remember a failed request, where the assumption says that it uses up its key."""
        if self._assumptions.idempotency_failure_uses_key:
            self._remember(key, api_key, body, now_ms, now_ms, failure=failure)

    def _remember(
        self,
        key: str | None,
        api_key: str,
        body: bytes,
        now_ms: int,
        answered_ms: int,
        *,
        call_id: str | None = None,
        failure: tuple[int, bytes] | None = None,
    ) -> None:
        if key is None or not self._assumptions.idempotency_honoured:
            return
        starts_ms = answered_ms if self._assumptions.idempotency_hour_starts == "answer" else now_ms
        scoped = self._scoped(key, api_key)
        self._known.pop(scoped, None)
        self._known[scoped] = Remembered(_hash(body), call_id, failure, answered_ms, starts_ms + self._hour_ms)
        self._forget(now_ms)

    def _forget(self, now_ms: int) -> None:
        """Drop the oldest while they are over; a key kept alive by use stays until it reaches the front again."""
        for _ in range(2):
            oldest = next(iter(self._known), None)
            if oldest is None or self._known[oldest].expires_ms > now_ms:
                return
            del self._known[oldest]

    def _scoped(self, key: str, api_key: str) -> tuple[str, str]:
        return (key, api_key if self._assumptions.idempotency_scope == "api_key" else "")


def _hash(body: bytes) -> bytes:
    return blake2b(body, digest_size=16).digest()
