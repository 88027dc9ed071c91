"""What goes wrong on purpose, and when.

Enters a list of Fault rules (from a script, or at run time by POST /simulator/faults) and, for each request, its
endpoint and number; leaves the first rule that strikes, or none. A rule by rate draws from the seed, the number and
how many requests that number has made, so a run repeats whatever the order of other numbers.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from speechai.errors import ConfigurationError


class FaultKind(StrEnum):
    """The faults. Refusals and `*_before` never place the call; everything else carries the request out first."""

    BAD_REQUEST = "bad_request"
    SCHEMA = "schema"
    DO_NOT_CALL = "do_not_call"
    COUNTRY = "country"
    NO_OUTBOUND_AGENT = "no_outbound_agent"
    UNAUTHORIZED = "unauthorized"
    PAYMENT_REQUIRED = "payment_required"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    REQUEST_TIMEOUT = "request_timeout"
    CONFLICT = "conflict"
    UNPROCESSABLE = "unprocessable"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    BAD_GATEWAY = "bad_gateway"
    UNAVAILABLE = "unavailable"
    RESET_BEFORE = "reset_before"
    HANG_BEFORE = "hang_before"
    REDIRECT = "redirect"

    SERVER_ERROR_AFTER = "server_error_after"
    RESET_AFTER = "reset_after"
    HANG_AFTER = "hang_after"
    REDIRECT_AFTER = "redirect_after"
    SLOW = "slow"
    TRUNCATED_JSON = "truncated_json"
    EMPTY_BODY = "empty_body"
    HTML = "html"
    WITHOUT_CALL_ID = "without_call_id"
    DUPLICATE_KEYS = "duplicate_keys"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    STALE = "stale"

    WEBHOOK_DROP = "webhook_drop"
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_REORDER = "webhook_reorder"
    WEBHOOK_DELAY = "webhook_delay"
    WEBHOOK_WRONG_KEY = "webhook_wrong_key"
    WEBHOOK_ALTERED_BODY = "webhook_altered_body"
    WEBHOOK_MISSING_HEADER = "webhook_missing_header"
    WEBHOOK_NOT_JSON = "webhook_not_json"


# Status and message of a refusal; None is the `error_message` shape of a schema violation.
REFUSALS: Mapping[FaultKind, tuple[int, str]] = {
    FaultKind.BAD_REQUEST: (400, "Bad request"),
    FaultKind.SCHEMA: (400, "request/body/from_number must NOT have fewer than 1 characters"),
    FaultKind.DO_NOT_CALL: (400, "Contact is marked as do not call"),
    FaultKind.COUNTRY: (400, "Call country not supported: XX"),
    FaultKind.NO_OUTBOUND_AGENT: (400, "No outbound agent id set up for phone number"),
    FaultKind.UNAUTHORIZED: (401, "API key is invalid"),
    FaultKind.PAYMENT_REQUIRED: (402, "Trial has ended, please add a payment method"),
    FaultKind.FORBIDDEN: (403, "Account verification needed"),
    FaultKind.NOT_FOUND: (404, "Requested resource not found"),
    FaultKind.REQUEST_TIMEOUT: (408, "Request timed out"),
    FaultKind.CONFLICT: (409, "Conflict"),
    FaultKind.UNPROCESSABLE: (422, "Requested resource not found under given api key"),
    FaultKind.RATE_LIMITED: (429, "Account rate limited, please throttle your requests"),
    FaultKind.SERVER_ERROR: (500, "An unexpected server error occurred"),
    FaultKind.BAD_GATEWAY: (502, "Bad gateway"),
    FaultKind.UNAVAILABLE: (503, "Service unavailable"),
}

BEFORE_ACCEPTING = frozenset(
    {*REFUSALS, FaultKind.RESET_BEFORE, FaultKind.HANG_BEFORE, FaultKind.REDIRECT},
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One rule.

    `endpoint` is a name of docs/simulator.md such as `create-phone-call`, or `*`; for webhook faults it is the event
    or `*`. `number` (exact) and `ending` narrow it to numbers. Of the requests that fit, `nth` strikes only those with
    these positions (from 1; `each_number` counts each number on its own), `rate` a share of them, `times` at most so
    many in all; with none of the three every one. `delay_ms` (simulated) belongs to slow, stale and webhook_delay.
    """

    kind: FaultKind
    endpoint: str = "*"
    number: str | None = None
    ending: str | None = None
    nth: tuple[int, ...] = ()
    each_number: bool = False
    rate: float | None = None
    times: int | None = None
    delay_ms: int = 0
    retry_after_seconds: float | None = None
    status: int | None = None
    message: str | None = None
    location: str | None = None

    @property
    def accepts(self) -> bool:
        """Whether the request is carried out although its answer is spoilt."""
        return self.kind not in BEFORE_ACCEPTING

    @property
    def is_of_webhook(self) -> bool:
        return self.kind.value.startswith("webhook_")


def fault_from(table: Mapping[str, Any]) -> Fault:
    """A rule from a table of a scenario file or of a request.

    Raises:
        ConfigurationError: an unknown field or kind, or a rate outside 0 to 1.
    """
    given = dict(table)
    known = [field.name for field in fields(Fault)]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise ConfigurationError(f"[[faults]] {unknown[0]!r} is no field of a fault; known: {', '.join(known)}")
    try:
        given["kind"] = FaultKind(given.get("kind", ""))
    except ValueError:
        kinds = ", ".join(FaultKind)
        raise ConfigurationError(f"[[faults]] kind {table.get('kind')!r} is unknown; known: {kinds}") from None
    nth = given.get("nth", ())
    given["nth"] = (nth,) if isinstance(nth, int) else tuple(nth)
    rate = given.get("rate")
    if rate is not None and not 0 <= rate <= 1:
        raise ConfigurationError(f"[[faults]] rate {rate}: must lie between 0 and 1")
    return Fault(**given)


class FaultRules:
    """The rules in force and how often each has been met and has struck; not for use by two threads."""

    def __init__(self, faults: Iterable[Fault], *, seed: int) -> None:
        self._seed = seed
        self.set(faults)

    def set(self, faults: Iterable[Fault]) -> None:
        """Replace all rules; the counts start anew."""
        self._rules = list(faults)
        self._met: list[Counter[str]] = [Counter() for _ in self._rules]
        self.struck = [0] * len(self._rules)

    def add(self, faults: Iterable[Fault]) -> None:
        """Append rules; those in force keep their counts."""
        for fault in faults:
            self._rules.append(fault)
            self._met.append(Counter())
            self.struck.append(0)

    def table(self) -> list[dict[str, Any]]:
        """The rules as JSON values, each with how often it struck."""
        return [{**asdict(fault), "struck": struck} for fault, struck in zip(self._rules, self.struck, strict=True)]

    def concern(self, endpoint: str) -> bool:
        """Whether any rule may strike the endpoint; saves looking up the number where none does."""
        return any(not rule.is_of_webhook and rule.endpoint in ("*", endpoint) for rule in self._rules)

    def strike(self, endpoint: str, number: str | None, *, webhook: bool = False) -> Fault | None:
        """The first rule that strikes this request or delivery; every rule that fits counts it."""
        struck: Fault | None = None
        for position, rule in enumerate(self._rules):
            if rule.is_of_webhook is not webhook or not _fits(rule, endpoint, number):
                continue
            met = self._met[position]
            met[""] += 1
            if number is not None:
                met[number] += 1
            if struck is None and self._is_due(position, rule, number):
                self.struck[position] += 1
                struck = rule
        return struck

    def _is_due(self, position: int, rule: Fault, number: str | None) -> bool:
        if rule.times is not None and self.struck[position] >= rule.times:
            return False
        met = self._met[position]
        own = met[number] if number is not None else met[""]
        if rule.nth and (own if rule.each_number else met[""]) not in rule.nth:
            return False
        if rule.rate is None:
            return True
        return random.Random(f"{self._seed}|{position}|{number}|{own}|fault").random() < rule.rate


def _fits(rule: Fault, endpoint: str, number: str | None) -> bool:
    if rule.endpoint not in ("*", endpoint):
        return False
    if rule.number is not None and rule.number != number:
        return False
    return rule.ending is None or (number is not None and number.endswith(rule.ending))
