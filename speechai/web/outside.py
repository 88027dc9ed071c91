"""What the requests of the web service work with, and the bound on how long they may wait for it.

pymongo and kombu block, so they run in threads of their own. A request waits for them for a known time; a thread that
still waits then comes back by its own, shorter time-outs, so that a database or a broker that hangs costs a bounded
number of threads and no request more than `ANSWER_SECONDS`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from config.settings import Settings
from speechai.errors import Unavailable
from speechai.store.connection import Store
from tasks.publishing import Publisher

ANSWER_SECONDS = 0.85
"""Of the second that is promised: the rest is for the signature, the event loop and the way back."""
STORE_SECONDS = 0.4
"""For all that one request asks of MongoDB."""
BROKER_SECONDS = 0.35
"""For one answer of the broker."""
THREADS = 16
"""A nudge takes a thread for a few milliseconds; while something hangs, others wait behind these and are told so."""

T = TypeVar("T")


class Room:
    """Threads for one kind of work, so that what hangs in one room does not stand in the door of another."""

    def __init__(self, name: str, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises; Unavailable once `ANSWER_SECONDS` are over, and its thread goes on alone."""
        # In the request's context: its correlation id stands in what the thread logs and sends.
        future = asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, work)
        try:
            return await asyncio.wait_for(future, ANSWER_SECONDS)
        except TimeoutError:
            raise Unavailable(f"no answer within {ANSWER_SECONDS:g} s") from None

    def close(self) -> None:
        """Nothing new is begun; what runs ends by its own time-outs."""
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """The outside world of one request. `clock` gives aware UTC."""

    settings: Settings
    store: Store
    publisher: Publisher
    keys: tuple[str, ...]
    """With which a webhook may be signed."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    nudging: Room = field(default_factory=lambda: Room("nudge", THREADS))
    probing: Room = field(default_factory=lambda: Room("probe", 4))

    def close(self) -> None:
        """At the end of the service."""
        self.nudging.close()
        self.probing.close()
        self.publisher.close()


def outside_of(request: Request) -> Outside:
    """What the application was made with."""
    return cast(Outside, request.app.state.outside)


Here = Annotated[Outside, Depends(outside_of)]
"""How a route asks for it."""
