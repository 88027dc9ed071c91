"""The command as an operator runs it: a process of its own, in an empty folder, with an environment of its own."""

from __future__ import annotations

import json
import os
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pymongo
import pytest

from config.settings import Settings, load_settings
from speechai.operation import loading
from speechai.operation.context import Context, open_context
from speechai.retell.simulator import DEFAULT_API_KEY, SimulatorConfig, running_simulator
from speechai.store.indexes import create_indexes
from tests.cli.forked import Forks

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CLOSED = "127.0.0.1:9"
"""A port on which nobody listens."""
FORKS = Forks()


@pytest.fixture(scope="session", autouse=True)
def forks() -> Iterator[None]:
    """Ends the server of commands with the tests."""
    yield
    FORKS.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON; fails where anything else stands there."""
        return json.loads(self.out)

    def message(self) -> str:
        """What the operator reads of a failure: never a traceback."""
        assert "Traceback" not in self.err, self.err
        assert self.err.strip(), "a failure without a word"
        return self.err


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Runs commands in `folder` with these settings and no others."""

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: object, **settings: str) -> Result:
        with tempfile.TemporaryDirectory() as output:
            code, out, err = FORKS.run(
                [*map(str, arguments)], folder=self.folder, environ=self.environ(settings), output=Path(output)
            )
        return Result(code=code, out=out, err=err)

    def environ(self, settings: Mapping[str, str]) -> dict[str, str]:
        ours = {name.upper() for name in Settings.model_fields}
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return {**kept, "PYTHONPATH": str(ROOT), **self.settings, **settings}

    def context(self) -> Context:
        """A worker's view of the same settings."""
        return open_context(load_settings({**self.settings, "DATA_DIR": str(self.folder / ".data")}))


@pytest.fixture
def alone(tmp_path: Path) -> Command:
    """The command without any server: embedded ones would be started where it needed one."""
    return Command(folder=tmp_path)


@pytest.fixture(scope="session")
def simulator_url() -> Iterator[str]:
    """A Retell that answers."""
    with running_simulator(SimulatorConfig(clock_factor=60)) as simulator:
        yield simulator.base_url


@pytest.fixture
def served(
    tmp_path: Path,
    mongo_uri: str,
    mongo_client: pymongo.MongoClient[dict[str, Any]],
    redis_url: str,
    simulator_url: str,
) -> Iterator[Command]:
    """The command on real servers: an empty database, an empty broker, a simulator, and no workers."""
    name = f"cli_{uuid.uuid4().hex[:12]}"
    command = Command(
        folder=tmp_path,
        settings={
            "MONGO_URI": mongo_uri,
            "MONGO_DB": name,
            "REDIS_URL": redis_url,
            "RETELL_BASE_URL": simulator_url,
            "RETELL_API_KEY": DEFAULT_API_KEY,
        },
    )
    create_indexes(command.context().store)
    yield command
    mongo_client.drop_database(name)


def nothing_more(_context: Context, _batch_id: str) -> None:
    """What a loader does with a batch unless a test says otherwise."""


@contextmanager
def loader(command: Command, then: Callable[[Context, str], object] = nothing_more) -> Iterator[None]:
    """A worker in a thread: loads every list that is received, and does `then` with its batch."""
    context, ended = command.context(), threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while not ended.wait(0.05):
                for document in list(context.store.batches.find({"status": "received"}, {"_id": 1})):
                    loading.load_batch(context, document["_id"])
                    then(context, document["_id"])
        except BaseException as error:  # noqa: BLE001 - raised again in the test
            failures.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
    if failures:
        raise failures[0]


def loaded(command: Command, file: Path, *arguments: object) -> str:
    """Sends a list and has it loaded; the batch's id."""
    with loader(command):
        done = command(
            "enqueue", file, "--use-case", "debt_collection", "--pacing", "continuous", "--policy", "always", "--json",
            *arguments,
        )  # fmt: skip
    assert done.code == 0, done.err
    return str(done.json["batch_id"])


def csv(path: Path, *rows: Sequence[str]) -> Path:
    """A small list."""
    path.write_text("\n".join(";".join(row) for row in rows) + "\n", encoding="utf-8")
    return path


HEADER = ("RUT", "NOMBRE", "TELEFONO", "MONTO")
PEOPLE = (
    ("15759500-8", "Ana Soto", "+56988164510", "10000"),
    ("8557277-6", "Luis Rojas", "+56977319671", "25000"),
    ("19714001-1", "Eva Díaz", "123", "5000"),
)
"""Two contacts, and one row whose phone is too short."""


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A list of two contacts and one row that is rejected."""
    return csv(tmp_path / "people.csv", HEADER, *PEOPLE)
