"""Lists of invented debtors as files, with phones that a simulator's script can name."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Debtor:
    """One row. `phones` are E.164 mobiles; `city` decides the zone where it is not in that of Santiago.

    `days_overdue` None leaves the type of arrears open.
    """

    rut: str
    name: str
    phones: tuple[str, ...]
    city: str = "Santiago"
    days_overdue: int | None = None


def debtor(number: int, *, phones: int = 1, city: str = "Santiago") -> Debtor:
    """The debtor with that number, always the same one: number 7's first phone is +56967000007."""
    own = tuple(f"+569{67 + n}{number:06d}" for n in range(phones))
    return Debtor(rut=_rut(11_000_000 + number), name=f"Persona {_word(number)}", phones=own, city=city)


def write_list(path: Path, debtors: Sequence[Debtor]) -> Path:
    """A CSV as a collection system exports it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["RUT", "NOMBRE", "TELEFONO", "TELEFONO 2", "MONTO", "CIUDAD", "DIAS MORA"])
        for one in debtors:
            second = one.phones[1] if len(one.phones) > 1 else ""
            overdue = "" if one.days_overdue is None else one.days_overdue
            rows.writerow([one.rut, one.name, one.phones[0], second, 100_000, one.city, overdue])
    return path


def _rut(body: int) -> str:
    """With its check digit: modulo 11 over the digits from the right, weighted 2 to 7 in turn."""
    weights = cycle(range(2, 8))
    rest = 11 - sum(int(digit) * next(weights) for digit in reversed(str(body))) % 11
    return f"{body}-{ {11: '0', 10: 'K'}.get(rest, str(rest)) }"


def _word(number: int) -> str:
    return "".join(chr(ord("A") + int(digit)) for digit in f"{number:04d}")
