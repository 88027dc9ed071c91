"""The shape of the code: which way imports point, who may touch which library, what no file may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("speechai", "config", "tasks")

# What each part may import of ours, besides itself. `errors, catalogue <- core <- store, retell <- operation <- tasks
# <- web, cli`; what is below may be used by all above.
BELOW: dict[str, set[str]] = {
    "config": set(),
    "speechai.errors": set(),
    "speechai.catalogue": {"speechai.errors"},
    "speechai.core": {"speechai.errors", "speechai.catalogue"},
    "speechai.store": {"config", "speechai.errors", "speechai.catalogue", "speechai.core"},
    "speechai.retell": {"config", "speechai.errors", "speechai.catalogue", "speechai.core"},
    "speechai.embedded": {"config", "speechai.errors"},
}
BELOW["speechai.metrics"] = {"speechai.errors"}
"""What happened is counted where it happens: beside the core, and below all that reaches outside."""
BELOW["speechai.retell"] |= {"speechai.metrics"}
BELOW["speechai.operation"] = set(BELOW) - {"speechai.embedded"}
BELOW["speechai.logs"] = {"config", "speechai.errors", "speechai.core"}
BELOW["tasks"] = set(BELOW) - {"speechai.embedded"}
BELOW["speechai.web"] = BELOW["tasks"] | {"tasks"}
BELOW["speechai.cli"] = BELOW["tasks"] | {"tasks", "speechai.embedded", "speechai.web"}

IO_LIBRARIES = {
    "asyncio", "billiard", "bson", "celery", "gridfs", "http", "httpx", "io", "kombu", "openpyxl", "pandas", "pymongo",
    "redis", "requests", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
    "tornado", "urllib", "urllib3", "xlrd",
}  # fmt: skip
BANNED_NAMES = {"utils", "util", "helper", "helpers", "manager", "managers", "service", "services", "base", "common"}
CLOCKED = {"date", "datetime", "time", "dt"}
"""Names of what has a clock."""
LONGEST = 400


def files(*tops: str) -> Iterator[Path]:
    for top in tops:
        yield from sorted((ROOT / top).rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module: str) -> str:
    """`speechai.store` for `speechai.store.jobs`, `config` for `config.settings`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "speechai" else parts[0]


@lru_cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports_of(path: Path) -> set[str]:
    """What a file imports, see `imported`."""
    parts = module_of(path).split(".")
    return imported(tree_of(path), package=parts if path.name == "__init__.py" else parts[:-1])


def imported(tree: ast.Module, *, package: list[str]) -> set[str]:
    """Full names of the modules that code in `package` imports, at any depth of the code, relative ones resolved."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            # `from speechai import store` imports the part as much as `import speechai.store` does.
            found |= (
                {f"{origin}.{a.name}" for a in node.names if a.name != "__version__"} if origin in TOP else {origin}
            )
    return found


def by_name(paths: Iterator[Path]) -> list[Any]:
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def test_every_part_of_the_code_has_its_place_in_the_order() -> None:
    parts = {part_of(module_of(path)) for path in files(*TOP)}
    assert parts - {"speechai", "speechai.__main__"} <= BELOW.keys()


@pytest.mark.parametrize("path", by_name(files(*TOP)))
def test_imports_point_one_way(path: Path) -> None:
    part = part_of(module_of(path))
    ours = {part_of(name) for name in imports_of(path) if name.split(".")[0] in TOP} - {"speechai"}
    if part == "speechai.__main__":
        assert ours <= {"speechai.cli"}
    elif part != "speechai":
        assert ours <= BELOW[part] | {part}


@pytest.mark.parametrize(
    ("libraries", "home"),
    [
        ({"pymongo", "gridfs", "bson"}, "speechai.store"),
        ({"requests", "urllib3", "httpx"}, "speechai.retell"),
        ({"celery", "kombu"}, "tasks"),
        ({"fastapi", "starlette", "uvicorn"}, "speechai.web"),
        ({"prometheus_client"}, "speechai.metrics"),
    ],
    ids=["the database", "HTTP", "Celery", "the web", "Prometheus"],
)
def test_a_library_of_the_outside_world_has_one_home(libraries: set[str], home: str) -> None:
    guests = {
        # The embedded servers are asked whether they are up; settings of Celery need no more than its words.
        "speechai.embedded": {"pymongo"},
        "config": {"celery", "kombu"},
        "speechai.cli": {"celery", "kombu"},
        "speechai.web": {"prometheus_client"},  # shows what was counted
    }
    # The customer's own receiver is no provider of ours: its client is one file, beside what it delivers.
    alone = {"speechai.operation.receiver": {"requests", "urllib3"}}
    for path in files(*TOP):
        module = module_of(path)
        part = part_of(module)
        if part != home:
            used = {name.split(".")[0] for name in imports_of(path)} & libraries
            allowed = guests.get(part, set()) | alone.get(module, set())
            assert used <= allowed, f"{path.relative_to(ROOT)} imports {used}"


@pytest.mark.parametrize("path", by_name(files("speechai/core", "speechai/catalogue")))
def test_core_and_catalogue_import_no_library_that_reaches_outside(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & IO_LIBRARIES


@pytest.mark.parametrize("path", by_name(files("speechai/core", "speechai/catalogue")))
def test_core_and_catalogue_never_ask_the_clock(path: Path) -> None:
    # Called, or taken from its class to be called elsewhere; `said.today` of a value of ours asks nothing.
    clocks = {"now", "utcnow", "today", "monotonic", "time_ns"}
    nodes = list(ast.walk(tree_of(path)))
    called = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    taken = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in CLOCKED
    }
    assert not clocks & (called | taken)


@pytest.mark.parametrize("path", by_name(files(*TOP, "tests", "benchmarks")))
def test_no_module_is_named_after_nothing(path: Path) -> None:
    assert not {*path.relative_to(ROOT).with_suffix("").parts} & BANNED_NAMES


@pytest.mark.parametrize("path", by_name(files(*TOP, "tests", "benchmarks")))
def test_no_file_is_longer_than_a_reader_can_hold(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_the_reader_of_imports_sees_every_form() -> None:
    """The checks above are worth what this function finds."""
    code = """
import a.b, pymongo as p
from c.d import e
from . import calendar
from ..store import jobs
def f():
    from speechai import store, __version__
    if True:
        import requests.adapters
"""
    found = imported(ast.parse(code), package=["speechai", "core"])
    assert found == {"a.b", "pymongo", "c.d", "speechai.core", "speechai.store", "requests.adapters"}
