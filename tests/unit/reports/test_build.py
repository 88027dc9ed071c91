"""A report from what the database answered: exact numbers, nothing counted twice, nothing divided by zero."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechai.core.model import AttemptState, JobStatus
from speechai.operation.reports.build import BatchFacts
from speechai.operation.reports.model import AttemptsLine, Promised, RowCounts
from speechai.operation.reports.promises import promises_of
from speechai.operation.reports.tally import Tally
from speechai.store.statistics import JobGroup
from tests.unit.reports.examples import (
    LAST,
    SANTIAGO,
    batch,
    call,
    empty_report,
    group,
    offer_of,
    promises,
    report,
    talk,
)


def test_the_two_batches_add_up() -> None:
    made = report()
    assert made.contacts == 7
    assert {line.status: line.jobs for line in made.states} == {
        JobStatus.PENDING: 3,
        JobStatus.IN_PROGRESS: 0,
        JobStatus.DONE: 3,
        JobStatus.FAILED: 1,
        JobStatus.SUSPENDED: 0,
        JobStatus.CANCELLED: 0,
    }
    assert made.total == Tally(
        attempts=9,
        contacts=4,
        conversations=3,
        right_party=3,
        unconfirmed=2,
        successes=3,
        talk_ms=210_000,
        timed=3,
        cost_micros=195_000 + 65_001 + 4_000 + 100_000,
    )
    assert (made.calls_open, made.calls_refused, made.calls_not_counted) == (1, 1, 1)
    assert (made.penetration.part, made.penetration.whole) == (6, 7)
    assert (made.reached_rate.part, made.reached_rate.whole) == (4, 6)
    assert made.intensity == 1.5
    assert made.total.handle_seconds == 70.0
    assert (made.promise_rate.part, made.promise_rate.whole) == (1, 3)


def test_instants_of_the_header_are_local_to_the_reader() -> None:
    made = report()
    assert made.generated_at.isoformat() == "2026-11-10T15:30:00-03:00"
    assert made.first_call_at is not None
    assert made.first_call_at.isoformat() == "2026-11-09T09:05:00-03:00"
    assert made.last_call_at is not None
    assert made.last_call_at.isoformat() == "2026-11-10T12:40:00-03:00"
    assert made.zone == "America/Santiago"


def test_an_hour_without_calls_between_two_with_some_is_told() -> None:
    assert [(each.key, each.tally.attempts) for each in report().hours] == [("09", 7), ("10", 0), ("11", 2)]


def test_days_weekdays_use_cases_and_phones() -> None:
    made = report()
    assert [(each.key, each.tally.attempts) for each in made.days] == [("2026-11-09", 8), ("2026-11-10", 1)]
    assert [(each.key, each.tally.successes) for each in made.weekdays] == [("1", 2), ("2", 1)]
    assert [(each.key, each.tally.attempts) for each in made.use_cases] == [("debt_collection", 8), ("survey", 1)]
    assert [(each.key, each.tally.attempts, each.tally.contacts) for each in made.phones] == [
        ("main", 8, 3),
        ("alternative", 1, 1),
    ]


def test_outcomes_are_of_finished_calls_the_most_frequent_first() -> None:
    assert [(line.outcome, line.share.part, line.share.whole, line.counted) for line in report().outcomes] == [
        ("no_answer", 4, 10, 4),
        ("conversation", 3, 10, 3),
        ("capacity", 1, 10, 0),
        ("provider_error", 1, 10, 1),
        ("voicemail", 1, 10, 1),
    ]


def test_costs_are_exact_and_the_products_add_up_to_the_total() -> None:
    costs = report().costs
    assert costs.total_micros == 364_001
    assert [(line.product, line.cost_micros) for line in costs.products] == [("voice", 300_000), ("model", 64_000)]
    assert costs.not_itemised_micros == 1
    assert costs.costed == 4
    assert costs.per_call_micros == 40_445  # 364,001 / 9 = 40,444.6
    assert costs.per_contact_micros == 91_000
    assert costs.per_success_micros == 121_334
    assert costs.per_right_party_micros == 121_334
    assert costs.per_promise_micros == 364_001


def test_attempts_are_distributed_from_none_to_the_most() -> None:
    assert report().distribution == (
        AttemptsLine(attempts=0, contacts=1, done=0, closed=0, open=1),
        AttemptsLine(attempts=1, contacts=4, done=2, closed=0, open=2),
        AttemptsLine(attempts=2, contacts=1, done=1, closed=0, open=0),
        AttemptsLine(attempts=3, contacts=1, done=0, closed=1, open=0),
    )


def test_rows_are_accounted_for() -> None:
    made = report()
    assert made.rows == RowCounts(rows=12, accepted=6, merged=3, duplicate=1, rejected=2)
    assert made.rows.unaccounted == 0
    lost = report(BatchFacts(document=batch(counts={"rows": 12, "accepted": 6})))
    assert lost.rows.unaccounted == 6


def test_each_batch_has_its_own_line() -> None:
    first, second = report().batches
    assert (first.contacts, first.done, first.tally.attempts, first.promises, first.flagged) == (6, 2, 8, 1, 1)
    assert (second.contacts, second.done, second.tally.cost_micros, second.promises) == (1, 1, 100_000, 0)


def test_an_empty_report_divides_nothing_by_zero() -> None:
    made = empty_report()
    assert made.contacts == 0
    assert made.penetration.fraction is None
    assert made.intensity is None
    assert made.costs.per_call_micros is None
    assert (made.hours, made.days, made.outcomes, made.distribution, made.first_call_at) == ((), (), (), (), None)


@given(
    st.lists(
        st.builds(
            group,
            attempts=st.integers(1, 50),
            counted=st.booleans(),
            contact=st.booleans(),
            success=st.booleans(),
            phone_kind=st.sampled_from(["main", "alternative"]),
            local_hour=st.integers(0, 23),
            outcome=st.sampled_from(["no_answer", "conversation", "third_party", "do_not_call", "busy"]),
            right_person=st.sampled_from([True, False, None]),
            variant=st.sampled_from(["a", "b"]),
            cost_micros=st.integers(0, 10**9),
            state=st.sampled_from(list(AttemptState)),
        ),
        max_size=12,
    )
)
def test_every_way_to_divide_the_calls_adds_up_to_the_same_total(groups: list[Any]) -> None:
    made = report(BatchFacts(document=batch(), attempts=groups))
    for slices in (made.hours, made.days, made.weekdays, made.use_cases, made.phones, made.variants):
        for name in ("attempts", "contacts", "successes", "conversations", "right_party", "unconfirmed", "cost_micros"):
            assert sum(getattr(each.tally, name) for each in slices) == getattr(made.total, name)
    assert sum(line.counted for line in made.outcomes) == made.total.attempts
    assert sum(line.cost_micros for line in made.outcomes) == made.total.cost_micros
    assert made.total.unconfirmed <= made.total.right_party <= made.total.conversations <= made.total.contacts


def test_only_what_nobody_else_said_is_a_right_party_contact() -> None:
    talks = [
        talk(attempts=8, right_person=True),
        talk(attempts=4),
        talk(attempts=2, outcome="third_party", right_person=False),
        talk(outcome="do_not_call", right_person=False),
        talk(outcome="callback", right_person=True),
        talk(outcome="provider_error", right_person=True),
        group(attempts=5),
    ]
    made = report(BatchFacts(document=batch(), attempts=talks))
    assert (made.total.contacts, made.total.conversations) == (17, 16)
    assert (made.total.right_party, made.total.unconfirmed) == (13, 4)
    assert (made.total.right_party_rate.part, made.total.right_party_rate.whole) == (13, 22)


def test_the_promise_rate_is_of_right_party_contacts_and_counts_what_stands() -> None:
    kept = [call(f"j{n}", offer=offer_of(45_990)) for n in range(3)]
    below = call("j9", {"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 1_000}, offer=offer_of(45_990))
    talks = [talk(attempts=12, right_person=True), talk(attempts=6, outcome="third_party", right_person=False)]
    made = report(BatchFacts(document=batch(), attempts=talks, promises=promises(batch(), *kept, below)))
    assert (made.promise_rate.part, made.promise_rate.whole) == (3, 12)
    assert (made.standing, len(made.promises)) == (3, 4)
    assert made.costs.per_promise_micros == 2 * 195_000 // 3


def test_variants_stand_beside_each_other_and_calls_without_one_are_left_out() -> None:
    calls = [
        talk(attempts=3, variant="a", success=True),
        group(attempts=5, variant="a"),
        group(attempts=4, variant="b"),
        group(attempts=9),
    ]
    made = report(BatchFacts(document=batch(), attempts=calls))
    assert [(each.key, each.tally.attempts, each.tally.successes) for each in made.variants] == [
        ("a", 8, 3),
        ("b", 4, 0),
    ]
    assert report().variants == ()


@pytest.mark.parametrize(
    ("captured", "pays_on", "date_said", "amount", "amount_said"),
    [
        ({"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 45990}, "2026-11-20", "", Decimal(45990), ""),
        ({"fecha_pago_cliente": "20/11/2026", "monto_pago_cliente": "30 lucas"}, "2026-11-20", "", Decimal(30000), ""),
        ({"fecha_pago_cliente": "cuando pueda"}, None, "cuando pueda", None, ""),
        ({"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 0}, "2026-11-20", "", None, ""),
        ({"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": "algo"}, "2026-11-20", "", None, "algo"),
        ({"monto_pago_cliente": 1000}, None, "", Decimal(1000), ""),
        ({"fecha_pago_cliente": " ", "monto_pago_cliente": "1.000"}, None, "", Decimal(1000), ""),
    ],
)
def test_a_promise_is_told_as_it_was_read_and_in_the_agents_words_only_where_it_was_not(
    captured: dict[str, Any], pays_on: str | None, date_said: str, amount: Decimal | None, amount_said: str
) -> None:
    (made,) = promises(batch(), call(captured=captured))
    assert made.pays_on == (date.fromisoformat(pays_on) if pays_on else None)
    assert (made.date_said, made.amount, made.amount_said) == (date_said, amount, amount_said)
    assert (made.nombre, made.rut, made.currency) == ("Ana Rojas", "12.345.678-5", "CLP")
    assert made.called_at.isoformat() == "2026-11-10T12:40:00-03:00"


def test_an_amount_with_cents_is_told_in_units_of_its_currency() -> None:
    argentine = call(captured={"monto_pago_cliente": 1234.5}, country="AR", offer=offer_of(123_450, "ARS"))
    (made,) = promises(batch(), argentine)
    assert (made.amount, made.currency) == (Decimal("1234.50"), "ARS")


def test_a_promise_tells_every_fault_that_its_check_has_found() -> None:
    late = {"fecha_pago_cliente": "2027-03-01", "monto_pago_cliente": 1_000, "cuotas_pago_cliente": 6}
    (made,) = promises(batch(), call(captured=late, offer=offer_of(45_990)))
    assert not made.stands
    assert made.instalments == 6
    assert [fault.code for fault in made.faults] == ["date_too_late", "amount_below_least", "too_many_instalments"]
    assert made.faults[1].en == "1,000 CLP is less than the least amount, 45,990 CLP"
    assert "1.000 CLP" in made.faults[1].es


def test_what_somebody_else_promised_is_no_promise_of_the_debtor() -> None:
    own, relative = call(called_at=LAST - timedelta(days=1)), call(outcome="third_party")
    assert promises(batch(), relative) == []
    assert [made.called_at.day for made in promises(batch(), own, relative)] == [9]


def test_the_latest_promise_of_a_contact_replaces_the_earlier() -> None:
    earlier = call(captured={"fecha_pago_cliente": "2026-11-15"}, called_at=LAST - timedelta(days=1))
    later = call(captured={"fecha_pago_cliente": "2026-11-30"})
    assert [promise.pays_on for promise in promises(batch(), earlier, later)] == [date(2026, 11, 30)]


def test_sums_are_of_the_promises_that_stand_by_currency_and_the_flagged_are_counted_apart() -> None:
    pesos = promises(
        batch(),
        call("j1"),
        call("j2", {"fecha_pago_cliente": "2026-11-21"}),
        call("j5", {"fecha_pago_cliente": "2026-11-20", "monto_pago_cliente": 1_000}, offer=offer_of(45_990)),
        call("j6", {"monto_pago_cliente": 70_000}),
    )
    argentine = promises(
        batch("b2", country="AR"),
        call("j3", {"fecha_pago_cliente": "2026-11-21", "monto_pago_cliente": 1234.56}, country="AR"),
    )
    made = report(*(BatchFacts(document=batch(), promises=each) for each in (pesos, argentine)))
    assert made.promised == (
        Promised(currency="ARS", promises=1, amount=Decimal("1234.56"), without_amount=0, flagged=0),
        Promised(currency="CLP", promises=2, amount=Decimal(45990), without_amount=1, flagged=2),
    )


def test_a_cleaned_up_contact_still_has_its_promise() -> None:
    (made,) = promises_of(batch(), [call()], names=lambda ids: {})
    assert (made.nombre, made.rut, made.amount) == ("", None, Decimal(45990))


def test_a_period_is_told_in_the_zone_of_the_reader() -> None:
    made = report(since=datetime(2026, 11, 9, 3, tzinfo=UTC), until=datetime(2026, 11, 10, 3, tzinfo=UTC))
    assert made.since is not None
    assert made.since.tzinfo is SANTIAGO
    assert made.since.isoformat() == "2026-11-09T00:00:00-03:00"


def test_jobs_without_a_call_are_a_base_without_rates() -> None:
    made = report(BatchFacts(document=batch(), jobs=[JobGroup(status=JobStatus.PENDING, attempts=0, jobs=5)]))
    assert (made.contacts, made.penetration.fraction, made.total.contact_rate.fraction) == (5, 0.0, None)
    assert made.distribution == (AttemptsLine(attempts=0, contacts=5, done=0, closed=0, open=5),)


def test_a_call_whose_result_is_written_but_that_is_not_finished_is_open() -> None:
    made = report(BatchFacts(document=batch(), attempts=[talk(state=AttemptState.ENDED, success=True)]))
    assert (made.calls_open, made.total.attempts, made.costs.total_micros) == (1, 0, 0)
