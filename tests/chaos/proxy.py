"""A TCP proxy in front of MongoDB that cuts a connection in the middle of a write.

Enters the port of the server; leaves a port to connect to. After `cut_next` the next write of any process breaks its
connection: before the write reaches the server, or after it was done and before its answer comes back, so that the
writer cannot know. `delay_seconds` holds up every answer. Everything else passes unchanged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from .schedule import Moment

WRITES = tuple(b"\x02" + name + b"\x00" for name in (b"insert", b"update", b"delete"))
"""How a message of a write begins: the first field of its document, after at most 26 bytes of header."""
HEAD = 64


class Proxy:
    """Forwards every connection, in a thread of its own; other threads ask it for cuts."""

    def __init__(self, upstream_port: int) -> None:
        self.port = 0
        self.delay_seconds = 0.0
        self.opened = Event()
        self._upstream_port = upstream_port
        self._wanted: Moment | None = None
        self._cut = Event()
        self._serving: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop
        self._stopped: asyncio.Event

    def cut_next(self, moment: Moment) -> None:
        """The connection of the next write breaks."""
        self._cut.clear()
        self._wanted = moment

    def has_cut(self) -> bool:
        """Whether the cut that was asked for last has happened."""
        return self._cut.is_set()

    def at_full_speed(self) -> None:
        """Answers are held up no longer."""
        self.delay_seconds = 0.0

    def run(self) -> None:
        """The work of the thread, until `stop`."""
        asyncio.run(self._run())

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _run(self) -> None:
        self._loop, self._stopped = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.opened.set()
        await self._stopped.wait()
        server.close()
        await asyncio.gather(*self._serving)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._upstream_port)
            try:
                await self._forward(client, to_client, server, to_server)
            finally:
                to_server.transport.abort()
        except OSError:
            pass  # the server is away, or one of the two ends has gone
        finally:
            to_client.transport.abort()
            self._serving.discard(task)

    async def _forward(
        self,
        client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        """Both ways, until one end is gone or the connection is cut."""
        answer_is_cut = False

        async def there() -> None:
            nonlocal answer_is_cut
            while chunk := await client.read(65_536):
                if self._wanted is not None and any(write in chunk[:HEAD] for write in WRITES):
                    moment, self._wanted = self._wanted, None
                    if moment is Moment.BEFORE:
                        self._cut.set()
                        return
                    answer_is_cut = True
                to_server.write(chunk)
                await to_server.drain()

        async def back() -> None:
            while chunk := await server.read(65_536):
                if answer_is_cut:
                    return
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                to_client.write(chunk)
                await to_client.drain()

        ways = [asyncio.ensure_future(way) for way in (there(), back(), self._stopped.wait())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        if answer_is_cut:  # by this proxy, or the server died before it answered: the writer knows as little
            self._cut.set()
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


@contextmanager
def running_proxy(upstream_port: int) -> Iterator[Proxy]:
    """A proxy that runs for the length of a `with` block; its server may come and go meanwhile."""
    proxy = Proxy(upstream_port)
    thread = Thread(target=proxy.run, daemon=True)
    thread.start()
    proxy.opened.wait()
    try:
        yield proxy
    finally:
        proxy.stop()
        thread.join()
