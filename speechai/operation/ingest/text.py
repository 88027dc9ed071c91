"""Text as people type it becomes text that can be compared: accents, case, spaces and punctuation fall away.

Used for headers (`compact`, `words`, `snake`), for placeholders ("Sin teléfono") and for comparing names.
"""

from __future__ import annotations

import re
import unicodedata

from speechai.core.numerals import fold as fold

_CAMEL = re.compile(r"(?<=[a-záéíóúñü0-9])(?=[A-ZÁÉÍÓÚÑÜ])")
_NOT_WORD = re.compile(r"[^0-9a-z]+")


def words(header: str) -> list[str]:
    """The words of a header, also where they are joined by case: 'FechaVencimiento' -> ['fecha', 'vencimiento']."""
    return [w for w in _NOT_WORD.split(fold(_CAMEL.sub(" ", header))) if w]


def compact(text: str) -> str:
    """Only letters and digits: 'TELEFONO_MOVIL', 'Teléfono móvil' and 'TelefonoMovil' all -> 'telefonomovil'."""
    return _NOT_WORD.sub("", fold(text))


def snake(header: str) -> str:
    """A header as the name of a variable that an agent's prompt can use: 'NúmeroPedido' -> 'numero_pedido'."""
    return "_".join(words(header))


def clean(text: str) -> str:
    """One line of visible text: control characters out, runs of spaces made one, accents kept."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
    return unicodedata.normalize("NFC", " ".join(text.split()))
