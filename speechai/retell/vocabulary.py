"""The words Retell uses: call statuses, disconnection reasons, webhook events, sentiments, storage settings.

Enters nothing, leaves enumerations and the status that belongs to each reason. The client, the outcome catalogue and
the simulator read it; a test compares it with the type literals of the official SDK (6.2.13), so that a release that
adds a value is noticed. Values that arrive from outside stay plain strings until looked up here: an unknown reason is
a fact to survive, never an error.
"""

from __future__ import annotations

from enum import StrEnum


class CallStatus(StrEnum):
    """`call_status` of a call object."""

    REGISTERED = "registered"
    ONGOING = "ongoing"
    ENDED = "ended"
    NOT_CONNECTED = "not_connected"
    ERROR = "error"


TERMINAL_STATUSES = frozenset({CallStatus.ENDED, CallStatus.NOT_CONNECTED, CallStatus.ERROR})

# list-calls refuses `registered` in its status filter.
LISTABLE_STATUSES = frozenset(CallStatus) - {CallStatus.REGISTERED}


class DisconnectionReason(StrEnum):
    """`disconnection_reason` of a finished call, in the order of the SDK."""

    USER_HANGUP = "user_hangup"
    AGENT_HANGUP = "agent_hangup"
    USER_REQUESTED_DNC = "user_requested_dnc"
    USER_REQUESTED_CALLBACK = "user_requested_callback"
    CALL_TRANSFER = "call_transfer"
    VOICEMAIL_REACHED = "voicemail_reached"
    IVR_REACHED = "ivr_reached"
    INACTIVITY = "inactivity"
    MAX_DURATION_REACHED = "max_duration_reached"
    CONCURRENCY_LIMIT_REACHED = "concurrency_limit_reached"
    NO_CONCURRENCY_FALLBACK = "no_concurrency_fallback"
    NO_VALID_PAYMENT = "no_valid_payment"
    CREDIT_EXHAUSTED = "credit_exhausted"
    BUDGET_REACHED = "budget_reached"
    SCAM_DETECTED = "scam_detected"
    DIAL_BUSY = "dial_busy"
    DIAL_FAILED = "dial_failed"
    DIAL_NO_ANSWER = "dial_no_answer"
    INVALID_DESTINATION = "invalid_destination"
    TELEPHONY_PROVIDER_PERMISSION_DENIED = "telephony_provider_permission_denied"
    TELEPHONY_PROVIDER_UNAVAILABLE = "telephony_provider_unavailable"
    SIP_ROUTING_ERROR = "sip_routing_error"
    MARKED_AS_SPAM = "marked_as_spam"
    NETWORK_BLOCKED = "network_blocked"
    USER_DECLINED = "user_declined"
    ERROR_LLM_WEBSOCKET_OPEN = "error_llm_websocket_open"
    ERROR_LLM_WEBSOCKET_LOST_CONNECTION = "error_llm_websocket_lost_connection"
    ERROR_LLM_WEBSOCKET_RUNTIME = "error_llm_websocket_runtime"
    ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD = "error_llm_websocket_corrupt_payload"
    ERROR_NO_AUDIO_RECEIVED = "error_no_audio_received"
    ERROR_ASR = "error_asr"
    ERROR_RETELL = "error_retell"
    ERROR_UNKNOWN = "error_unknown"
    ERROR_USER_NOT_JOINED = "error_user_not_joined"
    REGISTERED_CALL_TIMEOUT = "registered_call_timeout"
    TRANSFER_BRIDGED = "transfer_bridged"
    TRANSFER_CANCELLED = "transfer_cancelled"
    MANUAL_STOPPED = "manual_stopped"
    CALL_TAKE_OVER = "call_take_over"


_R = DisconnectionReason

NOT_CONNECTED_REASONS = frozenset(
    {
        _R.DIAL_NO_ANSWER,
        _R.DIAL_BUSY,
        _R.USER_DECLINED,
        _R.INVALID_DESTINATION,
        _R.DIAL_FAILED,
        _R.MARKED_AS_SPAM,
        _R.NETWORK_BLOCKED,
        _R.TELEPHONY_PROVIDER_PERMISSION_DENIED,
        _R.TELEPHONY_PROVIDER_UNAVAILABLE,
        _R.SIP_ROUTING_ERROR,
    }
)

ERROR_REASONS = frozenset(
    {
        _R.CONCURRENCY_LIMIT_REACHED,
        _R.NO_VALID_PAYMENT,
        _R.CREDIT_EXHAUSTED,
        _R.BUDGET_REACHED,
        _R.SCAM_DETECTED,
        _R.REGISTERED_CALL_TIMEOUT,
    }
    | {reason for reason in _R if reason.value.startswith("error_")}
)

# These errors come after the person picked up, so they count as a contact.
ERROR_REASONS_AFTER_PICK_UP = frozenset(
    {
        _R.ERROR_NO_AUDIO_RECEIVED,
        _R.ERROR_ASR,
        _R.ERROR_LLM_WEBSOCKET_OPEN,
        _R.ERROR_LLM_WEBSOCKET_LOST_CONNECTION,
        _R.ERROR_LLM_WEBSOCKET_RUNTIME,
        _R.ERROR_LLM_WEBSOCKET_CORRUPT_PAYLOAD,
    }
)


def status_of(reason: DisconnectionReason) -> CallStatus:
    """The terminal status a call with this reason ends in; partly inferred from the documentation's groups."""
    if reason in NOT_CONNECTED_REASONS:
        return CallStatus.NOT_CONNECTED
    if reason in ERROR_REASONS:
        return CallStatus.ERROR
    return CallStatus.ENDED


class WebhookEvent(StrEnum):
    """`event` of a webhook."""

    CALL_STARTED = "call_started"
    CALL_ENDED = "call_ended"
    CALL_ANALYZED = "call_analyzed"
    TRANSCRIPT_UPDATED = "transcript_updated"
    TRANSFER_STARTED = "transfer_started"
    TRANSFER_BRIDGED = "transfer_bridged"
    TRANSFER_CANCELLED = "transfer_cancelled"
    TRANSFER_ENDED = "transfer_ended"


DEFAULT_WEBHOOK_EVENTS = (WebhookEvent.CALL_STARTED, WebhookEvent.CALL_ENDED, WebhookEvent.CALL_ANALYZED)


class UserSentiment(StrEnum):
    """`call_analysis.user_sentiment`."""

    NEGATIVE = "Negative"
    POSITIVE = "Positive"
    NEUTRAL = "Neutral"
    UNKNOWN = "Unknown"


class DataStorageSetting(StrEnum):
    """`data_storage_setting`, from the least to the most restrictive."""

    EVERYTHING = "everything"
    EVERYTHING_EXCEPT_PII = "everything_except_pii"
    BASIC_ATTRIBUTES_ONLY = "basic_attributes_only"


class Direction(StrEnum):
    """`direction` of a call."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


class CallType(StrEnum):
    """`call_type` of a call."""

    WEB = "web_call"
    PHONE = "phone_call"
