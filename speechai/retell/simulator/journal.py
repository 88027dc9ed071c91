"""What really happened: every accepted call, and how often each endpoint was asked.

This is the oracle for "nobody was called twice". Enters each accepted or stopped call from the exchange; leaves
`GET /simulator/journal` and, where a file is named, one JSON line for each event as it happens. Nothing here is
deleted by delete-call.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from speechai.errors import ConfigurationError
from speechai.retell.simulator.calls import CallRecord
from speechai.retell.simulator.clock import real_now_ms


class Journal:
    """The accepted calls in order, their counts by number, the requests by endpoint and the answers by status.

    Raises:
        ConfigurationError: the file cannot be opened for appending.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._file: TextIOWrapper | None = None
        if path is not None:
            try:
                self._file = path.open("a", encoding="utf-8", buffering=1)
            except OSError as error:
                raise ConfigurationError(f"journal file {path}: cannot be written ({error.strerror})") from error
        self.clear()

    def clear(self) -> None:
        self.records: list[CallRecord] = []
        self.accepted: Counter[str] = Counter()
        self.dialled: Counter[str] = Counter()
        self.requests: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        self.webhooks: Counter[str] = Counter()

    def note_accepted(self, record: CallRecord) -> None:
        self.records.append(record)
        self.accepted[record.to_number] += 1
        if record.dialled:
            self.dialled[record.to_number] += 1
        self._write("accepted", record)

    def note_stopped(self, record: CallRecord) -> None:
        self._write("stopped", record)

    def note_request(self, endpoint: str) -> None:
        self.requests[endpoint] += 1

    def note_answer(self, endpoint: str, what: int | str) -> None:
        """An answer's status, or the word for what took its place (`reset`, `hang`)."""
        self.answers[f"{endpoint} {what}"] += 1

    def page(
        self, *, now_ms: int, number: str | None = None, offset: int = 0, limit: int | None = None
    ) -> dict[str, Any]:
        """The journal as JSON values; `number` narrows the calls, `limit` None is all, 0 only the counts."""
        chosen: Iterable[CallRecord] = self.records
        if number is not None:
            chosen = [record for record in self.records if record.to_number == number]
        page = list(chosen)[offset : None if limit is None else offset + limit]
        return {
            "now_ms": now_ms,
            "calls": [entry(record) for record in page],
            "total_calls": len(self.records),
            "by_number": dict(self.accepted),
            "dialled_by_number": dict(self.dialled),
            "requests": dict(self.requests),
            "answers": dict(self.answers),
            "webhooks": dict(self.webhooks),
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, event: str, record: CallRecord) -> None:
        if self._file is not None:
            line = {"event": event, "real_ms": real_now_ms(), **entry(record)}
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def entry(record: CallRecord) -> dict[str, Any]:
    """One journal entry; the instants are simulated milliseconds but `real_accepted_ms`.

    `live_from_ms` to `live_until_ms` is the time in which the call held a line (None is for ever); the end is planned
    at acceptance and only stop-call moves it. `dialled` is False for a call that was refused in place of a 429.
    """
    line = record.timeline
    return {
        "call_id": record.call_id,
        "sequence": record.sequence,
        "to_number": record.to_number,
        "from_number": record.from_number,
        "attempt": record.attempt,
        "outcome": record.outcome.name,
        "disconnection_reason": line.reason if line.ended_ms is not None else None,
        "dialled": record.dialled,
        "accepted_ms": line.accepted_ms,
        "real_accepted_ms": record.real_accepted_ms,
        "live_from_ms": line.accepted_ms,
        "connected_ms": line.connected_ms,
        "live_until_ms": line.ended_ms,
        "agent_id": record.agent_id,
        "batch_call_id": record.batch_call_id,
        "idempotency_key": record.idempotency_key,
        "metadata": record.detail().get("metadata"),
    }
