"""Whoever looks on while a site is struck: the operator who sends lists and pays, and whoever sees it come to rest.

A thread of its own, since every question may hang as long as a server is paused. What the operator is told is taken is
remembered: the verdict asks where it went.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pymongo
from pymongo.errors import PyMongoError

from tests.flow.laws import FINAL, OPEN_ATTEMPT, FinalStates

from .portfolio import ACCOUNTS, Account, List, lists_of
from .site import DATABASE, Site

LOOK_SECONDS = 1.0
FAR = timedelta(minutes=3)
"""A contact that waits longer than this waits for tomorrow, or for its callback, and not for this run."""
LAST_TOP_UP = "50"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was seen in one look. `busy` names what is not at rest, by how many."""

    calls: int
    contacts_to_call: int
    busy: Counter[str]

    @property
    def is_quiet(self) -> bool:
        return not self.busy


class Watch:
    """The thread that looks and acts. It sends lists until `end_feeding`, so that there is always somebody to call."""

    def __init__(self, site: Site, seed: int, *, list_size: int, low_water: int) -> None:
        self.sent: list[dict[str, Any]] = []
        self.paid: list[dict[str, str]] = []
        self.final_states = FinalStates()
        self._seen = Look(calls=0, contacts_to_call=0, busy=Counter({"nothing was seen yet": 1}))
        self._is_feeding = True
        self._site, self._low_water = site, low_water
        self._lists: Iterator[List] = lists_of(seed, size=list_size)
        self._client = pymongo.MongoClient[dict[str, Any]](
            site.mongo_uri, tz_aware=True, serverSelectionTimeoutMS=2_000, socketTimeoutMS=8_000
        )
        self._database = self._client[DATABASE]
        self._stopped = Event()
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._running: Future[None] | None = None
        (site.folder / "lists").mkdir()

    def open_accounts(self) -> None:
        """Makes every account; nothing is struck yet."""
        for account in ACCOUNTS:
            self._insist("account", "create", account.id, "--plan", account.plan, *account.options)
            if account.top_up:
                self._pay(account, account.top_up)

    def start(self) -> None:
        self._running = self._thread.submit(self._run)

    @property
    def look(self) -> Look:
        """The last look. Raises whatever has ended the thread before its time."""
        if self._running is not None and self._running.done():
            self._running.result()
        return self._seen

    def end_feeding(self) -> None:
        """No further list; and every account is paid up, so that all can be called."""
        self._is_feeding = False

    def stop(self) -> None:
        self._stopped.set()
        self._thread.shutdown()
        self._client.close()

    def _run(self) -> None:
        is_paid_up = False
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self._seen = self._look()
                if self._is_feeding:
                    self._act()
                elif not is_paid_up:
                    for account in ACCOUNTS:
                        if account.top_up:
                            self._pay(account, LAST_TOP_UP)
                    is_paid_up = True
            except (PyMongoError, OSError):
                continue  # a server is away; the next look comes in a second

    def _act(self) -> None:
        if self._seen.contacts_to_call < self._low_water and not self._seen.busy["lists not loaded"]:
            self._send(next(self._lists))
        suspended = {one["_id"] for one in self._database["accounts"].find({"status": "suspended"}, {"_id": 1})}
        for account in ACCOUNTS:
            if account.id in suspended and account.top_up:
                self._pay(account, account.top_up)

    def _send(self, one: List) -> None:
        path = one.write(self._site.folder / "lists")
        told = json.loads(self._insist("enqueue", str(path), "--account", one.account_id, *one.options, "--json"))
        ruts = [person.rut for person in one.people]
        self.sent.append({"batch_id": told["batch_id"], "ruts": ruts, "bad_rows": one.bad_rows})

    def _pay(self, account: Account, amount: str) -> None:
        key = f"payment-{len(self.paid)}"
        self._insist("account", "topup", account.id, amount, "--key", key)
        self.paid.append({"account_id": account.id, "key": key})

    def _insist(self, *args: str) -> str:
        """A command until it succeeds: whoever types it sees the error and types it again."""
        while True:
            try:
                done = self._site.command(*args)
            except subprocess.TimeoutExpired:
                continue
            with (self._site.folder / "logs" / "operator.log").open("a") as log:
                log.write(f"{datetime.now(UTC).isoformat()} {' '.join(args)}: {done.returncode}\n{done.stderr}")
            if done.returncode == 0:
                return done.stdout
            if self._stopped.wait(0.5):
                raise ConnectionAbortedError(f"the run is over, and {args} was not taken: {done.stderr}")

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
        busy["lists not loaded"] = sum(status in ("received", "loading") for status in batches.values())
        busy["lists not closed"] = sum(status == "running" and not open_in[key] for key, status in batches.items())
        busy["attempts open"] = self._database["call_logs"].count_documents({"state": {"$in": list(OPEN_ATTEMPT)}})
        busy["follow-ups waiting"] = self._database["actions"].count_documents({"state": "waiting"})
        busy["slots held"] = self._database["slots"].count_documents({"attempt_id": {"$gt": ""}})
        busy["money held"] = sum(
            bool(one["reservations"] or one["outbox"]) for one in self._database["accounts"].find()
        )
        calls = self._site.ask_simulator("journal?limit=0")["total_calls"]
        return Look(calls=calls, contacts_to_call=to_call, busy=+busy)


JOB_FIELDS = {"status": 1, "resets": 1, "batch_id": 1, "account_id": 1, "next_attempt_at": 1}
SHORT_OF_MONEY = frozenset(account.id for account in ACCOUNTS if account.top_up)
"""Their contacts may have to wait for others of the same account: they keep nobody busy."""
