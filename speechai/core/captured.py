"""What the agent wrote down in a call, read by the types of the use case: values as a document holds them, and faults.

Enter the use case, the raw fields of the call's analysis, and the day, zone and country of the contact; leaves a
`Captured`. An agent is a language model: dates come as "31/12/2026" or "el viernes", amounts as "cincuenta mil pesos".
What cannot be read with certainty is a fault with words and the raw value, never a guess. Called when a call is
finished.

| kind | stored as |
| --- | --- |
| date | `2026-12-31` |
| time | `17:30` |
| datetime | ISO 8601 with the offset of the contact's zone |
| amount | integer, minor units of the country's money |
| integer | integer |
| number | float |
| boolean | true or false |
| choice | the name of the choice |
| text | text |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

from speechai.catalogue.use_cases import UseCase
from speechai.core.field_values import Json, Said, Unread, read_value
from speechai.core.written import is_nothing, shown, single


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a field could not be read. `raw` is what the agent wrote, shortened; "" where the field is missing."""

    code: str
    raw: str
    label_en: str
    label_es: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def words(self, language: Literal["en", "es"] = "en") -> str:
        """One sentence for the operator."""
        label = self.label_en if language == "en" else self.label_es
        sentence = _WORDS[self.code][0 if language == "en" else 1]
        return sentence.format(label=label, raw=self.raw, **self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The fields of one call. A field that the agent left empty is in neither mapping, unless it is required."""

    values: Mapping[str, Json]
    unread: Mapping[str, Fault]

    @property
    def faults(self) -> dict[str, str]:
        """Field name to what is wrong with it, in English, the raw value in it."""
        return self.faults_in("en")

    def faults_in(self, language: Literal["en", "es"]) -> dict[str, str]:
        """The same in either language."""
        return {name: fault.words(language) for name, fault in self.unread.items()}


_WORDS: dict[str, tuple[str, str]] = {
    "missing": ("{label}: the agent wrote nothing down", "{label}: el agente no anotó nada"),
    "date": ("{label}: '{raw}' is not a certain date", "{label}: '{raw}' no es una fecha segura"),
    "impossible": ("{label}: there is no such day as '{raw}'", "{label}: el día '{raw}' no existe"),
    "out_of_range": (
        "{label}: the date '{raw}' is out of any reasonable range",
        "{label}: la fecha '{raw}' está fuera de lo razonable",
    ),
    "range": ("{label}: '{raw}' means several days", "{label}: '{raw}' son varios días"),
    "time": ("{label}: '{raw}' is not a certain time of day", "{label}: '{raw}' no es una hora segura"),
    "unreadable": ("{label}: '{raw}' is not a certain amount", "{label}: '{raw}' no es un monto seguro"),
    "ambiguous": (
        "{label}: '{raw}' can be read as two different amounts",
        "{label}: '{raw}' se puede leer como dos montos distintos",
    ),
    "negative": ("{label}: the amount '{raw}' is negative", "{label}: el monto '{raw}' es negativo"),
    "too_large": (
        "{label}: the amount '{raw}' is too large to be real",
        "{label}: el monto '{raw}' es demasiado grande para ser real",
    ),
    "number": ("{label}: '{raw}' is not a number", "{label}: '{raw}' no es un número"),
    "bounds": ("{label}: '{raw}' is not {bounds_en}", "{label}: '{raw}' no es {bounds_es}"),
    "boolean": ("{label}: '{raw}' is neither yes nor no", "{label}: '{raw}' no es ni sí ni no"),
    "choice": ("{label}: '{raw}' is none of {choices}", "{label}: '{raw}' no es ninguno de {choices}"),
    "text": ("{label}: '{raw}' is not a text", "{label}: '{raw}' no es un texto"),
}


def read_captured(use_case: UseCase, raw: Mapping[str, Any], *, today: date, zone: ZoneInfo, country: str) -> Captured:
    """The fields of `use_case` in `raw`, read on the contact's local day `today` in `zone`.

    country: ISO 3166 alpha-2, for the money that is meant and the way in which numbers are written. Fields that the use
    case does not name are left alone; where the agent wrote no field at all, as after a call that nobody answered, none
    is missing. Never raises for any value of `raw`.
    """
    values: dict[str, Json] = {}
    unread: dict[str, Fault] = {}
    said = Said(today=today, zone=zone, country=country)
    for name, wanted in use_case.captured.items():
        written = single(raw.get(name))
        try:
            value = None if is_nothing(written) else read_value(written, wanted, said)
            if value is None and wanted.required and raw:
                raise Unread("missing")
        except Unread as fault:
            labels = {"label_en": wanted.label_en, "label_es": wanted.label_es}
            unread[name] = Fault(code=fault.code, raw=shown(written), facts=fault.facts, **labels)
        else:
            if value is not None:
                values[name] = value
    return Captured(values=values, unread=unread)
