"""The words of a report in English, and beside each the term that operators in Chile and Argentina use.

Enters a stored name (a state, an outcome, a weekday), leaves its `Label`. Called by `tables`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from speechai.catalogue.outcomes import Outcome
from speechai.catalogue.use_cases import load_use_cases
from speechai.core.model import BatchStatus, JobStatus


class Label(NamedTuple):
    """One thing's name in both languages."""

    en: str
    es: str

    def __str__(self) -> str:
        """Both names, or the one where they are the same."""
        return self.en if self.en == self.es else f"{self.en} · {self.es}"


STATES: Mapping[str, Label] = {
    JobStatus.PENDING: Label("waiting", "pendiente"),
    JobStatus.IN_PROGRESS: Label("in progress", "en curso"),
    JobStatus.DONE: Label("done", "terminado"),
    JobStatus.FAILED: Label("failed", "sin éxito"),
    JobStatus.SUSPENDED: Label("suspended", "suspendido"),
    JobStatus.CANCELLED: Label("cancelled", "cancelado"),
}

BATCH_STATES: Mapping[str, Label] = {
    BatchStatus.RECEIVED: Label("received", "recibido"),
    BatchStatus.LOADING: Label("loading", "cargando"),
    BatchStatus.RUNNING: Label("running", "en marcha"),
    BatchStatus.PAUSED: Label("paused", "en pausa"),
    BatchStatus.CANCELLED: Label("cancelled", "cancelado"),
    BatchStatus.COMPLETED: Label("completed", "completado"),
    BatchStatus.REFUSED: Label("refused", "rechazado"),
}

OUTCOMES: Mapping[str, Label] = {
    Outcome.CONVERSATION: Label("conversation", "conversación"),
    Outcome.THIRD_PARTY: Label("third party", "tercero"),
    Outcome.TRANSFERRED: Label("transferred", "transferida"),
    Outcome.CALLBACK: Label("asked to be called back", "pide que lo llamen"),
    Outcome.DO_NOT_CALL: Label("do not call", "pide que no lo llamen"),
    Outcome.SILENT_LINE: Label("silent line", "línea muda"),
    Outcome.VOICEMAIL: Label("voicemail", "buzón de voz"),
    Outcome.NO_ANSWER: Label("no answer", "no contesta"),
    Outcome.BUSY: Label("busy", "ocupado"),
    Outcome.DECLINED: Label("declined", "rechaza la llamada"),
    Outcome.BAD_NUMBER: Label("bad number", "número malo"),
    Outcome.REFUSED_BY_TRUNK: Label("refused by the trunk", "rechazada por el troncal"),
    Outcome.CAPACITY: Label("no capacity", "sin capacidad"),
    Outcome.ACCOUNT_TROUBLE: Label("account trouble", "problema de la cuenta"),
    Outcome.PROVIDER_ERROR: Label("provider error", "error del proveedor"),
    Outcome.STOPPED: Label("stopped", "detenida"),
    Outcome.UNKNOWN: Label("unknown", "desconocido"),
}

PHONES: Mapping[str, Label] = {
    "main": Label("main", "principal"),
    "alternative": Label("alternative", "alternativo"),
}

PROMISES: Mapping[bool, Label] = {
    True: Label("stands", "vigente"),
    False: Label("to review", "por revisar"),
}

WEEKDAYS: Mapping[str, Label] = {
    "1": Label("Mon", "lun"),
    "2": Label("Tue", "mar"),
    "3": Label("Wed", "mié"),
    "4": Label("Thu", "jue"),
    "5": Label("Fri", "vie"),
    "6": Label("Sat", "sáb"),
    "7": Label("Sun", "dom"),
}


def label_of(words: Mapping[str, Label], name: str) -> Label:
    """The label of a stored name; a name that this version does not know stands for itself."""
    return words.get(name, Label(name, name))


def use_case_label(name: str) -> Label:
    """The titles of a use case; one that was taken out of the catalogue keeps its name."""
    use_case = load_use_cases().get(name)
    return Label(use_case.title_en, use_case.title_es) if use_case else Label(name, name)
