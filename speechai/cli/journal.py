"""The proof at the end of the demonstration: what the simulator really called against what the database says.

Enters the store and the simulator's journal, which the product itself never reads; leaves a verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from speechai.operation.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Ids of calls that only one side knows, and contacts who were on the phone twice at one time."""

    placed: int
    recorded: int
    only_placed: frozenset[str]
    only_recorded: frozenset[str]
    twice_at_once: frozenset[str]

    @property
    def is_clean(self) -> bool:
        """Both sides agree and nobody was called twice at one time."""
        return not (self.only_placed or self.only_recorded or self.twice_at_once)

    def line(self) -> str:
        """As one line for the operator."""
        if self.is_clean:
            return (
                f"Checked against the simulator's journal: {self.placed} calls really placed, the same {self.recorded} "
                "recorded; nobody was called twice at the same time."
            )
        return (
            f"CHECK FAILED against the simulator's journal: {self.placed} calls placed, {self.recorded} recorded; "
            f"{len(self.only_placed)} placed but not recorded, {len(self.only_recorded)} recorded but not placed, "
            f"{len(self.twice_at_once)} contacts called twice at the same time."
        )


def compare(context: Context, base_url: str) -> Verdict:
    """Asks the simulator for every call and the database for every attempt with a call."""
    from speechai.retell.simulator_note import ask_simulator
    from speechai.store.batches import list_batches
    from speechai.store.statistics import job_lines

    calls = ask_simulator(base_url, "journal", timeout_seconds=30)["calls"]
    jobs = [line.job_id for batch in list_batches(context.store) for line in job_lines(context.store, batch["_id"])]
    return judge(calls, _recorded(context, jobs))


def judge(calls: Iterable[Mapping[str, Any]], recorded: frozenset[str]) -> Verdict:
    """The journal's entries against the ids of the recorded calls."""
    dialled = [call for call in calls if call["dialled"]]
    placed = frozenset(str(call["call_id"]) for call in dialled)
    return Verdict(
        placed=len(dialled),
        recorded=len(recorded),
        only_placed=placed - recorded,
        only_recorded=recorded - placed,
        twice_at_once=_twice_at_once(dialled),
    )


def _recorded(context: Context, job_ids: Iterable[str]) -> frozenset[str]:
    from speechai.store.attempts import attempts_of

    found = (attempt.call_id for job_id in job_ids for attempt in attempts_of(context.store, job_id))
    return frozenset(call_id for call_id in found if call_id is not None)


def _twice_at_once(calls: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    spans: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for call in calls:
        job_id = (call["metadata"] or {}).get("job_id", "")
        until = call["live_until_ms"]
        spans[job_id].append((call["live_from_ms"], float("inf") if until is None else until))
    return frozenset(
        job_id
        for job_id, lived in spans.items()
        if any(later[0] < earlier[1] for earlier, later in zip(sorted(lived), sorted(lived)[1:], strict=False))
    )
