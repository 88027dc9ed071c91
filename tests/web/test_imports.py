"""What a worker and the command load: nothing of the web service."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WEB = {"fastapi", "starlette", "uvicorn", "speechai.web"}


@pytest.mark.parametrize("module", ["tasks", "tasks.publishing", "speechai.cli.running"])
def test_whoever_serves_nothing_does_not_load_the_web_framework(module: str, tmp_path: Path) -> None:
    """A worker's memory has a limit of 100 MiB, and the framework takes 16 of them."""
    code = f"import sys, {module}; print(*sorted({WEB!r} & sys.modules.keys()))"
    environ = {**os.environ, "REDIS_URL": "redis://127.0.0.1:1/0", "MONGO_URI": "mongodb://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_the_service_does_not_start_without_a_key_and_says_which(tmp_path: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "MONGO_URI": "mongodb://127.0.0.1:1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "speechai.web"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "RETELL_WEBHOOK_KEYS" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_service_does_not_start_without_a_broker(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "RETELL_API_KEY": "key_1"}
    done = subprocess.run(
        [sys.executable, "-m", "speechai.web"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "REDIS_URL" in done.stderr
    assert "Traceback" not in done.stderr
