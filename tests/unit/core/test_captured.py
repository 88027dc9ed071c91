"""What agents write down, by the type of the field: a value that is certain, a fault with words, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.use_cases import Field, Kind, UseCase, get_use_case, load_use_cases
from speechai.core.captured import Captured, read_captured
from speechai.core.written import is_nothing, shown
from tests.unit.core.making import EASTER, SANTIAGO
from tests.unit.core.test_said_amounts import JSON

TUESDAY = date(2026, 11, 24)
MONTHS = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"


def read_one(kind: Kind, value: Any, **settings: Any) -> Captured:
    """A use case with one field `f` of the kind, and what it reads of the value."""
    field = Field(name="f", kind=kind, label_en="The field", label_es="El campo", **settings)
    use_case = UseCase(
        name="u", title_en="u", title_es="u", required=frozenset(), captured={"f": field}, success_any=("f",)
    )
    return read_captured(use_case, {"f": value}, today=TUESDAY, zone=SANTIAGO, country="CL")


@pytest.mark.parametrize(
    ("kind", "value", "read"),
    [
        (Kind.DATE, "2026-12-31", "2026-12-31"),
        (Kind.DATE, " 31/12/2026 ", "2026-12-31"),
        (Kind.DATE, "31-12-26", "2026-12-31"),
        (Kind.DATE, "20261231", "2026-12-31"),
        (Kind.DATE, "2026-12-31T00:00:00Z", "2026-12-31"),  # a midnight pads a day
        (Kind.DATE, "2026-12-31T00:00:00", "2026-12-31"),
        (Kind.DATE, "2026-12-31 00:00:00.000", "2026-12-31"),
        (Kind.DATE, "2026-12-31T18:30:00", "2026-12-31"),
        (Kind.DATE, "2026-12-31T02:00:00Z", "2026-12-30"),  # an instant is its day in Santiago
        (Kind.DATE, "2026-12-31T02:00:00-03:00", "2026-12-31"),
        (Kind.DATE, "31 de diciembre de 2026", "2026-12-31"),
        (Kind.DATE, "el 31 de diciembre", "2026-12-31"),
        (Kind.DATE, "jueves 31 de diciembre", "2026-12-31"),
        (Kind.DATE, "fin de mes", "2026-11-30"),
        (Kind.DATE, "el viernes", "2026-11-27"),
        (Kind.DATE, "el viernes a las 5", "2026-11-27"),
        (Kind.DATE, "Thu, 31 Dec 2026 17:30:00 GMT", "2026-12-31"),
        (Kind.DATE, ["2026-12-31"], "2026-12-31"),
        (Kind.DATE, "2024-12-05", "2024-12-05"),  # whether it may lie back is not the reader's business
        (Kind.TIME, "17:30", "17:30"),
        (Kind.TIME, "17:30:00", "17:30"),
        (Kind.TIME, "5 pm", "17:00"),
        (Kind.TIME, "5", "17:00"),
        (Kind.TIME, 17, "17:00"),
        (Kind.TIME, 9.0, "09:00"),
        (Kind.TIME, "a las cinco y media", "17:30"),
        (Kind.TIME, "mañana a las 5", "17:00"),
        (Kind.DATETIME, "2026-12-31T17:30:00", "2026-12-31T17:30:00-03:00"),
        (Kind.DATETIME, "2026-12-31 17:30", "2026-12-31T17:30:00-03:00"),
        (Kind.DATETIME, "2026-12-31T17:30:00Z", "2026-12-31T14:30:00-03:00"),
        (Kind.DATETIME, "mañana a las 5", "2026-11-25T17:00:00-03:00"),
        (Kind.DATETIME, "31/12/2026 17:30", "2026-12-31T17:30:00-03:00"),
        (Kind.AMOUNT, "cincuenta mil pesos", 50_000),
        (Kind.AMOUNT, "$50.000", 50_000),
        (Kind.AMOUNT, "50000.0", 50_000),
        (Kind.AMOUNT, 50_000.0, 50_000),
        (Kind.AMOUNT, ["$ 120 mil"], 120_000),
        (Kind.INTEGER, 4, 4),
        (Kind.INTEGER, 4.0, 4),
        (Kind.INTEGER, "4", 4),
        (Kind.INTEGER, "4.0", 4),
        (Kind.INTEGER, "cuatro", 4),
        (Kind.INTEGER, "Four.", 4),
        (Kind.INTEGER, "-4", -4),
        (Kind.INTEGER, 0, 0),
        (Kind.INTEGER, "5 estrellas", 5),
        (Kind.NUMBER, "4,5", 4.5),
        (Kind.NUMBER, 4.5, 4.5),
        (Kind.BOOLEAN, True, True),
        (Kind.BOOLEAN, False, False),
        (Kind.BOOLEAN, "Sí", True),
        (Kind.BOOLEAN, "si.", True),
        (Kind.BOOLEAN, "yes", True),
        (Kind.BOOLEAN, "TRUE", True),
        (Kind.BOOLEAN, "No", False),
        (Kind.BOOLEAN, "false", False),
        (Kind.BOOLEAN, 1, True),
        (Kind.BOOLEAN, 0, False),
        (Kind.TEXT, " está de viaje\n", "está de viaje"),
        (Kind.TEXT, 5, "5"),
        (Kind.TEXT, ["uno", "dos"], "uno; dos"),
        (Kind.TEXT, "no", "no"),
        (Kind.TEXT, "a\0b", "a b"),
        (Kind.TEXT, "x" * 3_000, "x" * 2_000),
    ],
)
def test_a_certain_value_is_read(kind: Kind, value: Any, read: Any) -> None:
    captured = read_one(kind, value)
    assert dict(captured.values) == {"f": read}
    assert type(captured.values["f"]) is type(read)
    assert captured.faults == {}


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Kind.DATE, "no quiso decir", "'no quiso decir' is not a certain date"),
        (Kind.DATE, "cuando me paguen", "is not a certain date"),
        (Kind.DATE, "15", "'15' is not a certain date"),
        (Kind.DATE, 15, "'15' is not a certain date"),
        (Kind.DATE, 1_798_675_200, "is not a certain date"),
        (Kind.DATE, True, "is not a certain date"),
        (Kind.DATE, {"day": 1}, "'{...}' is not a certain date"),
        (Kind.DATE, ["2026-12-31", "2027-01-31"], "is not a certain date"),
        (Kind.DATE, "31-02-2027", "there is no such day as '31-02-2027'"),
        (Kind.DATE, "12/31/2026", "there is no such day"),
        (Kind.DATETIME, "hoy a las 26", "is not a certain date"),
        (Kind.DATE, "2090-01-01", "out of any reasonable range"),
        (Kind.DATE, "1970-01-01", "out of any reasonable range"),
        (Kind.DATE, "0001-01-01T01:00:00+14:00", "out of any reasonable range"),
        (Kind.DATE, "la próxima semana", "means several days"),
        (Kind.DATE, "en dos horas", "is not a certain date"),
        (Kind.TIME, "en la tarde", "is not a certain time of day"),
        (Kind.TIME, "25", "is not a certain time of day"),
        (Kind.TIME, 10**400, "is not a certain time of day"),
        (Kind.TIME, True, "is not a certain time of day"),
        (Kind.TIME, {"hour": 5}, "is not a certain time of day"),
        (Kind.TIME, "cuando salga", "is not a certain time of day"),
        (Kind.DATETIME, 15, "'15' is not a certain date"),
        (Kind.DATETIME, "cuando salga", "is not a certain date"),
        (Kind.DATETIME, "a las 5", "is not a certain date"),
        (Kind.DATETIME, "el lunes", "is not a certain date"),
        (Kind.DATETIME, "2026-12-31", "is not a certain date"),
        (Kind.DATETIME, "el lunes en la tarde", "is not a certain date"),
        (Kind.DATETIME, "9999-12-31T23:59:59-12:00", "out of any reasonable range"),
        (Kind.AMOUNT, "lo que pueda", "is not a certain amount"),
        (Kind.AMOUNT, "1,234", "can be read as two different amounts"),
        (Kind.AMOUNT, -5, "the amount '-5' is negative"),
        (Kind.AMOUNT, "−5.000", "the amount '−5.000' is negative"),
        (Kind.AMOUNT, 10**14, "too large to be real"),
        (Kind.INTEGER, "4.5", "'4.5' is not a number"),
        (Kind.INTEGER, "4 o 5", "is not a number"),
        (Kind.INTEGER, True, "is not a number"),
        (Kind.INTEGER, 10**40, "is not a number"),
        (Kind.NUMBER, float("nan"), "is not a number"),
        (Kind.NUMBER, "1,234", "is not a number"),
        (Kind.BOOLEAN, "tal vez", "'tal vez' is neither yes nor no"),
        (Kind.BOOLEAN, 2, "is neither yes nor no"),
        (Kind.TEXT, {"a": "b"}, "is not a text"),
        (Kind.TEXT, True, "is not a text"),
    ],
)
def test_what_is_not_certain_is_a_fault_in_words_with_what_was_written(kind: Kind, value: Any, words: str) -> None:
    captured = read_one(kind, value)
    assert dict(captured.values) == {}
    assert captured.faults["f"].startswith("The field: ")
    assert words in captured.faults["f"]
    assert captured.faults_in("es")["f"].startswith("El campo: ")
    assert captured.unread["f"].raw in captured.faults_in("es")["f"]


@pytest.mark.parametrize(
    "value", [None, "", "  ", "-", "N/A", "n/a", "null", "None", "no especificado", "Not mentioned.", [], {}, [None]]
)
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.CHOICE])
def test_an_empty_answer_is_no_value_and_no_fault(kind: Kind, value: Any) -> None:
    captured = read_one(kind, value)
    assert (dict(captured.values), captured.faults) == ({}, {})


def test_a_number_of_thousands_of_digits_is_no_time_of_day() -> None:
    captured = read_one(Kind.TIME, 10**5000)
    assert "is not a certain time of day" in captured.faults["f"]


def test_a_text_that_no_encoding_knows_is_kept_without_what_cannot_be_stored() -> None:
    assert read_one(Kind.TEXT, "a\ud800b").values["f"] == "a?b"


@pytest.mark.parametrize(
    ("bounds", "en", "es"),
    [
        ({"least": 3}, "3 or more", "3 o más"),
        ({"most": 1}, "1 or less", "1 o menos"),
        ({"least": 3, "most": 5}, "from 3 to 5", "de 3 a 5"),
        ({"least": 0, "most": 1}, "from 0 to 1", "de 0 a 1"),
    ],
)
def test_bounds_are_said_in_both_languages(bounds: dict[str, int], en: str, es: str) -> None:
    captured = read_one(Kind.INTEGER, 2, **bounds)
    assert en in captured.faults["f"]
    assert es in captured.faults_in("es")["f"]


def test_an_amount_of_zero_stands_for_none() -> None:
    assert dict(read_one(Kind.AMOUNT, 0).values) == {}
    assert read_one(Kind.AMOUNT, "0").faults == {}


CHOICES = {"sin_trabajo": ("cesante", "perdió el trabajo"), "otro": ()}


@pytest.mark.parametrize("written", ["sin_trabajo", "Sin trabajo", "CESANTE.", "perdio el trabajo", ["cesante"]])
def test_a_choice_is_read_by_its_name_and_by_other_words_for_it(written: Any) -> None:
    assert dict(read_one(Kind.CHOICE, written, choices=CHOICES).values) == {"f": "sin_trabajo"}


@pytest.mark.parametrize("written", ["no cesante", "cesante y enfermo", 1, ["cesante", "otro"]])
def test_a_choice_is_never_the_nearest(written: Any) -> None:
    captured = read_one(Kind.CHOICE, written, choices=CHOICES)
    assert captured.faults["f"].endswith("is none of sin_trabajo, otro")


@pytest.mark.parametrize(
    ("value", "bounds", "words"),
    [
        (0, {"least": 1, "most": 5}, "'0' is not from 1 to 5"),
        ("seis", {"least": 1, "most": 5}, "'seis' is not from 1 to 5"),
        (0, {"least": 1}, "'0' is not 1 or more"),
        (6, {"most": 5}, "'6' is not 5 or less"),
        ("8/10", {"least": 0, "most": 5}, "is not a number"),
    ],
)
def test_a_number_out_of_its_bounds_is_a_fault(value: Any, bounds: dict[str, int], words: str) -> None:
    assert words in read_one(Kind.INTEGER, value, **bounds).faults["f"]


@pytest.mark.parametrize("value", [0, 10, "8/10", "8 de 10", "8 out of 10"])
def test_a_number_in_its_bounds_is_read_also_out_of_the_greatest(value: Any) -> None:
    assert read_one(Kind.INTEGER, value, least=0, most=10).values["f"] in (0, 8, 10)


def test_bounds_of_an_amount_are_in_whole_units_of_money() -> None:
    field = Field(name="f", kind=Kind.AMOUNT, label_en="F", label_es="F", least=1_000)
    use_case = UseCase(
        name="u", title_en="u", title_es="u", required=frozenset(), captured={"f": field}, success_any=("f",)
    )
    in_argentina = {"today": TUESDAY, "zone": SANTIAGO, "country": "AR"}
    assert read_captured(use_case, {"f": "1.000,50"}, **in_argentina).values == {"f": 100_050}  # type: ignore[arg-type]
    assert read_captured(use_case, {"f": "999,99"}, **in_argentina).faults  # type: ignore[arg-type]


def test_a_required_field_is_missed_where_the_agent_wrote_down_others() -> None:
    survey = get_use_case("survey")
    where: dict[str, Any] = {"today": TUESDAY, "zone": SANTIAGO, "country": "CL"}
    partly = read_captured(survey, {"recomendacion": 9}, **where)
    assert partly.faults == {"satisfaccion": "Satisfaction, 1 to 5: the agent wrote nothing down"}
    assert partly.faults_in("es") == {"satisfaccion": "Satisfacción, 1 a 5: el agente no anotó nada"}
    assert read_captured(survey, {}, **where).faults == {}  # nobody answered


def test_fields_that_the_use_case_does_not_name_are_left_alone() -> None:
    raw = {"fecha_pago_cliente": "el viernes", "otra_cosa": object()}
    captured = read_captured(get_use_case("debt_collection"), raw, today=TUESDAY, zone=SANTIAGO, country="CL")
    assert (dict(captured.values), captured.faults) == ({"fecha_pago_cliente": "2026-11-27"}, {})


@pytest.mark.parametrize(
    ("zone", "text", "read"),
    [
        (SANTIAGO, "2026-09-06 00:30", "2026-09-06T01:00:00-03:00"),  # skipped: the clock jumps over it
        (SANTIAGO, "2026-04-04 23:30", "2026-04-04T23:30:00-03:00"),  # twice: the first
        (EASTER, "2026-09-05 22:30", "2026-09-05T23:00:00-05:00"),
    ],
)
def test_a_wall_time_on_a_day_of_daylight_saving_is_one_instant(zone: Any, text: str, read: str) -> None:
    field = Field(name="f", kind=Kind.DATETIME, label_en="F", label_es="F")
    use_case = UseCase(
        name="u", title_en="u", title_es="u", required=frozenset(), captured={"f": field}, success_any=("f",)
    )
    assert read_captured(use_case, {"f": text}, today=date(2026, 4, 1), zone=zone, country="CL").values == {"f": read}


@given(st.sampled_from(sorted(load_use_cases())), st.data())
def test_no_answer_makes_the_reader_fail_and_what_is_read_is_json(name: str, data: st.DataObject) -> None:
    use_case = get_use_case(name)
    values = st.one_of(
        JSON, st.text(alphabet="0123456789-/:. T$apm"), st.sampled_from(["mañana", "dos mil", "fin de mes"])
    )
    raw = {field: data.draw(values) for field in use_case.captured}
    captured = read_captured(use_case, raw, today=TUESDAY, zone=SANTIAGO, country="CL")
    assert captured.values.keys().isdisjoint(captured.faults)
    assert captured.values.keys() | captured.faults.keys() <= use_case.captured.keys()
    json.dumps(dict(captured.values), allow_nan=False)
    for words in (*captured.faults.values(), *captured.faults_in("es").values()):
        words.encode()


@given(st.dates(date(2000, 1, 1), date(2036, 12, 31)))
def test_a_day_reads_the_same_in_every_writing(day: date) -> None:
    forms = [
        day.isoformat(),
        f"{day:%d/%m/%Y}",
        f"{day.day}-{day.month}-{day.year}",
        f"{day.isoformat()}T00:00:00.000Z",
        f"el {day.day} de {MONTHS.split()[day.month - 1]} de {day.year}",
        f"{day:%b} {day.day}, {day.year}",
    ]
    assert {read_one(Kind.DATE, form).values.get("f") for form in forms} == {day.isoformat()}


@given(JSON)
def test_any_value_is_shown_in_one_short_line_that_can_be_stored(value: Any) -> None:
    text = shown(value)
    assert len(text) <= 80
    assert "\n" not in text
    text.encode()
    assert isinstance(is_nothing(value), bool)


@given(st.datetimes(datetime(2001, 1, 1), datetime(2035, 1, 1)))  # noqa: DTZ001 - written without a zone
def test_an_instant_without_an_offset_keeps_its_wall_time_unless_the_clock_skips_it(wall: datetime) -> None:
    written = wall.replace(second=0, microsecond=0)
    read = datetime.fromisoformat(str(read_one(Kind.DATETIME, written.isoformat()).values["f"]))
    exists = written.replace(tzinfo=SANTIAGO).astimezone(UTC).astimezone(SANTIAGO).replace(tzinfo=None) == written
    assert (read.replace(tzinfo=None) == written) == exists
