"""The do-not-call list as an operator works on it: phones and ids as they are typed, and files of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import openpyxl
import pytest

from speechai.core.decision import Denied
from speechai.operation.context import Context
from speechai.operation.do_not_call import Changed, add, lift, listed, load_file
from speechai.operation.do_not_call_file import Subject
from speechai.store.connection import Store
from speechai.store.people import Turn
from tests.store.making import NOW, make_context, person_of, phone_of, settle, take, take_phone

PHONE = Subject(number="+56961234567")
RUT = Subject(country="CL", national_id="12345678-5")


@pytest.fixture
def context(store: Store) -> Context:
    """An operator's."""
    return make_context(store)


def test_a_phone_on_the_list_is_dialled_for_nobody_and_its_own_person_not_called(
    context: Context, store: Store
) -> None:
    assert add(context, [PHONE], why="by letter", by="ana") == Changed(named=1, people=0, phones=1)
    assert isinstance(take_phone(store, "a", number="+56961234567"), Denied)
    assert isinstance(take(store, "a", person_id="tel:+56961234567"), Denied)
    assert take(store, "a", person_id="CL:12345678-5") is Turn.TAKEN  # on another of their numbers
    assert add(context, [PHONE], why="again", by="ana") == Changed(named=1, people=0, phones=0)


def test_a_person_on_the_list_is_called_on_no_number(context: Context, store: Store) -> None:
    assert add(context, [RUT, RUT], why="by letter", by="ana") == Changed(named=1, people=1, phones=0)
    assert isinstance(take(store, "a", person_id="CL:12345678-5"), Denied)
    assert not phone_of(store, "+56961234567").do_not_call


def test_what_was_lifted_is_called_again(context: Context, store: Store) -> None:
    add(context, [PHONE, RUT], why="by letter", by="ana")
    assert lift(context, [PHONE, RUT], why="a mistake", by="ana") == Changed(named=2, people=1, phones=1)
    assert lift(context, [PHONE, RUT], why="a mistake", by="ana") == Changed(named=2, people=0, phones=0)
    assert list(listed(context)) == []
    assert take(store, "a", person_id="tel:+56961234567") is Turn.TAKEN
    assert take_phone(store, "a", number="+56961234567") is Turn.TAKEN


def test_the_list_is_masked_and_says_since_when_why_and_by_whom(context: Context, store: Store) -> None:
    add(context, [PHONE, RUT], why="letter of +56 9 7234 5678", by="ana")
    take(store, "attempt", person_id="tel:+56933333333")
    settle(store, "attempt", person_id="tel:+56933333333", talked=True, do_not_call=True)
    found = {(one.kind, one.who): (one.since, one.why, one.by) for one in listed(context)}
    assert found == {
        ("phone", "+569****4567"): (NOW, "letter of +56 ****5678", "ana"),
        ("person", "CL ****78-5"): (NOW, "letter of +56 ****5678", "ana"),
        ("person", "+569****3333"): ("2026-11-25", "asked in the call", "attempt"),
    }
    whole = {one.who for one in listed(context, full=True)}
    assert whole == {"+56961234567", "CL:12345678-5", "+56933333333"}


def csv(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_is_put_on_the_list_but_for_what_cannot_be_read(context: Context, store: Store, tmp_path: Path) -> None:
    path = csv(tmp_path / "list.csv", "RUT;CELULAR\n12345678-9;961234567\n12345678-5;961234567\n;123\n")
    loaded = load_file(context, path, country="CL", why="register", by="ana")
    assert (loaded.rows, loaded.changed) == (3, Changed(named=2, people=1, phones=1))
    assert [(fault.row, fault.column, fault.value) for fault in loaded.faults] == [
        (2, "RUT", "12345678-9"),
        (4, "CELULAR", "123"),
    ]
    assert person_of(store, "CL:12345678-5").do_not_call
    assert phone_of(store, "+56961234567").do_not_call


def test_every_sheet_of_a_workbook_that_names_people_is_read(context: Context, store: Store, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheets: dict[str, list[list[object]]] = {
        "Ayuda": [["Se lee todo"]],
        "Celulares": [["CELULAR"], [961234567], [12]],
        "Personas": [["", "RUT deudor", "Celular"], ["", "12.345.678-5", None], [None, "=A1", "972345678"]],
    }
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "list.xlsx")
    loaded = load_file(context, tmp_path / "list.xlsx", country="CL", why="register", by="ana")
    assert (loaded.rows, loaded.changed) == (4, Changed(named=3, people=1, phones=2))
    assert [(fault.row, fault.column, fault.reason) for fault in loaded.faults] == [
        (3, "Celulares: CELULAR", "phone_too_short"),
        (3, "Personas: RUT deudor", "formula"),
    ]
    assert person_of(store, "CL:12345678-5").do_not_call
    assert phone_of(store, "+56972345678").do_not_call


def test_loading_a_file_again_changes_nothing(context: Context, store: Store, tmp_path: Path) -> None:
    path = csv(tmp_path / "list.csv", "RUT;CELULAR\n" + "".join(f";9{n:08}\n" for n in range(22_000_000, 22_000_210)))
    first = load_file(context, path, country="CL", why="register", by="ana")
    assert (first.rows, first.changed) == (210, Changed(named=210, people=0, phones=210))
    again = load_file(context, path, country="CL", why="register", by="ana")
    assert again.changed == Changed(named=210, people=0, phones=0)
    assert store.phones.count_documents({"do_not_call_history": {"$size": 1}}) == 210


def test_the_clock_of_the_operation_dates_the_entries(store: Store) -> None:
    later = NOW + timedelta(days=3)
    context = make_context(store, lambda: later)
    add(context, [PHONE], why="by letter", by="ana")
    assert [one.since for one in listed(context)] == [later]
