"""`speechai trace JOB`: a contact's whole story in order, with the clock at its place beside UTC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from speechai.cli.output import dollars, json_option, print_json, print_table

if TYPE_CHECKING:
    from speechai.operation.tracing import Event, Story

_WORDS: Mapping[str, str] = {
    "list_sent": "the list was sent",
    "list_loaded": "the list was loaded",
    "list_moved": "the list became {status}",
    "account_changed": "account {account_id}: {what}",
    "wave": "the wave of {day} {wave} let the contact in",
    "called_elsewhere": "a call for another list was counted",
    "placing": "call {number} is about to be placed",
    "refused": "call {number} was refused: it did not happen",
    "accepted": "call {number} was accepted by Retell",
    "connected": "call {number} began",
    "stop_asked": "Retell was asked to stop call {number}",
    "retell_ended": "call {number} ended",
    "ended": "the end of call {number} was heard of",
    "given_up": "call {number} was given up: Retell never told how it ended, or whether it was placed",
    "do_not_call": "do-not-call list: {did} {of}",
    "charged": "the account was charged",
    "follow_up": "follow-up {name} was noted",
    "follow_up_try": "follow-up {name}: try {try}",
    "follow_up_delivered": "follow-up {name} was delivered",
    "follow_up_dead": "follow-up {name} was given up",
    "finished": "call {number} was finished: {outcome}",
    "adopted": "the record of call {number} was made from Retell's list",
    "denied": "the last refusal before a call",
    "reset": "an operator's reset",
    "state": "the contact is {status} since",
    "callback": "the call that the person asked for",
    "next_look": "the next look at it",
    "next_attempt": "the next attempt",
}
_SAID = frozenset({"number", "status", "day", "wave", "did", "of", "name", "try", "outcome"})
"""Facts that the words say already."""
_PHONES = frozenset({"to_number"})
_TEXTS = frozenset({"why", "answer", "by"})
"""Words of people and receivers, in which a phone or an id may stand; those of Retell are stored masked."""
_HIDDEN = frozenset({"values", "promise", "callback", "offer"})
"""What the person said or was offered: with --full."""


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option("--full", is_flag=True, help="Show phones whole, and what was offered, said and promised.")
@json_option
def trace(job_id: str, full: bool, as_json: bool) -> None:
    """All that is stored of a contact, in the order in which it happened.

    Made of records alone, no log is read: of refusals before a call only the last is kept.
    """
    from speechai.cli.session import opened
    from speechai.operation.tracing import trace as traced

    with opened() as context:
        story = traced(context, job_id)
    events = [_event(event, story, full=full) for event in story.events]
    if as_json:
        print_json({**_head(story), "events": events})
        return
    zone = _zone(story)
    title = f"{story.job['_id']}, {story.job['status']}; local time is that of {zone.key}"
    rows = [
        (
            f"{event['at'].astimezone(zone):%a %Y-%m-%d %H:%M:%S}",
            f"{event['at']:%Y-%m-%d %H:%M:%S}",
            f"{'to come: ' if event['at'] > story.now else ''}{event['words']}",
            _told(event["facts"]),
        )
        for event in events
    ]
    print_table(title, ["local time", "UTC", "what", "with"], rows)


def _head(story: Story) -> dict[str, Any]:
    job = story.job
    known = {name: job[name] for name in ("batch_id", "account_id", "status", "reason")}
    return {"job_id": job["_id"], **known, "time_zone": _zone(story).key, "asked_at": story.now}


def _zone(story: Story) -> ZoneInfo:
    """The contact's; UTC for one whose place is not known."""
    return ZoneInfo(story.job["time_zone"] or "UTC")


def _event(event: Event, story: Story, *, full: bool) -> dict[str, Any]:
    facts = dict(event.facts) if full else _masked(event.facts)
    words = _WORDS[event.what].format_map(facts)
    local_at = event.at.astimezone(_zone(story))
    return {"at": event.at, "local_at": local_at, "what": event.what.value, "words": words, "facts": facts}


def _masked(facts: Mapping[str, Any]) -> dict[str, Any]:
    from speechai.core.masking import mask_phone, mask_text

    def one(name: str, value: Any) -> Any:
        if name in _PHONES:
            return mask_phone(value)
        return mask_text(value) if name in _TEXTS and isinstance(value, str) else value

    return {name: one(name, value) for name, value in facts.items() if name not in _HIDDEN}


def _told(facts: Mapping[str, Any]) -> str:
    """The facts beside the words, without those that say nothing."""
    told = {name: value for name, value in facts.items() if name not in _SAID and value not in (None, "", (), [], {})}
    if "cost_micros" in told:
        told["cost_micros"] = dollars(told["cost_micros"])
    return "; ".join(f"{name.removesuffix('_micros').replace('_', ' ')} {value}" for name, value in told.items())


COMMANDS = (trace,)
