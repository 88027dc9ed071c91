"""Opening an account and changing its settings: what an operator asks for is checked before anything is stored.

Enters names and values of `Account` fields; leaves the account as it is stored. Called by the `account` commands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog

from speechai.core.accounts import Account, Plan
from speechai.errors import UsageError
from speechai.operation.context import Context, allowed_policy
from speechai.store import account_changes, accounts, callers
from speechai.store.account_documents import NO_LIMIT

log = structlog.get_logger(__name__)

_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def create_account(context: Context, account_id: str, plan: Plan, changes: Mapping[str, Any]) -> Account:
    """A new account without money. Raises UsageError for a wrong setting, NotAllowed where the id is taken."""
    if not _ID.fullmatch(account_id):
        raise UsageError(f"{account_id!r} is no account's id: up to 40 of a-z, 0-9, - and _, a letter or digit first")
    account = Account(**{"id": account_id, "name": account_id, "plan": plan, **changes})
    _check(context, account)
    callers.postpone_listing(context.store, until=context.clock())  # its numbers may be new
    accounts.create_account(context.store, account, now=context.clock())
    log.info("an account was created", action="create_account", account_id=account_id, plan=plan)
    return accounts.require(context.store, account_id)


def change_account(context: Context, account_id: str, changes: Mapping[str, Any], *, by: str) -> Account:
    """The account with some settings replaced; a changed limit keeps counted what is live or spent.

    Raises UsageError for a wrong setting or none, NotFound, NotAllowed for a plan that counts in another unit.
    """
    account = accounts.require(context.store, account_id)
    if not changes:
        raise UsageError("say what to change, for example --concurrency 5; `speechai account set --help` shows all")
    _check(context, replace(account, **changes))
    if "from_numbers" in changes:  # what Retell lets a new one call is asked for before its first call
        callers.postpone_listing(context.store, until=context.clock())
    return account_changes.set_limits(context.store, account_id, changes, by=by, now=context.clock())


def _check(context: Context, account: Account) -> None:
    for name in ("day_budget", "concurrency", "calls_a_day"):
        limit = getattr(account, name)
        if limit is not None and not 0 <= limit < NO_LIMIT:
            raise UsageError(f"{name}={limit} is no limit: 0 or more, or none")
    if not 0 <= account.price_micros_per_minute <= 100_000_000:
        raise UsageError("the price of a minute is between US$ 0 and US$ 100")
    for number in account.from_numbers:
        if not _E164.fullmatch(number):
            raise UsageError(f"{number!r} is no caller number: E.164, for example +56223456789")
    for country in account.countries:
        if not _COUNTRY.fullmatch(country):
            raise UsageError(f"{country!r} is no country: two capital letters of ISO 3166, for example CL")
    policy = account.policy or context.settings.default_policy
    allowed_policy(context.settings, policy, account.policy_overrides, account.override_because)
