"""Arms of an A/B test: fixed for a person in every process, in the shares of the weights, stable when arms come."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.model import Variant
from speechai.core.variants import check_variants, variant_of
from speechai.errors import UsageError

PEOPLE = [f"CL:{number}" for number in range(10_000_000, 10_010_000)]
A, B, C = (Variant(name=name, agent_id=f"agent_{name}") for name in "abc")

arms = st.lists(
    st.builds(Variant, name=st.text(min_size=1, max_size=5), weight=st.integers(0, 100)),
    max_size=6,
    unique_by=lambda arm: arm.name,
)


def spread(variants: list[Variant], experiment: str = "e") -> dict[str, str]:
    """The name of each person's arm."""
    found = {person: variant_of(variants, person, experiment) for person in PEOPLE}
    return {person: arm.name for person, arm in found.items() if arm is not None}


@pytest.mark.parametrize("variants", [[], [replace(A, weight=0)], [replace(A, weight=0), replace(B, weight=0)]])
def test_without_an_open_arm_nobody_is_in_a_test(variants: list[Variant]) -> None:
    assert variant_of(variants, "p", "e") is None


def test_a_closed_arm_gets_nobody() -> None:
    assert set(spread([replace(A, weight=0), B]).values()) == {"b"}


@given(variants=arms, person=st.text(max_size=20), experiment=st.text(max_size=20), seed=st.randoms())
def test_a_persons_arm_is_one_of_the_open_ones_whatever_their_order(
    variants: list[Variant], person: str, experiment: str, seed: random.Random
) -> None:
    found = variant_of(variants, person, experiment)
    assert (found is None) == (not any(arm.weight for arm in variants))
    assert found is None or (found in variants and found.weight)
    shuffled = list(variants)
    seed.shuffle(shuffled)
    assert variant_of(shuffled, person, experiment) == found


def test_a_person_has_the_same_arm_in_every_process() -> None:
    code = (
        "import json, sys\n"
        "from speechai.core.model import Variant\n"
        "from speechai.core.variants import variant_of\n"
        "arms = [Variant(name=n, weight=w) for n, w in (('a', 3), ('b', 2), ('c', 1))]\n"
        "print(json.dumps([variant_of(arms, f'CL:{i}', 'e').name for i in range(200)]))\n"
    )
    seen = []
    for seed in ("0", "1", "random"):
        # Python's own hash of a text changes with this from process to process.
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
        seen.append(json.loads(done.stdout))
    assert seen[0] == seen[1] == seen[2]
    assert set(seen[0]) == {"a", "b", "c"}


def test_a_persons_arm_is_the_same_in_every_version_of_the_product() -> None:
    """Values of the first version: a test that runs must not change arms with an update."""
    arms = [replace(A, weight=3), replace(B, weight=2), C]
    assert "".join(spread(arms)[person] for person in PEOPLE[:24]) == FIRST_24


FIRST_24 = "aaabcbabaaaaaacacabaaaaa"


@pytest.mark.parametrize("weights", [(1, 1), (90, 10), (1, 2, 3), (50, 30, 20), (1, 1, 0)])
def test_the_shares_follow_the_weights(weights: tuple[int, ...]) -> None:
    variants = [replace(arm, weight=weight) for arm, weight in zip((A, B, C), weights, strict=False)]
    counts = Counter(spread(variants).values())
    for arm in variants:
        share = arm.weight / sum(weights)
        # Four standard deviations of a fair draw: fixed people, so it holds always or never.
        assert abs(counts[arm.name] - share * len(PEOPLE)) <= 4 * (len(PEOPLE) * share * (1 - share)) ** 0.5


def test_an_arm_that_is_added_takes_its_share_and_moves_nobody_else() -> None:
    before, after = spread([A, B]), spread([A, B, C])
    moved = {after[person] for person in PEOPLE if before[person] != after[person]}
    assert moved == {"c"}
    taken = sum(name == "c" for name in after.values())
    assert abs(taken - len(PEOPLE) / 3) < 200
    assert len({before[person] for person in PEOPLE if after[person] == "c"}) == 2


def test_an_arm_that_is_closed_spreads_its_people_and_moves_nobody_else() -> None:
    before, after = spread([A, B, C]), spread([A, B, replace(C, weight=0)])
    assert all(before[person] == after[person] for person in PEOPLE if before[person] != "c")


def test_a_greater_weight_only_draws_people_to_its_arm() -> None:
    before, after = spread([A, B]), spread([A, replace(B, weight=2)])
    assert {after[person] for person in PEOPLE if before[person] != after[person]} == {"b"}


def test_two_tests_at_once_spread_the_people_of_one_arm_evenly_over_the_arms_of_the_other() -> None:
    one, other = spread([A, B], "tone"), spread([A, B], "voice")
    both = Counter((one[person], other[person]) for person in PEOPLE)
    assert len(both) == 4
    assert all(abs(count - len(PEOPLE) / 4) < 200 for count in both.values())


def test_names_and_people_that_read_alike_together_are_told_apart() -> None:
    """ "ab" + "c" is not "a" + "bc": the parts are kept apart in what is hashed."""
    one = [variant_of([A, B], f"1{n}", "e") for n in range(64)]
    other = [variant_of([A, B], str(n), "e1") for n in range(64)]
    assert one != other


def test_a_name_from_a_broken_file_has_an_arm() -> None:
    assert variant_of([A, B], "\ud800", "e") in (A, B)


@pytest.mark.parametrize(
    ("variants", "words"),
    [
        ([A, A], "'a'"),
        ([A, replace(A, weight=5)], "'a'"),
        ([replace(A, name="")], "''"),
        ([replace(A, name=" ")], "' '"),
        ([A, replace(B, weight=-1)], "variant 'b': the weight -1 is below 0"),
        ([replace(A, weight=0)], "at least one must be open"),
    ],
)
def test_arms_that_make_no_test_are_refused(variants: list[Variant], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_variants(variants)


@pytest.mark.parametrize("variants", [[], [A], [A, B], [A, replace(B, weight=0)]])
def test_arms_that_make_a_test_are_accepted(variants: list[Variant]) -> None:
    check_variants(variants)
