"""Choosing a caller number and noting a call's end on the real store, with Retell's own list from the simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import pytest

from config.settings import Settings
from speechai.catalogue.outcomes import load_outcomes
from speechai.core.accounts import Account, Plan
from speechai.core.callers import CallerNumber
from speechai.core.decision import Denial, Denied
from speechai.errors import NotFound, RetellLater, UsageError
from speechai.operation.alerts import open_alerts
from speechai.operation.callers import (
    ASKED_AGAIN_AFTER,
    REFRESH_EVERY,
    ask_for_countries,
    caller_for,
    country_of,
    known_callers,
    note_outcome,
    refresh_countries,
    rest_caller,
    wake_caller,
)
from speechai.operation.context import Context, open_context
from speechai.retell.simulator import DEFAULT_API_KEY, SimulatorConfig, running_simulator
from speechai.retell.simulator.config import PhoneNumber
from speechai.store import accounts, callers
from speechai.store.connection import Store
from tests.store.making import NOW, THREADS, make_attempt, make_context, make_job, meanwhile, race

NUMBER, SECOND, THIRD = "+56222222222", "+56233333333", "+56244444444"
PERU = "+51911111111"


def context_of(store: Store, *numbers: str, now: datetime = NOW) -> Context:
    """Operations whose general pool is `numbers`, at a clock that stands."""
    return replace(make_context(store, clock=lambda: now), settings=Settings(retell_from_number=numbers or (NUMBER,)))


def account(**changes: object) -> Account:
    return replace(Account(id="main", name="Main", plan=Plan.UNLIMITED), **changes)  # type: ignore[arg-type]


def ask(context: Context, to_number: str = "+56911111111", now: datetime = NOW, **changes: object) -> str | Denied:
    return caller_for(context, account(**changes), make_job(), to_number, now)


def end(context: Context, n: int, reason: str, *, number: str = NUMBER, now: datetime | None = None) -> None:
    """The n-th call from `number`, placed n seconds after NOW, ends with Retell's `reason`, and that is noted."""
    placed = NOW + timedelta(seconds=n)
    attempt = make_attempt(id=f"a{n:04}", from_number=number, placing_at=placed)
    note_outcome(context, attempt, load_outcomes()[reason], now or placed + timedelta(minutes=1))


def caller(store: Store, number: str = NUMBER) -> CallerNumber:
    found = callers.get_caller(store, number)
    assert found is not None
    return found


def kinds(context: Context) -> list[tuple[str, str, int]]:
    return sorted((alert.kind, alert.subject, alert.count) for alert in open_alerts(context))


def test_a_person_is_called_from_one_number_of_the_accounts_pool_else_of_the_general_one(store: Store) -> None:
    context = context_of(store, NUMBER, SECOND)
    assert ask(context) == ask(context)
    assert ask(context) in (NUMBER, SECOND)
    assert ask(context, from_numbers=(THIRD,)) == THIRD


def test_what_an_account_may_not_call_is_denied_with_an_alert(store: Store) -> None:
    context = context_of(store)
    denied = ask(context, PERU, countries=("CL", "AR"))
    assert denied == Denied(code=Denial.NO_CALLER_NUMBER, facts={"country": "PE", "account": "main"})
    assert isinstance(ask(context, countries=("CL", "AR")), str)
    assert kinds(context) == [("no_caller_number", "main/PE", 1)]


def test_a_country_on_no_numbers_list_is_denied_with_one_alert_however_many_ask(store: Store) -> None:
    context = context_of(store, NUMBER, SECOND)
    for number in (NUMBER, SECOND):
        callers.keep_countries(store, number, ["CL"], NOW)
    assert isinstance(ask(context), str)
    denied = [ask(context, PERU) for _ in range(3)]
    assert denied[0] == Denied(code=Denial.NO_CALLER_NUMBER, facts={"numbers": 2, "country": "PE", "account": "main"})
    assert kinds(context) == [("no_caller_number", "main/PE", 3)]


def test_a_pool_without_numbers_is_denied_and_not_a_fault(store: Store) -> None:
    real = replace(make_context(store), settings=Settings(retell_base_url="https://api.retellai.com"))
    denied = ask(real)
    assert isinstance(denied, Denied)
    assert denied.code is Denial.NO_CALLER_NUMBER


def test_where_every_number_rests_the_call_waits_for_the_first_to_wake(store: Store) -> None:
    context = context_of(store, NUMBER, SECOND)
    rest_caller(context, NUMBER, minutes=60, because="spam", by="ana")
    assert ask(context) == SECOND
    rest_caller(context, SECOND, minutes=30, because="spam", by="ana")
    denied = ask(context)
    assert isinstance(denied, Denied)
    assert (denied.code, denied.next_at) == (Denial.CALLERS_RESTING, NOW + timedelta(minutes=30))
    assert denied.facts == {"numbers": 2, "next_at": "2026-11-25T12:30:00-03:00", "account": "main"}
    assert kinds(context) == [("callers_resting", "main", 1)]
    assert denied.next_at is not None
    assert ask(context, now=denied.next_at) == SECOND


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+56911111111", "CL"),
        ("+5491112345678", "AR"),
        ("+12125551234", "US"),
        ("+18095551234", "DO"),
        ("+17875551234", "PR"),
        ("+80012345678", None),  # free of charge, of no country
        ("+999", None),
        ("S/N", None),
        ("", None),
    ],
)
def test_the_country_of_a_phone(number: str, country: str | None) -> None:
    assert country_of(number) == country


def test_a_number_whose_calls_are_refused_rests_and_others_take_its_people(store: Store) -> None:
    context = context_of(store, NUMBER, SECOND)
    for n in range(5):
        end(context, n, "user_hangup")
    for n in range(5, 9):
        end(context, n, "dial_failed")
        assert not caller(store).is_resting(NOW)
    end(context, 9, "dial_failed", now=NOW + timedelta(minutes=2))
    assert caller(store).rested_until == NOW + timedelta(minutes=62)
    assert caller(store).rest_reason == "the network does not put its calls through: 5 of its last 10 calls"
    assert kinds(context) == [("caller_rested", NUMBER, 1)]
    assert ask(context, now=NOW + timedelta(minutes=3)) == SECOND


def test_marks_as_spam_rest_a_number_for_a_day(store: Store) -> None:
    context = context_of(store)
    for n in range(9):
        end(context, n, "dial_no_answer")
    end(context, 9, "marked_as_spam")
    assert caller(store).rested_until is None
    end(context, 10, "network_blocked", now=NOW + timedelta(minutes=2))
    assert caller(store).rested_until == NOW + timedelta(days=1, minutes=2)


def test_a_trunk_that_refuses_us_rests_its_number_at_once(store: Store) -> None:
    context = context_of(store)
    end(context, 0, "user_hangup")
    end(context, 1, "sip_routing_error")
    assert caller(store).is_resting(NOW + timedelta(minutes=30))


@pytest.mark.parametrize("reason", ["invalid_destination", "credit_exhausted", "error_retell", "unknown"])
def test_an_end_that_says_nothing_of_the_number_is_not_noted(store: Store, reason: str) -> None:
    end(context_of(store), 0, reason)
    assert callers.get_caller(store, NUMBER) is None


def test_the_calls_that_were_live_when_a_number_went_to_rest_do_not_make_it_longer(store: Store) -> None:
    context = context_of(store)
    for n in range(40):
        end(context, n, "dial_failed", now=NOW + timedelta(minutes=n))
    assert caller(store).rested_until == NOW + timedelta(minutes=9 + 60)
    assert kinds(context) == [("caller_rested", NUMBER, 1)]


def test_after_its_rest_a_number_has_a_clean_start_and_rests_again_only_for_what_is_new(store: Store) -> None:
    context = context_of(store)
    for n in range(10):
        end(context, n, "dial_failed", now=NOW + timedelta(minutes=1))
    awake = 61 * 60
    for n in range(awake, awake + 9):
        end(context, n, "dial_failed")
    assert not caller(store).is_resting(NOW + timedelta(minutes=63))
    end(context, awake + 9, "dial_failed")
    assert caller(store).is_resting(NOW + timedelta(minutes=63))


def test_many_workers_that_end_failed_calls_at_once_make_one_rest(store: Store) -> None:
    now = NOW + timedelta(minutes=5)
    race([partial(end, context_of(store), n, "dial_failed", now=now) for n in range(THREADS)])
    assert len(caller(store).results) == THREADS
    assert caller(store).rested_until == now + timedelta(minutes=60)


class Death(BaseException):
    """The end of a worker: nothing that catches errors may outlive it."""


def _die() -> None:
    raise Death


def test_a_worker_that_died_before_the_rest_was_written_leaves_it_to_the_repeat(mongo_uri: str, store: Store) -> None:
    """Death in front of each write of the end of the tenth failed call; the end is then noted again."""
    for nth in (1, 2, 3, 4):
        number = f"+5622222220{nth}"
        for n in range(9):
            end(context_of(store), n, "dial_failed", number=number)
        with (
            pytest.raises(Death),
            meanwhile(mongo_uri, store, "update", _die, nth=nth) as mortal,
        ):
            end(context_of(mortal), 9, "dial_failed", number=number)
        end(context_of(store), 9, "dial_failed", number=number)
        assert caller(store, number).is_resting(NOW + timedelta(minutes=30))
        assert ("caller_rested", number) in {kind[:2] for kind in kinds(context_of(store))}
        assert len(caller(store, number).results) == 10


def test_an_operators_rest_that_comes_while_the_rules_decide_stands(mongo_uri: str, store: Store) -> None:
    context = context_of(store)
    for n in range(9):
        end(context, n, "dial_failed")
    operator = partial(rest_caller, context, NUMBER, minutes=10_000, because="sold", by="ana")
    with meanwhile(mongo_uri, store, "update", operator, nth=4) as racing:
        end(context_of(racing), 9, "dial_failed")
    assert caller(store).rested_until == NOW + timedelta(minutes=10_000)


def test_a_rest_by_hand_needs_a_number_that_is_known_and_a_time(store: Store) -> None:
    context = context_of(store)
    with pytest.raises(NotFound, match="not a caller number that is known"):
        rest_caller(context, SECOND, minutes=5, because="x", by="ana")
    with pytest.raises(NotFound):
        wake_caller(context, SECOND, by="ana")
    with pytest.raises(UsageError, match="1 minute or more"):
        rest_caller(context, NUMBER, minutes=0, because="x", by="ana")
    assert rest_caller(context, NUMBER, minutes=5, because="x", by="ana") == NOW + timedelta(minutes=5)
    assert wake_caller(context, NUMBER, by="ana")
    assert not wake_caller(context, NUMBER, by="ana")


def test_every_number_is_shown_with_those_who_call_from_it(store: Store) -> None:
    accounts.create_account(store, account(id="bank", from_numbers=(SECOND, NUMBER)), now=NOW)
    callers.keep_countries(store, THIRD, None, NOW)
    shown = known_callers(context_of(store))
    assert [(one.number, users) for one, users in shown] == [
        (NUMBER, ["*", "bank"]),
        (SECOND, ["bank"]),
        (THIRD, []),
    ]


@contextmanager
def retell(store: Store, listed: Sequence[PhoneNumber]) -> Iterator[Callable[..., Context]]:
    """Operations against a Retell whose workspace has these numbers: called with the pool and the time."""
    with running_simulator(SimulatorConfig(phone_numbers=tuple(listed))) as simulator:
        settings = Settings(retell_base_url=simulator.base_url, retell_api_key=DEFAULT_API_KEY, mongo_uri="mongodb://x")
        client = open_context(settings).retell

        def make(*numbers: str, now: datetime = NOW) -> Context:
            return replace(context_of(store, *numbers, now=now), retell=client)

        yield make


def test_retells_country_lists_are_kept_and_an_empty_list_means_every_country(store: Store) -> None:
    listed = [
        PhoneNumber(phone_number=NUMBER, allowed_outbound_countries=("CL", "AR")),
        PhoneNumber(phone_number=SECOND),
    ]
    with retell(store, listed) as context:
        ask_for_countries(context(NUMBER))
    assert caller(store).countries == {"CL", "AR"}
    assert caller(store, SECOND).countries is None
    assert isinstance(ask(context_of(store, NUMBER), PERU), Denied)
    assert ask(context_of(store, NUMBER, SECOND), PERU) == SECOND


def test_a_number_that_retell_does_not_list_is_left_out_with_an_alert_until_it_is_there(store: Store) -> None:
    accounts.create_account(store, account(id="bank", from_numbers=(THIRD,)), now=NOW)
    with retell(store, [PhoneNumber(phone_number=NUMBER)]) as context:
        ask_for_countries(context(NUMBER, SECOND))
        assert {ask(context(NUMBER, SECOND)), ask(context(SECOND, NUMBER))} == {NUMBER}
        assert isinstance(ask(context(NUMBER), from_numbers=(THIRD,)), Denied)
        assert kinds(context())[:2] == [("caller_unknown", SECOND, 1), ("caller_unknown", THIRD, 1)]
    with retell(store, [PhoneNumber(phone_number=THIRD)]) as context:
        ask_for_countries(context(SECOND))
        assert ask(context(SECOND), from_numbers=(THIRD,)) == THIRD


def test_a_list_without_any_number_is_not_believed_but_told(store: Store) -> None:
    with retell(store, []) as context:
        ask_for_countries(context(NUMBER))
        assert ask(context(NUMBER)) == NUMBER
        assert {(kind, subject) for kind, subject, _ in kinds(context())} == {("caller_unknown", NUMBER)}


def test_the_sweep_asks_once_an_hour_and_a_retell_that_is_away_stops_nothing(store: Store) -> None:
    with retell(store, [PhoneNumber(phone_number=NUMBER, allowed_outbound_countries=("CL",))]) as context:
        refresh_countries(context(NUMBER))
    later = NOW + REFRESH_EVERY
    with pytest.raises(RetellLater):
        ask_for_countries(context_of(store, now=later))
    refresh_countries(context_of(store, now=later))
    assert caller(store).countries == {"CL"}
    with retell(store, [PhoneNumber(phone_number=NUMBER, allowed_outbound_countries=("PE",))]) as context:
        refresh_countries(context(NUMBER, now=later + ASKED_AGAIN_AFTER / 2))
        assert caller(store).countries == {"CL"}
        refresh_countries(context(NUMBER, now=later + ASKED_AGAIN_AFTER))
        assert caller(store).countries == {"PE"}
