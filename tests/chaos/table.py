"""The verdict as lines of text: what must be zero and is or is not, and how hard the run was."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from tests.flow.evidence import Evidence

from .loss import Loss
from .operator import Act
from .schedule import Kind
from .verdict import Run, findings, informational

EXAMPLES = 5
OTHERS = frozenset({*Act, *Loss})


def table_of(evidence: Evidence, run: Run, logs: Path) -> tuple[list[str], bool]:
    """The table as Markdown, and whether everything that must be zero is."""
    found = findings(evidence, run)
    facts = {
        **informational(evidence, run),
        "finds of the sweep": _counted(finds_of_the_sweep(logs)),
        "strikes": _counted({kind: n for kind, n in run.strikes.items() if kind in set(Kind)}),
        "by the operator, and losses": _counted({kind: n for kind, n in run.strikes.items() if kind in OTHERS}),
        "beside them": _counted({what: n for what, n in run.strikes.items() if what not in {*Kind, *OTHERS}}),
    }
    lines = [f"| chaos, seed {run.seed} | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["| **must be zero** | |"]
    lines += [f"| {row} | {len(what)} |" for row, what in found.items()]
    for row, what in found.items():
        lines += [f"{row}: {one}" for one in what[:EXAMPLES]]
        lines += [f"{row}: and {len(what) - EXAMPLES} more"] if len(what) > EXAMPLES else []
    return lines, not any(found.values())


def finds_of_the_sweep(logs: Path) -> Counter[str]:
    """What the workers said that the sweep has found, by the words of their logs."""
    found: Counter[str] = Counter()
    for log in logs.glob("*.log"):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            if '"action": "sweep"' in line and (said := _event(line)) is not None:
                found[said] += 1
    return found


def _event(line: str) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None  # a line that was being written when its writer was killed
    return str(entry.get("event"))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in sorted(counts.items(), key=lambda one: -one[1])) or "none"
