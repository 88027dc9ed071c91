"""What is said in a simulated call: Spanish utterances with word times, and what the analysis reads from them.

Enters the scene, the dynamic variables of the call, its length and a seeded source of chance; leaves utterances and
the promise, if one was made. Called by calls.py whenever a finished call is shown, never stored.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from speechai.retell.simulator.outcomes import Scene

_NAME_KEYS = ("nombre", "nombre_completo", "primer_nombre", "name", "first_name", "customer_name", "cliente")
_AMOUNT_KEYS = ("monto_total", "monto", "saldo", "saldo_total", "deuda", "monto_adeudado", "amount", "balance")
_COMPANY_KEYS = ("empresa", "acreedor", "mandante", "company", "cuenta")
_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio",
    "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Promise:
    """What the debtor promised: a day and a sum in whole units of the currency."""

    due_on: date
    amount: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Conversation:
    """Utterances as (role, text); the promise, None where none was made; one sentence of summary.

    `right_person`: whether the person who was called spoke, None where the talk does not tell.
    """

    lines: tuple[tuple[str, str], ...]
    promise: Promise | None
    summary: str
    right_person: bool | None

    def analysis(self) -> dict[str, Any]:
        """`custom_analysis_data` as an agent for collections writes it: an empty date and 0 where nothing was promised,
        `habla_titular` only where it is certain."""
        promise, person = self.promise, self.right_person
        return {
            "fecha_pago_cliente": promise.due_on.isoformat() if promise else "",
            "monto_pago_cliente": promise.amount if promise else 0,
            **({} if person is None else {"habla_titular": person}),
        }


def converse(scene: Scene, *, variables: Mapping[str, Any], today: date, chance: random.Random) -> Conversation:
    """The conversation of a scene; `today` is the local day of the call, from which a promised day counts."""
    name = _first(variables, _NAME_KEYS) or "usted"
    company = _first(variables, _COMPANY_KEYS) or "la empresa"
    balance = _amount(_first(variables, _AMOUNT_KEYS)) or chance.randrange(30, 900) * 1_000
    promise: Promise | None = None
    if scene is Scene.PROMISE:
        part = chance.choice((1.0, 1.0, 0.5, 0.3))
        promise = Promise(due_on=today + timedelta(days=chance.randint(1, 10)), amount=max(1, round(balance * part)))
    opening = (
        ("agent", f"Buenos días, ¿hablo con {name}?"),
        ("user", chance.choice(("Sí, con él habla.", "Sí, dígame.", "Sí, ¿quién es?"))),
        ("agent", f"Le llamo de {company} por su saldo pendiente de {_pesos(balance)}."),
    )
    said = _SCENES[scene](opening, name, promise, chance)
    return Conversation(lines=said, promise=promise, summary=_SUMMARIES[scene], right_person=_RIGHT_PERSON.get(scene))


def utterances(conversation: Conversation, *, duration_ms: int) -> list[dict[str, Any]]:
    """`transcript_object`: utterances with words, their times in seconds of audio spread over the whole call."""
    words_in_all = sum(len(text.split()) for _, text in conversation.lines)
    if not words_in_all:
        return []
    step = duration_ms / 1000 / words_in_all
    shown, spoken = [], 0
    for role, text in conversation.lines:
        words = []
        for word in text.split():
            words.append({"word": word, "start": round(spoken * step, 3), "end": round((spoken + 0.9) * step, 3)})
            spoken += 1
        shown.append({"role": role, "content": text, "words": words})
    return shown


def transcript_text(shown: list[dict[str, Any]]) -> str:
    """`transcript`: the utterances as lines, each with its speaker."""
    return "".join(f"{utterance['role'].capitalize()}: {utterance['content']}\n" for utterance in shown)


def _first(variables: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = variables.get(key)
        if value not in (None, ""):
            return str(value)
    return None


def _amount(text: str | None) -> int | None:
    """Whole units from a figure as people write it in Chile: the last group after a comma, or after a point of one
    or two digits, is a fraction."""
    if text is None:
        return None
    whole = re.sub(r"(,\d{1,2}|\.\d{1,2})$", "", text.strip())
    digits = re.sub(r"\D", "", whole)
    return int(digits) if digits else None


def _pesos(amount: int) -> str:
    return f"{amount:,} pesos".replace(",", ".")


_Lines = tuple[tuple[str, str], ...]


def _promise(opening: _Lines, name: str, promise: Promise | None, chance: random.Random) -> _Lines:
    if promise is None:
        return opening
    day = f"{promise.due_on.day} de {_MONTHS[promise.due_on.month - 1]}"
    return (
        *opening,
        ("user", chance.choice(("Sí, lo tengo presente.", "Este mes se me complicó.", "Sí, me había olvidado."))),
        ("agent", "¿Qué día podría pagar y qué monto?"),
        ("user", f"Puedo pagar {_pesos(promise.amount)} el {day}."),
        ("agent", f"Perfecto, {name}. Queda registrado su compromiso por {_pesos(promise.amount)} para el {day}."),
        ("user", "De acuerdo, gracias."),
        ("agent", "Gracias a usted. Hasta luego."),
    )


def _no_promise(opening: _Lines, _: str, __: Promise | None, chance: random.Random) -> _Lines:
    reply = chance.choice(("No puedo pagar ahora.", "Estoy sin trabajo.", "Voy a reclamar ese cobro."))
    return (
        *opening,
        ("user", reply),
        ("agent", "Entiendo. ¿Podría comprometer al menos una parte este mes?"),
        ("user", "No, por ahora no puedo comprometerme."),
    )


def _after_opening(*lines: tuple[str, str]) -> Any:
    return lambda opening, *_: (*opening, *lines)


def _instead(*lines: tuple[str, str]) -> Any:
    return lambda *_: tuple(lines)


_SCENES: Mapping[Scene, Any] = {
    Scene.NOTHING: _instead(),
    Scene.SILENCE: _instead(("agent", "¿Aló? ¿Me escucha?")),
    Scene.PROMISE: _promise,
    Scene.NO_PROMISE: _no_promise,
    Scene.EARLY_HANGUP: lambda opening, *_: (opening[0], ("user", "No me interesa.")),
    Scene.WRONG_PERSON: lambda opening, name, *_: (
        opening[0],
        ("user", f"No, aquí no vive {name}. Número equivocado."),
        ("agent", "Disculpe la molestia. Hasta luego."),
    ),
    Scene.SOMEBODY_ELSE: lambda opening, name, *_: (
        opening[0],
        ("user", "No se encuentra, soy de la familia."),
        ("agent", f"Gracias. ¿A qué hora podría encontrar a {name}?"),
        ("user", "Llega en la tarde."),
        ("agent", "Muchas gracias, volveremos a llamar. Hasta luego."),
    ),
    Scene.DO_NOT_CALL: _after_opening(
        ("user", "No me llamen nunca más."), ("agent", "Entendido, no volveremos a llamarle.")
    ),
    Scene.CALLBACK: _after_opening(
        ("user", "Ahora no puedo, llámeme mañana a las cuatro de la tarde."),
        ("agent", "Muy bien, le llamaremos mañana a las cuatro."),
    ),
    Scene.HANDED_OVER: _after_opening(
        ("user", "Quiero hablar con una persona."), ("agent", "Le comunico con un ejecutivo.")
    ),
    Scene.CUT_OFF: lambda opening, *_: opening,
    Scene.VOICEMAIL: _instead(
        ("user", "Ha sido transferido al buzón de voz. Deje su mensaje después de la señal."),
        ("agent", "Buenos días, le pedimos devolver la llamada. Gracias."),
    ),
    Scene.MENU: _instead(("user", "Bienvenido. Para ventas marque uno, para soporte marque dos.")),
}

_SUMMARIES: Mapping[Scene, str] = {
    Scene.NOTHING: "No hubo conexión con el cliente.",
    Scene.SILENCE: "La línea quedó abierta sin respuesta.",
    Scene.PROMISE: "El cliente reconoció la deuda y comprometió un pago con fecha y monto.",
    Scene.NO_PROMISE: "Se conversó con el cliente, que no comprometió pago.",
    Scene.EARLY_HANGUP: "El cliente cortó a los pocos segundos.",
    Scene.WRONG_PERSON: "Contestó otra persona; el número no es del cliente.",
    Scene.SOMEBODY_ELSE: "Contestó un familiar; el cliente no estaba.",
    Scene.DO_NOT_CALL: "El cliente pidió no volver a ser llamado.",
    Scene.CALLBACK: "El cliente pidió que le llamen más tarde.",
    Scene.HANDED_OVER: "El cliente pidió hablar con un ejecutivo.",
    Scene.CUT_OFF: "La llamada se interrumpió por una falla técnica.",
    Scene.VOICEMAIL: "Contestó el buzón de voz.",
    Scene.MENU: "Contestó un menú automático.",
}

_RIGHT_PERSON: Mapping[Scene, bool] = {
    Scene.PROMISE: True,
    Scene.NO_PROMISE: True,
    Scene.DO_NOT_CALL: True,
    Scene.CALLBACK: True,
    Scene.HANDED_OVER: True,
    Scene.WRONG_PERSON: False,
    Scene.SOMEBODY_ELSE: False,
}
"""Who hangs up after a greeting, and who was heard before a call broke off, is not written down."""
