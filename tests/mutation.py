"""What a mutation run (`make mutants`) changes in pytest; loaded by [tool.mutmut] alone, never by `make test`.

A run asks thousands of times whether one fault is found, each time in a process forked from one that has run every
test already. So three things differ: what was read once and kept is read again, or a fault in a reader would never be
executed; the tests of the mutated module are run first and by themselves, the others only where those found nothing;
and properties try fewer examples, the same ones each time, and do not look for the smallest, so that two runs agree.
"""

from __future__ import annotations

import gc
import os
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path

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
    """Empties what our own modules keep of files and of earlier questions.

    What the process was forked with is not looked through for garbage: that alone takes half of a short run.
    """
    gc.freeze()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "speechai":
            for kept in list(vars(module).values()):
                if callable(clear := getattr(kept, "cache_clear", None)):
                    clear()
            getattr(module, "_kept", {}).clear()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--second-look", action="store_true", help="the tests of a mutant's own module found nothing")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> Generator[None, int | pytest.ExitCode, int | pytest.ExitCode]:
    """The files of the mutated module first, whole, and only where they find nothing the other tests that execute it.

    By name, or else the one with most of those tests. Whole, because what is read once and kept was recorded for its
    first reader alone.
    """
    module, tests = mutated_module(), list(config.args)
    first = not config.getoption("--second-look")
    files = Counter(test.partition("::")[0] for test in tests if module and first)
    own = [file for file in files if Path(file).stem.startswith(f"test_{module}")]
    own = sorted(own or [file for file, _ in files.most_common(1)])
    config.args = own or tests
    code = yield
    others = [test for test in tests if test.partition("::")[0] not in own] if own else []
    if others and code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        options = [argument for argument in config.invocation_params.args if argument not in tests]
        later = pytest.main([*options, "--second-look", *others])
        return code if later == pytest.ExitCode.NO_TESTS_COLLECTED else later
    return code


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Examples before properties. Simulated campaigns, which take seconds and pass through every rule, for their own.

    They are asked only about the modules that simulate: what nothing but a whole campaign notices counts as not found.
    """
    module = mutated_module()
    for item in items if module else ():
        item.add_marker(pytest.mark.timeout(LONGEST_SECONDS, method="thread"))
    if module and module not in SIMULATE:
        campaigns = [item for item in items if item.path.stem in CAMPAIGNS]
        config.hook.pytest_deselected(items=campaigns)
        items[:] = [item for item in items if item.path.stem not in CAMPAIGNS]
    items.sort(key=lambda item: getattr(getattr(item, "obj", None), "is_hypothesis_test", False))


def mutated_module() -> str:
    """`caps` while a mutant of `speechai.core.caps` is tried; "" in every other run of mutmut."""
    return os.environ.get("MUTANT_UNDER_TEST", "").rpartition(".")[0].rpartition(".")[2]
