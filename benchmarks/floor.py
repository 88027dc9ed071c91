"""The floor of the calls benchmark: bare Celery tasks that decide nothing.

They send the same number of messages and HTTP requests and do the same number of bare pymongo writes as the product.

Run as a worker: `celery -A benchmarks.floor worker`. FLOOR_WRITES holds the writes of the three steps, e.g. "7,3,4".
"""

from __future__ import annotations

import os
import threading

import requests
from celery import Celery
from pymongo import MongoClient

from config.celery import celery_settings
from config.settings import get_settings

settings = get_settings()
app = Celery("floor")
app.conf.update(
    celery_settings(settings)
    | {"task_routes": {"floor.place": {"queue": "dial"}, "floor.*": {"queue": "poll"}}, "beat_schedule": {}}
)

PLACE_WRITES, POLL_WRITES, FINISH_WRITES = (int(n) for n in os.environ.get("FLOOR_WRITES", "1,1,1").split(","))
_client: MongoClient[dict[str, object]] = MongoClient(settings.mongo_uri)
_calls = _client[settings.mongo_db]["floor"]
_local = threading.local()


def session() -> requests.Session:
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
        _local.session.headers["Authorization"] = "Bearer key_simulator"
    return _local.session


def write(number: int, times: int) -> None:
    for step in range(times):
        _calls.update_one({"_id": number}, {"$set": {"step": step}, "$inc": {"writes": 1}})


@app.task(name="floor.place")
def place(number: int) -> None:
    _calls.insert_one({"_id": number, "writes": 0})
    write(number, PLACE_WRITES - 1)
    body = {
        "from_number": "+56221234567",
        "to_number": f"+569{80000000 + number}",
        "idempotency_key": f"floor-{number}",
        "metadata": {"attempt_id": f"floor-{number}"},
        "retell_llm_dynamic_variables": {"nombre": "Ana"},
    }
    answer = session().post(f"{settings.retell_base_url}/v2/create-phone-call", json=body, timeout=30).json()
    app.send_task("floor.poll", args=(number, answer["call_id"]), countdown=settings.call_polling_interval)


@app.task(name="floor.poll")
def poll(number: int, call_id: str) -> None:
    session().get(f"{settings.retell_base_url}/v2/get-call/{call_id}", timeout=30).json()
    write(number, POLL_WRITES)
    app.send_task("floor.finish", args=(number,))


@app.task(name="floor.finish")
def finish(number: int) -> None:
    write(number, FINISH_WRITES)
    _calls.update_one({"_id": number}, {"$set": {"done": True}})
