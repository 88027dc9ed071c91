"""Which follow-ups a finished call has, and what each tells the receiver; never one for a call that did not happen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from config.settings import Settings
from speechai.catalogue.outcomes import load_outcomes
from speechai.catalogue.use_cases import FollowUp, When, get_use_case
from speechai.core.callbacks import CallbackWish
from speechai.core.captured import Captured
from speechai.core.model import AttemptState, Batch, BatchStatus, Debt, Pacing
from speechai.operation.context import Context
from speechai.operation.following_up import body_of, note
from speechai.operation.nudges import DeliverAction
from speechai.operation.results import Ended
from speechai.store import actions
from speechai.store.actions import ActionState
from speechai.store.connection import Store
from tests.store.making import NOW, make_attempt, make_context, make_job

BATCH = Batch(
    id="b",
    account_id="main",
    name="list",
    use_case="debt_collection",
    pacing=Pacing.WAVES,
    policy="default",
    status=BatchStatus.RUNNING,
    time_zone="America/Santiago",
)
EVERY = tuple(
    FollowUp(
        name=when.value,
        when=when,
        title_en="t",
        title_es="t",
        field="fecha_pago_cliente" if when is When.CAPTURED else None,
    )
    for when in When
)
WISH = CallbackWish(at=None, said="mañana", understood=False)
PROMISE = {"kept_as": "promise", "paid_on": "2026-11-27", "amount_minor": 95_000, "faults": []}


def make_ended(reason: str = "user_hangup", **changes: Any) -> Ended:
    """A conversation whose use case has a follow-up for everything that may happen."""
    ended = Ended(
        attempt=make_attempt(call_id="call_1", state=AttemptState.ENDED, offer={"table": "standard v1"}),
        job=make_job(
            nombre="Ana Pérez",
            rut="12345678-5",
            debt=Debt(amount_minor=100_000, currency="CLP", stated_on=date(2026, 11, 20)),
            variables={"monto": "100000"},
        ),
        batch=BATCH,
        policy="left the catalogue",
        use_case=replace(get_use_case("debt_collection"), follow_ups=EVERY),
        facts=None,
        row=load_outcomes()[reason],
        success=False,
        wish=None,
        captured=Captured(values={}, unread={}),
    )
    return replace(ended, **changes)


def result_of(ended: Ended, **changes: Any) -> dict[str, Any]:
    result = {
        "outcome": ended.row.outcome,
        "success": ended.success,
        "values": {},
        "promise": None,
        "callback": None,
    }
    return {**result, **changes}


@pytest.fixture
def context(store: Store) -> Context:
    settings = Settings(follow_up_url="http://127.0.0.1:9/", follow_up_secret="secret of the tests")
    return replace(make_context(store), settings=settings)


def noted(context: Context, ended: Ended, **result: Any) -> list[str]:
    nudges = note(context, ended, result_of(ended, **result), NOW)
    names = [document["name"] for document in actions.actions_of(context.store, "a")]
    assert nudges == [DeliverAction(f"a|{name}", 0) for name in When if name in names]
    return sorted(names)


@pytest.mark.parametrize(
    ("ended", "result", "names"),
    [
        (make_ended(), {}, ["contact", "finished", "no_success"]),
        (make_ended(success=True), {}, ["contact", "finished", "success"]),
        (make_ended("dial_no_answer"), {}, ["finished"]),
        (make_ended("voicemail_reached"), {}, ["finished"]),
        (make_ended(success=True), {"promise": PROMISE}, ["contact", "finished", "promise", "success"]),
        (
            make_ended(success=True),
            {"promise": {**PROMISE, "kept_as": "flagged"}},
            ["contact", "finished", "flagged_promise", "success"],
        ),
        (make_ended(wish=WISH), {}, ["callback", "contact", "finished", "no_success"]),
        (make_ended("user_requested_dnc"), {}, ["contact", "do_not_call", "finished", "no_success"]),
        (
            make_ended(),
            {"values": {"fecha_pago_cliente": "2026-11-27"}},
            ["captured", "contact", "finished", "no_success"],
        ),
        (make_ended("unknown"), {}, ["finished"]),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, list) else "",
)
def test_each_follow_up_is_due_after_what_it_waits_for(
    context: Context, ended: Ended, result: dict[str, Any], names: list[str]
) -> None:
    assert noted(context, ended, **result) == names


NOT_DIALLED = sorted(reason for reason, row in load_outcomes().items() if not row.attempt)


@pytest.mark.parametrize(
    "ended",
    [
        make_ended(attempt=make_attempt(call_id=None, state=AttemptState.ENDED)),
        *(
            make_ended(attempt=make_attempt(call_id="call_1", state=state))
            for state in AttemptState
            if state is not AttemptState.ENDED
        ),
        *(make_ended(reason) for reason in NOT_DIALLED),
    ],
)
def test_a_call_that_did_not_happen_has_no_follow_up(context: Context, ended: Ended) -> None:
    assert NOT_DIALLED
    everything = {"promise": PROMISE, "values": {"fecha_pago_cliente": "2026-11-27"}}
    assert noted(context, replace(ended, success=True, wish=WISH), **everything) == []


def test_the_receiver_is_told_whom_how_much_and_when(context: Context) -> None:
    ended = make_ended(success=True)
    at = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
    callback = {"at": at, "said": "mañana a las 5", "understood": True}
    noted(context, ended, promise=PROMISE, callback=callback, values={"fecha_pago_cliente": "2026-11-27"})
    action = actions.get_action(context.store, "a|promise")
    assert action is not None
    assert json.loads(body_of(action)) == {
        "id": "a|promise",
        "action": "promise",
        "attempt_id": "a",
        "job_id": "j",
        "batch_id": "b",
        "account_id": "main",
        "call_id": "call_1",
        "use_case": "debt_collection",
        "called_at": "2026-11-25T15:00:00+00:00",
        "time_zone": "America/Santiago",
        "outcome": "conversation",
        "success": True,
        "values": {"fecha_pago_cliente": "2026-11-27"},
        "promise": PROMISE,
        "callback": {"at": "2026-11-26T20:00:00+00:00", "said": "mañana a las 5", "understood": True},
        "offer": {"table": "standard v1"},
        "currency": "CLP",
        "debt_minor": 100_000,
        "nombre": "Ana Pérez",
        "rut": "12345678-5",
        "to_number": "+56911111111",
        "variables": {"monto": "100000"},
    }


def test_a_call_that_is_finished_twice_is_followed_up_once_and_as_first_told(context: Context) -> None:
    ended = make_ended()
    assert note(context, ended, result_of(ended), NOW)
    before = actions.actions_of(context.store, "a")
    again = make_ended(job=make_job(nombre="Other"))
    assert note(context, again, result_of(again), NOW + timedelta(minutes=1)) == []
    assert actions.actions_of(context.store, "a") == before


def test_a_finish_that_died_half_way_notes_what_is_missing(context: Context) -> None:
    ended = make_ended()
    actions.note_actions(context.store, ended.attempt, ["contact"], {}, now=NOW, deliver=True)
    nudges = note(context, ended, result_of(ended), NOW)
    assert [nudge.action_id for nudge in nudges if isinstance(nudge, DeliverAction)] == ["a|finished", "a|no_success"]


def test_without_a_receiver_follow_ups_are_kept_to_be_seen(context: Context) -> None:
    without = replace(context, settings=Settings())
    ended = make_ended()
    assert note(without, ended, result_of(ended), NOW) == []
    assert {document["state"] for document in actions.actions_of(without.store, "a")} == {ActionState.KEPT}


def test_a_use_case_without_follow_ups_has_none(context: Context) -> None:
    ended = make_ended(use_case=replace(get_use_case("debt_collection"), follow_ups=()))
    assert noted(context, ended) == []


def test_a_contact_without_a_debt_is_followed_up_without_an_amount(context: Context) -> None:
    noted(context, make_ended(job=make_job(debt=None)))
    action = actions.get_action(context.store, "a|finished")
    assert action is not None
    assert (action.payload["currency"], action.payload["debt_minor"]) == (None, None)
