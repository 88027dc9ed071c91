"""Whoever looks on while a site is struck: sees to it that the operator has work, and that it comes to rest.

A thread of its own, since every question may hang as long as a server is paused. It can be halted and started again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tests.flow.laws import FINAL, OPEN_ATTEMPT, FinalStates

from .operator import Operator
from .portfolio import ACCOUNTS, List, lists_of
from .site import DATABASE, Site

LOOK_SECONDS = 1.0
FAR = timedelta(minutes=3)
"""A contact that waits longer than this waits for tomorrow, or for its callback, and not for this run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen in one look. `busy` names what is not at rest, by how many."""

    calls: int
    contacts_to_call: int
    busy: Counter[str]
    lists: Mapping[str, str] = field(default_factory=dict)
    """Their states by id."""

    @property
    def is_quiet(self) -> bool:
        return not self.busy


class Watch:
    """The thread that looks and acts. Lists are sent until `end_feeding`, so that there is always somebody to call."""

    def __init__(self, site: Site, seed: int, *, list_size: int, low_water: int) -> None:
        self._halted, is_over = Event(), Event()
        self.operator = Operator(site, random.Random(f"{seed}|operator"), is_over)
        self.final_states = FinalStates()
        self._is_over = is_over
        self._seen = Look(calls=0, contacts_to_call=0, busy=Counter({"nothing was seen yet": 1}))
        self._is_feeding = True
        self._site, self._low_water = site, low_water
        self._lists: Iterator[List] = lists_of(seed, size=list_size)
        self._client = pymongo.MongoClient[dict[str, Any]](
            site.mongo_uri, tz_aware=True, serverSelectionTimeoutMS=2_000, socketTimeoutMS=8_000
        )
        self._database = self._client[DATABASE]
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._running: Future[None] | None = None
        (site.folder / "lists").mkdir()

    def start(self) -> None:
        """Begins to look, or goes on."""
        self._halted.clear()
        self._running = self._thread.submit(self._run)

    def halt(self) -> None:
        """Ends what the thread is about: the operator and the database are the caller's then, until `start`."""
        self._halted.set()
        if self._running is not None:
            self._running.result()

    @property
    def look(self) -> Look:
        """The last look. Raises whatever has ended the thread before its time."""
        if self._running is not None and self._running.done():
            self._running.result()
        return self._seen

    def end_feeding(self) -> None:
        """No further list or act, and nothing stays stopped."""
        self._is_feeding = False

    def forget(self) -> None:
        """The database is another one: a final state may stand open again in what a backup holds."""
        self.final_states = FinalStates(self.final_states.violations)

    def standing(self) -> dict[str, list[str]]:
        """Lists that are paused, and accounts without a balance that are suspended: the arguments of the operator."""
        paid = {account.id for account in ACCOUNTS if account.top_up}
        accounts = [one["_id"] for one in self._database["accounts"].find({"status": "suspended"}, {"_id": 1})]
        paused = [one["_id"] for one in self._database["batches"].find({"status": "paused"}, {"_id": 1})]
        return {"paused": paused, "suspended": [one for one in accounts if one not in paid]}

    def stop(self) -> None:
        self._is_over.set()
        self._halted.set()
        self._thread.shutdown()
        self._client.close()

    def _run(self) -> None:
        has_left = False
        while not self._halted.wait(LOOK_SECONDS):
            try:
                self._seen = self._look()
                if self._is_feeding:
                    self._act()
                elif not has_left:
                    has_left = self.operator.leave(self._seen.lists)
            except (PyMongoError, OSError):
                continue  # a server is away; the next look comes in a second

    def _act(self) -> None:
        if self._seen.contacts_to_call < self._low_water and not self._seen.busy["lists not loaded"]:
            self.operator.send(next(self._lists))
        suspended = {one["_id"] for one in self._database["accounts"].find({"status": "suspended"}, {"_id": 1})}
        for account in ACCOUNTS:
            if account.id in suspended and account.top_up:
                self.operator.pay(account, account.top_up)
        self.operator.do_next(self._seen.lists)

    def _look(self) -> Look:
        now = datetime.now(UTC)
        jobs = list(self._database["call_jobs"].find({}, JOB_FIELDS))
        self.final_states.look(jobs)
        batches = {one["_id"]: one["status"] for one in self._database["batches"].find({}, {"status": 1})}
        busy: Counter[str] = Counter()
        open_in: Counter[str] = Counter()
        to_call = 0
        for job in jobs:
            open_in[job["batch_id"]] += job["status"] not in FINAL
            if job["status"] == "in_progress":
                busy["contacts under way"] += 1
            elif job["status"] == "pending" and batches.get(job["batch_id"]) == "running":
                due = job["next_attempt_at"]
                busy["contacts due"] += due is None or due < now + FAR
                to_call += due is not None and due < now + FAR and job["account_id"] not in SHORT_OF_MONEY
            elif job["status"] == "suspended":
                busy["contacts suspended"] += 1
        busy["lists paused"] = sum(status == "paused" for status in batches.values())
        busy["lists not loaded"] = sum(status in ("received", "loading") for status in batches.values())
        busy["lists not closed"] = sum(status == "running" and not open_in[key] for key, status in batches.items())
        busy["attempts open"] = self._database["call_logs"].count_documents({"state": {"$in": list(OPEN_ATTEMPT)}})
        busy["follow-ups waiting"] = self._database["actions"].count_documents({"state": "waiting"})
        busy["slots held"] = self._database["slots"].count_documents({"attempt_id": {"$gt": ""}})
        busy["money held"] = sum(
            bool(one["reservations"] or one["outbox"]) for one in self._database["accounts"].find()
        )
        calls = self._site.ask_simulator("journal?limit=0")["total_calls"]
        return Look(calls=calls, contacts_to_call=to_call, busy=+busy, lists=batches)


JOB_FIELDS = {"status": 1, "resets": 1, "batch_id": 1, "account_id": 1, "next_attempt_at": 1}
SHORT_OF_MONEY = frozenset(account.id for account in ACCOUNTS if account.top_up)
"""Their contacts may have to wait for others of the same account: they keep nobody busy."""
