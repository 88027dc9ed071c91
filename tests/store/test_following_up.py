"""Follow-ups over a real socket: at least once, always under the same key, given up after a day (law 8)."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import structlog
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from config.settings import Settings
from speechai.core.model import AttemptState
from speechai.operation.context import Context
from speechai.operation.following_up import TRY_LASTS, delay_before, deliver_action, overdue
from speechai.operation.nudges import DeliverAction, Nudges
from speechai.store import actions
from speechai.store.actions import Action, ActionState
from speechai.store.connection import Store
from tests.store.hook import RESET, SECRET, Hook, hooked
from tests.store.making import NOW, THREADS, make_attempt, make_context, race

ID = "a|payment_link"
PAYLOAD = {"attempt_id": "a", "nombre": "Ana Pérez", "to_number": "+56911111111", "promise": {"amount_minor": 95_000}}
DAY = timedelta(hours=24)
DOCUMENTATION = Path(__file__).parents[2] / "docs" / "follow-ups.md"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def hook() -> Iterator[Hook]:
    with hooked() as hook:
        yield hook


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def context(store: Store, clock: Clock, hook: Hook) -> Context:
    """With one action that waits, noted NOW."""
    note(store)
    return context_for(store, clock, hook.url)


def context_for(store: Store, clock: Clock, url: str | None) -> Context:
    settings = Settings(follow_up_url=url, follow_up_secret=SECRET if url else None)
    return replace(make_context(store, clock), settings=settings)


def note(store: Store, name: str = "payment_link") -> None:
    attempt = make_attempt(call_id="call_1", state=AttemptState.ENDED)
    assert actions.note_actions(store, attempt, [name], PAYLOAD, now=NOW, deliver=True)


class Alerts(list[tuple[str, str, str]]):
    """Alerts as they were raised: kind, subject, words."""

    def __call__(self, context: Context, kind: str, subject: str, words: str, now: datetime) -> None:
        self.append((kind, subject, words))


def deliver(context: Context, number: int = 0, alerts: Alerts | None = None) -> Nudges:
    return deliver_action(context, ID, number, alert=Alerts() if alerts is None else alerts)


def action_of(context: Context) -> Action:
    action = actions.get_action(context.store, ID)
    assert action is not None
    return action


def answers_of(context: Context) -> list[str]:
    document = context.store.actions.find_one({"_id": ID})
    assert document is not None
    return [one["answer"] for one in document["tries"]]


def test_the_receiver_gets_a_signed_message_under_the_actions_key(context: Context, hook: Hook) -> None:
    assert deliver(context) == []
    (got,) = hook.got
    assert got.key == ID
    assert got.content == {**PAYLOAD, "id": ID, "action": "payment_link"}
    assert got.headers["Content-Type"] == "application/json; charset=utf-8"
    assert got.is_signed()
    assert not got.is_signed("another secret")
    assert got.headers["X-SpeechAI-Signature"].startswith(f"t={int(NOW.timestamp())},v1=")


def test_the_check_that_the_documentation_gives_accepts_it_and_nothing_else(context: Context, hook: Hook) -> None:
    deliver(context)
    (got,) = hook.got
    header, given = got.headers["X-SpeechAI-Signature"], dict[str, Any]()
    exec(DOCUMENTATION.read_text("utf-8").split("```python")[1].split("```")[0], given)
    is_ours = given["is_ours"]
    with time_machine.travel(NOW + timedelta(minutes=4)):
        assert is_ours(header, got.body, SECRET)
        assert not is_ours(header, got.body + b" ", SECRET)
        assert not is_ours(header, got.body, "another secret")
    with time_machine.travel(NOW + timedelta(minutes=6)):
        assert not is_ours(header, got.body, SECRET)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        *((status, ActionState.DELIVERED) for status in (200, 201, 204, 299)),
        *((status, ActionState.WAITING) for status in (301, 307, 400, 401, 404, 408, 409, 422, 429, 500, 503, RESET)),
        (410, ActionState.DEAD),
    ],
)
def test_each_answer_delivers_ends_or_asks_for_another_try(
    context: Context, hook: Hook, status: int, state: ActionState
) -> None:
    hook.statuses = [status]
    hook.headers = {"Location": hook.url}
    alerts = Alerts()
    nudges = deliver(context, alerts=alerts)
    assert action_of(context).state is state
    assert len(hook.got) == 1  # a redirect is not followed, and nothing is repeated by a library
    assert len(answers_of(context)) == 1
    assert bool(nudges) is (state is ActionState.WAITING)
    assert [kind for kind, _, _ in alerts] == (["follow_up_dead"] if state is ActionState.DEAD else [])


def test_a_receiver_that_is_away_is_tried_again_and_named_nowhere(store: Store, clock: Clock) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        context = context_for(store, clock, f"http://127.0.0.1:{unused.getsockname()[1]}/hook?token=sesame")
        note(store)
        assert deliver(context)
    assert answers_of(context) == ["no answer (ConnectionError)"]


def test_an_answer_that_is_not_http_is_none(store: Store, clock: Clock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def babble() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\x00\x01 nonsense\r\n\r\n")

        thread = threading.Thread(target=babble, daemon=True)
        thread.start()
        context = context_for(store, clock, f"http://127.0.0.1:{server.getsockname()[1]}/")
        note(store)
        assert deliver(context)
        thread.join(10)
    assert answers_of(context) == ["no answer (ConnectionError)"]


def test_a_message_delivered_twice_delivers_once(context: Context, hook: Hook) -> None:
    nudges = race([partial(deliver, context)] * THREADS)
    assert (len(hook.got), nudges) == (1, [[]] * THREADS)
    assert deliver(context, 1) == []
    assert len(hook.got) == 1


def test_a_message_with_another_number_does_nothing(context: Context, hook: Hook) -> None:
    assert deliver(context, 1) == []
    assert hook.got == []
    assert action_of(context).number == 0


def test_an_unknown_action_does_nothing(context: Context, hook: Hook) -> None:
    assert deliver_action(context, "nothing", 0) == []
    assert hook.got == []


def test_a_short_wait_is_a_countdown_and_a_long_one_a_time_in_the_database(
    context: Context, hook: Hook, clock: Clock
) -> None:
    hook.statuses = [500]
    waits = []
    for number in range(4):
        nudges = deliver(context, number)
        due_at = action_of(context).next_try_at
        assert due_at is not None
        wait = (due_at - clock.now).total_seconds()
        assert [(type(nudge), nudge.number) for nudge in nudges if isinstance(nudge, DeliverAction)] == (
            [(DeliverAction, number + 1)] if wait <= 60 else []
        )
        waits.append(wait)
        clock.now = due_at
    assert [15 <= waits[0] <= 18, 30 <= waits[1] <= 36, 60 <= waits[2] <= 72, 120 <= waits[3] <= 144] == [True] * 4


def test_what_a_receiver_never_takes_is_tried_for_a_day_and_given_up_with_one_alert(
    context: Context, hook: Hook, clock: Clock
) -> None:
    hook.statuses = [503]
    alerts, tried_at = Alerts(), []
    while action_of(context).state is ActionState.WAITING:
        tried_at.append(clock.now - NOW)
        number = action_of(context).number
        assert number < 60
        deliver(context, number, alerts)
        clock.now = action_of(context).next_try_at or clock.now
    assert tried_at[-1] == DAY
    waits = [after - before for before, after in pairwise(tried_at)]
    assert all(wait <= timedelta(hours=1.2) for wait in waits)
    assert all(later > earlier for earlier, later in pairwise(waits[:9]))
    assert 25 <= len(tried_at) == len(hook.got) <= 40
    assert {(got.key, got.body) for got in hook.got} == {(ID, hook.got[0].body)}
    assert all(got.is_signed() for got in hook.got)
    (kind, subject, words), *more = alerts
    assert (kind, subject, more) == ("follow_up_dead", "main", [])
    assert f"given up after {len(tried_at)} tries, the last answer: HTTP 503" in words
    assert deliver(context, action_of(context).number) == []
    assert overdue(context, 10) == []


def test_an_action_that_waited_through_a_day_without_workers_is_tried_all_the_same(
    context: Context, hook: Hook, clock: Clock
) -> None:
    clock.now = NOW + 3 * DAY
    assert overdue(context, 10) == [DeliverAction(ID, 0)]
    deliver(context)
    assert (action_of(context).state, len(hook.got)) == (ActionState.DELIVERED, 1)


@pytest.mark.parametrize(
    ("retry_after", "least"),
    [("600", 600), ("999999", 3600), ("-5", 15), ("0.5", 15), ("Wed, 25 Nov 2026 16:00:00 GMT", 15), ("9" * 40, 15)],
)
def test_the_receivers_wish_to_wait_is_kept_up_to_an_hour(
    context: Context, hook: Hook, clock: Clock, retry_after: str, least: int
) -> None:
    hook.statuses, hook.headers = [429], {"Retry-After": retry_after}
    deliver(context)
    due_at = action_of(context).next_try_at
    assert due_at is not None
    assert least <= (due_at - clock.now).total_seconds() <= max(18, least)


def test_a_worker_killed_between_the_request_and_its_answer_leaves_an_action_that_is_delivered_again(
    context: Context, hook: Hook, clock: Clock, mongo_uri: str
) -> None:
    hook.gate.clear()
    worker = subprocess.Popen(
        [sys.executable, "-c", _WORKER, mongo_uri, context.store.database.name, hook.url, SECRET, ID, NOW.isoformat()]
    )
    try:
        assert hook.arrived.acquire(timeout=60)
    finally:
        worker.kill()
        worker.wait()
    hook.gate.set()
    assert (action_of(context).state, action_of(context).number) == (ActionState.WAITING, 1)
    assert overdue(context, 10) == []  # its try may still run
    clock.now = NOW + TRY_LASTS
    (nudge,) = overdue(context, 10)
    assert nudge == DeliverAction(ID, 1)
    deliver(context, 1)
    assert action_of(context).state is ActionState.DELIVERED
    first, second = hook.got
    assert (first.key, first.body) == (second.key, second.body)


_WORKER = """
import sys
from datetime import datetime
from config.settings import Settings
from speechai.operation.context import Context
from speechai.operation.following_up import deliver_action
from speechai.retell.client import RetellClient
from speechai.store.connection import connect
uri, name, url, secret, action_id, now = sys.argv[1:]
settings = Settings(mongo_uri=uri, mongo_db=name, follow_up_url=url, follow_up_secret=secret)
nowhere = RetellClient(
    base_url="http://127.0.0.1:9", api_key="none", connect_timeout_seconds=1, read_timeout_seconds=1
)
context = Context(
    settings=settings, store=connect(settings), retell=nowhere, clock=lambda: datetime.fromisoformat(now)
)
deliver_action(context, action_id, 0)
"""


def test_a_try_that_outlives_its_time_and_is_answered_late_is_still_a_delivery(context: Context, hook: Hook) -> None:
    hook.statuses = [204, 500]
    hook.gate.clear()
    slow = threading.Thread(target=deliver, args=(context, 0))
    slow.start()
    assert hook.arrived.acquire(timeout=30)
    quick = threading.Thread(target=deliver, args=(context, 1))
    quick.start()
    assert hook.arrived.acquire(timeout=30)
    hook.gate.set()
    slow.join(30)
    quick.join(30)
    assert action_of(context).state is ActionState.DELIVERED
    assert len({(got.key, got.body) for got in hook.got}) == 1


def test_a_lost_message_is_found_once_until_its_time_comes_again(context: Context, clock: Clock) -> None:
    note(context.store, "review")
    found = overdue(context, 10)
    assert sorted(nudge.action_id for nudge in found if isinstance(nudge, DeliverAction)) == [ID, "a|review"]
    assert overdue(context, 10) == []
    clock.now += TRY_LASTS
    assert len(overdue(context, 1)) == 1


def test_without_a_receiver_actions_wait_and_nothing_is_sent(context: Context, hook: Hook, clock: Clock) -> None:
    without = context_for(context.store, clock, None)
    assert overdue(without, 10) == []
    assert deliver(without) == []
    assert hook.got == []
    assert deliver(context) == []
    assert action_of(context).state is ActionState.DELIVERED


@pytest.mark.parametrize("status", [204, 410, 500, RESET])
def test_no_log_holds_a_name_a_phone_or_the_receivers_address(
    context: Context, hook: Hook, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    hook.statuses = [status]
    with structlog.testing.capture_logs() as logs:
        deliver_action(context, ID, 0)
    said = repr(logs) + capsys.readouterr().out
    assert "payment_link" in said
    for secret in ("Ana", "911111111", "token", "127.0.0.1", SECRET):
        assert secret not in said


@given(action_id=st.text(max_size=20), number=st.integers(1, 10_000))
def test_delays_double_up_to_an_hour_and_are_spread_by_a_fifth(action_id: str, number: int) -> None:
    seconds = delay_before(action_id, number).total_seconds()
    doubled = min(15 * 2 ** (number - 1), 3600)
    assert doubled <= seconds <= doubled * 1.2
    assert delay_before(action_id, number).total_seconds() == seconds


def test_actions_that_failed_together_do_not_come_back_together() -> None:
    delays: set[Any] = {delay_before(f"a{number}|payment_link", 9) for number in range(100)}
    assert len(delays) > 90
