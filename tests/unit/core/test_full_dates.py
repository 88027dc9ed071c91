"""Dates in full, which a library reads and which count only where every word and figure of the text stands in them."""

from __future__ import annotations

import pytest

from speechai.core.full_dates import read_full_date
from tests.unit.core.making import SANTIAGO, local

TUESDAY = local("2026-11-24 15:20").astimezone(SANTIAGO)


def read(text: str) -> str | None:
    found = read_full_date(text, local=TUESDAY)
    return None if found is None else found.isoformat(sep=" ")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Thu, 03 Dec 2026 17:30", "2026-12-03 17:30:00"),
        ("jueves 3 de diciembre de 2026 9:00", "2026-12-03 09:00:00"),
        ("3 de diciembre de 2026 a las 17:30", "2026-12-03 17:30:00"),
        ("Jue 3 DIC 2026 17:30:59", "2026-12-03 17:30:59"),
        ("3 dic 2026", "2026-12-03 00:00:00"),
        ("Dec 2026 31", "2026-12-31 00:00:00"),
        ("Dec 3 2026 5pm", "2026-12-03 17:00:00"),
        ("Dec 3 2026 12:15AM", "2026-12-03 00:15:00"),
        ("Dec 3 2026 12:05PM", "2026-12-03 12:05:00"),
        ("Dec 3 2026 05:30:45 PM", "2026-12-03 17:30:45"),
        ("Dec 3 2026 at 9:00 AM", "2026-12-03 09:00:00"),
        ("Thu, 03 Dec 2026 17:30:00 +0000", "2026-12-03 17:30:00+00:00"),
        ("mar 3 2027", "2027-03-03 00:00:00"),
        ("3 sept 2027", "2027-09-03 00:00:00"),
        ("mar 1 dic 2026", "2026-12-01 00:00:00"),
        ("mar 2 mar 2027", "2027-03-02 00:00:00"),
    ],
)
def test_every_part_of_a_date_in_full_is_read(text: str, at: str) -> None:
    assert read(text) == at


@pytest.mark.parametrize(
    "text",
    [
        "Fri, 03 Dec 2026 17:30",
        "viernes 3 de diciembre de 2026",
        "mar 3 dic 2026",
        "jue vie 3 dic 2026",
        "jan 3 dec 2026",
        "3 dic 2026 5 6",
        "3 dic 2026 17:30 y 18:30",
        "3 o 4 dic 2026",
        "3 dic 2026 17:61",
        "dec 33 2026",
        "3 dic 1026",
        "3 dic 20266",
        "3 dic 2026 ó 27",
        "pagado el 3 dic 2026",
        "3 2026",
    ],
)
def test_what_a_date_does_not_hold_makes_the_text_unread(text: str) -> None:
    assert read(text) is None


def test_a_text_of_sixty_signs_is_read_and_no_longer_one() -> None:
    text = "Dec 3 2026 9:00"
    assert read(text.ljust(60)) == "2026-12-03 09:00:00"
    assert read(text.ljust(61)) is None


def test_what_is_not_written_in_ascii_is_no_date() -> None:
    assert read("3 dic 2026 ١٧:٣٠") is None
