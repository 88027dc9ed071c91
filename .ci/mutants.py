"""The score of the last mutation run, by module and in total: `make mutants`, or alone after `mutmut run`.

Reads what mutmut keeps beside the mutated files (`mutants/speechai/**/*.py.meta`: an exit code of pytest by mutant) and
prints a table. A mutant is killed where a test failed or where it looped until its time was over; it is alive where
every test passed, and untested where no unit test executes its function: both count against the score. Not run ones
count for nothing. With `--alive` the names of the alive and untested follow (`mutmut show NAME` prints the change);
with `--least 85` the exit code is 1 where the total of what was run is below.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "mutants"
KILLED = {1, 3}
LOOPED = {24, 36, 152, 255, -24}
UNTESTED = {5, 33}


def verdict(code: int | None) -> str:
    """What an exit code of mutmut 3 says; anything unknown (a crash of the interpreter) is alive until looked at."""
    if code is None:
        return "not run"
    if code in KILLED:
        return "killed"
    if code in LOOPED:
        return "looped"
    return "untested" if code in UNTESTED else "alive"


def read() -> dict[str, dict[str, str]]:
    """By module (`core.caps`), the verdict on each of its mutants."""
    modules = {}
    for path in sorted((ROOT / "speechai").rglob("*.py.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
        name = ".".join(path.relative_to(ROOT / "speechai").with_suffix("").with_suffix("").parts)
        if codes:
            modules[name] = {mutant: verdict(code) for mutant, code in codes.items()}
    return modules


def score(counts: Counter[str]) -> float | None:
    """Per cent killed of what was run; None where nothing was."""
    killed, run = counts["killed"] + counts["looped"], counts.total() - counts["not run"]
    return 100 * killed / run if run else None


def line(name: str, counts: Counter[str]) -> str:
    per_cent = score(counts)
    said = "-" if per_cent is None else f"{per_cent:.1f}"
    columns = (counts[word] for word in ("killed", "looped", "alive", "untested", "not run"))
    return f"{name:28}{counts.total():>8}" + "".join(f"{count:>10}" for count in columns) + f"{said:>9}"


def main() -> int:
    parser = argparse.ArgumentParser(description="The score of the last mutation run, by module and in total.")
    parser.add_argument("--alive", action="store_true", help="names of the mutants that no test found")
    parser.add_argument("--least", type=float, default=0, metavar="PERCENT", help="exit with 1 where the total is less")
    arguments = parser.parse_args()
    modules = read()
    if not modules:
        print("There are no results in mutants/: run `make mutants` first.", file=sys.stderr)
        return 2
    print(
        f"{'module':28}{'mutants':>8}{'killed':>10}{'looped':>10}{'alive':>10}{'untested':>10}{'not run':>10}{'%':>9}"
    )
    total: Counter[str] = Counter()
    for name, verdicts in modules.items():
        counts = Counter(verdicts.values())
        total += counts
        print(line(name, counts))
    print(line("total", total))
    if arguments.alive:
        for verdicts in modules.values():
            print(*(f"{word:9}{name}" for name, word in verdicts.items() if word in ("alive", "untested")), sep="\n")
    return int((score(total) or 0) < arguments.least)


if __name__ == "__main__":
    sys.exit(main())
