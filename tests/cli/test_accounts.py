"""`speechai account`: what an operator types, what is printed of it, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from speechai.core.accounts import Account, Plan
from speechai.store import account_changes, accounts
from tests.cli.conftest import Command, loaded


def made(command: Command, account_id: str = "acme", *options: object) -> dict[str, Any]:
    """A new account as JSON."""
    done = command("account", "create", account_id, *options, "--json")
    assert done.code == 0, done.err
    return dict(done.json)


def test_an_account_is_made_paid_into_looked_at_and_added_up(served: Command) -> None:
    new = made(served, "acme", "--name", "Acme SpA", "--price", "0.12", "--day-budget", "20.5", "--country", "CL")
    assert (new["plan"], new["balance"], new["day_budget"], new["countries"]) == ("credit", 0, 20_500_000, ["CL"])
    assert new["price_usd_micros_per_minute"] == 120_000
    paid = served("account", "topup", "acme", "25.50", "--key", "receipt 7", "--by", "ana", "--json").json
    again = served("account", "topup", "acme", "25.50", "--key", "receipt 7", "--json").json
    assert (paid["is_new"], again["is_new"], again["balance"]) == (True, False, 25_500_000)
    assert served("account", "adjust", "acme", "-3.5", "--because", "bank fee").out.startswith("-US$ 3.50 moved")
    shown = served("account", "show", "acme")
    assert "US$ 22.00" in shown.out
    assert "US$ 20.50 left of US$ 20.50" in shown.out
    ledger = served("account", "ledger", "acme", "--check", "--json")
    assert [(one["kind"], one["amount"], one["by"]) for one in ledger.json["entries"]] == [
        ("top_up", 25_500_000, "ana"),
        ("adjust", -3_500_000, "operator"),
    ]
    assert (ledger.code, ledger.json["is_right"]) == (0, True)
    line, main = served("account", "list", "--json").json
    assert main["account_id"] == "main"
    assert (line["account_id"], line["free"]) == ("acme", 22_000_000)
    assert "Acme SpA" in served("account", "list").out


def test_a_ledger_that_does_not_add_up_is_a_failure(served: Command) -> None:
    made(served)
    served("account", "topup", "acme", "5")
    served.context().store.accounts.update_one({"_id": "acme"}, {"$inc": {"balance": 1}})
    done = served("account", "ledger", "acme", "--check")
    assert done.code == 1
    assert "the balance is US$ 5.000001, but the ledger adds up to US$ 5.00" in done.message()


def test_a_minutes_plan_is_typed_and_told_in_minutes(served: Command) -> None:
    made(served, "acme", "--plan", "minutes", "--day-budget", "60")
    paid = served("account", "topup", "acme", "90.5", "--json").json
    assert (paid["unit"], paid["balance"], paid["day_budget"]) == ("seconds", 5_430, 3_600)
    shown = served("account", "show", "acme").out
    assert "90 min 30 s" in shown
    assert "60 min left of 60 min" in shown


def test_limits_are_changed_and_taken_away(served: Command) -> None:
    made(served, "acme", "--concurrency", "5", "--from-number", "+56222222222", "--override", "attempts_a_day=2")
    done = served(
        "account", "set", "acme", "--concurrency", "none", "--calls-a-day", "300", "--from-number", "none",
        "--override", "none", "--policy", "cl-ley-21320", "--plan", "unlimited", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    facts = done.json
    assert (facts["concurrency"], facts["calls_a_day"], facts["from_numbers"]) == (None, 300, [])
    assert (facts["policy"], facts["policy_overrides"], facts["plan"]) == ("cl-ley-21320", {}, "unlimited")
    changes = served("account", "show", "acme", "--json").json["history"]
    assert "concurrency=None" in changes[0]["why"]


def test_a_day_s_budget_below_one_call_is_warned_of(served: Command) -> None:
    done = served("account", "create", "acme", "--day-budget", "1")
    assert done.code == 0
    assert "one call reserves US$ 1.50, more than the day's budget" in done.err


def test_an_account_is_suspended_and_resumed_with_its_contacts(served: Command, people: Path) -> None:
    batch_id = loaded(served, people)
    done = served("account", "suspend", "main", "--because", "unpaid", "--by", "ana", "--json")
    assert (done.json["status"], done.json["reason"]) == ("suspended", "unpaid (ana)")
    assert "was suspended before" in served("account", "suspend", "main", "--because", "again").out
    served.context().store.jobs.update_many(
        {"batch_id": batch_id}, {"$set": {"status": "suspended", "suspended_by": "account"}}
    )
    done = served("account", "resume", "main", "--because", "paid", "--json")
    assert (done.code, done.json["status"], done.json["jobs"]) == (0, "active", 2)
    assert served("batch", batch_id, "--json").json["jobs"]["pending"] == 2


def test_an_account_without_credit_is_resumed_by_a_top_up(served: Command) -> None:
    made(served)
    now = datetime.now(UTC)
    account_changes.suspend_without_credit(
        served.context().store, "acme", needed=1_500_000, reason="no credit: US$ 0.00 left", now=now
    )
    little = served("account", "topup", "acme", "1")
    assert "stays suspended: no credit" in little.err
    enough = served("account", "topup", "acme", "1")
    assert "The account is active again" in enough.out
    assert accounts.require(served.context().store, "acme").suspended_by is None


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("topup", "acme", "25,50"), 2, "'25,50' is not an amount in US dollars: write 25 or 25.50"),
        (("topup", "acme", "-5"), 2, "a top-up is more than nothing"),
        (("topup", "nobody", "5"), 1, "there is no account 'nobody'"),
        (("adjust", "acme", "5"), 2, "--because"),
        (("create", "acme"), 1, "there is an account 'acme' already"),
        (("set", "acme", "--concurrency", "many"), 2, "'many' is neither a whole number nor none"),
        (("set", "acme", "--override", "attempts_a_day"), 2, "FIELD=VALUE"),
        (("show", "nobody"), 1, "there is no account 'nobody'"),
    ],
)  # fmt: skip
def test_a_wrong_command_says_what_is_wrong_and_what_to_write(
    refusing: Command, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = refusing("account", *arguments)
    assert done.code == code
    assert words in " ".join(done.message().split())


@pytest.fixture
def refusing(served: Command) -> Command:
    """The command where `acme` is there."""
    accounts.create_account(
        served.context().store, Account(id="acme", name="Acme", plan=Plan.CREDIT), now=datetime.now(UTC)
    )
    return served
