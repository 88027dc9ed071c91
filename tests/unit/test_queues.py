"""Every task has a queue and every queue a worker in the Procfile; every beat entry names a task that exists."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from honcho.environ import parse_procfile
from kombu.exceptions import OperationalError

from config.beat import beat_schedule, wave_times
from config.celery import QUEUES, ROUTES, celery_settings
from config.settings import SettingsError, get_settings, load_settings

ROOT = Path(__file__).parents[2]
ENVIRON = {"REDIS_URL": "redis://127.0.0.1:1/0", "MONGO_URI": "mongodb://127.0.0.1:1"}


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch):
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    from tasks import app

    return app


def procfile_queues() -> list[str]:
    lines = parse_procfile((ROOT / "Procfile").read_text()).processes.values()
    return [queue for line in lines for found in re.findall(r"-Q (\S+)", line) for queue in found.split(",")]


def test_every_queue_has_a_worker_in_the_procfile():
    assert sorted(procfile_queues()) == sorted(QUEUES)


def test_every_task_has_a_queue(app):
    ours = {name for name in app.tasks if name.startswith("tasks.")}
    assert ours == set(ROUTES)
    assert set(ROUTES.values()) == set(QUEUES)


def test_beat_starts_only_tasks_that_exist(app):
    schedule = beat_schedule(load_settings(ENVIRON))
    assert {entry["task"] for entry in schedule.values()} <= set(app.tasks)
    assert all(entry["options"]["expires"] > 0 for entry in schedule.values())


def test_beat_opens_the_waves_of_the_user_by_the_clock_of_the_operator():
    settings = load_settings(ENVIRON)
    assert [f"{wave:%H:%M}" for wave in wave_times()] == ["09:00", "12:00", "15:00"]
    assert celery_settings(settings)["timezone"] == settings.timezone == "America/Santiago"


def test_a_queue_that_is_misspelt_fails_loudly(app):
    with pytest.raises(Exception, match="dail"):
        app.amqp.router.route({"queue": "dail"}, "tasks.place_call")


def test_every_task_explains_itself_in_a_shell(app):
    for name in ROUTES:
        assert len((app.tasks[name].__doc__ or "").strip()) > 60, name


def test_without_a_broker_the_message_says_what_to_set():
    with pytest.raises(SettingsError, match="REDIS_URL"):
        celery_settings(load_settings({"DATA_DIR": "/nonexistent"}))


def test_a_worker_that_cannot_work_does_not_start(app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    """Celery swallows what a signal raises: the worker would take messages and throw them away."""
    from celery.signals import worker_init

    monkeypatch.chdir(tmp_path)
    for name in ("RETELL_API_KEY", "RETELL_BASE_URL", "DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    get_settings.cache_clear()
    with pytest.raises(SystemExit) as ended:
        worker_init.send(sender=None)
    get_settings.cache_clear()
    assert ended.value.code == 2
    assert "RETELL_API_KEY" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OperationalError("away"), ConnectionResetError(), AttributeError("'NoneType' ...")])
def test_a_message_that_the_broker_does_not_take_holds_up_no_other(app, monkeypatch, error):
    from speechai.operation.nudges import DispatchDue, Finish
    from tasks.app import send

    asked = []

    def send_task(name: str, **_: object) -> None:
        asked.append(name)
        if name == "tasks.finish":
            raise error

    monkeypatch.setattr(app, "send_task", send_task)
    send([Finish("a1"), DispatchDue()])
    assert asked == ["tasks.finish", "tasks.dispatch_due"]


def test_a_message_that_came_too_late_is_counted_under_its_task(app):
    from celery.worker.request import Request

    from speechai.metrics.events import OWN

    def counted() -> float:
        return OWN.get_sample_value("speechai_messages_expired_total", {"task": "tasks.sweep"}) or 0.0

    before = counted()
    task = app.tasks["tasks.sweep"]
    # As a worker receives it: Celery's own signal decides what it hands over.
    headers = {
        "id": "late",
        "task": task.name,
        "expires": "2026-11-22T00:00:00+00:00",
        "argsrepr": "",
        "kwargsrepr": "",
    }
    message = SimpleNamespace(headers=headers, properties={}, delivery_info={})
    body = ((), {}, {})
    late = Request(message, app=app, task=task, body=body, decoded=True, utc=True, on_ack=lambda *_: None)
    assert late.revoked()
    assert counted() == before + 1
