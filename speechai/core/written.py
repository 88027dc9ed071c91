"""What agents write where they have nothing to write, and how a value is shown that could not be read.

Enters any JSON value. Called by `captured` and `callbacks` before a value is read by its type.
"""

from __future__ import annotations

import re
from typing import Any

from speechai.core.numerals import fold

SHOWN_CHARS = 80

_PHRASES = """
    null|none|nan|nil|undefined|na|n a|nd|n d|vacio|empty|blank|nothing
    |no aplica|not applicable|no especificado|no especificada|no especifica|not specified|unspecified
    |no mencionado|no mencionada|no menciona|not mentioned|no proporcionado|no proporcionada|not provided|not given
    |no informado|no informada|no informa|no indica|no indicado|no indicada|no disponible|not available
    |desconocido|desconocida|unknown|sin informacion|sin datos|sin dato|sin respuesta|no data|no answer
"""
_NOTHING = frozenset(phrase.strip() for phrase in f"{_PHRASES}|".split("|"))
_NOT_WORD = re.compile(r"[^0-9a-z]+")


def is_nothing(value: Any) -> bool:
    """Whether the value says that there is none: null, blank, dashes, "N/A", "no especificado", an empty list."""
    if value is None or (isinstance(value, list | dict) and not value):
        return True
    if not isinstance(value, str) or len(value) > SHOWN_CHARS:
        return isinstance(value, str) and not value.strip()
    bare = _NOT_WORD.sub(" ", fold(value)).strip()
    # What is left without a letter or figure of these alphabets may be writing of another: it says something.
    return bare in _NOTHING and (bool(bare) or not any(sign.isalnum() for sign in value))


def single(value: Any) -> Any:
    """The one element of a list of one, else the value: agents wrap an answer in a list."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def shown(value: Any) -> str:
    """The value as one line of at most SHOWN_CHARS characters that a document can hold."""
    if isinstance(value, str):
        text = value[: 4 * SHOWN_CHARS]
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**30:
        text = "a whole number of more than 30 digits"
    elif isinstance(value, list | dict):
        text = "[...]" if isinstance(value, list) else "{...}"
    else:
        text = str(value)
    # What no encoding knows (half of a surrogate pair) is not printable either.
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
