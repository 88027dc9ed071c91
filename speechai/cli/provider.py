"""`speechai provider`: whether Retell is called at this moment and how fast, and calling it again by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from speechai.cli.output import json_option, local, print_facts, print_json, print_result

if TYPE_CHECKING:
    from speechai.operation.provider import Standing


@click.group()
def provider() -> None:
    """Retell as a whole: it is left alone while it fails, and called less often while it asks for that.

    Both end by themselves; BREAKER_FAILURES, BREAKER_REST_SECONDS and PACE_RECOVERY_SECONDS say when.
    """


@provider.command()
@json_option
def show(as_json: bool) -> None:
    """Whether calls go out, since when, why not, and the rate."""
    from speechai.cli.session import opened
    from speechai.operation.provider import standing

    with opened() as context:
        found, zone = standing(context, context.clock()), context.settings.timezone
    facts = _facts(found)
    if as_json:
        print_json(facts)
        return
    print_facts(
        {
            "Retell": _STATES[facts["state"]],
            "since": local(facts["since"], zone),
            "no call before": local(facts["no_call_before"], zone),
            "failures in a row": facts["failures"],
            "openings": facts["openings"],
            "trial": facts["trial_attempt_id"],
            "why": facts["why"],
            "starts a second": f"{facts['calls_per_second']:.3g}",
        }
    )


_STATES = {
    "closed": "is called",
    "open": "is left alone",
    "half_open": "is left alone but for one trial call",
}


@provider.command()
@click.option("--by", default="operator", show_default=True, help="Who says so; kept.")
@json_option
def close(by: str, as_json: bool) -> None:
    """Call again now, at the whole rate, without waiting for a trial call or for the time that Retell named."""
    from speechai.cli.session import opened
    from speechai.operation.provider import close as close_breaker

    with opened() as context:
        changed = close_breaker(context, by=by)
    text = "Calls go out again." if changed else "Nothing held the calls back."
    print_result(as_json, {"closed": changed}, text)


def _facts(found: Standing) -> dict[str, Any]:
    known = found.provider
    return {
        "state": known.state.value,
        "since": known.changed_at,
        "no_call_before": found.rests_until,
        "failures": known.failures,
        "openings": known.openings,
        "trial_attempt_id": known.trial_id,
        "why": known.why,
        "calls_per_second": round(found.calls_per_second, 4),
    }


COMMANDS = (provider,)
