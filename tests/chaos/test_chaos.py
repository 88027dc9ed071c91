"""The short chaos run of the test suite: one seed, every kind of strike once, judged as the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from .keeping import read
from .run import Plan, run
from .table import table_of

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("chaos")]

SEED, CALLS, EACH = 10, 40, 1
"""With this seed no strike hits `follow`: a follow-up whose worker is killed is tried again after a minute only."""


@pytest.mark.long
def test_a_database_and_a_host_that_are_lost_cost_no_law(tmp_path: Path) -> None:
    run(Plan(folder=tmp_path / "chaos", seed=SEED, calls=60, each=0, kinds=(), stuck=False, losses=2))
    assert_clean(tmp_path / "chaos")


def test_processes_struck_from_a_seed_while_they_call_break_no_law(tmp_path: Path) -> None:
    folder = tmp_path / "chaos"
    # Without calls that hang for ever: those take the product minutes by design.
    run(
        Plan(
            folder=folder,
            seed=SEED,
            calls=CALLS,
            each=EACH,
            gap_seconds=0.5,
            list_size=20,
            low_water=15,
            stuck=False,
            losses=0,
            rest_seconds=180,
        )
    )
    assert_clean(folder)


def assert_clean(folder: Path) -> None:
    evidence, facts = read(folder)
    lines, is_clean = table_of(evidence, facts, folder / "logs")
    assert is_clean, "\n".join([f"evidence in {folder}", *lines])
