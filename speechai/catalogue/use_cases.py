"""The use cases: what a campaign needs of its workbook, captures from the call, and counts as a success.

One TOML file a use case in `config/catalogue/use_cases`; a new one is a new file and no code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError, UsageError

CALL_SUCCESSFUL = "call_successful"
"""The name under which a use case asks for Retell's own judgement of a call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UseCase:
    """One kind of campaign; the fields are explained in the TOML files."""

    name: str
    title_en: str
    title_es: str
    required: frozenset[str]
    captured: tuple[str, ...]
    success_any: tuple[str, ...]

    def is_success(self, *, successful: bool | None, captured: Mapping[str, Any]) -> bool:
        """True where a conversation reached its goal: Retell judged it so, or a wanted field was captured."""
        return any(
            bool(successful) if wanted == CALL_SUCCESSFUL else _is_filled(captured.get(wanted))
            for wanted in self.success_any
        )


def _is_filled(value: Any) -> bool:
    return bool(value.strip()) if isinstance(value, str) else value is not None and value is not False


def get_use_case(name: str) -> UseCase:
    """The use case called `name`. Raises UsageError naming the ones that exist."""
    use_cases = load_use_cases()
    if name not in use_cases:
        raise UsageError(f"there is no use case {name!r}; known are: {', '.join(sorted(use_cases))}")
    return use_cases[name]


@lru_cache(maxsize=1)
def load_use_cases() -> dict[str, UseCase]:
    """Every use case by name. Raises ConfigurationError."""
    found = {}
    for file in files("config").joinpath("catalogue", "use_cases").iterdir():
        if file.name.endswith(".toml"):
            name = file.name.removesuffix(".toml")
            found[name] = _use_case(name, read_catalogue(f"use_cases/{file.name}"))
    return found


def _use_case(name: str, table: dict[str, Any]) -> UseCase:
    try:
        return UseCase(
            name=name,
            title_en=table["title_en"],
            title_es=table["title_es"],
            required=frozenset(table["required"]),
            captured=tuple(table["captured"]),
            success_any=tuple(table["success_any"]),
        )
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"config/catalogue/use_cases/{name}.toml: {error}") from None
