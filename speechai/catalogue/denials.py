"""Why a call may not start, in the operator's words, from `config/catalogue/denials.toml`.

Enter a code of `Denial` and its facts; leaves one sentence in English or Spanish. Called for logs, for the reason that
is kept on a job, and by `speechai why`. Nothing that a caller forgot keeps a sentence from being said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from string import Formatter
from typing import Any, Literal

from speechai.catalogue import read_catalogue
from speechai.errors import ConfigurationError

Language = Literal["en", "es"]
LANGUAGES: tuple[Language, ...] = ("en", "es")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One way to say a denial, and the facts without which it cannot be said."""

    text: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Denials:
    """The file as values. `sentences` are by language and code, the most telling first."""

    facts: Mapping[str, str]
    weekdays: Mapping[Language, tuple[str, ...]]
    words: Mapping[Language, Mapping[str, str]]
    sentences: Mapping[Language, Mapping[str, tuple[Sentence, ...]]]


def sentence(code: str, facts: Mapping[str, str | int], *, language: Language = "en") -> str:
    """The first sentence of `code` whose facts are all given, with them filled in.

    An instant (`*_at`, ISO 8601 with an offset) is said as it stands, in the offset that it has. Never raises for what
    a caller gave: a code without sentences is said as itself, a fact that cannot be read as it is.
    """
    table = load_denials()
    known = {name for name, fact in facts.items() if fact != ""}
    for form in table.sentences[language].get(code, ()):
        if form.needs <= known:
            return form.text.format_map({name: _shown(table, name, facts[name], language) for name in form.needs})
    return code


@lru_cache(maxsize=1)
def load_denials() -> Denials:
    """The whole file. Raises ConfigurationError."""
    return read_denials(read_catalogue("denials.toml"))


def read_denials(content: Mapping[str, Any]) -> Denials:
    """The tables of the file as values. Raises ConfigurationError."""
    try:
        facts = dict(content["facts"])
        return Denials(
            facts=facts,
            weekdays={language: _weekdays(content["weekdays"][language]) for language in LANGUAGES},
            words={language: dict(content["words"][language]) for language in LANGUAGES},
            sentences={
                language: {code: _forms(code, texts[language], facts) for code, texts in content["sentences"].items()}
                for language in LANGUAGES
            },
        )
    except KeyError as missing:
        raise ConfigurationError(f"config/catalogue/denials.toml: {missing} is missing") from None
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"config/catalogue/denials.toml: {error}") from None


def _weekdays(names: list[str]) -> tuple[str, ...]:
    if len(names) != 7:
        raise ValueError(f"{len(names)} names of weekdays, where 7 are needed")
    return tuple(names)


def _forms(code: str, texts: list[str], facts: Mapping[str, Any]) -> tuple[Sentence, ...]:
    forms = tuple(Sentence(text=text, needs=_placeholders(text)) for text in texts)
    for form in forms:
        if unknown := form.needs - facts.keys():
            raise ValueError(f"[sentences.{code}] names the unknown facts {sorted(unknown)}")
    if not forms or forms[-1].needs:
        raise ValueError(f"[sentences.{code}] needs a last sentence that names no fact")
    return forms


def _placeholders(text: str) -> frozenset[str]:
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _shown(table: Denials, name: str, value: str | int, language: Language) -> str:
    try:
        return _by_its_name(table, name, value, language)
    except (TypeError, ValueError):
        return str(value)


def _by_its_name(table: Denials, name: str, value: str | int, language: Language) -> str:
    if name.endswith("_at"):
        at = datetime.fromisoformat(str(value))
        return f"{table.weekdays[language][at.weekday()]} {at:%Y-%m-%d %H:%M}"
    if name.endswith("_on"):
        on = date.fromisoformat(str(value))
        return f"{table.weekdays[language][on.weekday()]} {on.isoformat()}"
    if name == "state":
        return table.words[language].get(str(value), str(value))
    return str(value).rpartition("/")[2].replace("_", " ") if name == "zone" else str(value)
