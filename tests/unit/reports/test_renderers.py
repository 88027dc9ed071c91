"""The same report in the terminal, as Markdown and as JSON: everything is told, nothing from outside takes effect."""

from __future__ import annotations

import io
import json
import re
from datetime import date, timedelta
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from speechai.operation.reports import ReportFormat, print_report, render, to_json
from speechai.operation.reports.markdown import escaped
from speechai.operation.reports.model import Report
from speechai.operation.reports.tables import all_tables
from tests.unit.reports.examples import FORMULA, call, empty_report, first_batch, group, promises, report


def printed(made: Report, width: int = 100, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict", write_through=True)
    print_report(made, Console(file=stream, width=width, force_terminal=True, color_system=None))
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_terminal_is_never_overrun(width: int) -> None:
    lines = render(report(), ReportFormat.TERMINAL, width=width).decode().splitlines()
    assert max(cell_len(line) for line in lines) <= width


@pytest.mark.parametrize("width", [80, 110, 120, 150])
def test_no_head_and_no_figure_is_cut_short(width: int) -> None:
    assert "…" not in render(report(), ReportFormat.TERMINAL, width=width).decode()


def test_the_terminal_tells_the_key_figures_in_both_languages() -> None:
    text = printed(report())
    for words in (
        r"Contact rate · Contactabilidad +44\.4 %",
        r"Penetration · Penetración +85\.7 %",
        r"Intensity · Intensidad +1\.50",
        r"Average handle time · TMO +1:10",
        r"Cost · Costo +USD 0\.3640",
        r"no answer · no contesta +4 +40\.0 %",
        r"RPC rate · Contacto con titular +33\.3 %",
        r"Promise rate \(PTP\) · Tasa de promesa +33\.3 %",
        r"a fin de mes",
        r"CLP 45,990 in 1 promises that stand; 1 to review, in no sum",
        r"1 calls are open",
        r"Of 2 of 3 right-party contacts the agent did not write down who spoke",
    ):
        assert re.search(words, text), words


def test_names_are_no_markup_and_no_control_codes() -> None:
    text = printed(report(first_batch("[red]Ana[/red] [link=http://x]y\x1b[2J")), 260)
    assert "[red]Ana[/red] [link=http://x]y [2J" in text
    assert "\x1b[2J" not in text


def test_a_promise_as_long_as_a_sentence_is_folded() -> None:
    long = call(captured={"fecha_pago_cliente": "cuando pueda " * 20, "monto_pago_cliente": "lo que tenga " * 20})
    document: dict[str, Any] = dict(first_batch().document)
    made = report(
        type(first_batch())(document=document, promises=promises(document, long)),
    )
    lines = render(made, ReportFormat.TERMINAL, width=80).decode().splitlines()
    assert max(cell_len(line) for line in lines) <= 80


@pytest.mark.parametrize(("encoding", "nombre"), [("latin-1", "Núñez"), ("ascii", "N??ez"), ("utf-8", "Núñez")])
def test_an_old_terminal_gets_no_sign_that_it_cannot_write(encoding: str, nombre: str) -> None:
    text = printed(report(first_batch("Núñez")), encoding=encoding)
    assert nombre in text
    assert ("█" in text) is (encoding == "utf-8")
    assert ("#####" in text) is (encoding != "utf-8")


def test_a_long_run_shows_its_latest_days() -> None:
    days = [group(local_on=date(2026, 9, 1) + timedelta(days=n)) for n in range(40)]
    facts = first_batch()
    text = printed(report(type(facts)(document=facts.document, attempts=days)))
    assert "2026-10-10" in text
    assert "2026-09-01" not in text
    assert "20 more before these" in text


@pytest.mark.parametrize("form", list(ReportFormat))
def test_a_report_of_nothing_can_be_shown(form: ReportFormat) -> None:
    assert render(empty_report(), form)


def test_a_report_of_nothing_says_what_to_do() -> None:
    assert "speechai enqueue FILE" in printed(empty_report())


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a|b", r"a\|b"),
        ("a\nb\tc", "a b c"),
        ("<script>", "&lt;script&gt;"),
        ("**x** _y_ `z`", r"\*\*x\*\* \_y\_ \`z\`"),
        ("[a](b)", r"\[a\](b)"),
        ("\\|", r"\\\|"),
        ("@equipo #1", r"\@equipo \#1"),
        ("http://x.cl", "http<!-- -->://x.cl"),
        ("www.x.cl", "www<!-- -->.x.cl"),
        ("Núñez & Díaz", "Núñez &amp; Díaz"),
    ],
)
def test_markdown_is_escaped(text: str, safe: str) -> None:
    assert escaped(text) == safe


def test_every_markdown_table_keeps_its_columns_whatever_the_names() -> None:
    text = render(report(first_batch("Ana | [x](http://y) \\| <b>\nRojas")), ReportFormat.MARKDOWN).decode()
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(blocks) == 1 + sum(1 for table in all_tables(report(first_batch())) if table.rows)
    for block in blocks:
        widths = {len(re.split(r"(?<!\\)(?:\\\\)*\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert "<b>" not in text


def test_json_tells_money_as_integers_and_as_exact_dollars() -> None:
    made = json.loads(render(report(), ReportFormat.JSON))
    assert made["costs"]["total_micros"] == 364_001
    assert made["costs"]["total_usd"] == "0.364001"
    assert made["costs"]["products"][0] == {"product": "voice", "cost_micros": 300_000, "cost_usd": "0.300000"}
    assert made["total"]["contact_rate"]["part"] == 4
    assert made["total"]["contact_rate"]["whole"] == 9
    assert made["promised"] == [
        {"currency": "CLP", "promises": 1, "amount": "45990", "without_amount": 0, "flagged": 1}
    ]
    flagged = next(promise for promise in made["promises"] if not promise["stands"])
    assert (flagged["pays_on"], flagged["date_said"]) == (None, "a fin de mes, si puedo")
    assert flagged["faults"] == [{"code": "no_date", "en": "no date was promised", "es": "no se prometió una fecha"}]
    assert made["states"][0] == {"status": "pending", "jobs": 3}
    assert made["generated_at"] == "2026-11-10T15:30:00-03:00"


def test_json_of_nothing_has_nulls_for_what_does_not_exist() -> None:
    made = to_json(empty_report())
    assert made["costs"]["per_call_micros"] is None
    assert made["costs"]["per_call_usd"] is None
    assert made["penetration"]["fraction"] is None
    assert made["batches"] == []


def test_formulas_stay_words_outside_of_spreadsheets() -> None:
    assert FORMULA in printed(report(first_batch(FORMULA)), 260)
