"""Who is called in a chaos run: accounts and lists, drawn from a seed.

Enters a seed; leaves the accounts to make and, one after the other, lists as CSV files with what stands in them. People
come back in later lists and under other accounts, telephones under other national ids; some rows cannot be used.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tests.flow.lists import Debtor, debtor, write_list

NEW_SHARE = 0.7
"""Of a list's people; the others stood in a list before."""
SHARED_PHONE_SHARE = 0.05
WAVES_EVERY = 4
"""Every fourth list is called in waves, the others at once."""
PEOPLE_A_DAY = 25
"""Of a list in waves; whoever finds no place waits for the next day."""
WAVES, MINUTE, DAY = 90, timedelta(minutes=1), 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account. `options` are those of `speechai account create`, `top_up` is what is paid in each time, `lists` its
    weight among the lists."""

    id: str
    plan: str
    options: tuple[str, ...] = ()
    top_up: str | None = None
    lists: int = 1


ACCOUNTS = (
    Account(id="open", plan="unlimited", lists=4),
    Account(id="credit", plan="credit", options=("--price", "0.03"), top_up="0.25", lists=2),
    Account(id="minutes", plan="minutes", options=("--concurrency", "3", "--override", "attempts_a_day=2"), top_up="5"),
    Account(id="strict", plan="unlimited", options=("--override", "attempts_a_day=1")),
)
"""Credit and minutes run out again and again; in the last two the caps bind after two calls and after one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class List:
    """One list to send: its people, how many rows cannot be used, and the options of `speechai enqueue`."""

    name: str
    account_id: str
    people: tuple[Debtor, ...]
    bad_rows: int
    options: tuple[str, ...]
    has_waves: bool = False

    def all_options(self, local: datetime) -> list[str]:
        """The options of `speechai enqueue`, at an instant of the installation's clock: waves come every minute."""
        if not self.has_waves:
            return [*self.options, "--pacing", "continuous"]
        midnight = local.replace(hour=0, minute=0)
        first = int((local - midnight) / MINUTE)
        waves = [f"{midnight + n * MINUTE:%H:%M}" for n in range(first, min(first + WAVES, DAY))]
        # Two attempts: the third would come a minute later, when everything else has come to rest.
        given = {"waves": json.dumps(waves), "people_a_day": str(PEOPLE_A_DAY), "attempts_a_day": "2"}
        overrides = [part for name, value in given.items() for part in ("--override", f"{name}={value}")]
        return [*self.options, "--pacing", "waves", *overrides]

    def write(self, folder: Path) -> Path:
        """The file; the same list always gives the same bytes."""
        path = write_list(folder / f"{self.name}.csv", self.people)
        with path.open("a", newline="", encoding="utf-8") as file:
            for number in range(self.bad_rows):
                csv.writer(file, delimiter=";").writerow(
                    ["11111111-1", f"Sin Telefono {number}", "", "", 100_000, "Santiago", ""]
                )
        return path


def lists_of(seed: int, *, size: int) -> Iterator[List]:
    """List after list without end, of `size` people each."""
    chance, known, following = random.Random(f"{seed}|lists"), list[Debtor](), 0
    for number in range(10_000):
        people: dict[str, Debtor] = {}
        while len(people) < size:
            if known and chance.random() > NEW_SHARE:
                one = chance.choice(known)
            else:
                one = debtor(following, phones=chance.choice((1, 1, 2)))
                if known and chance.random() < SHARED_PHONE_SHARE:
                    one = replace(one, phones=(chance.choice(known).phones[0],))
                following += 1
                known.append(one)
            people[one.rut] = one
        drawn = chance.choices(ACCOUNTS, weights=[account.lists for account in ACCOUNTS])[0]
        account = ACCOUNTS[number] if number < len(ACCOUNTS) else drawn  # each has one before any has two
        use_case = chance.choice(("debt_collection", "debt_collection", "survey"))
        policy = "default" if number % 7 == 6 else "always"  # the first one is shut at night, and then waits
        options = ("--use-case", use_case, "--policy", policy)
        yield List(
            name=f"list-{number:03d}",
            account_id=account.id,
            people=tuple(people.values()),
            bad_rows=chance.randint(0, 2),
            options=(*options, "--priority", str(chance.randint(1, 9))),
            has_waves=policy == "always" and number % WAVES_EVERY == WAVES_EVERY - 1,
        )
