"""Every denial can be said in English and in Spanish, whatever is known of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue import read_catalogue
from speechai.catalogue.denials import LANGUAGES, Language, load_denials, read_denials, sentence
from speechai.core.decision import Denial, Denied
from speechai.errors import ConfigurationError

TABLE = load_denials()
CODES = sorted(Denial)
CLOSED = {
    "next_at": "2026-11-23T08:00-03:00",
    "now_at": "2026-11-21T20:10-03:00",
    "zone": "America/Santiago",
    "policy": "cl-ley-21320",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_code_has_sentences_and_there_are_none_for_others(language: Language) -> None:
    assert set(TABLE.sentences[language]) == set(Denial)


@pytest.mark.parametrize("code", CODES)
def test_both_languages_say_the_same_facts_in_the_same_order(code: Denial) -> None:
    needs = [[form.needs for form in TABLE.sentences[language][code]] for language in LANGUAGES]
    assert needs[0] == needs[1]


@pytest.mark.parametrize("code", CODES)
def test_no_sentence_is_out_of_reach_behind_one_that_needs_less(code: Denial) -> None:
    """The first whose facts are known is said: one behind it that needs all of those and more never is."""
    needs = [form.needs for form in TABLE.sentences["en"][code]]
    assert not [(a, b) for n, a in enumerate(needs) for b in needs[n + 1 :] if a <= b]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_placeholder_is_a_known_fact_and_every_known_fact_is_said_somewhere(language: Language) -> None:
    said = {name for forms in TABLE.sentences[language].values() for form in forms for name in form.needs}
    assert said == set(TABLE.facts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_a_code_without_any_fact_is_a_sentence(code: Denial, language: Language) -> None:
    words = sentence(code, {}, language=language)
    assert words != code
    assert "{" not in words


@pytest.mark.parametrize(
    ("code", "facts", "language", "words"),
    [
        (
            Denial.OUTSIDE_HOURS, CLOSED, "en",
            "not before Monday 2026-11-23 08:00: Saturday 2026-11-21 20:10 in Santiago "
            "is outside the hours of cl-ley-21320",
        ),
        (
            Denial.OUTSIDE_HOURS, CLOSED, "es",
            "no antes del lunes 2026-11-23 08:00: el sábado 2026-11-21 20:10 en Santiago "
            "está fuera del horario de cl-ley-21320",
        ),
        (
            Denial.OUTSIDE_HOURS, {**CLOSED, "zone": "America/Argentina/Buenos_Aires", "next_at": ""}, "en",
            "Saturday 2026-11-21 20:10 in Buenos Aires is outside the hours of cl-ley-21320",
        ),
        (Denial.BATCH_NOT_RUNNING, {"state": "paused"}, "en", "the batch is paused"),
        (Denial.BATCH_NOT_RUNNING, {"state": "paused"}, "es", "la lista está en pausa"),
        (Denial.BATCH_NOT_RUNNING, {"state": "loading"}, "en", "the batch is not loaded yet"),
        (Denial.NO_CAPACITY, {"limit": 2}, "en", "more than 2 starts a second are asked for"),
        (Denial.NO_CAPACITY, {"lines": 20}, "es", "hay 20 llamadas en curso: el límite"),
        (Denial.EXCLUDED, {"used": 3, "days": "2026-11-20, 2026-11-23, 2026-11-24"}, "es",
         "en silencio 3 días: 2026-11-20, 2026-11-23, 2026-11-24"),
        (Denial.EXCLUDED, {"why": "asked by the client"}, "en", "the person is excluded: asked by the client"),
        (
            Denial.QUIET_DAYS,
            {"next_at": "2026-12-01T08:00-03:00", "talked_on": "2026-11-24", "quiet_days": 7}, "es",
            "no antes del martes 2026-12-01 08:00: se habló con la persona el martes 2026-11-24, "
            "y siguen 7 días de descanso, ése incluido",
        ),
        (Denial.ACCOUNT_SUSPENDED, {"account": "main", "why": ""}, "en", "account main is suspended"),
    ],
)  # fmt: skip
def test_the_most_telling_sentence_whose_facts_are_known_is_said(
    code: Denial, facts: dict[str, str | int], language: Language, words: str
) -> None:
    assert sentence(code, facts, language=language) == words


def test_the_reason_of_a_denial_is_its_sentence_in_english() -> None:
    assert Denied(code=Denial.DO_NOT_CALL).reason == "the person asked not to be called"


@given(
    code=st.one_of(st.sampled_from(CODES), st.text(max_size=5)),
    facts=st.dictionaries(
        st.sampled_from([*TABLE.facts, "unheard of"]), st.one_of(st.text(max_size=30), st.integers())
    ),
    language=st.sampled_from(LANGUAGES),
)
def test_whatever_a_caller_gives_something_is_said(code: str, facts: dict[str, str | int], language: Language) -> None:
    words = sentence(code, facts, language=language)
    assert words or code == ""


def test_the_file_is_read_as_it_is_shipped() -> None:
    assert read_denials(read_catalogue("denials.toml")) == TABLE
    assert TABLE.sentences["en"][Denial.NO_PHONE_LEFT][0].needs == {"numbers"}
    assert TABLE.weekdays["es"][0] == "lunes"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content.pop("facts"), "'facts' is missing"),
        (lambda content: content["weekdays"].pop("es"), "'es' is missing"),
        (lambda content: content["weekdays"]["en"].pop(), "6 names of weekdays, where 7 are needed"),
        (lambda content: content["weekdays"]["en"].append("Sunday"), "8 names of weekdays"),
        (lambda content: content["sentences"]["unclear"].pop("es"), "'es' is missing"),
        (lambda content: content["sentences"]["unclear"]["en"].clear(), "[sentences.unclear] needs a last sentence"),
        (lambda content: content["sentences"]["unclear"]["en"].append("{why}"), "that names no fact"),
        (
            lambda content: content["sentences"]["unclear"]["en"].insert(0, "{moon} {why} {sun}"),
            "[sentences.unclear] names the unknown facts ['moon', 'sun']",
        ),
        (lambda content: content["sentences"]["unclear"]["en"].insert(0, 7), "denials.toml"),
        (lambda content: content["sentences"]["unclear"]["en"].insert(0, "{why"), "denials.toml"),
    ],
)
def test_a_file_that_leaves_something_out_is_refused(change: Callable[[Any], object], said: str) -> None:
    content = read_catalogue("denials.toml")
    change(content)
    with pytest.raises(ConfigurationError) as refused:
        read_denials(content)
    assert said in str(refused.value)


def test_a_fact_that_cannot_be_read_is_shown_as_it_is() -> None:
    facts = {**CLOSED, "now_at": "yesterday"}
    assert "yesterday in Santiago is outside" in sentence(Denial.OUTSIDE_HOURS, facts)


def test_a_code_of_a_later_version_is_said_as_itself() -> None:
    assert sentence("moon_in_scorpio", {"next_at": "2026-11-23T08:00-03:00"}) == "moon_in_scorpio"
