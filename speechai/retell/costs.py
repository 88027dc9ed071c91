"""Retell's `call_cost.product_costs` as integers, at the one edge where its floats come in.

Enters a call's `call_cost` object, leaves what stands on the attempt as `product_costs`. Called by `finish`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speechai.retell.reading import cents_to_micros, object_of, text_of

UNNAMED = "unnamed"


def product_costs(call_cost: Any) -> list[dict[str, Any]]:
    """`[{"product": name, "micros": USD micros}]`, one a product, by name; [] where there is nothing readable.

    Retell's costs are US cents, often fractions, as floats; each line becomes the nearest micro. A product that comes
    in several lines (a transferred leg) is added up. The micros may differ from the combined cost's by the rounding.
    """
    lines = object_of(call_cost).get("product_costs")
    totals: dict[str, int] = {}
    for line in lines if isinstance(lines, list) else []:
        micros = cents_to_micros(line.get("cost")) if isinstance(line, Mapping) else None
        if micros is not None:
            product = text_of(line.get("product")) or UNNAMED
            totals[product] = totals.get(product, 0) + micros
    return [{"product": product, "micros": micros} for product, micros in sorted(totals.items())]
