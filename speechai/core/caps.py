"""How often one person and one telephone may be called: a day, a week, after a conversation, after the last attempt.

Enter the policy, what is counted of the person or the phone, the place and `now`; leaves None or a `Denied` with the
first instant at which no cap of theirs denies and the hours are open. Asked by `may_call`, and once more by the store
with the counters that the turn is taken from, so that no race passes a cap.

A local day is what the attempt's own place called it (`Try.on`); a week is the 7 local days that end today. Attempts
that a place ahead has counted on a later day count in this week too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from speechai.catalogue.policies import Policy
from speechai.core.calendar import local_instant, next_open
from speechai.core.decision import Denial, Denied, Fact
from speechai.core.masking import mask_phone, mask_text
from speechai.core.model import Person, Phone, Site

WEEK_DAYS = 7


@dataclass(frozen=True, slots=True)
class _Block:
    """One cap that denies at an instant, and the first instant at which it would not; hours are not asked."""

    code: Denial
    facts: dict[str, Fact]
    until: datetime


def person_denial(policy: Policy, person: Person, *, site: Site, now: datetime, callback: bool) -> Denied | None:
    """Why the person may not be called at `now` (aware UTC) by what is known of them, or None; hours are not asked.

    `callback`: the person asked for a call that is due. Raises ValueError where the policy never opens again.
    """
    return person_end(policy, person, now.astimezone(site.zone).date()) or person_caps(
        policy, person, site=site, now=now, callback=callback
    )


def person_end(policy: Policy, person: Person, today: date) -> Denied | None:
    """What ends every call to the person by itself: the wish, an exclusion, silence; waiting does not help."""
    return written_end(person) or exclusion_by_silence(policy, person, today)


def written_end(person: Person) -> Denied | None:
    """The wish not to be called and an operator's exclusion: known without place and policy."""
    if person.do_not_call:
        return Denied(code=Denial.DO_NOT_CALL)
    if person.excluded_reason is not None:
        return Denied(code=Denial.EXCLUDED, facts={"why": mask_text(person.excluded_reason)})
    return None


def exclusion_by_silence(policy: Policy, person: Person, today: date) -> Denied | None:
    """The denial of a person who was silent on as many local days as the policy bears (law 4), or None.

    A silent day counts once it is over, or once the day's attempts are used: the third day's later waves are
    still tried.
    """
    days = {day for day in person.silent_on if day < today}
    if today in person.silent_on and _made_on(person, today) >= policy.attempts_a_day:
        days.add(today)
    if len(days) < policy.silent_days:
        return None
    words = ", ".join(day.isoformat() for day in sorted(days))
    return Denied(code=Denial.EXCLUDED, facts={"used": len(days), "days": words})


def person_caps(policy: Policy, person: Person, *, site: Site, now: datetime, callback: bool) -> Denied | None:
    """The person's caps alone: attempts a day and a week, conversations, quiet days, minutes between attempts."""
    lifted = callback and policy.callback_lifts
    return _denied(policy, site, now, lambda at: _person_block(policy, person, site, at, lifted=lifted))


def phone_denial(policy: Policy, phone: Phone, *, site: Site, now: datetime, callback: bool) -> Denied | None:
    """Why this telephone may not be dialled at `now`, whoever is called on it; as `person_denial`."""
    if phone.do_not_call:
        return Denied(code=Denial.DO_NOT_CALL, facts={"phone": mask_phone(phone.id)})
    lifted = callback and policy.callback_lifts
    return _denied(policy, site, now, lambda at: _phone_block(policy, phone, site, at, lifted=lifted))


def said_at(at: datetime, site: Site) -> str:
    """An instant as a fact of a denial: ISO 8601 with the offset of the site's first zone."""
    return at.astimezone(site.zone).isoformat(timespec="minutes")


def _denied(policy: Policy, site: Site, now: datetime, ask: Callable[[datetime], _Block | None]) -> Denied | None:
    """Follows the caps from one to the next until none denies, and names the one that denies longest."""
    block = ask(now)
    if block is None:
        return None
    while block is not None:
        last, at = block, next_open(policy, site, block.until)
        block = ask(at)
    return Denied(code=last.code, facts={**last.facts, "next_at": said_at(at, site)}, next_at=at)


def _person_block(policy: Policy, person: Person, site: Site, at: datetime, *, lifted: bool) -> _Block | None:
    today = at.astimezone(site.zone).date()
    if block := _day_block(Denial.DAY_CAP, person, policy.attempts_a_day, site, today):
        return block
    if not lifted:
        made_on = [made.on for made in person.tries]
        block = (
            _week_block(Denial.WEEK_CAP, made_on, policy.attempts_a_week, site, today)
            or _week_block(Denial.CONTACTS_CAP, person.talks_on, policy.contacts_a_week, site, today)
            or _quiet_block(policy, person, site, today)
        )
        if block is not None:
            return block
    return _too_soon(policy, person, site, at)


def _phone_block(policy: Policy, phone: Phone, site: Site, at: datetime, *, lifted: bool) -> _Block | None:
    today = at.astimezone(site.zone).date()
    block = _day_block(Denial.PHONE_DAY_CAP, phone, policy.phone_attempts_a_day, site, today)
    if block is None and not lifted:
        made_on = [made.on for made in phone.tries]
        block = _week_block(Denial.PHONE_WEEK_CAP, made_on, policy.phone_attempts_a_week, site, today)
    if block is not None:
        block.facts["phone"] = mask_phone(phone.id)
    return block


def _day_block(code: Denial, counted: Person | Phone, cap: int | None, site: Site, today: date) -> _Block | None:
    used = _made_on(counted, today)
    if cap is None or used < cap:
        return None
    return _Block(code, {"used": used, "cap": cap}, local_instant(today + timedelta(days=1), 0, site.zone))


def _week_block(code: Denial, days: Sequence[date], cap: int | None, site: Site, today: date) -> _Block | None:
    if cap is None or len(days) < cap:
        return None
    week = sorted(day for day in days if day > today - timedelta(days=WEEK_DAYS))
    if len(week) < cap:
        return None
    # One more fits once the cap-th from the end has left the window.
    free_on = week[-cap] + timedelta(days=WEEK_DAYS)
    return _Block(code, {"used": len(week), "cap": cap}, local_instant(free_on, 0, site.zone))


def _quiet_block(policy: Policy, person: Person, site: Site, today: date) -> _Block | None:
    if not person.talks_on:
        return None
    talked_on = max(person.talks_on)
    free_on = talked_on + timedelta(days=policy.quiet_days)
    if not policy.quiet_days or today >= free_on:
        return None
    facts: dict[str, Fact] = {"talked_on": talked_on.isoformat(), "quiet_days": policy.quiet_days}
    return _Block(Denial.QUIET_DAYS, facts, local_instant(free_on, 0, site.zone))


def _too_soon(policy: Policy, person: Person, site: Site, at: datetime) -> _Block | None:
    if not policy.minutes_between_attempts or not person.tries:
        return None
    last_at = max(made.at for made in person.tries)
    until = last_at + timedelta(minutes=policy.minutes_between_attempts)
    if at >= until:
        return None
    facts: dict[str, Fact] = {"last_at": said_at(last_at, site), "minutes": policy.minutes_between_attempts}
    return _Block(Denial.TOO_SOON, facts, until)


def _made_on(counted: Person | Phone, day: date) -> int:
    return sum(made.on == day for made in counted.tries)
