"""Law 7 from outside: every account's balance, its ledger, and what the calls really cost; and the limits it sets.

Enter the evidence; leave sentences about what was broken. What a call cost is worked out from the time its line was
connected and the simulator's price list, to the micro and in integers.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from .evidence import Document, Evidence, attempt_of, calls_in_order, end_of, instant_of, job_of, rang, talk_ms
from .rules import Limits

CENTS_A_SECOND = (0.1167, 0.075, 0.025)
"""The products of the simulator's price list; each line of a bill is rounded to four decimals of a cent."""
MICROS_A_CENT = 10_000
RESERVED_BEFORE = timedelta(seconds=10)
"""Between reserving and the call itself a worker waits for its start, for less than this."""
OF_A_CALL = ("settle", "correct")


def balances_agree(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Every balance is the sum of its ledger, of whole numbers, each movement once."""
    sums: Counter[str] = Counter()
    for entry in evidence.ledger:
        if type(entry["amount"]) is not int:
            yield f"ledger entry {entry['_id']} moves {entry['amount']!r}"
            continue
        sums[entry["account_id"]] += entry["amount"]
    for (account_id, key), count in Counter((one["account_id"], one["key"]) for one in evidence.ledger).items():
        if count > 1:
            yield f"account {account_id} has {count} ledger entries {key}"
    known = evidence.by_id("ledger")
    for account in evidence.accounts:
        for name in ("balance", "reserved", "free"):
            if type(account[name]) is not int:
                yield f"account {account['_id']} has {name} {account[name]!r}"
                return
        waiting = sum(entry["amount"] for entry in account["outbox"] if entry["_id"] not in known)
        if account["balance"] != sums[account["_id"]] + waiting:
            yield f"account {account['_id']} has {account['balance']}, its ledger says {sums[account['_id']] + waiting}"
        if account["free"] != account["balance"] - account["reserved"]:
            yield f"account {account['_id']} has {account['free']} free of {account['balance']}"
        if account["reserved"] != sum(held["amount"] for held in account["reservations"].values()):
            yield f"account {account['_id']} has {account['reserved']} reserved and {account['reservations']}"
    for account_id in {job["account_id"] for job in evidence.jobs} - evidence.by_id("accounts").keys():
        yield f"account {account_id} has contacts and does not exist"


def calls_are_charged(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Each call is charged what it cost, once, to its own account; a call that did not happen costs nothing."""
    accounts, attempts = evidence.by_id("accounts"), evidence.by_id("attempts")
    charged: Counter[str] = Counter()
    for entry in evidence.ledger:
        if entry["kind"] in OF_A_CALL:
            charged[entry["attempt_id"]] -= entry["amount"]
            attempt = attempts.get(entry["attempt_id"])
            if attempt is None or attempt["account_id"] != entry["account_id"]:
                yield f"ledger entry {entry['_id']} charges a call of another account"
    calls = {attempt_of(call): call for call in evidence.calls}
    for attempt_id in charged.keys() - calls.keys():
        yield f"attempt {attempt_id} is charged {charged[attempt_id]} for no call"
    for attempt_id, call in calls.items():
        attempt = attempts.get(attempt_id)
        if attempt is not None and _is_asked_for_ever(attempt, evidence.now):
            yield f"attempt {attempt_id} ended at {attempt['finished_at']} and its cost is still asked for"
        account = accounts.get(str((attempt or {}).get("account_id")))
        if attempt is None or account is None or not _cost_is_known(attempt, call):
            continue
        cost = cost_of(account, call)
        if charged[attempt_id] != cost:
            yield f"attempt {attempt_id} is charged {charged[attempt_id]}, its call cost {cost}"


def cost_of(account: Document, call: Document) -> int:
    """In USD micros, or in begun seconds for a plan of minutes."""
    milliseconds = talk_ms(call)
    if account["plan"] == "minutes":
        return -(-milliseconds // 1000)
    lines = (Decimal(str(round(price * (milliseconds / 1000), 4))) for price in CENTS_A_SECOND)
    return int(sum(lines) * MICROS_A_CENT)


def _cost_is_known(attempt: Document, call: Document) -> bool:
    """The call was over when the product closed its attempt, and the product had found it and does not ask any more."""
    end, closed_at = end_of(call), attempt.get("finished_at")
    found = attempt["state"] == "finished" and attempt.get("call_id") is not None
    asks_again = attempt.get("next_poll_at") is not None
    return found and not asks_again and end is not None and closed_at is not None and end <= closed_at


def _is_asked_for_ever(attempt: Document, now: datetime) -> bool:
    waits = attempt["state"] == "finished" and attempt.get("next_poll_at") is not None
    return waits and attempt["finished_at"] < now - timedelta(days=3)


def limits_of_accounts(evidence: Evidence, limits: Limits) -> Iterator[str]:
    """Nobody is called beyond an account's lines, its calls a day, its budget, the batch's budget.

    An account whose limits were changed on the way is not judged by the last ones.
    """
    zone, calls = ZoneInfo(limits.zone), _calls_by_account(evidence)
    for account in evidence.accounts:
        mine = calls[account["_id"]]
        if any(change["what"] == "set" for change in account.get("history", ())):
            continue
        live = _most_live(mine)
        if account["concurrency"] is not None and live > account["concurrency"]:
            yield f"account {account['_id']} had {live} live calls of {account['concurrency']}"
        made: Counter[date] = Counter()
        spent: Counter[date] = Counter()
        for call in mine:
            if rang(call):
                day = instant_of(call).astimezone(zone).date()
                made[day] += 1
                spent[day] += cost_of(account, call)
        for day, count in made.items():
            if account["calls_a_day"] is not None and count > account["calls_a_day"]:
                yield f"account {account['_id']} made {count} calls of {account['calls_a_day']} on {day}"
            if account["day_budget"] is not None and spent[day] > account["day_budget"]:
                yield f"account {account['_id']} spent {spent[day]} of {account['day_budget']} on {day}"
    yield from _batch_budgets(evidence)


def nobody_for_an_empty_account(evidence: Evidence, limits: Limits) -> Iterator[str]:
    """Law 5: where the plan is paid in advance, something is left whenever a call starts, or was when its money was
    reserved a moment before: another one that cost more than it had reserved may be charged in between."""
    calls = _calls_by_account(evidence)
    for account in evidence.accounts:
        if account["plan"] == "unlimited":
            continue
        mine = [entry for entry in evidence.ledger if entry["account_id"] == account["_id"]]
        moved = sorted((entry["at"], entry["amount"]) for entry in mine)
        balance = place = 0
        for call in calls[account["_id"]]:
            at = instant_of(call)
            while place < len(moved) and moved[place][0] <= at:
                balance += moved[place][1]
                place += 1
            reserved_at = at - limits.on_its_way - RESERVED_BEFORE
            before = balance - sum(amount for when, amount in moved[:place] if when > reserved_at)
            if max(balance, before) <= 0 and limits.is_recorded(at):
                yield f"account {account['_id']} was called for with {balance} at {at}"


def _calls_by_account(evidence: Evidence) -> dict[str, list[dict[str, Any]]]:
    jobs = evidence.by_id("jobs")
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in calls_in_order(evidence):
        if call["dialled"]:
            calls[jobs[job_of(call)]["account_id"]].append(call)
    return calls


def _most_live(calls: list[dict[str, Any]]) -> int:
    marks = sorted(
        [(call["live_from_ms"], 1) for call in calls]
        + [(call["live_until_ms"], -1) for call in calls if call["live_until_ms"] is not None]
    )
    live = highest = 0
    for _, step in marks:
        live += step
        highest = max(highest, live)
    return highest


def _batch_budgets(evidence: Evidence) -> Iterator[str]:
    accounts, jobs = evidence.by_id("accounts"), evidence.by_id("jobs")
    spent: Counter[str] = Counter()
    for call in calls_in_order(evidence):
        job = jobs[job_of(call)]
        account = accounts.get(job["account_id"])
        if account is not None and account["plan"] != "minutes":
            spent[job["batch_id"]] += cost_of(account, call)
    for batch in evidence.batches:
        if batch.get("budget_micros") is not None and spent[batch["_id"]] > batch["budget_micros"]:
            yield f"batch {batch['_id']} cost {spent[batch['_id']]} of its {batch['budget_micros']}"


def money_is_free(evidence: Evidence, _: Limits) -> Iterator[str]:
    """Law 7: what may only be held while something is live."""
    for account in evidence.accounts:
        if account["reserved"] or account["reservations"]:
            yield f"account {account['_id']} has {account['reserved']} reserved for {sorted(account['reservations'])}"
        if account["outbox"]:
            yield f"account {account['_id']} has entries that the ledger waits for"
        if account["concurrency"] is not None and account["lines_free"] != account["concurrency"]:
            yield f"account {account['_id']} has {account['lines_free']} lines free of {account['concurrency']}"
