"""Policies, batches, jobs and people for the tests of the core, each with everything but the matter at hand set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from speechai.catalogue.policies import Hours, Policy, get_policy
from speechai.core.model import Batch, BatchStatus, Job, JobStatus, Pacing, Person, Phone, Site, Try

SANTIAGO = ZoneInfo("America/Santiago")
PUNTA_ARENAS = ZoneInfo("America/Punta_Arenas")
EASTER = ZoneInfo("Pacific/Easter")
BUENOS_AIRES = ZoneInfo("America/Argentina/Buenos_Aires")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
"""Its clock moves by half an hour: not served, but the arithmetic must not assume whole hours."""

SITE = Site(zones=(SANTIAGO,), country="CL")

MAIN, SECOND, THIRD = "+56911111111", "+56922222222", "+56933333333"


def utc(text: str) -> datetime:
    """An instant from ISO text without a zone, meant as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def instants(first: str, last: str) -> st.SearchStrategy[datetime]:
    """Instants between two days, as aware UTC."""
    naive = (datetime.fromisoformat(first), datetime.fromisoformat(last))
    return st.datetimes(*naive, timezones=st.just(UTC))


def local(text: str, zone: ZoneInfo = SANTIAGO) -> datetime:
    """The UTC instant of a wall time that exists once in `zone`."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def site_in(*zones: ZoneInfo, country: str = "CL", region: str | None = None) -> Site:
    """A place that lies in one of the zones."""
    return Site(zones=zones, country=country, region=region)


def make_policy(*, every_day: tuple[int, int] | None = None, **changes: Any) -> Policy:
    """The default policy with `changes`; `every_day` are minutes from and to, the same for all seven days."""
    if every_day is not None:
        changes["hours"] = dict.fromkeys(range(7), Hours(start_minute=every_day[0], end_minute=every_day[1]))
    if "waves" in changes:
        changes["waves"] = tuple(time.fromisoformat(text) for text in changes["waves"])
    return replace(get_policy("default"), **changes)


def make_batch(**changes: Any) -> Batch:
    """A running wave batch in Santiago."""
    batch = Batch(
        id="b",
        account_id="main",
        name="list",
        use_case="debt_collection",
        pacing=Pacing.WAVES,
        policy="default",
        status=BatchStatus.RUNNING,
        time_zone="America/Santiago",
    )
    return replace(batch, **changes)


def make_job(**changes: Any) -> Job:
    """A waiting job with three phones."""
    job = Job(
        id="j",
        batch_id="b",
        account_id="main",
        person_id="p",
        use_case="debt_collection",
        status=JobStatus.PENDING,
        nombre="Ana",
        to_number=MAIN,
        try_phones=(SECOND, THIRD),
    )
    return replace(job, **changes)


def make_person(**changes: Any) -> Person:
    """A person who was never called."""
    return replace(Person(id="p"), **changes)


def make_phone(number: str = MAIN, **changes: Any) -> Phone:
    """A telephone that was never called."""
    return replace(Phone(id=number), **changes)


def tries(*texts: str, zone: ZoneInfo = SANTIAGO) -> tuple[Try, ...]:
    """Attempts at these wall times of `zone`, each counted on its local day there."""
    days = [datetime.fromisoformat(text).date() for text in texts]
    return tuple(
        Try(attempt_id=f"a{n}", at=local(text, zone), on=day)
        for n, (text, day) in enumerate(zip(texts, days, strict=True))
    )
