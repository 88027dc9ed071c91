"""Flower as an operator starts it: never open, with a password that is kept."""

from __future__ import annotations

import os
import runpy
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from config.settings import get_settings

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "config" / "flower.py"


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("FLOWER_BASIC_AUTH", raising=False)
    get_settings.cache_clear()
    yield tmp_path / "data"
    get_settings.cache_clear()


def configured() -> dict[str, Any]:
    return runpy.run_path(str(CONFIGURATION))


def test_a_password_is_made_once_and_readable_by_its_owner_only(data_dir: Path) -> None:
    (first,) = configured()["basic_auth"]
    assert configured()["basic_auth"] == [first]
    user, _, password = first.partition(":")
    assert user == "operator"
    assert len(password) >= 20
    assert (data_dir / "flower-password").read_text().strip() == password
    assert stat.S_IMODE((data_dir / "flower-password").stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir()] == ["flower-password"]


def test_a_given_password_is_used_and_none_is_made(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWER_BASIC_AUTH", "ana:with,comma:and-colon")
    get_settings.cache_clear()
    assert configured()["basic_auth"] == ["ana:with,comma:and-colon"]
    assert not (data_dir / "flower-password").exists()


def test_the_pages_of_a_plainly_started_flower_ask_for_the_password(data_dir: Path, redis_url: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "REDIS_URL": redis_url, "FLOWER_PORT": str(port)}
    environ.pop("FLOWER_CONF", None)
    command = [sys.executable, "-m", "celery", "-A", "tasks", "flower"]
    with subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL) as flower:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_it_listens(port, flower)
            password = (data_dir / "flower-password").read_text().strip()
            for page in ("/", "/tasks", "/workers", "/broker", "/api/tasks", "/api/workers"):
                assert requests.get(address + page, timeout=10).status_code == 401, page
                assert requests.get(address + page, auth=("operator", "guess"), timeout=10).status_code == 401, page
            assert requests.get(f"{address}/tasks", auth=("operator", password), timeout=10).status_code == 200
        finally:
            flower.terminate()
            assert flower.wait(timeout=20) == 0
    assert list(data_dir.glob("flower-tasks*")), "its history is kept in the data folder"


def wait_until_it_listens(port: int, flower: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert flower.poll() is None, "Flower ended"
            assert time.monotonic() < deadline, "Flower does not listen"
            time.sleep(0.1)
        else:
            return
