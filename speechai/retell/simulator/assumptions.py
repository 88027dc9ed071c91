"""What nobody outside Retell knows for certain, one switch a question.

Every field answers one open question about the real service; its default is the simulator's guess. Tests turn the
switches to prove that the client survives either answer, and the first day with a real key settles them. The comment
above a field states the question; docs/simulator.md lists the same table, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from speechai.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """The switches; all of them can also stand in the `[assumptions]` table of a scenario file."""

    # Is idempotency_key honoured at all? Off is an API before October 2026, which ignores the field.
    idempotency_honoured: bool = True
    # Which status answers a repeat of the same request?
    idempotency_repeat_status: Literal[200, 201, 409] = 201
    # What does a repeat with another body do?
    idempotency_other_body: Literal["first_call", "refused_400", "refused_409"] = "refused_400"
    # Does a request that failed use up its key, so that a repeat gets the same failure again?
    idempotency_failure_uses_key: bool = False
    # What does a repeat do while the first request has not been answered yet?
    idempotency_while_running: Literal["first_call", "refused_409"] = "first_call"
    # Are keys unique in the workspace, or for each API key?
    idempotency_scope: Literal["workspace", "api_key"] = "workspace"
    # How long may a key be? 0 is no limit.
    idempotency_max_length: int = 0
    # When does the hour of a key start?
    idempotency_hour_starts: Literal["request", "answer", "last_use"] = "request"

    # How is a create beyond the concurrency limit or the rate refused: by 429, or by a call that ends in error?
    limit_refusal: Literal["status_429", "call_error"] = "status_429"
    # Does a 429 carry Retry-After? Seconds, 0 is no header.
    limit_retry_after_seconds: int = 0
    # Does concurrency count calls that only ring?
    concurrency_counts_registered: bool = True
    # On which clock do the calls per second count?
    rate_clock: Literal["simulated", "real"] = "simulated"

    # Which status answers for an agent, a number or a call that does not exist?
    not_found_status: Literal[404, 422] = 422
    # Which status answers stop-call on a call that is over?
    stop_finished_status: Literal[204, 400, 404, 409, 422] = 400
    # Which status answers the retired /v2/list-calls?
    retired_list_status: Literal[404, 410] = 404
    # Are unknown fields of a request body refused?
    unknown_fields_refused: bool = False
    # What happens to a dynamic variable that is no string?
    non_string_variable: Literal["refused", "converted", "kept"] = "refused"

    # Does a call that never connected have a start_timestamp (then that of the dialling) and a duration?
    unconnected_has_start: bool = False
    # Does a call that never connected cost anything?
    unconnected_has_cost: bool = False
    # Are calls listed from the moment they are registered, or only once somebody picked up or they are over?
    listed_from: Literal["registered", "connected"] = "registered"
    # After how many milliseconds does list-calls know a call?
    listing_delay_ms: int = 0
    # Does a start_timestamp filter drop calls that have no such stamp?
    start_filter_drops_unstarted: bool = True
    # After how many milliseconds does list-calls know changed metadata?
    metadata_delay_ms: int = 0
    # Are recording links left out of list items?
    list_leaves_out_recordings: bool = False

    # Is the three of "retried up to 3 times" beside the first try (4 in all), or does it include it?
    webhook_retries_beside_first: bool = True
    # Is a repeated delivery signed anew?
    webhook_signed_anew: bool = True
    # Does the body carry event_timestamp beside event and call?
    webhook_event_timestamp: bool = True
    # Does call_ended already carry the recording links and the cost?
    webhook_ended_has_recording: bool = True
    webhook_ended_has_cost: bool = True
    # The documentation's sample of call_ended shows the status registered: does the real one?
    webhook_ended_status: Literal["real", "registered"] = "real"
    # In which unit does create-batch-call answer scheduled_timestamp?
    batch_scheduled_unit: Literal["ms", "s"] = "ms"


def assumptions_from(table: dict[str, Any]) -> Assumptions:
    """Assumptions from a table of a scenario file.

    Raises:
        ConfigurationError: a name that is no switch, or a value it does not know.
    """
    hints = get_type_hints(Assumptions)
    known = {field.name for field in fields(Assumptions)}
    for name, value in table.items():
        if name not in known:
            raise ConfigurationError(f"[assumptions] has no switch {name!r}; known: {', '.join(sorted(known))}")
        hint = hints[name]
        allowed = get_args(hint) if get_origin(hint) is Literal else None
        if allowed is not None and value not in allowed:
            raise ConfigurationError(f"[assumptions] {name} = {value!r}: allowed are {', '.join(map(repr, allowed))}")
        if allowed is None and type(value) is not hint:
            raise ConfigurationError(f"[assumptions] {name} = {value!r}: must be of type {hint.__name__}")
    return Assumptions(**table)
