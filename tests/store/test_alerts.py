"""Alerts: nothing that was raised is lost, and what is raised all the time is one document that tells its count."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pymongo
import pytest
from pymongo.errors import ServerSelectionTimeoutError
from structlog.testing import capture_logs

from config.settings import Settings
from speechai.errors import NotFound
from speechai.operation.alerts import TOLD_EVERY, acknowledge, open_alerts, raise_alert
from speechai.store.alerts import acknowledge_alert, add_alert, alerts_since, get_alert
from speechai.store.connection import Store, open_store
from tests.store.making import NOW, THREADS, make_context, race

DAY = NOW.date()
ID = f"{DAY}/caller_rested/+56222222222"


def add(store: Store, *, now: datetime = NOW, words: str = "it rests", subject: str = "+56222222222") -> bool:
    return add_alert(store, "caller_rested", subject, words, now=now, told_every=TOLD_EVERY)


def told(store: Store, now: datetime = NOW, words: str = "it rests") -> int:
    """How many lines the log has after one alert was raised at `now`."""
    with capture_logs() as lines:
        raise_alert(make_context(store), "caller_rested", "+56222222222", words, now)
    assert all(line["action"] == "alert" and line["log_level"] == "error" for line in lines)
    return len(lines)


def test_an_alert_raised_by_many_at_once_is_one_document_with_every_one_counted_and_told_once(store: Store) -> None:
    news = race([partial(add, store) for _ in range(THREADS)])
    assert news.count(True) == 1
    [alert] = alerts_since(store, DAY)
    assert (alert.id, alert.count, alert.first_at, alert.last_at) == (ID, THREADS, NOW, NOW)


def test_what_is_raised_a_thousand_times_is_counted_and_told_once_a_minute(store: Store) -> None:
    raised = [NOW + timedelta(seconds=n) for n in range(0, 200, 2)]
    assert sum(told(store, now) for now in raised) == 4
    [alert] = alerts_since(store, DAY)
    assert (alert.count, alert.first_at, alert.last_at) == (100, NOW, raised[-1])


def test_many_processes_tell_what_goes_on_once_a_minute_between_them(store: Store) -> None:
    add(store)
    later = NOW + TOLD_EVERY
    assert race([partial(add, store, now=later) for _ in range(THREADS)]).count(True) == 1
    assert alerts_since(store, DAY)[0].count == 1 + THREADS


def test_the_latest_words_are_kept(store: Store) -> None:
    for words in ("first", "second", "third"):
        add(store, words=words)
    assert alerts_since(store, DAY)[0].words == "third"


def test_each_subject_and_each_utc_day_has_a_document_of_its_own(store: Store) -> None:
    midnight = datetime(2026, 11, 26, tzinfo=UTC)
    add(store, now=midnight - timedelta(milliseconds=1))
    add(store, now=midnight)
    add(store, now=midnight, subject="+56233333333")
    assert [alert.id for alert in alerts_since(store, DAY)] == [
        "2026-11-26/caller_rested/+56233333333",
        "2026-11-26/caller_rested/+56222222222",
        "2026-11-25/caller_rested/+56222222222",
    ]
    assert len(alerts_since(store, date(2026, 11, 26))) == 2


def test_what_was_acknowledged_is_open_and_told_again_when_it_happens_again(store: Store) -> None:
    assert told(store) == 1
    assert acknowledge_alert(store, ID, by="ana", at=NOW + timedelta(seconds=1))
    assert alerts_since(store, DAY) == []
    [seen] = alerts_since(store, DAY, acknowledged=True)
    assert (seen.acknowledged_by, seen.acknowledged_at) == ("ana", NOW + timedelta(seconds=1))
    assert told(store, NOW + timedelta(seconds=2)) == 1
    [alert] = alerts_since(store, DAY)
    assert (alert.count, alert.first_at, alert.acknowledged_at) == (2, NOW, None)


def test_an_alert_is_acknowledged_once(store: Store) -> None:
    add(store)
    done = race([partial(acknowledge_alert, store, ID, by=f"p{n}", at=NOW) for n in range(6)])
    assert done.count(True) == 1
    assert not acknowledge_alert(store, ID, by="late", at=NOW)


def test_raising_and_acknowledging_at_once_loses_neither_the_count_nor_the_alert(store: Store) -> None:
    for n in range(15):
        alert_id = f"{DAY}/caller_rested/s{n}"
        again = partial(add, store, subject=f"s{n}")
        again()
        race([again, partial(acknowledge_alert, store, alert_id, by="p", at=NOW)])
        again()
        alert = get_alert(store, alert_id)
        assert alert is not None
        assert (alert.count, alert.acknowledged_at, alert.acknowledged_by) == (3, None, None)


def test_the_operator_lists_the_last_days_and_is_told_of_an_id_that_is_none(store: Store) -> None:
    context = make_context(store)
    for days in (0, 1, 29, 30):
        add(store, now=NOW - timedelta(days=days))
    assert [alert.first_at for alert in open_alerts(context, days=2)] == [NOW, NOW - timedelta(days=1)]
    assert len(open_alerts(context)) == 3
    assert len(open_alerts(context, days=31)) == 4
    assert acknowledge(context, ID, by="ana")
    assert not acknowledge(context, ID, by="ana")
    assert len(open_alerts(context)) == 2
    assert len(open_alerts(context, acknowledged=True)) == 3
    with pytest.raises(NotFound, match="there is no alert 'x'"):
        acknowledge(context, "x", by="ana")


def test_an_alert_that_cannot_be_kept_is_told_to_the_log_and_the_failure_is_not_hidden() -> None:
    with pymongo.MongoClient("mongodb://127.0.0.1:9", serverSelectionTimeoutMS=50, tz_aware=True) as client:
        context = make_context(open_store(client, Settings()))
        with capture_logs() as lines, pytest.raises(ServerSelectionTimeoutError):
            raise_alert(context, "account_suspended", "main", "no credit", NOW)
    assert [(line["event"], line["kind"], line["subject"]) for line in lines] == [
        ("no credit", "account_suspended", "main")
    ]
