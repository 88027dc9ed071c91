"""Negotiation tables: the shipped one, what a file may not say, and that every day has one bucket."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from copy import deepcopy
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.currencies import MINOR_DIGITS, major_units, minor_units, written
from speechai.catalogue.negotiation import get_table, load_tables, read_table
from speechai.catalogue.promise_faults import FaultCode, fault_of
from speechai.errors import ConfigurationError, UsageError

STANDARD = tomllib.loads(files("config").joinpath("catalogue", "negotiation", "standard.toml").read_text("utf-8"))
TERMS = {"discount_percent": 0, "instalments": 1, "least_percent": 100, "last_date_days": 5, "tone": "cordial"}


def table_of(*days: tuple[int, int | None], **fields: Any) -> dict[str, Any]:
    """What a file says with one bucket a pair of days."""
    buckets = [{"from_days": first, **({} if last is None else {"to_days": last}), **TERMS} for first, last in days]
    return {"version": 1, "title_en": "t", "title_es": "t", "buckets": buckets, **fields}


def test_the_shipped_table_has_the_four_types_of_arrears() -> None:
    table = get_table("standard")
    assert [bucket.name for bucket in table.buckets] == ["1-30", "31-60", "61-90", "91+"]
    assert [bucket.name_es for bucket in table.buckets] == ["1-30", "31-60", "61-90", "más de 90"]
    assert table.label == "standard v1"
    assert load_tables()["standard"] is table


@pytest.mark.parametrize(
    ("days", "name"),
    [
        (None, "unknown"),
        (-40, "current"),
        (0, "current"),
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "91+"),
        (5_000, "91+"),
    ],
)
def test_each_edge_of_a_bucket_belongs_to_one_side(days: int | None, name: str) -> None:
    bucket = get_table("standard").bucket_of(days)
    assert bucket is not None
    assert bucket.name == name


@pytest.mark.parametrize("days", [None, 0, -1])
def test_a_table_that_says_nothing_of_current_or_unknown_arrears_has_no_bucket_for_them(days: int | None) -> None:
    assert read_table("t", table_of((1, None))).bucket_of(days) is None


def test_amounts_are_written_in_whole_units_and_kept_in_minor_ones() -> None:
    first = get_table("standard").buckets[0]
    assert first.least_amount_minor == {"CLP": 5_000, "ARS": 1_000_000}


def test_an_unknown_table_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(UsageError, match=r"'nonsense'; known are: .*standard"):
        get_table("nonsense")


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([], "at least one bucket"),
        ([(2, None)], "the first bucket begins at day 2"),
        ([(1, 30)], "the last bucket ends at day 30"),
        ([(1, 30), (32, None)], "'32\\+' follows '1-30': it must begin at day 31"),
        ([(1, 30), (30, None)], "'30\\+' follows '1-30': it must begin at day 31"),
        ([(1, 30), (31, 60), (31, 90), (91, None)], "'31-90' follows '31-60': it must begin at day 61"),
        ([(1, None), (31, None)], "nothing may follow a bucket without to_days"),
        ([(31, None), (1, 30)], "the first bucket begins at day 31"),
        ([(1, 0)], "to_days = 0 is not a whole number of 1 or more"),
        ([(1, 30), (31, 30)], "bucket 2: to_days = 30 is not a whole number of 31 or more"),
        ([(0, None)], "from_days = 0"),
    ],
)
def test_buckets_with_a_gap_or_an_overlap_are_refused(days: list[tuple[int, int | None]], words: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"config/catalogue/negotiation/mine.toml: .*{words}"):
        read_table("mine", table_of(*days))


def changed(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(toml: dict[str, Any]) -> None:
        toml["buckets"][0][field] = value

    return change


def without(field: str) -> Callable[[dict[str, Any]], None]:
    def change(toml: dict[str, Any]) -> None:
        del toml["buckets"][0][field]

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed("discount_percent", -1), "bucket 1: discount_percent = -1 is not a whole number from 0 to 99"),
        (changed("discount_percent", 100), "discount_percent = 100"),
        (changed("discount_percent", 2.5), "discount_percent = 2.5"),
        (changed("discount_percent", True), "discount_percent = True"),
        (changed("discount_percent", "5"), "discount_percent = '5'"),
        (changed("instalment_discount_percent", 1), "instalment_discount_percent = 1 .*from 0 to 0"),
        (changed("instalments", 0), "instalments = 0"),
        (changed("instalments", 121), "instalments = 121"),
        (changed("least_percent", 0), "least_percent = 0"),
        (changed("least_percent", 101), "least_percent = 101"),
        (changed("least_amount", {"CLP": 0}), "least_amount.CLP = 0"),
        (changed("least_amount", {"CLF": 1}), r"currencies \['CLF'\] are not known"),
        (changed("least_amount", 5_000), "bucket 1: 'int' object is not iterable"),
        (changed("last_date_days", -1), "last_date_days = -1"),
        (changed("last_date_days", 367), "last_date_days = 367"),
        (changed("tone", " "), "tone = ' ' is not a text"),
        (changed("agent_id", ""), "agent_id = '' is not a text"),
        (changed("descuento", 5), r"bucket 1: unknown fields \['descuento'\]"),
        (without("tone"), "bucket 1: 'tone' is missing"),
        (lambda toml: toml.pop("version"), "'version' is missing"),
        (lambda toml: toml.update(version=0), "version = 0"),
        (lambda toml: toml.update(title_es=""), "title_es = ''"),
        (lambda toml: toml.update(bucket=[]), r"unknown fields \['bucket'\]"),
        (lambda toml: toml.update(buckets={"a": {}}), "written as"),
        (lambda toml: toml.update(buckets=["a"]), "bucket 1"),
        (lambda toml: toml["current"].update(from_days=1), r"current: unknown fields \['from_days'\]"),
        (lambda toml: toml["unknown"].update(least_percent=0), "unknown: least_percent = 0"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place_and_value(
    change: Callable[[dict[str, Any]], object], words: str
) -> None:
    toml = deepcopy(STANDARD)
    change(toml)
    with pytest.raises(ConfigurationError, match=rf"mine.toml: .*{words}"):
        read_table("mine", toml)


@given(ends=st.sets(st.integers(1, 400), max_size=8), days=st.integers(1, 500))
def test_every_day_overdue_lies_in_exactly_one_bucket(ends: set[int], days: int) -> None:
    last = sorted(ends)
    firsts = [1, *(end + 1 for end in last)]
    table = read_table("t", table_of(*zip(firsts, [*last, None], strict=True)))
    holding = [
        bucket
        for bucket in table.buckets
        if (bucket.from_days or 0) <= days and (bucket.to_days is None or days <= bucket.to_days)
    ]
    assert holding == [table.bucket_of(days)]


@pytest.mark.parametrize(
    ("minor", "currency", "agent", "en", "es"),
    [
        (1_234_567, "CLP", "1234567", "1,234,567 CLP", "1.234.567 CLP"),
        (123_456_78, "ARS", "123456.78", "123,456.78 ARS", "123.456,78 ARS"),
        (5, "ARS", "0.05", "0.05 ARS", "0,05 ARS"),
        (100, "USD", "1.00", "1.00 USD", "1,00 USD"),
        (7, "CLP", "7", "7 CLP", "7 CLP"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(minor: int, currency: str, agent: str, en: str, es: str) -> None:
    assert major_units(minor, currency) == agent
    assert (written(minor, currency, language="en"), written(minor, currency, language="es")) == (en, es)


@given(whole=st.integers(0, 10**12), currency=st.sampled_from(sorted(MINOR_DIGITS)))
def test_whole_units_survive_the_way_to_minor_ones_and_back(whole: int, currency: str) -> None:
    assert float(major_units(minor_units(whole, currency), currency)) == whole


@pytest.mark.parametrize("code", FaultCode)
def test_every_fault_has_its_own_sentence_in_both_languages(code: FaultCode) -> None:
    facts = dict.fromkeys(
        ("paid_on", "said_on", "last_on", "amount", "least", "debt", "instalments", "most", "needed"), "-"
    )
    fault = fault_of(code, **facts)
    assert fault.code is code
    assert fault.en
    assert fault.es
    assert fault.en != fault.es
    assert "{" not in fault.en + fault.es
