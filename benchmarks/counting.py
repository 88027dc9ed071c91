"""The commands that MongoDB is sent, counted by the function of the store that sent them.

Enters a listener given to a client; leaves how many commands of which kind and how long their answers took. For
`calls`, `safety` and `sweep`; pymongo tells a listener in the thread that asks, so the stack says who asked.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace
from types import FrameType
from typing import Any

from pymongo import MongoClient, monitoring

from config.settings import Settings
from speechai.operation.context import Context, open_context
from speechai.store.connection import Document, open_store

WRITES = frozenset({"insert", "update", "delete"})
READS = frozenset({"find", "getMore", "aggregate", "count", "distinct"})


class Commands(monitoring.CommandListener):
    """Counts reads and writes under whatever step is named at the time."""

    def __init__(self) -> None:
        self.step = ""
        self.writes, self.reads = Counter[str](), Counter[str]()
        """By step."""
        self.askers = Counter[tuple[str, str, str]]()
        """(step, `module.function` of the store, the command) -> how often."""
        self.waited_ms = Counter[tuple[str, str, str]]()
        """The same -> how long the answers took."""
        self._asked: dict[int, tuple[str, str, str]] = {}

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        name = event.command_name
        if name in WRITES:
            self.writes[self.step] += 1
        elif name in READS:
            self.reads[self.step] += 1
        else:
            return
        self._asked[event.request_id] = asker = (self.step, _store_function(sys._getframe()), name)
        self.askers[asker] += 1

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self._answered(event)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        self._answered(event)

    def _answered(self, event: monitoring.CommandSucceededEvent | monitoring.CommandFailedEvent) -> None:
        asker = self._asked.pop(event.request_id, None)
        if asker is not None:
            self.waited_ms[asker] += event.duration_micros / 1000  # type: ignore[assignment]

    def clear(self) -> None:
        """Forgets what was counted."""
        for counts in (self.writes, self.reads, self.askers, self.waited_ms):
            counts.clear()


def counted_context(settings: Settings) -> tuple[Context, Commands]:
    """A context of this process whose commands are counted."""
    commands = Commands()
    client: MongoClient[Document] = MongoClient(settings.mongo_uri, event_listeners=[commands], tz_aware=True)
    return replace(open_context(settings), store=open_store(client, settings)), commands


def _store_function(frame: FrameType | None) -> str:
    """`module.function` of the public function of the store nearest to the command; its caller where there is none."""
    while frame is not None:
        module: Any = frame.f_globals.get("__name__", "")
        if module.startswith("speechai.store.") and not frame.f_code.co_name.startswith(("_", "<")):
            return f"{module.rpartition('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "other"
