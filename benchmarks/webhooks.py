"""How soon a signed webhook is answered under load, beside a route of the same service that asks nobody.

A thousand events of as many live calls, each with a transcript as Retell sends one, from 20 clients that each wait for
an answer before they send the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

import redis
import requests

from benchmarks.harness import cpu_seconds, servers
from config.settings import load_settings
from speechai.cli.running import free_port
from speechai.core.model import Attempt, AttemptState
from speechai.retell.signature import SIGNATURE_HEADER, sign
from speechai.store import attempts
from speechai.store.connection import Store, connect
from speechai.store.indexes import create_indexes

EVENTS, CLIENTS = 1_000, 20
KEY = "key_of_the_benchmark"
TRANSCRIPT = "Agent: Buenos días, ¿hablo con Ana Soto?\nUser: Sí, soy yo.\n" * 100
"""About 6 kB: a call of three minutes."""

_local = threading.local()


def main() -> None:
    with servers() as environ:
        environ |= {"RETELL_WEBHOOK_KEYS": KEY, "LOG_LEVEL": "WARNING", "WEB_PORT": str(free_port())}
        store = connect(load_settings(environ))
        create_indexes(store)
        ids = [_live_attempt(store, number) for number in range(EVENTS)]
        url = f"http://127.0.0.1:{environ['WEB_PORT']}"
        with _service(environ, url) as process:
            _report("GET /health", process, lambda _: _session().get(f"{url}/health").status_code, ids)
            _report("POST /webhooks/retell", process, lambda attempt_id: _post(url, attempt_id), ids)
            with redis.Redis.from_url(environ["REDIS_URL"]) as broker:
                print(f"messages in the broker: {broker.llen('poll')}")


def _post(url: str, attempt_id: str) -> int:
    call = {"call_id": f"call_{attempt_id}", "metadata": {"attempt_id": attempt_id}, "transcript": TRANSCRIPT}
    body = json.dumps({"event": "call_ended", "call": call}, ensure_ascii=False).encode()
    header = {SIGNATURE_HEADER: sign(body, key=KEY, timestamp_ms=time.time_ns() // 1_000_000)}
    return _session().post(f"{url}/webhooks/retell", data=body, headers=header).status_code


def _session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    session: requests.Session = _local.session
    return session


def _report(name: str, process: subprocess.Popen[bytes], send: Callable[[str], int], ids: Sequence[str]) -> None:
    def timed(attempt_id: str) -> tuple[float, int]:
        started = time.perf_counter()
        status = send(attempt_id)
        return (time.perf_counter() - started) * 1000, status

    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(timed, ids[:CLIENTS]))  # connections stand, also those to the broker
        began, cpu = time.perf_counter(), cpu_seconds([process.pid])
        results = list(clients.map(timed, ids))
        seconds, cpu = time.perf_counter() - began, cpu_seconds([process.pid]) - cpu
    took = sorted(milliseconds for milliseconds, _ in results)
    statuses = sorted({status for _, status in results})
    print(
        f"{name:22} p50 {took[len(took) // 2]:6.1f} ms, p99 {took[len(took) * 99 // 100]:6.1f} ms, "
        f"longest {took[-1]:6.1f} ms; {len(ids) / seconds:5.0f} a second, "
        f"{cpu / len(ids) * 1000:.2f} ms of processor each; answers {statuses}"
    )


def _live_attempt(store: Store, number: int) -> str:
    now = datetime.now(UTC)
    attempt = Attempt(
        id=f"attempt{number:05}",
        job_id=f"job{number:05}",
        batch_id="batch",
        account_id="main",
        person_id=f"person{number:05}",
        use_case="debt_collection",
        number=1,
        to_number="+56911111111",
        from_number="+56222222222",
        agent_id=None,
        state=AttemptState.PLACING,
        placing_at=now,
        time_zone="America/Santiago",
        next_poll_at=now,
    )
    attempts.record(store, attempt)
    attempts.accept(store, attempt.id, f"call_{attempt.id}", at=now, next_poll_at=now)
    return attempt.id


@contextmanager
def _service(environ: dict[str, str], url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "speechai.web"], env=environ)
    try:
        while True:
            try:
                requests.get(f"{url}/health", timeout=5)
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                break
        yield process
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
