"""Everything that is stored of one contact, read in a few point reads for the story that an operator asks for.

Enters a job's id; leaves the documents as they stand, with the contact's share of those that others write into (waves,
people, telephones, accounts). Called by `speechai.operation.tracing`; nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechai.store.actions import actions_of
from speechai.store.connection import Document, Store
from speechai.store.ledger import Entry, get_entry, settle_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """The documents of one contact; what does not exist (any more) is None or missing."""

    job: Document
    batch: Document | None
    waves: Sequence[Document]
    """Those that chose the contact, without whom else they chose."""
    attempts: Sequence[Document]
    actions: Sequence[Document]
    entries: Sequence[Entry]
    """What its calls moved on the account."""
    person: Document | None
    phones: Sequence[Document]
    account: Document | None
    callback: Document | None
    """Its entry in the agenda."""


def everything_about(store: Store, job_id: str) -> Traced | None:
    """What is stored of the job, None where there is no such job."""
    job = store.jobs.find_one({"_id": job_id})
    if job is None:
        return None
    attempts = list(store.attempts.find({"job_id": job_id}, sort=[("number", 1), ("placing_at", 1)]))
    keys = [key for one in attempts for key in (settle_key(one["_id"]), f"correct:{one['_id']}")]
    entries = (get_entry(store, job["account_id"], key) for key in keys)
    numbers = list(dict.fromkeys((job["to_number"], *job.get("try_phones", ()))))
    hidden = {"chosen": 0}
    return Traced(
        job=job,
        batch=store.batches.find_one({"_id": job["batch_id"]}),
        waves=list(store.waves.find({"batch_id": job["batch_id"], "chosen": job_id}, hidden)),
        attempts=attempts,
        actions=[action for one in attempts for action in actions_of(store, one["_id"])],
        entries=[entry for entry in entries if entry is not None],
        person=store.people.find_one({"_id": job["person_id"]}),
        phones=list(store.phones.find({"_id": {"$in": numbers}})),
        account=store.accounts.find_one({"_id": job["account_id"]}, {"history": 1}),
        callback=store.callbacks.find_one({"_id": job_id}),
    )
