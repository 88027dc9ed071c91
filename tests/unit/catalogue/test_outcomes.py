"""The outcome table: every reason of Retell's has a row, and each row says what the published meaning of it asks."""

from __future__ import annotations

import pytest

from speechai.catalogue.outcomes import Outcome, Retry, load_outcomes, outcome_of
from speechai.retell.vocabulary import (
    ERROR_REASONS_AFTER_PICK_UP,
    NOT_CONNECTED_REASONS,
    CallStatus,
    DisconnectionReason,
    status_of,
)

OWN_ROWS = {
    "unknown",
    "third_party_reached",
    "request_refused_for_the_number",
    "request_refused_for_the_account",
    "request_refused_for_now",
}

# Group by group as Retell's documentation explains them: outcome, retry, attempt counts, contact, silent.
EXPECTED = {
    "user_hangup": (Outcome.CONVERSATION, Retry.SUCCESS, True, True, False),
    "agent_hangup": (Outcome.CONVERSATION, Retry.SUCCESS, True, True, False),
    "user_requested_dnc": (Outcome.DO_NOT_CALL, Retry.NEVER, True, True, False),
    "user_requested_callback": (Outcome.CALLBACK, Retry.SUCCESS, True, True, False),
    "call_transfer": (Outcome.TRANSFERRED, Retry.SUCCESS, True, True, False),
    "transfer_bridged": (Outcome.TRANSFERRED, Retry.SUCCESS, True, True, False),
    "transfer_cancelled": (Outcome.CONVERSATION, Retry.SUCCESS, True, True, False),
    "call_take_over": (Outcome.TRANSFERRED, Retry.SUCCESS, True, True, False),
    "max_duration_reached": (Outcome.CONVERSATION, Retry.SUCCESS, True, True, False),
    "inactivity": (Outcome.SILENT_LINE, Retry.OTHER, True, False, True),
    "manual_stopped": (Outcome.STOPPED, Retry.OTHER, True, False, False),
    "voicemail_reached": (Outcome.VOICEMAIL, Retry.NO_ANSWER, True, False, True),
    "ivr_reached": (Outcome.VOICEMAIL, Retry.NO_ANSWER, True, False, True),
    "dial_no_answer": (Outcome.NO_ANSWER, Retry.NO_ANSWER, True, False, True),
    "dial_busy": (Outcome.BUSY, Retry.NO_ANSWER, True, False, True),
    "user_declined": (Outcome.DECLINED, Retry.NO_ANSWER, True, False, True),
    "invalid_destination": (Outcome.BAD_NUMBER, Retry.BAD_NUMBER, True, False, False),
    "dial_failed": (Outcome.REFUSED_BY_TRUNK, Retry.OTHER, True, False, False),
    "marked_as_spam": (Outcome.REFUSED_BY_TRUNK, Retry.OTHER, True, False, False),
    "network_blocked": (Outcome.REFUSED_BY_TRUNK, Retry.OTHER, True, False, False),
    "telephony_provider_permission_denied": (Outcome.REFUSED_BY_TRUNK, Retry.OTHER, True, False, False),
    "telephony_provider_unavailable": (Outcome.REFUSED_BY_TRUNK, Retry.OTHER, True, False, False),
    "sip_routing_error": (Outcome.REFUSED_BY_TRUNK, Retry.OTHER, True, False, False),
    "concurrency_limit_reached": (Outcome.CAPACITY, Retry.LATER, False, False, False),
    "no_concurrency_fallback": (Outcome.CAPACITY, Retry.LATER, False, False, False),
    "no_valid_payment": (Outcome.ACCOUNT_TROUBLE, Retry.ACCOUNT, False, False, False),
    "credit_exhausted": (Outcome.ACCOUNT_TROUBLE, Retry.ACCOUNT, False, False, False),
    "budget_reached": (Outcome.ACCOUNT_TROUBLE, Retry.ACCOUNT, False, False, False),
    "scam_detected": (Outcome.ACCOUNT_TROUBLE, Retry.ACCOUNT, True, False, False),
    "error_retell": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, False, False),
    "error_unknown": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, False, False),
    "error_user_not_joined": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, False, False),
    "registered_call_timeout": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, False, False),
    "error_asr": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, True, False),
    "error_no_audio_received": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, True, False),
    "error_llm_websocket_open": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, True, False),
    "error_llm_websocket_lost_connection": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, True, False),
    "error_llm_websocket_runtime": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, True, False),
    "error_llm_websocket_corrupt_payload": (Outcome.PROVIDER_ERROR, Retry.OTHER, True, True, False),
}


def test_the_table_has_every_reason_of_retell_and_its_own_five_rows() -> None:
    assert load_outcomes().keys() == {str(reason) for reason in DisconnectionReason} | OWN_ROWS


def test_the_expectation_below_covers_all_39_reasons() -> None:
    assert EXPECTED.keys() == {str(reason) for reason in DisconnectionReason}
    assert len(EXPECTED) == 39


@pytest.mark.parametrize("reason", DisconnectionReason, ids=str)
def test_each_reason_means_what_its_documentation_says(reason: DisconnectionReason) -> None:
    row = outcome_of(reason)
    assert (row.outcome, row.retry, row.attempt, row.contact, row.silent) == EXPECTED[reason]


def test_a_row_is_never_both_a_contact_and_silence() -> None:
    assert not [row.reason for row in load_outcomes().values() if row.contact and row.silent]


def test_nothing_that_was_not_dialled_is_a_contact_or_silence() -> None:
    assert not [row.reason for row in load_outcomes().values() if not row.attempt and (row.contact or row.silent)]


def test_only_a_call_that_ended_after_somebody_answered_can_be_a_success() -> None:
    for row in load_outcomes().values():
        if row.retry is Retry.SUCCESS:
            assert row.contact
            assert status_of(DisconnectionReason(row.reason)) is CallStatus.ENDED


def test_errors_after_the_pick_up_are_contacts_and_calls_that_did_not_connect_are_none() -> None:
    assert all(outcome_of(reason).contact for reason in ERROR_REASONS_AFTER_PICK_UP)
    assert not any(outcome_of(reason).contact for reason in NOT_CONNECTED_REASONS)


@pytest.mark.parametrize("reason", [None, "", "brand_new_in_2027", "USER_HANGUP", "machine_detected"])
def test_a_reason_that_is_not_known_counts_and_is_not_dialled_again_at_once(reason: str | None) -> None:
    row = outcome_of(reason)
    assert (row.outcome, row.retry, row.attempt) == (Outcome.UNKNOWN, Retry.OTHER, True)


@pytest.mark.parametrize("in_voicemail", [None, False])
def test_only_a_clear_word_of_the_analysis_makes_a_conversation_a_voicemail(in_voicemail: bool | None) -> None:
    assert outcome_of("user_hangup", in_voicemail=in_voicemail).outcome is Outcome.CONVERSATION


@pytest.mark.parametrize("reason", [r for r in DisconnectionReason if EXPECTED[r][1] is Retry.SUCCESS], ids=str)
def test_a_conversation_that_the_analysis_calls_a_voicemail_is_silence(reason: DisconnectionReason) -> None:
    row = outcome_of(reason, in_voicemail=True)
    assert (row.outcome, row.contact, row.silent) == (Outcome.VOICEMAIL, False, True)


@pytest.mark.parametrize("reason", ["user_requested_dnc", "invalid_destination", "no_valid_payment", "dial_busy"])
def test_a_voicemail_does_not_hide_what_is_certain(reason: str) -> None:
    assert outcome_of(reason, in_voicemail=True) == outcome_of(reason)


@pytest.mark.parametrize("reason", [r for r in DisconnectionReason if EXPECTED[r][1] is Retry.SUCCESS], ids=str)
def test_a_conversation_with_somebody_else_is_a_contact_that_is_tried_again(reason: DisconnectionReason) -> None:
    row = outcome_of(reason, right_person=False)
    assert (row.outcome, row.retry, row.attempt, row.contact, row.silent) == (
        Outcome.THIRD_PARTY,
        Retry.OTHER,
        True,
        True,
        False,
    )


@pytest.mark.parametrize("right_person", [None, True])
@pytest.mark.parametrize("reason", DisconnectionReason, ids=str)
def test_only_a_clear_no_makes_somebody_a_third_party(reason: DisconnectionReason, right_person: bool | None) -> None:
    assert outcome_of(reason, right_person=right_person) == outcome_of(reason)


@pytest.mark.parametrize(
    "reason",
    [*(r for r in DisconnectionReason if EXPECTED[r][1] is not Retry.SUCCESS), "brand_new_in_2027", None],
    ids=str,
)
def test_a_third_party_does_not_hide_a_wish_not_to_be_called_nor_what_was_no_conversation(reason: str | None) -> None:
    assert outcome_of(reason, right_person=False) == outcome_of(reason)


def test_a_voicemail_is_nobody_and_no_third_party() -> None:
    assert outcome_of("agent_hangup", in_voicemail=True, right_person=False).outcome is Outcome.VOICEMAIL


@pytest.mark.parametrize(
    ("row", "outcome", "retry"),
    [
        ("request_refused_for_the_number", Outcome.BAD_NUMBER, Retry.BAD_NUMBER),
        ("request_refused_for_the_account", Outcome.ACCOUNT_TROUBLE, Retry.ACCOUNT),
        ("request_refused_for_now", Outcome.CAPACITY, Retry.LATER),
    ],
)
def test_refused_requests_have_rows_that_count_no_attempt(row: str, outcome: Outcome, retry: Retry) -> None:
    found = load_outcomes()[row]
    assert (found.outcome, found.retry, found.attempt) == (outcome, retry, False)
