"""A broker that comes back with the data of some time ago: all that it ever carried is delivered again."""

from __future__ import annotations

from pathlib import Path

import pytest

from speechai.core.model import Pacing
from speechai.operation.nudges import Nudge, Nudges
from speechai.retell.simulator import OutcomeScript

from .conftest import MakeWorld
from .lists import debtor
from .test_days import MISSED, PROMISE, enqueue, local
from .test_faults_in_virtual_time import settle

SETTINGS = {"max_tries": 2, "no_answer_retry_minutes": 10, "call_polling_interval": 60, "sweep_interval_seconds": 60}


@pytest.mark.parametrize("minutes", [1, 4, 30])
def test_all_that_a_broker_ever_carried_may_come_again(world: MakeWorld, tmp_path: Path, minutes: int) -> None:
    people = [debtor(n) for n in range(6)]
    here = world(
        local(2026, 11, 23, 9, 0),
        settings={**SETTINGS, "dispatch_interval_seconds": 30, "retell_calls_per_second": 4},
        script=OutcomeScript(endings={"": [MISSED, PROMISE]}),
    )
    carried: list[Nudge] = []
    send = here.send

    def keep(nudges: Nudges) -> None:
        carried.extend(nudges)
        send(nudges)

    here.send = keep  # type: ignore[method-assign]
    batch_id = enqueue(here, tmp_path / "list.csv", people, pacing=Pacing.CONTINUOUS)
    here.run_for(minutes=minutes)
    assert len(carried) > len(people)
    send(list(carried))
    assert settle(here, batch_id) == []
    send(list(carried))
    here.run_for(minutes=30)
    assert here.violations() == []
    assert here.simulator.journal()["total_calls"] == 2 * len(people)
    assert {job["status"] for job in here.database.call_jobs.find()} == {"done"}
