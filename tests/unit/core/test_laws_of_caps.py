"""What holds of every cap, drawn by hypothesis: the next time is open and denied no more; no cap is ever broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from speechai.catalogue.policies import Policy
from speechai.core.calendar import is_open
from speechai.core.caps import person_caps, phone_denial
from speechai.core.decision import Allowed, Denial, Denied
from speechai.core.may_call import may_call
from speechai.core.model import BatchStatus, Person, Phone, Site, Try
from tests.unit.core.making import (
    EASTER,
    MAIN,
    PUNTA_ARENAS,
    SANTIAGO,
    SECOND,
    instants,
    local,
    make_job,
    make_person,
    make_phone,
    make_policy,
)

zones = st.lists(st.sampled_from([SANTIAGO, PUNTA_ARENAS, EASTER]), min_size=1, max_size=2, unique=True)
few = st.integers(1, 4)
policies = st.builds(
    make_policy,
    attempts_a_day=st.integers(1, 3),
    attempts_a_week=st.none() | few,
    phone_attempts_a_day=st.none() | st.integers(1, 2),
    phone_attempts_a_week=st.none() | few,
    contacts_a_week=st.none() | st.integers(1, 2),
    quiet_days=st.integers(0, 9),
    minutes_between_attempts=st.sampled_from([0, 30, 180, 30 * 60]),
    callback_lifts=st.booleans(),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[tuple[Try, ...], tuple[date, ...]]:
    """Attempts in one or the other zone within two weeks, some of them conversations."""
    made, talks = [], []
    for n in range(draw(st.integers(0, 6))):
        at = draw(instants("2026-08-30", "2026-09-12"))
        on = at.astimezone(draw(st.sampled_from([SANTIAGO, EASTER]))).date()
        made.append(Try(attempt_id=f"a{n}", at=at, on=on))
        if draw(st.booleans()):
            talks.append(on)
    return tuple(made), tuple(talks)


@given(policy=policies, history=histories(), found_in=zones, now=instants("2026-09-05", "2026-09-14"))
def test_a_denials_next_time_is_open_later_and_not_denied_again(
    policy: Policy, history: tuple[tuple[Try, ...], tuple[date, ...]], found_in: list[ZoneInfo], now: datetime
) -> None:
    site = Site(zones=tuple(found_in), country="CL")
    person = Person(id="p", tries=history[0], talks_on=history[1])
    phone = Phone(id=MAIN, tries=history[0])
    for callback in (False, True):
        asks: list[Callable[..., Denied | None]] = [
            partial(person_caps, policy, person, site=site, callback=callback),
            partial(phone_denial, policy, phone, site=site, callback=callback),
        ]
        for ask in asks:
            found = ask(now=now)
            if found is None:
                continue
            assert found.next_at is not None
            assert found.next_at > now
            assert is_open(policy, site, found.next_at)
            assert ask(now=found.next_at) is None
            assert found.facts["next_at"] == found.next_at.astimezone(site.zone).isoformat(timespec="minutes")


@given(
    policy=policies,
    history=histories(),
    now=instants("2026-09-05", "2026-09-14"),
    wish=st.none() | instants("2026-09-01", "2026-09-20"),
    attempts=st.integers(0, 4),
)
def test_what_may_call_denies_until_a_time_it_does_not_deny_by_the_same_rule_then(
    policy: Policy,
    history: tuple[tuple[Try, ...], tuple[date, ...]],
    now: datetime,
    wish: datetime | None,
    attempts: int,
) -> None:
    job = make_job(callback_at=wish, attempts=attempts, try_phones=(SECOND,))
    person = Person(id="p", tries=history[0], talks_on=history[1])
    phones = {MAIN: Phone(id=MAIN, tries=history[0]), SECOND: Phone(id=SECOND, tries=history[0][:3])}
    ends = {Denial.ATTEMPTS_USED}
    seen: list[Denial] = []
    while isinstance(
        found := may_call(policy, batch=BatchStatus.RUNNING, job=job, person=person, phones=phones, now=now), Denied
    ):
        assert found.code not in seen
        seen.append(found.code)
        if found.next_at is None:
            assert found.code in ends
            return
        assert found.next_at > now
        assert is_open(policy, job.site, found.next_at)
        now = found.next_at


@dataclass(kw_only=True)
class Month:
    """An independent counter: a plain list of what happened, asked with nothing but sums."""

    policy: Policy
    calls: list[tuple[datetime, date, str, bool, bool]] = field(default_factory=list)
    """When, on which local day, on which phone, whether somebody talked, whether it was asked for."""

    def check(self) -> None:
        rules = self.policy
        for n, (at, on, phone, _, asked_for) in enumerate(self.calls):
            before = self.calls[:n]
            week = [call for call in before if (on - call[1]).days < 7]
            assert sum(call[1] == on for call in before) < rules.attempts_a_day
            assert sum(call[1] == on and call[2] == phone for call in before) < (rules.phone_attempts_a_day or 99)
            assert all((at - call[0]).total_seconds() >= rules.minutes_between_attempts * 60 for call in before)
            assert 8 <= at.astimezone(SANTIAGO).hour < 20
            assert at.astimezone(SANTIAGO).weekday() < 6
            if asked_for and rules.callback_lifts:
                continue
            assert len(week) < (rules.attempts_a_week or 99)
            assert sum(call[2] == phone for call in week) < (rules.phone_attempts_a_week or 99)
            assert sum(call[3] for call in week) < (rules.contacts_a_week or 99)
            assert not [call for call in before if call[3] and (on - call[1]).days < rules.quiet_days]


@given(
    policy=policies,
    steps=st.lists(
        st.tuples(st.integers(1, 60 * 40), st.booleans(), st.sampled_from([None, None, 0, 90, 60 * 30])),
        min_size=5,
        max_size=40,
    ),
)
def test_calls_that_were_allowed_never_break_a_cap(policy: Policy, steps: list[tuple[int, bool, int | None]]) -> None:
    """Somebody who asks at random times, over the change of the clock, and calls whenever it is allowed."""
    now, month = local("2026-08-31T08:00"), Month(policy=policy)
    person, phones = make_person(), {number: make_phone(number) for number in (MAIN, SECOND)}
    job = make_job(try_phones=(SECOND,), max_attempts=99)
    for n, (minutes, talked, wish) in enumerate(steps):
        now += timedelta(minutes=minutes)
        job = make_job(
            try_phones=(SECOND,),
            max_attempts=99,
            last_phone_tried=job.last_phone_tried,
            callback_at=None if wish is None else now + timedelta(minutes=wish),
        )
        found = may_call(policy, batch=BatchStatus.RUNNING, job=job, person=person, phones=phones, now=now)
        if isinstance(found, Denied) and found.next_at is not None and n % 2:
            now = found.next_at
            found = may_call(policy, batch=BatchStatus.RUNNING, job=job, person=person, phones=phones, now=now)
        if not isinstance(found, Allowed):
            continue
        on = now.astimezone(SANTIAGO).date()
        made = Try(attempt_id=f"a{n}", at=now, on=on)
        asked_for = job.callback_at is not None and job.callback_at <= now
        month.calls.append((now, on, found.phone, talked, asked_for))
        person = make_person(
            tries=(*person.tries, made), talks_on=(*person.talks_on, on) if talked else person.talks_on
        )
        phones[found.phone] = make_phone(found.phone, tries=(*phones[found.phone].tries, made))
        job = make_job(last_phone_tried=found.phone)
    month.check()
    assert month.calls
