"""Which arm of an A/B test a person is in: the same in every process, on every day and in every list.

Enter the arms, the person and the experiment; leaves one arm. Weighted rendezvous hashing: every arm draws a number
for the person and the highest wins, so an arm that is added takes people from the others and moves nobody between them,
and nothing has to be stored. Called when a call is placed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from hashlib import blake2b

from speechai.core.model import Variant
from speechai.errors import UsageError

_DRAWS = 2**53
"""As many equally likely draws as a float tells apart."""


def variant_of(variants: Sequence[Variant], person_id: str, experiment: str) -> Variant | None:
    """The person's arm, in shares as the weights are to each other; None where no arm has a weight.

    `experiment` keeps tests apart: people who share an arm in one are spread anew in the next. Where the same people
    come in list after list (an account's portfolio, loaded every week), it must outlive the list. Arms are told apart
    by name: another agent or weight under the same name keeps its people, as far as the shares allow.
    """
    open_arms = [variant for variant in variants if variant.weight > 0]
    return max(open_arms, key=lambda variant: _draw(variant, person_id, experiment), default=None)


def check_variants(variants: Sequence[Variant]) -> None:
    """Raises UsageError for a name that is empty or given twice, a negative weight, or arms of which none is open."""
    names = [variant.name for variant in variants]
    if doubled := sorted({name for name in names if names.count(name) > 1 or not name.strip()}):
        raise UsageError(f"the names of variants must differ and not be empty: {', '.join(map(repr, doubled))}")
    for variant in variants:
        if variant.weight < 0:
            raise UsageError(f"variant {variant.name!r}: the weight {variant.weight} is below 0; 0 closes an arm")
    if variants and not any(variant.weight for variant in variants):
        raise UsageError("every variant has the weight 0: at least one must be open")


def _draw(variant: Variant, person_id: str, experiment: str) -> float:
    """-weight / ln(u), u even in (0, 1): of several arms each is the highest in proportion to its weight."""
    # Lengths in front, so that no two triples of texts are one text.
    parts = (experiment, variant.name, person_id)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    number = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()) % _DRAWS
    return -variant.weight / math.log((number + 0.5) / _DRAWS)
