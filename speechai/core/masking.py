"""Phones and national ids as they may stand in a log or an error message.

Enter: a phone, an id, or a text that somebody else wrote (Retell's error message). Leaves: the same with the middle
hidden, enough to recognise a case beside the screen and too little to call it. Every layer above `errors` may call it.
"""

from __future__ import annotations

import re

_HIDDEN = "****"
# Without a plus, not within a word, a decimal number or a UUID: those are ids and durations, to be searched in a log.
# A day as ISO writes it is no phone either, with or without the hour behind it.
_DIGITS_OF_A_PHONE = re.compile(
    r"\+\d(?:[ ().-]{0,2}\d){6,}"
    r"|(?<![\w.-])(?!20\d\d-[01]\d-[0-3]\d(?!\d))\d(?:[ ().-]{0,2}\d){6,}(?![\w-])"
)
# 12.345.678-5, 12345678-K: the dash and the check character are part of the id and would betray the rest.
_NATIONAL_ID = re.compile(r"(?<![\w.-])\d{1,3}(?:\.?\d{3}){2}-[\dkK](?!\w)")


def mask_phone(phone: str | None) -> str:
    """`+56912343478` as `+569****3478`; of a number below 11 characters only the last two digits are shown.

    Four stars whatever the length, so that the length says nothing. "" for None or "".
    """
    text = (phone or "").strip()
    if len(text) >= 11:
        return f"{text[:4]}{_HIDDEN}{text[-4:]}"
    return f"{_HIDDEN}{text[-2:]}" if len(text) >= 6 else (_HIDDEN if text else "")


def mask_national_id(national_id: str | None) -> str:
    """`12.345.678-5` as `****78-5`: the last three letters or digits, however it was punctuated. "" for None."""
    text = (national_id or "").strip()
    signs = re.sub(r"\W", "", text)
    if not signs:
        return _HIDDEN if text else ""
    if len(signs) < 7:
        return _HIDDEN
    return f"{_HIDDEN}{signs[-3:-1]}-{signs[-1]}" if "-" in text else f"{_HIDDEN}{signs[-3:]}"


def mask_text(text: str) -> str:
    """`text` with everything in it that looks like a phone or a national id masked."""
    without_ids = _NATIONAL_ID.sub(lambda found: mask_national_id(found.group()), text)
    return _DIGITS_OF_A_PHONE.sub(lambda found: mask_phone(found.group()), without_ids)
