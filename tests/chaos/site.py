"""One installation for chaos: both servers, the provider, the receiver, every line of the Procfile, and the operator.

Enters a folder and a seed; leaves processes that can be struck one by one. The product's processes reach MongoDB
through the proxy; whoever looks on does so directly.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import redis
from honcho.environ import parse_procfile

from speechai.embedded.servers import mongo_command, redis_command
from speechai.retell.simulator import DEFAULT_API_KEY
from tests.flow.receiver import BROKEN_OFF, SECRET, Receiver, running_receiver
from tests.ports import quiet_port

from .processes import Process, stop_all
from .proxy import Proxy, running_proxy
from .scenario import scenario_of
from .schedule import BEATS

ROOT = Path(__file__).parents[2]
DATABASE = "chaos"
CONCURRENCY, STARTS_A_SECOND = 10, 4.0
ZONE = ZoneInfo("America/Santiago")
"""Of the installation: accounts' days and the waves are counted in it."""
SETTINGS = {
    "RETELL_API_KEY": DEFAULT_API_KEY,
    "RETELL_CONCURRENCY": str(CONCURRENCY),
    "RETELL_CALLS_PER_SECOND": str(STARTS_A_SECOND),
    "RETELL_CONNECT_TIMEOUT_SECONDS": "1",
    "RETELL_READ_TIMEOUT_SECONDS": "2",
    "WORKER_COUNT": "6",
    "LEASE_SECONDS": "6",
    # Beat's messages expire with their interval: on a busy machine a shorter one would be thrown away by most starts.
    "DISPATCH_INTERVAL_SECONDS": "3",
    "SWEEP_INTERVAL_SECONDS": "5",
    "CALL_POLLING_INTERVAL": "1",
    "CALL_MAX_DURATION_MINUTES": "1",
    "RETRY_DELAY_MINUTES": "0.03",
    "NO_ANSWER_RETRY_MINUTES": "0.05",
    "CAPACITY_RETRY_SECONDS": "1",
    "ANALYSIS_WAIT_SECONDS": "2",
    "LOOKUP_DELAY_SECONDS": "2",
    "UNKNOWN_DEADLINE_MINUTES": "0.5",
    "BREAKER_REST_SECONDS": "2",
    "BREAKER_LONGEST_REST_SECONDS": "6",
    "PACE_RECOVERY_SECONDS": "10",
    "FOLLOW_UP_SECRET": SECRET,
    "TIMEZONE": ZONE.key,
    "LOG_FORMAT": "json",
}
"""Everything that takes minutes takes seconds; what is left out is as in production."""
SERVERS = ("redis", "mongo", "retell")
READY_WORDS = {
    **dict.fromkeys(SERVERS, b""),  # their ports tell
    **dict.fromkeys(BEATS, b"beat: Starting"),
    "web": b"startup complete",
}
"""What a process says once it is at work; a Celery worker says ` ready.`"""
START_SECONDS = 60.0
COMMAND_SECONDS = 60.0


class FailingReceiver(Receiver):
    """A customer's receiver that fails by the seed: refuses, breaks off before or after it has taken a follow-up.

    A second try is always answered, so that a run comes to its end.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._seed = seed
        self.is_failing = True

    def decide(self, key: str, body: bytes) -> int:
        drawn = random.Random(f"{self._seed}|{key}").random()
        if not self.is_failing or self.tries[key] > 1 or drawn > 0.3:
            return self.take(key, body)
        if drawn > 0.2:
            return 503
        if drawn > 0.1:
            self.take(key, body)
        return BROKEN_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What runs. `processes` are the struck ones by name; `retell` stands among them and is only ever paused."""

    folder: Path
    environ: dict[str, str]
    processes: dict[str, Process]
    proxy: Proxy
    receiver: FailingReceiver
    mongo_uri: str

    def is_up(self, name: str) -> bool:
        """Whether a server takes connections."""
        port = {"redis": "REDIS_PORT", "mongo": "MONGO_PORT", "retell": "RETELL_PORT"}[name]
        return _listens(int(self.environ[f"CHAOS_{port}"]))

    def wipe(self, server: str) -> None:
        """Removes everything that `redis` or `mongo` has written; it must not run."""
        shutil.rmtree(self.folder / server)
        (self.folder / server).mkdir()

    def fill_redis(self, *, is_full: bool) -> None:
        """Lets Redis refuse every write for want of memory, or take them again."""
        with redis.Redis.from_url(self.environ["REDIS_URL"], socket_timeout=10) as client:
            client.config_set("maxmemory", 1 if is_full else 0)

    def command(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Runs `speechai ARGS` as the operator does, once."""
        return subprocess.run(
            [sys.executable, "-m", "speechai", *args],
            env=self.environ,
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def ask_simulator(self, what: str, body: Any = None) -> Any:
        """A request to the simulator's own endpoints: `journal?limit=0`, `faults`."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.environ['RETELL_BASE_URL']}/simulator/{what}", data=data)
        with urlopen(request, timeout=20) as response:
            return json.load(response)


@contextmanager
def running_site(folder: Path, seed: int, *, stuck: bool) -> Iterator[Site]:
    """A site with servers, provider and receiver; the Procfile's processes are made and not yet started."""
    ports = {name: quiet_port() for name in (*SERVERS, "web", "metrics")}
    for name in ("redis", "mongo", "logs"):
        (folder / name).mkdir(parents=True)
    (folder / "scenario.json").write_text(json.dumps(scenario_of(seed, stuck=stuck), indent=1))
    with ExitStack() as running:
        proxy = running.enter_context(running_proxy(ports["mongo"]))
        receiver = FailingReceiver(seed)
        running.enter_context(running_receiver(receiver))
        environ = _environ(folder, ports, proxy, receiver)
        processes = {
            name: Process(
                name,
                command,
                environ=environ,
                log=folder / "logs" / f"{name}.log",
                cwd=ROOT,
                ready_words=READY_WORDS.get(name, b" ready."),
            )
            for name, command in _commands(folder, ports, environ).items()
        }
        for process in processes.values():
            running.callback(process.kill)
        site = Site(
            folder=folder,
            environ=environ,
            processes=processes,
            proxy=proxy,
            receiver=receiver,
            mongo_uri=f"mongodb://127.0.0.1:{ports['mongo']}/?retryWrites=false&directConnection=true",
        )
        for name in SERVERS:
            processes[name].start()
        wait_until(lambda: all(map(site.is_up, SERVERS)), "the servers to answer")
        yield site
        crew = [process for name, process in processes.items() if name not in SERVERS]
        stop_all(crew)


def wait_until(done: Callable[[], bool], what: str, *, seconds: float = START_SECONDS) -> None:
    """Raises TimeoutError where it is not so within `seconds`."""
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _environ(folder: Path, ports: dict[str, int], proxy: Proxy, receiver: Receiver) -> dict[str, str]:
    # Neither the settings of this shell nor a tracer of a measured test run.
    own = {name: value for name, value in os.environ.items() if name in ("HOME", "LANG", "TMPDIR", "TZ")}
    return {
        **own,
        **SETTINGS,
        **{f"CHAOS_{name.upper()}_PORT": str(port) for name, port in ports.items()},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": str(folder),
        "MONGO_URI": f"mongodb://127.0.0.1:{proxy.port}/?retryWrites=false&directConnection=true",
        "MONGO_DB": DATABASE,
        "REDIS_URL": f"redis://127.0.0.1:{ports['redis']}/0",
        "RETELL_BASE_URL": f"http://127.0.0.1:{ports['retell']}",
        "WEB_PORT": str(ports["web"]),
        "WEBHOOK_URL": f"http://127.0.0.1:{ports['web']}/webhooks/retell",
        "METRICS_PORT": str(ports["metrics"]),
        "FOLLOW_UP_URL": receiver.url,
    }


def _commands(folder: Path, ports: dict[str, int], environ: dict[str, str]) -> dict[str, list[str]]:
    simulator = ["simulator", "--port", str(ports["retell"]), "--script", str(folder / "scenario.json")]
    commands = {
        "redis": redis_command(folder / "redis", ports["redis"]),
        "mongo": mongo_command(folder / "mongo", ports["mongo"]),
        "retell": [sys.executable, "-m", "speechai", *simulator, "--journal", str(folder / "journal.jsonl")],
    }
    procfile = parse_procfile((ROOT / "Procfile").read_text()).processes
    lines = {name: line for name, line in procfile.items() if name != "flower"}
    lines["beat-2"] = lines["beat"].replace("beat-schedule", "beat-schedule-2")
    return {**commands, **{name: ["/bin/sh", "-c", f"exec {line}"] for name, line in lines.items()}}
