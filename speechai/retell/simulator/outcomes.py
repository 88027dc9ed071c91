"""What will happen to a call, decided when it is accepted.

Enters the seed, the number dialled and which attempt to that number this is; leaves an Outcome: how the call ends, how
long it rings and talks, which conversation is heard and what the analysis finds. Nothing else may influence it, so a
run repeats exactly whatever the order in which requests arrive. An exact number goes before a number ending (the
longest first), that before a rule for the n-th attempt, that before the weighted draw.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from itertools import accumulate
from types import MappingProxyType
from typing import Any

from speechai.errors import ConfigurationError
from speechai.retell.vocabulary import (
    ERROR_REASONS_AFTER_PICK_UP,
    CallStatus,
    DisconnectionReason,
    UserSentiment,
    status_of,
)


class Scene(StrEnum):
    """Which conversation is heard."""

    NOTHING = "nothing"
    PROMISE = "promise"
    NO_PROMISE = "no_promise"
    EARLY_HANGUP = "early_hangup"
    WRONG_PERSON = "wrong_person"
    SOMEBODY_ELSE = "somebody_else"
    DO_NOT_CALL = "do_not_call"
    CALLBACK = "callback"
    HANDED_OVER = "handed_over"
    VOICEMAIL = "voicemail"
    MENU = "menu"
    SILENCE = "silence"
    CUT_OFF = "cut_off"


_TALKS = frozenset(Scene) - {Scene.NOTHING, Scene.VOICEMAIL, Scene.MENU, Scene.SILENCE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a call goes.

    `reason` and `status` are those of the end; `stuck` is the status in which the call stays for ever instead.
    `wait` and `talk` name a field of Durations, `wait_ms` and `talk_ms` go before them. `analysis` are further or
    other fields of custom_analysis_data.
    """

    name: str
    reason: str = DisconnectionReason.USER_HANGUP
    status: CallStatus = CallStatus.ENDED
    connects: bool = True
    scene: Scene = Scene.NO_PROMISE
    wait: str = "pick_up"
    talk: str = "talk"
    wait_ms: int | None = None
    talk_ms: int | None = None
    in_voicemail: bool = False
    successful: bool = False
    sentiment: str = UserSentiment.NEUTRAL
    analysed: bool = True
    stuck: CallStatus | None = None
    transfer_destination: str | None = None
    analysis: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_conversation(self) -> bool:
        return self.connects and self.scene in _TALKS


_R = DisconnectionReason
_WAIT_OF_REASON = {
    _R.DIAL_NO_ANSWER: "no_answer",
    _R.DIAL_BUSY: "busy",
    _R.INVALID_DESTINATION: "bad_number",
    _R.USER_DECLINED: "declined",
    _R.REGISTERED_CALL_TIMEOUT: "registered_timeout",
}
_SCENE_OF_REASON = {
    _R.USER_REQUESTED_DNC: Scene.DO_NOT_CALL,
    _R.USER_REQUESTED_CALLBACK: Scene.CALLBACK,
    _R.CALL_TRANSFER: Scene.HANDED_OVER,
    _R.TRANSFER_BRIDGED: Scene.HANDED_OVER,
    _R.TRANSFER_CANCELLED: Scene.HANDED_OVER,
    _R.CALL_TAKE_OVER: Scene.HANDED_OVER,
    _R.VOICEMAIL_REACHED: Scene.VOICEMAIL,
    _R.IVR_REACHED: Scene.MENU,
    _R.INACTIVITY: Scene.SILENCE,
    _R.ERROR_NO_AUDIO_RECEIVED: Scene.SILENCE,
    _R.ERROR_LLM_WEBSOCKET_OPEN: Scene.SILENCE,
}


def _of_reason(reason: DisconnectionReason) -> Outcome:
    status = status_of(reason)
    connects = status is CallStatus.ENDED or reason in ERROR_REASONS_AFTER_PICK_UP
    if not connects:
        wait = _WAIT_OF_REASON.get(reason, "refused")
        return Outcome(
            name=reason, reason=reason, status=status, connects=False, wait=wait, scene=Scene.NOTHING,
            sentiment=UserSentiment.UNKNOWN,
        )  # fmt: skip
    scene = _SCENE_OF_REASON.get(reason, Scene.CUT_OFF if status is CallStatus.ERROR else Scene.NO_PROMISE)
    talk = "machine" if scene in {Scene.VOICEMAIL, Scene.MENU, Scene.SILENCE, Scene.CUT_OFF} else "talk"
    return Outcome(
        name=reason,
        reason=reason,
        status=status,
        scene=scene,
        talk="longest_call" if reason is _R.MAX_DURATION_REACHED else talk,
        in_voicemail=reason is _R.VOICEMAIL_REACHED,
        transfer_destination="+56226543210" if reason is _R.CALL_TRANSFER else None,
    )


def _special() -> list[Outcome]:
    talk, hangup = _of_reason(_R.AGENT_HANGUP), _of_reason(_R.USER_HANGUP)
    missed = _of_reason(_R.DIAL_NO_ANSWER)
    return [
        replace(talk, name="promise", scene=Scene.PROMISE, successful=True, sentiment=UserSentiment.POSITIVE),
        replace(hangup, name="conversation"),
        replace(hangup, name="early_hangup", scene=Scene.EARLY_HANGUP, talk="early_hangup"),
        replace(hangup, name="wrong_person", scene=Scene.WRONG_PERSON),
        replace(talk, name="third_party", scene=Scene.SOMEBODY_ELSE),
        replace(talk, name="voicemail_found_later", scene=Scene.VOICEMAIL, talk="machine", in_voicemail=True),
        replace(missed, name="unknown_reason", reason="carrier_quarantined"),
        replace(missed, name="stuck_registered", stuck=CallStatus.REGISTERED),
        replace(talk, name="stuck_ongoing", stuck=CallStatus.ONGOING),
        replace(talk, name="never_analysed", scene=Scene.PROMISE, successful=True, analysed=False),
    ]


_NAMED = {outcome.name: outcome for outcome in [*map(_of_reason, DisconnectionReason), *_special()]}
OUTCOMES: Mapping[str, Outcome] = MappingProxyType(_NAMED)
"""By name: one for each disconnection reason under the reason's own name, and the special ones."""

# A collection portfolio in Chile as a demonstration shows it; a design choice, not a measurement.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "promise": 35,
        "conversation": 12,
        "third_party": 3,
        "dial_no_answer": 25,
        "dial_busy": 8,
        "voicemail_reached": 8,
        "voicemail_found_later": 2,
        "user_declined": 4,
        "early_hangup": 1,
        "wrong_person": 0.5,
        "user_requested_callback": 0.5,
        "user_requested_dnc": 0.3,
        "invalid_destination": 0.5,
        "dial_failed": 0.2,
    }
)

OutcomeSpec = str | Outcome | Mapping[str, Any]
_OVERRIDABLE = {field.name for field in fields(Outcome)} - {"name", "stuck", "status"}


def outcome_from(spec: OutcomeSpec, *, where: str) -> Outcome:
    """The outcome a script names: a name, or a table `{outcome = NAME, field = value, ...}` that changes some fields.

    A field that Outcome does not have goes into its `analysis` (custom_analysis_data).

    Raises:
        ConfigurationError: an unknown name; the message says where it stands in the script.
    """
    if isinstance(spec, Outcome):
        return spec
    table = {"outcome": spec} if isinstance(spec, str) else dict(spec)
    name = table.pop("outcome", None)
    if not isinstance(name, str) or name not in OUTCOMES:
        raise ConfigurationError(f"{where}: outcome {name!r} is unknown; known: {', '.join(sorted(OUTCOMES))}")
    outcome = OUTCOMES[name]
    own: dict[str, Any] = {key: value for key, value in table.items() if key in _OVERRIDABLE}
    if "scene" in own:
        own["scene"] = _scene(own["scene"], where)
    analysis = {key: value for key, value in table.items() if key not in _OVERRIDABLE}
    return replace(outcome, **{"analysis": {**outcome.analysis, **analysis}, **own})


def _scene(name: str, where: str) -> Scene:
    try:
        return Scene(name)
    except ValueError:
        raise ConfigurationError(f"{where}: scene {name!r} is unknown; known: {', '.join(Scene)}") from None


def _sequence(spec: OutcomeSpec | Sequence[OutcomeSpec], where: str) -> tuple[Outcome, ...]:
    specs = [spec] if isinstance(spec, (str, Outcome, Mapping)) else list(spec)
    if not specs:
        raise ConfigurationError(f"{where}: needs at least one outcome")
    return tuple(outcome_from(one, where=where) for one in specs)


@dataclass(frozen=True, kw_only=True)
class OutcomeScript:
    """Which number gets which outcome.

    `numbers` (exact) and `endings` map to one outcome or to a list, one for each attempt to that number; the last
    repeats. `attempts` maps the number of an attempt to an outcome for every other number. `weights` maps outcome
    names to weights.

    Raises:
        ConfigurationError: an unknown outcome, or weights that cannot be drawn from.
    """

    numbers: Mapping[str, OutcomeSpec | Sequence[OutcomeSpec]] = field(default_factory=dict)
    endings: Mapping[str, OutcomeSpec | Sequence[OutcomeSpec]] = field(default_factory=dict)
    attempts: Mapping[int, OutcomeSpec] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    _numbers: Mapping[str, tuple[Outcome, ...]] = field(init=False, repr=False, compare=False)
    _endings: Sequence[tuple[str, tuple[Outcome, ...]]] = field(init=False, repr=False, compare=False)
    _attempts: Mapping[int, Outcome] = field(init=False, repr=False, compare=False)
    _names: Sequence[Outcome] = field(init=False, repr=False, compare=False)
    _marks: Sequence[float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        weights = dict(self.weights)
        if not weights or any(weight < 0 for weight in weights.values()) or sum(weights.values()) <= 0:
            raise ConfigurationError(f"[weights] {weights}: needs weights of 0 or more, one of them above 0")
        endings = sorted(self.endings, key=lambda ending: (-len(ending), ending))
        prepared = {
            "_numbers": {key: _sequence(spec, f"[numbers] {key}") for key, spec in self.numbers.items()},
            "_endings": [(key, _sequence(self.endings[key], f"[endings] {key}")) for key in endings],
            "_attempts": {
                int(key): outcome_from(spec, where=f"[attempts] {key}") for key, spec in self.attempts.items()
            },
            "_names": [outcome_from(name, where="[weights]") for name in weights],
            "_marks": list(accumulate(weights.values())),
        }
        for name, value in prepared.items():
            object.__setattr__(self, name, value)

    def decide(self, *, seed: int, to_number: str, attempt: int) -> Outcome:
        """The outcome of the `attempt`-th (from 1) call to a number; the same arguments always give the same."""
        sequence = self._numbers.get(to_number)
        if sequence is None:
            for ending, outcomes in self._endings:
                if to_number.endswith(ending):
                    sequence = outcomes
                    break
        if sequence is not None:
            return sequence[min(attempt, len(sequence)) - 1]
        return self._attempts.get(attempt) or self._draw(random.Random(f"{seed}|{to_number}|{attempt}|outcome"))

    def _draw(self, chance: random.Random) -> Outcome:
        marks = self._marks
        return self._names[bisect(marks, chance.random() * marks[-1], 0, len(marks) - 1)]
