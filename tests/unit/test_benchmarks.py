"""The benchmarks: each can be named, each figure has its section, and those that need no workers run in small."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS

ROOT = Path(__file__).parents[2]


def test_every_benchmark_can_be_named() -> None:
    modules = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py") if re.search(r"^def main\(", path.read_text(), re.M)
    }
    assert modules - {"__main__"} == BENCHMARKS.keys()


def test_every_benchmark_has_its_section() -> None:
    sections = re.findall(r"^## .*\(`(\w+)`\)$", (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8"), re.M)
    assert sorted(sections) == sorted(BENCHMARKS)


@pytest.mark.parametrize(
    ("name", "small", "told"),
    [
        ("sweep", {"BENCH_JOBS": "50", "BENCH_RUNS": "1"}, r"50 finished sweep .* reads"),
        ("safety", {"BENCH_RUNS": "1", "BENCH_ROUNDS": "0"}, r"place +1 write .* attempts\.record \(insert\)"),
    ],
)
def test_a_benchmark_runs_in_small(name: str, small: dict[str, str], told: str) -> None:
    environ = {key: value for key, value in os.environ.items() if key not in ("MONGO_URI", "REDIS_URL")} | small
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", name], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert re.search(told, done.stdout), done.stdout
