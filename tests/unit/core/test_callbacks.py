"""When somebody asked to be called again: fields and words, daylight saving, and never the past."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.calendar import is_open
from speechai.core.callbacks import FARTHEST, REASON, CallbackWish, callback_of, clamp_callback
from speechai.core.full_dates import read_full_date
from tests.unit.core.making import BUENOS_AIRES, EASTER, SANTIAGO, instants, local, make_policy, site_in
from tests.unit.core.test_moments import VOCABULARY
from tests.unit.core.test_said_amounts import JSON

TUESDAY = "2026-11-24 15:20"
NAMES = ["fecha_callback", "hora_callback", "callback_at", "callback", "callback_time", "otra_cosa"]


def wish(raw: dict[str, Any], said: str = TUESDAY, zone: ZoneInfo = SANTIAGO, reason: str | None = None) -> Any:
    return callback_of(reason, raw, said_at=local(said, zone), zone=zone)


def wall(found: CallbackWish, zone: ZoneInfo = SANTIAGO) -> str | None:
    return None if found.at is None else found.at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ({"fecha_callback": "2026-11-25", "hora_callback": "17:00"}, "2026-11-25 17:00"),
        ({"fecha_callback": "25/11/2026", "hora_callback": "9"}, "2026-11-25 09:00"),
        ({"fecha_callback": "2026-11-25", "hora_callback": 5}, "2026-11-25 17:00"),
        ({"fecha_callback": "2026-11-25T00:00:00Z", "hora_callback": "11:00"}, "2026-11-25 11:00"),
        ({"fecha_callback": "2026-11-25", "hora_callback": "2026-11-25T11:00:00"}, "2026-11-25 11:00"),
        ({"fecha_callback": "mañana", "hora_callback": "en la tarde"}, "2026-11-25 15:00"),
        ({"fecha_callback": "mañana", "hora_callback": "mañana a las 4"}, "2026-11-25 16:00"),
        ({"fecha_callback": "mañana a las 5", "hora_callback": ""}, "2026-11-25 17:00"),
        ({"fecha_callback": ["mañana"], "hora_callback": ["17:00"]}, "2026-11-25 17:00"),
        ({"fecha_callback": "el viernes"}, "2026-11-27 10:00"),
        ({"fecha_callback": "hoy"}, "2026-11-24 17:20"),
        ({"fecha_callback": "hoy", "hora_callback": "18:30"}, "2026-11-24 18:30"),
        ({"fecha_callback": "2026-11-24", "hora_callback": "9"}, "2026-11-25 09:00"),
        ({"fecha_callback": "hoy a las 9"}, "2026-11-24 21:00"),  # of 9 and 21, the one that is to come
        ({"fecha_callback": "hoy a las 2"}, "2026-11-25 14:00"),  # over: tomorrow's
        ({"fecha_callback": "la próxima semana"}, "2026-11-30 10:00"),
        ({"hora_callback": "18:00"}, "2026-11-24 18:00"),
        ({"hora_callback": "a las 5"}, "2026-11-24 17:00"),
        ({"hora_callback": "10:00"}, "2026-11-25 10:00"),
        ({"hora_callback": "en dos horas"}, "2026-11-24 17:20"),
        ({"hora_callback": "mañana a las cinco y media"}, "2026-11-25 17:30"),
        ({"hora_callback": "17:00", "fecha_callback": "N/A"}, "2026-11-24 17:00"),
        ({"callback_at": "2026-11-25T17:00:00-03:00"}, "2026-11-25 17:00"),
        ({"callback_at": "2026-11-25T17:00:00Z"}, "2026-11-25 14:00"),
        ({"callback_at": "2026-11-25T17:00:00"}, "2026-11-25 17:00"),
        ({"callback_at": "2026-11-25T00:00:00Z"}, "2026-11-25 10:00"),  # a padded day
        ({"callback_at": "2026-11-25 17:00"}, "2026-11-25 17:00"),
        ({"callback_at": "2026-11-25T17:45:00"}, "2026-11-25 17:45"),
        # The day of an instant is the person's own: 1:00 in Greenwich is the evening before.
        ({"fecha_callback": "2026-11-25T01:00:00Z", "hora_callback": "18:00"}, "2026-11-24 18:00"),
        ({"fecha_callback": "la próxima semana", "hora_callback": "17:00"}, "2026-11-30 17:00"),
        ({"hora_callback": "18:00", "callback_hora": "19:00"}, "2026-11-24 18:00"),
        ({"callback_at": "Thu, 03 Dec 2026 17:30:00 GMT"}, "2026-12-03 14:30"),
        ({"callback_at": "mañana a las 5", "fecha_callback": "2026-12-01"}, "2026-11-25 17:00"),
        ({"Fecha_Callback": "mañana", "HORA_CALLBACK": "17:00"}, "2026-11-25 17:00"),
        ({"callback_date": "2026-11-25", "callback_time": "5 pm"}, "2026-11-25 17:00"),
        ({"callback": "el lunes en la tarde"}, "2026-11-30 15:00"),
        ({"callback": "llámeme mañana a las cuatro de la tarde"}, "2026-11-25 16:00"),
        ({"callback": True, "fecha_callback": "mañana"}, "2026-11-25 10:00"),
        ({"callback": "Sí", "hora_callback": "17:00"}, "2026-11-24 17:00"),
        ({"callback": "mañana", "hora_callback": "17:00"}, "2026-11-25 17:00"),
        ({"callback_at": "2026-11-25", "hora_callback": "17:00"}, "2026-11-25 17:00"),
        ({"callback_at": "2026-11-25T17:00:00-03:00", "hora_callback": "18:00"}, "2026-11-25 17:00"),
        ({"callback_at": "2026-11-25T17:00:00", "hora_callback": "18:00"}, "2026-11-25 17:00"),
        ({"callback": 1, "hora_callback": "17:00"}, "2026-11-24 17:00"),
        ({"callback_at": "en dos horas", "hora_callback": "18:00"}, "2026-11-24 17:20"),
        ({"callback": "tomorrow at half past four"}, "2026-11-25 16:30"),
    ],
)
def test_a_wish_becomes_an_instant_at_the_place_of_the_person(raw: dict[str, Any], at: str) -> None:
    found = wish(raw)
    assert (wall(found), found.understood) == (at, True)
    assert found.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("said", "words", "at"),
    [
        # Chile goes back on Saturday 2026-04-04 at 24:00 and forward on Saturday 2026-09-05 at 24:00.
        ("2026-04-04 15:00", "mañana a las 5", "2026-04-05T17:00:00-04:00"),
        ("2026-04-04 15:00", "a las 11 de la noche", "2026-04-04T23:00:00-03:00"),  # the first of two
        ("2026-04-04 22:30", "en dos horas", "2026-04-04T23:30:00-04:00"),
        ("2026-09-05 15:00", "mañana a las 5", "2026-09-06T17:00:00-03:00"),
        ("2026-09-05 23:30", "en dos horas", "2026-09-06T02:30:00-03:00"),
        ("2026-09-05 15:00", "mañana a las 00:30", "2026-09-06T01:00:00-03:00"),  # the clock jumps over it
        ("2027-04-03 15:00", "mañana a las 5", "2027-04-04T17:00:00-04:00"),
        ("2027-09-04 15:00", "mañana a las 10 de la mañana", "2027-09-05T10:00:00-03:00"),
    ],
)
def test_hours_are_wall_time_and_waits_are_not_on_the_days_of_daylight_saving(said: str, words: str, at: str) -> None:
    found = wish({"callback": words}, said)
    assert found.at.astimezone(SANTIAGO).isoformat() == at


def test_a_wish_said_in_the_second_of_two_equal_hours_is_not_put_into_the_first() -> None:
    said_at = datetime(2026, 4, 5, 3, 10, tzinfo=UTC)  # 23:10 again
    found = callback_of(None, {"hora_callback": "23:30"}, said_at=said_at, zone=SANTIAGO)
    assert found is not None
    assert found.at is not None
    assert found.at > said_at


@pytest.mark.parametrize(
    ("zone", "said_at", "at"),
    [
        (SANTIAGO, "2026-11-25T01:30+00:00", "2026-11-25T20:00:00+00:00"),  # still Tuesday evening
        (EASTER, "2026-11-25T01:30+00:00", "2026-11-25T22:00:00+00:00"),
        (BUENOS_AIRES, "2026-11-25T03:30+00:00", "2026-11-26T20:00:00+00:00"),  # already Wednesday
    ],
)
def test_tomorrow_is_counted_from_the_local_day(zone: ZoneInfo, said_at: str, at: str) -> None:
    said = datetime.fromisoformat(said_at)
    found = callback_of(REASON, {"callback": "mañana a las 5"}, said_at=said, zone=zone)
    assert found is not None
    assert found.at == datetime.fromisoformat(at)


@pytest.mark.parametrize(
    "raw",
    [
        {"fecha_callback": "15"},
        {"fecha_callback": 15},
        {"fecha_callback": 20261125},
        {"fecha_callback": "cuando pueda"},
        {"fecha_callback": "2024-11-25", "hora_callback": "10:00"},  # an agent that does not know the year
        {"fecha_callback": "2028-11-25"},
        {"fecha_callback": "mañana", "hora_callback": "el lunes a las 4"},
        {"fecha_callback": "mañana", "hora_callback": "en dos horas"},
        {"fecha_callback": "mañana", "hora_callback": "cuando salga del trabajo"},
        {"fecha_callback": "cuando pueda", "hora_callback": "17:00"},
        {"hora_callback": "10-12"},
        {"hora_callback": "2 horas"},
        {"hora_callback": "17:00", "callback": "cuando salga del trabajo"},
        {"hora_callback": "el lunes"},
        {"hora_callback": True},
        {"hora_callback": 10**5000},
        {"hora_callback": 10_000},
        {"callback": True},
        {"callback": "sí"},
        {"callback": "no el lunes"},
        {"callback_at": 1_795_000_000},
        {"callback_at": {"at": "mañana"}},
        {"callback_at": "cuando pueda", "callback": "mañana a las 5"},  # a field is not replaced by words
    ],
)
def test_a_wish_that_is_not_certain_is_kept_in_its_words_and_has_no_instant(raw: dict[str, Any]) -> None:
    found = wish(raw)
    assert found is not None
    assert (found.at, found.understood) == (None, False)
    assert found.said


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"fecha_callback": "", "hora_callback": None},
        {"fecha_callback": "N/A"},
        {"callback": False},
        {"callback": "no"},
        {"callback": "No."},
        {"callback": [False]},
        {"fecha_pago_cliente": "mañana"},
    ],
)
def test_without_a_wish_there_is_none_unless_retell_says_so(raw: dict[str, Any]) -> None:
    assert wish(raw) is None
    assert wish(raw, reason="user_hangup") is None
    assert wish(raw, reason=REASON) == CallbackWish(at=None, said="", understood=False)


def test_what_was_said_is_kept_short() -> None:
    found = wish({"fecha_callback": "mañana", "hora_callback": "17:00"})
    assert found.said == "mañana 17:00"
    assert len(wish({"callback": "x" * 10_000}).said) <= 80


FIELDS = st.dictionaries(st.sampled_from(NAMES), JSON | VOCABULARY | st.integers(0, 2400).map(str), max_size=4)


@given(FIELDS, instants("2026-01-01", "2028-01-01"), st.sampled_from([SANTIAGO, EASTER, BUENOS_AIRES]))
def test_a_callback_is_never_in_the_past_and_never_makes_the_reader_fail(
    raw: dict[str, Any], said_at: datetime, zone: ZoneInfo
) -> None:
    found = callback_of(REASON, raw, said_at=said_at, zone=zone)
    assert found is not None
    assert found.understood == (found.at is not None)
    assert found.at is None or said_at < found.at <= said_at + FARTHEST
    assert found == callback_of(REASON, raw, said_at=said_at, zone=zone)
    found.said.encode()


@given(
    at=instants("2026-01-01", "2028-01-01"),
    now=instants("2026-01-01", "2028-01-01"),
    zone=st.sampled_from([SANTIAGO, EASTER, BUENOS_AIRES]),
    holidays=st.booleans(),
)
def test_a_clamped_callback_is_allowed_and_neither_before_the_wish_nor_before_now(
    at: datetime, now: datetime, zone: ZoneInfo, holidays: bool
) -> None:
    policy, site = (
        make_policy(closed_on_holidays=holidays),
        site_in(zone, country="AR" if zone is BUENOS_AIRES else "CL"),
    )
    clamped = clamp_callback(policy, site, at, now)
    assert clamped >= max(at, now)
    assert is_open(policy, site, clamped)
    earlier = (max(at, now) + timedelta(minutes=5 * n) for n in range(12 * 24))
    assert not any(is_open(policy, site, instant) for instant in earlier if instant < clamped)


@pytest.mark.parametrize(
    ("wished", "now", "clamped"),
    [
        ("2026-11-25 17:00", "2026-11-24 15:20", "2026-11-25 17:00"),
        ("2026-11-25 21:00", "2026-11-24 15:20", "2026-11-26 08:00"),
        ("2026-11-28 21:00", "2026-11-24 15:20", "2026-11-30 08:00"),  # Saturday night: Monday
        ("2026-12-08 10:00", "2026-11-24 15:20", "2026-12-09 08:00"),  # a holiday
        ("2026-11-25 06:00", "2026-11-24 15:20", "2026-11-25 08:00"),
        ("2026-11-25 10:00", "2026-11-25 12:30", "2026-11-25 12:30"),  # late: at once
        ("2026-11-25 10:00", "2026-11-25 20:00", "2026-11-26 08:00"),
        ("2026-09-06 10:00", "2026-09-05 15:00", "2026-09-07 08:00"),  # a Sunday, on which the clock changed
    ],
)
def test_a_wish_outside_the_hours_moves_on_to_the_next_opening(wished: str, now: str, clamped: str) -> None:
    found = clamp_callback(make_policy(), site_in(SANTIAGO), local(wished), local(now))
    assert found == local(clamped)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Thu, 03 Dec 2026 17:30:00 GMT", "2026-12-03T17:30:00+00:00"),
        ("Dec 3 2026 5:30PM", "2026-12-03T17:30:00"),
        ("3 dic 2026 05:30 pm", "2026-12-03T17:30:00"),
        ("mañana a las 5", None),
        ("a las 17 horas", None),
        ("no el 3 de diciembre de 2026", None),
        ("3 de diciembre", None),
        ("2026", None),
        ("15", None),
        ("dec 2026", None),
        ("3 dic o 4 dic 2026", None),
        ("31 feb 2026", None),
    ],
)
def test_the_library_is_asked_only_for_dates_written_in_full(text: str, read: str | None) -> None:
    found = read_full_date(text, local=local(TUESDAY).astimezone(SANTIAGO))
    assert (None if found is None else found.isoformat()) == read


@given(st.text(alphabet="0123456789 :/-.,apmdecnovtzu+GMT") | st.text())
def test_no_text_makes_the_library_fail(text: str) -> None:
    read_full_date(f"{text} dec 2026", local=local(TUESDAY).astimezone(SANTIAGO))


def test_a_wish_does_not_depend_on_the_zone_of_the_machine_and_the_library_is_imported_late() -> None:
    program = """
import sys
from datetime import UTC, datetime
from zoneinfo import ZoneInfo
from speechai.core.callbacks import callback_of
assert "dateparser" not in sys.modules
said_at, zone = datetime(2026, 11, 24, 18, 20, tzinfo=UTC), ZoneInfo("America/Santiago")
for text in ("mañana a las 5", "Dec 3 2026 5:30PM", "en dos horas"):
    print(callback_of(None, {"callback": text}, said_at=said_at, zone=zone).at)
"""
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "TZ": zone, "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("UTC", "Asia/Tokyo")
    }
    assert answers == {"2026-11-25 20:00:00+00:00\n2026-12-03 20:30:00+00:00\n2026-11-24 20:20:00+00:00\n"}
