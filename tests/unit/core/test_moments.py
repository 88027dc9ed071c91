"""Days and hours in a person's own words, both languages; a word that is not understood spoils the whole."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.moments import read_moment
from speechai.core.said_hours import read_hour

TUESDAY = date(2026, 11, 24)
WORDS = """
    hoy mañana pasado el la las los lunes viernes próxima semana mes fin de del en por a al dos tres 5 15 31 12:30 17
    31/12 2026-12-03 diciembre enero tarde noche mediodía y media cuarto para menos horas minutos más que viene este
    esta dentro hora entre o no tomorrow at next monday in an half past pm am o'clock week end of the
"""
VOCABULARY = st.lists(st.sampled_from(WORDS.split()), max_size=8).map(" ".join)


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("hoy", "2026-11-24"),
        ("hoy mismo", "2026-11-24"),
        ("mañana", "2026-11-25"),
        ("MAÑANA", "2026-11-25"),
        ("pasado mañana", "2026-11-26"),
        ("el viernes", "2026-11-27"),
        ("viernes.", "2026-11-27"),
        ("este viernes", "2026-11-27"),
        ("el próximo viernes", "2026-11-27"),
        ("el viernes que viene", "2026-11-27"),
        ("el martes", "2026-12-01"),  # never today
        ("el viernes 27", "2026-11-27"),
        ("viernes 27 de noviembre", "2026-11-27"),
        ("el viernes de la próxima semana", "2026-12-04"),
        ("la próxima semana, el lunes", "2026-11-30"),
        ("fin de mes", "2026-11-30"),
        ("a fin de este mes", "2026-11-30"),
        ("a fin del próximo mes", "2026-12-31"),
        ("fin de febrero", "2027-02-28"),
        ("el último día del mes", "2026-11-30"),
        ("fin de año", "2026-12-31"),
        ("el 24", "2026-11-24"),
        ("el 15", "2026-12-15"),
        ("el día 30", "2026-11-30"),
        ("el 5 del próximo mes", "2026-12-05"),
        ("el 5 del mes que viene", "2026-12-05"),
        ("el 28 de este mes", "2026-11-28"),
        ("el 3 de diciembre", "2026-12-03"),
        ("el tres de diciembre", "2026-12-03"),
        ("1ro de diciembre", "2026-12-01"),
        ("primero de enero", "2027-01-01"),
        ("3 dic", "2026-12-03"),
        ("3-dic-2026", "2026-12-03"),
        ("el 3 de diciembre del año 2026", "2026-12-03"),
        ("23 de noviembre", "2027-11-23"),  # over this year
        ("29 de febrero", "2028-02-29"),
        ("31/12", "2026-12-31"),
        ("31/12/2026", "2026-12-31"),
        ("31-12-26", "2026-12-31"),
        ("31.12.2026", "2026-12-31"),
        ("2026-12-31", "2026-12-31"),
        ("05/06/2027", "2027-06-05"),  # day before month
        ("en una semana", "2026-12-01"),
        ("en 15 días", "2026-12-09"),
        ("dentro de dos semanas", "2026-12-08"),
        ("en un mes", "2026-12-24"),
        ("tomorrow", "2026-11-25"),
        ("the day after tomorrow", "2026-11-26"),
        ("next friday", "2026-11-27"),
        ("on Monday", "2026-11-30"),
        ("December 3rd", "2026-12-03"),
        ("December 3, 2026", "2026-12-03"),
        ("the 3rd of December", "2026-12-03"),
        ("end of the month", "2026-11-30"),
        ("in two weeks", "2026-12-08"),
        ("a week from now", "2026-12-01"),
    ],
)
def test_a_day_is_read_and_lies_ahead(said: str, expected: str) -> None:
    moment = read_moment(said, today=TUESDAY)
    assert moment is not None
    assert (moment.day, moment.minute, moment.is_range) == (day(expected), None, False)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("la próxima semana", "2026-11-30"), ("next week", "2026-11-30"), ("el fin de semana", "2026-11-28")],
)
def test_several_days_are_their_first_and_are_marked(said: str, expected: str) -> None:
    moment = read_moment(said, today=TUESDAY)
    assert moment is not None
    assert (moment.day, moment.is_range) == (day(expected), True)


@pytest.mark.parametrize(
    ("said", "clock"),
    [
        ("a las 5", "17:00"),
        ("a las cinco", "17:00"),
        ("a la una", "13:00"),
        ("a las 7", "19:00"),
        ("a las 8", "08:00"),
        ("a las 11", "11:00"),
        ("a las 12", "12:00"),
        ("a las 5 de la mañana", "05:00"),
        ("a las 5 de la tarde", "17:00"),
        ("a las 8 de la noche", "20:00"),
        ("8 de la noche", "20:00"),
        ("a las cinco y media", "17:30"),
        ("a las cinco y cuarto", "17:15"),
        ("a las cinco y diez", "17:10"),
        ("a las seis menos cuarto", "17:45"),
        ("a la una menos diez", "12:50"),
        ("un cuarto para las ocho", "07:45"),  # of eight in the morning, though 7:45 alone is the evening
        ("diez para las cinco", "16:50"),
        ("a las 5 en punto", "17:00"),
        ("a las 5 30", "17:30"),
        ("a las 17:30", "17:30"),
        ("17:30 hrs", "17:30"),
        ("a las 17 horas", "17:00"),
        ("17 hrs", "17:00"),
        ("5 pm", "17:00"),
        ("5 p.m.", "17:00"),
        ("12 am", "00:00"),
        ("12 pm", "12:00"),
        ("10 a. m.", "10:00"),
        ("al mediodía", "12:00"),
        ("después de las 6", "18:00"),
        ("tipo 6 de la tarde", "18:00"),
        ("5 y media de la tarde", "17:30"),
        ("tipo las 6 de la tarde", "18:00"),
        ("entre las 3 y las 5", "15:00"),
        ("entre las 11 y las 3 de la tarde", "11:00"),
        ("entre 3 y 5 de la tarde", "15:00"),
        ("at 5", "17:00"),
        ("at five o'clock", "17:00"),
        ("half past five", "17:30"),
        ("a quarter to five", "16:45"),
        ("ten past four", "16:10"),
        ("at 9 in the evening", "21:00"),
        ("noon", "12:00"),
    ],
)
def test_an_hour_is_read_and_a_bare_one_to_seven_is_the_afternoon(said: str, clock: str) -> None:
    moment = read_moment(said, today=TUESDAY)
    assert moment is not None
    assert (moment.minute, moment.is_exact, moment.day) == (minute(clock), True, None)


@pytest.mark.parametrize(
    ("said", "expected", "clock"),
    [
        ("mañana a las 5", "2026-11-25", "17:00"),
        ("mañana en la mañana a las 9", "2026-11-25", "09:00"),
        ("mañana a las 9 de la mañana", "2026-11-25", "09:00"),
        ("el lunes a las cinco y media de la tarde", "2026-11-30", "17:30"),
        ("lunes 10 am", "2026-11-30", "10:00"),
        ("lunes 30 a las 4", "2026-11-30", "16:00"),
        ("mañana 10 hrs", "2026-11-25", "10:00"),
        ("el 3 de diciembre a las 17:30", "2026-12-03", "17:30"),
        ("a las 17:30 del 3 de diciembre", "2026-12-03", "17:30"),
        ("2026-12-03 17:30", "2026-12-03", "17:30"),
        ("31/12 a las 10:15", "2026-12-31", "10:15"),
        ("por favor llámeme mañana a las cuatro de la tarde", "2026-11-25", "16:00"),
        ("el cliente pide que lo llamen el jueves a las 11", "2026-11-26", "11:00"),
        ("hoy a las 8 de la noche", "2026-11-24", "20:00"),
        ("tomorrow at 5pm", "2026-11-25", "17:00"),
        ("Thursday, December 3, 2026 at 5:00 PM", "2026-12-03", "17:00"),
        ("call me back next monday at half past ten", "2026-11-30", "10:30"),
    ],
)
def test_day_and_hour_are_read_together(said: str, expected: str, clock: str) -> None:
    moment = read_moment(said, today=TUESDAY)
    assert moment is not None
    assert (moment.day, moment.minute, moment.is_exact) == (day(expected), minute(clock), True)


@pytest.mark.parametrize(
    ("said", "expected", "clock"),
    [
        ("el lunes en la tarde", "2026-11-30", "15:00"),
        ("mañana por la mañana", "2026-11-25", "10:00"),
        ("mañana en la noche", "2026-11-25", "19:00"),
        ("mañana temprano", "2026-11-25", "09:00"),
        ("el viernes a primera hora", "2026-11-27", "09:00"),
        ("esta tarde", "2026-11-24", "15:00"),
        ("monday afternoon", "2026-11-30", "15:00"),
        ("tomorrow morning", "2026-11-25", "10:00"),
        ("tonight", "2026-11-24", "19:00"),
        ("en la tarde", None, "15:00"),
    ],
)
def test_a_part_of_the_day_stands_for_an_hour_that_is_not_exact(said: str, expected: str | None, clock: str) -> None:
    moment = read_moment(said, today=TUESDAY)
    assert moment is not None
    assert (moment.day, moment.minute) == (None if expected is None else day(expected), minute(clock))
    assert not moment.is_exact


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        ("en dos horas", 120),
        ("en 2 horas más", 120),
        ("dos horas más", 120),
        ("dentro de una hora", 60),
        ("en una hora y media", 90),
        ("en hora y media", 90),
        ("en media hora", 30),
        ("media hora", 30),
        ("en un cuarto de hora", 15),
        ("dentro de 20 minutos", 20),
        ("45 minutos", 45),
        ("en los próximos 10 minutos", 10),
        ("in two hours", 120),
        ("in half an hour", 30),
        ("in an hour and a half", 90),
        ("30 minutes from now", 30),
    ],
)
def test_a_wait_is_counted_from_the_moment_of_speaking(said: str, minutes: int) -> None:
    moment = read_moment(said, today=TUESDAY)
    assert moment is not None
    assert (moment.after, moment.day, moment.minute) == (timedelta(minutes=minutes), None, None)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "5",
        "15",
        "20261203",
        "2 horas",  # a time or a wait
        "cuando pueda",
        "más tarde",
        "no el lunes",
        "nunca",
        "lunes o martes",
        "mañana a las 9 o 10",
        "el viernes antes de las 5",
        "todos los lunes",
        "lunes 3 de diciembre",  # a Thursday
        "el lunes 25",  # a Wednesday
        "este martes",  # said on a Tuesday
        "31 de febrero",
        "el 31",  # November has none
        "31/02/2027",
        "a las 25",
        "a las 5:75",
        "mañana a las 12 de la noche",  # which midnight?
        "quincena",  # the 15th here, also the last day elsewhere
        "principios de diciembre",
        "fines de mes",
        "la próxima semana el lunes o el martes",
        "mañana en dos horas",
        "en 2 días hábiles",
        "mañana " * 40,
    ],
)
def test_what_is_not_certain_is_not_read(said: str) -> None:
    assert read_moment(said, today=TUESDAY) is None


@pytest.mark.parametrize(
    ("written", "clock"),
    [
        ("17", "17:00"),
        ("17.0", "17:00"),
        ("5", "17:00"),
        ("9", "09:00"),
        ("0", "00:00"),
        ("10 hrs", "10:00"),
        ("10h", "10:00"),
        ("17.30", "17:30"),
        ("17:30", "17:30"),
        ("17h30", "17:30"),
        ("5:30", "17:30"),
        ("05:30", "17:30"),
        ("1730", "17:30"),
        ("0930", "09:30"),
        ("24", None),
        ("2460", None),
        ("930", None),
        ("2 horas", None),  # rather how long to wait
        ("17.5", None),
        ("mañana", None),
        ("", None),
    ],
)
def test_a_field_for_an_hour_may_hold_bare_figures(written: str, clock: str | None) -> None:
    assert read_hour(written) == (None if clock is None else minute(clock))


@given(st.text() | VOCABULARY, st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_no_text_makes_the_reader_fail_and_what_is_read_is_a_time_of_day(text: str, today: date) -> None:
    moment = read_moment(text, today=today)
    if moment is not None:
        assert moment.minute is None or 0 <= moment.minute < 24 * 60
        assert (moment.day, moment.minute, moment.after) != (None, None, None)
        assert moment.after is None or (moment.day is None and moment.minute is None)


@given(VOCABULARY.filter(lambda text: "2026-12-03" not in text), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_words_without_a_year_never_mean_the_past(text: str, today: date) -> None:
    moment = read_moment(text, today=today)
    assert moment is None or moment.day is None or moment.day >= today


@given(VOCABULARY, st.sampled_from(["no", "nunca", "xyz", "quizás", "antes", "tampoco"]), st.integers(0, 8))
def test_one_word_that_is_not_known_spoils_the_whole(text: str, stranger: str, place: int) -> None:
    words = text.split()
    words.insert(min(place, len(words)), stranger)
    assert read_moment(" ".join(words), today=TUESDAY) is None


def minute(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
