"""Layer 1: parameters and rules as data, read once from the TOML files of `config/catalogue` and validated."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

from speechai.errors import ConfigurationError


def read_catalogue(name: str) -> dict[str, Any]:
    """The tables of `config/catalogue/<name>`. Raises ConfigurationError where the file is missing or not TOML."""
    try:
        return tomllib.loads(files("config").joinpath("catalogue", name).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"config/catalogue/{name} is missing: install SpeechAI again") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"config/catalogue/{name} is not valid TOML: {error}") from None
