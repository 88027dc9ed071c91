"""When the scans last came to their end, as the truth keeps it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from speechai.store import liveness
from speechai.store.connection import Store
from speechai.store.liveness import Scan

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_nothing_is_known_of_scans_that_never_came_to_an_end(store: Store) -> None:
    assert liveness.last(store) == {}


def test_each_scan_has_its_own_latest_end(store: Store) -> None:
    liveness.note(store, Scan.SWEEP, NOW)
    liveness.note(store, Scan.DISPATCH, NOW + timedelta(seconds=5))
    assert liveness.last(store) == {"last_swept_at": NOW, "last_dispatched_at": NOW + timedelta(seconds=5)}
    liveness.note(store, Scan.SWEEP, NOW + timedelta(seconds=30))
    assert liveness.last(store)["last_swept_at"] == NOW + timedelta(seconds=30)


def test_a_clock_that_was_ahead_is_forgotten_with_the_next_end(store: Store) -> None:
    liveness.note(store, Scan.SWEEP, NOW + timedelta(hours=5))
    liveness.note(store, Scan.SWEEP, NOW)
    assert liveness.last(store)["last_swept_at"] == NOW


def test_first_notes_at_the_same_time_are_all_taken(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: liveness.note(store, list(Scan)[n % 2], NOW), range(16)))
    assert liveness.last(store) == dict.fromkeys(("last_swept_at", "last_dispatched_at"), NOW)
