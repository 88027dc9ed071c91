"""The transport, with each exchange timed for the metrics. Used by the client; an exchange is what it was."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

from speechai import metrics
from speechai.retell.transport import Answer, NoAnswer, Transport

_VERSION: Final = re.compile(r"v\d+")


class TimedTransport(Transport):
    """A `Transport` whose exchanges are counted by endpoint and class of answer."""

    def exchange(
        self, method: str, path: str, *, body: Any = None, query: Mapping[str, str] | None = None
    ) -> Answer | NoAnswer:
        """As `Transport.exchange`."""
        begun = time.monotonic()
        outcome = super().exchange(method, path, body=body, query=query)
        metrics.time_request(endpoint_of(path), class_of(outcome), time.monotonic() - begun)
        return outcome


def endpoint_of(path: str) -> str:
    """`get-call` of `/v2/get-call/call_1`: what is asked for, without version and id."""
    return next(part for part in path.split("/") if part and not _VERSION.fullmatch(part))


def class_of(outcome: Answer | NoAnswer) -> str:
    """What an exchange came to in one word: `2xx` to `5xx`, `429`, `none`, or `not_sent`."""
    if isinstance(outcome, NoAnswer):
        return "none" if outcome.sent else "not_sent"
    return "429" if outcome.status == 429 else f"{outcome.status // 100}xx"
