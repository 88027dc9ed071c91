"""The do-not-call list as the operator works on it: add, lift, show, load a file. It holds at once and everywhere.

Enters phones and national ids as somebody typed them; leaves counts, and values whose phones and ids are masked. A
call asks the list when it is prepared and once more with the write that takes its turn, so a wish that arrives in
between holds. A call that is live goes on; a contact that waits ends with the reason when its time comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import structlog

from speechai.core.masking import mask_national_id, mask_phone, mask_text
from speechai.core.model import BY_PHONE, person_id_of
from speechai.errors import UsageError
from speechai.operation.context import Context
from speechai.operation.do_not_call_file import Line, Subject, open_wishes, read_subjects
from speechai.operation.ingest import Fault, Limits, explain
from speechai.store.do_not_call import do_not_call_list, lift_do_not_call, mark_do_not_call

log = structlog.get_logger(__name__)

Meant = Literal["phone", "id"]
_CHECK_DIGIT = re.compile(r"\d-[\dkK]$")
_CHUNK = 200
"""Rows of a file that are written together."""
_ALLOWED = ("CL", "AR")
"""Countries whose numbers are read; the same as for lists of contacts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """What changed: `people` (by national id) and `phones` that were not in that state before, of all `named`."""

    named: int
    people: int
    phones: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What a file changed. `faults` are the cells that could not be read, each with its row; the rest of it holds."""

    rows: int
    changed: Changed
    faults: list[Fault]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One entry of the list, with the latest word about it. `since` is an instant, or the local day of a call."""

    kind: str
    who: str
    since: datetime | str | None
    why: str
    by: str


def subject_of(text: str, *, country: str, meant: Meant | None = None) -> Subject:
    """Whom the operator means by one word: a phone or a national id of `country`.

    A dash before the last sign makes it an id: one with a wrong check digit must not become somebody's phone. Raises
    UsageError where it is neither, several, or can be both and `meant` does not say which.
    """
    if meant is None and _CHECK_DIGIT.search(text.strip()):
        meant = "id"
    subjects, reasons = read_subjects(text, country=country, allowed=_ALLOWED)
    if meant is not None:
        subjects = [one for one in subjects if (one.number is not None) is (meant == "phone")]
    if len(subjects) == 1:
        return subjects[0]
    shown = mask_phone(text)
    if sum(one.number is not None for one in subjects) > 1:
        raise UsageError(f"{shown} names several: give one at a time")
    if subjects:
        raise UsageError(f"{shown} can be a phone and a national id of {country}: say which (--phone, --id)")
    why = " ".join(dict.fromkeys(explain(reason, shown)[1] for reason in reasons))
    raise UsageError(f"{shown or 'an empty text'} is no phone and no national id of {country}. {why}".rstrip())


def add(context: Context, subjects: Sequence[Subject], *, why: str, by: str) -> Changed:
    """Puts them on the list; who stands on it already keeps the first word about it."""
    return _write(context, mark_do_not_call, subjects, why=why, by=by)


def lift(context: Context, subjects: Sequence[Subject], *, why: str, by: str) -> Changed:
    """Takes them off the list; contacts that ended because of it stay ended until they are retried."""
    return _write(context, lift_do_not_call, subjects, why=why, by=by)


def load_file(context: Context, path: Path, *, country: str, why: str, by: str) -> Loaded:
    """Puts everybody of a workbook or CSV on the list. The same file again changes nothing.

    `country` (CL or AR) is that of the ids, and of phones without a country code. Raises InputError where the file
    cannot be used; what was read before stays on the list then.
    """
    rows, named, people, phones = 0, 0, 0, 0
    faults: list[Fault] = []
    limits = Limits(file_bytes=int(context.settings.max_upload_mb * 1024**2))
    with open_wishes(path, country=country, allowed=_ALLOWED, limits=limits) as file:
        for chunk in _chunks(file.lines()):
            changed = add(context, [one for line in chunk for one in line.subjects], why=why, by=by)
            faults += [fault for line in chunk for fault in line.faults]
            rows, named = rows + len(chunk), named + changed.named
            people, phones = people + changed.people, phones + changed.phones
    return Loaded(rows=rows, changed=Changed(named=named, people=people, phones=phones), faults=faults)


def listed(context: Context, *, full: bool = False) -> Iterator[Listed]:
    """Everybody on the list, masked unless `full`. Who is known by nothing but a listed phone is that phone."""
    phones = set()
    for kind, key, history in do_not_call_list(context.store):
        if kind == "phone":
            phones.add(key)
        elif key.startswith(BY_PHONE) and key.removeprefix(BY_PHONE) in phones:
            continue
        last = history[-1] if history else {}
        yield Listed(
            kind=kind,
            who=key.removeprefix(BY_PHONE) if full else _masked(key),
            since=last.get("at") or last.get("on"),
            why=last.get("why", ""),
            by=last.get("by", ""),
        )


def _write(
    context: Context, change: Callable[..., tuple[int, int]], subjects: Sequence[Subject], *, why: str, by: str
) -> Changed:
    """Whoever is known by a phone alone is the person of that phone: both are written, and counted once."""
    phones: list[str] = [one.number for one in subjects if one.number is not None]
    ids = [person_id_of(one.country, one.national_id, "") for one in subjects if one.national_id is not None]
    about: dict[str, Any] = {"why": mask_text(why), "by": by, "at": context.clock()}
    people, numbers = change(context.store, person_ids=ids, numbers=phones, **about)
    change(context.store, person_ids=[person_id_of("", None, number) for number in phones], **about)
    log.info("the do-not-call list was changed", action=change.__name__, people=people, phones=numbers)
    return Changed(named=len(set(subjects)), people=people, phones=numbers)


def _masked(key: str) -> str:
    if key.startswith(("+", BY_PHONE)):
        return mask_phone(key.removeprefix(BY_PHONE))
    country, _, national_id = key.partition(":")
    return f"{country} {mask_national_id(national_id)}"


def _chunks(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while chunk := list(islice(lines, _CHUNK)):
        yield chunk
