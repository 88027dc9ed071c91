"""`speechai why JOB`: why a contact is called, not called, or not called yet, in words, English or Spanish."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

import click

from speechai.cli.output import json_option, print_facts, print_json

if TYPE_CHECKING:
    from speechai.catalogue.denials import Language
    from speechai.core.decision import Denied
    from speechai.operation.explaining import Explained

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "done": "it is through with: {outcome}",
        "failed": "it is not called any more: {why}",
        "cancelled": "it was cancelled: {why}",
        "suspended": "it waits for somebody: {why}",
        "claimed": "a worker has it in hand, and no call was sent yet",
        "live": "the call to {phone} of {placed} is live",
        "unknown": "whether the call to {phone} of {placed} was placed is not known: Retell is asked, and nothing is "
        "dialled before it answers",
        "finishing": "the call to {phone} of {placed} is over, and its result is being written",
        "denied": "{why}",
        "waits_for_wave": "no rule forbids a call now: it waits for a wave of its batch",
        "waits_for_callback": "it waits for the call that the person asked for",
        "rests": "no rule forbids a call now: it rests until its time",
        "due": "nothing forbids a call: it waits for a free line",
        "wave": "the wave of {until}",
        "time": "{until}",
        "somebody": "somebody who resumes or mends it",
        "end": "the next look, which ends it",
        "refused": "{kept_at}: {kept}",
        "called": "{placed}, to {phone}: {outcome}",
        "never": "none yet",
        "unfinished": "not finished",
        "job": "job",
        "batch": "batch",
        "policy": "policy",
        "state": "state",
        "since": "since",
        "why": "why",
        "waits": "waits for",
        "kept": "last refusal",
        "last": "last call",
        "note": "noted",
    },
    "es": {
        "done": "terminó: {outcome}",
        "failed": "ya no se llama: {why}",
        "cancelled": "se canceló: {why}",
        "suspended": "espera a que alguien actúe: {why}",
        "claimed": "un proceso la tiene en mano, y aún no se envió ninguna llamada",
        "live": "la llamada a {phone} del {placed} está en curso",
        "unknown": "no se sabe si la llamada a {phone} del {placed} se hizo: se le pregunta a Retell, y nada se marca "
        "antes de que responda",
        "finishing": "la llamada a {phone} del {placed} terminó, y se escribe su resultado",
        "denied": "{why}",
        "waits_for_wave": "ninguna regla impide llamar ahora: espera una ola de su lista",
        "waits_for_callback": "espera la llamada que pidió la persona",
        "rests": "ninguna regla impide llamar ahora: descansa hasta su hora",
        "due": "nada impide llamar: espera una línea libre",
        "wave": "la ola del {until}",
        "time": "el {until}",
        "somebody": "alguien que la reanude o la corrija",
        "end": "la próxima mirada, que la termina",
        "refused": "el {kept_at}: {kept}",
        "called": "el {placed}, a {phone}: {outcome}",
        "never": "aún ninguna",
        "unfinished": "sin terminar",
        "job": "contacto",
        "batch": "lista",
        "policy": "política",
        "state": "estado",
        "since": "desde",
        "why": "por qué",
        "waits": "espera",
        "kept": "último rechazo",
        "last": "última llamada",
        "note": "anotado",
    },
}


@click.command()
@click.argument("job_id", metavar="JOB")
@click.option(
    "--lang", type=click.Choice(["en", "es"]), default="en", show_default=True, help="Language of the answer."
)
@json_option
def why(job_id: str, lang: str, as_json: bool) -> None:
    """Why a contact is not called now, or what became of it.

    The rules, the account and the caller numbers are asked again at this moment; what the job has kept stands beside.
    """
    from speechai.cli.session import opened
    from speechai.operation.explaining import explain

    with opened() as context:
        found = explain(context, job_id, now=datetime.now(UTC))
    language = cast("Language", lang)
    said = dict(sentences(found, language))
    if as_json:
        print_json({**_facts(found), "language": lang, "sentences": said})
    else:
        print_facts({_WORDS[lang][name]: value for name, value in said.items()})


def sentences(found: Explained, language: Language) -> Iterator[tuple[str, str]]:
    """The answer in words, as (what it is about, words); instants at the contact's place, phones masked."""
    from speechai.operation.reports.labels import STATES, label_of

    words, slots = _WORDS[language], _slots(found, language)
    yield "job", f"{found.job.id}, {found.job.nombre}" if found.job.nombre else found.job.id
    yield "batch", f"{found.batch.id}, {found.batch.name}"
    yield "policy", found.policy
    yield "state", getattr(label_of(STATES, found.job.status), language)
    if found.since is not None:
        yield "since", slots["since"]
    yield "why", words[found.standing].format_map(slots)
    if wait := _wait(found):
        yield "waits", words[wait].format_map(slots)
    if found.kept is not None and found.kept != found.denied and found.kept_at is not None:
        yield "kept", words["refused"].format_map(slots)
    yield "last", words["called" if found.last is not None else "never"].format_map(slots)
    if found.job.reason and found.denied is None:
        yield "note", found.job.reason


def _wait(found: Explained) -> str | None:
    """Which words say what a waiting contact waits for."""
    from speechai.core.decision import Denial
    from speechai.core.model import JobStatus

    if found.job.status is not JobStatus.PENDING:
        return None
    if found.until is not None:
        return "wave" if found.is_wave else "time"
    if found.denied is None:
        return None
    ends_it = (
        Denial.NO_PHONE_LEFT, Denial.ATTEMPTS_USED, Denial.UNCLEAR, Denial.DO_NOT_CALL, Denial.EXCLUDED
    )  # fmt: skip
    return "end" if found.denied.code in ends_it else "somebody"


def _slots(found: Explained, language: Language) -> dict[str, str]:
    from speechai.catalogue.denials import sentence
    from speechai.core.masking import mask_phone
    from speechai.operation.reports.labels import OUTCOMES, label_of

    zone = ZoneInfo(found.job.time_zone or found.batch.time_zone)

    def said(denied: Denied | None) -> str:
        if denied is None:
            return found.job.reason or ""
        return sentence(denied.code, denied.facts, language=language)

    def wall(at: datetime | None) -> str:
        return _wall(at.astimezone(zone), language) if at is not None else ""

    last = found.last
    outcome = getattr(label_of(OUTCOMES, last.outcome), language) if last and last.outcome else None
    return {
        "why": said(found.denied),
        "kept": said(found.kept),
        "kept_at": wall(found.kept_at),
        "since": wall(found.since),
        "until": wall(found.until),
        "placed": wall(last.placing_at) if last else "",
        "phone": mask_phone(last.to_number) if last else "",
        "outcome": outcome or (_WORDS[language]["unfinished"] if last else found.job.reason or ""),
    }


def _wall(at: datetime, language: Language) -> str:
    from speechai.catalogue.denials import load_denials

    return f"{load_denials().weekdays[language][at.weekday()]} {at:%Y-%m-%d %H:%M}"


def _facts(found: Explained) -> dict[str, Any]:
    from speechai.core.masking import mask_phone

    last = found.last
    return {
        "job_id": found.job.id,
        "batch_id": found.batch.id,
        "policy": found.policy,
        "status": found.job.status.value,
        "standing": found.standing.value,
        "asked_at": found.asked_at,
        "since": found.since,
        "waits_until": found.until,
        "is_wave": found.is_wave,
        "time_zone": found.job.time_zone,
        "denied": _denied(found.denied),
        "kept": {**_denied(found.kept), "at": found.kept_at} if found.kept else None,
        "reason": found.job.reason,
        "last_call": {
            "attempt_id": last.id,
            "state": last.state.value,
            "placed_at": last.placing_at,
            "phone": mask_phone(last.to_number),
            "outcome": last.outcome,
        }
        if last
        else None,
    }


def _denied(denied: Denied | None) -> dict[str, Any]:
    if denied is None:
        return {}
    return {"code": denied.code.value, "facts": dict(denied.facts), "next_at": denied.next_at}


COMMANDS = (why,)
