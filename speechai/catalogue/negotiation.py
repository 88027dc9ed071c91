"""The negotiation tables: what may be offered by type of arrears, one TOML file a table in `catalogue/negotiation`.

Leaves `NegotiationTable` values whose buckets cover every day from the first one overdue, once; `core.negotiation`
makes a debtor's offer of them. The fields are explained in `standard.toml`. A new table is a new file and no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.catalogue.currencies import MINOR_DIGITS, minor_units
from speechai.errors import ConfigurationError, UsageError

CURRENT = "current"
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One type of arrears and what may be offered in it. Both ends are days overdue and included.

    `from_days` None stands for a debt that is not overdue yet, or of which that is not known (see `name`); `to_days`
    None for a bucket without an end.
    """

    name: str
    """"1-30", "91+", "current" or "unknown": stable, for documents and reports."""
    name_es: str
    from_days: int | None
    to_days: int | None
    discount_percent: int
    instalments: int
    instalment_discount_percent: int
    least_percent: int
    least_amount_minor: Mapping[str, int] = field(default_factory=dict)
    """Least first payment by currency, minor units."""
    last_date_days: int
    tone: str
    agent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NegotiationTable:
    """One table. `buckets` stand in the order of days; a table may say nothing of current or unknown arrears."""

    name: str
    version: int
    title_en: str
    title_es: str
    buckets: tuple[Bucket, ...]
    current: Bucket | None = None
    unknown: Bucket | None = None

    @property
    def label(self) -> str:
        """Name and version, as kept with every offer."""
        return f"{self.name} v{self.version}"

    def bucket_of(self, days_overdue: int | None) -> Bucket | None:
        """The bucket of a debt so many days overdue (None: not known); None where the table offers it nothing."""
        if days_overdue is None:
            return self.unknown
        if days_overdue < 1:
            return self.current
        return next(b for b in self.buckets if b.to_days is None or days_overdue <= b.to_days)


def get_table(name: str) -> NegotiationTable:
    """The table called `name`. Raises UsageError naming the ones that exist."""
    tables = load_tables()
    if name not in tables:
        raise UsageError(f"there is no negotiation table {name!r}; known are: {', '.join(sorted(tables))}")
    return tables[name]


@lru_cache(maxsize=1)
def load_tables() -> dict[str, NegotiationTable]:
    """Every table by name. Raises ConfigurationError."""
    folder = files("config").joinpath("catalogue", "negotiation")
    names = sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))
    return {name: read_table(name, read_catalogue(f"negotiation/{name}.toml")) for name in names}


def read_table(name: str, toml: Mapping[str, Any]) -> NegotiationTable:
    """A table from what its file says.

    Raises ConfigurationError for an unknown or missing field, a number out of range, a gap or an overlap of days; it
    names the file, the bucket and the value.
    """
    where = f"config/catalogue/negotiation/{name}.toml"
    try:
        _only(toml, _TABLE_FIELDS)
        buckets = tuple(_bucket(one, f"bucket {n}") for n, one in enumerate(_list(toml["buckets"]), start=1))
        _check_cover(buckets)
        return NegotiationTable(
            name=name,
            version=_whole(toml["version"], "version", 1),
            title_en=_text(toml["title_en"], "title_en"),
            title_es=_text(toml["title_es"], "title_es"),
            buckets=buckets,
            current=_bucket(toml[CURRENT], CURRENT, name_es="al día") if CURRENT in toml else None,
            unknown=_bucket(toml[UNKNOWN], UNKNOWN, name_es="sin dato") if UNKNOWN in toml else None,
        )
    except KeyError as missing:
        raise ConfigurationError(f"{where}: {missing} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from None


_TABLE_FIELDS = {"version", "title_en", "title_es", "buckets", CURRENT, UNKNOWN}
_OFFER_FIELDS = {
    "discount_percent",
    "instalments",
    "instalment_discount_percent",
    "least_percent",
    "least_amount",
    "last_date_days",
    "tone",
    "agent_id",
}
_MOST_INSTALMENTS = 120
_MOST_DAYS = 366


def _bucket(toml: Mapping[str, Any], where: str, *, name_es: str | None = None) -> Bucket:
    """One bucket; `name_es` is given for the two that have no days."""
    try:
        has_days = name_es is None
        _only(toml, _OFFER_FIELDS | ({"from_days", "to_days"} if has_days else set()))
        first = _whole(toml["from_days"], "from_days", 1) if has_days else None
        last = _whole(toml["to_days"], "to_days", first or 1) if "to_days" in toml else None
        discount = _whole(toml["discount_percent"], "discount_percent", 0, 99)
        return Bucket(
            name=where if name_es else (f"{first}+" if last is None else f"{first}-{last}"),
            name_es=name_es or (f"más de {(first or 1) - 1}" if last is None else f"{first}-{last}"),
            from_days=first,
            to_days=last,
            discount_percent=discount,
            instalments=_whole(toml["instalments"], "instalments", 1, _MOST_INSTALMENTS),
            instalment_discount_percent=_whole(
                # Above the other it would be a typing error: paying later would cost less than paying now.
                toml.get("instalment_discount_percent", 0),
                "instalment_discount_percent",
                0,
                discount,
            ),
            least_percent=_whole(toml["least_percent"], "least_percent", 1, 100),
            least_amount_minor=_amounts(toml.get("least_amount", {})),
            last_date_days=_whole(toml["last_date_days"], "last_date_days", 0, _MOST_DAYS),
            tone=_text(toml["tone"], "tone"),
            agent_id=_text(toml["agent_id"], "agent_id") if "agent_id" in toml else None,
        )
    except KeyError as missing:
        raise ValueError(f"{where}: {missing} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None


def _check_cover(buckets: tuple[Bucket, ...]) -> None:
    if not buckets:
        raise ValueError("needs at least one bucket")
    if buckets[0].from_days != 1:
        raise ValueError(f"the first bucket begins at day {buckets[0].from_days}: it must begin at 1")
    for before, after in pairwise(buckets):
        expected = None if before.to_days is None else before.to_days + 1
        if after.from_days != expected:
            raise ValueError(
                f"bucket {after.name!r} follows {before.name!r}: "
                + (f"it must begin at day {expected}" if expected else "nothing may follow a bucket without to_days")
            )
    if buckets[-1].to_days is not None:
        raise ValueError(f"the last bucket ends at day {buckets[-1].to_days}: leave its to_days out")


def _only(toml: Mapping[str, Any], known: set[str]) -> None:
    # A misspelt `discount_percent` with a default would be an offer that nobody wanted.
    if unknown := sorted(set(toml) - known):
        raise ValueError(f"unknown fields {unknown}; known are: {', '.join(sorted(known))}")


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("buckets are written as [[buckets]]")
    return value


def _amounts(value: Mapping[str, Any]) -> dict[str, int]:
    if unknown := sorted(set(value) - set(MINOR_DIGITS)):
        raise ValueError(f"least_amount: currencies {unknown} are not known; known are: {', '.join(MINOR_DIGITS)}")
    return {
        currency: minor_units(_whole(whole, f"least_amount.{currency}", 1), currency)
        for currency, whole in value.items()
    }


def _whole(value: Any, name: str, least: int, most: int | None = None) -> int:
    if type(value) is not int or value < least or (most is not None and value > most):
        allowed = f"of {least} or more" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} = {value!r} is not a whole number {allowed}")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} = {value!r} is not a text")
    return value
