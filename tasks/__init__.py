"""The Celery application and its tasks: `celery -A tasks worker|beat|flower|shell`.

From a Python shell:

    >>> from tasks import enqueue_batch, place_call, poll_call, finish, dispatch_due, open_wave, sweep
    >>> help(place_call)
    >>> place_call.delay("20261122-4f1a9c-8c1b02f64d0a97e3")

Tasks are thin: ids come in, one operation is called, and what it returns is sent on as further messages. MongoDB holds
the truth; any of these messages may come late, twice or never.
"""

from __future__ import annotations

from tasks import observing as observing  # connected to Celery's signals by this
from tasks.app import app
from tasks.batches import enqueue_batch, load_batch
from tasks.calls import ask_cost, deliver_action, finish, place_call, poll_call
from tasks.clockwork import dispatch_due, open_wave, sweep

__all__ = [
    "app",
    "ask_cost",
    "deliver_action",
    "dispatch_due",
    "enqueue_batch",
    "finish",
    "load_batch",
    "open_wave",
    "place_call",
    "poll_call",
    "sweep",
]
