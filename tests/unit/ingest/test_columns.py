"""The right sheet, the right header row, the right meaning of each column; a conflict is named, never guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from speechai.errors import ConfigurationError, InputError, UsageError
from speechai.operation.ingest.aliases import Claim, load_aliases, parse_aliases
from speechai.operation.ingest.model import Meaning
from tests.unit.ingest.conftest import EXAMPLES, GOOD, HEADER, OTHER, MakeXlsx, run


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("Teléfono móvil", Meaning.PHONE),
        ("TELEFONO_MOVIL", Meaning.PHONE),
        ("telefonoMovil", Meaning.PHONE),
        ("Fono", Meaning.PHONE),
        ("Fono 2", Meaning.PHONE),
        ("CELULAR1", Meaning.PHONE),
        ("Nº de teléfono", Meaning.PHONE),
        ("celular", Meaning.PHONE),
        ("RUTS", Meaning.NATIONAL_ID),
        ("Rut", Meaning.NATIONAL_ID),
        ("R.U.T.", Meaning.NATIONAL_ID),
        ("RUT Cliente", Meaning.NATIONAL_ID),
        ("DNI", Meaning.NATIONAL_ID),
        ("DV", Meaning.CHECK_DIGIT),
        ("FechaVencimiento", Meaning.DUE_ON),
        ("FECHA_VENC", Meaning.DUE_ON),
        ("Fecha de vencimiento", Meaning.DUE_ON),
        ("Días de retraso", Meaning.DAYS_OVERDUE),
        ("DIAS MORA", Meaning.DAYS_OVERDUE),
        ("Saldo actualizado", Meaning.AMOUNT),
        ("Nombre del deudor", Meaning.NAME),
        ("name", Meaning.NAME),
        ("Apellido Paterno", Meaning.SURNAME),
        ("Correo electrónico personal", Meaning.EMAIL),
        ("Comuna", Meaning.CITY),
    ],
)
def test_a_header_is_known_whatever_its_accents_case_and_spaces(header: str, meaning: Meaning) -> None:
    claim = load_aliases().claim(header)
    assert claim is not None
    assert claim.meaning is meaning


@pytest.mark.parametrize(
    "header",
    [
        "Grupo",
        "FechaSaldo",
        "Fecha de pago",
        "CódigoPersona",
        "var1",
        "",
        "  ",
        "RUT 2",
        "Cliente nro",
        "SpeechAI motivo",
    ],
)
def test_a_header_that_means_nothing_known_stays_a_variable(header: str) -> None:
    assert load_aliases().claim(header) is None


def test_the_portfolio_layout_resolves_by_rank() -> None:
    result = run(EXAMPLES / "cartera.xlsx")
    described = result.layout.described()
    assert described["amount"] == ["Saldo actualizado"]
    assert described["due_on"] == ["FechaVencimiento"]
    assert described["national_id"] == ["RUTS"]
    assert described["phone"] == ["Teléfono móvil", "Teléfono Residencial"]
    assert described["title_id"] == ["Título"]
    assert "saldo_total" in result.layout.variables.values()
    assert "codigo_persona" in result.layout.variables.values()


def test_the_order_of_columns_does_not_matter(make_xlsx: MakeXlsx) -> None:
    straight = run(make_xlsx([HEADER, GOOD], "a.xlsx"))
    turned = run(make_xlsx([HEADER[::-1], GOOD[::-1]], "b.xlsx"))
    assert straight.contacts == turned.contacts


def test_the_header_is_found_below_titles_and_blank_lines(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([["Cartera de noviembre"], [], ["Generado por:", "ERP", "Teléfono"], [], HEADER, GOOD])
    result = run(path)
    assert result.layout.header_row == 5
    assert result.contacts[0].first_row == 6


def test_the_sheet_with_the_best_header_is_taken_wherever_it_stands(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx({"Resumen": [["Total", 3]], "Vacía": [], "Datos": [HEADER, GOOD]})
    assert run(path).layout.sheet.name == "Datos"


def test_a_hidden_sheet_is_read_only_when_named(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx({"Datos": [HEADER, GOOD], "Vieja": [HEADER, OTHER]}, hidden=["Vieja"])
    assert [c.name for c in run(path).contacts] == ["Hugo Soto"]
    assert [c.name for c in run(path, sheet="vieja").contacts] == ["Rosa Yáñez"]


def test_two_sheets_that_both_look_like_lists_are_never_silently_reduced_to_one(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx({"Enero": [HEADER, GOOD], "Febrero": [HEADER, OTHER]})
    with pytest.raises(InputError, match=r"'Enero' and 'Febrero'.*--sheet"):
        run(path)
    assert run(path, sheet="Febrero").counts.contacts == 1


def test_an_empty_form_beside_the_real_list_is_no_conflict(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx({"Plantilla": [HEADER], "Datos": [HEADER, GOOD]})
    assert run(path).layout.sheet.name == "Datos"


def test_an_unknown_sheet_is_refused_with_the_names_that_exist(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match=r"no sheet 'Marzo'.*Hoja1"):
        run(make_xlsx([HEADER, GOOD]), sheet="Marzo")


def test_a_csv_has_no_sheets(make_csv: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="has no sheet"):
        run(make_csv([HEADER, GOOD]), sheet="Datos")


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        (("RUT", "NOMBRE", "TELEFONO", "MONTO", "Deuda"), "amount"),
        (("RUT", "DNI", "NOMBRE", "TELEFONO", "MONTO"), "national_id"),
        (("RUT", "NOMBRE", "Nombre completo", "TELEFONO", "MONTO"), "name"),
        (("RUT", "NOMBRE", "TELEFONO", "MONTO", "Vencimiento", "FECHA_VENC"), "due_on"),
        (("RUT", "Rut", "NOMBRE", "TELEFONO", "MONTO"), "national_id"),
    ],
)
def test_two_columns_that_claim_one_meaning_are_named_with_the_way_out(
    header: tuple[str, ...], meaning: str, make_xlsx: MakeXlsx
) -> None:
    with pytest.raises(InputError, match=rf"(?s)' \(column .*--map {meaning}="):
        run(make_xlsx([header, ["1"] * len(header)]))


def test_a_mapping_ends_the_conflict_and_the_other_column_becomes_a_variable(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([(*HEADER, "Deuda"), (*GOOD, 99000)])
    contact = run(path, mapping={"amount": ["deuda"]}).contacts[0]
    assert contact.amount_minor == 99000
    assert contact.variables["monto"] == "50000"


def test_a_mapping_wins_over_aliases_and_keeps_its_own_order_of_phones(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([(*HEADER, "Col B", "Col A"), (*GOOD, "966109000", "961974885")])
    contact = run(path, mapping={"phone": ["Col A", "Col B"]}).contacts[0]
    assert contact.phones == ("+56961974885", "+56966109000")
    assert contact.variables["telefono"] == "988164510"


def test_a_mapping_makes_a_header_out_of_unknown_names(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([["algo"], ["A", "B", "C", "D"], ["24116641-4", "Hugo", "988164510", 5000]])
    result = run(path, mapping={"national_id": ["A"], "name": ["B"], "phone": ["C"], "amount": ["D"]})
    assert result.contacts[0].national_id == "24116641-4"


@pytest.mark.parametrize(
    ("mapping", "error", "message"),
    [
        ({"fone": ["TELEFONO"]}, UsageError, "'fone'.*phone"),
        ({"phone": []}, UsageError, "names no column"),
        ({"amount": ["MONTO", "RUT"]}, UsageError, "takes one column"),
        ({"phone": ["TELEFONOS"]}, InputError, "Did you mean 'TELEFONO'"),
        ({"phone": ["zzz"]}, InputError, "no column 'zzz'.*Found: RUT"),
    ],
)
def test_a_wrong_mapping_is_refused_with_what_is_allowed(
    mapping: dict[str, list[str]], error: type[Exception], message: str, make_xlsx: MakeXlsx
) -> None:
    with pytest.raises(error, match=message):
        run(make_xlsx([HEADER, GOOD]), mapping=mapping)


def test_a_mapped_column_that_stands_twice_is_refused(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match="stands twice"):
        run(make_xlsx([(*HEADER, "Extra", "Extra"), (*GOOD, 1, 2)]), mapping={"email": ["Extra"]})


def test_no_known_column_lists_what_was_found_and_what_is_needed(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(
        InputError, match=r"no column was recognised as amount, name, national_id, phone.*Found in row 1: uno, dos"
    ):
        run(make_xlsx([["uno", "dos"], [1, 2]]))


def test_a_missing_column_suggests_the_header_that_is_nearly_it(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match=r"Perhaps 'TELEFNO' is the phone: --map phone='TELEFNO'"):
        run(make_xlsx([("RUT", "NOMBRE", "TELEFNO", "MONTO"), GOOD[:4]]))


def test_a_use_case_without_debts_needs_no_amount(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([("nombre", "telefono"), ("Hugo", "988164510")])
    assert run(path, required=frozenset({Meaning.NAME})).contacts[0].amount_minor is None
    with pytest.raises(InputError, match="amount"):
        run(path, required=frozenset({Meaning.AMOUNT}))


def test_a_list_without_a_phone_column_is_refused_whatever_is_required(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(InputError, match="phone"):
        run(make_xlsx([("nombre", "rut"), ("Hugo", "24116641-4")]), required=frozenset())


def test_unknown_columns_become_variables_with_names_a_prompt_can_use(make_xlsx: MakeXlsx) -> None:
    header = (*HEADER, "NúmeroPedido", "Ejecutivo (a)", "", "nombre plan", "Nombre-Plan", "email 2")
    row = (*GOOD, 123.0, "Ana", "suelto", "A", "B", "x")
    assert run(make_xlsx([header, row])).contacts[0].variables == {
        "numero_pedido": "123",
        "ejecutivo_a": "Ana",
        "column_h": "suelto",
        "nombre_plan": "A",
        "nombre_plan_2": "B",
        "email_2": "x",
    }


def test_names_in_two_columns_are_joined(make_xlsx: MakeXlsx) -> None:
    header = ("RUT", "Nombres", "Apellido Materno", "Apellido Paterno", "TELEFONO", "MONTO")
    row = ("24116641-4", "Hugo Elías", "Tapia", "Soto", "988164510", 1000)
    assert run(make_xlsx([header, row])).contacts[0].name == "Hugo Elías Soto Tapia"


def test_the_catalogue_refuses_an_alias_with_two_meanings() -> None:
    with pytest.raises(ConfigurationError, match="both name and phone"):
        parse_aliases('[meaning]\nname = [["x"]]\nphone = [["X"]]')
    with pytest.raises(ConfigurationError, match="unknown meaning 'colour'"):
        parse_aliases('[meaning]\ncolour = [["x"]]')


def test_an_alias_has_the_rank_of_its_place() -> None:
    aliases = parse_aliases('[meaning]\namount = [["a"], ["b"]]')
    assert aliases.claim("B") == Claim(meaning=Meaning.AMOUNT, rank=1)
