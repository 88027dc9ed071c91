"""Words about days and hours where a month, a year or a day ends: what is counted on, and what there is not."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from speechai.core.moments import Moment, read_moment
from speechai.core.written import shown


@pytest.mark.parametrize(
    ("today", "said", "expected"),
    [
        ("2027-01-31", "en un mes", "2027-02-28"),
        ("2027-01-31", "en dos meses", "2027-03-31"),
        ("2026-10-31", "en un mes", "2026-11-30"),
        ("2026-12-15", "en un mes", "2027-01-15"),
        ("2026-11-24", "el 24 de noviembre", "2026-11-24"),
        ("2026-11-24", "end of the year", "2026-12-31"),
        ("2026-12-31", "fin de año", "2026-12-31"),
        ("2026-11-30", "fin de noviembre", "2026-11-30"),
        ("2026-11-24", "fin de octubre", "2027-10-31"),
        ("2026-12-31", "a fin del próximo mes", "2027-01-31"),
        ("2027-01-31", "a fin del próximo mes", "2027-02-28"),
        ("2026-12-31", "el 5", "2027-01-05"),
        ("2027-01-31", "el 28 del próximo mes", "2027-02-28"),
    ],
)
def test_months_are_counted_over_their_ends(today: str, said: str, expected: str) -> None:
    moment = read_moment(said, today=date.fromisoformat(today))
    assert moment is not None
    assert moment.day == date.fromisoformat(expected)


@pytest.mark.parametrize(
    ("said", "minute"),
    [
        ("entre las 8 y las 9 de la noche", 20 * 60),
        ("entre las 11 y las 3 de la tarde", 11 * 60),
        ("entre las 2 y las 3 de la tarde", 14 * 60),
        ("a las 23 y 59", 23 * 60 + 59),
        ("a las 23 y 60", None),
        ("a las 23 y 61", None),
        ("a las 0 menos 10", None),
        ("a las 0 y 10", 10),
    ],
)
def test_an_hour_lies_within_its_day_and_a_part_of_the_day_said_of_the_end_is_the_ends(
    said: str, minute: int | None
) -> None:
    moment = read_moment(said, today=date(2026, 11, 24))
    assert (moment.minute if moment is not None else None) == minute


TOMORROW = date(2026, 11, 25)


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("a las 7", Moment(minute=19 * 60, is_exact=True)),
        ("a las 8", Moment(minute=8 * 60, is_exact=True, is_twofold=True)),
        ("a las 11", Moment(minute=11 * 60, is_exact=True, is_twofold=True)),
        ("a las 12", Moment(minute=12 * 60, is_exact=True)),
        ("a las 8 de la mañana", Moment(minute=8 * 60, is_exact=True)),
        ("en la mañana", Moment(minute=10 * 60)),
        ("mañana en la mañana", Moment(day=TOMORROW, minute=10 * 60)),
        ("tomorrow", Moment(day=TOMORROW)),
        ("5 o'clock tomorrow", Moment(day=TOMORROW, minute=17 * 60, is_exact=True)),
        ("el primero de diciembre", Moment(day=date(2026, 12, 1))),
        ("1st of December", Moment(day=date(2026, 12, 1))),
        ("la próxima semana", Moment(day=date(2026, 11, 30), is_range=True)),
        ("la próxima semana a las 5", Moment(day=date(2026, 11, 30), is_range=True, minute=17 * 60, is_exact=True)),
        ("la próxima semana al mediodía", Moment(day=date(2026, 11, 30), is_range=True, minute=720, is_exact=True)),
        ("el lunes a las 9 en la noche", Moment(day=date(2026, 11, 30), minute=21 * 60, is_exact=True)),
        ("en dos horas", Moment(after=timedelta(hours=2))),
        ("en dos horas al mediodía", None),
        ("en dos horas a las 5", None),
        ("en dos horas en la tarde", None),
        ("en dos horas mañana", None),
        ("12 horas", None),
        ("13 horas", Moment(minute=13 * 60, is_exact=True)),
    ],
)
def test_a_moment_is_exactly_what_was_said(said: str, moment: Moment | None) -> None:
    assert read_moment(said, today=date(2026, 11, 24)) == moment


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10**30 - 1, "9" * 30),
        (10**30, "a whole number of more than 30 digits"),
        (-(10**5000), "a whole number of more than 30 digits"),
        (True, "True"),
        (3.5, "3.5"),
        ([1, 2], "[...]"),
        ({"a": 1}, "{...}"),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        ("a\nb\tc ", "a b c"),
        ("a\ud800b", "a b"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_shown_in_one_line(value: Any, text: str) -> None:
    assert shown(value) == text
