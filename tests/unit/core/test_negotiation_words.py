"""What an operator reads of a promise that does not fit, in full, and what is kept of one that does."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from speechai.catalogue.negotiation import get_table
from speechai.core.model import Debt
from speechai.core.negotiation import Offer, check_promise, offer_for

TODAY = date(2026, 11, 25)
DEBT = Debt(amount_minor=100_000, currency="CLP", stated_on=TODAY, days_overdue=31)


def offer() -> Offer:
    """Debt 100,000; 95,000 at once, or 100,000 in 3 payments; at least 28,500; until 2026-12-02."""
    found = offer_for(get_table("standard"), DEBT, TODAY)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("said", "en", "es"),
    [
        (
            {"paid_on": date(2026, 11, 24)},
            "the date 2026-11-24 is before the day of the call, 2026-11-25",
            "la fecha 2026-11-24 es anterior al día de la llamada, 2026-11-25",
        ),
        (
            {"amount_minor": 100_001},
            "100,001 CLP is more than the debt, 100,000 CLP: was it understood rightly?",
            "100.001 CLP es más que la deuda, 100.000 CLP: ¿se entendió bien?",
        ),
        (
            {"instalments": 4},
            "4 payments are more than the 3 that were offered",
            "4 cuotas son más que las 3 ofrecidas",
        ),
        (
            {"amount_minor": 33_332, "instalments": 3},
            "3 payments of 33,332 CLP do not settle the debt: each must be 33,333 CLP at least",
            "3 cuotas de 33.332 CLP no pagan la deuda: cada una debe ser de 33.333 CLP como mínimo",
        ),
        ({"paid_on": None}, "no date was promised", "no se prometió una fecha"),
        ({"amount_minor": None}, "no amount was promised", "no se prometió un monto"),
    ],
)
def test_each_fault_of_a_promise_names_what_was_said_and_what_was_possible(
    said: dict[str, Any], en: str, es: str
) -> None:
    whole: dict[str, Any] = {"paid_on": TODAY, "amount_minor": 95_000, "said_on": TODAY}
    promise = check_promise(offer(), **{**whole, **said})
    assert [(fault.en, fault.es) for fault in promise.faults] == [(en, es)]


def test_the_number_of_payments_and_a_day_that_was_not_said_are_kept_with_the_promise() -> None:
    promise = check_promise(offer(), paid_on=None, amount_minor=50_000, said_on=TODAY, instalments=2)
    kept = promise.to_document()
    assert (kept["instalments"], kept["paid_on"], kept["amount_minor"]) == (2, None, 50_000)


def test_an_offer_says_by_which_version_of_which_table_it_was_made() -> None:
    assert offer().table == get_table("standard").label == f"standard v{get_table('standard').version}"
