"""What is known of Retell, changed by many at once: one trial, no signal lost, no start given out past an opening."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pymongo
import pymongo.monitoring
import pytest

from config.settings import Settings
from speechai.catalogue.outcomes import load_outcomes
from speechai.core.provider import BreakerState, Provider, ProviderRules, Rest, Signal, after_signal, closed
from speechai.errors import AccountRefused, NumberRefused, RetellLater, RetellUnknown, SpeechAIError
from speechai.operation import provider as retell
from speechai.operation.alerts import open_alerts
from speechai.operation.context import Context
from speechai.store import capacity
from speechai.store.capacity import Full, Start, get_provider
from speechai.store.connection import Store, open_store
from tests.store.making import NOW, THREADS, make_attempt, make_context, meanwhile, race

RULES = ProviderRules(failures=THREADS)
WAIT = timedelta(seconds=5)
FOREVER = timedelta(hours=1)
DOWN = RetellUnknown("503", status=503)
CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN


def start(store: Store, attempt_id: str = "a", now: datetime = NOW, **options: Any) -> Start | Full | Rest:
    wanted = {"per_second": 1000.0, "longest_wait": WAIT, "rules": RULES, **options}
    return capacity.reserve_start(store, attempt_id, now=now, **wanted)


def know(store: Store, **known: Any) -> Provider:
    """From here on this is known of Retell."""
    capacity.change_provider(store, lambda before: replace(before, **known))
    return get_provider(store)


def open_until(store: Store, until: datetime = NOW) -> Provider:
    return know(store, state=OPEN, rests_until=until, failures=THREADS, openings=1, changed_at=NOW)


def context_of(store: Store, now: datetime = NOW, **settings: Any) -> Context:
    return replace(make_context(store, clock=lambda: now), settings=Settings(**settings))


def race_for_a_start(store: Store, now: datetime, prefix: str) -> list[str]:
    """Those who got one; everybody else was told to wait for the trial."""
    names = [f"{prefix}{n}" for n in range(THREADS)]
    answers = dict(zip(names, race([partial(start, store, name, now) for name in names]), strict=True))
    assert all(answer.is_tried for answer in answers.values() if isinstance(answer, Rest))
    return [name for name, answer in answers.items() if isinstance(answer, Start)]


def test_of_many_workers_one_gets_the_trial_and_another_only_once_its_time_is_over(store: Store) -> None:
    open_until(store, NOW)
    (first,) = race_for_a_start(store, NOW, "a")
    known = get_provider(store)
    assert (known.state, known.trial_id, known.trial_until) == (HALF_OPEN, first, NOW + RULES.trial)
    assert race_for_a_start(store, NOW + RULES.trial - timedelta(seconds=1), "b") == []
    (second,) = race_for_a_start(store, NOW + RULES.trial, "c")
    assert get_provider(store).trial_id == second


def test_before_the_rest_is_over_nobody_starts(store: Store) -> None:
    open_until(store, NOW + timedelta(seconds=1))
    assert race_for_a_start_is_refused(store)
    assert get_provider(store).last_start_at is None


def race_for_a_start_is_refused(store: Store) -> bool:
    answers = race([partial(start, store, f"a{n}") for n in range(THREADS)])
    return answers == [Rest(until=NOW + timedelta(seconds=1), failures=THREADS, is_tried=False)] * THREADS


def test_a_trial_that_was_not_sent_frees_it_and_nobody_elses(store: Store) -> None:
    open_until(store)
    assert isinstance(start(store, "a"), Start)
    capacity.free_trial(store, "b")
    assert get_provider(store).trial_id == "a"
    capacity.free_trial(store, "a")
    assert get_provider(store).state is OPEN
    assert isinstance(start(store, "b"), Start)
    capacity.free_trial(store, "a")
    assert get_provider(store).trial_id == "b"


def test_no_trouble_is_lost_among_many_and_the_last_one_opens_it_with_one_alert(store: Store) -> None:
    context = context_of(store, breaker_failures=THREADS)
    healthy = get_provider(store)
    note = [partial(retell.note_failed_request, context, f"a{n}", DOWN, healthy) for n in range(THREADS)]
    race(note[:-1])
    assert (get_provider(store).state, get_provider(store).failures) == (CLOSED, THREADS - 1)
    assert open_alerts(context) == []
    note[-1]()
    known = get_provider(store)
    assert (known.state, known.openings, known.rests_until) == (OPEN, 1, NOW + timedelta(seconds=30))
    race(note)
    assert get_provider(store) == known
    (alert,) = open_alerts(context)
    assert (alert.kind, alert.count) == ("provider_down", 1)
    assert "503" in alert.words


def test_an_opening_between_a_starts_read_and_its_write_is_seen(store: Store, mongo_uri: str) -> None:
    """The first read finds a closed breaker, and the write that would give the start out meets an open one."""
    get_provider(store)
    assert isinstance(start(store), Start)
    with meanwhile(mongo_uri, store, "update", partial(open_until, store, NOW + timedelta(seconds=30))) as slow:
        answer = start(slow, "b", NOW + timedelta(seconds=1))
    assert answer == Rest(until=NOW + timedelta(seconds=30), failures=THREADS, is_tried=False)
    assert get_provider(store).last_start_at == NOW


def test_a_signal_keeps_a_start_that_is_given_out_while_it_is_noted(store: Store, mongo_uri: str) -> None:
    know(store, failures=1)
    with meanwhile(mongo_uri, store, "update", partial(start, store, "b")) as slow:
        capacity.change_provider(slow, lambda before: replace(before, failures=before.failures + 1))
    known = get_provider(store)
    assert (known.failures, known.last_start_at) == (2, NOW)


def test_a_record_of_the_version_before_the_breaker_is_a_healthy_one(store: Store) -> None:
    store.database["pace"].insert_one({"_id": "retell", "next_start_at": NOW + timedelta(seconds=2)})
    assert get_provider(store) == Provider()
    assert isinstance(start(store), Start)
    assert race_for_a_trouble_each(store) == THREADS


def race_for_a_trouble_each(store: Store) -> int:
    def trouble(provider: Provider) -> Provider:
        return after_signal(provider, Signal.TROUBLE, "a", NOW, replace(RULES, failures=1000))

    race([partial(capacity.change_provider, store, trouble)] * THREADS)
    return get_provider(store).failures


def test_a_lowered_rate_gives_a_time_to_come_back_at_and_recovers_without_a_write(store: Store) -> None:
    know(store, share=0.1, share_at=NOW)
    assert isinstance(start(store, per_second=1), Start)
    answer = start(store, per_second=1)
    assert answer == Full(free_at=NOW + timedelta(seconds=10))
    later = NOW + timedelta(seconds=3)  # by then the rate has grown, and the gap is shorter
    answer = start(store, now=later, per_second=1)
    assert isinstance(answer, Start)
    assert later < answer.at < NOW + timedelta(seconds=10)


class Commands(pymongo.monitoring.CommandListener):
    """What a client asked of the database."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    def started(self, event: pymongo.monitoring.CommandStartedEvent) -> None:
        self.seen[event.command_name] += 1

    def succeeded(self, _event: pymongo.monitoring.CommandSucceededEvent) -> None:
        """Not of interest."""

    def failed(self, _event: pymongo.monitoring.CommandFailedEvent) -> None:
        """Not of interest."""


def test_a_healthy_provider_costs_one_read_and_one_write_a_call(store: Store, mongo_uri: str) -> None:
    start(store)
    commands = Commands()
    client: pymongo.MongoClient[dict[str, Any]]
    with pymongo.MongoClient(mongo_uri, tz_aware=True, event_listeners=[commands]) as client:
        watched = open_store(client, Settings(mongo_uri=mongo_uri, mongo_db=store.database.name))
        watched.ping()
        commands.seen.clear()
        answer = start(watched, now=NOW + timedelta(seconds=1))
        assert isinstance(answer, Start)
        retell.note_accepted_request(context_of(watched), "a", answer.provider)
        for error in (NumberRefused("400"), AccountRefused("402")):
            retell.note_failed_request(context_of(watched), "a", error, answer.provider)
        retell.note_outcome(context_of(watched), make_attempt(), load_outcomes()["user_hangup"], NOW)
        assert commands.seen == {"find": 1, "update": 1}


SIGNALS: list[tuple[SpeechAIError, Signal]] = [
    (NumberRefused("no such number", status=400), Signal.ANSWERED),
    (AccountRefused("no payment", status=402), Signal.ANSWERED),
    (RetellLater("too many", status=429), Signal.SLOW_DOWN),
    (RetellLater("concurrency limit", status=400), Signal.SLOW_DOWN),
    (RetellLater("no connection"), Signal.TROUBLE),
    (RetellUnknown("no answer"), Signal.TROUBLE),
    (RetellUnknown("bad gateway", status=502), Signal.TROUBLE),
    (RetellUnknown("a page of HTML", status=200), Signal.TROUBLE),
    (RetellUnknown("conflict", status=409), Signal.TROUBLE),
]


@pytest.mark.parametrize(("error", "signal"), SIGNALS, ids=[str(error) for error, _ in SIGNALS])
def test_what_a_failed_request_says_of_retell(store: Store, error: Any, signal: Signal) -> None:
    assert retell.signal_of(error) is signal
    know(store, failures=2)
    retell.note_failed_request(context_of(store), "a", error, get_provider(store))
    known = get_provider(store)
    assert known.failures == (3 if signal is Signal.TROUBLE else 0)
    assert (known.share < 1) is (signal is Signal.SLOW_DOWN)


@pytest.mark.parametrize(
    ("reason", "minutes", "share"),
    [("concurrency_limit_reached", 1, 0.5), ("concurrency_limit_reached", 3, 1.0), ("error_retell", 1, 1.0)],
)
def test_a_call_that_was_taken_and_found_no_line_slows_down_unless_it_is_long_ago(
    store: Store, reason: str, minutes: int, share: float
) -> None:
    attempt = make_attempt(placing_at=NOW - timedelta(minutes=minutes))
    retell.note_outcome(context_of(store), attempt, load_outcomes()[reason], NOW)
    assert get_provider(store).share == share


def test_an_operator_ends_the_rest_the_pause_and_the_lowered_rate(store: Store) -> None:
    context = context_of(store)
    assert not retell.close(context, by="ana")
    open_until(store, NOW + FOREVER)
    know(store, held_until=NOW + FOREVER, share=0.1, share_at=NOW)
    assert retell.standing(context, NOW).rests_until == NOW + FOREVER
    assert retell.standing(context, NOW).calls_per_second == pytest.approx(0.1)
    assert retell.close(context, by="ana")
    assert get_provider(store) == Provider(changed_at=NOW, why="closed by ana")
    assert retell.standing(context, NOW).rests_until is None
    assert isinstance(start(store), Start)
    assert not retell.close(context, by="ana")


def test_the_answer_to_a_trial_that_was_given_up_moves_nothing(store: Store) -> None:
    """Its worker stalled beyond its time: another call is the trial, and only that one decides."""
    open_until(store)
    late = start(store, "late")
    assert isinstance(late, Start)
    now = NOW + RULES.trial
    assert isinstance(start(store, "next", now), Start)
    known = get_provider(store)
    retell.note_accepted_request(context_of(store, now), "late", late.provider)
    retell.note_failed_request(context_of(store, now), "late", DOWN, late.provider)
    assert get_provider(store) == known
    retell.note_accepted_request(context_of(store, now), "next", known)
    assert get_provider(store) == closed(known, now, why=None)
