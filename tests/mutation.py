"""What a mutation run (`make mutants`) changes in pytest; loaded by [tool.mutmut] alone, never by `make test`.

A run asks thousands of times whether one fault is found, each time in a process forked from one that has run every
test already. So three things differ: what was read once and kept is read again, or a fault in a reader would never be
executed; the tests most likely to find the fault come first; and properties try fewer examples, the same ones each
time, and do not look for the smallest, so that two runs agree.
"""

from __future__ import annotations

import os
import sys

import hypothesis
import pytest

hypothesis.settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=30,
    derandomize=True,
    database=None,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)

SIMULATE = {"planning", "rehearsal", "rulings"}
CAMPAIGNS = {"test_planning", "test_rulings"}
LONGEST_SECONDS = 20
"""A test takes 4 at most: a fault that makes one loop is found then, not after the time of all its tests."""


def pytest_sessionstart() -> None:
    """Empties what our own modules keep of files and of earlier questions."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "speechai":
            for kept in list(vars(module).values()):
                if callable(clear := getattr(kept, "cache_clear", None)):
                    clear()
            getattr(module, "_kept", {}).clear()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests named after the mutated module first, then other examples, then properties; campaigns for their own.

    A simulated campaign takes seconds and passes through every rule; it is asked only about the modules that simulate.
    """
    module = os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[0].rpartition(".")[2]
    for item in items if module else ():
        item.add_marker(pytest.mark.timeout(LONGEST_SECONDS, method="thread"))
    if module and module not in SIMULATE:
        campaigns = [item for item in items if item.path.stem in CAMPAIGNS]
        config.hook.pytest_deselected(items=campaigns)
        items[:] = [item for item in items if item.path.stem not in CAMPAIGNS]

    def rank(item: pytest.Item) -> tuple[bool, bool]:
        is_property = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        return is_property, not item.path.stem.startswith(f"test_{module}")

    items.sort(key=rank)
