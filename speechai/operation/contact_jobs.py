"""One contact of a list as a job: whose it is, where the contact's clock is read, what the agent is told.

Enters what the ingest read of a person; leaves the `Job`. The same contact of the same batch always gives the same job,
so that a load that was interrupted and is done again writes nothing twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from hashlib import blake2b

from speechai.catalogue.currencies import major_units
from speechai.catalogue.places import place_of
from speechai.catalogue.policies import Policy
from speechai.catalogue.use_cases import UseCase, get_use_case, variables_of
from speechai.core.model import Batch, Debt, Job, JobStatus, Pacing, person_id_of
from speechai.core.waves import most_attempts
from speechai.operation.ingest import Contact


def job_of(
    batch: Batch,
    policy: Policy,
    position: int,
    contact: Contact,
    *,
    max_tries: int,
    waves: Iterator[datetime],
    now: datetime,
) -> Job:
    """The job of the contact at `position` (from 0). `waves` gives each contact of a wave batch its planned wave."""
    place = place_of(contact.phones, city=contact.city, region_name=contact.region)
    in_waves = batch.pacing is Pacing.WAVES
    person_id = person_id_of(batch.country, contact.national_id, contact.phones[0])
    return Job(
        # Made of batch and person: one job for each of them, whoever loads the list and how often.
        id=f"{batch.id}-{person_key(person_id)}",
        batch_id=batch.id,
        account_id=batch.account_id,
        person_id=person_id,
        use_case=batch.use_case,
        # An unknown place is refused, with the reason kept (law 5).
        status=JobStatus.PENDING if place else JobStatus.SUSPENDED,
        reason=None if place else "the contact's country, and so its hours, are not known",
        nombre=contact.name or "",
        rut=contact.national_id,
        to_number=contact.phones[0],
        try_phones=contact.phones[1:],
        max_attempts=most_attempts(max_tries, policy) if in_waves else policy.attempts_a_job or max_tries,
        position=position,
        next_attempt_at=next(waves) if in_waves else now,
        admitted=not in_waves,
        # Empty, so that nobody who resumes the job dials it by another place's hours.
        time_zone=place.zones[0] if place else "",
        other_zones=place.zones[1:] if place else (),
        country=place.country if place else "",
        region=place.region if place else None,
        variables=_variables(get_use_case(batch.use_case), contact),
        debt=_debt(contact, now.astimezone(batch.zone).date()),
    )


def person_key(person_id: str) -> str:
    """What follows the batch's id and a dash in the id of a person's job."""
    return blake2b(person_id.encode(), digest_size=8).hexdigest()


def _variables(use_case: UseCase, contact: Contact) -> dict[str, str]:
    """What the agent is told of a contact, as text; the sheet's own columns under their own names."""
    amount = None if contact.amount_minor is None else major_units(contact.amount_minor, contact.currency)
    facts: dict[str, object] = {
        "name": contact.name,
        "national_id": contact.national_id,
        "amount": amount,
        "currency": contact.currency if amount is not None else None,
        "titles": contact.titles,
        "due_on": contact.due_on,
        "days_overdue": contact.days_overdue,
        "email": contact.email,
        "address": contact.address,
        "city": contact.city,
        "region": contact.region,
    }
    return {**contact.variables, **variables_of(use_case, facts)}


def _debt(contact: Contact, today: date) -> Debt | None:
    if contact.amount_minor is None:
        return None
    return Debt(
        amount_minor=contact.amount_minor,
        currency=contact.currency,
        stated_on=today,
        due_on=contact.due_on,
        days_overdue=contact.days_overdue,
    )
