"""What the agent wrote down in a call, read by the types of the use case: values as a document holds them, and faults.

Enter the use case, the raw fields of the call's analysis, and the day, zone and country of the contact; leaves a
`Captured`. An agent is a language model: dates come as "31/12/2026" or "el viernes", amounts as "cincuenta mil pesos".
What cannot be read with certainty is a fault with words and the raw value, never a guess. Called when a call is
finished.

| kind | stored as |
| --- | --- |
| date | `2026-12-31` |
| time | `17:30` |
| datetime | ISO 8601 with the offset of the contact's zone |
| amount | integer, minor units of the country's money |
| integer | integer |
| number | float |
| boolean | true or false |
| choice | the name of the choice |
| text | text |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from speechai.catalogue.currencies import MINOR_DIGITS
from speechai.catalogue.use_cases import Field, Kind, UseCase
from speechai.core.amounts import CURRENCIES, AmountFault, figures, read_said_amount
from speechai.core.calendar import local_instant
from speechai.core.days import DayFault, read_written_day
from speechai.core.full_dates import read_full_date
from speechai.core.moments import read_hour, read_moment
from speechai.core.numerals import fold, in_figures
from speechai.core.written import is_nothing, shown, single

Json = str | int | float | bool

LONGEST_TEXT = 2_000
"""Characters of a text that are kept."""
EARLIEST_YEAR, YEARS_AHEAD = 2000, 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a field could not be read. `raw` is what the agent wrote, shortened; "" where the field is missing."""

    code: str
    raw: str
    label_en: str
    label_es: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def words(self, language: Literal["en", "es"] = "en") -> str:
        """One sentence for the operator."""
        label = self.label_en if language == "en" else self.label_es
        sentence = _WORDS[self.code][0 if language == "en" else 1]
        return sentence.format(label=label, raw=self.raw, **self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The fields of one call. A field that the agent left empty is in neither mapping, unless it is required."""

    values: Mapping[str, Json]
    unread: Mapping[str, Fault]

    @property
    def faults(self) -> dict[str, str]:
        """Field name to what is wrong with it, in English, the raw value in it."""
        return self.faults_in("en")

    def faults_in(self, language: Literal["en", "es"]) -> dict[str, str]:
        """The same in either language."""
        return {name: fault.words(language) for name, fault in self.unread.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    today: date
    zone: ZoneInfo
    country: str


_WORDS: dict[str, tuple[str, str]] = {
    "missing": ("{label}: the agent wrote nothing down", "{label}: el agente no anotó nada"),
    "date": ("{label}: '{raw}' is not a certain date", "{label}: '{raw}' no es una fecha segura"),
    "impossible": ("{label}: there is no such day as '{raw}'", "{label}: el día '{raw}' no existe"),
    "out_of_range": (
        "{label}: the date '{raw}' is out of any reasonable range",
        "{label}: la fecha '{raw}' está fuera de lo razonable",
    ),
    "range": ("{label}: '{raw}' means several days", "{label}: '{raw}' son varios días"),
    "time": ("{label}: '{raw}' is not a certain time of day", "{label}: '{raw}' no es una hora segura"),
    "unreadable": ("{label}: '{raw}' is not a certain amount", "{label}: '{raw}' no es un monto seguro"),
    "ambiguous": (
        "{label}: '{raw}' can be read as two different amounts",
        "{label}: '{raw}' se puede leer como dos montos distintos",
    ),
    "negative": ("{label}: the amount '{raw}' is negative", "{label}: el monto '{raw}' es negativo"),
    "too_large": (
        "{label}: the amount '{raw}' is too large to be real",
        "{label}: el monto '{raw}' es demasiado grande para ser real",
    ),
    "number": ("{label}: '{raw}' is not a number", "{label}: '{raw}' no es un número"),
    "bounds": ("{label}: '{raw}' is not {bounds_en}", "{label}: '{raw}' no es {bounds_es}"),
    "boolean": ("{label}: '{raw}' is neither yes nor no", "{label}: '{raw}' no es ni sí ni no"),
    "choice": ("{label}: '{raw}' is none of {choices}", "{label}: '{raw}' no es ninguno de {choices}"),
    "text": ("{label}: '{raw}' is not a text", "{label}: '{raw}' no es un texto"),
}


class _Unread(Exception):
    """A value that is no certain value of its type; `code` names the sentence. Never leaves this module."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code, self.facts = code, facts


def read_captured(use_case: UseCase, raw: Mapping[str, Any], *, today: date, zone: ZoneInfo, country: str) -> Captured:
    """The fields of `use_case` in `raw`, read on the contact's local day `today` in `zone`.

    country: ISO 3166 alpha-2, for the money that is meant and the way in which numbers are written. Fields that the use
    case does not name are left alone; where the agent wrote no field at all, as after a call that nobody answered, none
    is missing. Never raises for any value of `raw`.
    """
    values: dict[str, Json] = {}
    unread: dict[str, Fault] = {}
    where = _Where(today=today, zone=zone, country=country)
    for name, wanted in use_case.captured.items():
        written = single(raw.get(name))
        try:
            value = None if is_nothing(written) else _READERS[wanted.kind](written, wanted, where)
            if value is None and wanted.required and raw:
                raise _Unread("missing")
        except _Unread as fault:
            labels = {"label_en": wanted.label_en, "label_es": wanted.label_es}
            unread[name] = Fault(code=fault.code, raw=shown(written), facts=fault.facts, **labels)
        else:
            if value is not None:
                values[name] = value
    return Captured(values=values, unread=unread)


def _date(value: Any, _: Field, where: _Where) -> str | None:
    if not isinstance(value, str):
        raise _Unread("date")
    text = value.strip()
    written = _stated_day(text, where)
    if written is None:
        moment = read_moment(text, today=where.today)
        if moment is None or moment.day is None:
            full = read_full_date(text, local=datetime.combine(where.today, time(12), where.zone))
            if full is None:
                raise _Unread("date")
            written = full.date()
        elif moment.is_range:
            raise _Unread("range")
        else:
            written = moment.day
    if not EARLIEST_YEAR <= written.year <= where.today.year + YEARS_AHEAD:
        raise _Unread("out_of_range")
    return written.isoformat()


def _stated_day(text: str, where: _Where) -> date | None:
    """A day with its year in figures. Of an instant with an offset, the day in the contact's zone; midnight is filler."""
    try:
        instant = datetime.fromisoformat(text) if len(text) > 10 else None
        if instant is not None and instant.tzinfo is not None and (instant.hour, instant.minute) != (0, 0):
            return instant.astimezone(where.zone).date()
    except (ValueError, OverflowError):
        pass
    written = read_written_day(text, today=where.today)
    if written is DayFault.IMPOSSIBLE:
        raise _Unread("impossible")
    return written if isinstance(written, date) else None


def _time(value: Any, _: Field, where: _Where) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Unread("time")
    text = value if isinstance(value, str) else repr(value) if abs(value) < 10_000 else ""
    minute = read_hour(text)
    if minute is None:
        moment = read_moment(text, today=where.today)
        minute = moment.minute if moment is not None and moment.day is None else None
    if minute is None:
        raise _Unread("time")
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _datetime(value: Any, _: Field, where: _Where) -> str | None:
    if not isinstance(value, str):
        raise _Unread("date")
    text = value.strip()
    try:
        stated = datetime.fromisoformat(text) if len(text) > 10 else None
    except ValueError:
        stated = read_full_date(text, local=datetime.combine(where.today, time(12), where.zone))
    try:
        if stated is not None and stated.tzinfo is not None:
            return _in_range(stated.astimezone(where.zone), where)
    except OverflowError:
        raise _Unread("out_of_range") from None
    if stated is not None:
        day, minute = stated.date(), stated.hour * 60 + stated.minute
    else:
        moment = read_moment(text, today=where.today)
        if moment is None or moment.day is None or moment.minute is None or moment.is_range:
            raise _Unread("date")
        day, minute = moment.day, moment.minute
    if not EARLIEST_YEAR <= day.year <= where.today.year + YEARS_AHEAD:
        raise _Unread("out_of_range")
    return _in_range(local_instant(day, minute, where.zone).astimezone(where.zone), where)


def _in_range(instant: datetime, where: _Where) -> str:
    if not EARLIEST_YEAR <= instant.year <= where.today.year + YEARS_AHEAD:
        raise _Unread("out_of_range")
    return instant.isoformat(timespec="seconds")


def _amount(value: Any, wanted: Field, where: _Where) -> int | None:
    amount = read_said_amount(value, country=where.country)
    if isinstance(amount, AmountFault):
        raise _Unread(amount.value)
    if not amount:  # an agent that may only write a number writes 0 where none was said
        return None
    _check_bounds(Decimal(amount).scaleb(-MINOR_DIGITS[CURRENCIES[where.country]]), wanted)
    return amount


def _number(value: Any, wanted: Field, _: _Where) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _Unread("number")
    if isinstance(value, str):
        text = in_figures(fold(value.strip()))
        text, sign = text.removeprefix("-"), -1 if text.startswith("-") else 1
        found = figures(text) if len(text) <= 40 else AmountFault.UNREADABLE
        if isinstance(found, AmountFault):
            raise _Unread("number")
        number = sign * found
    else:
        if isinstance(value, float) and not math.isfinite(value):
            raise _Unread("number")
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if abs(number) > 2**53:
        raise _Unread("number")
    _check_bounds(number, wanted)
    return number


def _integer(value: Any, wanted: Field, where: _Where) -> int:
    number = _number(value, wanted, where)
    if number != int(number):
        raise _Unread("number")
    return int(number)


def _float(value: Any, wanted: Field, where: _Where) -> float:
    return float(_number(value, wanted, where))


def _check_bounds(number: Decimal, wanted: Field) -> None:
    too_small = wanted.least is not None and number < Decimal(repr(wanted.least))
    too_big = wanted.most is not None and number > Decimal(repr(wanted.most))
    if too_small or too_big:
        least, most = ("" if bound is None else str(bound) for bound in (wanted.least, wanted.most))
        if least and most:
            raise _Unread("bounds", bounds_en=f"from {least} to {most}", bounds_es=f"de {least} a {most}")
        if least:
            raise _Unread("bounds", bounds_en=f"{least} or more", bounds_es=f"{least} o más")
        raise _Unread("bounds", bounds_en=f"{most} or less", bounds_es=f"{most} o menos")


_YES = frozenset(
    ["si", "yes", "y", "s", "true", "verdadero", "1", "ok", "claro", "correcto", "afirmativo", "confirmado"]
)
_NO = frozenset(["no", "n", "false", "falso", "0", "negativo", "nunca", "never"])


def _boolean(value: Any, _: Field, __: _Where) -> bool:
    if isinstance(value, bool):
        return value
    word = fold(value).strip(" .!¡") if isinstance(value, str) else str(value) if value in (0, 1) else ""
    if word in _YES or word in _NO:
        return word in _YES
    raise _Unread("boolean")


def _choice(value: Any, wanted: Field, _: _Where) -> str:
    choices = wanted.choices or {}
    if isinstance(value, str):
        bare = _bare(value)
        for name, words in choices.items():
            if bare in (_bare(name), *map(_bare, words)):
                return name
    raise _Unread("choice", choices=", ".join(choices))


def _bare(text: str) -> str:
    return " ".join("".join(sign if sign.isalnum() else " " for sign in fold(text)).split())


def _text(value: Any, _: Field, __: _Where) -> str:
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        value = "; ".join(shown(each) for each in value[:50])
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Unread("text")
    text = value if isinstance(value, str) else shown(value)
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", " ").strip()[:LONGEST_TEXT]


_READERS: Mapping[Kind, Callable[[Any, Field, _Where], Json | None]] = {
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
