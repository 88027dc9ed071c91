"""A report as JSON values, for `--json` and for the web: everything that the report holds, and what it computes.

Enters a `Report`, leaves dicts, lists, texts and numbers. Each `..._micros` has the exact dollars as text beside it,
since a reader of JSON may make a float of a number.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from speechai.operation.reports.figures import usd
from speechai.operation.reports.model import Report


def to_json(report: Report) -> dict[str, Any]:
    """The report; instants and days in ISO form, amounts as text."""
    value: dict[str, Any] = _plain(report)
    return value


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return _object(value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.value if isinstance(value, Enum) else value


def _object(value: Any) -> dict[str, Any]:
    computed = [name for name, member in vars(type(value)).items() if isinstance(member, property)]
    plain: dict[str, Any] = {}
    for name in (*(field.name for field in fields(value)), *computed):
        plain[name] = _plain(getattr(value, name))
        if name.endswith("_micros"):
            plain[name.removesuffix("_micros") + "_usd"] = None if plain[name] is None else usd(plain[name])
    return plain
