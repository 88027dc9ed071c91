"""What nobody outside Retell knows for certain: whichever way it is, a list comes to its end and no law is broken.

Each switch of the simulator is turned to each of its values, beneath the same five contacts: one who talks, one who
does not pick up, one whose accepted request is never answered, one whose call never ends by itself, and one whose
number is refused. Retell allows fewer calls than our settings say, and the first webhook is refused.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import Field, asdict, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from speechai.core.model import Pacing
from speechai.retell.simulator import Assumptions, Fault, FaultKind, Limits, OutcomeScript
from tests.simulator.receiver import Receiver, receiving

from .conftest import MakeWorld
from .lists import debtor
from .test_days import MISSED, PROMISE, enqueue, local
from .test_faults_in_virtual_time import CREATE, attempts_of, settle
from .webhooks import Mail

TALKS, MISSES, UNHEARD, ENDLESS, REFUSED = (debtor(n) for n in range(5))
OTHER_NUMBERS = {
    "idempotency_max_length": 32,  # the length of an attempt's id
    "limit_retry_after_seconds": 20,
    "listing_delay_ms": 120_000,
    "metadata_delay_ms": 60_000,
}
"""Of a switch that is a number, the value beside its default."""
DRAWN = 2


def values_of(switch: Field[Any]) -> list[Any]:
    """Every value of a switch, the guess first."""
    hint = get_type_hints(Assumptions)[switch.name]
    if get_origin(hint) is Literal:
        others = get_args(hint)
    else:
        others = (False, True) if hint is bool else (OTHER_NUMBERS[switch.name],)
    return [switch.default, *(value for value in others if value != switch.default)]


def ways() -> dict[str, Assumptions]:
    """The guesses; every switch turned on and on until each has had each of its values; and some drawn ways."""
    switches = {switch.name: values_of(switch) for switch in fields(Assumptions)}
    turns = range(max(map(len, switches.values())))
    found = {f"turned {n}": {name: values[n % len(values)] for name, values in switches.items()} for n in turns}
    for seed in range(DRAWN):
        chance = random.Random(seed)
        found[f"drawn {seed}"] = {name: chance.choice(values) for name, values in switches.items()}
    return {name: Assumptions(**way) for name, way in found.items()}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def test_every_switch_is_turned_to_each_of_its_values() -> None:
    tried = {(name, value) for way in ways().values() for name, value in asdict(way).items()}
    assert tried == {(switch.name, value) for switch in fields(Assumptions) for value in values_of(switch)}
    assert {len(values_of(switch)) for switch in fields(Assumptions)} >= {2, 3, 5}


@pytest.mark.parametrize("way", ways().values(), ids=ways())
def test_whichever_way_retell_is_a_list_comes_to_its_end(
    world: MakeWorld, receiver: Receiver, tmp_path: Path, way: Assumptions
) -> None:
    here = world(
        local(2026, 11, 23, 9, 0),
        settings={
            "max_tries": 2,
            "retell_concurrency": 20,
            "retell_calls_per_second": 4,
            "call_polling_interval": 90,
            "call_max_duration_minutes": 2,
            "no_answer_retry_minutes": 5,
            "retry_delay_minutes": 5,
            "dispatch_interval_seconds": 60,
            "sweep_interval_seconds": 120,
            "webhook_url": receiver.url,
        },
        assumptions=way,
        limits=Limits(base_concurrency=2, calls_per_second=1),
        script=OutcomeScript(
            numbers={MISSES.phones[0]: MISSED, ENDLESS.phones[0]: ["stuck_ongoing", PROMISE]}, endings={"": PROMISE}
        ),
        faults=(
            Fault(kind=FaultKind.RESET_AFTER, endpoint=CREATE, number=UNHEARD.phones[0], times=1),
            Fault(kind=FaultKind.DO_NOT_CALL, endpoint=CREATE, number=REFUSED.phones[0]),
        ),
    )
    Mail(here, receiver)
    receiver.statuses = [503]
    people = [UNHEARD, TALKS, MISSES, ENDLESS, REFUSED]
    enqueue(here, tmp_path / "first.csv", people[:1], pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=1)
    batch_id = enqueue(here, tmp_path / "list.csv", people[1:], pacing=Pacing.CONTINUOUS)
    assert settle(here, batch_id) == []
    assert here.violations() == []
    no_call = ("refused", "capacity")
    ends = {one.phones[0]: [end for end in attempts_of(here, one) if end not in no_call] for one in people}
    assert ends == {
        TALKS.phones[0]: ["conversation"],
        MISSES.phones[0]: ["no_answer", "no_answer"],
        UNHEARD.phones[0]: ["conversation"],
        ENDLESS.phones[0]: ["stopped", "conversation"],
        REFUSED.phones[0]: [],
    }
