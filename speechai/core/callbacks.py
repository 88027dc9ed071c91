"""When a person asked to be called again, from the agent's fields and the person's own words.

Enter Retell's reason, the fields that the agent filled, the instant and the zone of the conversation; leaves a
`CallbackWish`, which `clamp_callback` moves into the hours of a policy. Called when a call is finished.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from speechai.catalogue.policies import Policy
from speechai.core.calendar import local_instant, next_open
from speechai.core.full_dates import read_full_date
from speechai.core.model import Site
from speechai.core.moments import Moment, read_moment
from speechai.core.numerals import fold
from speechai.core.said_hours import hour_text, read_hour
from speechai.core.written import is_nothing, shown, single

REASON = "user_requested_callback"
"""Retell's disconnection reason, since about version 6.2.6 of its SDK (retell-api, 4.4)."""

_WHOLE = (
    "callback_at", "callback_datetime", "fecha_hora_callback", "callback_fecha_hora", "callback_when", "cuando_llamar"
)  # fmt: skip
_DAYS = ("fecha_callback", "callback_fecha", "callback_date", "callback_day", "fecha_rellamado", "fecha_rellamada")
_HOURS = ("hora_callback", "callback_hora", "callback_time", "hora_rellamado", "hora_rellamada")
_WORDS = ("callback", "callback_words", "rellamar", "volver_a_llamar", "llamar_despues")

_YES = ("si", "yes", "true", "1")
_NO = ("no", "false", "ninguno", "ninguna", "nunca", "never")

DAY_WITHOUT_HOUR = 10 * 60
"""Ours: 10:00 where a day was asked for without an hour."""
LATER_TODAY = timedelta(hours=2)
"""Ours: the wait where only "today" was said."""
FARTHEST = timedelta(days=180)
"""Ours: a wish beyond it was misread, by the agent or here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackWish:
    """A wish to be called again. `at` (aware UTC, after the moment of speaking) is None where it is not understood."""

    at: datetime | None
    said: str
    """The words or fields, cut to a length that can be read."""
    understood: bool


def callback_of(
    reason: str | None, raw: Mapping[str, Any], *, said_at: datetime, zone: ZoneInfo
) -> CallbackWish | None:
    """The wish to be called again that was expressed at `said_at` (aware) in `zone`; None where there is none.

    Fields come before words, and a field that is not understood is not replaced by another that says something else.
    A bare hour from 1 to 7 is in the afternoon; a time of day that has passed is tomorrow's; a weekday is the next one
    after today. Never raises for any value of `raw`, and the same arguments give the same wish.
    """
    fields = {name.lower(): value for name, value in raw.items() if isinstance(name, str)}
    whole, day, hour, words = (_first(fields, names) for names in (_WHOLE, _DAYS, _HOURS, _WORDS))
    said = " ".join(dict.fromkeys(shown(value) for value in (whole, day, hour, words) if value is not None))
    is_asked = any(value is not None for value in (whole, day, hour, words))
    if reason != REASON and not is_asked:
        return None
    at = _instant(whole, day, hour, words, said_at, zone)
    if at is not None and not said_at < at <= said_at + FARTHEST:
        at = None
    return CallbackWish(at=at, said=said, understood=at is not None)


def clamp_callback(policy: Policy, site: Site, at: datetime, now: datetime) -> datetime:
    """The first instant at or after `at` and `now` (aware UTC) at which the policy's hours are open at `site`.

    Raises ValueError for a policy that never opens and for a country whose holidays are not known.
    """
    return next_open(policy, site, max(at, now))


def _first(fields: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if name in fields and not _says_no(fields[name])), None)


def _says_no(value: Any) -> bool:
    value = single(value)
    return value is False or is_nothing(value) or (isinstance(value, str) and value.strip(" .").lower() in _NO)


def _instant(whole: Any, day: Any, hour: Any, words: Any, said_at: datetime, zone: ZoneInfo) -> datetime | None:
    local = said_at.astimezone(zone)
    words = None if _says_yes(words) else words
    source = next((value for value in (whole, day, words) if value is not None), None)
    if hour is None:
        return None if source is None else _at(_exact_or_moment(source, local), local, zone)
    second = _moment_of_hour(hour, local.date())
    if source is None:
        return _at(second, local, zone)
    first = _exact_or_moment(source, local)
    is_enough = isinstance(first, datetime) or (first is not None and (first.day is None or first.minute is not None))
    if whole is not None and is_enough:
        return _at(first, local, zone)
    return _at(_together(first, second, zone), local, zone)


def _says_yes(value: Any) -> bool:
    value = single(value)
    return (isinstance(value, int) and value == 1) or (isinstance(value, str) and fold(value).strip(" .!") in _YES)


def _exact_or_moment(value: Any, local: datetime) -> datetime | Moment | None:
    """An instant where the text holds its own offset, else what it says of day and time; a bare number says nothing."""
    value = single(value)
    if not isinstance(value, str) or not re.search(r"[^\d\s.,]", value):
        return None
    text = value.strip()
    iso = _iso(text)
    if iso is not None:
        return iso
    moment = read_moment(text, today=local.date())
    if moment is not None:
        return moment
    full = read_full_date(text, local=local)
    if full is None:
        return None
    return full.astimezone(UTC) if full.tzinfo else _plain(full)


def _iso(text: str) -> datetime | Moment | None:
    """An ISO date and time; a midnight is what agents pad a bare day with, whatever its offset."""
    if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text, re.ASCII):
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None or (found.hour, found.minute, found.second) == (0, 0, 0):
            return _plain(found)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _plain(wall: datetime) -> Moment:
    minute = wall.hour * 60 + wall.minute
    return Moment(day=wall.date(), minute=minute or None)  # midnight is filler


def _together(first: datetime | Moment | None, second: Moment | None, zone: ZoneInfo) -> Moment | None:
    """The day of one field and the time of another; where each names a day, or a wait, they have to agree."""
    if isinstance(first, datetime):
        first = Moment(day=first.astimezone(zone).date())
    if first is None or second is None or first.day is None or second.after is not None:
        return None
    if second.day is not None and second.day != first.day:
        return None
    return replace(second, day=first.day)


def _moment_of_hour(value: Any, today: date) -> Moment | None:
    """What a field says that asks only for a time; a day beside it is kept."""
    value = single(value)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = hour_text(value)
    minute = read_hour(text)
    if minute is not None:
        return Moment(minute=minute)
    moment = _iso(text.strip()) or read_moment(text, today=today)
    if isinstance(moment, datetime):
        return None
    return moment if moment is not None and (moment.minute is not None or moment.after is not None) else None


def _at(moment: datetime | Moment | None, local: datetime, zone: ZoneInfo) -> datetime | None:
    """The instant of a moment, after `local`; None where its day is over."""
    said_at = local.astimezone(UTC)
    if moment is None or isinstance(moment, datetime):
        return moment
    if moment.after is not None:
        return said_at + moment.after
    return next((at for at in _candidates(moment, local, zone) if at > said_at), None)


def _candidates(moment: Moment, local: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    today, day = local.date(), moment.day
    if day is None:  # only an hour: today's, or else tomorrow's
        for each in (today, today + timedelta(days=1)):
            yield local_instant(each, moment.minute or 0, zone)
        return
    if day < today:
        return
    if moment.minute is not None:
        yield local_instant(day, moment.minute, zone)
        if moment.is_twofold:  # "hoy a las 9", said in the afternoon
            yield local_instant(day, moment.minute + 12 * 60, zone)
        if day == today:
            yield local_instant(day + timedelta(days=1), moment.minute, zone)
        return
    yield local.astimezone(UTC) + LATER_TODAY if day == today else local_instant(day, DAY_WITHOUT_HOUR, zone)
