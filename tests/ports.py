"""Ports for processes that a test starts, and starts again on the same one."""

from __future__ import annotations

import random
import socket

BELOW_THE_GIVEN_AWAY = range(20_000, 32_000)
"""The system gives ports from 32768 on (49152 on macOS) to whoever asks for any: one of those may be taken by another
test between the choice and the start, or while a server is down."""


def quiet_port() -> int:
    """A port on which nobody listens, and that nobody gets by chance."""
    chance = random.SystemRandom()
    while True:
        port = chance.choice(BELOW_THE_GIVEN_AWAY)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
