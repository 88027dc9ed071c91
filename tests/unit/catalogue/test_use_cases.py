"""The use cases as shipped, and when a conversation has reached its goal."""

from __future__ import annotations

from typing import Any

import pytest

from speechai.catalogue.use_cases import Field, Kind, UseCase, get_use_case, load_use_cases
from speechai.errors import UsageError
from speechai.operation.ingest import Meaning


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
