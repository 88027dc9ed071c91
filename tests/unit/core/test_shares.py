"""Fair turns: every due job once, nobody starves, and the shares follow the priorities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.model import Batch
from speechai.core.shares import in_turn
from tests.unit.core.making import make_batch

OFFSETS = st.integers(0, 2**40)
PLENTY = 400


def lists(priorities: Mapping[str, int], account: str = "main") -> list[Batch]:
    """One batch for each name, of one account."""
    return [make_batch(id=name, account_id=account, priority=priority) for name, priority in priorities.items()]


def backlog(batches: list[Batch], count: int = PLENTY) -> dict[str, list[str]]:
    """`count` due jobs in each batch, each named after its batch."""
    return {batch.id: [f"{batch.id}|{n:03}" for n in range(count)] for batch in batches}


def turns(batches: list[Batch], count: int, *, offset: int = 0) -> list[str]:
    """The batches that have the first `count` turns, each with plenty to do."""
    return [job.split("|")[0] for job in islice(in_turn(batches, backlog(batches), offset=offset), count)]


@st.composite
def crowds(draw: st.DrawFn) -> tuple[list[Batch], dict[str, list[str]]]:
    """Batches of several accounts with any number of due jobs, some with none, some unknown to the due jobs."""
    shape = draw(st.lists(st.tuples(st.sampled_from("xyz"), st.integers(0, 9), st.integers(0, 12)), max_size=8))
    batches = [make_batch(id=f"b{n}", account_id=a, priority=p) for n, (a, p, _) in enumerate(shape)]
    due = {f"b{n}": [f"b{n}|{k:03}" for k in range(count)] for n, (_, _, count) in enumerate(shape) if count != 7}
    return batches, due


@given(crowds(), OFFSETS)
def test_every_due_job_comes_once_and_each_list_keeps_its_order(
    crowd: tuple[list[Batch], dict[str, list[str]]], offset: int
) -> None:
    batches, due = crowd
    order = list(in_turn(batches, due, offset=offset))
    assert sorted(order) == sorted(job for jobs in due.values() for job in jobs)
    for batch_id, jobs in due.items():
        assert [job for job in order if job.startswith(f"{batch_id}|")] == jobs


@given(st.lists(st.integers(1, 9), min_size=1, max_size=7), OFFSETS, st.integers(0, 60))
def test_while_all_lists_have_work_each_period_gives_each_exactly_its_priority(
    priorities: list[int], offset: int, after: int
) -> None:
    weights = {f"b{n}": priority for n, priority in enumerate(priorities)}
    period = sum(priorities)
    window = turns(lists(weights), after + period, offset=offset)[after:]
    assert Counter(window) == weights


@given(st.lists(st.integers(1, 9), min_size=2, max_size=7), OFFSETS)
def test_turns_are_spread_over_the_period_and_not_given_in_blocks(priorities: list[int], offset: int) -> None:
    """No list is more than the number of lists ahead or behind its exact share, at any moment."""
    weights = {f"b{n}": priority for n, priority in enumerate(priorities)}
    total, had = sum(priorities), Counter[str]()
    for turn, batch_id in enumerate(turns(lists(weights), 3 * total, offset=offset), start=1):
        had[batch_id] += 1
        for name, weight in weights.items():
            assert abs(had[name] - turn * weight / total) <= len(weights)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), OFFSETS)
def test_nobody_starves(priorities: list[int], offset: int) -> None:
    """Between two turns of a list there are fewer than a period: the longest wait is known beforehand."""
    weights = {f"b{n}": priority for n, priority in enumerate(priorities)}
    total = sum(priorities)
    order = turns(lists(weights), 4 * total, offset=offset)
    for name, weight in weights.items():
        at = [-1, *(turn for turn, batch_id in enumerate(order) if batch_id == name)]
        assert max(later - earlier for earlier, later in pairwise(at)) <= total - weight + 1


@pytest.mark.parametrize("room", [1, 2, 3, 5])
def test_looks_that_take_only_a_few_jobs_share_as_the_priorities_say(room: int) -> None:
    """The dispatcher takes as many as lines are free, then begins anew: over all starts the shares are exact."""
    weights = {"large": 9, "middle": 4, "small": 1}
    starts = sum(weights.values())
    had = Counter[str]()
    for offset in range(starts):
        had.update(turns(lists(weights), room, offset=offset))
    assert had == {name: weight * room for name, weight in weights.items()}


def test_looks_that_take_one_job_serve_every_account_and_every_list_alike() -> None:
    crowd = [*lists({"a1": 1, "a2": 3}, "a"), *lists({"b1": 5}, "b")]
    had = Counter(turns(crowd, 1, offset=offset)[0] for offset in range(2 * 4))
    assert had == {"a1": 1, "a2": 3, "b1": 4}


@given(st.integers(1, 9), st.integers(1, 5), OFFSETS)
def test_accounts_come_in_turn_however_many_lists_or_priorities_they_have(
    priority: int, many: int, offset: int
) -> None:
    crowd = [*lists({f"a{n}": priority for n in range(many)}, "a"), *lists({"b": 1}, "b")]
    owners = [batch_id[0] for batch_id in turns(crowd, 40, offset=offset)]
    assert all(left != right for left, right in pairwise(owners))


def test_a_list_of_thousands_does_not_hold_up_a_small_one_beside_it() -> None:
    crowd = lists({"large": 5, "small": 5})
    due = {"large": [f"large|{n}" for n in range(5_000)], "small": ["small|0", "small|1"]}
    first = list(islice(in_turn(crowd, due), 4))
    assert sum(job.startswith("small") for job in first) == 2


def test_a_priority_of_nine_has_nine_turns_for_one_and_the_one_is_not_last() -> None:
    order = turns(lists({"urgent": 9, "other": 1}), 10)
    assert order.count("other") == 1
    assert order[-1] == "urgent"


def test_without_due_jobs_there_are_no_turns() -> None:
    assert list(in_turn([], {}, offset=7)) == []
    assert list(in_turn(lists({"b": 5}), {"b": []}, offset=7)) == []
    assert list(in_turn(lists({"b": 5}), {}, offset=7)) == []


def test_the_rotation_starts_with_the_first_account_where_nothing_is_said() -> None:
    crowd = lists({"b": 5}, account="x") + lists({"c": 5}, account="y")
    assert list(islice(in_turn(crowd, backlog(crowd)), 3)) == ["b|000", "c|000", "b|001"]
