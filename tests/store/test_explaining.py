"""`speechai why`, asked at an exact moment: every state of a contact, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.cli.why import _WORDS, sentences
from speechai.core.accounts import Account, Plan
from speechai.core.decision import Denial
from speechai.core.model import AttemptState, JobStatus
from speechai.errors import NotFound
from speechai.operation.explaining import Explained, Standing, explain
from speechai.store import accounts, attempts, jobs, people
from speechai.store.connection import Store
from tests.store.making import NUMBER, batch_document, make_attempt, make_context, make_job, tries

SANTIAGO = ZoneInfo("America/Santiago")
NUMBERS = {"retell_from_number": ("+56222222222",)}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SANTIAGO).astimezone(UTC)


WEDNESDAY = local("2026-11-25T12:00")


def given(store: Store, *, batch: Mapping[str, Any] = {}, job: Mapping[str, Any] = {}, **kept: Any) -> None:
    """One running batch `b` with one job `j`; `kept` are further fields of the job's document."""
    pacing = {"pacing": "continuous", "status": "running", "policy": "cl-ley-21320"}
    store.batches.insert_one(batch_document(**{**pacing, **batch}))
    jobs.insert_jobs(store, [make_job(**{"next_attempt_at": local("2026-11-25T09:00"), **job})])
    if kept:
        store.jobs.update_one({"_id": "j"}, {"$set": kept})


def asked(store: Store, at: datetime = WEDNESDAY) -> Explained:
    return explain(make_context(store), "j", now=at)


def said(found: Explained, language: Any = "en") -> dict[str, str]:
    return dict(sentences(found, language))


def test_both_languages_say_the_same_things() -> None:
    assert _WORDS["en"].keys() == _WORDS["es"].keys()
    assert set(Standing) <= _WORDS["en"].keys()


def test_the_example_of_the_hours_in_both_languages(store: Store) -> None:
    given(store)
    found = asked(store, local("2026-11-21T20:10"))  # a Saturday
    assert (found.standing, found.until) == (Standing.DENIED, local("2026-11-25T09:00"))
    assert said(found)["why"] == (
        "not before Monday 2026-11-23 08:00: Saturday 2026-11-21 20:10 in Santiago is outside the hours of cl-ley-21320"
    )
    assert said(found, "es")["why"].startswith("no antes del lunes 2026-11-23 08:00: el sábado 2026-11-21 20:10")
    assert said(found)["waits"] == "Wednesday 2026-11-25 09:00"
    assert said(found, "es")["waits"] == "el miércoles 2026-11-25 09:00"


def test_a_contact_that_nothing_forbids_waits_for_a_line(store: Store) -> None:
    given(store)
    found = asked(store)
    assert (found.standing, found.denied, found.until) == (Standing.DUE, None, None)
    assert said(found)["why"] == "nothing forbids a call: it waits for a free line"
    assert said(found)["last"] == "none yet"
    assert said(found, "es")["last"] == "aún ninguna"


def test_a_contact_that_rests_says_until_when_and_after_which_call(store: Store) -> None:
    given(store, job={"next_attempt_at": local("2026-11-25T12:40"), "attempts": 1}, status_at=local("2026-11-25T11:40"))
    attempts.record(store, make_attempt(placing_at=local("2026-11-25T11:39")))
    attempts.close(store, "a", AttemptState.FINISHED, {"outcome": "busy"})
    found = asked(store)
    assert (found.standing, found.until) == (Standing.RESTS, local("2026-11-25T12:40"))
    words = said(found, "es")
    assert words["waits"] == "el miércoles 2026-11-25 12:40"
    assert words["since"] == "miércoles 2026-11-25 11:40"
    assert words["last"] == "el miércoles 2026-11-25 11:39, a +569****1111: ocupado"


@pytest.mark.parametrize(
    ("next_attempt_at", "now", "wave"),
    [
        ("2026-11-26T09:00", "2026-11-25T12:30", "2026-11-26T09:00"),
        ("2026-11-25T09:00", "2026-11-25T12:30", "2026-11-25T15:00"),  # waits since nine: the next opening takes it
        ("2026-11-25T15:00", "2026-11-25T15:00", "2026-11-25T15:00"),
    ],
)
def test_a_contact_of_a_wave_batch_waits_for_its_wave(store: Store, next_attempt_at: str, now: str, wave: str) -> None:
    job = {"next_attempt_at": local(next_attempt_at), "admitted": False}
    given(store, batch={"pacing": "waves"}, job=job, reason="the day's 60 people are chosen already")
    found = asked(store, local(now))
    assert (found.standing, found.until, found.is_wave) == (Standing.WAITS_FOR_WAVE, local(wave), True)
    assert said(found)["waits"].startswith("the wave of ")
    assert said(found)["note"] == "the day's 60 people are chosen already"


def test_a_denial_of_a_wave_batch_is_asked_again_by_a_wave(store: Store) -> None:
    given(store, batch={"pacing": "waves"}, job={"admitted": False})
    found = asked(store, local("2026-11-25T21:00"))
    assert (found.standing, found.until, found.is_wave) == (Standing.DENIED, local("2026-11-26T09:00"), True)


def test_a_callback_that_is_ahead_is_what_it_waits_for(store: Store) -> None:
    at = local("2026-11-26T17:00")
    given(store, batch={"pacing": "waves"}, job={"next_attempt_at": at}, callback_at=at)
    found = asked(store)
    assert (found.standing, found.until, found.is_wave) == (Standing.WAITS_FOR_CALLBACK, at, False)
    assert said(found, "es")["why"] == "espera la llamada que pidió la persona"


def test_a_cap_that_is_used_says_when_it_is_free_again(store: Store) -> None:
    given(store)
    people.take_turn(
        store,
        "p",
        "old",
        on=WEDNESDAY.astimezone(SANTIAGO).date(),
        now=local("2026-11-25T09:00"),
        decide=lambda _: None,
    )
    found = asked(store)
    assert found.denied is not None
    assert found.denied.code is Denial.WEEK_CAP
    assert found.until == found.denied.next_at == local("2026-12-02T08:00")


def test_a_paused_batch_says_why_and_waits_for_somebody(store: Store) -> None:
    given(store, batch={"status": "paused", "reason": "paused by an operator"})
    found = asked(store)
    assert (found.standing, found.until) == (Standing.DENIED, None)
    assert said(found)["why"] == "the batch is paused: paused by an operator"
    assert said(found)["waits"] == "somebody who resumes or mends it"
    assert said(found, "es")["why"].startswith("la lista está en pausa")


def test_a_rule_that_ends_a_contact_is_told_before_it_has_ended_it(store: Store) -> None:
    given(store)
    people.mark_do_not_call(store, person_ids=["p"], why="asked by mail", by="ana", at=WEDNESDAY)
    found = asked(store)
    assert found.denied is not None
    assert found.denied.code is Denial.DO_NOT_CALL
    assert said(found)["waits"] == "the next look, which ends it"


def test_an_account_without_money_is_the_reason(store: Store) -> None:
    given(store, batch={"account_id": "acme"}, job={"account_id": "acme"})
    accounts.create_account(store, Account(id="acme", name="Acme", plan=Plan.CREDIT), now=WEDNESDAY)
    found = asked(store)
    assert found.denied is not None
    assert found.denied.code is Denial.NO_CREDIT
    assert "acme" in said(found)["why"]
    assert said(found)["waits"] == "somebody who resumes or mends it"


def test_a_suspended_contact_says_what_it_has_kept(store: Store) -> None:
    denied = {"code": "no_credit", "facts": {"account": "acme"}, "next_at": None, "at": WEDNESDAY}
    given(store, job={"status": JobStatus.SUSPENDED}, denied=denied, suspended_by="account")
    found = asked(store)
    assert found.standing is Standing.SUSPENDED
    assert said(found)["why"] == "it waits for somebody: account acme has no credit left"
    assert said(found, "es")["why"] == "espera a que alguien actúe: la cuenta acme no tiene saldo"


def test_a_contact_without_a_place_says_so(store: Store) -> None:
    given(store, job={"status": JobStatus.SUSPENDED, "time_zone": ""})
    found = asked(store)
    assert found.denied is not None
    assert found.denied.code is Denial.UNCLEAR


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"attempts": 3}, Denial.ATTEMPTS_USED, "3 of 3 attempts are used"),
        ({"bad_phones": (NUMBER, "+56922222222")}, Denial.NO_PHONE_LEFT, "each of the 2 numbers was refused"),
    ],
)
def test_a_failed_contact_is_explained_by_the_rule_that_still_holds(
    store: Store, changes: dict[str, Any], code: Denial, words: str
) -> None:
    given(store, job={"status": JobStatus.FAILED, **changes}, reason="in other words")
    found = asked(store)
    assert (found.standing, found.denied and found.denied.code) == (Standing.FAILED, code)
    assert words in said(found)["why"]
    assert "note" not in said(found)


def test_a_failed_contact_whose_rule_is_forgotten_says_what_was_noted(store: Store) -> None:
    given(store, job={"status": JobStatus.FAILED}, reason="declined (user_declined)")
    assert said(asked(store))["why"] == "it is not called any more: declined (user_declined)"


def test_an_excluded_person_s_days_of_silence_are_named(store: Store) -> None:
    given(store, job={"status": JobStatus.FAILED})
    days = [WEDNESDAY.date() - timedelta(days=n) for n in (3, 2, 1)]
    store.people.insert_one({"_id": "p", "silent_on": [day.isoformat() for day in days]})
    assert "2026-11-22, 2026-11-23, 2026-11-24" in said(asked(store), "es")["why"]


def test_a_contact_that_is_done_tells_the_outcome(store: Store) -> None:
    given(store, job={"status": JobStatus.DONE}, reason="conversation (agent_hangup)")
    attempts.record(store, make_attempt())
    attempts.close(store, "a", AttemptState.FINISHED, {"outcome": "conversation"})
    assert said(asked(store), "es")["why"] == "terminó: conversación"


def test_a_cancelled_contact_was_cancelled_with_its_batch(store: Store) -> None:
    given(store, batch={"status": "cancelled"}, job={"status": JobStatus.CANCELLED})
    assert said(asked(store), "es")["why"] == "se canceló: la lista está cancelada"


@pytest.mark.parametrize(
    ("state", "phase", "standing"),
    [
        (None, "claimed", Standing.CLAIMED),
        ("placing", "placing", Standing.CLAIMED),
        ("unknown", "placing", Standing.UNKNOWN),
        ("live", "placing", Standing.LIVE),
        ("ended", "placing", Standing.FINISHING),
    ],
)
def test_a_call_that_goes_on_says_how_far_it_is(
    store: Store, state: str | None, phase: str, standing: Standing
) -> None:
    given(store, job={"status": JobStatus.IN_PROGRESS}, phase=phase, attempt_id="a")
    if state is not None:
        attempts.record(store, make_attempt(state=AttemptState(state)))
    found = asked(store)
    assert found.standing is standing
    for language in ("en", "es"):
        words = said(found, language)
        assert NUMBER not in "".join(words.values())
        assert "{" not in "".join(words.values())


def test_the_last_refusal_stands_beside_what_holds_now(store: Store) -> None:
    facts = {"lines": 20}
    given(store, denied={"code": "no_capacity", "facts": facts, "next_at": WEDNESDAY, "at": WEDNESDAY})
    assert said(asked(store))["kept"] == "Wednesday 2026-11-25 12:00: 20 calls are live: the limit"


def test_a_policy_that_left_the_catalogue_is_told(store: Store) -> None:
    given(store, batch={"policy": "gone"})
    found = asked(store)
    assert found.denied is not None
    assert "gone" in said(found)["why"]


def test_an_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="there is no job nobody"):
        explain(make_context(store), "nobody", now=WEDNESDAY)


def test_asking_writes_nothing(store: Store) -> None:
    given(store)
    before = {name: list(store.database[name].find()) for name in sorted(store.database.list_collection_names())}
    asked(store)
    asked(store, local("2026-11-21T20:10"))
    after = {name: list(store.database[name].find()) for name in sorted(store.database.list_collection_names())}
    assert before == after


def test_attempts_of_the_day_are_counted_from_the_store(store: Store) -> None:
    given(store, batch={"policy": "default"})
    made = tries(*[WEDNESDAY.date()] * 3)
    store.people.insert_one(
        {"_id": "p", "tries": [{"attempt_id": t.attempt_id, "at": t.at, "on": t.on.isoformat()} for t in made]}
    )
    found = asked(store)
    assert found.denied is not None
    assert (found.denied.code, found.until) == (Denial.DAY_CAP, local("2026-11-26T08:00"))
