"""A batch followed live: states, calls, outcomes and cost, until nothing of it can move any more.

Enters a batch's id; leaves the last look at it. On a terminal a table that renews itself, on a pipe a plain line now
and then, both on standard error.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from speechai.cli.output import dollars, named_counts, note, notes_console

if TYPE_CHECKING:
    from rich.console import RenderableType

    from speechai.operation.context import Context

LOOK_SECONDS = 1.0
LINE_SECONDS = 10.0
"""Between two plain lines."""
_STATES = ("done", "in_progress", "pending", "suspended", "failed", "cancelled")
_COLOURS = ("green", "cyan", "blue", "yellow", "red", "magenta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a batch. `cost_micros` are USD micros of all its calls so far."""

    name: str
    status: str
    reason: str | None
    jobs: dict[str, int]
    live: int
    calls: int
    outcomes: dict[str, int]
    cost_micros: int

    @property
    def is_over(self) -> bool:
        """Every job is final."""
        return not any(self.jobs[state] for state in ("pending", "in_progress", "suspended"))

    @property
    def is_stuck(self) -> bool:
        """Nothing moves before an operator does something."""
        if self.status in ("paused", "refused"):
            return not self.jobs["in_progress"]
        return bool(self.jobs["suspended"]) and not (self.jobs["pending"] or self.jobs["in_progress"])

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "status": self.status,
            "reason": self.reason,
            "jobs": self.jobs,
            "live_calls": self.live,
            "calls": self.calls,
            "outcomes": self.outcomes,
            "cost_usd_micros": self.cost_micros,
        }

    def line(self) -> str:
        """As one plain line."""
        return (
            f"{self.status}: {named_counts(self.jobs)}; live calls {self.live}; calls {self.calls} "
            f"({named_counts(self.outcomes)}); {dollars(self.cost_micros)}"
        )


def look(context: Context, batch_id: str) -> Look:
    """The batch at this moment. Raises NotFound."""
    from speechai.operation.campaigns import describe_batch
    from speechai.store.statistics import attempt_groups

    document = describe_batch(context, batch_id)
    outcomes: Counter[str] = Counter()
    live = calls = cost = 0
    for group in attempt_groups(context.store, batch_id):
        live += group.attempts if group.state == "live" else 0
        calls += group.attempts if group.state in ("live", "ended", "finished") else 0
        cost += group.cost_micros
        if group.outcome and group.state == "finished":
            outcomes[group.outcome] += group.attempts
    return Look(
        name=document["name"],
        status=str(document["status"]),
        reason=document.get("reason"),
        jobs={state: document["jobs"][state] for state in _STATES},
        live=live,
        calls=calls,
        outcomes=dict(outcomes.most_common()),
        cost_micros=cost,
    )


def follow(
    context: Context,
    batch_id: str,
    *,
    until: Callable[[Look], bool] = lambda seen: seen.is_over or seen.is_stuck,
    between: Callable[[], None] = lambda: None,
) -> Look:
    """Shows the batch until `until` says so; `between` is called after each look and may raise. Returns the last."""
    from rich.live import Live

    console = notes_console()
    if not console.is_terminal:
        return _follow_in_lines(context, batch_id, until, between)
    started = time.monotonic()
    with Live(console=console, refresh_per_second=4) as screen:
        while True:
            begun = time.monotonic()
            seen = look(context, batch_id)
            screen.update(_picture(seen, time.monotonic() - started))
            between()
            if until(seen):
                return seen
            _rest(begun)


def _follow_in_lines(
    context: Context, batch_id: str, until: Callable[[Look], bool], between: Callable[[], None]
) -> Look:
    said_at = float("-inf")
    while True:
        begun = time.monotonic()
        seen = look(context, batch_id)
        if until(seen) or begun - said_at >= LINE_SECONDS:
            note(f"{datetime.now().astimezone():%H:%M:%S} {seen.line()}")
            said_at = begun
        between()
        if until(seen):
            return seen
        _rest(begun)


def _rest(begun: float) -> None:
    """A look at a long list costs the database time: at most a quarter of it is spent on looking."""
    time.sleep(max(LOOK_SECONDS, 3 * (time.monotonic() - begun)))


def _picture(seen: Look, seconds: float) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    total = max(sum(seen.jobs.values()), 1)
    bars = Table.grid(padding=(0, 1))
    for state, colour in zip(_STATES, _COLOURS, strict=True):
        if count := seen.jobs[state]:
            bar = ProgressBar(total=total, completed=count, width=40, complete_style=colour, finished_style=colour)
            bars.add_row(state, bar, f"{count} of {total}")
    facts = Table.grid(padding=(0, 2))
    facts.add_row("live calls", str(seen.live), "calls so far", str(seen.calls), "cost", dollars(seen.cost_micros))
    head = f"{seen.name}: {seen.status}" + (f" ({seen.reason})" if seen.reason else "")
    return Group(
        Text(f"{head}   {int(seconds) // 60}:{int(seconds) % 60:02d}", style="bold"),
        bars,
        facts,
        Text(f"outcomes    {named_counts(seen.outcomes)}"),
    )
