"""A month of a whole portfolio in virtual time, judged by the outside checker: no law is broken.

Some of the people by default, so that the suite stays in minutes; `MONTH_PEOPLE=1000` plays the full month.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from speechai.core.accounts import Account, Plan
from speechai.operation import accounts as money
from speechai.operation import campaigns, do_not_call, submitting
from speechai.operation.submitting import Order
from speechai.retell.simulator import OutcomeScript
from speechai.retell.simulator.config import Durations, PhoneNumber
from speechai.store import accounts

from . import month
from .conftest import MakeWorld
from .evidence import Evidence, calls_in_order, instant_of, job_of
from .laws import violations
from .lists import Debtor, write_list
from .month import GENERAL, NORTE, OESTE, on
from .month_figures import broken_by_callers, figures_of
from .receiver import SECRET, running_receiver
from .rules import Limits
from .virtual import World

PEOPLE = int(os.environ.get("MONTH_PEOPLE", "60"))
RARE = {"numbers that were rested"} if PEOPLE < 120 else set()
"""A caller number rests after many failures: so few people do not have them."""
POOLS = {"main": GENERAL, "norte": NORTE, "sur": GENERAL, "oeste": OESTE, "este": GENERAL}
SETTINGS: dict[str, Any] = {
    "capacity_retry_seconds": 60,
    "call_max_duration_minutes": 3,
    "dispatch_interval_seconds": 30,
    "max_tries": 8,
    "retell_calls_per_second": 4,
    "retell_concurrency": 12,
    "retell_from_number": ",".join(GENERAL),
    "sweep_interval_seconds": 180,
}


def in_proportion(amount: int) -> int:
    """An amount of the full month, for as many people as there are."""
    return amount * PEOPLE // 1000


def open_accounts(here: World) -> None:
    """Beside `main`: credit and minutes that run out, own lines and calls a day, a day's budget."""
    reserved = month.RESERVED
    for account, paid in (
        (
            Account(id="norte", name="Norte", plan=Plan.CREDIT, from_numbers=NORTE),
            2 * reserved + in_proportion(3_000_000),
        ),
        (Account(id="sur", name="Sur", plan=Plan.MINUTES), 180 + in_proportion(600)),
        (
            Account(
                id="oeste",
                name="Oeste",
                plan=Plan.UNLIMITED,
                concurrency=3,
                calls_a_day=max(24, in_proportion(60)),
                from_numbers=OESTE,
            ),
            0,
        ),
        (Account(id="este", name="Este", plan=Plan.UNLIMITED, day_budget=reserved + in_proportion(300_000)), 0),
    ):
        accounts.create_account(here.context.store, account, now=here.now)
        if paid:
            money.top_up(here.context, account.id, paid, key="first", by="operator")


def send(here: World, sending: month.Sending, folder: Path) -> None:
    path = write_list(folder / f"{sending.name}.csv", sending.people)
    order = Order(**{"use_case": "debt_collection", **sending.order}, name=sending.name)
    here.send(submitting.submit(here.context, path, order).nudges)


def batch_of(here: World, name: str) -> str:
    batch = here.database.batches.find_one({"name": name})
    assert batch is not None
    return str(batch["_id"])


def plan_commands(here: World, portfolio: list[Debtor], folder: Path) -> set[str]:
    """What the operator does in the month; returns the ids and phones that nobody may call from the 10th on."""
    context = here.context
    phones = [one.phones[0] for one in portfolio[2::25] if one.phones[0].startswith("+569")]
    ids, lifted = [one.rut for one in portfolio[16::25]], portfolio[16].rut
    letters = folder / "letters.csv"
    letters.write_text("\n".join(["RUT", *ids]), encoding="utf-8")

    def forbid() -> None:
        subjects = [do_not_call.subject_of(phone, country="CL") for phone in phones]
        do_not_call.add(context, subjects, why="asked by telephone", by="operator")
        do_not_call.load_file(context, letters, country="CL", why="asked by letter", by="operator")

    def allow() -> None:
        do_not_call.lift(context, [do_not_call.subject_of(lifted, country="CL")], why="asked again", by="operator")

    def top_up(account: str, amount: int, key: str) -> None:
        money.top_up(context, account, amount, key=key, by="operator")

    def suspend() -> None:
        money.suspend_account(context, "oeste", reason="an unpaid invoice", by="operator")

    here.at(on(9, 11), lambda: top_up("norte", in_proportion(4_000_000), "second"))
    here.at(on(9, 11, 5), lambda: top_up("norte", in_proportion(4_000_000), "second"))  # the same key: nothing
    here.at(on(21, 10), lambda: top_up("norte", in_proportion(60_000_000), "third"))
    here.at(on(15, 9, 30), lambda: top_up("sur", in_proportion(20_000), "second"))
    here.at(on(10, 10), forbid)
    here.at(on(16, 10), allow)
    here.at(on(7, 14), lambda: campaigns.pause(context, batch_of(here, "colombia")))
    here.at(on(9, 9), lambda: campaigns.resume(context, batch_of(here, "colombia")))
    here.at(on(14, 12), suspend)
    here.at(on(15, 12), lambda: money.resume_account(context, "oeste", by="operator", why="paid"))
    here.at(on(22, 12), lambda: campaigns.retry(context, batch_of(here, "argentina")))
    here.at(on(29, 11), lambda: campaigns.cancel(context, batch_of(here, "ley")))
    return {*phones, *ids} - {lifted}


def called_since(evidence: Evidence, unwanted: set[str], since: datetime) -> list[str]:
    """Calls to one of those ids or phones after the instant, by what stands on the list itself."""
    jobs = evidence.by_id("jobs")
    calls = [(jobs[job_of(call)]["rut"], call["to_number"], instant_of(call)) for call in calls_in_order(evidence)]
    return [f"{rut} {number} {at}" for rut, number, at in calls if at > since and unwanted & {rut, number}]


@pytest.mark.timeout(600 + 6 * PEOPLE)
def test_a_month_of_a_portfolio_breaks_no_law(world: MakeWorld, tmp_path: Path) -> None:
    portfolio = month.people_of(PEOPLE)
    numbers = tuple(
        PhoneNumber(phone_number=number, allowed_outbound_countries=month.ALLOWED_COUNTRIES.get(number, ()))
        for number in (*GENERAL, *NORTE, *OESTE)
    )
    with running_receiver() as receiver:
        here = world(
            month.STARTS_AT,
            settings={**SETTINGS, "follow_up_url": receiver.url, "follow_up_secret": SECRET},
            script=OutcomeScript(numbers=month.script_of(portfolio), weights=month.WEIGHTS),
            durations=Durations(pick_up=(3_000, 6_000), talk=(6_000, 12_000), machine=(4_000, 9_000)),
            phone_numbers=numbers,
        )
        open_accounts(here)
        for sending in month.sendings(portfolio):
            here.at(sending.at, lambda sending=sending: send(here, sending, tmp_path))  # type: ignore[misc]
        unwanted = plan_commands(here, portfolio, tmp_path)
        here.run_until(month.ENDS_AT.astimezone(UTC))

    evidence = here.evidence()
    evidence.deliveries = receiver.taken
    limits = Limits(concurrency=SETTINGS["retell_concurrency"], starts_a_second=SETTINGS["retell_calls_per_second"])
    found = violations(evidence, limits)
    assert not found, "\n".join(f"law {one.law}: {one.what}" for one in found)
    assert here.final_states.violations == []
    assert list(broken_by_callers(evidence, POOLS, month.ALLOWED_COUNTRIES)) == []
    assert called_since(evidence, unwanted, on(10, 10)) == []
    assert receiver.unsigned == 0
    happened = figures_of(evidence)
    print(f"a month of {PEOPLE} people: {happened}")
    assert [name for name, count in happened.items() if not count and name not in RARE] == []
