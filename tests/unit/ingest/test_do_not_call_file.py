"""Whom an operator means by a word, and a file by its rows: phones, national ids, and what is neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechai.errors import InputError, UsageError
from speechai.operation.do_not_call import Meant, subject_of
from speechai.operation.do_not_call_file import Subject, open_wishes
from speechai.operation.ingest import Limits

PHONE = Subject(number="+56961234567")
OTHER = Subject(number="+56972345678")
RUT = Subject(country="CL", national_id="12345678-5")


@pytest.mark.parametrize(
    ("text", "country", "meant", "subject"),
    [
        ("+56 9 6123 4567", "CL", None, PHONE),
        ("961234567", "CL", None, PHONE),
        ("12.345.678-5", "CL", None, RUT),
        ("12345678-5", "CL", "id", RUT),
        ("9212590-4", "CL", None, Subject(country="CL", national_id="9212590-4")),
        ("92125904", "CL", "id", Subject(country="CL", national_id="9212590-4")),
        ("92125904", "CL", "phone", Subject(number="+56992125904")),
        ("20-12345678-6", "AR", None, Subject(country="AR", national_id="20-12345678-6")),
        ("12345678", "AR", None, Subject(country="AR", national_id="12345678")),
        ("+54 9 11 2345-6789", "CL", None, Subject(number="+5491123456789")),
    ],
)
def test_what_an_operator_types_is_a_phone_or_an_id(
    text: str, country: str, meant: Meant | None, subject: Subject
) -> None:
    assert subject_of(text, country=country, meant=meant) == subject


@pytest.mark.parametrize(
    ("text", "meant", "said"),
    [
        ("12345678-9", None, "check digit"),
        ("hola", None, "is no phone and no national id of CL"),
        ("", None, "is no phone and no national id of CL"),
        ("+56 9 6123 4567", "id", "is no phone and no national id of CL"),
        ("12.345.678-5", "phone", "is no phone and no national id of CL"),
        ("92125904", None, "say which"),  # an old mobile number, and a RUT with its check digit
        ("9212590-5", None, "check digit"),  # a RUT with a wrong one, and no phone
        ("+1 212 555 0100", None, "is no phone"),
        ("961234567 / 972345678", None, "one at a time"),
    ],
)
def test_what_is_neither_or_both_is_refused_without_showing_it_whole(text: str, meant: Meant | None, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        subject_of(text, country="CL", meant=meant)
    assert said in str(refused.value)
    assert len(text) < 6 or text not in str(refused.value)


def read(path: Path, text: str) -> tuple[list[tuple[Subject, ...]], list[tuple[int | None, str, str]]]:
    """The subjects of each row, and row, column and value of each fault."""
    path.write_text(text, encoding="utf-8")
    with open_wishes(path, country="CL", allowed=("CL", "AR"), limits=Limits()) as file:
        lines = list(file.lines())
    return [line.subjects for line in lines], [(f.row, f.column, f.value) for line in lines for f in line.faults]


@pytest.mark.parametrize(
    ("text", "subjects", "faults"),
    [
        ("TELEFONO\n961234567\n+56 9 7234 5678\n", [(PHONE,), (OTHER,)], []),
        ("RUT\n12.345.678-5\n", [(RUT,)], []),
        ("RUT;DV\n12345678;5\n", [(RUT,)], []),
        ("RUT;CELULAR;FONO2\n12345678-5;961234567;972345678\n", [(PHONE, OTHER, RUT)], []),
        ("Lista negra\n\nNombre;Celular\nAna;961234567 / 972345678\n", [(PHONE, OTHER)], []),
        ("CELULAR\n961234567\n\n961234567\n", [(PHONE,), (PHONE,)], []),
        ("RUT;CELULAR\n12345678-5\n", [(RUT,)], []),  # a row that ends early
        ("CELULAR\n999999999\n", [()], [(2, "CELULAR", "999999999")]),  # nobody's number
        (
            "RUT;CELULAR\n12345678-9;961234567\n;123\n;\n;S/N\n",
            [(PHONE,), (), ()],
            [(2, "RUT", "12345678-9"), (3, "CELULAR", "123"), (5, "CELULAR", "S/N")],
        ),
    ],
)
def test_every_row_names_somebody_or_says_what_is_wrong(
    tmp_path: Path, text: str, subjects: list[tuple[Subject, ...]], faults: list[tuple[int, str, str]]
) -> None:
    assert read(tmp_path / "list.csv", text) == (subjects, faults)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("961234567\n972345678\n", "has no column of phones or national ids"),
        ("NOMBRE;DEUDA\nAna;100\n", "has no column of phones or national ids"),
        ("", "empty"),
    ],
)
def test_a_file_that_names_nobody_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read(tmp_path / "list.csv", text)
    assert said in str(refused.value)
