"""The use cases as shipped, when a conversation has reached its goal, and a new one that is one file."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from speechai.catalogue.use_cases import (
    FACTS,
    Field,
    Kind,
    UseCase,
    When,
    get_use_case,
    load_use_cases,
    read_use_case,
    use_cases_in,
    variables_of,
)
from speechai.core.captured import read_captured
from speechai.errors import ConfigurationError, UsageError
from speechai.operation.ingest import Meaning

APPOINTMENT = """
title_en = "Appointment"
title_es = "Cita"
required = ["name", "phone", "city"]
success_any = ["asistira"]

[variables]
nombre = "name"
sucursal = "city"

[captured.asistira]
kind = "boolean"
label_en = "Will come"
label_es = "Asistirá"
required = true

[captured.dia]
kind = "date"
label_en = "Day"
label_es = "Día"

[captured.personas]
kind = "integer"
label_en = "People"
label_es = "Personas"
least = 1
most = 8

[follow_ups.send_map]
when = "success"
title_en = "Send the map"
title_es = "Enviar el mapa"

[follow_ups.book]
when = "captured"
field = "dia"
title_en = "Book the day"
title_es = "Reservar el día"
"""


def table(**changes: Any) -> dict[str, Any]:
    """A valid file of a use case with one field `f`, changed."""
    valid: dict[str, Any] = {
        "title_en": "T",
        "title_es": "T",
        "required": ["phone"],
        "success_any": ["f"],
        "variables": {"nombre": "name"},
        "captured": {"f": {"kind": "text", "label_en": "F", "label_es": "F"}},
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not None}


def field(**changes: Any) -> dict[str, Any]:
    """The same with the field changed."""
    return table(captured={"f": {"kind": "text", "label_en": "F", "label_es": "F", **changes}})


def follow_up(**settings: Any) -> dict[str, Any]:
    """The same with a follow-up."""
    return table(follow_ups={"act": {"title_en": "A", "title_es": "A", **settings}})


def test_the_five_use_cases_of_the_product_exist() -> None:
    assert load_use_cases().keys() == {"debt_collection", "marketing", "survey", "reminder", "notification"}


@pytest.mark.parametrize("use_case", load_use_cases().values(), ids=lambda use_case: use_case.name)
def test_a_use_case_asks_only_for_meanings_that_a_workbook_can_have(use_case: UseCase) -> None:
    assert use_case.required <= {str(meaning) for meaning in Meaning}
    assert "phone" in use_case.required
    assert use_case.title_en
    assert use_case.title_es


@pytest.mark.parametrize("use_case", load_use_cases().values(), ids=lambda use_case: use_case.name)
def test_a_use_case_can_succeed_and_only_by_what_it_captures(use_case: UseCase) -> None:
    assert use_case.success_any
    assert set(use_case.success_any) <= {"call_successful", *use_case.captured}


@pytest.mark.parametrize("use_case", load_use_cases().values(), ids=lambda use_case: use_case.name)
def test_a_callback_can_be_captured_in_every_use_case(use_case: UseCase) -> None:
    assert use_case.captured["fecha_callback"].kind is Kind.DATE
    assert use_case.captured["hora_callback"].kind is Kind.TIME


@pytest.mark.parametrize("use_case", load_use_cases().values(), ids=lambda use_case: use_case.name)
def test_every_use_case_asks_who_spoke(use_case: UseCase) -> None:
    assert use_case.right_person == "habla_titular"
    assert use_case.captured["habla_titular"].kind is Kind.BOOLEAN
    assert "habla_titular" not in use_case.success_any


@pytest.mark.parametrize(
    ("captured", "spoke"),
    [
        ({"f": True}, True),
        ({"f": False}, False),
        ({}, None),
        ({"f": "no"}, None),
        ({"f": 0}, None),
        ({"g": False}, None),
    ],
)
def test_who_spoke_is_only_what_was_read_as_yes_or_no(captured: dict[str, Any], spoke: bool | None) -> None:
    assert read_use_case("u", {**field(kind="boolean"), "right_person": "f"}).right_person_spoke(captured) is spoke
    assert read_use_case("u", field(kind="boolean")).right_person_spoke(captured) is None


@pytest.mark.parametrize("use_case", load_use_cases().values(), ids=lambda use_case: use_case.name)
def test_the_words_of_a_choice_mean_one_choice_only(use_case: UseCase) -> None:
    for captured in use_case.captured.values():
        words = [word for name, others in (captured.choices or {}).items() for word in {name, *others}]
        assert len(words) == len(set(words))


def test_a_negotiation_that_a_use_case_names_is_in_the_catalogue() -> None:
    tables = {
        file.name.removesuffix(".toml") for file in files("config").joinpath("catalogue", "negotiation").iterdir()
    }
    named = {use_case.negotiation for use_case in load_use_cases().values()} - {None}
    assert named
    assert named <= tables


def test_a_debt_call_keeps_the_fields_of_the_seed() -> None:
    captured = get_use_case("debt_collection").captured
    assert captured["fecha_pago_cliente"].kind is Kind.DATE
    assert captured["monto_pago_cliente"].kind is Kind.AMOUNT


def test_an_unknown_use_case_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UsageError, match="'nonsense'; known are: debt_collection, marketing"):
        get_use_case("nonsense")


@pytest.mark.parametrize(
    ("successful", "captured", "success"),
    [
        (True, {}, True),
        (False, {}, False),
        (None, {}, False),
        (False, {"fecha_pago_cliente": "2026-12-01"}, True),
        (None, {"fecha_pago_cliente": "2026-12-01"}, True),
        (None, {"fecha_pago_cliente": None}, False),
        (None, {"fecha_pago_cliente": ""}, False),
        (None, {"fecha_pago_cliente": " \n"}, False),
        (None, {"fecha_pago_cliente": False}, False),
        (None, {"monto_pago_cliente": 10_000}, False),
        (None, {"other": "2026-12-01"}, False),
    ],
)
def test_a_debt_call_succeeds_by_retells_judgement_or_a_promised_date(
    successful: bool | None, captured: dict[str, Any], success: bool
) -> None:
    assert get_use_case("debt_collection").is_success(successful=successful, captured=captured) is success


def test_a_use_case_without_retells_judgement_ignores_it() -> None:
    done = Field(name="done", kind=Kind.BOOLEAN, label_en="Done", label_es="Hecho")
    use_case = UseCase(
        name="n", title_en="n", title_es="n", required=frozenset(), captured={"done": done}, success_any=("done",)
    )
    assert not use_case.is_success(successful=True, captured={})
    assert use_case.is_success(successful=False, captured={"done": True})
    assert use_case.is_success(successful=False, captured={"done": 0})  # a captured zero is an answer


def test_the_agent_is_told_what_the_use_case_names_and_nothing_else() -> None:
    facts: dict[str, object] = {
        "name": "Ana Díaz",
        "national_id": "12345678-5",
        "amount": "45990",
        "currency": "CLP",
        "titles": 2,
        "due_on": date(2026, 10, 1),
        "days_overdue": 0,
        "city": None,
    }
    assert variables_of(get_use_case("debt_collection"), facts) == {
        "nombre": "Ana Díaz",
        "rut": "12345678-5",
        "monto": "45990",
        "moneda": "CLP",
        "titulos": "2",
        "fecha_vencimiento": "2026-10-01",
        "dias_mora": "0",
    }
    assert variables_of(get_use_case("survey"), facts) == {"nombre": "Ana Díaz"}
    assert variables_of(get_use_case("survey"), {}) == {}


@pytest.mark.parametrize(
    ("happened", "captured", "names"),
    [
        (set(), {}, []),
        ({When.PROMISE, When.CONTACT, When.SUCCESS}, {"fecha_pago_cliente": "2026-12-01"}, ["payment_link"]),
        ({When.FLAGGED_PROMISE}, {}, ["review_promise"]),
        ({When.CALLBACK}, {}, []),
    ],
)
def test_follow_ups_of_a_debt_call_hang_on_its_promise(
    happened: set[When], captured: dict[str, Any], names: list[str]
) -> None:
    due = get_use_case("debt_collection").follow_ups_after(happened, captured)
    assert [follow_up.name for follow_up in due] == names


@pytest.mark.parametrize(("interested", "names"), [(True, ["send_information"]), (False, []), (None, [])])
def test_a_follow_up_can_hang_on_a_captured_field(interested: bool | None, names: list[str]) -> None:
    due = get_use_case("marketing").follow_ups_after({When.FINISHED}, {"interesado": interested})
    assert [follow_up.name for follow_up in due] == names


def test_a_new_use_case_is_one_file(tmp_path: Path) -> None:
    (tmp_path / "appointment.toml").write_text(APPOINTMENT, encoding="utf-8")
    (tmp_path / "readme.txt").write_text("not a use case")
    use_cases = use_cases_in(tmp_path)
    assert list(use_cases) == ["appointment"]
    appointment = use_cases["appointment"]
    assert appointment.required == {"name", "phone", "city"}
    assert list(appointment.captured) == ["asistira", "dia", "personas"]
    assert variables_of(appointment, {"name": "Ana", "city": "Arica", "amount": "5"}) == {
        "nombre": "Ana",
        "sucursal": "Arica",
    }
    read = read_captured(
        appointment,
        {"asistira": "sí", "dia": "el viernes", "personas": "nueve"},
        today=date(2026, 11, 24),
        zone=ZoneInfo("America/Santiago"),
        country="CL",
    )
    assert dict(read.values) == {"asistira": True, "dia": "2026-11-27"}
    assert read.faults == {"personas": "People: 'nueve' is not from 1 to 8"}
    assert appointment.is_success(successful=None, captured=read.values)
    assert [due.name for due in appointment.follow_ups_after({When.SUCCESS}, read.values)] == ["send_map", "book"]


def test_every_fact_can_be_told_to_an_agent() -> None:
    use_case = read_use_case("u", table(variables={f"v_{fact}": fact for fact in FACTS}))
    assert variables_of(use_case, dict.fromkeys(FACTS, "x")).keys() == {f"v_{fact}" for fact in FACTS}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: table(title_es=None), "'title_es' is missing"),
        (lambda: table(title_es=" "), "title_es: ' ' is not a text"),
        (lambda: table(required=None), "'required' is missing"),
        (lambda: table(required="phone"), "required: 'phone' is not a list of texts"),
        (lambda: table(required=["telefono"]), "required: ['telefono'] are none of national_id"),
        (lambda: table(success_any=[]), "success_any: needs 'call_successful' or captured fields"),
        (lambda: table(success_any=["g"]), "not ['g']"),
        (lambda: table(variables=None), "'variables' is missing"),
        (lambda: table(variables={"monto": "debt"}), "variables: ['debt'] are none of name"),
        (lambda: table(variables={"Monto Total": "amount"}), "'Monto Total' is not a name"),
        (lambda: table(right_person="f"), "right_person: 'f' is not a captured field of kind boolean"),
        (lambda: table(right_person="g"), "right_person: 'g' is not a captured field of kind boolean"),
        (lambda: table(negotiation="../x"), "'../x' is not a name"),
        (lambda: table(succes_any=["f"]), "the file: unknown ['succes_any']"),
        (lambda: field(kind="money"), "'money' is not a valid Kind"),
        (lambda: field(label_en=""), "captured.f: '' is not a text"),
        (lambda: field(label_es=None), "captured.f: None is not a text"),
        (lambda: field(max=5), "captured.f: unknown ['max']"),
        (lambda: field(kind="choice"), "choices belong to kind 'choice'"),
        (lambda: field(choices={"a": []}), "choices belong to kind 'choice'"),
        (lambda: field(kind="choice", choices={"a": "b"}), "captured.f: 'b' is not a list of texts"),
        (lambda: field(least=1), "captured.f: least and most belong to amount, integer, number"),
        (lambda: field(kind="integer", least=5, most=1), "captured.f: least 5 is above most 1"),
        (lambda: field(kind="integer", least="1"), "captured.f.least: '1' is not a number"),
        (lambda: field(required="yes"), "captured.f.required: 'yes' is not true or false"),
        (lambda: table(captured={"F": {}}), "'F' is not a name"),
        (lambda: table(captured=["f"]), "object has no attribute"),
        (lambda: follow_up(when="always"), "'always' is not a valid When"),
        (lambda: follow_up(when="captured"), "follow_ups.act: a captured field belongs to when = 'captured'"),
        (lambda: follow_up(when="captured", field="g"), "follow_ups.act: a captured field belongs"),
        (lambda: follow_up(when="success", field="f"), "follow_ups.act: a captured field belongs"),
        (lambda: follow_up(), "'when' is missing"),
        (lambda: follow_up(when="success", url="x"), "follow_ups.act: unknown ['url']"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(make: Callable[[], dict[str, Any]], words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)) as refused:
        read_use_case("mine", make())
    assert "config/catalogue/use_cases/mine.toml" in str(refused.value)


@pytest.mark.parametrize("content", [b"title_en = ", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"use_cases/bad\.toml is not valid TOML"):
        use_cases_in(tmp_path)


def test_a_file_whose_name_is_no_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "My Case.toml").write_text(APPOINTMENT, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="'My Case' is not a name"):
        use_cases_in(tmp_path)
