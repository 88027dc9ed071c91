"""The catalogue of column names becomes a table that answers: what does this header mean, and how strongly.

Reads config/catalogue/columns.toml once; called by `columns`.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from speechai.errors import ConfigurationError
from speechai.operation.ingest.model import Meaning
from speechai.operation.ingest.text import compact, words

SEVERAL = frozenset({Meaning.PHONE, Meaning.SURNAME})
"""Meanings that may have more than one column."""

OWN_PREFIX = "speechai"
"""Headers that begin so are those that `rejects` adds; a corrected file comes back with them and they are skipped."""

_NUMBER_AT_END = re.compile(r"\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A header's meaning; rank 0 is the strongest."""

    meaning: Meaning
    rank: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Aliases:
    """The table: compact alias to claim, and the words that do not count."""

    claims: dict[str, Claim]
    noise: frozenset[str]

    def claim(self, header: str) -> Claim | None:
        """What a header means, None when it is not known."""
        plain = compact(header)
        if not plain or plain.startswith(OWN_PREFIX):
            return None
        found = self.claims.get(plain) or self.claims.get(self._without_noise(header))
        if found is not None:
            return found
        found = self.claims.get(_NUMBER_AT_END.sub("", plain)) or self.claims.get(
            _NUMBER_AT_END.sub("", self._without_noise(header))
        )
        return found if found is not None and found.meaning in SEVERAL else None

    def names(self, meaning: Meaning) -> list[str]:
        """The aliases of a meaning, the strongest first, for messages."""
        return [alias for alias, claim in self.claims.items() if claim.meaning is meaning]

    def _without_noise(self, header: str) -> str:
        return "".join(w for w in words(header) if w not in self.noise)


@cache
def load_aliases() -> Aliases:
    """The catalogue as shipped.

    Raises:
        ConfigurationError: the file is not TOML, names an unknown meaning, or gives one alias two meanings.
    """
    file = files("config") / "catalogue" / "columns.toml"
    try:
        return parse_aliases(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"config/catalogue/columns.toml cannot be read: {error}") from error


def parse_aliases(toml: str) -> Aliases:
    """The table of a catalogue's text; see `load_aliases`."""
    document = tomllib.loads(toml)
    noise = frozenset(compact(w) for w in document.get("noise", []))
    claims: dict[str, Claim] = {}
    for name, ranks in document.get("meaning", {}).items():
        if name not in set(Meaning):
            raise ConfigurationError(f"columns.toml: unknown meaning {name!r}; known: {', '.join(Meaning)}")
        for rank, aliases in enumerate(ranks):
            for alias in aliases:
                _add(claims, alias, Claim(meaning=Meaning(name), rank=rank))
    return Aliases(claims=claims, noise=noise)


def _add(claims: dict[str, Claim], alias: str, claim: Claim) -> None:
    """The same meaning may spell an alias twice: the stronger rank stays."""
    known = claims.setdefault(compact(alias), claim)
    if known.meaning is not claim.meaning:
        raise ConfigurationError(f"columns.toml: {alias!r} means both {known.meaning} and {claim.meaning}")
