"""What is counted agrees with what the database holds, under lost, doubled and late messages and faults."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from speechai.core.model import Pacing
from speechai.metrics import CallStep, Find
from speechai.metrics.events import OWN
from speechai.retell.simulator import Fault, FaultKind, OutcomeScript

from .conftest import MakeWorld
from .lists import debtor
from .test_days import PROMISE, enqueue, local
from .virtual import Mischief

Counts = dict[tuple[str, ...], float]
LOSSES = {
    Find.DEAD_CLAIM, Find.DEAD_REQUEST, Find.LOST_POLL, Find.LEAKED_SLOT, Find.LEAKED_RESERVATION, Find.LEAKED_TURN
}  # fmt: skip


def counted() -> Counts:
    """Every count of this process by its name and its labels' values; all processes of a world are this one."""
    return {
        (sample.name.removeprefix("speechai_"), *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in OWN.collect()
        for sample in family.samples
    }


def since(before: Counts, name: str) -> Counter[tuple[str, ...]]:
    """What one metric has counted since `before`, by its labels' values."""
    found = {key[1:]: value - before.get(key, 0) for key, value in counted().items() if key[0] == name}
    return Counter({labels: round(value) for labels, value in found.items() if value})


def test_counts_agree_with_the_database_whatever_happens_to_messages_and_requests(
    world: MakeWorld, tmp_path: Path
) -> None:
    kinds = {FaultKind.RESET_AFTER: 0.08, FaultKind.RESET_BEFORE: 0.05, FaultKind.RATE_LIMITED: 0.08}
    here = world(
        local(2026, 11, 23, 9, 0),
        settings={"dispatch_interval_seconds": 10, "retell_calls_per_second": 4, "breaker_failures": 50},
        mischief=Mischief(seed=7, drop=0.2, double=0.3, late=0.2),
        script=OutcomeScript(endings={"": PROMISE, "3": "dial_busy", "7": "dial_no_answer"}),
        faults=tuple(Fault(kind=kind, endpoint="create-phone-call", rate=rate) for kind, rate in kinds.items()),
    )
    before = counted()
    enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(24)], pacing=Pacing.CONTINUOUS)
    here.run_for(hours=6)
    assert here.violations() == []

    attempts = list(here.database.call_logs.find())
    placed = sum(1 for one in attempts if one.get("call_id"))
    states = Counter(one["state"] for one in attempts)
    calls = since(before, "calls_total")
    assert calls[CallStep.PLACED,] == placed == here.simulator.journal()["total_calls"]
    assert calls[CallStep.REFUSED,] == states["refused"] > 0
    assert calls[CallStep.ABANDONED,] == states["abandoned"]
    assert calls[CallStep.IN_DOUBT,] == sum(1 for one in attempts if one.get("doubt")) > 0
    assert calls[CallStep.GIVEN_UP,] == sum(
        1 for one in attempts if one["state"] == "finished" and one.get("retell") is None
    )
    finished = [one for one in attempts if one["state"] == "finished"]
    assert since(before, "outcomes_total") == Counter(
        (one["outcome"], "yes" if one["success"] else "no", one["use_case"]) for one in finished
    )
    cost = sum(one["cost_micros"] or 0 for one in finished)
    assert since(before, "cost_usd_micros_total")["debt_collection",] == cost > 0
    requests = since(before, "retell_request_seconds_count")
    assert sum(n for (_, endpoint), n in requests.items() if endpoint == "create-phone-call") >= len(attempts) - 5
    assert requests["429", "create-phone-call"] == states["refused"]


@pytest.mark.parametrize("drop", [0.0, 0.4], ids=["a quiet day", "a day of lost messages"])
def test_only_where_something_is_lost_a_loss_is_found(world: MakeWorld, tmp_path: Path, drop: float) -> None:
    here = world(
        local(2026, 11, 23, 9, 0),
        settings={"dispatch_interval_seconds": 10},
        mischief=Mischief(seed=3, drop=drop),
        script=OutcomeScript(endings={"": PROMISE}),
    )
    before = counted()
    enqueue(here, tmp_path / "list.csv", [debtor(n) for n in range(12)], pacing=Pacing.CONTINUOUS)
    here.run_for(hours=1)
    assert {job["status"] for job in here.database.call_jobs.find()} == {"done"}
    losses = sum(n for (kind,), n in since(before, "finds_total").items() if kind in LOSSES)
    assert (losses > 0) is (drop > 0)
