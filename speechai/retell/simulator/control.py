"""The endpoints under /simulator/ that no real Retell has: journal, clock, faults, reset. No key is asked for.

Tests and the demonstration use them; the application never does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from speechai.errors import ConfigurationError
from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.faults import fault_from
from speechai.retell.simulator.wire import Answer, ok, refusal

ControlHandler = Callable[[Exchange, Mapping[str, str], Any], Answer]


def journal(exchange: Exchange, query: Mapping[str, str], _: Any) -> Answer:
    """GET /simulator/journal?number=&offset=&limit= (limit=0 gives only the counts)"""
    try:
        offset = int(query.get("offset", 0))
        limit = int(query["limit"]) if "limit" in query else None
    except ValueError:
        return refusal(400, "offset and limit must be whole numbers")
    return ok(journal_page(exchange, number=query.get("number"), offset=offset, limit=limit))


def journal_page(
    exchange: Exchange, *, number: str | None = None, offset: int = 0, limit: int | None = None
) -> dict[str, Any]:
    """The journal with the lines in use now and the most ever in use at once."""
    now_ms = exchange.clock.now_ms()
    page = exchange.journal.page(now_ms=now_ms, number=number, offset=offset, limit=limit)
    return {**page, "live_now": exchange.lines.live(now_ms), "highest_live": exchange.lines.highest}


def clock(exchange: Exchange, _: Mapping[str, str], __: Any) -> Answer:
    """GET /simulator/clock"""
    return ok({"now_ms": exchange.clock.now_ms(), "factor": exchange.clock.factor, "manual": exchange.clock.manual})


def advance(exchange: Exchange, _: Mapping[str, str], body: Any) -> Answer:
    """POST /simulator/clock {advance_ms}"""
    step = body.get("advance_ms") if isinstance(body, dict) else None
    if not isinstance(step, int) or isinstance(step, bool):
        return refusal(400, "advance_ms must be a whole number of milliseconds")
    try:
        exchange.clock.advance(step)
    except ConfigurationError as error:
        return refusal(400, str(error))
    exchange.agenda.run_due()
    return clock(exchange, {}, None)


def faults(exchange: Exchange, _: Mapping[str, str], __: Any) -> Answer:
    """GET /simulator/faults"""
    return ok({"faults": exchange.faults.table()})


def set_faults(exchange: Exchange, _: Mapping[str, str], body: Any) -> Answer:
    """POST /simulator/faults {faults: [...], add: false}: replaces the rules in force, or adds to them."""
    if not isinstance(body, dict) or not isinstance(body.get("faults"), list):
        return refusal(400, "faults must be a list of rules")
    try:
        rules = [fault_from(table) for table in body["faults"]]
    except ConfigurationError as error:
        return refusal(400, str(error))
    if body.get("add"):
        exchange.faults.add(rules)
    else:
        exchange.faults.set(rules)
    return faults(exchange, {}, None)


def reset(exchange: Exchange, _: Mapping[str, str], __: Any) -> Answer:
    """POST /simulator/reset"""
    exchange.reset()
    return ok({"status": "reset"})


def recording(_: Exchange, __: Mapping[str, str], ___: Any) -> Answer:
    """GET /simulator/recordings/...: what recording links lead to, a wave file without sound."""
    return Answer(body=_SILENCE, content_type="audio/wav")


def health(_: Exchange, __: Mapping[str, str], ___: Any) -> Answer:
    """GET /simulator/health"""
    return ok({"status": "ok"})


# The 44-byte header of a mono 8 kHz 16-bit wave file with no samples.
_SILENCE = (
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"
    b"\x40\x1f\x00\x00\x80\x3e\x00\x00\x02\x00\x10\x00data\x00\x00\x00\x00"
)

CONTROL: Mapping[tuple[str, str], ControlHandler] = {
    ("GET", "/simulator/journal"): journal,
    ("GET", "/simulator/clock"): clock,
    ("POST", "/simulator/clock"): advance,
    ("GET", "/simulator/faults"): faults,
    ("POST", "/simulator/faults"): set_faults,
    ("POST", "/simulator/reset"): reset,
    ("GET", "/simulator/recordings"): recording,
    ("GET", "/simulator/health"): health,
}
