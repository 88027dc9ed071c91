"""The operator of a chaos run: types the real commands until they succeed, and remembers what was told to be done.

Enters a site; leaves lists, payments, pauses, cancelled lists and people who are not to be called, for the verdict to
ask where they went. After a loss everything since the last backup is done again, as the runbook says.
"""

from __future__ import annotations

import json
import random
import subprocess
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Any

from .portfolio import ACCOUNTS, Account, List
from .site import ZONE, Site

LAST_TOP_UP = "50"
STANDS_SECONDS = (8.0, 25.0)
"""How long a list stays paused or an account suspended: longer than a request can be on its way."""
Command = tuple[str, ...]


class Act(StrEnum):
    """What an operator does in the middle of the work, beside sending lists and paying."""

    PAUSE = "list-pause"
    CANCEL = "list-cancel"
    SUSPEND = "account-suspend"
    FORBID = "do-not-call"


@dataclass(slots=True, kw_only=True)
class Sent:
    """A list that the operator was told is taken. `batch_id` is a new one where it had to be sent again."""

    one: List
    batch_id: str = ""
    is_cancelled: bool = False

    def facts(self) -> dict[str, Any]:
        """For the verdict."""
        ruts = [person.rut for person in self.one.people]
        facts = {"batch_id": self.batch_id, "ruts": ruts, "bad_rows": self.one.bad_rows}
        return {**facts, "is_cancelled": self.is_cancelled}


@dataclass(slots=True)
class Operator:
    """One person at one terminal: a command after the other. Not for two threads at once, but for `to_do`."""

    site: Site
    chance: random.Random
    is_over: Event
    to_do: deque[Act | Path] = field(default_factory=deque)
    """Acts, and files to back up to."""
    sent: list[Sent] = field(default_factory=list)
    paid: list[dict[str, str]] = field(default_factory=list)
    forbidden: list[str] = field(default_factory=list)
    """National ids."""
    unrecorded: list[tuple[str, str]] = field(default_factory=list)
    """From when to when a database that was lost knows nothing of what was done: a backup, and its restore."""
    counts: Counter[str] = field(default_factory=Counter)
    backup: Path | None = None
    _since_backup: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    """What was done, and how it is done again in a database that does not know it."""
    _goes_on_at: dict[Command, datetime] = field(default_factory=dict)
    """When the command is typed that lets a list or an account go on which stands still."""

    def open_accounts(self) -> None:
        """Makes every account; nothing is struck yet."""
        for account in ACCOUNTS:
            self.insist("account", "create", account.id, "--plan", account.plan, *account.options)
            if account.top_up:
                self.pay(account, account.top_up)

    def send(self, one: List) -> None:
        sent = Sent(one=one)
        self._enqueue(sent)
        self.sent.append(sent)
        self._done("list", lambda: self._enqueue(sent))

    def pay(self, account: Account, amount: str) -> None:
        key = f"payment-{len(self.paid)}"
        command = ("account", "topup", account.id, amount, "--key", key)
        self.insist(*command)
        self.paid.append({"account_id": account.id, "key": key})
        self._done("payment", lambda: self.insist(*command))

    def do_next(self, lists: Mapping[str, str]) -> None:
        """The next thing of `to_do` that the `lists` allow, by their states; and what stood still for long goes on."""
        self._let_go_on(lists, datetime.now(UTC))
        if self.to_do and self._do(self.to_do[0], [key for key, status in lists.items() if status == "running"]):
            self.to_do.popleft()

    def leave(self, lists: Mapping[str, str]) -> bool:
        """Lets everything go on and pays every account up, so that all can be called; True once that is done."""
        self._let_go_on(lists, datetime.max.replace(tzinfo=UTC))
        if self._goes_on_at:
            return False
        for account in ACCOUNTS:
            if account.top_up:
                self.pay(account, LAST_TOP_UP)
        return True

    def back_up(self, path: Path) -> None:
        """Whatever was done before stands in it: there is one operator."""
        self.insist("backup", str(path))
        self.backup = path
        self._since_backup.clear()
        self.counts["backup"] += 1

    def do_again(self, *kinds: str) -> None:
        """What was done since the last backup: `do-not-call`, `list`, `payment`, `cancel`, kind after kind."""
        for kind in kinds:
            for what, again in self._since_backup:
                if what == kind:
                    again()

    def go_on_after_restore(self, *, paused: Iterable[str], suspended: Iterable[str]) -> None:
        """Lets go on what stands still in the restored database, and would not if the operator were asked."""
        commands = [*(("account", "resume", one) for one in suspended), *(("resume", one) for one in paused)]
        for command in commands:
            self._goes_on_at.setdefault(command, datetime.now(UTC))

    def insist(self, *args: str) -> str:
        """A command until it succeeds: whoever types it sees the error and types it again. Returns what it printed."""
        while (said := self._try(args)) is None:
            if self.is_over.wait(0.5):
                raise ConnectionAbortedError(f"the run is over, and {args} was not taken")
        return said

    def _try(self, args: Command) -> str | None:
        """What the command printed; None where it failed."""
        try:
            done = self.site.command(*args)
        except subprocess.TimeoutExpired:
            return None
        with (self.site.folder / "logs" / "operator.log").open("a") as log:
            log.write(f"{datetime.now(UTC).isoformat()} {' '.join(args)}: {done.returncode}\n{done.stderr}")
        return done.stdout if done.returncode == 0 else None

    def _done(self, what: str, again: Callable[[], object]) -> None:
        self._since_backup.append((what, again))

    def _do(self, what: Act | Path, running: Sequence[str]) -> bool:
        """False where the lists do not allow it yet."""
        if isinstance(what, Path):
            self.back_up(what)
            return True
        lists = [sent for sent in self.sent if sent.batch_id in running]
        if len(lists) < (2 if what is Act.CANCEL else 1):
            return False  # somebody must be left to call
        sent = self.chance.choice(lists)
        match what:
            case Act.PAUSE:
                if not self._end("pause", sent):
                    return False
                self._goes_on_at[("resume", sent.batch_id)] = self._later()
            case Act.CANCEL:
                if not self._end("cancel", sent):
                    return False
                sent.is_cancelled = True
                self._done("cancel", lambda: self._end("cancel", sent))
            case Act.SUSPEND:  # one that credit alone does not suspend, so that `resume` is nobody else's
                account = self.chance.choice([account.id for account in ACCOUNTS if account.top_up is None])
                self.insist("account", "suspend", account, "--because", "chaos")
                self._goes_on_at[("account", "resume", account)] = self._later()
            case Act.FORBID:
                self._forbid(self.chance.choice(sent.one.people).rut)
        self.counts[what] += 1
        return True

    def _enqueue(self, sent: Sent) -> None:
        one, path = sent.one, sent.one.write(self.site.folder / "lists")
        options = one.all_options(datetime.now(ZONE))
        told = json.loads(self.insist("enqueue", str(path), "--account", one.account_id, *options, "--json"))
        sent.batch_id = told["batch_id"]

    def _end(self, command: str, sent: Sent) -> bool:
        """Pauses or cancels the list; False where it was completed meanwhile, which is no state to be changed."""
        while self._try((command, sent.batch_id)) is None:
            if json.loads(self.insist("batch", sent.batch_id, "--json"))["status"] == "completed":
                return False
        return True

    def _forbid(self, rut: str) -> None:
        command = ("do-not-call", "add", rut, "--id", "--country", "CL", "--because", "chaos")
        self.insist(*command)
        self.forbidden.append(rut)
        self._done("do-not-call", lambda: self.insist(*command))

    def _later(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.chance.uniform(*STANDS_SECONDS))

    def _let_go_on(self, lists: Mapping[str, str], now: datetime) -> None:
        """One try each: a list has to wait for its account; one that is not paused any more needs none."""
        for command, at in list(self._goes_on_at.items()):
            is_moot = command[0] == "resume" and lists.get(command[1]) != "paused"
            if at <= now and (is_moot or self._try(command) is not None):
                del self._goes_on_at[command]
