"""What becomes of a job after an attempt: every outcome, at every count of attempts and phones, in both pacings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.outcomes import Outcome, OutcomeRow, Retry, load_outcomes
from speechai.catalogue.policies import Policy, get_policy
from speechai.catalogue.use_cases import get_use_case
from speechai.core.after_call import Delays, NextStep, after_call, is_contact, judge, retry_at
from speechai.core.calendar import waves_on
from speechai.core.captured import read_captured
from speechai.core.model import CallFacts, Job, JobStatus, Pacing
from tests.unit.core.making import MAIN, SANTIAGO, SECOND, SITE, THIRD, instants, local, make_batch, make_job

DEFAULT = get_policy("default")
OUTCOMES = load_outcomes()
DELAYS = Delays(other=timedelta(minutes=30), no_answer=timedelta(minutes=60), later=timedelta(seconds=30))
NOW = local("2026-11-25T09:05")
CONTINUOUS, WAVES = make_batch(pacing=Pacing.CONTINUOUS), make_batch(pacing=Pacing.WAVES)


def step_after(
    reason: str,
    *,
    success: bool = False,
    job: Job | None = None,
    phone: str = MAIN,
    pacing: Pacing = Pacing.CONTINUOUS,
    now: datetime = NOW,
    policy: Policy = DEFAULT,
    callback_at: datetime | None = None,
) -> NextStep:
    return after_call(
        row=OUTCOMES[reason],
        success=success,
        job=job or make_job(),
        phone=phone,
        batch=make_batch(pacing=pacing),
        policy=policy,
        delays=DELAYS,
        now=now,
        callback_at=callback_at,
    )


@pytest.mark.parametrize(
    ("reason", "minutes"),
    [
        ("dial_busy", 60),
        ("dial_no_answer", 60),
        ("user_declined", 60),
        ("voicemail_reached", 60),
        ("ivr_reached", 60),
        ("user_hangup", 30),
        ("agent_hangup", 30),
        ("inactivity", 30),
        ("manual_stopped", 30),
        ("dial_failed", 30),
        ("error_retell", 30),
        ("unknown", 30),
        ("invalid_destination", 30),
        ("concurrency_limit_reached", 0.5),
        ("request_refused_for_now", 0.5),
    ],
)
def test_a_contact_rests_as_long_as_its_outcome_says(reason: str, minutes: float) -> None:
    step = step_after(reason)
    assert step.status is JobStatus.PENDING
    assert step.next_attempt_at == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("reason", "now", "expected"),
    [
        ("dial_no_answer", "2026-11-25T09:05", "2026-11-25T12:00"),
        ("dial_no_answer", "2026-11-25T11:00", "2026-11-25T12:00"),  # exactly an hour before the wave
        ("dial_no_answer", "2026-11-25T11:00:01", "2026-11-25T15:00"),
        ("error_retell", "2026-11-25T11:29", "2026-11-25T12:00"),
        ("dial_no_answer", "2026-11-25T15:05", "2026-11-26T09:00"),
        ("dial_no_answer", "2026-11-28T15:05", "2026-11-30T09:00"),  # Saturday to Monday
        ("dial_no_answer", "2026-12-24T15:05", "2026-12-26T09:00"),
        ("dial_no_answer", "2026-12-31T15:05", "2027-01-02T09:00"),
        ("dial_no_answer", "2026-09-05T15:05", "2026-09-07T09:00"),  # over the change of the clock
    ],
)
def test_in_a_wave_batch_the_time_rounds_up_to_the_next_wave(reason: str, now: str, expected: str) -> None:
    assert step_after(reason, pacing=Pacing.WAVES, now=local(now)).next_attempt_at == local(expected)


@pytest.mark.parametrize("reason", [row.reason for row in OUTCOMES.values() if row.retry is Retry.LATER])
@pytest.mark.parametrize("pacing", Pacing, ids=str)
@pytest.mark.parametrize(
    "now",
    [
        "2026-11-25T09:00",
        "2026-11-25T11:59:59",  # the rest is over in the next wave
        "2026-11-25T15:05",  # after the day's last wave
        "2026-11-28T19:59:59",  # the hours end meanwhile: dialling asks again and lets it wait for a wave
    ],
)
def test_a_contact_that_only_missed_a_line_keeps_its_place_in_the_wave(reason: str, pacing: Pacing, now: str) -> None:
    step = step_after(reason, pacing=pacing, now=local(now))
    assert (step.status, step.keeps_its_place, step.counts_as_attempt) == (JobStatus.PENDING, True, False)
    assert step.next_attempt_at == local(now) + DELAYS.later


@pytest.mark.parametrize("pacing", Pacing, ids=str)
@pytest.mark.parametrize("reason", [row.reason for row in OUTCOMES.values() if row.retry is not Retry.LATER])
def test_whoever_was_called_gives_the_place_up(reason: str, pacing: Pacing) -> None:
    assert not step_after(reason, pacing=pacing).keeps_its_place


def test_success_ends_the_job_whatever_attempts_it_took() -> None:
    step = step_after("user_hangup", success=True, job=make_job(attempts=2))
    assert (step.status, step.next_attempt_at, step.counts_as_attempt) == (JobStatus.DONE, None, True)


def test_a_wish_not_to_be_called_closes_the_contact_and_marks_the_person() -> None:
    step = step_after("user_requested_dnc")
    assert (step.status, step.do_not_call) == (JobStatus.FAILED, True)


@pytest.mark.parametrize("reason", [row.reason for row in OUTCOMES.values() if row.retry is Retry.ACCOUNT])
def test_trouble_of_the_account_suspends_the_job_and_the_account(reason: str) -> None:
    step = step_after(reason, job=make_job(attempts=2))
    assert (step.status, step.suspend_account, step.next_attempt_at) == (JobStatus.SUSPENDED, True, None)


@pytest.mark.parametrize("reason", [row.reason for row in OUTCOMES.values() if row.retry is Retry.LATER])
def test_a_refusal_for_capacity_spends_no_attempt_even_at_the_last_one(reason: str) -> None:
    step = step_after(reason, job=make_job(attempts=2))
    assert (step.status, step.counts_as_attempt) == (JobStatus.PENDING, False)


def test_the_last_attempt_fails_the_job_and_says_what_it_was() -> None:
    step = step_after("dial_busy", job=make_job(attempts=2))
    assert step.status is JobStatus.FAILED
    assert step.reason == "3 of 3 attempts used; the last: busy (dial_busy)"


def test_the_last_phone_refused_fails_the_job() -> None:
    step = step_after("invalid_destination", job=make_job(bad_phones=(MAIN, SECOND)), phone=THIRD)
    assert (step.status, step.retire_phone) == (JobStatus.FAILED, True)
    assert step.reason.startswith("no phone left")


def test_one_of_several_phones_refused_is_retired_and_the_job_goes_on() -> None:
    step = step_after("invalid_destination")
    assert (step.status, step.retire_phone) == (JobStatus.PENDING, True)


def test_a_phone_refused_at_the_last_attempt_is_retired_too_for_an_operators_reset() -> None:
    step = step_after("invalid_destination", job=make_job(attempts=2))
    assert (step.status, step.retire_phone) == (JobStatus.FAILED, True)


@pytest.mark.parametrize("bad_phones", [(), (MAIN, SECOND)])
def test_a_number_that_retell_refused_to_dial_counts_as_no_attempt(bad_phones: tuple[str, ...]) -> None:
    step = step_after("request_refused_for_the_number", job=make_job(bad_phones=bad_phones), phone=THIRD)
    assert (step.retire_phone, step.counts_as_attempt) == (True, False)


PHONES = [(), (SECOND,), (SECOND, THIRD)]


def is_wave(instant: datetime) -> bool:
    """True for an instant at which a wave of the default policy opens in Santiago."""
    day = instant.astimezone(SANTIAGO).date()
    return instant in [opens_at for _, opens_at in waves_on(DEFAULT, SITE, day)]


@pytest.mark.parametrize("row", OUTCOMES.values(), ids=lambda row: row.reason)
def test_after_any_outcome_a_job_is_final_waits_for_a_later_time_or_is_suspended_with_a_reason(
    row: OutcomeRow,
) -> None:
    """Law 2, over every row, count of attempts, limit, set of phones, pacing, and instants on all sides of hours."""
    moments = [
        NOW,
        local("2026-11-28T23:59:59.999999"),
        local("2026-12-31T15:00:00.000001"),
        local("2026-04-04T22:59"),
    ]
    may_succeed = row.retry is Retry.SUCCESS or row.reason == "unknown"
    cases = product(range(4), (1, 2, 3), PHONES, (CONTINUOUS, WAVES), moments, (False, may_succeed))
    for attempts, limit, others, batch, now, success in cases:
        job = make_job(attempts=attempts, max_attempts=limit, try_phones=others)
        step = after_call(
            row=row, success=success, job=job, phone=MAIN, batch=batch, policy=DEFAULT, delays=DELAYS, now=now
        )
        assert step.reason
        assert row.reason in step.reason
        assert step.counts_as_attempt is row.attempt
        if step.status is JobStatus.PENDING:
            assert step.next_attempt_at is not None
            assert step.next_attempt_at > now
            assert attempts + step.counts_as_attempt < limit
            assert not step.retire_phone or others
            # Only where a line was missing, the wave goes on: whether it may be called is asked again at the moment.
            assert step.keeps_its_place is (row.retry is Retry.LATER)
            if step.keeps_its_place:
                assert step.next_attempt_at == now + DELAYS.later
            elif batch is WAVES:
                assert is_wave(step.next_attempt_at)
        else:
            assert step.status.is_final or step.status is JobStatus.SUSPENDED
            assert step.next_attempt_at is None
            assert not step.keeps_its_place


@given(
    row=st.sampled_from([row for row in OUTCOMES.values() if row.attempt]),
    limit=st.integers(1, 6),
    extra=st.integers(0, 8),
)
def test_a_job_never_makes_more_attempts_than_its_limit(row: OutcomeRow, limit: int, extra: int) -> None:
    job, made = make_job(max_attempts=limit), 0
    for _ in range(limit + extra):
        step = after_call(
            row=row, success=False, job=job, phone=MAIN, batch=CONTINUOUS, policy=DEFAULT, delays=DELAYS, now=NOW
        )
        made += step.counts_as_attempt
        if step.status is not JobStatus.PENDING:
            break
        job = make_job(max_attempts=limit, attempts=made)
    assert made <= limit


CALLBACK = local("2026-11-26T17:00")


@pytest.mark.parametrize("reason", ["user_requested_callback", "user_hangup", "agent_hangup", "inactivity"])
@pytest.mark.parametrize("pacing", Pacing)
def test_a_callback_is_kept_at_its_own_time_also_where_the_attempts_are_used_up(reason: str, pacing: Pacing) -> None:
    step = step_after(reason, job=make_job(attempts=2, max_attempts=3), pacing=pacing, callback_at=CALLBACK)
    assert (step.status, step.next_attempt_at, step.callback_at) == (JobStatus.PENDING, CALLBACK, CALLBACK)
    assert step.counts_as_attempt


@pytest.mark.parametrize("pacing", Pacing)
@pytest.mark.parametrize("attempts", [0, 3])
def test_a_callback_stays_open_where_no_call_happened(pacing: Pacing, attempts: int) -> None:
    """Also above the attempts, of which it is not one: Retell was busy, or refused one of the numbers."""
    asked_at = NOW - timedelta(minutes=2)
    job = make_job(attempts=attempts, max_attempts=3, try_phones=(SECOND,), callback_at=asked_at)
    later = step_after("request_refused_for_now", job=job, pacing=pacing)
    assert (later.status, later.next_attempt_at) == (JobStatus.PENDING, NOW + DELAYS.later)
    assert (later.keeps_its_place, later.counts_as_attempt) == (True, False)
    other = step_after("request_refused_for_the_number", job=job, pacing=pacing)
    assert (other.status, other.next_attempt_at, other.callback_at) == (JobStatus.PENDING, NOW, asked_at)
    assert (other.retire_phone, other.counts_as_attempt) == (True, False)
    last = step_after("request_refused_for_the_number", job=replace(job, bad_phones=(SECOND,)), pacing=pacing)
    assert (last.status, last.reason[:13]) == (JobStatus.FAILED, "no phone left")


def test_a_callback_that_was_tried_is_over() -> None:
    job = make_job(attempts=3, max_attempts=3, try_phones=(SECOND,), callback_at=NOW)
    assert {step_after(reason, job=job).status for reason in ("dial_busy", "invalid_destination")} == {JobStatus.FAILED}


def test_a_success_or_a_wish_not_to_be_called_beats_a_callback() -> None:
    kept = step_after("user_hangup", success=True, callback_at=CALLBACK)
    assert (kept.status, kept.callback_at) == (JobStatus.DONE, None)
    gone = step_after("user_requested_dnc", callback_at=CALLBACK)
    assert (gone.status, gone.callback_at) == (JobStatus.FAILED, None)


@pytest.mark.parametrize(
    ("reason", "minutes"), [("dial_no_answer", 200), ("voicemail_reached", 200), ("error_asr", 90), ("inactivity", 90)]
)
def test_a_policys_own_delays_replace_the_settings(reason: str, minutes: int) -> None:
    policy = replace(DEFAULT, delays_minutes={"no_answer": 200, "other": 90})
    assert step_after(reason, policy=policy).next_attempt_at == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize("asked", [True, False])
def test_a_polite_call_that_puts_everything_off_is_no_success_but_a_promise_in_it_is(asked: bool) -> None:
    told = facts(successful=True, reason="user_hangup" if asked else "user_requested_callback")
    assert judge(told, DEBT, {}, asked_for_later=asked)[1] is False
    assert judge(told, DEBT, {"fecha_pago_cliente": "2026-12-01"}, asked_for_later=asked)[1] is True


@given(instants("2026-01-01", "2027-12-31"))
def test_a_retry_is_never_earlier_than_its_rest_asks(earliest: datetime) -> None:
    assert retry_at(CONTINUOUS, DEFAULT, earliest) == earliest
    assert retry_at(WAVES, DEFAULT, earliest) >= earliest


DEBT = get_use_case("debt_collection")


def facts(**values: object) -> CallFacts:
    return CallFacts(**{"call_id": "call_1", "status": "ended", "reason": "user_hangup", **values})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("told", "outcome", "success"),
    [
        (facts(successful=True), Outcome.CONVERSATION, True),
        (facts(successful=False), Outcome.CONVERSATION, False),
        (facts(), Outcome.CONVERSATION, False),
        (facts(captured={"fecha_pago_cliente": "2026-12-01"}), Outcome.CONVERSATION, True),
        (facts(captured={"fecha_pago_cliente": "  "}), Outcome.CONVERSATION, False),
        (facts(captured={"monto_pago_cliente": 5000}), Outcome.CONVERSATION, False),
        (facts(successful=True, in_voicemail=True), Outcome.VOICEMAIL, False),
        (
            facts(reason="agent_hangup", in_voicemail=True, captured={"fecha_pago_cliente": "x"}),
            Outcome.VOICEMAIL,
            False,
        ),
        (facts(reason="inactivity", in_voicemail=True), Outcome.VOICEMAIL, False),
        (facts(reason="manual_stopped", in_voicemail=True), Outcome.VOICEMAIL, False),
        (facts(reason="user_requested_dnc", in_voicemail=True), Outcome.DO_NOT_CALL, False),
        (facts(reason="user_requested_dnc", successful=True), Outcome.DO_NOT_CALL, False),
        (facts(reason="dial_busy", status="not_connected", successful=True), Outcome.BUSY, False),
        (facts(reason="call_transfer", successful=True), Outcome.TRANSFERRED, True),
        (facts(reason="error_asr", status="error", successful=True), Outcome.PROVIDER_ERROR, False),
        # Somebody else spoke: whatever was captured, the person who was called has promised nothing.
        (facts(successful=True, captured={"habla_titular": "no"}), Outcome.THIRD_PARTY, False),
        (facts(captured={"habla_titular": False, "fecha_pago_cliente": "2026-12-01"}), Outcome.THIRD_PARTY, False),
        (facts(reason="call_transfer", successful=True, captured={"habla_titular": False}), Outcome.THIRD_PARTY, False),
        (facts(reason="user_requested_callback", captured={"habla_titular": False}), Outcome.THIRD_PARTY, False),
        (facts(reason="user_requested_dnc", captured={"habla_titular": False}), Outcome.DO_NOT_CALL, False),
        (facts(in_voicemail=True, captured={"habla_titular": False}), Outcome.VOICEMAIL, False),
        (facts(successful=True, captured={"habla_titular": True}), Outcome.CONVERSATION, True),
        (facts(successful=True, captured={"habla_titular": "no se sabe"}), Outcome.CONVERSATION, True),
        (facts(reason="brand_new", successful=True, captured={"habla_titular": False}), Outcome.UNKNOWN, False),
        # A reason added after this version: a promise that was made is kept, anything else is tried again later.
        (facts(reason="brand_new", successful=True), Outcome.UNKNOWN, True),
        (facts(reason="brand_new", captured={"fecha_pago_cliente": "2026-12-01"}), Outcome.UNKNOWN, True),
        (facts(reason="brand_new", successful=True, in_voicemail=True), Outcome.VOICEMAIL, False),
        (facts(reason="brand_new", status="not_connected", successful=True), Outcome.UNKNOWN, False),
        (facts(reason=None, successful=True), Outcome.UNKNOWN, True),
        (facts(reason=None), Outcome.UNKNOWN, False),
        (None, Outcome.UNKNOWN, False),
    ],
)
def test_a_call_is_judged_by_its_reason_its_analysis_and_what_was_captured(
    told: CallFacts | None, outcome: Outcome, success: bool
) -> None:
    read = read_captured(
        DEBT, told.captured if told else {}, today=date(2026, 11, 25), zone=ZoneInfo("America/Santiago"), country="CL"
    )
    row, judged = judge(told, DEBT, read.values)
    assert (row.outcome, judged) == (outcome, success)


@pytest.mark.parametrize(
    ("reason", "voicemail_is_contact", "expected"),
    [
        ("user_hangup", False, True),
        ("user_hangup", True, True),
        ("voicemail_reached", False, False),
        ("voicemail_reached", True, True),
        ("dial_no_answer", False, False),
        ("dial_no_answer", True, False),
        ("dial_busy", True, False),
    ],
)
def test_a_machine_is_a_contact_where_the_policy_counts_one_and_nobody_answering_never_is(
    reason: str, voicemail_is_contact: bool, expected: bool
) -> None:
    policy = replace(DEFAULT, voicemail_is_contact=voicemail_is_contact)
    assert is_contact(policy, OUTCOMES[reason]) is expected


@pytest.mark.parametrize(("reason", "counts"), [("user_hangup", True), ("concurrency_limit_reached", False)])
def test_a_callback_says_what_it_followed_and_a_call_that_never_was_spends_no_attempt(
    reason: str, counts: bool
) -> None:
    step = step_after(reason, callback_at=CALLBACK)
    assert step.reason == f"a callback was asked for; the last: {OUTCOMES[reason].outcome} ({reason})"
    assert step.counts_as_attempt is counts


@pytest.mark.parametrize("attempt", [True, False])
def test_an_outcome_that_closes_the_contact_spends_an_attempt_where_its_row_says_so(attempt: bool) -> None:
    step = after_call(
        row=replace(OUTCOMES["user_requested_dnc"], attempt=attempt),
        success=False,
        job=make_job(),
        phone=MAIN,
        batch=CONTINUOUS,
        policy=DEFAULT,
        delays=DELAYS,
        now=NOW,
    )
    assert (step.status, step.do_not_call, step.counts_as_attempt) == (JobStatus.FAILED, True, attempt)
