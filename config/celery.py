"""Celery's settings, each with its reason; measured figures stand in docs/decisions.

Enters `Settings`; leaves the dictionary for `app.conf`. Called by `tasks`, once a process.
"""

from __future__ import annotations

from typing import Any

from kombu.entity import Queue

from config.beat import beat_schedule
from config.settings import Settings, SettingsError

DIAL, POLL, WORK, FILES, FOLLOW = "dial", "poll", "work", "files", "follow"
QUEUES = (DIAL, POLL, WORK, FILES, FOLLOW)
"""dial: place_call. poll: poll_call, finish. work: what beat starts. files: reading workbooks, which takes memory.
follow: the customers' receivers, which may be slow or away without holding up a call."""

ROUTES = {
    "tasks.place_call": DIAL,
    "tasks.poll_call": POLL,
    "tasks.finish": POLL,
    "tasks.ask_cost": POLL,
    "tasks.dispatch_due": WORK,
    "tasks.open_wave": WORK,
    "tasks.sweep": WORK,
    "tasks.load_batch": FILES,
    "tasks.enqueue_batch": FILES,
    "tasks.deliver_action": FOLLOW,
}

VISIBILITY_SECONDS = 180
"""A message held longer than this is delivered again (celery/kombu #337): above every countdown and every run time of
the threads groups. Loads of large files run longer; their lease in the database makes the repeat harmless."""


def celery_settings(settings: Settings) -> dict[str, Any]:
    """What `app.conf` is updated with. Raises SettingsError where there is no broker."""
    if not settings.redis_url:
        raise SettingsError(
            "there is no Redis: set REDIS_URL, or start the embedded servers with `make up` (python -m speechai up)"
        )
    return {
        "broker_url": settings.redis_url,
        # MongoDB is the truth: no result backend to fill, to lose or to disagree with it.
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "enable_utc": True,
        # The zone of beat's crontabs: the waves are meant by the operator's clock. Messages stay UTC.
        "timezone": settings.timezone,
        "task_queues": [Queue(name, routing_key=name) for name in QUEUES],
        "task_default_queue": WORK,
        # A typo in a queue's name fails loudly instead of filling a queue that nobody reads.
        "task_create_missing_queues": False,
        "task_routes": {name: {"queue": queue} for name, queue in ROUTES.items()},
        # A crash brings the message back; the fences in the database absorb the repeat.
        "task_acks_late": True,
        # A task that kills its worker must not come back at once and kill the next; the sweep recovers its work.
        "task_reject_on_worker_lost": False,
        # Fewest messages held, fewest repeated after a crash.
        "worker_prefetch_multiplier": 1,
        # Bounds the memory of countdowns in the poll worker (about 10 KB each).
        "worker_eta_task_limit": 2_000,
        # SIGTERM: calls that are being placed are finished, held countdowns go back to the broker.
        "worker_soft_shutdown_timeout": 20.0,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_SECONDS,
            # Without these a restore of unacknowledged messages takes about 100 s after the timeout.
            "unacked_restore_interval": 15,
            "unacked_restore_throttle": 1,
            # A broker that hangs raises instead of holding the publisher for ever.
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 15,
            # At least one connection a thread, else acknowledgements fail under load.
            "max_connections": max(50, settings.worker_count * 2 + 20),
        },
        "task_publish_retry_policy": {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.4, "interval_max": 1},
        # Flower shows what runs, starts and fails only where workers and senders say so.
        "worker_send_task_events": True,
        "task_send_sent_event": True,
        "worker_hijack_root_logger": False,
        "beat_schedule": beat_schedule(settings),
        # A wave whose minute passed while beat was down fires on return within 15 minutes; the sweep opens later ones.
        "beat_cron_starting_deadline": 900,
        "beat_max_loop_interval": 5,
    }
