"""What a task is about stands in its lines, by the names of its parameters; what nobody has caused is its own cause."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from speechai.logs import begin_work, end_work

ENVIRON = {"REDIS_URL": "redis://127.0.0.1:1/0", "MONGO_URI": "mongodb://127.0.0.1:1"}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    from tasks import app

    return app


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "ids"),
    [
        ("tasks.place_call", ("j1", 3), {}, {"job_id": "j1"}),
        ("tasks.place_call", (), {"job_id": "j1"}, {"job_id": "j1"}),
        ("tasks.poll_call", ("a1", 2), {}, {"attempt_id": "a1"}),
        ("tasks.finish", ["a1"], {}, {"attempt_id": "a1"}),
        ("tasks.ask_cost", ("a1", 0), {}, {"attempt_id": "a1"}),
        ("tasks.load_batch", ("b1",), {}, {"batch_id": "b1"}),
        ("tasks.deliver_action", ("a1|payment_link", 0), {}, {"action_id": "a1|payment_link", "attempt_id": "a1"}),
        ("tasks.enqueue_batch", ("/data/list.csv", "survey"), {"name": "Ana"}, {}),
        ("tasks.sweep", (), {}, {}),
        ("tasks.sweep", ("one too many",), {}, {}),
    ],
)
def test_a_tasks_ids_are_read_from_its_arguments(
    app: Any, task: str, args: Any, kwargs: dict[str, Any], ids: dict[str, str]
) -> None:
    from tasks.observing import ids_of

    assert ids_of(app.tasks[task], args, kwargs) == ids


def published_with(app: Any, headers: dict[str, Any]) -> str:
    """The cause of a message that is about to be sent."""
    from celery.signals import before_task_publish

    from tasks.observing import HEADER

    before_task_publish.send(sender="tasks.sweep", headers=headers)
    cause: str = headers[HEADER]
    return cause


def test_a_message_has_the_cause_of_who_sends_it_and_keeps_its_own_when_sent_again(app: Any) -> None:
    begin_work("cause-of-a-command")
    try:
        headers = {"id": "task-1"}
        assert published_with(app, headers) == "cause-of-a-command"
        begin_work("cause-of-another")
        assert published_with(app, headers) == "cause-of-a-command"
    finally:
        end_work()


def test_what_beat_sends_is_caused_by_itself_each_time(app: Any) -> None:
    end_work()
    assert [published_with(app, {"id": name}) for name in ("task-1", "task-2")] == ["task-1", "task-2"]


def test_each_command_is_a_cause_of_its_own(app: Any) -> None:
    from speechai.cli.session import load

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        load()
        first = published_with(app, {"id": "task-1"})
        load()
        second = published_with(app, {"id": "task-2"})
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        end_work()
    assert len({first, second, "task-1", "task-2"}) == 4
