"""Everything that Retell may answer, or not answer, seen from the whole product: every contact comes to its end."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from speechai.core.model import Pacing
from speechai.errors import NotAllowed
from speechai.operation import accounts, campaigns
from speechai.retell.simulator import Assumptions, Fault, FaultKind, Limits, OutcomeScript
from speechai.retell.vocabulary import DisconnectionReason

from .conftest import MakeWorld
from .lists import Debtor, debtor
from .test_days import MISSED, PROMISE, calls_by_number, enqueue, job_of, local
from .virtual import World

MORNING = local(2026, 11, 23, 8, 0)
CREATE = "create-phone-call"
SETTINGS = {"max_tries": 4, "retell_concurrency": 60, "dispatch_interval_seconds": 20, "retell_calls_per_second": 4}


def settle(world: World, batch_id: str, *, hours: int = 30) -> list[str]:
    """Until the list is completed; its account is resumed by an operator whenever Retell stopped it. Why it was."""
    reasons: list[str] = []
    for _ in range(hours * 2):
        world.run_for(minutes=30)
        batch = world.database.batches.find_one({"_id": batch_id})
        assert batch is not None
        if batch["status"] == "completed":
            return reasons
        account = world.database.accounts.find_one({"_id": "main"})
        assert account is not None
        if account["status"] == "suspended":
            reasons.append(account["reason"])
            accounts.resume_account(world.context, "main", by="a test", why="mended")
    raise AssertionError(f"batch {batch_id} has not come to its end")


def attempts_of(world: World, one: Debtor) -> list[str]:
    job = job_of(world, one)
    return [
        attempt["state"] if attempt["state"] != "finished" else attempt["outcome"]
        for attempt in world.database.call_logs.find({"job_id": job["_id"]}, sort=[("placing_at", 1)])
    ]


def test_every_fault_of_the_request_ends_in_one_call_and_a_done_contact(world: MakeWorld, tmp_path: Path) -> None:
    """Each person's first request meets another fault; the number of attempts tells what was made of it."""
    refused_for_now = ["refused", "conversation"]
    found_again = ["conversation"]
    never_placed = ["unknown", "conversation"]
    table: list[tuple[FaultKind, dict[str, Any], list[str]]] = [
        (FaultKind.RATE_LIMITED, {}, refused_for_now),
        (FaultKind.RATE_LIMITED, {"retry_after_seconds": 90}, refused_for_now),
        (FaultKind.SERVER_ERROR, {}, never_placed),
        (FaultKind.BAD_GATEWAY, {}, never_placed),
        (FaultKind.UNAVAILABLE, {}, never_placed),
        (FaultKind.REQUEST_TIMEOUT, {}, never_placed),
        (FaultKind.CONFLICT, {}, never_placed),
        (FaultKind.RESET_BEFORE, {}, never_placed),
        (FaultKind.HANG_BEFORE, {}, never_placed),
        (FaultKind.SERVER_ERROR_AFTER, {}, found_again),
        (FaultKind.RESET_AFTER, {}, found_again),
        (FaultKind.HANG_AFTER, {}, found_again),
        (FaultKind.TRUNCATED_JSON, {}, found_again),
        (FaultKind.EMPTY_BODY, {}, found_again),
        (FaultKind.HTML, {}, found_again),
        (FaultKind.WITHOUT_CALL_ID, {}, found_again),
        (FaultKind.DUPLICATE_KEYS, {}, found_again),
        (FaultKind.WRONG_CONTENT_TYPE, {}, found_again),
        (FaultKind.REDIRECT_AFTER, {}, found_again),
    ]
    people = [debtor(n) for n in range(len(table))]
    faults = tuple(
        Fault(kind=kind, endpoint=CREATE, number=one.phones[0], times=1, **fields)
        for one, (kind, fields, _) in zip(people, table, strict=True)
    )
    here = world(
        MORNING,
        settings={**SETTINGS, "retell_read_timeout_seconds": 0.6},
        script=OutcomeScript(endings={"": PROMISE}),
        faults=faults,
    )
    batch_id = enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id) == []
    assert here.violations() == []
    made = {one.phones[0]: attempts_of(here, one) for one in people}
    assert made == {one.phones[0]: expected for one, (_, _, expected) in zip(people, table, strict=True)}
    assert {len(calls) for calls in calls_by_number(here).values()} == {1}
    assert {job["status"] for job in here.database.call_jobs.find()} == {"done"}


def test_retry_after_is_waited_for(world: MakeWorld, tmp_path: Path) -> None:
    one = debtor(1)
    fault = Fault(kind=FaultKind.RATE_LIMITED, endpoint=CREATE, times=1, retry_after_seconds=240)
    here = world(MORNING, script=OutcomeScript(endings={"": PROMISE}), faults=(fault,))
    enqueue(here, tmp_path / "list.csv", [one], pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=20)
    (called_at,) = calls_by_number(here)[one.phones[0]]
    assert timedelta(seconds=240) <= called_at - MORNING <= timedelta(seconds=260)
    assert here.violations() == []


def test_retells_own_limits_delay_contacts_and_cost_them_nothing(world: MakeWorld, tmp_path: Path) -> None:
    """Retell allows less than our settings say, in both ways in which it may refuse."""
    for refusal in ("status_429", "call_error"):
        here = world(
            MORNING,
            settings={**SETTINGS, "max_tries": 1},
            limits=Limits(base_concurrency=2, calls_per_second=1),
            assumptions=Assumptions(limit_refusal=refusal),
            script=OutcomeScript(endings={"": PROMISE}),
        )
        people = [debtor(n) for n in range(6)]
        batch_id = enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS, again=True)
        assert settle(here, batch_id) == []
        jobs = list(here.database.call_jobs.find({"batch_id": batch_id}))
        assert {(job["status"], job["attempts"]) for job in jobs} == {("done", 1)}, refusal
        assert here.violations() == []
        here.database.client.drop_database(here.database.name)


def test_every_reason_that_a_call_can_end_with_brings_its_contact_to_an_end(world: MakeWorld, tmp_path: Path) -> None:
    reasons = [*DisconnectionReason, "unknown_reason", "voicemail_found_later", "early_hangup", "wrong_person"]
    assert len(DisconnectionReason) == 39
    people = {str(reason): debtor(n, phones=2) for n, reason in enumerate(reasons)}
    here = world(
        MORNING,
        settings=SETTINGS,
        script=OutcomeScript(numbers={one.phones[0]: reason for reason, one in people.items()}, endings={"": PROMISE}),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", list(people.values()), pacing=Pacing.CONTINUOUS)
    stopped = Counter(reason.partition(" (")[2].rstrip(")") for reason in settle(here, batch_id, hours=60))
    assert here.violations() == []
    assert set(stopped) <= {"no_valid_payment", "credit_exhausted", "budget_reached", "scam_detected"}
    assert len(stopped) >= 1
    # A trunk that refuses rests its number and stops nobody else's calls.
    assert here.database.alerts.count_documents({"kind": "caller_rested"}) >= 1
    ends = {reason: job_of(here, one)["status"] for reason, one in people.items()}
    assert {reason for reason, status in ends.items() if status != "done"} == {"user_requested_dnc"}
    retired = job_of(here, people["invalid_destination"])
    assert retired["bad_phones"] == [people["invalid_destination"].phones[0]]


STUCK = [
    pytest.param("stuck_registered", {}, "done", 2, id="registered for ever"),
    pytest.param("stuck_ongoing", {}, "done", 2, id="ongoing for ever"),
    # The promise stands in the analysis alone: without it the talk was none.
    pytest.param("never_analysed", {}, "done", 2, id="never analysed"),
    pytest.param("stuck_ongoing", {"stop_fails": True}, "done", 2, id="ongoing for ever, and not to be stopped"),
]


@pytest.mark.parametrize(("outcome", "options", "status", "calls"), STUCK)
def test_a_call_without_an_end_is_given_up(
    world: MakeWorld, tmp_path: Path, outcome: str, options: dict[str, Any], status: str, calls: int
) -> None:
    one = debtor(1)
    faults = (Fault(kind=FaultKind.SERVER_ERROR, endpoint="stop-call"),) if options else ()
    here = world(
        MORNING,
        settings={**SETTINGS, "retell_concurrency": 2},
        script=OutcomeScript(endings={"": [outcome, PROMISE]}),
        faults=faults,
    )
    batch_id = enqueue(here, tmp_path / "list.csv", [one], pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id, hours=3) == []
    job = job_of(here, one)
    assert (job["status"], job["attempts"]) == (status, calls)
    stopped = here.simulator.journal()["requests"].get("stop-call", 0)
    assert bool(stopped) == outcome.startswith("stuck")
    found = here.violations()
    if options:  # Retell itself keeps that call for ever; nobody else can end it
        found = [one for one in found if "another call" not in one.what]
    assert found == []


ACCOUNT_FAULTS = [FaultKind.PAYMENT_REQUIRED, FaultKind.UNAUTHORIZED, FaultKind.FORBIDDEN, FaultKind.NO_OUTBOUND_AGENT]


@pytest.mark.parametrize(
    ("kind", "pacing"),
    [*((kind, Pacing.CONTINUOUS) for kind in ACCOUNT_FAULTS), (FaultKind.PAYMENT_REQUIRED, Pacing.WAVES)],
)
def test_an_account_that_is_refused_is_suspended_with_its_contacts_and_a_resume_goes_on(
    world: MakeWorld, tmp_path: Path, kind: FaultKind, pacing: Pacing
) -> None:
    people = [debtor(n) for n in range(5)]
    here = world(
        local(2026, 11, 23, 8, 50),
        script=OutcomeScript(endings={"": PROMISE}),
        faults=(Fault(kind=kind, endpoint=CREATE, nth=(3, 4)),),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", people, pacing=pacing)
    here.run_until(local(2026, 11, 23, 11, 0))
    batch = here.database.batches.find_one({"_id": batch_id})
    assert batch is not None
    account = here.database.accounts.find_one({"_id": "main"})
    assert account is not None
    assert (batch["status"], account["status"], account["suspended_by"]) == ("running", "suspended", "retell")
    suspended = list(here.database.call_jobs.find({"status": "suspended", "suspended_by": "account"}))
    assert len(suspended) == 3
    assert all(job["reason"] and job["attempts"] == 0 for job in suspended)
    assert here.database.alerts.count_documents({"kind": "account_refused"}) == 1
    assert here.simulator.journal()["total_calls"] == 2
    assert here.violations() == []
    with pytest.raises(NotAllowed, match="account resume main"):
        campaigns.resume(here.context, batch_id)
    accounts.resume_account(here.context, "main", by="a test", why="paid")
    here.run_until(local(2026, 11, 23, 11, 30))
    accounts.resume_account(here.context, "main", by="a test", why="paid")
    here.run_until(local(2026, 11, 23, 16, 0))
    assert Counter(job["status"] for job in here.database.call_jobs.find()) == {"done": 5}
    assert here.violations() == []


REFUSED_NUMBERS = [FaultKind.DO_NOT_CALL, FaultKind.COUNTRY]


@pytest.mark.parametrize("kind", REFUSED_NUMBERS)
def test_a_number_that_is_refused_is_retired_and_the_next_one_is_dialled(
    world: MakeWorld, tmp_path: Path, kind: FaultKind
) -> None:
    two, one = debtor(1, phones=2), debtor(2)
    here = world(
        MORNING,
        script=OutcomeScript(endings={"": PROMISE}),
        faults=tuple(Fault(kind=kind, endpoint=CREATE, number=person.phones[0]) for person in (one, two)),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", [one, two], pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id) == []
    assert set(calls_by_number(here)) == {two.phones[1]}
    assert job_of(here, two)["status"] == "done"
    alone = job_of(here, one)
    assert (alone["status"], alone["attempts"]) == ("failed", 0)
    assert "no phone left" in alone["reason"]
    assert here.violations() == []


def test_polls_that_fail_for_most_of_an_hour_give_up_no_call(world: MakeWorld, tmp_path: Path) -> None:
    one = debtor(1)
    here = world(
        MORNING, settings={**SETTINGS, "call_polling_interval": 90}, script=OutcomeScript(endings={"": PROMISE})
    )
    here.simulator.set_faults(Fault(kind=FaultKind.UNAVAILABLE, endpoint="get-call"))
    here.at(MORNING + timedelta(minutes=55), here.simulator.set_faults)
    batch_id = enqueue(here, tmp_path / "list.csv", [one], pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id, hours=4) == []
    assert attempts_of(here, one) == ["conversation"]
    assert here.violations() == []


def test_a_look_up_that_fails_for_most_of_an_hour_is_no_proof_that_nobody_was_called(
    world: MakeWorld, tmp_path: Path
) -> None:
    one = debtor(1)
    here = world(
        MORNING, settings={**SETTINGS, "call_polling_interval": 90}, script=OutcomeScript(endings={"": PROMISE})
    )
    here.simulator.set_faults(
        Fault(kind=FaultKind.SERVER_ERROR_AFTER, endpoint=CREATE),
        Fault(kind=FaultKind.UNAVAILABLE, endpoint="list-calls"),
    )
    here.at(MORNING + timedelta(minutes=55), here.simulator.set_faults)
    batch_id = enqueue(here, tmp_path / "list.csv", [one], pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id, hours=4) == []
    assert attempts_of(here, one) == ["conversation"]
    assert here.violations() == []


LATE_LISTS = [
    pytest.param(Assumptions(listing_delay_ms=240_000), id="four minutes late"),
    pytest.param(Assumptions(listed_from="connected"), id="only from the pick-up on"),
    pytest.param(Assumptions(listing_delay_ms=120_000, not_found_status=404, unconnected_has_start=True), id="other"),
]


@pytest.mark.parametrize("assumptions", LATE_LISTS)
def test_a_call_that_is_listed_late_is_found_and_not_repeated(
    world: MakeWorld, tmp_path: Path, assumptions: Assumptions
) -> None:
    talk, missed = debtor(1), debtor(2)
    here = world(
        MORNING,
        settings={"max_tries": 1},
        assumptions=assumptions,
        script=OutcomeScript(numbers={missed.phones[0]: MISSED}, endings={"": PROMISE}),
        faults=(Fault(kind=FaultKind.RESET_AFTER, endpoint=CREATE, nth=(1,), each_number=True),),
    )
    batch_id = enqueue(here, tmp_path / "list.csv", [talk, missed], pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id) == []
    assert [attempts_of(here, one) for one in (talk, missed)] == [["conversation"], ["no_answer"]]
    assert here.violations() == []
