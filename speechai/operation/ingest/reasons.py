"""Why a row was rejected, or a part of it ignored: each code with its text in Spanish and in English.

The readers of cells return these codes as values; `explain` makes the sentence that the operator reads beside the row.
`{value}` is the cell, `{other}` what it clashes with.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The codes, stable: they are stored and counted."""

    NO_PHONE = "no_phone"
    PHONE_TOO_SHORT = "phone_too_short"
    PHONE_TOO_LONG = "phone_too_long"
    PHONE_AMBIGUOUS = "phone_ambiguous"
    PHONE_NO_AREA = "phone_no_area"
    PHONE_INVALID = "phone_invalid"
    PHONE_SPECIAL = "phone_special"
    PHONE_COUNTRY = "phone_country"
    PHONE_DIGITS_LOST = "phone_digits_lost"
    PHONE_WORDS = "phone_words"
    TOO_MANY_PHONES = "too_many_phones"
    NATIONAL_ID_MISSING = "national_id_missing"
    NATIONAL_ID_CHECK_DIGIT = "national_id_check_digit"
    NATIONAL_ID_NO_CHECK_DIGIT = "national_id_no_check_digit"
    NATIONAL_ID_FORM = "national_id_form"
    NATIONAL_ID_GENERIC = "national_id_generic"
    NAME_MISSING = "name_missing"
    NAME_UNREADABLE = "name_unreadable"
    NAME_TOO_LONG = "name_too_long"
    AMOUNT_MISSING = "amount_missing"
    AMOUNT_UNREADABLE = "amount_unreadable"
    AMOUNT_AMBIGUOUS = "amount_ambiguous"
    AMOUNT_NEGATIVE = "amount_negative"
    AMOUNT_ZERO = "amount_zero"
    AMOUNT_TOO_LARGE = "amount_too_large"
    DATE_MISSING = "date_missing"
    DATE_IMPOSSIBLE = "date_impossible"
    DATE_UNREADABLE = "date_unreadable"
    DATE_OUT_OF_RANGE = "date_out_of_range"
    DAYS_UNREADABLE = "days_unreadable"
    MISSING = "missing"
    FORMULA = "formula"
    EXCEL_ERROR = "excel_error"
    TITLE_CONFLICT = "title_conflict"
    EMAIL_IGNORED = "email_ignored"
    NAMES_DISAGREE = "names_disagree"
    SHARED_PHONE = "shared_phone"


_TEXTS: dict[Reason, tuple[str, str]] = {
    Reason.NO_PHONE: (
        "No hay ningún teléfono al que llamar. Agregue un número con código de área o de celular.",
        "There is no phone to call. Add a number with its area or mobile code.",
    ),
    Reason.PHONE_TOO_SHORT: (
        "El teléfono '{value}' tiene menos dígitos de los necesarios. Escríbalo completo.",
        "The phone '{value}' has too few digits. Write it in full.",
    ),
    Reason.PHONE_TOO_LONG: (
        "El teléfono '{value}' tiene demasiados dígitos. Deje un solo número por celda o sepárelos con '/'.",
        "The phone '{value}' has too many digits. Leave one number a cell, or separate them with '/'.",
    ),
    Reason.PHONE_AMBIGUOUS: (
        "El teléfono '{value}' puede ser más de un número y no se adivina. Escríbalo con código de área o de celular.",
        "The phone '{value}' could be more than one number and is not guessed. Write its area or mobile code.",
    ),
    Reason.PHONE_NO_AREA: (
        "Al teléfono '{value}' le falta el código de área (por ejemplo 011 o 0351).",
        "The phone '{value}' lacks its area code (for example 011 or 0351).",
    ),
    Reason.PHONE_INVALID: (
        "El teléfono '{value}' no existe en el plan de numeración. Revíselo.",
        "The phone '{value}' does not exist in the numbering plan. Check it.",
    ),
    Reason.PHONE_SPECIAL: (
        "El teléfono '{value}' es un servicio (emergencia, 600, 800 o de tarifa especial), no el de una persona.",
        "The phone '{value}' is a service (emergency, 600, 800 or special rate), not a person's.",
    ),
    Reason.PHONE_COUNTRY: (
        "El teléfono '{value}' es de un país al que no se llama en esta campaña.",
        "The phone '{value}' is of a country that this campaign does not call.",
    ),
    Reason.PHONE_DIGITS_LOST: (
        "Excel acortó el teléfono '{value}' y perdió dígitos. Dé formato de texto a la columna y escríbalo de nuevo.",
        "Excel shortened the phone '{value}' and lost digits. Format the column as text and type it again.",
    ),
    Reason.PHONE_WORDS: (
        "El teléfono '{value}' lleva palabras o un anexo. Deje solo el número del titular.",
        "The phone '{value}' carries words or an extension. Leave only the person's own number.",
    ),
    Reason.TOO_MANY_PHONES: (
        "La persona tiene más teléfonos de los que se usan; '{value}' quedó fuera.",
        "The person has more phones than are used; '{value}' was left out.",
    ),
    Reason.NATIONAL_ID_MISSING: (
        "Falta el documento de identidad (RUT, DNI o CUIT).",
        "The national id (RUT, DNI or CUIT) is missing.",
    ),
    Reason.NATIONAL_ID_CHECK_DIGIT: (
        "El dígito verificador de '{value}' no corresponde. Revise el documento.",
        "The check digit of '{value}' is wrong. Check the national id.",
    ),
    Reason.NATIONAL_ID_NO_CHECK_DIGIT: (
        "A '{value}' le falta el dígito verificador.",
        "'{value}' lacks its check digit.",
    ),
    Reason.NATIONAL_ID_FORM: (
        "'{value}' no tiene la forma de un documento de identidad (RUT 12345678-9; DNI de 7 u 8 dígitos; CUIT de 11).",
        "'{value}' does not look like a national id (RUT 12345678-9; DNI of 7 or 8 digits; CUIT of 11).",
    ),
    Reason.NATIONAL_ID_GENERIC: (
        "'{value}' es un documento genérico, no el de una persona.",
        "'{value}' is a generic national id, not a person's.",
    ),
    Reason.NAME_MISSING: ("Falta el nombre.", "The name is missing."),
    Reason.NAME_UNREADABLE: (
        "'{value}' no es un nombre que se pueda leer en voz alta.",
        "'{value}' is not a name that can be read aloud.",
    ),
    Reason.NAME_TOO_LONG: (
        "El nombre tiene más de {other} caracteres.",
        "The name has more than {other} characters.",
    ),
    Reason.AMOUNT_MISSING: ("Falta el monto.", "The amount is missing."),
    Reason.AMOUNT_UNREADABLE: (
        "'{value}' no es un monto. Escriba solo números, por ejemplo 12500 o 12.500.",
        "'{value}' is not an amount. Write digits only, for example 12500 or 12.500.",
    ),
    Reason.AMOUNT_AMBIGUOUS: (
        "'{value}' se puede leer como dos montos distintos. Escríbalo sin separador de miles, o con coma decimal.",
        "'{value}' can be read as two different amounts. Write it without thousands separators.",
    ),
    Reason.AMOUNT_NEGATIVE: ("El monto '{value}' es negativo.", "The amount '{value}' is negative."),
    Reason.AMOUNT_ZERO: (
        "El monto es cero: no hay deuda que cobrar.",
        "The amount is zero: there is no debt to collect.",
    ),
    Reason.AMOUNT_TOO_LARGE: (
        "El monto '{value}' es demasiado grande para ser real.",
        "The amount '{value}' is too large to be real.",
    ),
    Reason.DATE_MISSING: ("Falta la fecha.", "The date is missing."),
    Reason.DATE_IMPOSSIBLE: (
        "La fecha '{value}' no existe (se lee día-mes-año).",
        "The date '{value}' does not exist (it is read day-month-year).",
    ),
    Reason.DATE_UNREADABLE: (
        "'{value}' no es una fecha. Escríbala como 31-12-2026.",
        "'{value}' is not a date. Write it as 31-12-2026.",
    ),
    Reason.DATE_OUT_OF_RANGE: (
        "La fecha '{value}' está fuera de lo razonable.",
        "The date '{value}' is out of any reasonable range.",
    ),
    Reason.DAYS_UNREADABLE: (
        "'{value}' no es un número de días.",
        "'{value}' is not a number of days.",
    ),
    Reason.MISSING: ("Falta un dato obligatorio.", "A required value is missing."),
    Reason.FORMULA: (
        "La celda contiene una fórmula sin resultado. Péguela como valor.",
        "The cell holds a formula without a result. Paste it as a value.",
    ),
    Reason.EXCEL_ERROR: (
        "La celda contiene el error de Excel {value}. Corrija la fórmula.",
        "The cell holds Excel's error {value}. Mend the formula.",
    ),
    Reason.TITLE_CONFLICT: (
        "El título '{value}' ya apareció en la fila {other} con otro saldo o vencimiento. Deje el correcto.",
        "The title '{value}' already stands in row {other} with another balance or due date. Keep the right one.",
    ),
    Reason.EMAIL_IGNORED: (
        "'{value}' no es un correo; se ignora.",
        "'{value}' is not an e-mail address; it is ignored.",
    ),
    Reason.NAMES_DISAGREE: (
        "El mismo documento aparece con otro nombre: '{value}' y '{other}'.",
        "The same national id stands with another name: '{value}' and '{other}'.",
    ),
    Reason.SHARED_PHONE: (
        "El mismo teléfono aparece en más de una persona.",
        "The same phone stands with more than one person.",
    ),
}

_SHOWN_CHARS = 60


def explain(reason: Reason, value: str, other: str = "") -> tuple[str, str]:
    """The sentence in Spanish and in English, with the value cut to a length that can be read."""
    shown = value if len(value) <= _SHOWN_CHARS else value[: _SHOWN_CHARS - 1] + "…"
    spanish, english = _TEXTS[reason]
    return spanish.format(value=shown, other=other), english.format(value=shown, other=other)
