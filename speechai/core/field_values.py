"""One value that an agent wrote down, read by the type of its field.

Enter the value as JSON gave it, the field of the use case, and when and where it was said; leaves the value as a
document holds it, or raises `Unread`. The forms are in the table of `captured`, which calls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.currencies import MINOR_DIGITS
from speechai.catalogue.use_cases import Field, Kind
from speechai.core.amounts import CURRENCIES, AmountFault, figures, is_point_decimal, read_said_amount
from speechai.core.calendar import local_instant
from speechai.core.days import YEARS_AHEAD, DayFault, read_written_day
from speechai.core.full_dates import read_full_date
from speechai.core.moments import read_moment
from speechai.core.numerals import fold, in_figures
from speechai.core.said_hours import hour_text, read_hour
from speechai.core.written import shown

Json = str | int | float | bool

LONGEST_TEXT = 2_000
"""Characters of a text that are kept."""
_LARGEST_NUMBER = 2**53
_LONGEST_NUMBER = 40
_COUNTED = re.compile(r"\s+(?:puntos?|estrellas?|points?|stars?|cuotas?|pagos?|payments?|instal?lments?)$")
_OUT_OF = re.compile(r"(?P<number>[0-9]+)\s*(?:/|de|sobre|of|out of)\s*(?P<most>[0-9]+)")
EARLIEST_YEAR = 2000
"""Ours: nothing that an agent writes down of a call lies earlier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """When and where the values were said: local day, zone, and country by ISO 3166 alpha-2."""

    today: date
    zone: ZoneInfo
    country: str


class Unread(Exception):
    """A value that is no certain value of its type; `code` names the sentence of `captured`, which catches it."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


def read_value(value: Any, wanted: Field, said: Said) -> Json | None:
    """The value of the field; None where it stands for nothing (an amount of 0). Raises Unread."""
    return _READERS[wanted.kind](value, wanted, said)


def _date(value: Any, _: Field, said: Said) -> str:
    if not isinstance(value, str):
        raise Unread("date")
    text = value.strip()
    day = _stated_day(text, said)
    if day is None and (moment := read_moment(text, today=said.today)) is not None:
        if moment.is_range:
            raise Unread("range")
        day = moment.day
    if day is None and (full := _full(text, said)) is not None:
        day = full.date()
    if day is None:
        raise Unread("date")
    _check_year(day, said)
    return day.isoformat()


def _stated_day(text: str, said: Said) -> date | None:
    """A day with its year in figures. Of an instant with an offset, its day in the zone; midnight is filler."""
    instant = _iso_instant(text, said)
    if instant is not None and instant.tzinfo is not None and (instant.hour, instant.minute) != (0, 0):
        return instant.astimezone(said.zone).date()
    written = read_written_day(text, today=said.today)
    if written is DayFault.IMPOSSIBLE:
        raise Unread("impossible")
    return written if isinstance(written, date) else None


def _time(value: Any, _: Field, said: Said) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unread("time")
    text = hour_text(value)
    minute = read_hour(text)
    if minute is None and (moment := read_moment(text, today=said.today)) is not None and moment.is_exact:
        minute = moment.minute
    if minute is None:
        raise Unread("time")
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _datetime(value: Any, _: Field, said: Said) -> str:
    if not isinstance(value, str):
        raise Unread("date")
    text = value.strip()
    stated = _iso_instant(text, said) or _full(text, said)
    if stated is not None and stated.tzinfo is not None:
        return stated.astimezone(said.zone).isoformat(timespec="seconds")
    if stated is not None:
        day, minute = stated.date(), stated.hour * 60 + stated.minute
    else:
        moment = read_moment(text, today=said.today)
        if moment is None or moment.day is None or moment.minute is None or not moment.is_exact or moment.is_range:
            raise Unread("date")
        day, minute = moment.day, moment.minute
    _check_year(day, said)
    return local_instant(day, minute, said.zone).astimezone(said.zone).isoformat(timespec="seconds")


def _iso_instant(text: str, said: Said) -> datetime | None:
    """An ISO date with a time of day, and with its offset where the text says one."""
    if len(text) <= len("2026-12-31"):
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    _check_year(found.date(), said)
    return found


def _full(text: str, said: Said) -> datetime | None:
    found = read_full_date(text, local=datetime.combine(said.today, time(12), said.zone))
    if found is not None:
        _check_year(found.date(), said)
    return found


def _check_year(day: date, said: Said) -> None:
    if not EARLIEST_YEAR <= day.year <= said.today.year + YEARS_AHEAD:
        raise Unread("out_of_range")


def _amount(value: Any, wanted: Field, said: Said) -> int | None:
    amount = read_said_amount(value, country=said.country)
    if isinstance(amount, AmountFault):
        raise Unread(amount.value)
    if not amount:  # an agent that may only write a number writes 0 where none was said
        return None
    _check_bounds(Decimal(amount).scaleb(-MINOR_DIGITS[CURRENCIES[said.country]]), wanted)
    return amount


def _number(value: Any, wanted: Field, said: Said) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Unread("number")
    if isinstance(value, str):
        number = _number_in(value, wanted, said)
    elif isinstance(value, float) and not math.isfinite(value):
        raise Unread("number")
    else:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if abs(number) > _LARGEST_NUMBER:
        raise Unread("number")
    _check_bounds(number, wanted)
    return number


def _number_in(text: str, wanted: Field, said: Said) -> Decimal:
    """'4', 'cuatro', '4,5', '5 estrellas', '8/10' where the greatest number is 10."""
    if len(text) > _LONGEST_NUMBER:
        raise Unread("number")
    bare = _COUNTED.sub("", in_figures(fold(text)).strip(" ."))
    if (match := _OUT_OF.fullmatch(bare)) and match["most"] == str(wanted.most):
        bare = match["number"]
    found = figures(bare.removeprefix("-"), point_is_decimal=is_point_decimal(said.country))
    if isinstance(found, AmountFault):
        raise Unread("number")
    return -found if bare.startswith("-") else found


def _integer(value: Any, wanted: Field, said: Said) -> int:
    number = _number(value, wanted, said)
    if number != int(number):
        raise Unread("number")
    return int(number)


def _float(value: Any, wanted: Field, said: Said) -> float:
    return float(_number(value, wanted, said))


def _check_bounds(number: Decimal, wanted: Field) -> None:
    too_small = wanted.least is not None and number < Decimal(repr(wanted.least))
    too_big = wanted.most is not None and number > Decimal(repr(wanted.most))
    if too_small or too_big:
        if wanted.least is not None and wanted.most is not None:
            bounds = {
                "bounds_en": f"from {wanted.least} to {wanted.most}",
                "bounds_es": f"de {wanted.least} a {wanted.most}",
            }
        elif too_small:
            bounds = {"bounds_en": f"{wanted.least} or more", "bounds_es": f"{wanted.least} o más"}
        else:
            bounds = {"bounds_en": f"{wanted.most} or less", "bounds_es": f"{wanted.most} o menos"}
        raise Unread("bounds", **bounds)


_YES = frozenset(
    ["si", "yes", "y", "s", "true", "verdadero", "1", "ok", "claro", "correcto", "afirmativo", "confirmado"]
)
_NO = frozenset(["no", "n", "false", "falso", "0", "negativo", "nunca", "never"])


def _boolean(value: Any, _: Field, __: Said) -> bool:
    if isinstance(value, bool):
        return value
    word = fold(value).strip(" .!¡") if isinstance(value, str) else str(value) if value in (0, 1) else ""
    if word in _YES or word in _NO:
        return word in _YES
    raise Unread("boolean")


def _choice(value: Any, wanted: Field, _: Said) -> str:
    choices = wanted.choices or {}
    if isinstance(value, str):
        bare = _bare(value)
        for name, words in choices.items():
            if bare in (_bare(name), *map(_bare, words)):
                return name
    raise Unread("choice", choices=", ".join(choices))


def _bare(text: str) -> str:
    return " ".join("".join(sign if sign.isalnum() else " " for sign in fold(text)).split())


def _text(value: Any, _: Field, __: Said) -> str | None:
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        value = "; ".join(shown(each) for each in value[:50])
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unread("text")
    text = value if isinstance(value, str) else shown(value)
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").strip()[:LONGEST_TEXT] or None


_READERS: Mapping[Kind, Callable[[Any, Field, Said], Json | None]] = {
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.DATETIME: _datetime,
    Kind.AMOUNT: _amount,
    Kind.INTEGER: _integer,
    Kind.NUMBER: _float,
    Kind.BOOLEAN: _boolean,
    Kind.CHOICE: _choice,
    Kind.TEXT: _text,
}
