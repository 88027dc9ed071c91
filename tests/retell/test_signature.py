"""The webhook's signature: the fact sheet's vectors, and the official SDK's verifier as oracle over everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from retell.lib import webhook_auth

from speechai.retell.signature import Verdict, judge, sign

KEY = "key_test_123"
SIGNED_AT = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
SIGNED_MS = 1_700_000_000_000
BODY = '{"event":"call_ended","call":{"call_id":"call_1"}}'
DIGEST = "5531fb94fe2bffb6226101f646ec34e8ef5aea0a6ba6a5cf79d61ddde84addc4"
VECTORS = [
    (BODY, DIGEST),
    (
        '{"event":"call_ended","call":{"call_id":"call_1","transcript":"Agent: café"}}',
        "1200c601c8f682ee08027ef12b2525f89880e9f058648023fa037889bc4afc57",
    ),
]


def judged(body: bytes, header: str | None, *, keys: tuple[str, ...] = (KEY,), after_ms: int = 0) -> Verdict:
    now = SIGNED_AT + timedelta(milliseconds=after_ms)
    return judge(body, header, keys=keys, now=now, window_seconds=300)


def oracle(body: str, header: str, *, key: str = KEY, after_ms: int = 0) -> bool:
    verify: Any = webhook_auth.symmetric["verify"]
    return bool(verify(body, key, header, {"timestamp": SIGNED_MS + after_ms}))


@pytest.mark.parametrize(("body", "digest"), VECTORS)
def test_the_vectors_of_the_fact_sheet_are_made_and_accepted(body: str, digest: str) -> None:
    header = f"v={SIGNED_MS},d={digest}"
    assert sign(body.encode(), key=KEY, timestamp_ms=SIGNED_MS) == header
    assert judged(body.encode(), header) is Verdict.VALID
    assert oracle(body, header)


FORMS = [
    (None, Verdict.MISSING),
    ("", Verdict.MISSING),
    (f"d={DIGEST},v={SIGNED_MS}", Verdict.MALFORMED),
    (f"v={SIGNED_MS}, d={DIGEST}", Verdict.MALFORMED),
    (f"v={SIGNED_MS},d={DIGEST} ", Verdict.MALFORMED),
    (f"v={SIGNED_MS},d={DIGEST}\n", Verdict.MALFORMED),
    (f"v={SIGNED_MS},d={DIGEST.upper()}", Verdict.MALFORMED),
    (f"v={SIGNED_MS},d={DIGEST[:-1]}", Verdict.MALFORMED),
    (f"v=-{SIGNED_MS},d={DIGEST}", Verdict.MALFORMED),
    (f"v={SIGNED_MS},d={DIGEST},d={DIGEST}", Verdict.MALFORMED),
    (f"v={'9' * 400},d={DIGEST}", Verdict.MALFORMED),
    (f"t={SIGNED_MS},v1={DIGEST}", Verdict.MALFORMED),
    (DIGEST, Verdict.MALFORMED),
    (f"v={SIGNED_MS // 1000},d={DIGEST}", Verdict.OUTSIDE_WINDOW),
    (f"v={SIGNED_MS},d={'0' * 64}", Verdict.WRONG),
    (f"v={SIGNED_MS + 1},d={DIGEST}", Verdict.WRONG),
]


@pytest.mark.parametrize(("header", "verdict"), FORMS)
def test_a_header_that_retell_would_not_send_is_refused_as_the_sdk_refuses_it(
    header: str | None, verdict: Verdict
) -> None:
    assert judged(BODY.encode(), header) is verdict
    if header is not None:
        assert not oracle(BODY, header)


def test_digits_of_other_scripts_are_no_digits() -> None:
    assert judged(BODY.encode(), f"v={'١' * 13},d={DIGEST}") is Verdict.MALFORMED


@pytest.mark.parametrize("seconds", [-300.001, -300, -299, 0, 299, 300, 300.001, 86_400])
def test_the_window_reaches_five_minutes_both_ways(seconds: float) -> None:
    header = f"v={SIGNED_MS},d={DIGEST}"
    verdict = judged(BODY.encode(), header, after_ms=round(seconds * 1000))
    assert verdict is (Verdict.VALID if abs(seconds) <= 300 else Verdict.OUTSIDE_WINDOW)
    assert oracle(BODY, header, after_ms=round(seconds * 1000)) is (verdict is Verdict.VALID)


def test_during_a_rotation_the_old_key_and_the_new_one_are_accepted_and_no_other() -> None:
    for key in ("key_old", "key_new"):
        header = sign(BODY.encode(), key=key, timestamp_ms=SIGNED_MS)
        assert judged(BODY.encode(), header, keys=("key_old", "key_new")) is Verdict.VALID
    foreign = sign(BODY.encode(), key="key_of_somebody_else", timestamp_ms=SIGNED_MS)
    assert judged(BODY.encode(), foreign, keys=("key_old", "key_new")) is Verdict.WRONG
    assert judged(BODY.encode(), f"v={SIGNED_MS},d={DIGEST}", keys=()) is Verdict.WRONG


@given(body=st.text(st.characters(exclude_categories=["Cs"])), key=st.text(st.characters(max_codepoint=0x2FF)))
def test_whatever_we_sign_the_official_verifier_accepts(body: str, key: str) -> None:
    header = sign(body.encode(), key=key, timestamp_ms=SIGNED_MS)
    assert oracle(body, header, key=key)
    assert judged(body.encode(), header, keys=(key,)) is Verdict.VALID


@given(body=st.binary(min_size=1), at=st.integers(min_value=0), flip=st.integers(1, 255))
def test_one_byte_that_was_changed_is_noticed(body: bytes, at: int, flip: int) -> None:
    header = sign(body, key=KEY, timestamp_ms=SIGNED_MS)
    place = at % len(body)
    altered = body[:place] + bytes([body[place] ^ flip]) + body[place + 1 :]
    assert judged(altered, header) is Verdict.WRONG


@given(body=st.binary())
def test_a_body_that_is_no_text_has_a_signature_all_the_same(body: bytes) -> None:
    assert judged(body, sign(body, key=KEY, timestamp_ms=SIGNED_MS)) is Verdict.VALID
