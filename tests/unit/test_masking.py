from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.masking import mask_national_id, mask_phone, mask_text


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+56912343478", "+569****3478"),
        ("+5491123456789", "+549****6789"),
        ("223456789", "****89"),
        ("123456", "****56"),
        ("133", "****"),
        ("", ""),
        (None, ""),
    ],
)
def test_phone_keeps_too_little_to_be_called(phone: str | None, masked: str) -> None:
    assert mask_phone(phone) == masked


@pytest.mark.parametrize(
    ("national_id", "masked"),
    [
        ("12.345.678-5", "****78-5"),
        ("12345678-K", "****78-K"),
        ("30123456", "****456"),
        ("20-30123456-3", "****56-3"),
        ("1234567", "****567"),
        ("123456", "****"),
        ("123", "****"),
        ("-", "****"),
        ("", ""),
        (None, ""),
    ],
)
def test_national_id_keeps_its_end(national_id: str | None, masked: str) -> None:
    assert mask_national_id(national_id) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("call to +56 9 1234 3478 failed", "call to +56 ****3478 failed"),
        ("RUT 12.345.678-5, 9876543-2", "RUT ****78-5, ****43-2"),
        ("status 422 after 30000 ms", "status 422 after 30000 ms"),
        ("job 56912343478 failed", "job 5691****3478 failed"),
        ("rests until 2026-11-23 03:13 UTC", "rests until 2026-11-23 03:13 UTC"),
        ("2026-11-23 912343478 called", "2026-11-23 ****78 called"),
        ("2026-11-234 is a number", "2026****-234 is a number"),
        (
            "Task tasks.load_batch[5a6f3e0b-1234-4123-8123-012345678901] succeeded in 0.4512344135s",
            "Task tasks.load_batch[5a6f3e0b-1234-4123-8123-012345678901] succeeded in 0.4512344135s",
        ),
    ],
)
def test_foreign_text_is_masked_in_place(text: str, masked: str) -> None:
    assert mask_text(text) == masked


@given(st.from_regex(r"\+[1-9]\d{6,14}", fullmatch=True), st.text(alphabet="ab :,\n"))
def test_no_whole_number_survives_inside_a_text(phone: str, around: str) -> None:
    assert phone not in mask_text(f"{around}{phone}{around}")
    assert phone not in mask_phone(phone)
