"""What an answer of Retell means: its call object as `CallFacts`, every other answer as the error that says what next.

Enter: decoded JSON from the client or from a webhook, and the exchanges of `transport`. Leaves: values of the core and
errors of the tree. Reading is tolerant, because Retell adds fields and values in patch releases (24 reasons became 39)
and a call that cannot be read would be a contact lost; judging is strict: what is not known to be undialled may ring.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final

from speechai.core.masking import mask_text
from speechai.core.model import CallFacts
from speechai.errors import AccountRefused, NumberRefused, RetellError, RetellLater, RetellUnknown
from speechai.retell.reading import (
    cents_to_micros,
    decimal_of,
    flag_of,
    instant_of,
    object_of,
    storable,
    text_of,
    whole_of,
)
from speechai.retell.transport import Answer, NoAnswer

_LONGEST_MS: Final = 48 * 3_600_000  # a call ends after 2 h at most; a transferred leg may go on
_LONGEST_WAIT_SECONDS: Final = 3600.0
_SHOWN: Final = 200

_CONCURRENCY = re.compile(r"concurren(cy|t)[ _-]*(calls?[ _-]*)?limit", re.IGNORECASE)
_SET_UP = re.compile(r"from[ _-]?number|caller[ _-]?(number|id)|outbound agent|agent[ _-]?id", re.IGNORECASE)
_NUMBER = re.compile(
    r"to[ _-]?number|destination|countr(y|ies)|\bdnc\b|do[ _-]not[ _-]call|e\.?164"
    r"|invalid (phone|number)|number\b.{0,40}\b(invalid|not valid|not supported|not allowed)",
    re.IGNORECASE,
)
# "This key was used for another request": then there is a call under it. A complaint about the field itself is none.
_KEY_USED = re.compile(r"(?<!request/body/)idempoten", re.IGNORECASE)
# Refused by HTTP itself before anything looked at the call: the address or the method has gone, the body is not taken.
_NEVER_PROCESSED: Final = frozenset({405, 406, 410, 411, 413, 414, 415, 431})


def read_call(payload: Mapping[str, Any]) -> CallFacts:
    """A call object (answer of create, get, list; `call` of a webhook) as facts. Never raises.

    Unknown statuses, reasons and moods are kept as they came; a field that is missing, of another type or absurd (an
    end in 1970, a negative cost) becomes None. `call_id` is "" where there is none. Milliseconds since 1970 become
    aware UTC, US cents become integer USD micros. The analysis counts as done once it holds something: an empty object
    would end the waiting for the promise that the debtor made.
    """
    raw = storable(payload)
    analysis = object_of(raw.get("call_analysis"))
    return CallFacts(
        call_id=text_of(raw.get("call_id")) or "",
        status=text_of(raw.get("call_status")),
        reason=text_of(raw.get("disconnection_reason")),
        started_at=instant_of(raw.get("start_timestamp")),
        ended_at=instant_of(raw.get("end_timestamp")),
        duration_ms=whole_of(raw.get("duration_ms"), 0, _LONGEST_MS),
        in_voicemail=flag_of(analysis.get("in_voicemail")),
        successful=flag_of(analysis.get("call_successful")),
        sentiment=text_of(analysis.get("user_sentiment")),
        analysed=bool(analysis),
        captured=object_of(analysis.get("custom_analysis_data")),
        cost_micros=cents_to_micros(object_of(raw.get("call_cost")).get("combined_cost")),
        raw=raw,
    )


def error_of_create(outcome: Answer | NoAnswer, *, shown: str) -> RetellError:
    """The error for an exchange of create-phone-call that did not bring a call; `shown` is the server's text, masked.

    Retell documents 400, 401, 402, 422, 429 and 500; the rest was seen in the wild or is read by what HTTP promises.
    """
    if isinstance(outcome, NoAnswer):
        if not outcome.sent:
            return RetellLater(f"Retell could not be reached, nothing was sent ({shown})")
        return RetellUnknown(f"Retell gave no complete answer to a call that may have been placed ({shown})")
    status = outcome.status
    words = message_of(outcome)
    if status >= 400 and _CONCURRENCY.search(outcome.body.decode("utf-8", "replace")):
        return _later(outcome, f"Retell's concurrency limit is reached ({status}: {shown})")
    if status == 429:
        return _later(outcome, f"Retell asks for fewer calls ({status}: {shown})")
    if _KEY_USED.search(words):
        return RetellUnknown(f"Retell says that this attempt was sent before ({status}: {shown})", status=status)
    if status == 400 and _NUMBER.search(words) and not _SET_UP.search(words):
        return NumberRefused(f"Retell cannot call this number ({status}: {shown})", status=status)
    if status == 400:
        # What is not clearly the number's fault is taken for ours: retiring every number of a list one by one, because
        # the agent is not bound, could not be undone, while a suspension is seen at once.
        return AccountRefused(
            f"Retell refused the request; check agent, numbers and settings ({status}: {shown})", status=status
        )
    if status in (404, 422) or status in _NEVER_PROCESSED:
        return AccountRefused(
            f"Retell does not know the agent, the caller number or the address ({status}: {shown})", status=status
        )
    return _error_of_access(outcome, shown) or RetellUnknown(
        f"Retell's answer leaves open whether the call was placed ({status}: {shown})", status=status
    )


def error_of_lookup(outcome: Answer | NoAnswer, *, shown: str) -> RetellError:
    """The error for any other request that brought no usable answer. It speaks of the asking, not of a call."""
    if isinstance(outcome, NoAnswer):
        kind = RetellUnknown if outcome.sent else RetellLater
        return kind(f"Retell gave no complete answer ({shown})")
    if outcome.status == 429:
        return _later(outcome, f"Retell asks for fewer requests ({outcome.status}: {shown})")
    return _error_of_access(outcome, shown) or RetellUnknown(
        f"Retell's answer could not be used ({outcome.status}: {shown})", status=outcome.status
    )


def message_of(outcome: Answer) -> str:
    """The server's own words: `message` or `error_message` of a JSON object, else the text of the body."""
    payload = outcome.json
    if isinstance(payload, dict):
        words = [payload[name] for name in ("message", "error_message", "error") if isinstance(payload.get(name), str)]
        if words:
            return "; ".join(words)
    return outcome.body.decode("utf-8", "replace")


def shown_text(text: str) -> str:
    """At most 200 characters of a foreign text for a message or a log: one line, phones and national ids masked."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text[: 20 * _SHOWN]).split())
    masked = mask_text(line)
    return f"{masked[:_SHOWN]}..." if len(masked) > _SHOWN else masked


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Retell's wish from `retry-after-ms` or `Retry-After` (seconds or a date), at most an hour; None where unreadable.

    A date is measured against the answer's own `Date`, so that a wrong clock here does not matter.
    """
    milliseconds = decimal_of(headers.get("retry-after-ms"))
    wish = headers.get("Retry-After")
    seconds = milliseconds / 1000 if milliseconds is not None else decimal_of(wish)
    if seconds is None:
        until, now = _http_date(wish), _http_date(headers.get("Date"))
        if until is None or now is None:
            return None
        seconds = Decimal((until - now) // timedelta(seconds=1))
    return min(float(seconds), _LONGEST_WAIT_SECONDS) if seconds >= 0 else None


def _error_of_access(outcome: Answer, shown: str) -> RetellError | None:
    status = outcome.status
    if status in (401, 403):
        return AccountRefused(f"Retell refused the API key ({status}: {shown}); check RETELL_API_KEY", status=status)
    if status == 402:
        return AccountRefused(f"Retell has no valid payment for this account ({status}: {shown})", status=status)
    return None


def _later(outcome: Answer, message: str) -> RetellLater:
    return RetellLater(message, status=outcome.status, retry_after_seconds=retry_after_seconds(outcome.headers))


def _http_date(text: str | None) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
