"""A table of the catalogue, read into exactly what it says and nothing else: whole values, and what may be left out."""

from __future__ import annotations

import tomllib
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from speechai.catalogue.negotiation import Bucket, NegotiationTable, get_table, load_tables, read_table
from speechai.catalogue.outcomes import load_outcomes, outcome_of
from speechai.catalogue.places import Spot, read_country
from speechai.catalogue.policies import read_own, read_policy, resolve_policy
from speechai.catalogue.policy_fields import Hours
from speechai.catalogue.promise_faults import FaultCode, fault_of
from speechai.catalogue.use_cases import Field, FollowUp, Kind, UseCase, When, read_use_case, use_cases_in, variables_of
from speechai.errors import ConfigurationError, UsageError

OWN = read_own(
    {
        "waves": ["09:00"],
        "people_a_day": 60,
        "attempts_a_day": 3,
        "silent_days": 3,
        "phone_order": "in_turn",
        "voicemail_is_contact": False,
        "callback_lifts": True,
    }
)
LEAST: dict[str, Any] = {
    "title": "A",
    "source": "B",
    "read_on": date(2026, 11, 1),
    "version": 2,
    "base": "own",
    "closed_on_holidays": False,
    "hours": {"mon": "08:00-20:00"},
}


def test_a_policy_of_nobodys_law_needs_no_more_than_its_hours_and_where_it_comes_from() -> None:
    policy = read_policy("p", LEAST, OWN)
    assert (policy.name, policy.title, policy.source, policy.read_on, policy.version) == (
        "p",
        "A",
        "B",
        date(2026, 11, 1),
        2,
    )
    assert (policy.is_legal, policy.simulator_only, policy.unverified, policy.country) == (False, False, set(), None)
    assert (policy.hours, policy.waves) == ({0: Hours(start_minute=480, end_minute=1200)}, (time(9),))


def test_what_a_policy_says_of_itself_is_read() -> None:
    changes = {"is_legal": True, "country": "CL", "simulator_only": True, "unverified": ["hours", "waves"]}
    policy = read_policy("p", {**LEAST, **changes}, OWN)
    assert (policy.is_legal, policy.simulator_only, policy.country) == (True, True, "CL")
    assert policy.unverified == {"hours", "waves"}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({**LEAST, "is_legal": True}, "policy 'p' in config/catalogue/policies.toml: a legal preset names its country"),
        (
            {**LEAST, "hours": {"mon": "10:00-20:00"}},
            "policy 'p' in config/catalogue/policies.toml: needs hours and at least one wave within them",
        ),
        (
            {name: value for name, value in LEAST.items() if name not in ("hours", "closed_on_holidays")},
            "policy 'p' in config/catalogue/policies.toml: closed_on_holidays, hours missing",
        ),
    ],
)
def test_what_is_wrong_with_a_policy_is_said_with_its_name_and_file(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as found:
        read_policy("p", table, OWN)
    assert str(found.value) == words


def test_what_is_missing_of_the_users_own_rules_is_listed() -> None:
    with pytest.raises(ConfigurationError) as found:
        read_own({"waves": ["09:00"], "people_a_day": 60, "silent_days": 3})
    assert str(found.value) == (
        "table 'own' in config/catalogue/policies.toml: "
        "attempts_a_day, phone_order, voicemail_is_contact, callback_lifts missing"
    )


def test_a_loosened_day_and_a_loosened_delay_are_shown_as_they_are_written() -> None:
    with pytest.raises(UsageError) as found:
        resolve_policy("cl-ley-21320", {"hours": {"mon": "07:00-20:00", "sun": "08:00-12:00"}}, None)
    words = str(found.value)
    assert "hours from mon 08:00-20:00, tue 08:00-20:00" in words
    assert "to mon 07:00-20:00, tue 08:00-20:00" in words
    assert "sun 08:00-12:00" in words


def test_a_change_that_no_table_can_hold_is_refused_and_not_an_error_of_ours() -> None:
    with pytest.raises(UsageError, match="people_a_day"):
        resolve_policy("default", {"people_a_day": date(2026, 11, 1)}, None)


USE_CASE: dict[str, Any] = {
    "title_en": "Appointment",
    "title_es": "Cita",
    "required": ["phone"],
    "success_any": ["dia"],
    "variables": {"nombre": "name"},
    "captured": {
        "dia": {"kind": "date", "label_en": "Day", "label_es": "Día", "required": True},
        "personas": {"kind": "integer", "label_en": "People", "label_es": "Personas", "least": 3, "most": 3},
    },
    "follow_ups": {"book": {"when": "captured", "field": "dia", "title_en": "Book", "title_es": "Reservar"}},
}


def test_a_use_case_is_what_its_file_says() -> None:
    assert read_use_case("appointment", USE_CASE) == UseCase(
        name="appointment",
        title_en="Appointment",
        title_es="Cita",
        required=frozenset({"phone"}),
        captured={
            "dia": Field(name="dia", kind=Kind.DATE, label_en="Day", label_es="Día", required=True),
            "personas": Field(
                name="personas", kind=Kind.INTEGER, label_en="People", label_es="Personas", least=3, most=3
            ),
        },
        success_any=("dia",),
        variables={"nombre": "name"},
        follow_ups=(FollowUp(name="book", when=When.CAPTURED, title_en="Book", title_es="Reservar", field="dia"),),
    )


def test_a_use_case_that_captures_nothing_is_judged_by_retell_alone() -> None:
    least = {
        name: value for name, value in USE_CASE.items() if name in ("title_en", "title_es", "required", "variables")
    }
    use_case = read_use_case("note", {**least, "success_any": ["call_successful"]})
    assert (use_case.captured, use_case.follow_ups, use_case.negotiation) == ({}, (), None)
    assert use_case.right_person_spoke({None: True}) is None  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title_en": " "}, "title_en: ' ' is not a text"),
        ({"title_es": 7}, "title_es: 7 is not a text"),
        ({"success_any": "dia"}, "success_any: 'dia' is not a list of texts"),
        ({"required": "phone"}, "required: 'phone' is not a list of texts"),
        (
            {"variables": {"x": "sucursal"}},
            "variables: ['sucursal'] are none of name, national_id, amount, currency, titles, due_on, days_overdue, "
            "email, address, city, region",
        ),
        (
            {"follow_ups": {"book": {"when": "success", "title_en": "", "title_es": "R"}}},
            "follow_ups.book: '' is not a text",
        ),
        (
            {"follow_ups": {"book": {"when": "success", "title_en": "B", "title_es": "R", "colour": "red"}}},
            "follow_ups.book: unknown ['colour']; known are field, title_en, title_es, when",
        ),
    ],
)
def test_what_is_wrong_with_a_use_case_is_said_with_its_file_and_the_place_in_it(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError) as found:
        read_use_case("appointment", {**USE_CASE, **changes})
    assert str(found.value) == f"config/catalogue/use_cases/appointment.toml: {words}"


def test_a_folder_of_use_cases_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    text = "\n".join(
        ['title_en = "A"', 'title_es = "Á"', 'required = ["phone"]', 'success_any = ["call_successful"]', "[variables]"]
    )
    for name in ("second", "first", "third"):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("nothing", encoding="utf-8")
    found = use_cases_in(tmp_path)
    assert list(found) == ["first", "second", "third"]
    assert found["first"].title_es == "Á"


def test_a_day_goes_to_the_agent_as_iso_text_and_a_number_as_its_digits() -> None:
    use_case = read_use_case("appointment", {**USE_CASE, "variables": {"vence": "due_on", "deuda": "amount"}})
    told = variables_of(use_case, {"due_on": date(2026, 11, 25), "amount": 1200, "name": "Ana"})
    assert told == {"vence": "2026-11-25", "deuda": "1200"}


COUNTRY = """
prefix = "+56"
zones = ["America/Santiago", "America/Punta_Arenas"]
[regions]
RM = ["metropolitana"]
MA = ["magallanes"]
[region_zones]
MA = "America/Punta_Arenas"
[prefixes]
RM = ["+562"]
MA = ["+5661"]
[cities]
RM = ["santiago"]
MA = ["punta arenas"]
[[apart]]
zone = "Pacific/Easter"
region = "MA"
prefixes = ["+5632210"]
cities = ["hanga roa"]
"""


def test_a_country_is_turned_around_from_its_regions_to_what_a_list_says() -> None:
    capital = Spot(zone="America/Santiago", region="RM")
    south = Spot(zone="America/Punta_Arenas", region="MA")
    island = Spot(zone="Pacific/Easter", region="MA")
    country = read_country("CL", tomllib.loads(COUNTRY))
    assert (country.code, country.prefix) == ("CL", "+56")
    assert country.zones == ("America/Santiago", "America/Punta_Arenas")
    assert country.by_prefix == {"+562": capital, "+5661": south, "+5632210": island}
    assert country.by_city == {"santiago": capital, "punta arenas": south, "hanga roa": island}
    assert country.by_region == {"metropolitana": capital, "magallanes": south, "rm": capital, "ma": south}


def test_a_call_that_told_no_reason_is_unknown() -> None:
    assert outcome_of(None) is outcome_of("") is load_outcomes()["unknown"]


def test_a_fault_says_amounts_as_each_language_writes_them() -> None:
    fault = fault_of(FaultCode.AMOUNT_BELOW_LEAST, "USD", amount=123_456, least=200_050)
    assert fault.en == "1,234.56 USD is less than the least amount, 2,000.50 USD"
    assert fault.es == "1.234,56 USD es menos que el monto mínimo, 2.000,50 USD"


LEAST_TERMS: dict[str, Any] = {
    "discount_percent": 0,
    "instalments": 1,
    "least_percent": 1,
    "last_date_days": 0,
    "tone": "cordial",
}


def bucket(name: str, name_es: str, first: int | None, last: int | None, **terms: Any) -> Bucket:
    """The bucket that LEAST_TERMS say, with `terms` changed."""
    return Bucket(
        **{
            "name": name,
            "name_es": name_es,
            "from_days": first,
            "to_days": last,
            "instalment_discount_percent": 0,
            **LEAST_TERMS,
            **terms,
        }
    )


def test_a_negotiation_table_is_what_its_file_says_and_takes_the_least_of_everything() -> None:
    table = {
        "version": 3,
        "title_en": "Standard",
        "title_es": "Estándar",
        "buckets": [
            {**LEAST_TERMS, "from_days": 1, "to_days": 1},
            {**LEAST_TERMS, "from_days": 2, "to_days": 30, "agent_id": "agent_x", "least_amount": {"CLP": 1}},
            {**LEAST_TERMS, "from_days": 31, "discount_percent": 99, "instalment_discount_percent": 99},
        ],
        "current": LEAST_TERMS,
        "unknown": {**LEAST_TERMS, "instalments": 120, "last_date_days": 366, "least_percent": 100},
    }
    assert read_table("mine", table) == NegotiationTable(
        name="mine",
        version=3,
        title_en="Standard",
        title_es="Estándar",
        buckets=(
            bucket("1-1", "1-1", 1, 1),
            bucket("2-30", "2-30", 2, 30, agent_id="agent_x", least_amount_minor={"CLP": 1}),
            bucket("31+", "más de 30", 31, None, discount_percent=99, instalment_discount_percent=99),
        ),
        current=bucket("current", "al día", None, None),
        unknown=bucket("unknown", "sin dato", None, None, instalments=120, last_date_days=366, least_percent=100),
    )


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("title_en", "", "title_en = '' is not a text"),
        ("title_es", 3, "title_es = 3 is not a text"),
        ("version", 0, "version = 0 is not a whole number of 1 or more"),
    ],
)
def test_what_is_wrong_with_a_negotiation_table_is_said_with_its_field_and_value(
    field: str, value: Any, words: str
) -> None:
    table = {"version": 1, "title_en": "T", "title_es": "T", "buckets": [{**LEAST_TERMS, "from_days": 1}]}
    with pytest.raises(ConfigurationError) as found:
        read_table("mine", {**table, field: value})
    assert str(found.value) == f"config/catalogue/negotiation/mine.toml: {words}"


def test_a_table_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(UsageError) as found:
        get_table("nonsense")
    known = ", ".join(sorted(load_tables()))
    assert str(found.value) == f"there is no negotiation table 'nonsense'; known are: {known}"
