"""Contact policies: hours, days, waves and caps, from `config/catalogue/policies.toml`, with the changes of a batch.

A policy is data; the decisions that read it stand in `speechai.core`. Called by whoever decides about a contact. A
legal preset is what one law was read to say, beneath the user's own rules: the stricter value of the two holds. None of
this is legal advice.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from functools import lru_cache
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.catalogue.policy_fields import (
    ALL_HOURS,
    RULES,
    WEEKDAYS,
    Hours,
    PhoneOrder,
    read_count,
    read_flag,
)
from speechai.errors import ConfigurationError, UsageError

__all__ = [
    "Hours",
    "PhoneOrder",
    "Policy",
    "get_policy",
    "load_policies",
    "loosened_fields",
    "resolve_policy",
    "stricter",
]

OWN = "own"
"""The table of the user's own rules: no policy by itself, since it has no hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The rules of one policy. Days are local days at the contact's place; a week is the 7 that end today."""

    name: str
    title: str
    source: str
    read_on: date
    """When the source was read; the first of the month where only the month is known."""
    version: int
    """Grows with every change of the preset: attempts keep `label`."""
    is_legal: bool
    """True for what one country's law asks: an override that loosens it must say why."""
    unverified: frozenset[str]
    """Fields whose reading of the law nobody has confirmed; their values are the strict reading."""
    country: str | None
    """ISO 3166 alpha-2 of the law; None where it is nobody's law."""
    hours: dict[int, Hours]
    """By weekday, 0 = Monday; a weekday that is missing is closed."""
    closed_on_holidays: bool
    waves: tuple[time, ...]
    people_a_day: int
    attempts_a_day: int
    attempts_a_week: int | None
    phone_attempts_a_day: int | None
    phone_attempts_a_week: int | None
    contacts_a_week: int | None
    """Effective contacts (somebody talked), not attempts."""
    quiet_days: int
    """Local days without a call from a conversation on, its own day included; 0: none."""
    minutes_between_attempts: int
    """Between two attempts to one person."""
    silent_days: int
    attempts_a_job: int | None
    """None: what MAX_TRIES and the wave days give."""
    delays_minutes: Mapping[str, int]
    """Rest after `no_answer` and after `other` outcomes; a class that is missing has that of the settings."""
    phone_order: PhoneOrder
    voicemail_is_contact: bool
    callback_lifts: bool
    """A call that the person asked for may come within quiet days and above week caps; never above a day's caps."""
    simulator_only: bool = False
    changed: tuple[str, ...] = ()
    """Fields that an account or a batch replaced."""
    because: str | None = None
    """Why it was allowed to loosen a legal preset."""

    @property
    def label(self) -> str:
        """What an attempt keeps of the policy that it was dialled under: `cl-ley-21320 v1`, and what was changed."""
        return f"{self.name} v{self.version}" + (f", changed: {', '.join(self.changed)}" if self.changed else "")

    def __hash__(self) -> int:
        # Of a few fields: a dict has no hash, and equal policies have the same name.
        return hash((self.name, self.version, self.changed, self.attempts_a_day, self.attempts_a_week))


def get_policy(name: str) -> Policy:
    """The policy called `name`, always the same object. Raises UsageError naming the ones that exist."""
    policies = load_policies()
    if name not in policies:
        raise UsageError(f"there is no policy {name!r}; known are: {', '.join(sorted(policies))}")
    return policies[name]


def resolve_policy(name: str, overrides: Mapping[str, Any], because: str | None) -> Policy:
    """The policy called `name` with fields replaced by `overrides`, values as TOML writes them.

    A table (`hours`, `delays_minutes`) replaces the entries that it names: `{"sat": "closed"}` leaves the other days as
    they are. "none" takes a limit away. The same arguments give the same object, so that what is worked out for a
    policy is worked out once. Raises UsageError for a policy or field that does not exist, a value that cannot be, and
    a legal preset that is made looser without a word in `because`.
    """
    if not overrides:
        return get_policy(name)
    return _resolved(name, json.dumps(dict(overrides), sort_keys=True, default=str), (because or "").strip() or None)


@lru_cache(maxsize=1024)
def _resolved(name: str, overrides: str, because: str | None) -> Policy:
    base = get_policy(name)
    given = json.loads(overrides)
    values: dict[str, Any] = {}
    for field, value in given.items():
        if field not in RULES:
            raise UsageError(f"policy {name!r} has no field {field!r} to change; known are: {', '.join(RULES)}")
        try:
            values[field] = RULES[field].replaced(getattr(base, field), value)
        except (AttributeError, TypeError, ValueError) as error:
            raise UsageError(f"policy {name!r}, {field} = {value!r}: {error}") from None
    changed = replace(base, **values)
    changed = replace(changed, changed=_differing(base, changed))
    if base.is_legal and (loosened := loosened_fields(base, changed)):
        if because is None:
            words = "; ".join(f"{f} from {_shown(getattr(base, f))} to {_shown(getattr(changed, f))}" for f in loosened)
            raise UsageError(
                f"policy {name!r} is a legal preset and this loosens it: {words}. Say why (`because`), or leave it"
            )
        changed = replace(changed, because=because)
    try:
        _check(changed)
    except ValueError as error:
        raise UsageError(f"policy {name!r} with {', '.join(given)} changed: {error}") from None
    return changed


def loosened_fields(base: Policy, changed: Policy) -> list[str]:
    """The fields in which `changed` allows something that `base` forbids, in the order of the catalogue.

    Waves and the order of phones only pace the work and are never among them.
    """
    return [name for name, rule in RULES.items() if rule.loosens(getattr(base, name), getattr(changed, name))]


@lru_cache(maxsize=1024)
def stricter(a: Policy, b: Policy) -> Policy:
    """Both policies at once: field by field the stricter value, hours in which both are open.

    The order of the two does not matter, and the result is looser than neither. It may be open at no hour at all.
    """
    if a == b:
        return a
    fields = {name: rule.stricter(getattr(a, name), getattr(b, name)) for name, rule in RULES.items()}
    return Policy(
        **fields,
        name=_joined(a.name, b.name, "+"),
        title=_joined(a.title, b.title, " + "),
        source=_joined(a.source, b.source, " + "),
        read_on=min(a.read_on, b.read_on),
        version=max(a.version, b.version),
        is_legal=a.is_legal or b.is_legal,
        unverified=a.unverified | b.unverified,
        country=a.country if b.country in (a.country, None) else b.country if a.country is None else None,
        simulator_only=a.simulator_only or b.simulator_only,
        changed=tuple(sorted({*a.changed, *b.changed})),
        because=_joined(a.because or "", b.because or "", "; ") or None,
    )


@lru_cache(maxsize=1)
def load_policies() -> dict[str, Policy]:
    """Every policy of the catalogue by name. Raises ConfigurationError."""
    tables = read_catalogue("policies.toml")
    own = read_own(tables.pop(OWN, {}))
    return {name: read_policy(name, table, own) for name, table in tables.items()}


def read_own(table: dict[str, Any]) -> dict[str, Any]:
    """The user's own rules, by field. Raises ConfigurationError."""
    where = "table 'own' in config/catalogue/policies.toml"
    try:
        if unknown := set(table) - (set(RULES) - _OF_A_PLACE):
            raise ValueError(f"unknown fields {sorted(unknown)}")
        given = {name: RULES[name].replaced({}, value) for name, value in table.items()}
        if missing := [name for name in RULES if name not in given and name not in _NO_RULE]:
            raise ValueError(f"{', '.join(missing)} missing")
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None
    return {**_NO_RULE, **given}


_OF_A_PLACE = {"hours", "closed_on_holidays"}
"""What the user's own rules leave to each policy."""
_NO_RULE: Mapping[str, Any] = {
    "hours": ALL_HOURS,
    "closed_on_holidays": False,
    "attempts_a_week": None,
    "phone_attempts_a_day": None,
    "phone_attempts_a_week": None,
    "contacts_a_week": None,
    "quiet_days": 0,
    "minutes_between_attempts": 0,
    "attempts_a_job": None,
    "delays_minutes": {},
}


def read_policy(name: str, table: dict[str, Any], own: Mapping[str, Any]) -> Policy:
    """One table of the catalogue beneath the user's own rules. Raises ConfigurationError."""
    where = f"policy {name!r} in config/catalogue/policies.toml"
    try:
        # A misspelt `simulator_only` must not open every hour of every day to real phones.
        if unknown := set(table) - set(RULES) - _ABOUT:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        if table["base"] != OWN:
            raise ValueError(f"base {table['base']!r}: only {OWN!r} is known")
        if missing := _OF_A_PLACE - set(table):
            raise ValueError(f"{', '.join(sorted(missing))} missing")
        given = {field: rule.replaced({}, table[field]) for field, rule in RULES.items() if field in table}
        policy = Policy(
            **{f: rule.stricter(own[f], given[f]) if f in given else own[f] for f, rule in RULES.items()},
            name=name,
            title=table["title"],
            source=table["source"],
            read_on=_day(table["read_on"]),
            version=read_count(table["version"]),
            is_legal=read_flag(table.get("is_legal", False)),
            unverified=_field_names(table.get("unverified", [])),
            country=_country(table.get("country")),
            simulator_only=read_flag(table.get("simulator_only", False)),
        )
        _check(policy)
    except KeyError as missing:
        raise ConfigurationError(f"{where}: {missing} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None
    return policy


_ABOUT = {"title", "source", "read_on", "version", "base", "is_legal", "unverified", "country", "simulator_only"}


def _check(policy: Policy) -> None:
    if policy.is_legal and policy.country is None:
        raise ValueError("a legal preset names its country")
    minutes = [wave.hour * 60 + wave.minute for wave in policy.waves]
    if not any(hours.start_minute <= m < hours.end_minute for hours in policy.hours.values() for m in minutes):
        raise ValueError("needs hours and at least one wave within them")


def _differing(base: Policy, changed: Policy) -> tuple[str, ...]:
    return tuple(name for name in RULES if getattr(base, name) != getattr(changed, name))


def _joined(a: str, b: str, mark: str) -> str:
    """The parts of both once, in order: joining again changes nothing."""
    return mark.join(sorted({part for text in (a, b) for part in text.split(mark) if part}))


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{WEEKDAYS[key] if type(key) is int else key} {item}" for key, item in value.items())
    return "no limit" if value is None else str(value)


def _field_names(names: list[str]) -> frozenset[str]:
    if unknown := set(names) - set(RULES):
        raise ValueError(f"unverified names unknown fields {sorted(unknown)}")
    return frozenset(names)


def _country(value: Any) -> str | None:
    if value is not None and not (isinstance(value, str) and len(value) == 2 and value.isupper()):
        raise ValueError(f"country {value!r} is not a code of two capitals")
    return value


def _day(value: Any) -> date:
    if type(value) is not date:
        raise ValueError(f"read_on {value!r} is not a day")
    return value
