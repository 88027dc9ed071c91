"""The use cases: what a campaign needs of its workbook, tells its agent, captures from the call and does afterwards.

One TOML file a use case in `config/catalogue/use_cases`; a new one is a new file and no code. The fields of a file are
explained in `debt_collection.toml`. Called when a list is sent and loaded, when a call is judged, and by the reports.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError, UsageError

CALL_SUCCESSFUL = "call_successful"
"""The name under which a use case asks for Retell's own judgement of a call."""

FACTS = (
    "name",
    "national_id",
    "amount",
    "currency",
    "titles",
    "due_on",
    "days_overdue",
    "email",
    "address",
    "city",
    "region",
)
"""What is known of a contact once its rows are read; `amount` is in whole units of `currency`."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Kind(StrEnum):
    """Type of a captured field; how each is written by agents and stored is said in `speechai.core.captured`."""

    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    AMOUNT = "amount"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    CHOICE = "choice"
    TEXT = "text"


class When(StrEnum):
    """What must have happened in a call for a follow-up to be due."""

    FINISHED = "finished"
    """Any call that took place."""
    CONTACT = "contact"
    """Somebody talked."""
    SUCCESS = "success"
    NO_SUCCESS = "no_success"
    """Somebody talked, and the goal was not reached."""
    PROMISE = "promise"
    """A promise to pay that fits the offer."""
    FLAGGED_PROMISE = "flagged_promise"
    CALLBACK = "callback"
    DO_NOT_CALL = "do_not_call"
    CAPTURED = "captured"
    """The follow-up's `field` was filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that the agent writes down. `least` and `most` bound numbers and amounts, in whole units of money."""

    name: str
    kind: Kind
    label_en: str
    label_es: str
    required: bool = False
    """Its absence after a conversation is worth telling; it never makes the other values invalid."""
    choices: Mapping[str, tuple[str, ...]] | None = None
    """The values of a `choice`, each with other words for it."""
    least: int | float | None = None
    most: int | float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """An action outside after a call: the name under which the receiver knows it, and when it is due."""

    name: str
    when: When
    title_en: str
    title_es: str
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """One kind of campaign. `captured` and `variables` keep the order of their file."""

    name: str
    title_en: str
    title_es: str
    required: frozenset[str]
    captured: Mapping[str, Field]
    success_any: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    """Name of the agent's dynamic variable: which of FACTS it carries."""
    negotiation: str | None = None
    """Name of the negotiation table of the catalogue that a batch uses unless it names another."""
    follow_ups: tuple[FollowUp, ...] = ()
    right_person: str | None = None
    """Name of the captured boolean that says whether the person who was called was the one who spoke."""

    def right_person_spoke(self, captured: Mapping[str, Any]) -> bool | None:
        """Whether the person who was called spoke, by the fields as they were read; None where nobody wrote it down."""
        said = captured.get(self.right_person) if self.right_person is not None else None
        return said if isinstance(said, bool) else None

    def is_success(self, *, successful: bool | None, captured: Mapping[str, Any]) -> bool:
        """True where a conversation reached its goal: Retell judged it so, or a wanted field was captured."""
        return any(
            bool(successful) if wanted == CALL_SUCCESSFUL else _is_filled(captured.get(wanted))
            for wanted in self.success_any
        )

    def follow_ups_after(self, happened: Collection[When], captured: Mapping[str, Any]) -> tuple[FollowUp, ...]:
        """The follow-ups that are due after a call in which `happened` held and `captured` was read, in their order."""
        return tuple(
            follow_up
            for follow_up in self.follow_ups
            if follow_up.when in happened
            or (follow_up.when is When.CAPTURED and follow_up.field and _is_filled(captured.get(follow_up.field)))
        )


def variables_of(use_case: UseCase, facts: Mapping[str, object]) -> dict[str, str]:
    """The dynamic variables of one contact as text; `facts` by the names of FACTS, None and missing ones are left out.

    Only what the use case names goes to the agent: a survey does not tell it what somebody owes.
    """
    values = ((variable, facts.get(fact)) for variable, fact in use_case.variables.items())
    return {name: _text(value) for name, value in values if value is not None}


def get_use_case(name: str) -> UseCase:
    """The use case called `name`. Raises UsageError naming the ones that exist."""
    use_cases = load_use_cases()
    if name not in use_cases:
        raise UsageError(f"there is no use case {name!r}; known are: {', '.join(sorted(use_cases))}")
    return use_cases[name]


@lru_cache(maxsize=1)
def load_use_cases() -> dict[str, UseCase]:
    """Every use case of the catalogue by name. Raises ConfigurationError."""
    return use_cases_in(files("config").joinpath("catalogue", "use_cases"))


def use_cases_in(folder: Traversable) -> dict[str, UseCase]:
    """Every use case of a folder by name, in the order of the names. Raises ConfigurationError."""
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    names = (file.name.removesuffix(".toml") for file in found)
    return {name: read_use_case(name, _table(name, file)) for name, file in zip(names, found, strict=True)}


def read_use_case(name: str, table: Mapping[str, Any]) -> UseCase:
    """A use case from the table of its file. Raises ConfigurationError naming the file and what is wrong in it."""
    try:
        return _use_case(name, table)
    except KeyError as missing:
        raise ConfigurationError(f"config/catalogue/use_cases/{name}.toml: {missing} is missing") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ConfigurationError(f"config/catalogue/use_cases/{name}.toml: {error}") from None


def _table(name: str, file: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigurationError(f"config/catalogue/use_cases/{name}.toml is not valid TOML: {error}") from None


def _use_case(name: str, table: Mapping[str, Any]) -> UseCase:
    _only(table, _KEYS, "the file")
    captured = {_name(field): _field(field, settings) for field, settings in table.get("captured", {}).items()}
    success_any = _texts(table["success_any"], "success_any")
    if (strange := set(success_any) - {CALL_SUCCESSFUL, *captured}) or not success_any:
        raise ValueError(f"success_any: needs {CALL_SUCCESSFUL!r} or captured fields, not {sorted(strange)}")
    variables = {_name(variable): fact for variable, fact in table["variables"].items()}
    if unknown := {str(fact) for fact in variables.values()} - set(FACTS):
        raise ValueError(f"variables: {sorted(unknown)} are none of {', '.join(FACTS)}")
    required = frozenset(_texts(table["required"], "required"))
    if unknown := required - (meanings := read_catalogue("columns.toml")["meaning"]).keys():
        raise ValueError(f"required: {sorted(unknown)} are none of {', '.join(meanings)}")
    return UseCase(
        name=_name(name),
        title_en=_text_of(table["title_en"], "title_en"),
        title_es=_text_of(table["title_es"], "title_es"),
        required=required,
        captured=captured,
        success_any=success_any,
        variables=variables,
        negotiation=None if table.get("negotiation") is None else _name(table["negotiation"]),
        follow_ups=_follow_ups(table.get("follow_ups", {}), captured),
        right_person=_right_person(table.get("right_person"), captured),
    )


_KEYS = {each.name for each in fields(UseCase)} - {"name"}
_BOUNDED = (Kind.AMOUNT, Kind.INTEGER, Kind.NUMBER)


def _field(name: str, table: Mapping[str, Any]) -> Field:
    where = f"captured.{name}"
    _only(table, {"kind", "label_en", "label_es", "required", "choices", "least", "most"}, where)
    kind, choices = Kind(table["kind"]), table.get("choices")
    if (kind is Kind.CHOICE) != bool(choices):
        raise ValueError(f"{where}: choices belong to kind 'choice' and to no other")
    least, most = (_bound(table.get(bound), f"{where}.{bound}") for bound in ("least", "most"))
    if (least is not None or most is not None) and kind not in _BOUNDED:
        raise ValueError(f"{where}: least and most belong to {', '.join(_BOUNDED)}")
    if least is not None and most is not None and least > most:
        raise ValueError(f"{where}: least {least} is above most {most}")
    required = table.get("required", False)
    if type(required) is not bool:
        raise ValueError(f"{where}.required: {required!r} is not true or false")
    return Field(
        name=name,
        kind=kind,
        label_en=_text_of(table["label_en"], where),
        label_es=_text_of(table["label_es"], where),
        required=required,
        choices={_name(value): _texts(words, where) for value, words in choices.items()} if choices else None,
        least=least,
        most=most,
    )


def _right_person(name: Any, captured: Mapping[str, Field]) -> str | None:
    if name is not None and (name not in captured or captured[name].kind is not Kind.BOOLEAN):
        raise ValueError(f"right_person: {name!r} is not a captured field of kind {Kind.BOOLEAN}")
    return name  # type: ignore[no-any-return]


def _follow_ups(table: Mapping[str, Any], captured: Mapping[str, Field]) -> tuple[FollowUp, ...]:
    found = []
    for name, settings in table.items():
        where = f"follow_ups.{name}"
        _only(settings, {"when", "title_en", "title_es", "field"}, where)
        when, field = When(settings["when"]), settings.get("field")
        if (when is When.CAPTURED) != (field is not None) or (field is not None and field not in captured):
            raise ValueError(f"{where}: a captured field belongs to when = 'captured' and to no other")
        titles = {title: _text_of(settings[title], where) for title in ("title_en", "title_es")}
        found.append(FollowUp(name=_name(name), when=when, field=field, **titles))
    return tuple(found)


def _is_filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None and value is not False


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := set(table) - known:
        raise ValueError(f"{where}: unknown {sorted(unknown)}; known are {', '.join(sorted(known))}")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(f"{value!r} is not a name of small letters, digits and underscores")
    return value


def _text_of(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{where}: {value!r} is not a text")
    return value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{where}: {value!r} is not a list of texts")
    return tuple(value)


def _bound(value: Any, where: str) -> int | float | None:
    if value is not None and type(value) not in (int, float):
        raise ValueError(f"{where}: {value!r} is not a number")
    return value  # type: ignore[no-any-return]
