"""The caller numbers at work: which one a call comes from, what its end says of it, and what Retell lets it call.

Enters an account's pool, a job and the phone to dial; leaves the number or why there is none. Called at the moment of
dialling, when a call is finished, and by beat for the countries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import phonenumbers
import structlog

from speechai.catalogue.callers import failure_of, kept_results, load_rest_rules, says_of_the_caller
from speechai.catalogue.outcomes import OutcomeRow
from speechai.core.callers import CallerNumber, CallResult, choose_caller, rest_after
from speechai.core.decision import Denial, Denied, Fact
from speechai.errors import ConfigurationError, NotFound, RetellError, UsageError
from speechai.operation.alerts import raise_alert
from speechai.operation.context import Context
from speechai.store import callers
from speechai.store.accounts import list_accounts

if TYPE_CHECKING:
    from speechai.core.accounts import Account
    from speechai.core.model import Attempt, Job

log = structlog.get_logger(__name__)

REFRESH_EVERY = timedelta(hours=1)
"""A number's countries change by hand, at Retell: an hour late costs some refused calls."""
ASKED_AGAIN_AFTER = timedelta(minutes=5)


def caller_for(context: Context, account: Account, job: Job, to_number: str, now: datetime) -> str | Denied:
    """The number from which `to_number` of the job's person is called at `now`: of the account's own, else of all.

    Denied with an alert where none may call the country of `to_number`, or all that may are resting.
    """
    country = country_of(to_number)
    if account.countries and country not in account.countries:
        return _denied_to(context, account, country, now)
    pool = _known_pool(context, pool_of(context, account.from_numbers))
    chosen = choose_caller(pool, person_id=job.person_id, country=country, now=now, zone=job.site.zone)
    if not isinstance(chosen, Denied):
        return chosen
    if chosen.code is Denial.NO_CALLER_NUMBER:
        return _denied_to(context, account, country, now, chosen.facts)
    words = f"account {account.id}: every caller number that may call {country or 'this number'} rests"
    raise_alert(context, "callers_resting", account.id, f"{words} until {chosen.next_at:%Y-%m-%d %H:%M} UTC", now)
    return replace(chosen, facts={**chosen.facts, "account": account.id})


def _known_pool(context: Context, numbers: Sequence[str]) -> Sequence[CallerNumber]:
    """The numbers with what is known of them, asked for before the first call: a refusal for the country would retire
    the telephone of a contact with whom nothing is wrong. As they are where Retell does not answer."""
    pool = callers.get_callers(context.store, numbers)
    if all(caller.is_listed is not None for caller in pool):
        return pool
    refresh_countries(context)
    return callers.get_callers(context.store, numbers)


def pool_of(context: Context, own: Iterable[str] = ()) -> tuple[str, ...]:
    """The numbers of an account that has `own` ones, else the general ones (RETELL_FROM_NUMBER); () for none."""
    numbers = tuple(dict.fromkeys(own))
    if numbers:
        return numbers
    try:
        return context.from_numbers
    except ConfigurationError:
        return ()


def country_of(number: str) -> str | None:
    """The country (ISO 3166 alpha-2) of an E.164 number; None where it has none, or is no number."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return None
    return region if region and region.isalpha() else None


def note_outcome(context: Context, attempt: Attempt, row: OutcomeRow, now: datetime) -> None:
    """Notes what a finished call says of its caller number, and lets that rest where a rule asks for it.

    Doing it again is harmless. An end that says nothing of the number (`config/catalogue/callers.toml`) is not noted.
    """
    if not says_of_the_caller(row):
        return
    failure = failure_of(row)
    result = CallResult(attempt_id=attempt.id, placed_at=attempt.placing_at, failure=failure)
    callers.note_result(context.store, attempt.from_number, result, keep=kept_results())
    if failure is None:
        return
    caller = callers.get_caller(context.store, attempt.from_number)
    rest = rest_after(caller, load_rest_rules(), now) if caller is not None else None
    if caller is None or rest is None:
        return
    words = f"caller number {caller.number} rests for {rest.rule.rest_minutes} minutes: {rest.why}"
    # The alert first: a death in between repeats both, the other way round it would leave the rest untold.
    raise_alert(context, "caller_rested", caller.number, words, now)
    if callers.rest(context.store, caller.number, rest.until, rest.why, by="rules", at=now, seen=caller):
        log.info("a caller number rests", action="rest_caller", caller=caller.number, rule=rest.rule.name)


def refresh_countries(context: Context) -> None:
    """Brings what Retell lets each number call up to date, at most once in REFRESH_EVERY over all processes.

    For the sweep, and for a number's first call: where Retell does not answer, what was known before goes on being
    used, and it is asked again soon.
    """
    now = context.clock()
    if not callers.claim_listing(context.store, now=now, every=REFRESH_EVERY):
        return
    try:
        ask_for_countries(context)
    except RetellError as error:
        callers.postpone_listing(context.store, until=now + ASKED_AGAIN_AFTER)
        log.warning("Retell did not list the caller numbers", action="refresh_countries", why=str(error))


def ask_for_countries(context: Context) -> None:
    """Asks Retell for the workspace's numbers and keeps which countries each of them may call.

    A number of a pool, or one known from before, that Retell does not list is not called from any more until it is
    listed again; where it is in a pool an alert says so. An answer that lists nothing at all is taken for a fault of
    the answer. Raises AccountRefused, RetellLater, RetellUnknown; then nothing was changed.
    """
    now = context.clock()
    listed = {number.number: number for number in context.retell.numbers() if number.number}
    for number in listed.values():
        callers.keep_countries(context.store, number.number, number.outbound_countries, now)
    in_use = pools(context).keys()
    if listed:
        known = {caller.number for caller in callers.list_callers(context.store)}
        callers.note_unlisted(context.store, sorted((known | in_use) - listed.keys()), now)
    for missing in sorted(in_use - listed.keys()):
        words = f"caller number {missing} is none of this Retell workspace: import it there, or take it out of the pool"
        raise_alert(context, "caller_unknown", missing, words, now)


def pools(context: Context) -> dict[str, list[str]]:
    """Every number of a pool with those who call from it: `*` for the general pool, else account ids, in order."""
    users: dict[str, list[str]] = {number: ["*"] for number in pool_of(context)}
    for account in list_accounts(context.store):
        for number in dict.fromkeys(account.from_numbers):
            users.setdefault(number, []).append(account.id)
    return users


def known_callers(context: Context) -> list[tuple[CallerNumber, list[str]]]:
    """Every number of a pool or known from before, with its users as in `pools`, by number."""
    users = pools(context)
    known = {caller.number: caller for caller in callers.list_callers(context.store)}
    numbers = sorted(known.keys() | users.keys())
    return [(known.get(number) or CallerNumber(number=number), users.get(number, [])) for number in numbers]


def rest_caller(context: Context, number: str, *, minutes: int, because: str, by: str) -> datetime:
    """Lets a number rest for `minutes` from now on; returns until when. Raises NotFound, UsageError."""
    if minutes < 1:
        raise UsageError(f"{minutes} is not a time to rest: 1 minute or more")
    _require(context, number)
    now = context.clock()
    until = now + timedelta(minutes=minutes)
    callers.rest(context.store, number, until, because, by=by, at=now)
    log.info("a caller number rests", action="rest_caller", caller=number, until=until.isoformat(), by=by)
    return until


def wake_caller(context: Context, number: str, *, by: str) -> bool:
    """Ends a number's rest now; False where it does not rest. Raises NotFound."""
    _require(context, number)
    return callers.wake(context.store, number, by=by, at=context.clock())


def _require(context: Context, number: str) -> None:
    if number not in pools(context) and callers.get_caller(context.store, number) is None:
        raise NotFound(f"{number} is not a caller number that is known: `speechai numbers list` shows them")


def _denied_to(
    context: Context, account: Account, country: str | None, now: datetime, facts: Mapping[str, Fact] = {}
) -> Denied:
    """No number of the account may call the country, or the account itself may not: for good, so somebody must know."""
    place = country or "a country that is not known"
    words = f"account {account.id}: none of its caller numbers may call {place}. Allow it at Retell, or add a number"
    if account.countries and country not in account.countries:
        words = f"account {account.id} may not call {place}: its countries are {', '.join(account.countries)}"
        facts = {"country": country} if country else {}
    raise_alert(context, "no_caller_number", f"{account.id}/{country or 'unknown'}", words, now)
    return Denied(code=Denial.NO_CALLER_NUMBER, facts={**facts, "account": account.id})
