"""The Celery application, the context of its processes, and the way a nudge becomes a message."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import structlog
from celery import Celery
from celery.signals import setup_logging, worker_init
from kombu.exceptions import OperationalError

import config
from config.celery import celery_settings
from config.settings import get_settings
from speechai import metrics
from speechai.errors import SpeechAIError
from speechai.logs import configure_logs
from speechai.operation.context import Context, open_context
from speechai.operation.nudges import AskCost, DeliverAction, DispatchDue, Finish, LoadBatch, Nudge, PlaceCall, PollCall
from speechai.retell.simulator_note import with_simulator
from speechai.store.accounts import ensure_main
from speechai.store.connection import reachable
from speechai.store.indexes import create_indexes

log = structlog.get_logger(__name__)

# Flower reads its options from this file also where it is started by hand: without it the pages would stand open.
os.environ.setdefault("FLOWER_CONF", str(Path(config.__file__).with_name("flower.py")))

if "celery" in Path(sys.argv[0]).parts:
    # Its own command warns and speaks before it asks for our logs below: a collector of JSON could not read that.
    configure_logs(get_settings())

app = Celery("speechai")
app.conf.update(celery_settings(get_settings()))


BROKER_AWAY = (OperationalError, OSError, AttributeError)
"""How Celery says that a message was not taken. kombu's Redis transport raises AttributeError on a connection that was
closed under it."""


def context() -> Context:
    """This process's settings, store and Retell client; made at the first task, so after any fork."""
    return open_context(_nearby(get_settings()))


# A worker or shell started by hand beside `speechai up` calls its simulator; asked once, not at every task.
_nearby = lru_cache(maxsize=1)(with_simulator)


def send(nudges: Iterable[Nudge]) -> None:
    """Publishes what should happen next. A broker that is away loses nothing: the sweep finds every wait again."""
    for nudge in nudges:
        name, args, options = message_of(nudge)
        try:
            app.send_task(name, args=args, **options)
        except BROKER_AWAY as error:
            metrics.count_unsent(name)
            log.warning("a message could not be sent; the sweep will", action="send", task=name, why=str(error))


def message_of(nudge: Nudge) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The task's name, its arguments and the options of its message."""
    match nudge:
        case PlaceCall(job_id, ticket):
            # Once its lease is over the job has another ticket: this message would only be thrown away.
            return "tasks.place_call", (job_id, ticket), {"expires": get_settings().lease_seconds}
        case PollCall(attempt_id, number, after_seconds):
            return "tasks.poll_call", (attempt_id, number), {"countdown": after_seconds or None}
        case Finish(attempt_id):
            return "tasks.finish", (attempt_id,), {}
        case LoadBatch(batch_id):
            return "tasks.load_batch", (batch_id,), {}
        case DeliverAction(action_id, number, after_seconds):
            return "tasks.deliver_action", (action_id, number), {"countdown": after_seconds or None}
        case AskCost(attempt_id, number):
            return "tasks.ask_cost", (attempt_id, number), {}
        case DispatchDue():
            return "tasks.dispatch_due", (), {"expires": 60}


@setup_logging.connect
def _use_our_logs(**_: Any) -> None:
    configure_logs(get_settings())


@worker_init.connect
def _prepare(**_: Any) -> None:
    """A worker starts only with its indexes in place; a database that is away stops it with a readable message.

    Raises SystemExit: Celery swallows every other exception of a signal, and the worker would take messages that it
    can only throw away.
    """
    try:
        with reachable():
            create_indexes(context().store)
            ensure_main(context().store, now=context().clock())
    except SpeechAIError as error:
        print(f"Error: the worker does not start: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
