"""What every operation works with: settings, the store, Retell. Made once a process by `tasks` and by the command."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from config.settings import Settings
from speechai.catalogue.policies import Policy, resolve_policy
from speechai.core.accounts import Account
from speechai.core.after_call import Delays
from speechai.core.model import Batch
from speechai.core.provider import ProviderRules
from speechai.errors import ConfigurationError, UsageError
from speechai.retell.client import RetellClient
from speechai.store.connection import Store, get_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The outside world of one operation."""

    settings: Settings
    store: Store
    retell: RetellClient
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    """The instant, aware UTC. Operations ask it, since time passes while they wait for the provider."""
    sleep: Callable[[float], None] = time.sleep

    @property
    def delays(self) -> Delays:
        """The seed's delays after an attempt."""
        return Delays(
            other=timedelta(minutes=self.settings.retry_delay_minutes),
            no_answer=timedelta(minutes=self.settings.no_answer_retry_minutes),
            later=timedelta(seconds=self.settings.capacity_retry_seconds),
        )

    @property
    def provider_rules(self) -> ProviderRules:
        """When Retell as a whole is left alone, and how its rate recovers.

        A trial's worker was given its lease before the start: it sends within that or never, and a request ends
        within its two timeouts.
        """
        settings = self.settings
        timeouts = settings.retell_connect_timeout_seconds + settings.retell_read_timeout_seconds
        return ProviderRules(
            failures=settings.breaker_failures,
            rest=timedelta(seconds=settings.breaker_rest_seconds),
            longest_rest=timedelta(seconds=settings.breaker_longest_rest_seconds),
            trial=timedelta(seconds=settings.lease_seconds + timeouts),
            recovery=timedelta(seconds=settings.pace_recovery_seconds),
        )

    @property
    def from_numbers(self) -> tuple[str, ...]:
        """The caller numbers; a simulator's own where none is set. Raises ConfigurationError where there is none."""
        if self.settings.retell_from_number:
            return self.settings.retell_from_number
        if self.settings.retell_is_production:
            raise ConfigurationError("RETELL_FROM_NUMBER is not set: name the number, or numbers, that calls come from")
        from speechai.retell.simulator.config import DEFAULT_FROM_NUMBER  # brings a web server; real use never needs it

        return (DEFAULT_FROM_NUMBER,)

    @property
    def worker_id(self) -> str:
        """Who writes: host and process."""
        return f"{socket.gethostname()}:{os.getpid()}"


def open_context(settings: Settings) -> Context:
    """The context of this process. Raises ConfigurationError where an address or the key is missing."""
    return Context(settings=settings, store=get_store(settings), retell=_client(settings))


@lru_cache(maxsize=8)
def _client(settings: Settings) -> RetellClient:
    if settings.retell_api_key is not None:
        key = settings.retell_api_key.get_secret_value()
    elif settings.retell_is_production:
        raise ConfigurationError(
            "RETELL_API_KEY is not set: set it to call for real, or set RETELL_BASE_URL to a simulator "
            "(`make up` starts one)"
        )
    else:
        from speechai.retell.simulator.config import DEFAULT_API_KEY

        key = DEFAULT_API_KEY
    return RetellClient(
        base_url=settings.retell_base_url,
        api_key=key,
        connect_timeout_seconds=settings.retell_connect_timeout_seconds,
        read_timeout_seconds=settings.retell_read_timeout_seconds,
    )


def policy_for(context: Context, batch: Batch, account: Account | None) -> Policy:
    """The rules of a batch: its policy, with what the account and then the batch itself replace in it.

    Raises UsageError where the catalogue does not have it (any more), or this process may not dial under it.
    """
    overrides = {**(account.policy_overrides if account else {}), **batch.policy_overrides}
    because = batch.override_because or (account.override_because if account else None)
    return allowed_policy(context.settings, batch.policy, overrides, because)


def allowed_policy(
    settings: Settings, name: str, overrides: Mapping[str, Any] | None = None, because: str | None = None
) -> Policy:
    """The policy called `name` with `overrides`, as far as this process may dial under it.

    Raises UsageError for an unknown one, for overrides that are refused, and for the simulator's policies where calls
    would really ring.
    """
    policy = _resolved(name, json.dumps(overrides or {}, sort_keys=True), because)
    if policy.simulator_only and settings.retell_is_production:
        raise UsageError(
            f"the policy {name!r} is for a simulator and is refused against {settings.retell_base_url}: "
            "choose another with --policy"
        )
    return policy


@lru_cache(maxsize=256)
def _resolved(name: str, overrides: str, because: str | None) -> Policy:
    """Once a process for each spelling: every call asks for its policy, and the calendar remembers by the object."""
    return resolve_policy(name, json.loads(overrides), because)
