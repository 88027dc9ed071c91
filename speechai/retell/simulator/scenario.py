"""A scenario file: the simulator's configuration as TOML or JSON.

Enters a path; leaves a SimulatorConfig. The tables and their fields are those of the dataclasses in config.py,
assumptions.py, outcomes.py and faults.py; docs/simulator.md shows them with examples.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from speechai.errors import ConfigurationError
from speechai.retell.simulator.assumptions import assumptions_from
from speechai.retell.simulator.config import Agent, Durations, Limits, PhoneNumber, SimulatorConfig
from speechai.retell.simulator.faults import fault_from
from speechai.retell.simulator.outcomes import DEFAULT_WEIGHTS, OutcomeScript

_SCRIPT_TABLES = ("numbers", "endings", "attempts", "weights")
_PLAIN = (
    "seed", "clock_factor", "clock_start_at", "clock_manual", "zone", "api_keys", "webhook_url", "webhook_key",
    "webhook_shortest_timeout_seconds", "do_not_call",
)  # fmt: skip
_SINGLE: Mapping[str, type[Any]] = {"durations": Durations, "limits": Limits}
_REPEATED: Mapping[str, type[Any]] = {"agents": Agent, "phone_numbers": PhoneNumber}
_TABLES = (*_SCRIPT_TABLES, "assumptions", *_SINGLE, *_REPEATED, "faults")


def config_from_file(path: Path) -> SimulatorConfig:
    """The configuration a scenario file describes.

    Raises:
        ConfigurationError: the file cannot be read, or holds a name or a value that is not known.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(f"scenario file {path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigurationError(f"scenario file {path}: {error}") from error
    if not isinstance(table, dict):
        raise ConfigurationError(f"scenario file {path}: must hold a table at its top")
    return config_from_table(table)


def config_from_table(table: Mapping[str, Any]) -> SimulatorConfig:
    """The same from a table.

    Raises:
        ConfigurationError: as above.
    """
    known = {*_PLAIN, *_TABLES}
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigurationError(f"scenario: {unknown[0]!r} is unknown; known: {', '.join(sorted(known))}")
    given: dict[str, Any] = {name: table[name] for name in _PLAIN if name in table}
    if isinstance(given.get("clock_start_at"), str):
        given["clock_start_at"] = datetime.fromisoformat(given["clock_start_at"])
    if "do_not_call" in given:
        given["do_not_call"] = frozenset(given["do_not_call"])
    if isinstance(given.get("api_keys"), list):
        given["api_keys"] = dict.fromkeys(given["api_keys"], "scenario")
    for name in _SINGLE.keys() & table.keys():
        given[name] = _filled(_SINGLE[name], table[name], f"[{name}]")
    for name in _REPEATED.keys() & table.keys():
        given[name] = tuple(_filled(_REPEATED[name], one, f"[[{name}]]") for one in table[name])
    if "assumptions" in table:
        given["assumptions"] = assumptions_from(dict(table["assumptions"]))
    given["faults"] = tuple(fault_from(one) for one in table.get("faults", ()))
    script = {name: table[name] for name in _SCRIPT_TABLES if name in table}
    given["script"] = OutcomeScript(**{"weights": DEFAULT_WEIGHTS, **script})
    return SimulatorConfig(**given)


def _filled(kind: type[Any], table: Mapping[str, Any], where: str) -> Any:
    known: dict[str, Field[Any]] = {field.name: field for field in fields(kind)}
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ConfigurationError(f"{where} has no field {unknown[0]!r}; known: {', '.join(known)}")
    return kind(**{name: _fitted(known[name], value, where) for name, value in table.items()})


def _fitted(field: Field[Any], value: Any, where: str) -> Any:
    """A value from a file as its field wants it: lists become tuples, one duration an equal pair."""
    default = field.default
    if default is MISSING or default is None:
        return value
    if isinstance(default, tuple):
        if isinstance(value, int) and not isinstance(value, bool):
            return (value, value)
        if isinstance(value, list):
            return tuple(value)
    elif isinstance(value, type(default)):
        return value
    raise ConfigurationError(f"{where} {field.name} = {value!r}: must be like {default!r}")
