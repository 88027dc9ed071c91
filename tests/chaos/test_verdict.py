"""The judge of a chaos run is judged: every row finds what is planted for it, and a healthy run is clean."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.flow.evidence import Evidence
from tests.flow.laws import CHECKS, WHEN_QUIET
from tests.flow.planting import HOUR, MONDAY, a_call, a_job, again, an_action, an_attempt, an_entry, healthy, promised

from .keeping import calls_of
from .schedule import TARGETS, Kind, schedule_of
from .table import finds_of_the_sweep, table_of
from .verdict import OWN_CHECKS, ROWS, Run, bunching_seconds, findings

ROOT = Path(__file__).parents[2]
SECOND = timedelta(seconds=1)
RUTS = {"j1": "1-9", "j2": "2-7"}


def a_run(**fields: Any) -> Run:
    facts: dict[str, Any] = {
        "seed": 1,
        "concurrency": 2,
        "starts_a_second": 1.0,
        "stall_seconds": 5.0,
        "analysis_wait_seconds": 2.0,
        "sent": [{"batch_id": "list", "ruts": list(RUTS.values()), "bad_rows": 1, "is_cancelled": False}],
        "paid": [{"account_id": "main", "key": "1"}],
        "seconds": 60.0,
    }
    return Run(**{**facts, **fields})


def after_a_run() -> Evidence:
    """Healthy evidence in which somebody promised, and the receiver got the payment link."""
    seen = healthy()
    for job in seen.jobs:
        job["rut"] = RUTS[job["_id"]]
    promised(seen)
    seen.actions.append(an_action())
    seen.deliveries.append(a_delivery())
    return seen


def a_delivery(key: str = "a2|payment_link", **fields: Any) -> dict[str, Any]:
    return {"key": key, "attempt_id": "a2", "action": "payment_link", "body": "digest", **fields}


def test_a_healthy_run_is_clean() -> None:
    assert {row: what for row, what in findings(after_a_run(), a_run()).items() if what} == {}


def second_call(seen: Evidence) -> None:
    seen.calls.append(a_call("a1", "j1", MONDAY + timedelta(minutes=5)) | {"call_id": "another"})


def starts_in_a_bunch(seen: Evidence) -> None:
    seen.calls += [a_call(f"b{n}", "j1", MONDAY + timedelta(minutes=5), live_until_ms=0) for n in range(8)]


def called_every_hour(seen: Evidence) -> None:
    for hours in (1, 2, 3):
        again(seen, MONDAY + hours * HOUR)


def cancelled_by_nobody(seen: Evidence) -> None:
    seen.batches[0]["status"] = "cancelled"


def lost_call_to_a_full_phone(seen: Evidence) -> None:
    """Three calls for a list that was lost, and one for the list that is here."""
    for n in range(3):
        seen.calls.append(a_call(f"lost{n}", "gone", MONDAY - (n + 1) * HOUR))
        seen.attempts.append(an_attempt(f"lost{n}", "gone", "p1"))


def judged_too_early(seen: Evidence) -> None:
    ended_at = seen.attempts[1]["finished_at"] - SECOND
    seen.attempts[1].update(retell={"call_status": "ended"}, ended_at=ended_at)


def due_since_long(seen: Evidence) -> None:
    seen.batches[0]["status"] = "running"
    seen.jobs[0].update(status="pending", admitted=True, next_attempt_at=seen.now - 90 * SECOND)


def three_live(seen: Evidence) -> None:
    seen.calls += [a_call(f"b{n}", "j1", MONDAY + n * SECOND, person=f"b{n}") for n in range(2)]


PLANTED: list[tuple[str, str, Callable[[Evidence], object]]] = [
    ("duplicates", "became 2 calls", second_call),
    ("contacts lost", "without a reason", lambda seen: seen.jobs[0].update(reason=None)),
    ("contacts lost", "lacks 1 of its people", lambda seen: seen.jobs.pop(0)),
    (
        "contacts lost",
        "has 1 contacts that its list has not",
        lambda seen: seen.jobs.append(a_job("j3", "p1", rut="3")),
    ),
    ("contacts lost", "rejected 0 rows of 1", lambda seen: seen.rejected.clear()),
    (
        "caps broken",
        "was called 4 times",
        lambda seen: [again(seen, MONDAY + n * timedelta(hours=1)) for n in (1, 2, 3)],
    ),
    ("called when it was forbidden", "was called", lambda seen: again(seen, MONDAY + 12 * HOUR)),
    ("caps broken", "was dialled 4 times", lost_call_to_a_full_phone),
    ("caps broken", "whose list was lost", lost_call_to_a_full_phone),
    ("called when it was forbidden", "cancelled by the operator: False", cancelled_by_nobody),
    ("over the concurrency limit", "live at once", three_live),
    ("over the rate", "ahead of the rate", starts_in_a_bunch),
    ("ledger difference", "its ledger says", lambda seen: seen.accounts[0].update(balance=7)),
    ("ledger difference", "its call cost", lambda seen: seen.ledger.pop()),
    ("ledger difference", "has 0 entries topup:1", lambda seen: seen.ledger.pop(0)),
    (
        "ledger difference",
        "has 1 entries topup:2",
        lambda seen: seen.ledger.append(an_entry("topup:2", 5, MONDAY, "top_up")),
    ),
    ("reservations left", "reserved for", lambda seen: seen.accounts[0]["reservations"].update(a9={"amount": 0})),
    ("follow-ups missing or wrong", "followed []", lambda seen: seen.actions.clear()),
    ("follow-ups missing or wrong", "is waiting", lambda seen: seen.actions[0].update(state="waiting")),
    ("follow-ups missing or wrong", "never got it", lambda seen: seen.deliveries.clear()),
    ("follow-ups missing or wrong", "under 2 keys", lambda seen: seen.deliveries.append(a_delivery("another"))),
    ("follow-ups missing or wrong", "2 bodies", lambda seen: seen.deliveries.append(a_delivery(body="other"))),
    (
        "follow-ups missing or wrong",
        "for a call that did not happen",
        lambda seen: seen.deliveries.append(a_delivery("a7|payment_link", attempt_id="a7")),
    ),
    ("follow-ups missing or wrong", "judged without its analysis", judged_too_early),
    ("slots leaked", "slot 0 is held", lambda seen: seen.slots[0].update(attempt_id="a1")),
    ("turns leaked", "the turn of p1", lambda seen: seen.people[0].update(live_attempt_id="a1")),
    ("stuck jobs", "was not dialled", due_since_long),
    ("stuck jobs", "is in_progress", lambda seen: seen.jobs[0].update(status="in_progress")),
    ("stuck jobs", "its account is active", lambda seen: seen.jobs[0].update(status="suspended")),
    ("stuck jobs", "is loading", lambda seen: seen.batches[0].update(status="loading")),
    ("stuck jobs", "is placing", lambda seen: seen.attempts.append(an_attempt("a9", "j1", "p1", state="placing"))),
]


@pytest.mark.parametrize(("row", "words", "plant"), PLANTED, ids=[f"{row}: {words}" for row, words, _ in PLANTED])
def test_what_is_planted_is_found_in_its_row(row: str, words: str, plant: Callable[[Evidence], object]) -> None:
    seen = after_a_run()
    plant(seen)
    found = findings(seen, a_run())
    assert any(words in what for what in found[row]), found


def test_a_final_state_that_was_left_and_a_run_without_rest_are_found() -> None:
    found = findings(after_a_run(), a_run(left_final=["job j1 went from done to pending"], is_quiet=False))
    assert (len(found["contacts lost"]), len(found["stuck jobs"])) == (1, 1)


def test_a_run_that_did_less_than_was_asked_is_found() -> None:
    short = a_run(wanted={"calls": 3, "redis-wipe": 2, "mongo-cut": 1}, strikes={"redis-wipe": 1, "mongo-cut": 1})
    assert findings(after_a_run(), short)["stuck jobs"] == ["law 2: calls: 2 of 3", "law 2: redis-wipe: 1 of 2"]


def test_who_was_put_on_the_do_not_call_list_and_a_list_that_was_cancelled_stay_so() -> None:
    run = a_run(forbidden=[RUTS["j1"]], sent=[{**a_run().sent[0], "is_cancelled": True}])
    found = findings(after_a_run(), run)["called when it was forbidden"]
    assert found == [
        "law 5: batch list is completed, cancelled by the operator: True",
        "law 5: p1 is not on the do-not-call list",
    ]


def stopped_since(seconds: float) -> Evidence:
    """The list was paused so long before the first of its calls reached the provider, and resumed long after."""
    seen, at = after_a_run(), timedelta(seconds=seconds)
    seen.batches[0]["history"] = [
        {"at": MONDAY - at, "status": "paused"},
        {"at": MONDAY + HOUR / 2, "status": "running"},
        {"at": MONDAY + HOUR / 2, "status": "completed"},
    ]
    return seen


@pytest.mark.parametrize(
    ("facts", "calls"),
    [
        ({}, 2),
        ({"on_its_way_seconds": 7.0}, 0),
        ({"unrecorded": [[f"{MONDAY - HOUR}", f"{MONDAY + SECOND / 2}"]]}, 1),
    ],
    ids=["at once", "a provider that stood still", "a database that was lost"],
)
def test_a_pause_holds_for_calls_that_were_not_on_their_way_and_are_recorded(facts: dict[str, Any], calls: int) -> None:
    found = findings(stopped_since(5.0), a_run(**facts))["called when it was forbidden"]
    assert ["while its batch was not running" in what for what in found] == [True] * calls
    late = findings(stopped_since(9.0), a_run(on_its_way_seconds=7.0))["called when it was forbidden"]
    assert len(late) == 2


def test_a_batch_that_nobody_sent_is_found() -> None:
    assert findings(after_a_run(), a_run(sent=[]))["contacts lost"] == ["law 2: batch list was never sent"]


def test_every_check_has_one_row_and_every_row_a_planted_violation() -> None:
    known = [check.__name__ for _, check in (*CHECKS, *WHEN_QUIET, *OWN_CHECKS)]
    named = [name for names in ROWS.values() for name in names]
    assert sorted(named) == sorted([*known, "FinalStates"])
    assert {row for row, _, _ in PLANTED} == ROWS.keys()


@pytest.mark.parametrize(
    ("seconds", "ahead"),
    [([0, 1, 2, 3], 0.0), ([0, 5, 5.25, 5.5, 5.75], 2.25), ([0, 0, 0], 2.0), ([0], 0.0), ([], 0.0)],
    ids=["even", "a late bunch", "all at once", "one", "none"],
)
def test_starts_that_run_ahead_of_the_rate_are_measured(seconds: list[float], ahead: float) -> None:
    seen = healthy()
    seen.calls = [a_call(f"b{n}", "j1", MONDAY + at * SECOND) | {"sequence": n} for n, at in enumerate(seconds)]
    assert bunching_seconds(seen, 1.0) == pytest.approx(ahead)


def test_the_table_says_what_is_not_zero_and_shows_it(tmp_path: Path) -> None:
    seen = after_a_run()
    assert table_of(seen, a_run(), tmp_path)[1]
    seen.slots[0]["attempt_id"] = "a1"
    lines, is_clean = table_of(seen, a_run(), tmp_path)
    assert not is_clean
    assert "| slots leaked | 1 |" in lines
    assert "slots leaked: law 7: slot 0 is held by a1" in lines


def test_finds_of_the_sweep_are_counted_and_a_torn_line_is_not(tmp_path: Path) -> None:
    find = json.dumps({"event": "a lost poll was found", "action": "sweep"})
    (tmp_path / "work.log").write_text(f"{find}\n{find}\n{find[:-4]}\n" + json.dumps({"event": "x", "action": "y"}))
    assert finds_of_the_sweep(tmp_path) == {"a lost poll was found": 2}


def test_a_call_of_the_journal_is_as_its_last_line_tells(tmp_path: Path) -> None:
    lines = [{"call_id": "c1", "live_until_ms": None}, {"call_id": "c2"}, {"call_id": "c1", "live_until_ms": 5}]
    (tmp_path / "journal.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert {call["call_id"]: call.get("live_until_ms") for call in calls_of(tmp_path / "journal.jsonl")} == {
        "c1": 5,
        "c2": None,
    }


def test_the_same_seed_strikes_the_same_and_every_kind_as_often_as_asked() -> None:
    first = schedule_of(7, each=3, gap_seconds=1.0)
    assert first == schedule_of(7, each=3, gap_seconds=1.0) != schedule_of(8, each=3, gap_seconds=1.0)
    assert sorted(strike.kind for strike in first) == sorted(kind for kind in Kind for _ in range(3))
    assert all(strike.target in TARGETS[strike.kind] for strike in first)
    only = schedule_of(7, each=2, kinds=(Kind.REDIS_WIPE,), gap_seconds=1.0)
    assert [strike.kind for strike in only] == [Kind.REDIS_WIPE] * 2


def test_the_page_names_every_kind_of_strike_and_every_row() -> None:
    page = (ROOT / "docs" / "chaos.md").read_text(encoding="utf-8")
    named = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert {f"`{kind}`" for kind in Kind} <= set(named)
    assert ROWS.keys() <= set(named)
