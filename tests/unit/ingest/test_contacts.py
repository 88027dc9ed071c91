"""Rows become contacts: every fault listed, every row counted, one person one contact."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechai.errors import ConfigurationError
from speechai.operation.ingest import Fault, IngestSpec, Limits, Meaning, Progress, Reason, RejectedRow, ingest_file
from tests.unit.ingest.conftest import COLLECTION, GOOD, HEADER, NOW, OTHER, MakeXlsx, run

TITLES = ("RUT", "NOMBRE", "TELEFONO", "MONTO", "FECHA_VENC", "Título", "Cuota")


def test_all_faults_of_a_row_are_listed_at_once(make_xlsx: MakeXlsx) -> None:
    result = run(make_xlsx([HEADER, ("5661615-1", "", "12345", "cincuenta", "31/02/2026")]))
    assert [(f.column, f.value, f.reason) for f in result.rejected[0].faults] == [
        ("RUT", "5661615-1", Reason.NATIONAL_ID_CHECK_DIGIT),
        ("NOMBRE", "", Reason.NAME_MISSING),
        ("TELEFONO", "12345", Reason.PHONE_TOO_SHORT),
        ("MONTO", "cincuenta", Reason.AMOUNT_UNREADABLE),
        ("FECHA_VENC", "31/02/2026", Reason.DATE_IMPOSSIBLE),
    ]


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (0, None, Reason.NATIONAL_ID_MISSING),
        (1, None, Reason.NAME_MISSING),
        (2, None, Reason.NO_PHONE),
        (2, "S/N", Reason.NO_PHONE),
        (2, "#N/A", Reason.NO_PHONE),
        (3, None, Reason.AMOUNT_MISSING),
        (3, 0, Reason.AMOUNT_ZERO),
        (3, "#REF!", Reason.EXCEL_ERROR),
        (1, "#N/A", Reason.EXCEL_ERROR),
        (4, "=A1", Reason.FORMULA),
        (2, "=A1", Reason.FORMULA),
    ],
)
def test_what_is_needed_and_missing_rejects_the_row(
    place: int, value: object, reason: Reason, make_xlsx: MakeXlsx
) -> None:
    row: list[object] = list(GOOD)
    row[place] = value
    assert run(make_xlsx([HEADER, row])).reasons() == [(2, reason.value)]


def test_what_is_not_required_may_be_missing_but_not_wrong(make_xlsx: MakeXlsx) -> None:
    loose = frozenset({Meaning.NAME})
    rows = [HEADER, (None, "Ana", "988164510", None, None), (None, "Eva", "977774923", "poco", None)]
    result = run(make_xlsx(rows), required=loose)
    assert result.contacts[0].national_id is None
    assert result.reasons() == [(3, "amount_unreadable")]


def test_a_faulty_second_phone_is_a_warning_while_another_is_good(make_xlsx: MakeXlsx) -> None:
    header = (*HEADER, "Teléfono móvil", "Fono 2")
    result = run(make_xlsx([header, (*GOOD, "60783590", "961974885")]))
    contact = result.contacts[0]
    assert contact.phones == ("+56988164510", "+56961974885")
    assert [(w.column, w.value, w.reason, w.row) for w in contact.warnings] == [
        ("Teléfono móvil", "60783590", Reason.PHONE_AMBIGUOUS, 2)
    ]
    assert result.warnings == {"phone_ambiguous": 1}


def test_mobiles_come_before_landlines_whatever_the_order_of_columns(make_xlsx: MakeXlsx) -> None:
    header = ("RUT", "NOMBRE", "Teléfono Residencial", "MONTO", "Celular")
    row = ("24116641-4", "Hugo", "02-7800242", 1000, "988164510 / 977774923")
    assert run(make_xlsx([header, row])).contacts[0].phones == ("+56988164510", "+56977774923", "+56227800242")


def test_a_wrong_email_is_ignored_with_a_warning(make_xlsx: MakeXlsx) -> None:
    result = run(make_xlsx([(*HEADER, "email"), (*GOOD, "hugo(at)x"), (*OTHER, "Rosa@Example.CL")]))
    assert [c.email for c in result.contacts] == [None, "rosa@example.cl"]
    assert result.warnings == {"email_ignored": 1}


def test_days_overdue_come_from_their_column_or_from_the_due_date_in_the_time_zone(make_xlsx: MakeXlsx) -> None:
    assert run(make_xlsx([HEADER, GOOD])).contacts[0].days_overdue == 22
    assert run(make_xlsx([(*HEADER, "Días mora"), (*GOOD, 5)])).contacts[0].days_overdue == 5
    late = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # still the 22nd in Santiago
    with ingest_file(make_xlsx([HEADER, GOOD]), spec=IngestSpec(required=COLLECTION), now=late) as ingested:
        assert next(ingested.contacts()).days_overdue == 22


def test_an_unknown_time_zone_is_a_wrong_setting(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(ConfigurationError, match="Santiago/Chile"):
        run(make_xlsx([HEADER, GOOD]), time_zone="Santiago/Chile")


def test_an_unknown_country_is_a_wrong_setting(make_xlsx: MakeXlsx) -> None:
    with pytest.raises(ConfigurationError, match="'Chile'"):
        run(make_xlsx([HEADER, GOOD]), country="Chile")


def test_a_country_without_rules_of_its_own_is_read_by_the_numbering_plan(make_xlsx: MakeXlsx) -> None:
    row = ("44.332.211", "Ana", "987 654 321", "1.500,50", "31-10-2026")
    contact = run(make_xlsx([HEADER, row]), country="PE", currency="PEN", time_zone="America/Lima").contacts[0]
    assert (contact.national_id, contact.phones, contact.amount_minor) == ("44332211", ("+51987654321",), 150050)


def test_titles_of_one_person_become_one_contact(make_xlsx: MakeXlsx) -> None:
    rows = [
        TITLES,
        ("24116641-4", "Hugo Soto", "988164510", 1000, "31-10-2026", "T1", 1),
        OTHER,
        ("24.116.641-4", "HUGO SOTO", "977774920", 2000, "30-09-2026", "T2", 1),
        (241166414, "Soto Hugo", "S/N / 966109000", 4000, "01-11-2026", "T3", 1),
    ]
    result = run(make_xlsx(rows))
    contact = result.contacts[0]
    assert (contact.amount_minor, contact.titles, contact.rows, contact.first_row) == (7000, 3, (2, 4, 5), 2)
    assert (contact.due_on, contact.days_overdue) == (date(2026, 9, 30), 53)
    assert contact.phones == ("+56988164510", "+56977774920", "+56966109000")
    assert contact.name == "Hugo Soto"
    assert contact.variables["title_id"] == "T1"
    assert result.counts.merged == 2
    assert not result.warnings


def test_the_same_title_twice_is_a_duplicate_and_counted_once(make_xlsx: MakeXlsx) -> None:
    title = ("24116641-4", "Hugo Soto", "988164510", 1000, "31-10-2026", "T1", 1)
    again = ("24.116.641-4", "Hugo Soto", "+56988164510", "1.000", "2026-10-31", "T1", 1)
    result = run(make_xlsx([TITLES, title, again]))
    assert (result.counts.duplicate, result.contacts[0].amount_minor, result.contacts[0].titles) == (1, 1000, 1)


def test_instalments_of_one_title_are_not_duplicates(make_xlsx: MakeXlsx) -> None:
    rows = [("24116641-4", "Hugo Soto", "988164510", 1000, "31-10-2026", "T1", cuota) for cuota in (1, 2, 3)]
    assert run(make_xlsx([TITLES, *rows])).contacts[0].amount_minor == 3000


def test_a_title_with_two_balances_is_rejected_and_not_summed(make_xlsx: MakeXlsx) -> None:
    rows = [("24116641-4", "Hugo Soto", "988164510", amount, "31-10-2026", "T1", 1) for amount in (1000, 1500)]
    result = run(make_xlsx([TITLES, *rows]))
    assert result.contacts[0].amount_minor == 1000
    assert result.reasons() == [(3, "title_conflict")]
    assert "fila 2" in result.rejected[0].reason_es
    assert result.rejected[0].cells[3] == 1500


def test_without_title_ids_only_an_equal_row_is_a_duplicate(make_xlsx: MakeXlsx) -> None:
    result = run(make_xlsx([HEADER, GOOD, GOOD, (*GOOD[:3], 60000, GOOD[4])]))
    assert (result.counts.duplicate, result.counts.merged) == (1, 1)
    assert result.contacts[0].amount_minor == 110000


def test_without_a_national_id_the_first_phone_is_the_person(make_xlsx: MakeXlsx) -> None:
    header = ("nombre", "telefono", "edad")
    rows = [header, ("Ana", "988164510", 30), ("Ana", "09-88164510", 31), ("Ana", "977774923", 30)]
    result = run(make_xlsx(rows), required=frozenset({Meaning.NAME}))
    assert [c.rows for c in result.contacts] == [(2, 3), (4,)]
    assert result.contacts[0].variables == {"edad": "30"}


def test_one_phone_of_two_people_keeps_both_with_a_warning(make_xlsx: MakeXlsx) -> None:
    result = run(make_xlsx([HEADER, GOOD, (*OTHER[:2], GOOD[2], *OTHER[3:])]))
    assert result.counts.contacts == 2
    assert result.warnings == {"shared_phone": 1}


def test_one_id_with_two_clearly_different_names_is_merged_with_a_warning(make_xlsx: MakeXlsx) -> None:
    result = run(make_xlsx([HEADER, GOOD, (GOOD[0], "Pedro Tapia", *GOOD[2:])]))
    assert result.contacts[0].name == "Hugo Soto"
    assert [(w.reason, w.other, w.row) for w in result.contacts[0].warnings] == [
        (Reason.NAMES_DISAGREE, "Pedro Tapia", 3)
    ]


def test_more_phones_than_the_limit_are_left_out_with_a_warning(make_xlsx: MakeXlsx) -> None:
    rows = [(GOOD[0], GOOD[1], f"98816451{n}", 1000 + n, GOOD[4]) for n in range(7)]
    result = run(make_xlsx([HEADER, *rows]), limits=Limits(phones=5))
    assert result.contacts[0].phones == tuple(f"+5698816451{n}" for n in range(5))
    assert result.warnings == {"too_many_phones": 2}


def test_blank_rows_between_are_counted_apart_and_those_at_the_end_not(make_xlsx: MakeXlsx) -> None:
    counts = run(make_xlsx([HEADER, GOOD, [None], ["", "  "], OTHER, [None], [" "]])).counts
    assert (counts.rows, counts.blank, counts.contacts) == (2, 2, 2)


def test_contacts_come_in_the_order_of_the_sheet_as_often_as_wanted(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([HEADER, OTHER, GOOD, (*OTHER[:3], 1, OTHER[4])])
    with ingest_file(path, spec=IngestSpec(required=COLLECTION), now=NOW) as ingested:
        assert [c.first_row for c in ingested.contacts()] == [2, 3]
        assert list(ingested.contacts()) == list(ingested.contacts())


def test_the_same_file_gives_the_same_result(make_xlsx: MakeXlsx) -> None:
    path = make_xlsx([HEADER, GOOD, OTHER])
    assert run(path).contacts == run(path).contacts


def test_argentinian_lists_take_dni_pesos_with_cents_and_areas(make_xlsx: MakeXlsx) -> None:
    header = ("DNI", "Apellido y Nombre", "Teléfono", "Importe", "Vto")
    row = ("12.345.678", "Gómez, Juan", "0351 15 555 1234", "12.500,50", "31/10/2026")
    options: dict[str, Any] = {"country": "AR", "currency": "ARS", "time_zone": "America/Argentina/Cordoba"}
    contact = run(make_xlsx([header, row]), **options).contacts[0]
    assert (contact.national_id, contact.phones) == ("12345678", ("+5493515551234",))
    assert (contact.amount_minor, contact.currency) == (1250050, "ARS")


def test_dni_and_cuit_of_one_argentinian_are_one_contact(make_xlsx: MakeXlsx) -> None:
    rows = [
        ("DNI", "NOMBRE", "TELEFONO", "MONTO"),
        ("12345678", "Ana Soto", "+5491130000001", "10,00"),
        ("20-12345678-6", "Ana Soto", "+5491130000002", "5,00"),
        ("30-71234567-1", "Soto S.A.", "+5491130000001", "1,00"),
    ]
    result = run(make_xlsx(rows), country="AR", currency="ARS", time_zone="America/Argentina/Cordoba")
    assert [(one.national_id, one.phones, one.amount_minor) for one in result.contacts] == [
        ("12345678", ("+5491130000001", "+5491130000002"), 1500),
        ("30-71234567-1", ("+5491130000001",), 100),
    ]


def test_progress_tells_both_phases_and_ends_at_the_total(make_xlsx: MakeXlsx) -> None:
    seen: list[Progress] = []
    rows = [(GOOD[0], GOOD[1], GOOD[2], n + 1, GOOD[4]) for n in range(1200)]
    ingest_file(make_xlsx([HEADER, *rows]), spec=IngestSpec(), now=NOW, progress=seen.append).close()
    reading = [p for p in seen if p.phase == "reading"]
    assert [p.rows for p in reading] == [500, 1000, 1200]
    assert all(p.total == 1200 for p in seen)
    assert seen[-1] == Progress(phase="merging", rows=1200, total=1200)


def test_an_abandoned_run_leaves_nothing_behind(
    make_xlsx: MakeXlsx, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("SQLITE_TMPDIR", str(scratch))
    path = make_xlsx([HEADER, GOOD])

    def give_up(_: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_file(path, spec=IngestSpec(), now=NOW, progress=give_up)
    assert list(scratch.iterdir()) == []


def test_a_rejected_row_survives_its_way_through_a_database() -> None:
    row = RejectedRow(
        row=7,
        faults=(Fault(column="MONTO", value="x", reason=Reason.AMOUNT_UNREADABLE),),
        cells=("=x", 1.5, None, datetime(2026, 10, 31), 2**70, float("nan"), True),  # noqa: DTZ001 - Excel has no zones
    )
    document = row.to_document()
    assert document["cells"] == ["=x", 1.5, None, "2026-10-31", str(2**70), "nan", True]
    assert document["reason_code"] == "amount_unreadable"
    back = RejectedRow.from_document({**document, "_id": 1, "batch_id": "b"})
    assert (back.row, back.faults, back.reason_es) == (row.row, row.faults, row.reason_es)


cells = st.tuples(
    st.sampled_from(["24116641-4", "12022901-K", "5661615-2", "5661615-1", None, "11111111-1"]),
    st.sampled_from(["Hugo Soto", "Rosa Yáñez", "", "=1+1", None]),
    st.sampled_from(["988164510", 977774923, "S/N", "12345", "988164510 / 966109000", None]),
    st.sampled_from([1000, "2.000", 0, -5, "x", None]),
    st.sampled_from(["31-10-2026", "31/02/2026", None, "2026-09-30"]),
    st.sampled_from(["T1", "T2", None]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(cells, min_size=1, max_size=25))
def test_every_row_is_accounted_for_and_no_peso_is_lost_or_invented(
    rows: list[tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in [TITLES[:6], *rows]:
        book.active.append(list(row))
    path = tmp_path_factory.mktemp("law") / "a.xlsx"
    book.save(path)
    filled = [n for n, row in enumerate(rows, start=2) if any(cell not in (None, "") for cell in row)]
    if not filled:
        return
    result = run(path)
    assert result.counts.rows == len(filled)
    used = [n for c in result.contacts for n in c.rows]
    rejected = [r.row for r in result.rejected]
    assert len(used) == len(set(used)) == result.counts.accepted + result.counts.merged
    assert not set(used) & set(rejected)
    assert set(used) | set(rejected) <= set(filled)
    amounts = {1000: 1000, "2.000": 2000}
    for contact in result.contacts:
        assert contact.amount_minor == sum(amounts[rows[n - 2][3]] for n in contact.rows)
        assert contact.titles == len(contact.rows)
        assert contact.phones
    assert len({c.national_id for c in result.contacts}) == len(result.contacts)
