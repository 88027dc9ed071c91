"""What people and Excel write where there is nothing: 'S/N', 'no tiene', '-', #N/A.

Every reader of cells asks here, so that a word counts as nothing in all columns or in none.
"""

from __future__ import annotations

from speechai.operation.ingest.text import compact

_WORDS = """
    sn st sf sd si nn nd na nt no none null nan x xx xxx vacio pendiente desconocido desconocida ref ninguno ninguna
    notiene nohay noexiste noposee noregistra noinforma noinformado noaplica nodisponible sininformacion sininfo sindato
    sindatos sinnombre sinrut sindni sinfecha sinmonto sinnumero sintelefono sintelefonos sinfono sincelular
    nohaytelefono noregistratelefono
"""
_NOTHING = frozenset(["", *_WORDS.split()])
_LONGEST = 30
_ERRORS = "#N/A #N/D #REF! #VALUE! #NAME? #NULL! #NUM! #DIV/0! #¡REF! #¡VALOR! #¿NOMBRE? #¡NULO! #¡NUM! #¡DIV/0!"
_EXCEL_ERRORS = frozenset(_ERRORS.split())


def is_placeholder(text: str) -> bool:
    """Whether the text says that there is nothing. A zero is a value here; who takes it for nothing says so."""
    if text[:1].isdigit() or len(text) > _LONGEST:  # nearly every cell of a big file
        return False
    return compact(text) in _NOTHING


def is_excel_error(text: str) -> bool:
    """Whether the text is one of Excel's error values, in English or Spanish; #N/A is what a failed look-up leaves."""
    return text[:1] == "#" and text.strip().upper() in _EXCEL_ERRORS
