"""The simulator as a running HTTP server: in a thread for tests, or for ever for the command.

Enters a SimulatorConfig; leaves `base_url`, to be used as RETELL_BASE_URL. One event loop in one thread owns all state.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets

from speechai.errors import Unavailable
from speechai.retell.simulator import control
from speechai.retell.simulator.agenda import Agenda
from speechai.retell.simulator.clock import SimulatorClock
from speechai.retell.simulator.config import (
    DEFAULT_AGENT_ID,
    DEFAULT_API_KEY,
    DEFAULT_FROM_NUMBER,
    Agent,
    PhoneNumber,
    SimulatorConfig,
)
from speechai.retell.simulator.dispatch import Incoming, answer
from speechai.retell.simulator.exchange import Exchange
from speechai.retell.simulator.faults import Fault, FaultRules
from speechai.retell.simulator.journal import Journal
from speechai.retell.simulator.scenario import config_from_file
from speechai.retell.simulator.webhooks import Postman
from speechai.retell.simulator.wire import send

_T = TypeVar("_T")
_START_SECONDS = 10.0


class Simulator:
    """One simulator in a thread of its own. All methods may be called from any thread."""

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        self.config = config or SimulatorConfig()
        self.base_url = ""
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._exchange: Exchange | None = None
        self._failure: BaseException | None = None

    def start(self) -> Simulator:
        """Bind and serve; returns once requests are answered.

        Raises:
            Unavailable: the address cannot be bound.
            ConfigurationError: the clock, the script or the journal file is wrong.
        """
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="retell-simulator", daemon=True)
        self._thread.start()
        if not ready.wait(_START_SECONDS):
            raise Unavailable(f"the simulator did not start within {_START_SECONDS:g} seconds")
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self

    def stop(self) -> None:
        """Close the server and wait for its thread; a second call does nothing."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_START_SECONDS)
        self._thread = None

    def advance(self, milliseconds: int) -> int:
        """Move the clock ahead and run what became due; returns the simulated instant in ms."""

        def move(exchange: Exchange) -> int:
            now_ms = exchange.clock.advance(milliseconds)
            exchange.agenda.run_due()
            return now_ms

        return self._in_loop(move)

    def now_ms(self) -> int:
        return self._in_loop(lambda exchange: exchange.clock.now_ms())

    def journal(self, *, number: str | None = None) -> dict[str, Any]:
        """The same as GET /simulator/journal."""
        return self._in_loop(lambda exchange: control.journal_page(exchange, number=number))

    def webhooks_under_way(self) -> int:
        """Deliveries that are due and have no answer yet."""
        return self._in_loop(lambda exchange: exchange.postman.under_way)

    def set_faults(self, *faults: Fault) -> None:
        """Replace the fault rules in force."""
        self._in_loop(lambda exchange: exchange.faults.set(faults))

    def reset(self) -> None:
        self._in_loop(lambda exchange: exchange.reset())

    def _in_loop(self, work: Callable[[Exchange], _T]) -> _T:
        if self._loop is None or self._exchange is None:
            raise Unavailable("the simulator is not running: call start() first")
        exchange = self._exchange

        async def run() -> _T:
            return work(exchange)

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_START_SECONDS)

    def _run(self, ready: threading.Event) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()

            def on_ready(base_url: str, exchange: Exchange) -> None:
                self.base_url, self._exchange = base_url, exchange
                ready.set()

            await _serve(self.config, self._stop, on_ready)

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that called start()
            self._failure = error
        finally:
            ready.set()


@contextmanager
def running_simulator(config: SimulatorConfig | None = None) -> Iterator[Simulator]:
    """A started simulator for the length of a `with` block."""
    simulator = Simulator(config).start()
    try:
        yield simulator
    finally:
        simulator.stop()


def serve_forever(config: SimulatorConfig, on_ready: Callable[[str], None]) -> None:
    """Serve in this thread until SIGINT or SIGTERM; `on_ready` gets the base URL once requests are answered.

    Raises:
        Unavailable: the address cannot be bound.
    """

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await _serve(config, stop, lambda base_url, _: on_ready(base_url))

    asyncio.run(main())


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 8900,
    clock_factor: float | None = None,
    seed: int | None = None,
    script: Path | None = None,
    journal_file: Path | None = None,
    api_keys: Sequence[str] = (DEFAULT_API_KEY,),
    agent_ids: Iterable[str] = (DEFAULT_AGENT_ID,),
    from_numbers: Iterable[str] = (DEFAULT_FROM_NUMBER,),
    webhook_url: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """What the command does: build the configuration from options and serve until a signal.

    `script` is a scenario file (docs/simulator.md); options that are None keep what it says. The keys, agents and
    caller numbers are added to those of the file, so that the application's own settings are known to the simulator.
    Without `on_ready` the base URL is printed as a line.

    Raises:
        ConfigurationError: the file or an option is wrong.
        Unavailable: the address cannot be bound.
    """
    config = config_from_file(script) if script is not None else SimulatorConfig()
    agents = {agent.agent_id: agent for agent in config.agents}
    for agent_id in agent_ids:
        agents.setdefault(agent_id, Agent(agent_id=agent_id))
    numbers = {number.phone_number: number for number in config.phone_numbers}
    for from_number in from_numbers:
        first_agent = next(iter(agents))
        numbers.setdefault(from_number, PhoneNumber(phone_number=from_number, outbound_agent_ids=(first_agent,)))
    config = replace(
        config,
        host=host,
        port=port,
        clock_factor=config.clock_factor if clock_factor is None else clock_factor,
        seed=config.seed if seed is None else seed,
        journal_file=journal_file or config.journal_file,
        api_keys={**dict.fromkeys(api_keys, "command"), **config.api_keys},
        agents=tuple(agents.values()),
        phone_numbers=tuple(numbers.values()),
        webhook_url=webhook_url or config.webhook_url,
    )
    serve_forever(config, on_ready or partial(print, flush=True))


async def _serve(config: SimulatorConfig, stop: asyncio.Event, on_ready: Callable[[str, Exchange], None]) -> None:
    try:
        sockets = bind_sockets(config.port, config.host)
    except OSError as error:
        raise Unavailable(f"the simulator cannot listen on {config.host}:{config.port}: {error.strerror}") from error
    loop = asyncio.get_running_loop()
    base_url = f"http://{config.host}:{sockets[0].getsockname()[1]}"
    clock = SimulatorClock(factor=config.clock_factor, start_at=config.clock_start_at, manual=config.clock_manual)
    agenda = Agenda(clock, loop)
    journal = Journal(config.journal_file)
    faults = FaultRules(config.faults, seed=config.seed)
    postman = Postman(config, clock=clock, agenda=agenda, journal=journal, faults=faults)
    exchange = Exchange(
        config, clock=clock, agenda=agenda, postman=postman, journal=journal, faults=faults, base_url=base_url
    )
    server = HTTPServer(partial(_on_request, exchange, loop))
    server.add_sockets(sockets)
    try:
        on_ready(base_url, exchange)
        await stop.wait()
    finally:
        server.stop()
        agenda.clear()
        await postman.close()
        await server.close_all_connections()
        journal.close()


def _on_request(exchange: Exchange, loop: asyncio.AbstractEventLoop, request: HTTPServerRequest) -> None:
    incoming = Incoming(
        method=request.method or "",
        path=request.path,
        query={name: values[-1].decode(errors="replace") for name, values in request.query_arguments.items()},
        authorization=request.headers.get("Authorization", ""),
        body=request.body,
    )
    given = answer(exchange, incoming)
    delay_ms = given.delay_ms
    if incoming.path.startswith("/simulator/"):
        delay_ms = 0
    elif not delay_ms and exchange.config.durations.other_answer[1]:
        delay_ms = exchange.chance.randint(*exchange.config.durations.other_answer)
    if delay_ms:
        loop.call_later(exchange.clock.real_seconds(delay_ms), send, request, given)
    else:
        send(request, given)
